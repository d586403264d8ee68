//! What a feature is worth: how much NDCG is lost when its values are dealt out anew among all rows (Breiman 2001).

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::learned::Rows;
use super::trees::Trees;
use crate::{FitContext, Result};

/// Deals of which the mean is taken.
const N_DEALS: usize = 3;

/// Mean NDCG at `n` that each feature's permutation costs on lists that the trees have not seen; below 0 where chance
/// does better.
pub(super) fn permutation(
    trees: &Trees,
    lists: &[Rows],
    n_features: usize,
    n: usize,
    context: &FitContext<'_>,
) -> Result<Vec<f32>> {
    let rows: Vec<f32> = lists.iter().flat_map(|list| &list.features).copied().collect();
    let quality = |rows: &[f32]| {
        let mut rows = rows.chunks_exact(n_features);
        let of = |list: &Rows| {
            let scores: Vec<f32> =
                list.margins.iter().zip(&mut rows).map(|(margin, row)| margin + trees.predict(row)).collect();
            list.judged.ndcg(&scores, n)
        };
        lists.iter().map(of).sum::<f64>() / lists.len().max(1) as f64
    };
    let whole = quality(&rows);
    let mut random = StdRng::seed_from_u64(context.seed);
    (0..n_features)
        .map(|feature| {
            let mut lost = 0.0;
            for _ in 0..N_DEALS {
                context.check()?;
                let mut dealt = rows.clone();
                let mut values: Vec<f32> = rows.iter().skip(feature).step_by(n_features).copied().collect();
                values.shuffle(&mut random);
                dealt.iter_mut().skip(feature).step_by(n_features).zip(values).for_each(|(cell, value)| *cell = value);
                lost += whole - quality(&dealt);
            }
            Ok((lost / N_DEALS as f64) as f32)
        })
        .collect()
}
