//! Sparse linear method: each product as a non-negative sum of few others.
//!
//! Ning & Karypis, *SLIM: Sparse Linear Methods for Top-N Recommender Systems* (ICDM 2011), solved by coordinate descent
//! for one product after the other among its nearest products, which is their fsSLIM.

use crate::item_item::{ItemItemModel, ItemMatrix};
use crate::local_gram::{LocalGram, SparseGram};
use crate::options::{OptionSpec, Range};
use crate::weighting::{EventWeights, HALF_LIFE_DAYS, WEIGHTING};
use crate::{FitContext, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "slim";
pub const ABOUT: &str = "each product as a sum of few others with weights that are learned, none negative";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("candidates", 200, 1, 10_000, "products that may explain a product: those nearest by cosine"),
    OptionSpec::number("l1", 0.3, 0.0, 1e6, "pull of weights to exactly 0: larger is sparser")
        .search(Range::Log(0.01, 10.0)),
    OptionSpec::number("l2", 150.0, 1e-3, 1e6, "pull of large weights towards 0").search(Range::Log(5.0, 1000.0)),
    OptionSpec::count("sweeps", 30, 1, 1000, "times that all weights of a product are improved, at most"),
    WEIGHTING,
    HALF_LIFE_DAYS,
];

/// A product is solved when no weight changes by more.
const TOLERANCE: f32 = 1e-4;

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<ItemItemModel> {
    let event_weights = EventWeights::new(options);
    let by_user = event_weights.pairs(data.interactions);
    let gram = SparseGram::new(NAME, &by_user, context)?;
    let descent =
        Descent { l1: options.number("l1") as f32, l2: options.number("l2") as f32, n_sweeps: options.count("sweeps") };
    let n_candidates = options.count("candidates");
    let columns = ItemMatrix::build(NAME, by_user.n_items(), context, LocalGram::default, |local, item| {
        local.gather(&gram, item as u32, n_candidates, |n| n);
        let weights = descent.solve(&local.values, &local.target);
        local.items.iter().copied().zip(weights).filter(|cell| cell.1 > 0.0).collect()
    })?;
    Ok(ItemItemModel::new(NAME, options, event_weights, columns.transposed()))
}

/// Minimizes `½‖x − Xw‖² + ½ l2 ‖w‖² + l1 |w|` over `w ≥ 0`.
struct Descent {
    l1: f32,
    l2: f32,
    n_sweeps: usize,
}

impl Descent {
    /// From `XᵀX` and `Xᵀx`.
    fn solve(&self, gram: &[f32], target: &[f32]) -> Vec<f32> {
        let n = target.len();
        let mut weights = vec![0.0f32; n];
        // What the weights leave unexplained, as products with each candidate.
        let mut left = target.to_vec();
        for _ in 0..self.n_sweeps {
            let mut largest_change = 0.0f32;
            for (k, row) in gram.chunks_exact(n.max(1)).enumerate() {
                let better = ((left[k] + row[k] * weights[k] - self.l1) / (row[k] + self.l2)).max(0.0);
                let change = better - weights[k];
                if change != 0.0 {
                    weights[k] = better;
                    left.iter_mut().zip(row).for_each(|(left, product)| *left -= change * product);
                    largest_change = largest_change.max(change.abs());
                }
            }
            if largest_change < TOLERANCE {
                break;
            }
        }
        weights
    }
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<ItemItemModel> {
    Ok(ItemItemModel::new(NAME, options, EventWeights::new(options), ItemMatrix::load(tensors)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_elastic_net_by_hand() {
        let descent = |l1, l2| Descent { l1, l2, n_sweeps: 1000 };
        // Without ties between the candidates each is a regression of its own.
        assert_eq!(descent(1.0, 1.0).solve(&[3.0, 0.0, 0.0, 1.0], &[5.0, 0.5]), [1.0, 0.0]);
        // [2 1; 1 2] w = [3; 3] − l1.
        let weights = descent(0.0, 0.0).solve(&[2.0, 1.0, 1.0, 2.0], &[3.0, 3.0]);
        assert!(weights.iter().all(|w| (w - 1.0).abs() < 1e-3), "{weights:?}");
        // The second candidate would be negative.
        assert_eq!(descent(0.0, 0.0).solve(&[1.0, 0.9, 0.9, 1.0], &[1.0, 0.5]), [1.0, 0.0]);
    }
}
