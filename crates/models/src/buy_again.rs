//! How soon a shopper buys a product again, by how often and how long ago they bought it.
//!
//! The BG/NBD model of Fader, Hardie, Lee, *"Counting Your Customers" the Easy Way* (Marketing Science 2005), asked of a
//! shopper and a product instead of a customer and a shop, as Bhagat et al., *Buy It Again* (KDD 2018) do with the
//! Poisson-Gamma model: purchases come at a rate of their own, drawn from a gamma distribution, until the shopper drops the
//! product. With x repeats over `t_x` days from the first purchase to the last, and T days from the first to now:
//!
//! ```text
//! r_i     = shape · mean repeats of i / mean repeats of all
//! P(kept) = 1 / (1 + dropout / x · ((scale + T) / (scale + t_x))^(r_i + x))        1 without repeats
//! score_i = 28 · P(kept) · (r_i + x) / (scale + T)
//! ```
//!
//! so that a score is the number of purchases to expect in four weeks. Purchases of a day count once. A product never
//! bought gets the share of shoppers who begin with it in four weeks, times `discovery`.

use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::{Contribution, Error, FitContext, History, Interactions, Model, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "buy-again";
pub const ABOUT: &str = "what a shopper is about to buy again, by how often and how long ago";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::number(
        "shape",
        0.1,
        0.001,
        100.0,
        "repeats that a product of average repeats is believed to have seen",
    )
    .search(Range::Log(0.03, 2.0)),
    OptionSpec::number("scale_days", 60.0, 0.1, 10_000.0, "days in which it has seen them")
        .search(Range::Log(10.0, 365.0)),
    OptionSpec::number("dropout", 0.5, 0.0, 100.0, "how readily a product is dropped after a repeat; 0 for never")
        .search(Range::Log(0.03, 3.0)),
    OptionSpec::number("discovery", 0.1, 0.0, 100.0, "what a product never bought counts, by how many begin with it")
        .search(Range::Log(0.001, 1.0)),
    OptionSpec::number(
        "purchase_weight",
        0.0,
        0.0,
        1e30,
        "events that weigh less are no purchases; 0 for the heaviest of the training data",
    ),
];

/// Days that a score looks ahead.
const HORIZON: f64 = 28.0;
/// Shoppers of average repeats that a product's own mean is shrunk by.
const SHRINKAGE: f64 = 5.0;

pub struct BuyAgain {
    options: Options,
    scale: f64,
    dropout: f64,
    purchase_weight: f32,
    /// `r`, by product.
    shapes: Vec<f32>,
    /// What it scores for who never bought it.
    discoveries: Vec<f32>,
}

/// What a shopper did about a product.
struct Purchases {
    item: u32,
    /// Days with a purchase.
    n: usize,
    first_day: i64,
    last_day: i64,
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<BuyAgain> {
    let purchase_weight = purchase_weight(data.interactions, options);
    let n_items = data.interactions.n_items();
    let (mut n_users, mut n_purchases) = (vec![0.0f64; n_items], vec![0.0f64; n_items]);
    for row in data.interactions.rows() {
        let events = (0..row.items.len()).map(|p| (row.items[p], row.weights[p], row.timestamps[p]));
        for bought in purchases(events, n_items, purchase_weight) {
            n_users[bought.item as usize] += 1.0;
            n_purchases[bought.item as usize] += bought.n as f64;
        }
    }
    context.step(NAME, 1, 1)?;
    Ok(BuyAgain {
        options: options.clone(),
        scale: options.number("scale_days"),
        dropout: options.number("dropout"),
        purchase_weight,
        shapes: shapes(&n_users, &n_purchases, options.number("shape")),
        discoveries: discoveries(data.interactions, &n_users, options.number("discovery")),
    })
}

fn purchase_weight(interactions: &Interactions, options: &Options) -> f32 {
    match options.number("purchase_weight") as f32 {
        0.0 => interactions.rows().flat_map(|row| row.weights).copied().fold(0.0, f32::max),
        given => given,
    }
}

/// `shape · (repeats + s · mean) / (users + s) / mean`, `s` being the [`SHRINKAGE`]; `shape` where nobody repeats anything.
fn shapes(n_users: &[f64], n_purchases: &[f64], shape: f64) -> Vec<f32> {
    let n_repeats: f64 = n_purchases.iter().sum::<f64>() - n_users.iter().sum::<f64>();
    let mean = n_repeats / n_users.iter().sum::<f64>().max(1.0);
    let of_item = |(users, purchases): (&f64, &f64)| {
        if mean > 0.0 { shape * ((purchases - users) / mean + SHRINKAGE) / (users + SHRINKAGE) } else { shape }
    };
    n_users.iter().zip(n_purchases).map(|pair| of_item(pair) as f32).collect()
}

/// `discovery · users of i / users`, of [`HORIZON`] where the data goes over a longer time.
fn discoveries(interactions: &Interactions, n_users: &[f64], discovery: f64) -> Vec<f32> {
    let oldest = interactions.rows().filter_map(|row| row.timestamps.first()).copied().min().unwrap_or(0);
    let days = (day(interactions.newest_timestamp()) - day(oldest)) as f64;
    let share = discovery * HORIZON / days.max(HORIZON) / interactions.n_users().max(1) as f64;
    n_users.iter().map(|users| (users * share) as f32).collect()
}

fn day(timestamp: i64) -> i64 {
    timestamp.div_euclid(86_400)
}

/// The purchases among `(item, weight, timestamp)`, product by product.
fn purchases(events: impl Iterator<Item = (u32, f32, i64)>, n_items: usize, weight_min: f32) -> Vec<Purchases> {
    let is_purchase = |&(item, weight, _): &(u32, f32, i64)| (item as usize) < n_items && weight >= weight_min;
    let mut days: Vec<(u32, i64)> = events.filter(is_purchase).map(|(item, _, at)| (item, day(at))).collect();
    days.sort_unstable();
    days.dedup();
    let of_item = |days: &[(u32, i64)]| Purchases {
        item: days[0].0,
        n: days.len(),
        first_day: days[0].1,
        last_day: days[days.len() - 1].1,
    };
    days.chunk_by(|a, b| a.0 == b.0).map(of_item).collect()
}

impl BuyAgain {
    fn purchases(&self, history: &History<'_>) -> Vec<Purchases> {
        let events = history.items.iter().map(|h| (h.item, h.weight, h.timestamp));
        purchases(events, self.n_items(), self.purchase_weight)
    }

    /// Purchases to expect within the [`HORIZON`].
    fn expected(&self, bought: &Purchases, now: i64) -> f32 {
        let days = |last: i64| (last - bought.first_day).max(0) as f64;
        let (n_repeats, seen) = ((bought.n - 1) as f64, days(day(now)).max(days(bought.last_day)));
        let events = f64::from(self.shapes[bought.item as usize]) + n_repeats;
        let dropped = if n_repeats > 0.0 {
            self.dropout / n_repeats * ((self.scale + seen) / (self.scale + days(bought.last_day))).powf(events)
        } else {
            0.0
        };
        (HORIZON * events / (self.scale + seen) / (1.0 + dropped)) as f32
    }
}

impl Model for BuyAgain {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.shapes.len()
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        scores.copy_from_slice(&self.discoveries);
        for bought in self.purchases(history) {
            scores[bought.item as usize] = self.expected(&bought, history.now);
        }
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        let Some(&discovery) = self.discoveries.get(item as usize) else { return Vec::new() };
        let own = self.purchases(history).into_iter().find(|bought| bought.item == item);
        let (item, value) = match own {
            Some(bought) => (Some(item), self.expected(&bought, history.now)),
            None => (None, discovery),
        };
        by_size(vec![Contribution { model: NAME, item, value }])
    }

    fn tensors(&self) -> Tensors {
        let n = self.n_items();
        Tensors::new(NAME, self.options.clone())
            .with_f32("purchase_weight", &[1], vec![self.purchase_weight])
            .with_f32("shapes", &[n], self.shapes.clone())
            .with_f32("discoveries", &[n], self.discoveries.clone())
    }
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<BuyAgain> {
    let (_, purchase_weight) = tensors.f32("purchase_weight", 1)?;
    let (_, shapes) = tensors.f32("shapes", 1)?;
    let (_, discoveries) = tensors.f32("discoveries", 1)?;
    let sound = |values: &[f32]| values.iter().all(|v| v.is_finite() && *v >= 0.0);
    let &[purchase_weight] = purchase_weight else {
        return Err(Error::Artifact(format!("{NAME}: got {} purchase weights, wanted 1", purchase_weight.len())));
    };
    if shapes.len() != discoveries.len() || !(sound(shapes) && sound(discoveries)) {
        return Err(Error::Artifact(format!("{NAME}: `shapes` and `discoveries` do not fit together")));
    }
    Ok(BuyAgain {
        options: options.clone(),
        scale: options.number("scale_days"),
        dropout: options.number("dropout"),
        purchase_weight,
        shapes: shapes.to_vec(),
        discoveries: discoveries.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HistoryItem, Interaction, catalogue};

    fn scores(log: &[(u32, u32, f32, i64)], history: &[(u32, f32, i64)], now: i64) -> Vec<f32> {
        let cell = |&(user, item, weight, day): &(u32, u32, f32, i64)| Interaction {
            user,
            item,
            weight,
            timestamp: day * 86_400,
        };
        let log = Interactions::new(2, 3, &log.iter().map(cell).collect::<Vec<_>>()).unwrap();
        let options = [("shape", "0.5"), ("scale_days", "10"), ("dropout", "0.3"), ("discovery", "1")];
        let model = catalogue::fit(NAME, &options, &TrainingData::new(&log), &FitContext::quiet(0)).unwrap();
        let event = |&(item, weight, day): &(u32, f32, i64)| HistoryItem { item, weight, timestamp: day * 86_400 };
        let history: Vec<HistoryItem> = history.iter().map(event).collect();
        let mut scores = vec![f32::NAN; 3];
        model.score(&History { items: &history, now: now * 86_400 }, &mut scores);
        scores
    }

    #[test]
    fn expected_purchases_by_hand() {
        // Two users of 0 and 1, three purchases of 0 by the first, on two days: repeats 1, 0, 0, their mean 1/3.
        let log = [(0, 0, 5.0, 0), (0, 0, 5.0, 0), (0, 0, 5.0, 9), (1, 0, 5.0, 56), (1, 1, 5.0, 56), (0, 1, 1.0, 0)];
        let shape = |repeats: f32, users: f32| 0.5 * (3.0 * repeats + 5.0) / (users + 5.0);
        // One repeat after 10 days, asked 10 days later; a view of 1 is no purchase.
        let got = scores(&log, &[(0, 5.0, 60), (0, 5.0, 70), (1, 1.0, 70)], 80);
        let events = shape(1.0, 2.0) + 1.0;
        let kept = 1.0 / (1.0 + 0.3 * (30.0f32 / 20.0).powf(events));
        let wanted = [28.0 * kept * events / 30.0, 0.5 * 28.0 / 56.0, 0.0];
        assert!(
            got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-6),
            "got {got:?}, wanted {wanted:?}"
        );
    }

    #[test]
    fn what_is_overdue_is_given_up() {
        let bought = [(0, 1.0, 0), (0, 1.0, 10), (0, 1.0, 20), (1, 1.0, 20)];
        let log = [(0, 0, 1.0, 0), (0, 0, 1.0, 7), (1, 1, 1.0, 0)];
        let (soon, late) = (scores(&log, &bought, 30), scores(&log, &bought, 300));
        assert!(soon[0] > soon[1] && late[0] < late[1], "weekly until it stopped: {soon:?}, {late:?}");
    }
}
