//! The inverse of a large symmetric positive definite matrix in its own memory.
//!
//! The sweep operator (Goodnight, *A Tutorial on the SWEEP Operator*, The American Statistician 1979) by blocks: for the
//! rows K of a block, with `D = A_KK⁻¹` and `B = A_*K D`, a sweep makes `A_KK ← −D`, `A_*K ← B` and `A_** ← A_** − B A_K*`;
//! after a sweep of every block A is `−A⁻¹`. Only the lower triangle is kept up to date, so it takes n³ operations like
//! Cholesky and inverse, but all of them in one kind of product.

use rayon::prelude::*;

use super::Panels;
use crate::Result;

/// Rows of a block: enough to make the products wait for arithmetic and not for memory.
const BLOCK: usize = 128;
/// Rows updated as one task.
const TASK: usize = 32;

/// `A ← A⁻¹`, both triangles of the result filled. `step` hears after each block which one it was, and of how many.
pub(crate) fn invert_symmetric(a: &mut [f32], n: usize, step: impl Fn(usize, usize) -> Result<()>) -> Result<()> {
    assert_eq!(a.len(), n * n, "a square matrix of order {n}");
    for first in (0..n).step_by(BLOCK) {
        sweep(a, n, first, (first + BLOCK).min(n));
        step(first / BLOCK + 1, n.div_ceil(BLOCK))?;
    }
    a.par_iter_mut().for_each(|x| *x = -*x);
    mirror(a, n);
    Ok(())
}

fn sweep(a: &mut [f32], n: usize, first: usize, last: usize) {
    let width = last - first;
    let column = column_block(a, n, first, last);
    let inverse = inverse_of_block(&column[first * width..last * width], width);
    let mut scaled = vec![0.0; n * width];
    let inverse_panels = Panels::pack(&inverse, width);
    scaled
        .par_chunks_mut(TASK * width)
        .zip(column.par_chunks(TASK * width))
        .for_each(|(scaled, rows)| inverse_panels.product(rows, scaled));

    let panels = Panels::pack(&column, width);
    a.par_chunks_mut(TASK * n).zip(scaled.par_chunks(TASK * width)).enumerate().for_each(|(task, (rows, scaled))| {
        let top = task * TASK;
        let n_columns = (top + TASK).min(n);
        panels.subtract_product(scaled, rows, n, n_columns);
        for (i, (row, scaled)) in (top..).zip(rows.chunks_exact_mut(n).zip(scaled.chunks_exact(width))) {
            if (first..last).contains(&i) {
                row[first..last].iter_mut().zip(&inverse[(i - first) * width..]).for_each(|(x, d)| *x = -d);
            } else {
                row[first..last].copy_from_slice(scaled);
            }
        }
    });
    // Rows of the block hold columns left of it, which are those of `scaled` transposed.
    a[first * n..last * n].par_chunks_mut(n).enumerate().for_each(|(k, row)| {
        row[..first].iter_mut().zip(scaled.chunks_exact(width)).for_each(|(x, scaled)| *x = scaled[k]);
    });
}

/// `A_*K` by rows, read from the lower triangle.
fn column_block(a: &[f32], n: usize, first: usize, last: usize) -> Vec<f32> {
    let width = last - first;
    let mut out = vec![0.0; n * width];
    out.par_chunks_mut(width).enumerate().for_each(|(i, out)| {
        for (k, out) in (first..last).zip(out) {
            *out = if k <= i { a[i * n + k] } else { a[k * n + i] };
        }
    });
    out
}

/// A small inverse in f64, by the same sweeps row by row.
fn inverse_of_block(block: &[f32], n: usize) -> Vec<f32> {
    let mut a: Vec<f64> = block.iter().map(|&x| f64::from(x)).collect();
    for k in 0..n {
        let pivot = 1.0 / a[k * n + k].max(f64::MIN_POSITIVE);
        let row: Vec<f64> = a[k * n..(k + 1) * n].to_vec();
        for (i, out) in a.chunks_exact_mut(n).enumerate().filter(|(i, _)| *i != k) {
            let factor = row[i] * pivot;
            out.iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
            out[k] = factor;
        }
        a[k * n..(k + 1) * n].iter_mut().zip(&row).for_each(|(x, y)| *x = y * pivot);
        a[k * n + k] = -pivot;
    }
    a.iter().map(|&x| -x as f32).collect()
}

/// Copies the lower triangle to the upper one, tile by tile so that neither side is read or written with long strides.
fn mirror(a: &mut [f32], n: usize) {
    const TILE: usize = 64;
    for first in (0..n).step_by(TILE) {
        let last = (first + TILE).min(n);
        let (head, below) = a.split_at_mut(last * n);
        let rows = &mut head[first * n..];
        for i in 0..last - first {
            for j in i + 1..last - first {
                rows[i * n + first + j] = rows[j * n + first + i];
            }
        }
        rows.par_chunks_mut(n).enumerate().for_each(|(i, row)| {
            row[last..].iter_mut().zip(below.chunks_exact(n)).for_each(|(x, below)| *x = below[first + i]);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        for n in [0, 1, 2, 31, 127, 128, 129, 300] {
            let value = |i: usize, j: usize| {
                let noise = ((i * j + i + j) % 13) as f32 / 13.0 - 0.5;
                if i == j { 8.0 + n as f32 / 8.0 } else { noise }
            };
            let a: Vec<f32> = (0..n * n).map(|ij| value(ij / n, ij % n)).collect();
            let mut inverse = a.clone();
            invert_symmetric(&mut inverse, n, |_, _| Ok(())).unwrap();
            for i in 0..n {
                for j in 0..n {
                    let product: f64 = (0..n).map(|k| f64::from(a[i * n + k]) * f64::from(inverse[k * n + j])).sum();
                    let wanted = f64::from(u8::from(i == j));
                    assert!((product - wanted).abs() < 1e-4, "({i}, {j}) of {n}: {product}");
                    assert_eq!(inverse[i * n + j], inverse[j * n + i]);
                }
            }
        }
    }
}
