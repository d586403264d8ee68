//! Embeddings in rows, and their products with one vector or with many.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

/// Rows are padded to the widest vector, so that the scan has no tail.
const LANES: usize = 16;
/// Rows that one thread reads at a time: 6 MB of them at 384 numbers.
const BLOCK: usize = 4096;

#[derive(Clone)]
pub(super) struct Rows {
    width: usize,
    stride: usize,
    values: Vec<f32>,
}

impl Rows {
    pub fn new(width: usize) -> Self {
        Self { width, stride: width.next_multiple_of(LANES), values: Vec::new() }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn len(&self) -> usize {
        self.values.len() / self.stride.max(1)
    }

    pub fn get(&self, row: usize) -> &[f32] {
        &self.values[row * self.stride..][..self.width]
    }

    /// An empty vector is all zero.
    pub fn set(&mut self, row: usize, vector: &[f32]) {
        assert!(vector.is_empty() || vector.len() == self.width, "got {} numbers, wanted {}", vector.len(), self.width);
        let end = (row + 1) * self.stride;
        if self.values.len() < end {
            self.values.resize(end, 0.0);
        }
        let slot = &mut self.values[row * self.stride..end];
        slot.fill(0.0);
        slot[..vector.len()].copy_from_slice(vector);
    }

    /// As wide as a row is in memory; an empty vector is all zero.
    pub fn padded(&self, query: &[f32]) -> Vec<f32> {
        assert!(query.is_empty() || query.len() == self.width, "got {} numbers, wanted {}", query.len(), self.width);
        let mut padded = query.to_vec();
        padded.resize(self.stride, 0.0);
        padded
    }

    /// `scores[row] = row · query`, on all cores.
    pub fn dots(&self, query: &[f32], scores: &mut [f32]) {
        let query = &self.padded(query);
        scores.par_chunks_mut(BLOCK).zip(self.values.par_chunks(BLOCK * self.stride)).for_each(|(scores, rows)| {
            Arch::new().dispatch(Dots { rows: rows.chunks_exact(query.len()), query, scores });
        });
    }

    /// `scores[i] = rows[i] · query` for a `query` of [`Rows::padded`], on this thread.
    pub fn dots_of(&self, rows: &[u32], query: &[f32], scores: &mut Vec<f32>) {
        scores.resize(rows.len(), 0.0);
        let rows = rows.iter().map(|&row| &self.values[row as usize * self.stride..][..self.stride]);
        Arch::new().dispatch(Dots { rows, query, scores });
    }

    /// All rows as the right side of [`Packed::products`].
    pub fn packed(&self) -> Packed {
        let gemm = GemmExecutor::new();
        let rows = NdTensorView::from_data([self.len(), self.stride], self.values.as_slice());
        let matrix = gemm.prepack_b(rows.transposed());
        Packed { gemm, matrix, n_rows: self.len(), stride: self.stride }
    }
}

/// Rows laid out for products with many vectors at once.
pub(super) struct Packed {
    gemm: GemmExecutor,
    matrix: PackedBMatrix<f32>,
    n_rows: usize,
    stride: usize,
}

impl Packed {
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Into `products` a row with those of all rows for each of the padded `queries`, on all cores.
    pub fn products(&self, queries: &[f32], products: &mut [f32]) {
        let n = queries.len() / self.stride;
        let queries = GemmInputA::Unpacked(NdTensorView::from_data([n, self.stride], queries));
        let rows = GemmInputB::Packed(&self.matrix);
        self.gemm.gemm(products, queries, rows, GemmOptions::default()).expect("shapes agree");
    }
}

struct Dots<'a, R> {
    rows: R,
    query: &'a [f32],
    scores: &'a mut [f32],
}

impl<'a, R: Iterator<Item = &'a [f32]>> WithSimd for Dots<'a, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (query, _) = S::as_simd_f32s(self.query);
        for (score, row) in self.scores.iter_mut().zip(self.rows) {
            let (row, _) = S::as_simd_f32s(row);
            // Four sums at a time hide the latency of one.
            let mut sums = [simd.splat_f32s(0.0); 4];
            for (x, y) in row.chunks(4).zip(query.chunks(4)) {
                for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
                    *sum = simd.mul_add_f32s(*x, *y, *sum);
                }
            }
            let [a, b, c, d] = sums;
            *score = simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)));
        }
    }
}
