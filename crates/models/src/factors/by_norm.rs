//! The largest dot products without all of them: long rows first, and none that is too short to matter.
//!
//! `x · h ≤ ‖x‖ ‖h‖` (Cauchy and Schwarz), so once the n-th best of the rows so far is above `‖x‖` times the length of the next one, nothing that
//! follows can get in. Products that few people chose have short factors, so most of a large catalogue is never looked at: Teflioudi, Gemulla and
//! Mykytiuk, *LEMP: Fast Retrieval of Large Entries in a Matrix Product* (SIGMOD 2015), with one bucket to a panel.

use pulp::{Arch, Simd, WithSimd};

use crate::linalg::{PANEL, Panels, TILE, dot, multiply_tile};
use crate::rank::Best;

/// What rounding may add to a dot product or take from a length.
const ROUNDING: f32 = 1.0 + 1e-4;

/// Rows, the longest first.
pub(super) struct ByNorm {
    /// Numbers of the rows.
    order: Vec<u32>,
    /// Of the first row of each panel.
    norms: Vec<f32>,
    panels: Panels,
}

impl ByNorm {
    /// Of rows of `width` numbers.
    pub fn new(rows: &[f32], width: usize) -> Self {
        let norms: Vec<f32> = rows.chunks_exact(width).map(norm).collect();
        let mut order: Vec<u32> = (0..norms.len() as u32).collect();
        order.sort_by(|&a, &b| norms[b as usize].total_cmp(&norms[a as usize]));
        let sorted: Vec<f32> = order.iter().flat_map(|&row| &rows[row as usize * width..][..width]).copied().collect();
        let norms = order.iter().step_by(PANEL).map(|&row| norms[row as usize]).collect();
        Self { order, norms, panels: Panels::pack(&sorted, width) }
    }

    /// The rows with the largest `x · row`, best first.
    pub fn best(&self, x: &[f32], n: usize) -> Vec<(u32, f32)> {
        Arch::new().dispatch(Search { rows: self, x, n })
    }
}

fn norm(row: &[f32]) -> f32 {
    row.iter().map(|x| x * x).sum::<f32>().sqrt()
}

struct Search<'a> {
    rows: &'a ByNorm,
    x: &'a [f32],
    n: usize,
}

impl WithSimd for Search<'_> {
    type Output = Vec<(u32, f32)>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<(u32, f32)> {
        let Self { rows, x, n } = self;
        let reach = norm(x) * ROUNDING;
        // A tile of one row.
        let tile: Vec<f32> = x.iter().flat_map(|&x| std::iter::once(x).chain([0.0; TILE - 1])).collect();
        let mut best = Best::new(n);
        for ((panel, order), norm) in rows.panels.panels().zip(rows.order.chunks(PANEL)).zip(&rows.norms) {
            if reach * norm < best.threshold() {
                break;
            }
            let mut products = [[0.0; PANEL]; TILE];
            multiply_tile(simd, panel, &tile, 1, &mut products);
            order.iter().zip(products[0]).for_each(|(&row, product)| best.push(row, product));
        }
        best.into_sorted()
    }
}

/// `x · row` for some rows.
pub(super) struct Dots<'a> {
    pub rows: &'a [f32],
    pub x: &'a [f32],
    pub items: &'a [u32],
}

impl WithSimd for Dots<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self { rows, x, items } = self;
        items.iter().map(|&item| dot(simd, &rows[item as usize * x.len()..][..x.len()], x)).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::rank::top_k;

    #[test]
    fn the_best_are_found_as_if_all_were_looked_at() {
        const WIDTH: usize = 16;
        let mut rng = StdRng::seed_from_u64(1);
        let rows: Vec<f32> = (0..3_000)
            .flat_map(|row| {
                let length = 10.0 / (1.0 + row as f32);
                std::array::from_fn::<f32, WIDTH, _>(|_| length * rng.random_range(-1.0..1.0))
            })
            .collect();
        let by_norm = ByNorm::new(&rows, WIDTH);
        for _ in 0..20 {
            let x: [f32; WIDTH] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
            let mut all = vec![0.0; 3_000];
            Panels::pack(&rows, WIDTH).product(&x, &mut all);
            assert_eq!(by_norm.best(&x, 20), top_k(&all, 20));
            let items = [0, 7, 2_999];
            let dots = Arch::new().dispatch(Dots { rows: &rows, x: &x, items: &items });
            items.iter().zip(dots).for_each(|(&item, dot)| assert!((dot - all[item as usize]).abs() < 1e-5));
        }
    }
}
