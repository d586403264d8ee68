//! What runs out, and when: the usual interval between two purchases of a product, and how due a user's next one is.
//!
//! Times between repeat purchases of a product are about log-normal (Bhagat et al., *Buy It Again: Modeling Repeat Purchase
//! Recommendations*, KDD 2018: the aggregate time distribution). So intervals are averaged as logarithms, and who has few is
//! shrunk to who has many:
//!
//! ```text
//! m_c = (n_c · median_c + 5 · median_all) / (n_c + 5)          category c, of n_c repeats
//! m_i = (n_i · median_i + 5 · m_c) / (n_i + 5)                 product i
//! m_u = (n_u · median_u + 3 · m_i) / (n_u + 3)                 user u's own repeats of i
//! due = exp(−(ln(days since the last purchase) − m_u)² / 2σ²)
//! ```
//!
//! with medians of ln(days). `due` is the log-normal density in log time as a share of its peak: 0 just after the purchase, 1
//! at the usual interval, falling again for what seems to be given up. Its σ is that of all repeats about their product's
//! median.
//!
//! It says when, not whether: a thing bought once is as due as one bought weekly. Of what households of a grocery bought again
//! in four weeks, the ten most due of each held 6.5 %, the ten most often bought 16.5 %, and (1 + due half way through those
//! weeks) · times bought 16.6 %. So rank by how often, or by `models`' buy-again, and use this to say and to time it
//! (`cargo run --release -p collect --example replenishment -- DATA/completejourney`).
//!
//! Only completed repeats are seen, and of each user the newest [`PURCHASE_DAYS_MAX`](crate::purchase_days::PURCHASE_DAYS_MAX)
//! days, so a young shop finds its intervals shorter than they are.

use std::collections::BTreeMap;

use domain::{ProductId, Timestamp};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::{
    history::HistoryEntry,
    purchase_days::{PURCHASE_DAYS_MAX, PurchaseDays},
};

/// Days within which a consumable is bought again.
pub const AGAIN_DAYS: i32 = 90;
/// Share of buyers who must do so.
pub const CONSUMABLE_SHARE: f64 = 0.2;

/// Repeats, or buyers, that category and shop count beside a product's own.
const PRIOR: f64 = 5.0;
/// Repeats that the product counts beside a user's own.
const OWN_PRIOR: f64 = 3.0;
/// σ where there are no repeats to learn it from, and the bounds of what is believed.
const SPREAD: f64 = 0.8;
const SPREAD_RANGE: (f64, f64) = (0.3, 1.5);

/// How a product is bought again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rhythm {
    /// The usual interval; a product without repeats of its own has its category's.
    pub days: f64,
    /// σ of ln(days).
    pub spread: f64,
    /// Repeat purchases of the product itself behind `days`.
    pub n_repeats: u32,
    /// Of its buyers, who bought it again within [`AGAIN_DAYS`]; shrunk like `days`.
    pub again_share: f64,
}

impl Rhythm {
    /// Do enough people buy it again to remind others of it? Else it is a durable.
    pub fn is_consumable(&self) -> bool {
        self.again_share >= CONSUMABLE_SHARE
    }
}

/// How due the user's next purchase is at `now`, 0 to 1; 0 for what was never bought, or all given back.
pub fn due(entry: &HistoryEntry, rhythm: &Rhythm, now: Timestamp) -> f64 {
    let Some(last) = entry.bought_on.days().first().filter(|_| entry.purchases() > 0) else { return 0.0 };
    let days = f64::from(now.utc_day() - last);
    if days <= 0.0 {
        return 0.0;
    }
    let mut own = logs(&entry.bought_on);
    let usual = shrink(own.len(), median(&mut own), OWN_PRIOR, rhythm.days.ln());
    let z = (days.ln() - usual) / rhythm.spread;
    (-0.5 * z * z).exp()
}

/// Everybody's rhythms: an artifact of training, or learned anew from the profiles.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Replenishment {
    products: BTreeMap<ProductId, Habit>,
    categories: BTreeMap<String, Habit>,
    all: Habit,
    spread: f64,
}

/// What was counted of a product, a category or the shop; nothing in it is shrunk.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Habit {
    n_repeats: u32,
    /// Of ln(days); 0 without repeats.
    median: f64,
    /// Whose first purchase is [`AGAIN_DAYS`] old, …
    n_buyers: u32,
    /// … and who of them bought again within those days.
    n_again: u32,
}

impl Replenishment {
    /// From users' histories, in any order. `category` is looked up once a product; without one the shop's rhythm is all
    /// there is to fall back to.
    pub fn learn<'a>(
        users: impl IntoIterator<Item = &'a [HistoryEntry]>,
        now: Timestamp,
        category: impl Fn(&ProductId) -> Option<String>,
    ) -> Self {
        let mut products: FxHashMap<&ProductId, Seen> = FxHashMap::default();
        for entry in users.into_iter().flatten().filter(|entry| !entry.bought_on.is_empty()) {
            products.entry(&entry.product_id).or_default().add(&entry.bought_on, now);
        }
        // By id, so that sums of floats don't depend on the order of users.
        let products: BTreeMap<_, _> = products.into_iter().collect();
        let (mut categories, mut all, mut table) = (BTreeMap::<_, Seen>::new(), Seen::default(), Self::default());
        let (mut squares, mut n_squares) = (0.0, 0usize);
        for (id, mut seen) in products {
            if let Some(category) = category(id) {
                categories.entry(category).or_default().merge(&seen);
            }
            all.merge(&seen);
            let habit = seen.habit();
            if habit.n_repeats > 1 {
                squares += seen.logs.iter().map(|log| (log - habit.median).powi(2)).sum::<f64>();
                n_squares += seen.logs.len();
            }
            table.products.insert(id.clone(), habit);
        }
        table.categories = categories.into_iter().map(|(name, mut seen)| (name, seen.habit())).collect();
        table.all = all.habit();
        let (least, most) = SPREAD_RANGE;
        table.spread = if n_squares > 0 { (squares / n_squares as f64).sqrt().clamp(least, most) } else { SPREAD };
        table
    }

    /// `None` when nobody in the shop bought anything again.
    pub fn rhythm(&self, product: &ProductId, category: Option<&str>) -> Option<Rhythm> {
        if self.all.n_repeats == 0 {
            return None;
        }
        let none = Habit::default();
        let own = self.products.get(product).unwrap_or(&none);
        let shelf = category.and_then(|name| self.categories.get(name)).unwrap_or(&none);
        let log_days = shelf.log_days(self.all.median);
        let again = shelf.again_share(self.all.again_share(0.0));
        Some(Rhythm {
            days: own.log_days(log_days).exp(),
            spread: self.spread,
            n_repeats: own.n_repeats,
            again_share: own.again_share(again),
        })
    }

    /// How due a user's next purchase of what they bought is; 0 for durables.
    pub fn due(&self, entry: &HistoryEntry, category: Option<&str>, now: Timestamp) -> f64 {
        let rhythm = self.rhythm(&entry.product_id, category).filter(Rhythm::is_consumable);
        rhythm.map_or(0.0, |rhythm| due(entry, &rhythm, now))
    }

    /// Products somebody bought.
    pub fn len(&self) -> usize {
        self.products.len()
    }

    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }
}

impl Habit {
    fn log_days(&self, prior: f64) -> f64 {
        shrink(self.n_repeats as usize, self.median, PRIOR, prior)
    }

    fn again_share(&self, prior: f64) -> f64 {
        let share = if self.n_buyers > 0 { f64::from(self.n_again) / f64::from(self.n_buyers) } else { 0.0 };
        shrink(self.n_buyers as usize, share, PRIOR, prior)
    }
}

/// Intervals and buyers while they are gathered.
#[derive(Default)]
struct Seen {
    logs: Vec<f64>,
    n_buyers: u32,
    n_again: u32,
}

impl Seen {
    /// One user's purchases of one product.
    fn add(&mut self, bought_on: &PurchaseDays, now: Timestamp) {
        self.logs.extend(logs(bought_on));
        let days = bought_on.days();
        let (Some(first), n) = (days.last(), days.len()) else { return };
        // Of who fills the memory the first purchase is forgotten, but not that there was one.
        if now.utc_day() - first >= AGAIN_DAYS || n == PURCHASE_DAYS_MAX {
            self.n_buyers += 1;
            self.n_again += u32::from(n > 1 && days[n - 2] - first <= AGAIN_DAYS);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.logs.extend(&other.logs);
        self.n_buyers += other.n_buyers;
        self.n_again += other.n_again;
    }

    /// Sorts the logarithms.
    fn habit(&mut self) -> Habit {
        let median = median(&mut self.logs);
        Habit { n_repeats: self.logs.len() as u32, median, n_buyers: self.n_buyers, n_again: self.n_again }
    }
}

fn logs(bought_on: &PurchaseDays) -> Vec<f64> {
    bought_on.intervals().map(|days| f64::from(days).ln()).collect()
}

/// Of an even number the mean of the two in the middle; 0 of none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n.is_multiple_of(2) => 0.5 * (values[n / 2 - 1] + values[n / 2]),
        n => values[n / 2],
    }
}

/// The mean of `n` of the one and `weight` of the other.
fn shrink(n: usize, value: f64, weight: f64, prior: f64) -> f64 {
    (n as f64 * value + weight * prior) / (n as f64 + weight)
}
