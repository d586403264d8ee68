//! A whole page: which rows, in which order, no product twice. Pages are files as plans are:
//!
//! ```toml
//! rows_max = 6
//!
//! [[rows]]
//! name = "because_you_viewed"
//! title = { es = "Porque viste {product}", en = "Because you viewed {product}" }
//! plan = "product"       # or `source = "trending"`: a row of that alone
//! about = "last_viewed"  # what the row is about: page, last_viewed, last_bought, top_category, free_shipping
//! items_min = 4          # a shorter row is left out
//! n = 12
//! fixed = true           # keeps its place; the others come after, those that suit the shopper best first
//!
//! [[contents]]           # banners, promotions or messages, above the rows of products
//! name = "banner"
//! title = { es = "", en = "" }
//! kind = "banner"
//! n = 1
//! ```

use std::{cell::OnceCell, collections::BTreeMap, sync::Arc};

use domain::{
    Currency, Filters, Money, ProductId, Query, RecommendationId, Slate, Source, content::ContentKind, time::DAY,
};
use features::affinity::affinity;
use serde::Deserialize;

use crate::{
    Plan, PlanError, Policy, Shopper, Snapshot,
    hydrate::{self, View},
    sources,
    trace::Trail,
    walk,
};

const BUILT_IN: [(&str, &str); 5] = [
    ("home", include_str!("../pages/home.toml")),
    ("product", include_str!("../pages/product.toml")),
    ("cart", include_str!("../pages/cart.toml")),
    ("checkout", include_str!("../pages/checkout.toml")),
    ("order-confirmation", include_str!("../pages/order-confirmation.toml")),
];
const ROWS_MAX: usize = 30;
/// Items of a row whose worth to the shopper decides its place.
const SEEN_FIRST: usize = 6;
/// Half life of what a shopper's categories are weighed with.
const AFFINITY_HALF_LIFE: i64 = 90 * DAY;
/// A product that fills up to free delivery costs at most so many times what is missing.
const FILLER_MAX: i64 = 3;

#[derive(Debug, Clone)]
pub struct Page {
    pub name: String,
    pub description: String,
    pub rows_max: usize,
    /// Banners, promotions and messages: they stand above the products.
    pub contents: Vec<ContentRow>,
    pub rows: Vec<Row>,
}

/// A place for contents.
#[derive(Debug, Clone)]
pub struct ContentRow {
    pub name: String,
    pub title: Title,
    pub kind: ContentKind,
    pub n: usize,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub name: String,
    pub title: Title,
    /// Of the row's own; else the one that is named.
    plan: RowPlan,
    about: Option<About>,
    items_min: usize,
    n: usize,
    fixed: bool,
    /// Offered together with the page's product, at the sum of their prices.
    pub bundle: bool,
}

#[derive(Debug, Clone)]
enum RowPlan {
    Named(String),
    Own(Arc<Plan>),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    pub es: String,
    pub en: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum About {
    /// What the page itself is about.
    Page,
    LastViewed,
    LastBought,
    /// The category that the shopper deals with most.
    TopCategory,
    /// What fills the cart up to free delivery.
    FreeShipping,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    description: String,
    rows_max: usize,
    rows: Vec<RowEntry>,
    #[serde(default)]
    contents: Vec<ContentEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentEntry {
    name: String,
    title: Title,
    kind: ContentKind,
    n: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowEntry {
    name: String,
    title: Title,
    plan: Option<String>,
    source: Option<Source>,
    about: Option<About>,
    #[serde(default = "items_min")]
    items_min: usize,
    #[serde(default = "n")]
    n: usize,
    #[serde(default)]
    fixed: bool,
    #[serde(default)]
    bundle: bool,
}

fn items_min() -> usize {
    3
}

fn n() -> usize {
    12
}

impl Page {
    /// Reads a page; `plans` are those that it may name.
    ///
    /// # Errors
    /// Says what is wrong, with line and column where the file itself is.
    pub fn parse(name: &str, text: &str, currency: Currency, plans: &crate::Plans) -> Result<Self, PlanError> {
        let refused = |detail: String| PlanError::new(format!("page {name:?}"), detail);
        let file: File = toml::from_str(text).map_err(|error| refused(error.to_string().trim_end().to_owned()))?;
        if file.rows.is_empty() || file.rows.len() > ROWS_MAX {
            return Err(refused(format!("wanted 1 to {ROWS_MAX} [[rows]], got {}", file.rows.len())));
        }
        let row = |entry: RowEntry| {
            let plan = match (entry.plan, entry.source) {
                (Some(plan), None) if plans.get(&plan).is_some() => RowPlan::Named(plan),
                (Some(plan), None) => return Err(refused(format!("row {:?}: there is no plan {plan:?}", entry.name))),
                (None, Some(source)) => RowPlan::Own(Arc::new(Plan::of_source(&entry.name, source, currency)?)),
                _ => return Err(refused(format!("row {:?}: wanted either `plan` or `source`", entry.name))),
            };
            if entry.n == 0 || entry.n > 100 || entry.items_min > entry.n {
                return Err(refused(format!("row {:?}: n must be 1 to 100 and items_min at most n", entry.name)));
            }
            let RowEntry { name, title, about, items_min, n, fixed, bundle, .. } = entry;
            Ok(Row { name, title, plan, about, items_min, n, fixed, bundle })
        };
        let rows = file.rows.into_iter().map(row).collect::<Result<_, _>>()?;
        let content = |entry: ContentEntry| match entry.n {
            1..=10 => {
                let ContentEntry { name, title, kind, n } = entry;
                Ok(ContentRow { name, title, kind, n })
            }
            n => Err(refused(format!("contents {:?}: n must be 1 to 10, got {n}", entry.name))),
        };
        let contents = file.contents.into_iter().map(content).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), description: file.description, rows_max: file.rows_max, contents, rows })
    }

    /// The pages that come with the program, with `own` before them.
    ///
    /// # Errors
    /// Of the first page that can't be read.
    pub(crate) fn all(
        own: &[(String, String)],
        currency: Currency,
        plans: &crate::Plans,
    ) -> Result<BTreeMap<String, Arc<Self>>, PlanError> {
        let own = own.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let read = |(name, text)| Ok((String::from(name), Arc::new(Self::parse(name, text, currency, plans)?)));
        BUILT_IN.into_iter().chain(own).map(read).collect()
    }
}

/// One row as it is shown.
pub struct RowSlate {
    pub name: String,
    pub title: Title,
    pub slate: Slate,
    pub trail: Trail,
    /// What the products cost together with the one that the page is about: now, and at list prices.
    pub bundle: Option<Bundle>,
}

pub struct Bundle {
    pub product_ids: Vec<ProductId>,
    pub price: Money,
    pub list_price: Money,
}

/// What a page needs beside what a slate does.
pub struct PageContext<'a> {
    pub page: &'a Page,
    pub policy: Policy<'a>,
    /// From this sum on the shop delivers free of charge.
    pub free_shipping_from: Option<Money>,
}

/// The rows of a page for this shopper; `query` says what the page is about, `query.n` is not asked.
pub fn page(
    snapshot: &Snapshot,
    shopper: &Shopper,
    query: &Query,
    context: &PageContext<'_>,
    mut id: impl FnMut() -> RecommendationId,
) -> Vec<RowSlate> {
    let mut shown: Vec<ProductId> = query.exclude.clone();
    // The shopper's model is asked once for all rows.
    let mut personal = OnceCell::new();
    let mut rows: Vec<(Option<f32>, RowSlate)> = Vec::new();
    for row in &context.page.rows {
        let Some((asked, title)) = row.ask(snapshot, shopper, query, context) else { continue };
        let asked = Query { exclude: shown.clone(), ..asked };
        let view = View { personal, ..hydrate::view(snapshot, shopper, &asked) };
        let plan = row.plan(snapshot);
        let (slate, trail) = walk::slate(snapshot, &view, &asked, Policy { plan: Some(plan), ..context.policy }, id());
        if slate.items.len() >= row.items_min {
            shown.extend(slate.items.iter().map(|item| item.product_id.clone()));
            let bundle = if row.bundle { bundle(snapshot, query, &slate) } else { None };
            let worth = (!row.fixed).then(|| worth(snapshot, &view, &slate));
            rows.push((worth, RowSlate { name: row.name.clone(), title, slate, trail, bundle }));
        }
        personal = view.personal;
    }
    // Fixed rows first, then those that are worth most. Stable: where there is nothing to go by, the file's order stays.
    rows.sort_by(|(left, _), (right, _)| match (left, right) {
        (Some(left), Some(right)) => right.total_cmp(left),
        (left, right) => left.is_some().cmp(&right.is_some()),
    });
    rows.into_iter().take(context.page.rows_max).map(|(_, row)| row).collect()
}

impl Row {
    fn plan<'a>(&'a self, snapshot: &'a Snapshot) -> &'a Plan {
        match &self.plan {
            RowPlan::Own(plan) => plan,
            RowPlan::Named(name) => snapshot.plans.get(name).expect("a page is checked against the plans beside it"),
        }
    }

    /// What the row asks, and its title; `None` where there is nothing that it could be about.
    fn ask(
        &self,
        snapshot: &Snapshot,
        shopper: &Shopper,
        query: &Query,
        context: &PageContext<'_>,
    ) -> Option<(Query, Title)> {
        let asked = Query { n: self.n, ..query.clone() };
        let history = || shopper.profile().into_iter().flat_map(|profile| profile.history());
        let about_product = |bought: bool| {
            let mut entries = history().filter(|entry| (entry.purchases() > 0) == bought);
            let entry = entries.find(|entry| snapshot.shelf.get(&entry.product_id).is_some())?;
            let name = snapshot.shelf.get(&entry.product_id)?.name.clone();
            let asked = Query { products: vec![entry.product_id.clone()], cart: Vec::new(), ..asked.clone() };
            Some((asked, self.title.with("{product}", &name)))
        };
        match self.about {
            None => Some((Query { products: Vec::new(), cart: Vec::new(), ..asked }, self.title.clone())),
            Some(About::Page) => {
                (!asked.products.is_empty() || !asked.cart.is_empty()).then(|| (asked, self.title.clone()))
            }
            Some(About::LastViewed) => about_product(false),
            Some(About::LastBought) => about_product(true),
            Some(About::TopCategory) => {
                let category = |id: &ProductId| snapshot.shelf.get(id)?.category().map(str::to_owned);
                let entries = shopper.profile()?.history();
                let (category, _) = affinity(entries, query.now, AFFINITY_HALF_LIFE, category).into_iter().next()?;
                let title = self.title.with("{category}", &category);
                let filters = Filters { categories: vec![category], ..asked.filters };
                Some((Query { products: Vec::new(), cart: Vec::new(), filters, ..asked }, title))
            }
            Some(About::FreeShipping) => {
                let from = context.free_shipping_from?;
                let prices = query.cart.iter().filter_map(|id| snapshot.shelf.get(id)?.price);
                let total: i64 = prices.filter(|price| price.currency == from.currency).map(|price| price.minor).sum();
                let missing = Money::new(from.minor - total, from.currency);
                if query.cart.is_empty() || missing.minor <= 0 {
                    return None;
                }
                let most = Money::new(missing.minor.saturating_mul(FILLER_MAX), from.currency);
                let filters = Filters { price_min: Some(missing), price_max: Some(most), ..asked.filters };
                Some((Query { filters, ..asked }, self.title.with("{amount}", &missing.to_string())))
            }
        }
    }
}

impl Title {
    fn with(&self, placeholder: &str, text: &str) -> Self {
        Self { es: self.es.replace(placeholder, text), en: self.en.replace(placeholder, text) }
    }
}

/// What the page's product costs together with those of the slate; `None` where a price is not known.
fn bundle(snapshot: &Snapshot, query: &Query, slate: &Slate) -> Option<Bundle> {
    let ids = query.products.iter().take(1).chain(slate.items.iter().map(|item| &item.product_id));
    let product_ids: Vec<ProductId> = ids.cloned().collect();
    let mut sums: Option<(Money, Money)> = None;
    for id in &product_ids {
        let product = snapshot.shelf.get(id)?;
        let price = product.price?;
        let list = product.list_price.filter(|list| list.currency == price.currency && list.minor > price.minor);
        let (now, before) = sums.unwrap_or((Money::new(0, price.currency), Money::new(0, price.currency)));
        if now.currency != price.currency {
            return None;
        }
        let add = |sum: Money, money: Money| Money::new(sum.minor.saturating_add(money.minor), sum.currency);
        sums = Some((add(now, price), add(before, list.unwrap_or(price))));
    }
    sums.map(|(price, list_price)| Bundle { product_ids, price, list_price })
}

/// How much the shopper's model makes of a row: the mean affinity of its first products. 0 where nothing is known of the shopper.
fn worth(snapshot: &Snapshot, view: &View<'_>, slate: &Slate) -> f32 {
    if view.personal().is_none() {
        return 0.0;
    }
    let first = slate.items.iter().take(SEEN_FIRST).filter_map(|item| snapshot.number(&item.product_id));
    sources::affinities(snapshot, view, &first.collect::<Vec<_>>()).into_iter().sum::<f32>() / SEEN_FIRST as f32
}
