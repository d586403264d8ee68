//! One weight per source, the same for everybody, found by coordinate search.

use rayon::prelude::*;

use super::Hybrid;
use super::shortlist::Judged;
use super::sources::{one_over, scale_of, shares_of};
use crate::ranking::{AllScores, DEEP, Ranking, Share, best_sums, sums};
use crate::{Contribution, History, HistoryItem, Model};

/// Equal weights, which sum to 1.
pub(super) fn equal(n_sources: usize) -> Vec<f32> {
    normalized(vec![1.0; n_sources])
}

/// Weights on a simplex by coordinate search: from `start`, steps of ½, ¼, … of one source at a time are kept while they
/// raise the mean NDCG at n.
pub(super) fn find_weights(lists: &[&Judged], start: Vec<f32>, n: usize) -> Vec<f32> {
    let quality = |weights: &[f32]| {
        let of = |list: &&Judged| list.ndcg(&list.shortlist.blend(weights), n);
        lists.par_iter().map(of).collect::<Vec<f64>>().iter().sum::<f64>() / lists.len() as f64
    };
    let mut best = start;
    let mut best_quality = quality(&best);
    for step in [0.5f32, 0.25, 0.1, 0.05, 0.02] {
        let mut improved = true;
        while improved {
            improved = false;
            for source in 0..best.len() {
                for change in [step, -step] {
                    let mut weights = best.clone();
                    weights[source] = (weights[source] + change).max(0.0);
                    if weights.iter().sum::<f32>() <= 0.0 {
                        continue;
                    }
                    let weights = normalized(weights);
                    let q = quality(&weights);
                    if q > best_quality + 1e-7 {
                        (best, best_quality, improved) = (weights, q, true);
                    }
                }
            }
        }
    }
    best
}

pub(super) fn normalized(mut weights: Vec<f32>) -> Vec<f32> {
    let sum: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    weights
}

/// `Σ_sources weight · share`; a source without weight is not asked.
pub(super) fn score(sources: &[Box<dyn Model>], weights: &[f32], history: &History<'_>, scores: &mut [f32]) {
    scores.fill(0.0);
    for (source, weight) in sources.iter().zip(weights).filter(|(_, weight)| **weight > 0.0) {
        for (score, share) in scores.iter_mut().zip(shares_of(source.as_ref(), history)) {
            *score += weight * share;
        }
    }
    silence_if_silent(scores);
}

/// What [`score`] says, of the products that are asked for.
pub(super) struct WeightedRanking<'a> {
    hybrid: &'a Hybrid,
    /// Of the sources that say something.
    shares: Vec<Share<'a>>,
    history: Vec<HistoryItem>,
    now: i64,
}

impl<'a> WeightedRanking<'a> {
    pub fn new(hybrid: &'a Hybrid, weights: &[f32], history: &History<'_>) -> Self {
        let asked = hybrid.sources.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
        let shares = asked.map(|(source, weight)| {
            let ranking = source.rank(history);
            Share { factor: weight * one_over(ranking.scale()), ranking }
        });
        let shares = shares.filter(|share| share.factor > 0.0).collect();
        Self { hybrid, shares, history: history.items.to_vec(), now: history.now }
    }
}

impl Ranking for WeightedRanking<'_> {
    fn best(&self, n: usize) -> Vec<(u32, f32)> {
        match n <= self.hybrid.n_items() / DEEP {
            true => best_sums(&self.shares, n),
            false => AllScores::of(self.hybrid, &History { items: &self.history, now: self.now }).best(n),
        }
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        match self.shares.is_empty() {
            true => vec![f32::NEG_INFINITY; items.len()],
            false => sums(&self.shares, items),
        }
    }
}

/// Whether no source could say anything, of nobody known for one: then neither can the blend.
pub(super) fn silence_if_silent(blend: &mut [f32]) -> bool {
    let is_silent = blend.iter().all(|share| *share == 0.0);
    if is_silent {
        blend.fill(f32::NEG_INFINITY);
    }
    is_silent
}

/// What each source with a weight adds to the score of `item`.
pub(super) fn explain(
    sources: &[Box<dyn Model>],
    weights: &[f32],
    history: &History<'_>,
    item: u32,
) -> Vec<Contribution> {
    let mut contributions = Vec::new();
    for (source, weight) in sources.iter().zip(weights).filter(|(_, weight)| **weight > 0.0) {
        let mut scores = vec![0.0; source.n_items()];
        source.score(history, &mut scores);
        let scale = weight * scale_of(&scores);
        contributions
            .extend(source.explain(history, item).into_iter().map(|c| Contribution { value: c.value * scale, ..c }));
    }
    contributions
}
