//! `AᵀA`: of all factors (once per half iteration) and of one user's few rows (once per user).

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::LANES;

/// Output rows of a register tile; 4 × 2 vectors of sums hide the latency of the multiply-add.
const TILE: usize = 4;

/// Adds the upper triangle of `AᵀA` to `out`, for output rows `first..last`; values left of the diagonal are undefined.
///
/// `rows` holds A row-major, `stride` numbers a row, of which the first `width` (whole vectors) take part.
#[inline(always)]
pub(crate) fn gram_upper<S: Simd>(
    simd: S,
    (rows, stride, width): (&[f32], usize, usize),
    (first, last): (usize, usize),
    (out, out_stride): (&mut [f32], usize),
) {
    let lanes = S::F32_LANES;
    debug_assert!(width.is_multiple_of(LANES) && first.is_multiple_of(TILE) && width <= stride);
    let mut i = first;
    while i < last {
        let mut j = i / LANES * LANES;
        let tile_out = &mut out[(i - first) * out_stride..];
        while j + 2 * lanes <= width {
            tile::<S, 2>(simd, rows, stride, (i, j), tile_out, out_stride);
            j += 2 * lanes;
        }
        while j < width {
            tile::<S, 1>(simd, rows, stride, (i, j), tile_out, out_stride);
            j += lanes;
        }
        i += TILE;
    }
}

#[inline(always)]
fn tile<S: Simd, const W: usize>(
    simd: S,
    rows: &[f32],
    stride: usize,
    (i, j): (usize, usize),
    out: &mut [f32],
    out_stride: usize,
) {
    let lanes = S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); W]; TILE];
    for row in rows.chunks_exact(stride) {
        let left = &row[i..i + TILE];
        let (right, _) = S::as_simd_f32s(&row[j..j + W * lanes]);
        for r in 0..TILE {
            let x = simd.splat_f32s(left[r]);
            for w in 0..W {
                sums[r][w] = simd.mul_add_f32s(x, right[w], sums[r][w]);
            }
        }
    }
    for r in 0..TILE {
        let (out, _) = S::as_mut_simd_f32s(&mut out[r * out_stride + j..r * out_stride + j + W * lanes]);
        for w in 0..W {
            out[w] = simd.add_f32s(out[w], sums[r][w]);
        }
    }
}

/// The full symmetric `AᵀA` (`width × width`, f64) on all cores. Sums of a few hundred rows are taken in f32 and
/// added up in f64; their order is fixed, so the result does not depend on the number of threads.
pub fn gram(rows: &[f32], width: usize) -> Vec<f64> {
    assert!(width.is_multiple_of(LANES) && width > 0, "width {width} is whole vectors");
    let mut out = vec![0.0f64; width * width];
    out.par_chunks_mut(LANES * width).enumerate().for_each(|(strip, out)| {
        Arch::new().dispatch(Strip { rows, width, first: strip * LANES, out });
    });
    for i in 0..width {
        for j in 0..i {
            out[i * width + j] = out[j * width + i];
        }
    }
    out
}

/// Rows of A summed in f32 before they go to f64: short enough to lose nothing, and their strip stays in the cache.
const BLOCK: usize = 256;

struct Strip<'a> {
    rows: &'a [f32],
    width: usize,
    first: usize,
    out: &'a mut [f64],
}

impl WithSimd for Strip<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, width, first, out } = self;
        let mut sums = vec![0.0f32; LANES * width];
        for block in rows.chunks(BLOCK * width) {
            sums.fill(0.0);
            gram_upper(simd, (block, width, width), (first, first + LANES), (&mut sums, width));
            for r in 0..LANES {
                let from = r * width + first;
                for (o, s) in out[from..(r + 1) * width].iter_mut().zip(&sums[from..(r + 1) * width]) {
                    *o += f64::from(*s);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_sum_over_rows() {
        for (n, width) in [(1, 16), (7, 32), (600, 48), (3, 80)] {
            let rows: Vec<f32> = (0..n * width).map(|x| ((x * 7919) % 31) as f32 - 15.0).collect();
            let fast = gram(&rows, width);
            for i in 0..width {
                for j in 0..width {
                    let slow: f64 = rows.chunks(width).map(|r| f64::from(r[i]) * f64::from(r[j])).sum();
                    assert_eq!(fast[i * width + j], slow, "({i}, {j}) of {n} × {width}");
                }
            }
        }
    }
}
