//! What a scorer may know of a shopper and a product: the one table of names, for training outside and for serving here.
//!
//! A name says whose quality it is: `user.*`, `product.*` (both alone), `pair.*` (the two together). Two families take an
//! argument: `product.category:NAME` and `product.brand:NAME` are flags. A value that nobody can know yet is missing
//! (`None`), never a made-up zero; counts of nothing are 0. Scores of models, `score.NAME`, are for whoever has models.
//!
//! All values are those of [`Profile`] and of the [catalogue's product](Product) at the moment `now`: folded online, so
//! the same call over a profile that was folded up to an event gives what was known before it.

use domain::{InteractionType, Product, ProductId, Timestamp, time::DAY};
use rustc_hash::FxHashMap;

use crate::{HistoryEntry, Profile, affinity::affinity};

/// Half life of the history behind the shares of categories and brands.
const AFFINITY_HALF_LIFE: i64 = 90 * DAY;

/// A named number about a shopper and a product.
pub struct Feature {
    pub name: &'static str,
    pub unit: &'static str,
    pub about: &'static str,
    /// Between what it lies in any shop; a model must stay finite on both ends.
    pub range: [f32; 2],
    value: fn(&Shopper<'_>, &Candidate<'_>) -> Option<f64>,
}

/// The families `NAME:ARGUMENT`, with what the argument is.
pub const FAMILIES: [(&str, &str); 2] =
    [(CATEGORY, "1 if the category is on the product's path"), (BRAND, "1 if the product is of the brand")];
const CATEGORY: &str = "product.category";
const BRAND: &str = "product.brand";

const COUNT: [f32; 2] = [0.0, 1e6];
const DAYS: [f32; 2] = [0.0, 20_000.0];
const SHARE: [f32; 2] = [0.0, 1.0];
const AMOUNT: [f32; 2] = [0.0, 1e8];

macro_rules! features {
    ($($name:literal $unit:literal $range:expr, $about:literal, $value:expr;)*) => {
        /// Every feature without an argument.
        pub const ALL: &[Feature] =
            &[$(Feature { name: $name, unit: $unit, about: $about, range: $range, value: $value },)*];
    };
}

features! {
    "user.n_interactions" "count" COUNT, "times the user touched a product",
        |u, _| u.count(Profile::n_interactions);
    "user.n_views" "count" COUNT, "product pages the user opened",
        |u, _| u.count(|p| p.interaction_count(InteractionType::View).into());
    "user.n_carts" "count" COUNT, "times the user put a product into the cart",
        |u, _| u.count(|p| p.interaction_count(InteractionType::Cart).into());
    "user.n_orders" "count" COUNT, "completed orders of which the user kept something",
        |u, _| u.count(|p| p.total_purchases_user().into());
    "user.order_value" "currency" AMOUNT, "mean goods value of an order, in the currency of the product's price",
        |u, c| u.order_value(c);
    "user.days_known" "days" DAYS, "since the user's first event",
        |u, _| u.days_since(u.profile?.first_seen());
    "user.days_since_seen" "days" DAYS, "since the user's newest event",
        |u, _| u.days_since(u.profile?.last_seen());
    "user.days_since_order" "days" DAYS, "since the user's newest order",
        |u, _| u.days_since(u.profile?.last_purchase_at());
    "user.seconds_on_products" "seconds" [0.0, 1e8], "time spent on products, as far as pages report it",
        |u, _| Some(u.profile.map_or(0.0, |p| p.interaction_duration_ms() as f64 / 1e3));
    "product.price" "currency" AMOUNT, "price",
        |_, c| c.product?.price.map(major);
    "product.discount" "share" SHARE, "how far the price is below the list price; 0 without one",
        |_, c| c.discount();
    "product.age_days" "days" DAYS, "since the shop first listed it",
        |u, c| u.days_since(c.product?.listed_at);
    "product.stock" "count" COUNT, "units on hand, where the shop says",
        |_, c| c.product?.stock.map(f64::from);
    "product.is_available" "flag" SHARE, "1 if it can be bought now",
        |_, c| c.product.map(|p| f64::from(u8::from(p.is_available())));
    "pair.n" "count" COUNT, "interactions of the user that speak for the product, after take-backs",
        |u, c| u.entry(c, |e| e.n().into());
    "pair.n_views" "count" COUNT, "times the user opened the product's page",
        |u, c| u.entry(c, |e| e.counts.of(InteractionType::View).into());
    "pair.n_carts" "count" COUNT, "times the user put the product into the cart",
        |u, c| u.entry(c, |e| e.counts.of(InteractionType::Cart).into());
    "pair.n_purchases" "count" COUNT, "times the user bought and kept the product",
        |u, c| u.entry(c, |e| e.purchases().into());
    "pair.strength" "liking" [0.0, 1e3], "how strongly the user likes the product, from its interactions",
        |u, c| u.entry(c, HistoryEntry::strength);
    "pair.stars" "stars" [0.0, 5.0], "the user's latest rating of the product",
        |u, c| Some(u.history.get(c.product_id)?.rated?.stars.into());
    "pair.days_since_touch" "days" DAYS, "since the user's newest interaction with the product",
        |u, c| u.days_since(Some(u.history.get(c.product_id)?.last_at));
    "pair.category_share" "share" SHARE, "share of the product's category in the user's history",
        |u, c| share(&u.categories, c.product?.category()?);
    "pair.brand_share" "share" SHARE, "share of the product's brand in the user's history",
        |u, c| share(&u.brands, c.product?.brand.as_deref()?);
    "pair.price_distance" "deviations" [-100.0, 100.0], "price beside those the user looks at, by their spread",
        |u, c| u.price_distance(c);
}

fn share(shares: &FxHashMap<String, f64>, of: &str) -> Option<f64> {
    Some(shares.get(of).copied().unwrap_or(0.0))
}

/// Minor units as the amount that people read.
fn major(money: domain::Money) -> f64 {
    money.minor as f64 / 10_f64.powi(money.currency.digits() as i32)
}

/// What is known of who asks, looked up once for all candidates.
pub struct Shopper<'a> {
    profile: Option<&'a Profile>,
    now: Timestamp,
    history: FxHashMap<&'a ProductId, &'a HistoryEntry>,
    categories: FxHashMap<String, f64>,
    brands: FxHashMap<String, f64>,
}

/// A product that may be shown; `product` is its entry in the catalogue, where there is one.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    pub product_id: &'a ProductId,
    pub product: Option<&'a Product>,
}

impl<'a> Shopper<'a> {
    pub fn new<'p>(
        profile: Option<&'a Profile>,
        now: Timestamp,
        product: impl Fn(&ProductId) -> Option<&'p Product>,
    ) -> Self {
        let entries = profile.map_or(&[][..], Profile::history);
        let shares = |quality: &dyn Fn(&Product) -> Option<String>| {
            affinity(entries, now, AFFINITY_HALF_LIFE, |id| product(id).and_then(quality)).into_iter().collect()
        };
        Self {
            profile,
            now,
            history: entries.iter().map(|entry| (&entry.product_id, entry)).collect(),
            categories: shares(&|product| product.category().map(str::to_owned)),
            brands: shares(&|product| product.brand.clone()),
        }
    }

    fn count(&self, of: impl Fn(&Profile) -> u64) -> Option<f64> {
        Some(self.profile.map_or(0.0, |profile| of(profile) as f64))
    }

    fn entry(&self, candidate: &Candidate<'_>, of: impl Fn(&HistoryEntry) -> f64) -> Option<f64> {
        Some(self.history.get(candidate.product_id).map_or(0.0, |entry| of(entry)))
    }

    fn days_since(&self, at: Option<Timestamp>) -> Option<f64> {
        Some(self.now.days_since(at?).max(0.0))
    }

    fn order_value(&self, candidate: &Candidate<'_>) -> Option<f64> {
        let currency = candidate.product?.price?.currency;
        let minor = self.profile?.avg_purchase_value_user(currency)?;
        Some(minor / 10_f64.powi(currency.digits() as i32))
    }

    fn price_distance(&self, candidate: &Candidate<'_>) -> Option<f64> {
        let price = candidate.product?.price?;
        let band = self.profile?.price_band(price.currency)?;
        Some(band.distance(price.minor).clamp(-100.0, 100.0))
    }
}

impl Candidate<'_> {
    fn discount(&self) -> Option<f64> {
        let (price, list) = (self.product?.price?, self.product?.list_price);
        let Some(list) = list.filter(|list| list.currency == price.currency && list.minor > 0) else {
            return Some(0.0);
        };
        Some((1.0 - price.minor as f64 / list.minor as f64).clamp(0.0, 1.0))
    }
}

/// A feature by its name, its argument included.
pub enum Asked {
    Of(&'static Feature),
    Category(String),
    Brand(String),
}

impl Asked {
    /// `None` when the table has no such name.
    pub fn parse(name: &str) -> Option<Self> {
        match name.split_once(':') {
            Some((CATEGORY, category)) if !category.is_empty() => Some(Self::Category(category.to_owned())),
            Some((BRAND, brand)) if !brand.is_empty() => Some(Self::Brand(brand.to_owned())),
            _ => ALL.iter().find(|feature| feature.name == name).map(Self::Of),
        }
    }

    pub fn range(&self) -> [f32; 2] {
        match self {
            Self::Of(feature) => feature.range,
            Self::Category(_) | Self::Brand(_) => SHARE,
        }
    }

    /// `None` where nobody can know yet.
    pub fn value(&self, shopper: &Shopper<'_>, candidate: &Candidate<'_>) -> Option<f64> {
        let flag = |holds: bool| Some(f64::from(u8::from(holds)));
        match self {
            Self::Of(feature) => (feature.value)(shopper, candidate),
            Self::Category(name) => flag(candidate.product?.categories.contains(name)),
            Self::Brand(name) => flag(candidate.product?.brand.as_ref() == Some(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Currency, Money};

    use super::*;

    fn value(name: &str, shopper: &Shopper<'_>, candidate: &Candidate<'_>) -> Option<f64> {
        Asked::parse(name).unwrap_or_else(|| panic!("{name} is in the table")).value(shopper, candidate)
    }

    #[test]
    fn what_nobody_can_know_is_missing_and_counts_of_nothing_are_zero() {
        let id = ProductId::new("a").unwrap();
        let now = Timestamp::from_seconds(1_785_000_000);
        let nobody = Shopper::new(None, now, |_| None);
        let unlisted = Candidate { product_id: &id, product: None };
        for feature in ALL {
            let got = value(feature.name, &nobody, &unlisted);
            let is_zero = feature.name.contains(".n")
                || feature.name == "user.seconds_on_products"
                || feature.name == "pair.strength";
            assert_eq!(got, is_zero.then_some(0.0), "{}", feature.name);
        }
        assert!(Asked::parse("product.category:").is_none() && Asked::parse("product.prize").is_none());
    }

    #[test]
    fn prices_read_as_people_read_them() {
        let id = ProductId::new("a").unwrap();
        let mut product = Product::new(id.clone(), "Taza");
        product.price = Some(Money::new(7_500, Currency::PEN));
        product.list_price = Some(Money::new(10_000, Currency::PEN));
        product.categories = vec!["Hogar".into(), "Tazas".into()];
        let now = Timestamp::from_seconds(1_785_000_000);
        product.listed_at = Some(Timestamp::from_seconds(now.seconds() - 3 * 86_400));
        let nobody = Shopper::new(None, now, |_| None);
        let candidate = Candidate { product_id: &id, product: Some(&product) };
        let wanted = [
            ("product.price", 75.0),
            ("product.discount", 0.25),
            ("product.age_days", 3.0),
            ("product.is_available", 1.0),
            ("product.category:Hogar", 1.0),
            ("product.category:Zapatos", 0.0),
            ("product.brand:Inca", 0.0),
            ("pair.category_share", 0.0),
        ];
        for (name, wanted) in wanted {
            assert_eq!(value(name, &nobody, &candidate), Some(wanted), "{name}");
        }
    }
}
