//! The inner loops: inner products and updates over whole vectors.
//!
//! No closures: a closure is compiled without the instruction set of `simd`, and every vector would go through a call.

use pulp::Simd;

/// `u·(a − b)`, `‖a − b‖²` and `‖u‖²`.
#[inline(always)]
pub(crate) fn compare<S: Simd>(simd: S, u: &[f32], a: &[f32], b: &[f32]) -> [f32; 3] {
    let mut sums = [simd.splat_f32s(0.0); 3];
    let (u, a, b) = (S::as_simd_f32s(u).0, S::as_simd_f32s(a).0, S::as_simd_f32s(b).0);
    for ((&u, &a), &b) in u.iter().zip(a).zip(b) {
        let d = simd.sub_f32s(a, b);
        sums[0] = simd.mul_add_f32s(u, d, sums[0]);
        sums[1] = simd.mul_add_f32s(d, d, sums[1]);
        sums[2] = simd.mul_add_f32s(u, u, sums[2]);
    }
    [simd.reduce_sum_f32s(sums[0]), simd.reduce_sum_f32s(sums[1]), simd.reduce_sum_f32s(sums[2])]
}

/// How a row moves: `x ← keep · x + step · direction`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    pub keep: f32,
    pub step: f32,
}

/// A step up the score of `a` and down that of `b`: `u` along `a − b`, `a` along `u`, `b` along `−u`.
#[inline(always)]
pub(crate) fn part<S: Simd>(
    simd: S,
    (u, mu): (&mut [f32], Move),
    (a, ma): (&mut [f32], Move),
    (b, mb): (&mut [f32], Move),
) {
    let (ku, ka, kb) = (simd.splat_f32s(mu.keep), simd.splat_f32s(ma.keep), simd.splat_f32s(mb.keep));
    let (su, sa, sb) = (simd.splat_f32s(mu.step), simd.splat_f32s(ma.step), simd.splat_f32s(mb.step));
    let (u, a, b) = (S::as_mut_simd_f32s(u).0, S::as_mut_simd_f32s(a).0, S::as_mut_simd_f32s(b).0);
    for ((u, a), b) in u.iter_mut().zip(a).zip(b) {
        let (old, d) = (*u, simd.sub_f32s(*a, *b));
        *u = simd.mul_add_f32s(su, d, simd.mul_f32s(ku, old));
        *a = simd.mul_add_f32s(sa, old, simd.mul_f32s(ka, *a));
        *b = simd.sub_f32s(simd.mul_f32s(kb, *b), simd.mul_f32s(sb, old));
    }
}

/// A step of `u` along `a − b`.
#[inline(always)]
pub(crate) fn along_difference<S: Simd>(simd: S, u: &mut [f32], m: Move, a: &[f32], b: &[f32]) {
    let (keep, step) = (simd.splat_f32s(m.keep), simd.splat_f32s(m.step));
    let (u, a, b) = (S::as_mut_simd_f32s(u).0, S::as_simd_f32s(a).0, S::as_simd_f32s(b).0);
    for ((u, &a), &b) in u.iter_mut().zip(a).zip(b) {
        *u = simd.mul_add_f32s(step, simd.sub_f32s(a, b), simd.mul_f32s(keep, *u));
    }
}

/// A step of `x` along `y`.
#[inline(always)]
pub(crate) fn along<S: Simd>(simd: S, x: &mut [f32], m: Move, y: &[f32]) {
    let (keep, step) = (simd.splat_f32s(m.keep), simd.splat_f32s(m.step));
    let (x, y) = (S::as_mut_simd_f32s(x).0, S::as_simd_f32s(y).0);
    for (x, &y) in x.iter_mut().zip(y) {
        *x = simd.mul_add_f32s(step, y, simd.mul_f32s(keep, *x));
    }
}

/// A step of both rows along each other.
#[inline(always)]
pub(crate) fn meet<S: Simd>(simd: S, (x, mx): (&mut [f32], Move), (y, my): (&mut [f32], Move)) {
    let (kx, ky) = (simd.splat_f32s(mx.keep), simd.splat_f32s(my.keep));
    let (sx, sy) = (simd.splat_f32s(mx.step), simd.splat_f32s(my.step));
    let (x, y) = (S::as_mut_simd_f32s(x).0, S::as_mut_simd_f32s(y).0);
    for (x, y) in x.iter_mut().zip(y) {
        let old = *x;
        *x = simd.mul_add_f32s(sx, *y, simd.mul_f32s(kx, old));
        *y = simd.mul_add_f32s(sy, old, simd.mul_f32s(ky, *y));
    }
}

/// Rows `i` and `j`, which differ, of rows of `width` numbers.
#[inline(always)]
pub(crate) fn two_rows(rows: &mut [f32], width: usize, i: usize, j: usize) -> (&mut [f32], &mut [f32]) {
    let (low, high) = (i.min(j), i.max(j));
    let (head, tail) = rows.split_at_mut(high * width);
    let (low, high) = (&mut head[low * width..(low + 1) * width], &mut tail[..width]);
    if i < j { (low, high) } else { (high, low) }
}

/// `1 / (1 + e⁻ˣ)`.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `−ln p`, finite.
#[inline(always)]
pub(crate) fn log_loss(p: f32) -> f32 {
    -p.max(f32::MIN_POSITIVE).ln()
}
