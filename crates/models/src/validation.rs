//! The end of the training data, kept aside: to find the weights of a hybrid, or to stop a fit in time.

use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

use crate::rank::top_k;
use crate::{History, HistoryItem, Interaction, Interactions, Model, Result};

/// Training data without its end, and that end for some users.
pub(crate) struct HeldOut {
    pub train: Interactions,
    /// A history, oldest first, and the products that came after it: sorted, none of the history among them, at least one.
    pub users: Vec<(Vec<HistoryItem>, Vec<u32>)>,
    pub now: i64,
}

impl HeldOut {
    /// Holds out a share of each user's interactions, the latest ones where the data has time, and keeps at most
    /// `n_users` users to judge by, by lot. `None` when nobody has two different products.
    pub fn cut(interactions: &Interactions, share: f64, n_users: usize, seed: u64) -> Result<Option<Self>> {
        let has_time = interactions.newest_timestamp() > 0;
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
            let n_held =
                if row.len() < 2 { 0 } else { ((row.len() as f64 * share).round() as usize).clamp(1, row.len() - 1) };
            let wanted = row.split_off(row.len() - n_held);
            train.extend(row.iter().map(|h| Interaction {
                user: user as u32,
                item: h.item,
                weight: h.weight,
                timestamp: h.timestamp,
            }));
            let mut wanted: Vec<u32> =
                wanted.iter().map(|h| h.item).filter(|&item| row.iter().all(|h| h.item != item)).collect();
            wanted.sort_unstable();
            wanted.dedup();
            if !wanted.is_empty() {
                users.push((row, wanted));
            }
        }
        if users.is_empty() {
            return Ok(None);
        }
        let n_users = n_users.min(users.len());
        for first in 0..n_users {
            let other = random.random_range(first..users.len());
            users.swap(first, other);
        }
        users.truncate(n_users);
        let train = Interactions::new(interactions.n_users(), interactions.n_items(), &train)?;
        let now = interactions.newest_timestamp();
        Ok(Some(Self { train, users, now }))
    }

    /// Mean NDCG at `n` of the lists that a model makes for the held-out users, products of the history left out.
    pub fn ndcg(&self, model: &dyn Model, n: usize) -> f64 {
        let of = |(history, wanted): &(Vec<HistoryItem>, Vec<u32>)| {
            let mut scores = vec![0.0; model.n_items()];
            model.score(&History { items: history, now: self.now }, &mut scores);
            history.iter().for_each(|h| scores[h.item as usize] = f32::NEG_INFINITY);
            let is_wanted = top_k(&scores, n).into_iter().map(|(item, _)| wanted.binary_search(&item).is_ok());
            ndcg(is_wanted, n.min(wanted.len()))
        };
        let sum: f64 = self.users.par_iter().map(of).collect::<Vec<f64>>().iter().sum();
        sum / self.users.len() as f64
    }
}

/// Discounted gain of a list over that of the best list, which has `n_best` hits at its head.
pub(crate) fn ndcg(is_wanted: impl Iterator<Item = bool>, n_best: usize) -> f64 {
    let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let dcg: f64 = is_wanted.enumerate().filter(|(_, wanted)| *wanted).map(|(rank, _)| gain(rank)).sum();
    dcg / (0..n_best).map(gain).sum::<f64>()
}
