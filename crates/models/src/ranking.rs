//! What a model makes of one history, read from the top or product by product: who wants ten products of a million need not have all scored.

use std::sync::{Mutex, PoisonError};

use crate::rank::{top_k, top_k_of};
use crate::{History, Model};

/// A model's opinion of one history: see [`Model::rank`](crate::Model::rank).
pub trait Ranking {
    /// The best `n`, best first, equals by item number; fewer only where the model can score no more.
    fn best(&self, n: usize) -> Vec<(u32, f32)>;

    /// `f32::NEG_INFINITY` for a product that the model cannot score.
    fn scores(&self, items: &[u32]) -> Vec<f32>;

    fn score(&self, item: u32) -> f32 {
        self.scores(&[item])[0]
    }

    /// What scores are measured by, see [`scale`].
    fn scale(&self) -> f32 {
        match self.best(1).first() {
            Some(&(_, best)) if best > 0.0 => best,
            None => 0.0,
            Some(_) => scale(self.best(usize::MAX).into_iter().map(|(_, score)| score)),
        }
    }
}

/// The largest score; where none is above zero, the largest size; 0 where there is none.
pub(crate) fn scale(scores: impl Iterator<Item = f32>) -> f32 {
    let (largest, size) = scores
        .filter(|score| score.is_finite())
        .fold((0.0f32, 0.0f32), |(largest, size), score| (largest.max(score), size.max(score.abs())));
    if largest > 0.0 { largest } else { size }
}

/// Of a model that scores everything or nothing.
pub(crate) struct AllScores(Vec<f32>);

impl AllScores {
    pub fn of(model: &(impl Model + ?Sized), history: &History<'_>) -> Self {
        let mut scores = vec![0.0; model.n_items()];
        model.score(history, &mut scores);
        Self(scores)
    }
}

impl Ranking for AllScores {
    fn best(&self, n: usize) -> Vec<(u32, f32)> {
        top_k(&self.0, n.min(self.0.len()))
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        items.iter().map(|&item| self.0[item as usize]).collect()
    }

    fn scale(&self) -> f32 {
        scale(self.0.iter().copied())
    }
}

/// The same for everybody, sorted once.
pub(crate) struct Ranked {
    scores: Vec<f32>,
    order: Vec<u32>,
}

impl Ranked {
    pub fn new(scores: Vec<f32>) -> Self {
        let order = top_k(&scores, scores.len()).into_iter().map(|(item, _)| item).collect();
        Self { scores, order }
    }

    pub fn all(&self) -> &[f32] {
        &self.scores
    }
}

impl Ranking for &Ranked {
    fn best(&self, n: usize) -> Vec<(u32, f32)> {
        self.order.iter().take(n).map(|&item| (item, self.scores[item as usize])).collect()
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        items.iter().map(|&item| self.scores[item as usize]).collect()
    }
}

/// Rows of sums that are used again: a fresh one costs a write for every product there is.
#[derive(Default)]
pub(crate) struct Sums {
    idle: Mutex<Vec<Row>>,
}

struct Row {
    /// `-inf` where nothing was added.
    sums: Vec<f32>,
    /// The first `n_touched` were added to; there is room for one more than there are items.
    touched: Vec<u32>,
    n_touched: usize,
}

/// Sums of a few products; all others cannot be scored.
pub(crate) struct SparseSums<'a> {
    row: Option<Row>,
    from: &'a Sums,
}

impl Sums {
    /// Of the terms `(item, value)`, over `n_items`.
    pub fn of(&self, n_items: usize, terms: impl Iterator<Item = (u32, f32)>) -> SparseSums<'_> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut row = idle.unwrap_or_else(|| Row {
            sums: vec![f32::NEG_INFINITY; n_items],
            touched: vec![0; n_items + 1],
            n_touched: 0,
        });
        for (item, value) in terms {
            let sum = &mut row.sums[item as usize];
            let is_new = *sum == f32::NEG_INFINITY;
            // Noted in any case and kept if new: nobody can predict that branch.
            row.touched[row.n_touched] = item;
            row.n_touched += usize::from(is_new);
            *sum = value + if is_new { 0.0 } else { *sum };
        }
        SparseSums { row: Some(row), from: self }
    }
}

impl SparseSums<'_> {
    fn row(&self) -> &Row {
        self.row.as_ref().expect("given back by drop alone")
    }
}

impl Ranking for SparseSums<'_> {
    fn best(&self, n: usize) -> Vec<(u32, f32)> {
        let row = self.row();
        let touched = &row.touched[..row.n_touched];
        top_k_of(touched.iter().map(|&item| (item, row.sums[item as usize])), n.min(touched.len()))
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        items.iter().map(|&item| self.row().sums[item as usize]).collect()
    }
}

impl Drop for SparseSums<'_> {
    fn drop(&mut self) {
        let Some(mut row) = self.row.take() else { return };
        row.touched[..row.n_touched].iter().for_each(|&item| row.sums[item as usize] = f32::NEG_INFINITY);
        row.n_touched = 0;
        self.from.idle.lock().unwrap_or_else(PoisonError::into_inner).push(row);
    }
}

/// One of several rankings that add up, with what its scores are multiplied by.
pub(crate) struct Share<'a> {
    pub ranking: Box<dyn Ranking + 'a>,
    pub factor: f32,
}

/// A list of more than one product in so many is read from all their scores.
pub(crate) const DEEP: usize = 16;

/// Products of each ranking that are looked at for even the shortest list.
const HEAD_MIN: usize = 50;

/// The best `n` of `Σ factor · score` (nothing where a ranking cannot score) among the best `n` of each ranking. One that is among the best of none, and
/// of all together, is missed: `examples/ranking.rs` says how many are.
pub(crate) fn best_sums(shares: &[Share<'_>], n: usize) -> Vec<(u32, f32)> {
    let heads = shares.iter().flat_map(|share| share.ranking.best(n.max(HEAD_MIN)));
    let mut items: Vec<u32> = heads.map(|(item, _)| item).collect();
    items.sort_unstable();
    items.dedup();
    top_k_of(items.iter().copied().zip(sums(shares, &items)), n)
}

pub(crate) fn sums(shares: &[Share<'_>], items: &[u32]) -> Vec<f32> {
    let mut sums = vec![0.0; items.len()];
    for share in shares {
        let scores = share.ranking.scores(items);
        sums.iter_mut()
            .zip(scores)
            .filter(|(_, score)| score.is_finite())
            .for_each(|(sum, score)| *sum += share.factor * score);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_start_anew_in_a_row_used_before() {
        let pool = Sums::default();
        let first = pool.of(4, [(1, 2.0), (3, -1.0), (1, -2.0)].into_iter());
        assert_eq!(first.best(9), [(1, 0.0), (3, -1.0)]);
        assert_eq!(first.scores(&[0, 1]), [f32::NEG_INFINITY, 0.0]);
        drop(first);
        let second = pool.of(4, [(0, 5.0)].into_iter());
        assert_eq!(second.best(9), [(0, 5.0)]);
        assert_eq!(pool.idle.lock().unwrap().len(), 0);
    }

    #[test]
    fn the_heads_of_rankings_are_added_up_and_what_is_scored_nowhere_gets_into_no_list() {
        let pool = Sums::default();
        let share = |terms: Vec<(u32, f32)>, factor| Share {
            ranking: Box::new(pool.of(9, terms.into_iter())) as Box<dyn Ranking>,
            factor,
        };
        let shares = [share(vec![(1, 1.0), (2, 2.0)], 1.0), share(vec![(2, 1.0), (5, 3.0)], 0.5)];
        assert_eq!(best_sums(&shares, 9), [(2, 2.5), (5, 1.5), (1, 1.0)]);
        assert_eq!(best_sums(&shares, 1), [(2, 2.5)]);
    }

    #[test]
    fn scores_are_measured_by_the_largest() {
        assert_eq!(AllScores(vec![-4.0, 2.0, f32::NEG_INFINITY]).scale(), 2.0);
        assert_eq!(AllScores(vec![-4.0, -2.0]).scale(), 4.0);
        assert_eq!((&Ranked::new(vec![0.5, 1.0])).scale(), 1.0);
        assert_eq!(AllScores(vec![f32::NEG_INFINITY]).scale(), 0.0);
    }
}
