//! How much a user goes by the price: do they deal with what is reduced, and with the cheap end of each shelf?
//!
//! ```text
//! s_i = ½ · reduced_i + ½ · (1 − level_i)         of whichever of the two is known
//! price_sensitivity = (Σ w_i s_i + k · m) / (Σ w_i + k)
//! ```
//!
//! over the products of the history, `w_i` being their liking ([`HistoryEntry::strength`]), so that a purchase counts more
//! than a glance; `reduced_i` is 1 when the product was a proven [deal](crate::deals) when the user last dealt with it, else
//! 0; `level_i` is its place among the prices of its category, 0 the cheapest and 1 the dearest. `m` is the same mean over
//! all users, which who shows little is shrunk to, as if they had `k` = [`PRIOR`] of average evidence.
//!
//! Nothing of it is folded: like [affinities](crate::affinity()) it reads the history beside the catalogue when asked.

use domain::{Money, Product, ProductId, Timestamp};
use rustc_hash::FxHashMap;

use crate::{history::HistoryEntry, price_index::PriceIndex};

/// Evidence that the shop's mean is worth: two purchases.
pub const PRIOR: f64 = 10.0;

/// Categories of fewer priced products have no cheap and no dear end.
const LEVEL_PRODUCTS_MIN: usize = 5;

/// What one user's history says; sums, so those of all users make the shop's mean.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Evidence {
    /// Σ w, and Σ w·s.
    weight: f64,
    sensitive: f64,
}

/// What a product's price was to who dealt with it; `None` where nobody knows.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct PriceCue {
    pub reduced: Option<bool>,
    /// 0 to 1.
    pub level: Option<f64>,
}

impl PriceCue {
    /// 0 to 1.
    fn sensitive(self) -> Option<f64> {
        let reduced = self.reduced.map(|reduced| f64::from(u8::from(reduced)));
        match (reduced, self.level.map(|level| 1.0 - level)) {
            (Some(reduced), Some(cheap)) => Some(0.5 * reduced + 0.5 * cheap),
            (reduced, cheap) => reduced.or(cheap),
        }
    }
}

impl Evidence {
    /// `cue`: of a product and the moment the user last dealt with it; [`cue_of`] asks index and levels.
    pub fn of(history: &[HistoryEntry], cue: impl Fn(&ProductId, Timestamp) -> PriceCue) -> Self {
        let mut sum = Self::default();
        for entry in history {
            let weight = entry.strength();
            if let Some(sensitive) = cue(&entry.product_id, entry.last_at).sensitive().filter(|_| weight > 0.0) {
                sum = sum.plus(Self { weight, sensitive: weight * sensitive });
            }
        }
        sum
    }

    pub fn plus(self, other: Self) -> Self {
        Self { weight: self.weight + other.weight, sensitive: self.sensitive + other.sensitive }
    }

    /// The `m` of who went into it; `None` without evidence.
    pub fn mean(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sensitive / self.weight)
    }
}

/// 0 (the price is nothing to them) to 1; `shop_mean` where nothing is known of the user.
pub fn price_sensitivity(user: Evidence, shop_mean: f64) -> f64 {
    (user.sensitive + PRIOR * shop_mean.clamp(0.0, 1.0)) / (user.weight + PRIOR)
}

/// What index and levels say of a product at a moment. Of a price history too short to prove anything, nothing.
pub fn cue_of(prices: &PriceIndex, levels: &PriceLevels, product: &ProductId, at: Timestamp) -> PriceCue {
    let known = |history: &crate::deals::PriceHistory| {
        history.view(at)?.usual?;
        Some(history.deal(at).is_some())
    };
    PriceCue { reduced: prices.history(product).and_then(known), level: levels.level(product) }
}

/// Where each product's price stands in its most special category.
#[derive(Clone, Debug, Default)]
pub struct PriceLevels(FxHashMap<ProductId, f32>);

impl PriceLevels {
    /// Of the catalogue as it is now. A level is the share of the category's products that are cheaper, and half of those
    /// that cost the same; prices in different currencies are no neighbours.
    pub fn of<'a>(products: impl IntoIterator<Item = &'a Product>) -> Self {
        let mut shelves: FxHashMap<_, Vec<(i64, &ProductId)>> = FxHashMap::default();
        for product in products {
            if let (Some(category), Some(Money { minor, currency })) = (product.category(), product.price) {
                shelves.entry((category, currency)).or_default().push((minor, &product.product_id));
            }
        }
        let mut levels = FxHashMap::default();
        for shelf in shelves.values_mut().filter(|shelf| shelf.len() >= LEVEL_PRODUCTS_MIN) {
            shelf.sort_unstable();
            let (mut cheaper, n) = (0, shelf.len() as f64);
            for same in shelf.chunk_by(|left, right| left.0 == right.0) {
                let level = (cheaper as f64 + 0.5 * same.len() as f64) / n;
                levels.extend(same.iter().map(|(_, id)| ((*id).clone(), level as f32)));
                cheaper += same.len();
            }
        }
        Self(levels)
    }

    /// 0 (cheapest) to 1; `None` without a price, or with too few neighbours.
    pub fn level(&self, product: &ProductId) -> Option<f64> {
        self.0.get(product).map(|level| f64::from(*level))
    }
}
