//! Embeddings in rows, and their products with one vector.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

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

    /// `scores[row] = row · query`, on all cores.
    pub fn dots(&self, query: &[f32], scores: &mut [f32]) {
        assert_eq!(query.len(), self.width, "numbers of a query");
        let mut padded = query.to_vec();
        padded.resize(self.stride, 0.0);
        scores.par_chunks_mut(BLOCK).zip(self.values.par_chunks(BLOCK * self.stride)).for_each(|(scores, rows)| {
            Arch::new().dispatch(Dots { rows, query: &padded, scores });
        });
    }
}

struct Dots<'a> {
    rows: &'a [f32],
    query: &'a [f32],
    scores: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (query, _) = S::as_simd_f32s(self.query);
        for (score, row) in self.scores.iter_mut().zip(self.rows.chunks_exact(self.query.len())) {
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
