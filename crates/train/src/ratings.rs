//! Explicit ratings: how a split holds them out, and how far predictions are from them.

use models::{History, HistoryItem, Interactions, Model};
use rayon::prelude::*;

use crate::split::Case;

/// The ratings of a split, low ones included; the same events as in its other parts, with the rating as weight.
#[derive(Debug, Clone)]
pub struct Rated {
    pub train: Interactions,
    /// The split's cases, with ratings in the histories.
    pub cases: Vec<Case>,
    pub held_out: Vec<RatedCase>,
}

/// What one user rated in train, and after.
#[derive(Debug, Clone, PartialEq)]
pub struct RatedCase {
    pub history: Vec<HistoryItem>,
    pub now: i64,
    pub items: Vec<u32>,
    pub ratings: Vec<f32>,
}

/// Names of what [`errors`] gives.
pub const NAMES: [&str; 3] = ["rmse", "mae", "mse"];

/// Root mean squared, mean absolute and mean squared error over all held-out ratings; `None` when the model predicts none.
pub fn errors(model: &dyn Model, held_out: &[RatedCase]) -> Option<[f64; 3]> {
    let differences: Vec<Vec<f64>> = held_out
        .par_iter()
        .map_init(
            || vec![0.0; model.n_items()],
            |scores, case| {
                model.score(&History { items: &case.history, now: case.now }, scores);
                let predicted = case.items.iter().map(|&item| model.rating(scores[item as usize]));
                predicted.zip(&case.ratings).map(|(p, &r)| Some(f64::from(p?) - f64::from(r))).collect()
            },
        )
        .collect::<Option<_>>()?;
    let n = differences.iter().map(Vec::len).sum::<usize>() as f64;
    let mean = |of: fn(f64) -> f64| differences.iter().flatten().map(|&d| of(d)).sum::<f64>() / n;
    let mse = mean(|d| d * d);
    (n > 0.0).then(|| [mse.sqrt(), mean(f64::abs), mse])
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::{Contribution, Tensors};

    /// Predicts 3 for everything.
    struct Three;

    impl Model for Three {
        fn name(&self) -> &'static str {
            "three"
        }
        fn n_items(&self) -> usize {
            4
        }
        fn score(&self, _: &History<'_>, scores: &mut [f32]) {
            scores.fill(3.0);
        }
        fn rating(&self, score: f32) -> Option<f32> {
            Some(score)
        }
        fn explain(&self, _: &History<'_>, _: u32) -> Vec<Contribution> {
            Vec::new()
        }
        fn tensors(&self) -> Tensors {
            Tensors::new("three", models::Options::default())
        }
    }

    #[test]
    fn errors_by_hand() {
        let case = |items: &[u32], ratings: &[f32]| RatedCase {
            history: vec![],
            now: 0,
            items: items.to_vec(),
            ratings: ratings.to_vec(),
        };
        // Errors 1, −2, 0 and −1: squares 1 + 4 + 0 + 1, over four ratings.
        let held_out = [case(&[0, 3], &[2.0, 5.0]), case(&[1, 2], &[3.0, 4.0])];
        assert_eq!(errors(&Three, &held_out), Some([1.5f64.sqrt(), 1.0, 1.5]));
        assert_eq!(errors(&Three, &[]), None);
    }
}
