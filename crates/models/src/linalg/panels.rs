//! A tall matrix arranged for products with few rows: all items' factors against a batch of users'.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Columns of a panel; one tile of sums is 2 AVX-512 vectors or 4 AVX2 vectors wide.
pub(crate) const PANEL: usize = 32;
/// Rows of a batch multiplied together.
pub(crate) const TILE: usize = 8;

/// `n` vectors of `width` numbers, stored so that number k of 32 neighbouring vectors stand side by side.
///
/// A product sums over k in order, whatever the batch, so a batch of one gives the same bits as a batch of many.
pub struct Panels {
    n: usize,
    width: usize,
    values: Vec<f32>,
}

impl Panels {
    /// Packs `n` rows of `width` numbers.
    pub fn pack(rows: &[f32], width: usize) -> Self {
        assert!(width > 0 && rows.len().is_multiple_of(width), "{} numbers are rows of {width}", rows.len());
        let n = rows.len() / width;
        let mut values = vec![0.0; n.div_ceil(PANEL) * PANEL * width];
        values.par_chunks_mut(PANEL * width).zip(rows.par_chunks(PANEL * width)).for_each(|(panel, rows)| {
            for (column, row) in rows.chunks_exact(width).enumerate() {
                for (k, &value) in row.iter().enumerate() {
                    panel[k * PANEL + column] = value;
                }
            }
        });
        Self { n, width, values }
    }

    pub fn len(&self) -> usize {
        self.n
    }

    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Number k of [`PANEL`] neighbouring vectors side by side, for each k; the last panel is filled up with zeros.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(PANEL * self.width)
    }

    /// `out[b, i] = Σ_k x[b, k] · row_i[k]`, on the calling thread.
    pub fn product(&self, x: &[f32], out: &mut [f32]) {
        assert_eq!(x.len() % self.width, 0, "batch of rows of {}", self.width);
        assert_eq!(out.len(), x.len() / self.width * self.n, "one row of products per row of the batch");
        Arch::new().dispatch(Product { panels: self, x, out, stride: self.n, n: self.n, subtract: false });
    }

    /// `out[b, i] −= Σ_k x[b, k] · row_i[k]` for i up to `n`, rows of `out` being `stride` numbers apart.
    pub(crate) fn subtract_product(&self, x: &[f32], out: &mut [f32], stride: usize, n: usize) {
        assert!(n <= self.n.min(stride), "got {n} products of {}, in rows of {stride}", self.n);
        Arch::new().dispatch(Product { panels: self, x, out, stride, n, subtract: true });
    }
}

struct Product<'a> {
    panels: &'a Panels,
    x: &'a [f32],
    out: &'a mut [f32],
    stride: usize,
    n: usize,
    subtract: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { panels, x, out, stride, n, subtract } = self;
        let width = panels.width;
        let tiles: Vec<(usize, Vec<f32>)> =
            x.chunks(TILE * width).map(|rows| (rows.len() / width, interleave(rows, width))).collect();
        for (p, panel) in panels.values.chunks_exact(PANEL * width).take(n.div_ceil(PANEL)).enumerate() {
            let first = p * PANEL;
            let n_columns = PANEL.min(n - first);
            for (t, (n_rows, tile)) in tiles.iter().enumerate() {
                let mut products = [[0.0f32; PANEL]; TILE];
                multiply_tile(simd, panel, tile, *n_rows, &mut products);
                for (r, products) in products[..*n_rows].iter().enumerate() {
                    let at = (t * TILE + r) * stride + first;
                    let out = &mut out[at..at + n_columns];
                    if subtract {
                        out.iter_mut().zip(products).for_each(|(out, product)| *out -= product);
                    } else {
                        out.copy_from_slice(&products[..n_columns]);
                    }
                }
            }
        }
    }
}

/// Number k of every row of the tile side by side; missing rows are zero.
fn interleave(rows: &[f32], width: usize) -> Vec<f32> {
    let mut tile = vec![0.0; TILE * width];
    for (r, row) in rows.chunks_exact(width).enumerate() {
        for (k, &value) in row.iter().enumerate() {
            tile[k * TILE + r] = value;
        }
    }
    tile
}

/// `products[r][c] = Σ_k tile[k][r] · panel[k][c]` for the first `n_rows` rows of the tile, in order of k.
#[inline(always)]
pub(crate) fn multiply_tile<S: Simd>(
    simd: S,
    panel: &[f32],
    tile: &[f32],
    n_rows: usize,
    products: &mut [[f32; PANEL]; TILE],
) {
    match n_rows {
        1 => multiply::<S, 1>(simd, panel, tile, products),
        2 => multiply::<S, 2>(simd, panel, tile, products),
        3 | 4 => multiply::<S, 4>(simd, panel, tile, products),
        // 8 × 2 sums fill the registers of AVX-512; AVX2 has half as many.
        _ if S::F32_LANES >= 16 => multiply::<S, 8>(simd, panel, tile, products),
        _ => multiply_halves(simd, panel, tile, products),
    }
}

#[inline(always)]
fn multiply<S: Simd, const R: usize>(simd: S, panel: &[f32], tile: &[f32], products: &mut [[f32; PANEL]; TILE]) {
    multiply_rows::<S, R>(simd, panel, tile, 0, products);
}

#[inline(always)]
fn multiply_halves<S: Simd>(simd: S, panel: &[f32], tile: &[f32], products: &mut [[f32; PANEL]; TILE]) {
    multiply_rows::<S, 4>(simd, panel, tile, 0, products);
    multiply_rows::<S, 4>(simd, panel, tile, 4, products);
}

#[inline(always)]
fn multiply_rows<S: Simd, const R: usize>(
    simd: S,
    panel: &[f32],
    tile: &[f32],
    first_row: usize,
    products: &mut [[f32; PANEL]; TILE],
) {
    let step = 2 * S::F32_LANES;
    let mut column = 0;
    while column < PANEL {
        let mut sums = [[simd.splat_f32s(0.0); 2]; R];
        for (y, x) in panel.chunks_exact(PANEL).zip(tile.chunks_exact(TILE)) {
            let (y, _) = S::as_simd_f32s(&y[column..column + step]);
            let x = &x[first_row..first_row + R];
            for r in 0..R {
                let x = simd.splat_f32s(x[r]);
                sums[r][0] = simd.mul_add_f32s(x, y[0], sums[r][0]);
                sums[r][1] = simd.mul_add_f32s(x, y[1], sums[r][1]);
            }
        }
        for r in 0..R {
            let (out, _) = S::as_mut_simd_f32s(&mut products[first_row + r][column..column + step]);
            out[0] = sums[r][0];
            out[1] = sums[r][1];
        }
        column += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_dots_and_do_not_depend_on_the_batch() {
        for (n, width, batch) in [(1, 1, 1), (33, 5, 3), (64, 16, 17), (100, 48, 8), (31, 7, 5)] {
            let rows: Vec<f32> = (0..n * width).map(|i| ((i * 31) % 17) as f32 / 16.0 - 0.5).collect();
            let x: Vec<f32> = (0..batch * width).map(|i| ((i * 13) % 23) as f32 / 8.0 - 1.0).collect();
            let panels = Panels::pack(&rows, width);
            let mut out = vec![f32::NAN; batch * n];
            panels.product(&x, &mut out);
            for b in 0..batch {
                let mut single = vec![f32::NAN; n];
                panels.product(&x[b * width..(b + 1) * width], &mut single);
                assert_eq!(single, out[b * n..(b + 1) * n]);
                for i in 0..n {
                    let dot: f32 = (0..width).map(|k| x[b * width + k] * rows[i * width + k]).sum();
                    assert!((dot - single[i]).abs() < 1e-4, "{dot} {}", single[i]);
                }
            }
        }
    }
}
