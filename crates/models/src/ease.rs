//! The linear autoencoder with a closed form: every product regressed on all others.
//!
//! Steck, *Embarrassingly Shallow Autoencoders for Sparse Data* (WWW 2019), EASE^R: `B = I − P · diag(1 / diag P)` with
//! `P = (XᵀX + λI)⁻¹`. It needs n² numbers (f32) in memory and n³ operations. For more products than `max_items` each is
//! regressed on its nearest products alone, the sparsity pattern of Steck, *Markov Random Fields for Collaborative
//! Filtering* (NeurIPS 2019).

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::item_item::{GramRow, ItemItemModel, ItemMatrix};
use crate::linalg::{LANES, factor, invert_symmetric, padded, substitute_back};
use crate::local_gram::{LocalGram, SparseGram};
use crate::options::{OptionSpec, Range};
use crate::rank::top_k_of;
use crate::weighting::{EventWeights, HALF_LIFE_DAYS, WEIGHTING};
use crate::{FitContext, Interactions, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "ease";
pub const ABOUT: &str = "each product as a weighted sum of all others, in closed form";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::number("regularization", 300.0, 1e-3, 1e9, "pull of all weights towards 0, in events")
        .search(Range::Log(10.0, 3000.0)),
    OptionSpec::count(
        "neighbours",
        500,
        1,
        100_000,
        "weights kept for each product, the largest by size: fewer make a smaller and faster model",
    ),
    OptionSpec::count(
        "max_items",
        20_000,
        0,
        50_000,
        "up to so many products the solution is exact, with 4 n² bytes of memory; beyond, `candidates` explain each product",
    ),
    OptionSpec::count("candidates", 300, 1, 10_000, "beyond max_items: products that may explain a product"),
    WEIGHTING,
    HALF_LIFE_DAYS,
];

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<ItemItemModel> {
    let event_weights = EventWeights::new(options);
    let by_user = event_weights.pairs(data.interactions);
    let regularization = options.number("regularization") as f32;
    let n_kept = options.count("neighbours");
    let columns = if by_user.n_items() <= options.count("max_items") {
        exact(&by_user, regularization, n_kept, context)?
    } else {
        local(&by_user, regularization, options.count("candidates"), n_kept, context)?
    };
    Ok(ItemItemModel::new(NAME, options, event_weights, columns.transposed()))
}

/// The largest weights of each column of B.
fn exact(by_user: &Interactions, regularization: f32, n_kept: usize, context: &FitContext<'_>) -> Result<ItemMatrix> {
    let n = by_user.n_items();
    let mut matrix = gram(by_user, regularization);
    invert_symmetric(&mut matrix, n, |step, n_steps| context.step(NAME, step, n_steps))?;
    // `B_ij = −P_ij / P_jj`. What nobody chose says nothing and is told nothing.
    let weights = |j: usize, row: &[f32]| {
        let scale = -row[j].recip();
        let cells = row.iter().enumerate().filter(|&(i, &p)| i != j && p != 0.0);
        largest(cells.map(|(i, p)| (i as u32, scale * p)).collect(), n_kept)
    };
    ItemMatrix::build(NAME, n, context, || (), |(), j| weights(j, &matrix[j * n..(j + 1) * n]))
}

/// `XᵀX + λI`, dense.
fn gram(by_user: &Interactions, regularization: f32) -> Vec<f32> {
    let (by_item, n) = (by_user.transposed(), by_user.n_items());
    let mut out = vec![0.0; n * n];
    out.par_chunks_mut(n.max(1)).enumerate().with_min_len(16).for_each_init(
        || GramRow::new(n),
        |row, (i, out)| {
            row.row(&by_item, by_user, i).for_each(|(j, sum)| out[j as usize] = sum);
            out[i] += regularization;
        },
    );
    out
}

/// Each product regressed on its nearest ones.
fn local(
    by_user: &Interactions,
    regularization: f32,
    n_candidates: usize,
    n_kept: usize,
    context: &FitContext<'_>,
) -> Result<ItemMatrix> {
    let gram = SparseGram::new(NAME, by_user, context)?;
    ItemMatrix::build(NAME, by_user.n_items(), context, LocalGram::default, |local, item| {
        // One more column holds the right-hand side.
        let stride_of = |n: usize| padded(n + 1);
        local.gather(&gram, item as u32, n_candidates, stride_of);
        let (n, stride) = (local.items.len(), stride_of(local.items.len()));
        for k in 0..n {
            local.values[k * stride + k] += regularization;
            local.values[k * stride + n] = local.target[k];
        }
        let mut weights = vec![0.0; stride];
        Arch::new().dispatch(Solve { system: &mut local.values, stride, n, weights: &mut weights });
        largest(local.items.iter().copied().zip(weights).filter(|cell| cell.1 != 0.0).collect(), n_kept)
    })
}

struct Solve<'a> {
    system: &'a mut [f32],
    stride: usize,
    n: usize,
    weights: &'a mut [f32],
}

impl WithSimd for Solve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        debug_assert!(self.stride.is_multiple_of(LANES));
        factor(simd, self.system, self.stride, self.n);
        substitute_back(simd, self.system, self.stride, self.n, self.n, self.weights);
    }
}

/// The `n` largest by size, whatever their sign.
fn largest(cells: Vec<(u32, f32)>, n: usize) -> Vec<(u32, f32)> {
    if cells.len() <= n {
        return cells;
    }
    let sizes = cells.iter().zip(0..).map(|(cell, position)| (position, cell.1.abs()));
    top_k_of(sizes, n).into_iter().map(|(position, _)| cells[position as usize]).collect()
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<ItemItemModel> {
    Ok(ItemItemModel::new(NAME, options, EventWeights::new(options), ItemMatrix::load(tensors)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interaction, Model, catalogue};

    /// Users: {0, 1}, {0, 1, 2}, {2}.
    fn log() -> Interactions {
        let cells = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2)];
        let cells = cells.map(|(user, item)| Interaction { user, item, weight: 1.0, timestamp: 0 });
        Interactions::new(3, 3, &cells).unwrap()
    }

    fn weight(model: &dyn Model, from: u32, to: u32) -> f32 {
        model.neighbours(from, 9).iter().find(|n| n.item == to).map_or(0.0, |n| n.similarity)
    }

    #[test]
    fn weights_by_hand() {
        // XᵀX + I = [3 2 1; 2 3 1; 1 1 3]; column 2 is the regression of 2 on 0 and 1: [3 2; 2 3] w = [1; 1].
        // Column 0: [3 1; 1 3] w = [2; 1], so w = [5/8, 1/8].
        for max_items in ["0", "3"] {
            let options = [("regularization", "1"), ("max_items", max_items)];
            let model = catalogue::fit(NAME, &options, &TrainingData::new(&log()), &FitContext::quiet(0)).unwrap();
            for (from, to, wanted) in [(0, 2, 0.2), (1, 2, 0.2), (1, 0, 0.625), (2, 0, 0.125)] {
                let got = weight(model.as_ref(), from, to);
                assert!((got - wanted).abs() < 1e-6, "{from} to {to}: got {got}, wanted {wanted}");
            }
        }
    }

    #[test]
    fn the_largest_weights_stay_whatever_their_sign() {
        assert_eq!(largest(vec![(0, 1.0), (1, -3.0), (2, 2.0)], 2), [(1, -3.0), (2, 2.0)]);
    }
}
