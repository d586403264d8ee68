//! Row-major matrices and their one product.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::linalg::{PANEL, TILE, multiply_tile};

/// Numbers in rows, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    pub n_rows: usize,
    pub n_cols: usize,
    pub values: Vec<f32>,
}

impl Matrix {
    pub fn zeros(n_rows: usize, n_cols: usize) -> Self {
        Self { n_rows, n_cols, values: vec![0.0; n_rows * n_cols] }
    }

    pub fn from_rows(n_cols: usize, values: Vec<f32>) -> Self {
        assert!(n_cols > 0 && values.len().is_multiple_of(n_cols), "{} numbers are rows of {n_cols}", values.len());
        Self { n_rows: values.len() / n_cols, n_cols, values }
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.n_cols..(row + 1) * self.n_cols]
    }

    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.n_cols..(row + 1) * self.n_cols]
    }

    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.n_cols)
    }

    pub fn rows_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f32]> {
        self.values.chunks_exact_mut(self.n_cols)
    }

    pub fn add(&mut self, other: &Self) {
        assert_eq!((self.n_rows, self.n_cols), (other.n_rows, other.n_cols), "sum of equal shapes");
        self.values.iter_mut().zip(&other.values).for_each(|(x, y)| *x += y);
    }

    /// `self += a b`. Sums run in order of the inner index, whatever the number of threads.
    pub fn add_product(&mut self, a: Factor<'_>, b: Factor<'_>) {
        let ((n_rows, inner), (b_rows, n_cols)) = (a.shape(), b.shape());
        assert_eq!(inner, b_rows, "inner dimensions of a product");
        assert_eq!((self.n_rows, self.n_cols), (n_rows, n_cols), "shape of a product");
        if n_rows == 0 || n_cols == 0 {
            return;
        }
        for first in (0..inner).step_by(DEPTH) {
            let depths = first..first + DEPTH.min(inner - first);
            let panels = match b {
                Factor::Plain(b) => pack_lines::<PANEL>(b, depths.clone(), 0..n_cols),
                Factor::Transposed(b) => pack_across::<PANEL>(b, depths.clone(), 0..n_cols),
            };
            let block = |(number, out): (usize, &mut [f32])| {
                let top = number * BLOCK;
                let rows = top..top + out.len() / n_cols;
                let tiles = match a {
                    Factor::Plain(a) => pack_across::<TILE>(a, depths.clone(), rows),
                    Factor::Transposed(a) => pack_lines::<TILE>(a, depths.clone(), rows),
                };
                Arch::new().dispatch(AddBlock { tiles: &tiles, panels: &panels, depth: depths.len(), n_cols, out });
            };
            if n_rows * n_cols * depths.len() < LARGE {
                self.values.chunks_mut(BLOCK * n_cols).enumerate().for_each(block);
            } else {
                self.values.par_chunks_mut(BLOCK * n_cols).enumerate().for_each(block);
            }
        }
    }
}

/// A side of a product.
#[derive(Clone, Copy)]
pub(crate) enum Factor<'a> {
    Plain(&'a Matrix),
    Transposed(&'a Matrix),
}

/// Inner indices multiplied before the sums go back to memory: a panel of them stays in the second cache.
const DEPTH: usize = 512;
/// Rows of a task.
const BLOCK: usize = 64;
/// Multiplications from which a product is worth spreading over threads.
const LARGE: usize = 1 << 24;

impl Factor<'_> {
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::Plain(m) => (m.n_rows, m.n_cols),
            Self::Transposed(m) => (m.n_cols, m.n_rows),
        }
    }
}

/// Groups of `WIDTH` neighbouring columns, of each of the rows `depths` in turn; the last group is filled up with zeros.
fn pack_lines<const WIDTH: usize>(m: &Matrix, depths: Range<usize>, columns: Range<usize>) -> Vec<f32> {
    let mut packed = Vec::with_capacity(columns.len().next_multiple_of(WIDTH) * depths.len());
    for first in columns.clone().step_by(WIDTH) {
        for k in depths.clone() {
            let line = &m.row(k)[first..columns.end];
            match line.first_chunk::<WIDTH>() {
                Some(whole) => packed.extend_from_slice(whole),
                None => {
                    packed.extend_from_slice(line);
                    packed.resize(packed.len().next_multiple_of(WIDTH), 0.0);
                }
            }
        }
    }
    packed
}

/// The same of the transposed matrix: groups of `WIDTH` neighbouring rows, of each of the columns `depths` in turn.
fn pack_across<const WIDTH: usize>(m: &Matrix, depths: Range<usize>, rows: Range<usize>) -> Vec<f32> {
    let mut packed = vec![0.0; rows.len().next_multiple_of(WIDTH) * depths.len()];
    for (group, first) in packed.chunks_exact_mut(WIDTH * depths.len()).zip(rows.clone().step_by(WIDTH)) {
        for (r, row) in (first..rows.end.min(first + WIDTH)).enumerate() {
            let line = &m.row(row)[depths.clone()];
            group.chunks_exact_mut(WIDTH).zip(line).for_each(|(out, x)| out[r] = *x);
        }
    }
    packed
}

struct AddBlock<'a> {
    tiles: &'a [f32],
    panels: &'a [f32],
    depth: usize,
    n_cols: usize,
    out: &'a mut [f32],
}

impl WithSimd for AddBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tiles, panels, depth, n_cols, out } = self;
        for (tile, out) in tiles.chunks_exact(TILE * depth).zip(out.chunks_mut(TILE * n_cols)) {
            let n_rows = out.len() / n_cols;
            for (panel, first) in panels.chunks_exact(PANEL * depth).zip((0..n_cols).step_by(PANEL)) {
                let mut products = [[0.0f32; PANEL]; TILE];
                multiply_tile(simd, panel, tile, n_rows, &mut products);
                for (products, out) in products.iter().zip(out.chunks_exact_mut(n_cols)) {
                    let n_here = PANEL.min(n_cols - first);
                    out[first..first + n_here].iter_mut().zip(products).for_each(|(out, x)| *out += x);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(n_rows: usize, n_cols: usize) -> Matrix {
        Matrix::from_rows(n_cols, (0..n_rows * n_cols).map(|i| ((i * 31) % 17) as f32 / 16.0 - 0.5).collect())
    }

    fn transposed(m: &Matrix) -> Matrix {
        let columns = (0..m.n_cols).flat_map(|c| m.rows().map(move |row| row[c]));
        Matrix::from_rows(m.n_rows, columns.collect())
    }

    #[test]
    fn a_product_is_its_definition_for_every_shape_and_side() {
        for (m, k, n) in [(1, 1, 1), (9, 5, 33), (64, 16, 32), (3, 700, 40), (130, 9, 70), (300, 300, 200)] {
            let (a, b) = (matrix(m, k), matrix(k, n));
            let mut wanted = Matrix::zeros(m, n);
            for (i, row) in wanted.rows_mut().enumerate() {
                for (j, out) in row.iter_mut().enumerate() {
                    *out = 1.0 + (0..k).map(|x| a.row(i)[x] * b.row(x)[j]).sum::<f32>();
                }
            }
            let (at, bt) = (transposed(&a), transposed(&b));
            for (a, b) in [
                (Factor::Plain(&a), Factor::Plain(&b)),
                (Factor::Transposed(&at), Factor::Plain(&b)),
                (Factor::Plain(&a), Factor::Transposed(&bt)),
            ] {
                let mut got = Matrix::from_rows(n, vec![1.0; m * n]);
                got.add_product(a, b);
                let off = got.values.iter().zip(&wanted.values).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
                assert!(off < 2e-3, "{m} × {k} × {n}: off by {off}");
            }
        }
    }
}
