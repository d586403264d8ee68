//! What a model makes of one history, read from the top or product by product: who wants ten products of a million need not have all scored.

use std::sync::{Mutex, PoisonError};

use crate::rank::{Best, top_k, top_k_of};
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

/// The best `n` of `Σ factor · score` (nothing where a ranking cannot score), looking only at the heads of the rankings: the threshold
/// algorithm of Fagin, Lotem and Naor, *Optimal Aggregation Algorithms for Middleware* (PODS 2001). What is in no head scores at most what the
/// heads' ends add up to. `None` where heads would have to be longer than `deepest`.
pub(crate) fn best_sums(shares: &[Share<'_>], n: usize, deepest: usize) -> Option<Vec<(u32, f32)>> {
    let mut depth = 2 * n.max(1);
    while depth <= deepest {
        let heads: Vec<Vec<(u32, f32)>> = shares.iter().map(|share| share.ranking.best(depth)).collect();
        let mut items: Vec<u32> = heads.iter().flatten().map(|&(item, _)| item).collect();
        items.sort_unstable();
        items.dedup();
        let best = Best::of(items.iter().copied().zip(sums(shares, &items)), n).into_sorted();
        let ends = shares.iter().zip(&heads).map(|(share, head)| match head.last() {
            Some(&(_, end)) if head.len() == depth => share.factor * end.max(0.0),
            _ => 0.0,
        });
        let is_whole = heads.iter().all(|head| head.len() < depth);
        let beyond: f32 = ends.sum();
        if is_whole || (best.len() == n && best[n - 1].1 > beyond) {
            return Some(best);
        }
        depth *= 4;
    }
    None
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
    fn heads_of_rankings_find_the_best_sums_of_all() {
        let noise = |item: u32, salt: u32| ((item + salt).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32;
        let of = |salt: u32| -> Vec<f32> { (0..5_000).map(|item| noise(item, salt).powi(8) - 0.1).collect() };
        let all = [of(1), of(2), of(3)];
        let share = |scores: &Vec<f32>, factor| Share { ranking: Box::new(AllScores(scores.clone())), factor };
        let shares = [share(&all[0], 0.5), share(&all[1], 0.3), share(&all[2], 0.2)];
        let items: Vec<u32> = (0..5_000).collect();
        let whole = sums(&shares, &items);
        for n in [1, 10, 100] {
            assert_eq!(best_sums(&shares, n, 5_000).unwrap(), top_k(&whole, n), "{n}");
        }
        assert_eq!(best_sums(&shares, 100, 150), None);
    }

    #[test]
    fn what_is_scored_nowhere_gets_into_no_list() {
        let pool = Sums::default();
        let share = |terms: Vec<(u32, f32)>| Share {
            ranking: Box::new(pool.of(9, terms.into_iter())) as Box<dyn Ranking>,
            factor: 1.0,
        };
        let shares = [share(vec![(1, 1.0), (2, 2.0)]), share(vec![(2, 0.5)])];
        assert_eq!(best_sums(&shares, 3, 9).unwrap(), [(2, 2.5), (1, 1.0)]);
    }

    #[test]
    fn scores_are_measured_by_the_largest() {
        assert_eq!(AllScores(vec![-4.0, 2.0, f32::NEG_INFINITY]).scale(), 2.0);
        assert_eq!(AllScores(vec![-4.0, -2.0]).scale(), 4.0);
        assert_eq!((&Ranked::new(vec![0.5, 1.0])).scale(), 1.0);
        assert_eq!(AllScores(vec![f32::NEG_INFINITY]).scale(), 0.0);
    }
}
