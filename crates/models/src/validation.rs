//! The end of the training data, kept aside: to find the weights of a hybrid, or to stop a fit in time.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

use crate::rank::top_k;
use crate::{History, HistoryItem, Interaction, Interactions, Model, Result};

/// Training data without its end, and that end for some users.
pub(crate) struct HeldOut {
    pub train: Interactions,
    pub users: Vec<Asked>,
    /// Whether products of the history are wanted like any other; if not, none of them is among the wanted.
    pub with_repeats: bool,
}

/// A user as seen at one moment, and what came then.
pub(crate) struct Asked {
    /// Oldest first.
    pub history: Vec<HistoryItem>,
    pub now: i64,
    /// The products that came after the history: sorted, at least one.
    pub wanted: Vec<u32>,
}

/// Who loses the end of the history, and how much of it.
struct Cut<F> {
    share: f64,
    n_users: usize,
    seed: u64,
    with_repeats: bool,
    is_cut: F,
}

/// Share of events on products that the user knew already, from which on people are said to come back to products.
const REPEATS: f64 = 0.05;

impl HeldOut {
    /// Holds out a share of each user's interactions, the latest ones where the data has time, and keeps at most
    /// `n_users` users to judge by, by lot. `None` when nobody has two different products.
    pub fn cut(
        interactions: &Interactions,
        share: f64,
        n_users: usize,
        seed: u64,
        with_repeats: bool,
    ) -> Result<Option<Self>> {
        Self::cut_rows(interactions, Cut { share, n_users, seed, with_repeats, is_cut: |_| true })
    }

    /// Holds out interactions of half the users at most, and of no more than `n_users`: the rest is whole, so that a
    /// model need not be fitted again to know what came last. Where people come back to products, they are wanted again.
    pub fn cut_some(interactions: &Interactions, share: f64, n_users: usize, seed: u64) -> Result<Option<Self>> {
        let mut users: Vec<usize> =
            (0..interactions.n_users()).filter(|&user| interactions.row(user).items.len() > 1).collect();
        let n_judges = users.len().div_ceil(2).min(n_users);
        let (judges, _) = users.partial_shuffle(&mut StdRng::seed_from_u64(seed), n_judges);
        judges.sort_unstable();
        let judges = judges.to_vec();
        let is_cut = |user: usize| judges.binary_search(&user).is_ok();
        let with_repeats = share_of_repeats(interactions) > REPEATS;
        Self::cut_rows(interactions, Cut { share, n_users, seed, with_repeats, is_cut })
    }

    /// Holds out all that happened from `moment` on, for all users, and keeps at most `n_users` users to judge by, by lot.
    /// Each is asked when one of the events from then on happens, drawn by lot, with the history before that event. So
    /// neither history nor `train` knows of anything at or after the time of the question. `None` when nobody wants
    /// anything from then on, or nothing came before.
    pub fn from_moment(
        interactions: &Interactions,
        moment: i64,
        n_users: usize,
        seed: u64,
        with_repeats: bool,
    ) -> Result<Option<Self>> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut train: Vec<Interaction> = Vec::with_capacity(interactions.n_interactions());
        let mut users = Vec::new();
        for user in 0..interactions.n_users() {
            let mut row = interactions.history(user);
            let n_before = row.partition_point(|h| h.timestamp < moment);
            train.extend(row[..n_before].iter().map(|h| interaction(user, h)));
            if n_before < row.len() {
                let now = row[random.random_range(n_before..row.len())].timestamp;
                let later = row.split_off(row.partition_point(|h| h.timestamp < now));
                users.extend(ask(row, now, &later, with_repeats));
            }
        }
        if users.is_empty() || train.is_empty() {
            return Ok(None);
        }
        draw(&mut users, n_users, &mut random);
        let train = Interactions::new(interactions.n_users(), interactions.n_items(), &train)?;
        Ok(Some(Self { train, users, with_repeats }))
    }

    fn cut_rows(interactions: &Interactions, cut: Cut<impl Fn(usize) -> bool>) -> Result<Option<Self>> {
        let Cut { share, n_users, seed, with_repeats, is_cut } = cut;
        let now = interactions.newest_timestamp();
        let has_time = now > 0;
        let mut random = StdRng::seed_from_u64(seed);
        let mut train: Vec<Interaction> = Vec::with_capacity(interactions.n_interactions());
        let mut users = Vec::new();
        for user in 0..interactions.n_users() {
            let mut row: Vec<HistoryItem> = interactions.history(user);
            if !has_time {
                // Without time any part is as good as another: shuffle (Fisher and Yates), then cut the end.
                for last in (1..row.len()).rev() {
                    row.swap(last, random.random_range(0..=last));
                }
            }
            let n_held = if row.len() < 2 || !is_cut(user) {
                0
            } else {
                ((row.len() as f64 * share).round() as usize).clamp(1, row.len() - 1)
            };
            let wanted = row.split_off(row.len() - n_held);
            train.extend(row.iter().map(|h| interaction(user, h)));
            users.extend(ask(row, now, &wanted, with_repeats));
        }
        if users.is_empty() {
            return Ok(None);
        }
        draw(&mut users, n_users, &mut random);
        let train = Interactions::new(interactions.n_users(), interactions.n_items(), &train)?;
        Ok(Some(Self { train, users, with_repeats }))
    }

    /// Mean NDCG at `n` of the lists that a model makes for the held-out users, products of the history left out unless
    /// they are wanted too.
    pub fn ndcg(&self, model: &dyn Model, n: usize) -> f64 {
        let of = |Asked { history, now, wanted }: &Asked| {
            let mut scores = vec![0.0; model.n_items()];
            model.score(&History { items: history, now: *now }, &mut scores);
            if !self.with_repeats {
                history.iter().for_each(|h| scores[h.item as usize] = f32::NEG_INFINITY);
            }
            let is_wanted = top_k(&scores, n).into_iter().map(|(item, _)| wanted.binary_search(&item).is_ok());
            ndcg(is_wanted, n.min(wanted.len()))
        };
        let sum: f64 = self.users.par_iter().map(of).collect::<Vec<f64>>().iter().sum();
        sum / self.users.len() as f64
    }
}

/// Where a share of the interactions has happened: the moment from which on the rest is held out. `None` without time.
pub(crate) fn moment_at(interactions: &Interactions, share: f64) -> Option<i64> {
    let mut timestamps: Vec<i64> = interactions.cells().map(|cell| cell.timestamp).collect();
    timestamps.sort_unstable();
    let at = (timestamps.len() as f64 * share) as usize;
    timestamps.get(at).copied().filter(|&moment| moment > 0)
}

fn interaction(user: usize, h: &HistoryItem) -> Interaction {
    Interaction { user: user as u32, item: h.item, weight: h.weight, timestamp: h.timestamp }
}

/// `None` when there is nothing to want.
fn ask(history: Vec<HistoryItem>, now: i64, later: &[HistoryItem], with_repeats: bool) -> Option<Asked> {
    let mut wanted: Vec<u32> = later.iter().map(|h| h.item).collect();
    wanted.retain(|&item| with_repeats || history.iter().all(|h| h.item != item));
    wanted.sort_unstable();
    wanted.dedup();
    (!wanted.is_empty()).then_some(Asked { history, now, wanted })
}

/// Keeps `n` of many, by lot (Fisher and Yates).
fn draw<T>(many: &mut Vec<T>, n: usize, random: &mut StdRng) {
    let n = n.min(many.len());
    for first in 0..n {
        let other = random.random_range(first..many.len());
        many.swap(first, other);
    }
    many.truncate(n);
}

fn share_of_repeats(interactions: &Interactions) -> f64 {
    let n_different = interactions.merged().n_interactions();
    1.0 - n_different as f64 / interactions.n_interactions().max(1) as f64
}

/// Discounted gain of a list over that of the best list, which has `n_best` hits at its head.
pub(crate) fn ndcg(is_wanted: impl Iterator<Item = bool>, n_best: usize) -> f64 {
    let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let dcg: f64 = is_wanted.enumerate().filter(|(_, wanted)| *wanted).map(|(rank, _)| gain(rank)).sum();
    dcg / (0..n_best).map(gain).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 users with four products each, at times 1 to 4; the last one is the first again if `comes_back`.
    fn log(comes_back: bool) -> Interactions {
        let item = |user: u32, t: u32| if comes_back && t == 3 { user } else { user + t };
        let cell = |x: u32| Interaction {
            user: x / 4,
            item: item(x / 4, x % 4),
            weight: 1.0,
            timestamp: 1 + i64::from(x % 4),
        };
        Interactions::new(40, 44, &(0..160).map(cell).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn only_judges_lose_the_end_of_their_history() {
        let held_out = HeldOut::cut_some(&log(false), 0.25, 10, 1).unwrap().unwrap();
        let short = held_out.train.rows().filter(|row| row.items.len() == 3).count();
        assert_eq!((held_out.users.len(), short), (10, 10));
        assert_eq!(held_out.train.n_interactions(), 150);
        let half = HeldOut::cut_some(&log(false), 0.25, 1000, 1).unwrap().unwrap();
        assert_eq!(half.users.len(), 20, "the other half stays whole");
    }

    #[test]
    fn who_comes_back_to_products_wants_them_again() {
        let held_out = HeldOut::cut_some(&log(true), 0.25, 10, 1).unwrap().unwrap();
        assert!(held_out.users.iter().all(|asked| asked.wanted == [asked.history[0].item]));
        assert!(HeldOut::cut(&log(true), 0.25, 10, 1, false).unwrap().is_none(), "there nothing new is left to want");
    }
}
