//! The largest singular vectors of a sparse matrix, by randomised subspace iteration.
//!
//! Halko, Martinsson, Tropp, *Finding Structure with Randomness: Probabilistic Algorithms for Constructing Approximate
//! Matrix Decompositions* (SIAM Review 2011), algorithms 4.4 and 5.3. Every output row is a sum in fixed order, so the
//! result does not depend on the number of threads.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{Panels, add_scaled, eigen_symmetric, gram, normals, padded};
use crate::{Interactions, Result};

/// What `M ≈ U diag(√eigenvalues) Vᵀ` is when only `MᵀM` matters.
pub(crate) struct TruncatedSvd {
    /// Eigenvalues of `MᵀM`, largest first; at most as many as asked for.
    pub eigenvalues: Vec<f32>,
    /// V: a row of `width` numbers per column of M, those beyond `eigenvalues` 0.
    pub vectors: Vec<f32>,
    pub width: usize,
}

/// Directions followed beyond those asked for: with them the last ones asked for converge too.
const OVERSAMPLING: usize = 32;
const N_ITERATIONS: usize = 6;
/// Directions shorter than this share of the longest are rounding errors (as squares).
const NEGLIGIBLE: f64 = 1e-8;

/// The `rank` largest singular values and right singular vectors of a matrix that is given by rows and by columns.
/// `step` hears after each round which one it was, and of how many.
pub(crate) fn truncated_svd(
    by_row: &Interactions,
    by_column: &Interactions,
    rank: usize,
    seed: u64,
    step: impl Fn(usize, usize) -> Result<()>,
) -> Result<TruncatedSvd> {
    let n_columns = by_column.n_users();
    let rank = rank.min(n_columns).min(by_row.n_users());
    let mut width = padded(rank + OVERSAMPLING);
    let mut basis = normals(n_columns, width, width, 1.0, seed);
    for iteration in 0..N_ITERATIONS {
        let image = sparse_product(by_column, &sparse_product(by_row, &basis, width), width);
        let spectrum = Spectrum::of(&image, width);
        basis = spectrum.project(&image, width, |value| value.sqrt().recip());
        step(iteration + 1, N_ITERATIONS + 1)?;
    }
    // Rayleigh and Ritz: the best vectors within the subspace that was found.
    let spectrum = Spectrum::of(&sparse_product(by_row, &basis, width), width);
    width = padded(rank.max(1));
    let vectors = spectrum.project(&basis, rank, |_| 1.0);
    let eigenvalues = spectrum.values.iter().take(rank).map(|&value| value as f32).collect();
    step(N_ITERATIONS + 1, N_ITERATIONS + 1)?;
    Ok(TruncatedSvd { eigenvalues, vectors, width })
}

impl TruncatedSvd {
    /// Forgets all but the first `n` singular values.
    pub fn truncate(&mut self, n: usize) {
        self.eigenvalues.truncate(n);
        let (old, new) = (self.width, padded(self.eigenvalues.len().max(1)));
        for row in 0..self.vectors.len() / old {
            self.vectors.copy_within(row * old..row * old + new, row * new);
            self.vectors[row * new..(row + 1) * new][self.eigenvalues.len()..].fill(0.0);
        }
        self.vectors.truncate(self.vectors.len() / old * new);
        self.width = new;
    }
}

/// The Gramian of some rows, taken apart.
struct Spectrum {
    width: usize,
    /// Largest first; 0 where there is nothing but rounding errors.
    values: Vec<f64>,
    /// One eigenvector after the other.
    vectors: Vec<f64>,
}

impl Spectrum {
    fn of(rows: &[f32], width: usize) -> Self {
        let eigen = eigen_symmetric(gram(rows, width), width);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| eigen.values[b].total_cmp(&eigen.values[a]));
        let floor = NEGLIGIBLE * order.first().map_or(0.0, |&first| eigen.values[first]);
        let value = |&k: &usize| if eigen.values[k] > floor { eigen.values[k] } else { 0.0 };
        Self {
            width,
            values: order.iter().map(value).collect(),
            vectors: order.iter().flat_map(|&k| &eigen.vectors[k * width..(k + 1) * width]).copied().collect(),
        }
    }

    /// The rows in terms of the first `n` eigenvectors, each scaled by what `scale` makes of its eigenvalue; padded.
    fn project(&self, rows: &[f32], n: usize, scale: impl Fn(f64) -> f64) -> Vec<f32> {
        let out_width = padded(n.max(1));
        let mut directions = vec![0.0f32; out_width * self.width];
        let pairs = self.values.iter().zip(self.vectors.chunks_exact(self.width)).take(n);
        for ((&value, vector), out) in pairs.zip(directions.chunks_exact_mut(self.width)) {
            let scale = if value > 0.0 { scale(value) } else { 0.0 };
            out.iter_mut().zip(vector).for_each(|(out, x)| *out = (scale * x) as f32);
        }
        let panels = Panels::pack(&directions, self.width);
        let mut out = vec![0.0; rows.len() / self.width * out_width];
        const TASK: usize = 64;
        out.par_chunks_mut(TASK * out_width)
            .zip(rows.par_chunks(TASK * self.width))
            .for_each(|(out, rows)| panels.product(rows, out));
        out
    }
}

/// `M X` for a sparse M and rows X of `width` numbers.
fn sparse_product(matrix: &Interactions, x: &[f32], width: usize) -> Vec<f32> {
    const TASK: usize = 32;
    let mut out = vec![0.0; matrix.n_users() * width];
    out.par_chunks_mut(TASK * width).enumerate().for_each(|(task, out)| {
        Arch::new().dispatch(SparseRows { matrix, first: task * TASK, x, width, out });
    });
    out
}

struct SparseRows<'a> {
    matrix: &'a Interactions,
    first: usize,
    x: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for SparseRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (r, out) in self.out.chunks_exact_mut(self.width).enumerate() {
            let row = self.matrix.row(self.first + r);
            for (&column, &weight) in row.items.iter().zip(row.weights) {
                add_scaled(simd, out, weight, &self.x[column as usize * self.width..][..self.width]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interaction, linalg::LANES};

    /// Blocks of ones, all of a kind within a block: block b has b + 2 rows and b + 1 columns, singular value
    /// √((b + 1)(b + 2)).
    fn blocks(n: u32) -> Interactions {
        let (mut cells, mut user, mut item) = (Vec::new(), 0, 0);
        for b in 0..n {
            for (u, i) in (0..b + 2).flat_map(|u| (0..b + 1).map(move |i| (u, i))) {
                cells.push(Interaction { user: user + u, item: item + i, weight: 1.0, timestamp: 0 });
            }
            (user, item) = (user + b + 2, item + b + 1);
        }
        Interactions::new(user as usize, item as usize, &cells).unwrap()
    }

    #[test]
    fn singular_values_of_blocks_by_hand() {
        for (n, rank) in [(1, 4), (5, 3), (12, 5), (60, 20)] {
            let matrix = blocks(n);
            let svd = truncated_svd(&matrix, &matrix.transposed(), rank, 3, |_, _| Ok(())).unwrap();
            let mut few = truncated_svd(&matrix, &matrix.transposed(), rank, 3, |_, _| Ok(())).unwrap();
            few.truncate(2);
            for (short, long) in few.vectors.chunks(few.width).zip(svd.vectors.chunks(svd.width)) {
                assert!(few.width == LANES && (0..LANES).all(|k| short[k] == if k < 2 { long[k] } else { 0.0 }));
            }
            for (k, &value) in svd.eigenvalues.iter().enumerate() {
                let wanted = if k < n as usize { ((n as usize - k) * (n as usize - k + 1)) as f32 } else { 0.0 };
                assert!((value - wanted).abs() < 1e-2 * (1.0 + wanted), "value {k} of {n} blocks: {value}, {wanted}");
                let length: f32 = svd.vectors.chunks(svd.width).map(|row| row[k] * row[k]).sum();
                assert!((length - 1.0).abs() < 1e-3 || wanted == 0.0, "vector {k} has length² {length}");
            }
        }
    }
}
