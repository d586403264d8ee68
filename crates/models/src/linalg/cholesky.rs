//! Solving small symmetric systems: `UᵀU = M`, right-hand side carried along as one more column.

use pulp::Simd;

use super::{LANES, add_scaled, dot};

/// Pivot rows eliminated together, so that the rest of the matrix is read and written a quarter as often.
const PANEL: usize = 4;

/// Factors the symmetric positive definite `M = UᵀU` in place, from and to the upper triangle of the first `n` rows.
///
/// Columns from `n` up to `stride` (whole vectors) are right-hand sides: where they held `b`, they hold `U⁻ᵀb` after.
/// Values left of the diagonal are scratch.
#[inline(always)]
pub(crate) fn factor<S: Simd>(simd: S, m: &mut [f32], stride: usize, n: usize) {
    debug_assert!(stride.is_multiple_of(LANES) && n < stride);
    let mut first = 0;
    while first < n {
        let last = (first + PANEL).min(n);
        let (head, rest) = m.split_at_mut(last * stride);
        let panel = &mut head[first * stride..];
        for k in first..last {
            let (above, below) = panel.split_at_mut((k - first + 1) * stride);
            let row_k = &mut above[(k - first) * stride..];
            let scale = 1.0 / row_k[k].max(f32::MIN_POSITIVE).sqrt();
            row_k[align(k)..].iter_mut().for_each(|x| *x *= scale);
            for (i, row_i) in (k + 1..last).zip(below.chunks_exact_mut(stride)) {
                add_scaled(simd, &mut row_i[align(i)..], -row_k[i], &row_k[align(i)..]);
            }
        }
        if last == first + PANEL {
            for (i, row_i) in (last..n).zip(rest.chunks_exact_mut(stride)) {
                subtract_panel(simd, row_i, panel, stride, i);
            }
        }
        first = last;
    }
}

/// `row_i −= Σ_k U_ki · row_k` over the rows of a full panel.
#[inline(always)]
fn subtract_panel<S: Simd>(simd: S, row_i: &mut [f32], panel: &[f32], stride: usize, i: usize) {
    let from = align(i);
    let (row0, rest) = panel.split_at(stride);
    let (row1, rest) = rest.split_at(stride);
    let (row2, row3) = rest.split_at(stride);
    // Spelled out: through closures the compiler stops inlining, and vectors travel through memory.
    let (u0, u1) = (simd.splat_f32s(-row0[i]), simd.splat_f32s(-row1[i]));
    let (u2, u3) = (simd.splat_f32s(-row2[i]), simd.splat_f32s(-row3[i]));
    let (p0, p1) = (S::as_simd_f32s(&row0[from..]).0, S::as_simd_f32s(&row1[from..]).0);
    let (p2, p3) = (S::as_simd_f32s(&row2[from..]).0, S::as_simd_f32s(&row3[from..]).0);
    let (out, _) = S::as_mut_simd_f32s(&mut row_i[from..]);
    for ((((o, p0), p1), p2), p3) in out.iter_mut().zip(p0).zip(p1).zip(p2).zip(p3) {
        let a = simd.mul_add_f32s(u0, *p0, *o);
        let b = simd.mul_f32s(u1, *p1);
        let a = simd.mul_add_f32s(u2, *p2, a);
        let b = simd.mul_add_f32s(u3, *p3, b);
        *o = simd.add_f32s(a, b);
    }
}

/// Solves `U x = y`, with `y` in column `column` of the factored matrix. `x` has `stride` numbers; those from `n` on
/// are set to 0.
#[inline(always)]
pub(crate) fn substitute_back<S: Simd>(simd: S, m: &[f32], stride: usize, n: usize, column: usize, x: &mut [f32]) {
    x[..stride].fill(0.0);
    for k in (0..n).rev() {
        let row = &m[k * stride..(k + 1) * stride];
        // Up to the next whole vector one by one: what stands left of the diagonal is scratch and may be infinite.
        let whole = (k + 1).next_multiple_of(LANES).min(padded_to(n));
        let mut sum = row[column];
        for j in k + 1..whole.min(n) {
            sum -= row[j] * x[j];
        }
        sum -= dot(simd, &row[whole..padded_to(n)], &x[whole..padded_to(n)]);
        x[k] = sum / row[k];
    }
}

#[inline(always)]
fn align(i: usize) -> usize {
    i / LANES * LANES
}

#[inline(always)]
fn padded_to(n: usize) -> usize {
    n.next_multiple_of(LANES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    struct Solve<'a>(&'a mut [f32], usize, usize, usize, &'a mut [f32]);
    impl WithSimd for Solve<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            factor(simd, self.0, self.1, self.2);
            substitute_back(simd, self.0, self.1, self.2, self.3, self.4);
        }
    }

    #[test]
    fn solves_by_hand() {
        // [4 2; 2 3] x = [8; 7]  →  x = [1.25; 1.5]
        let mut m = vec![0.0; 32];
        (m[0], m[1], m[2], m[17], m[18]) = (4.0, 2.0, 8.0, 3.0, 7.0);
        let mut x = vec![0.0; 16];
        Arch::new().dispatch(Solve(&mut m, 16, 2, 2, &mut x));
        assert_eq!((m[0], m[1], x[0], x[1]), (2.0, 1.0, 1.25, 1.5));
    }

    #[test]
    fn solves_systems_of_every_size() {
        for n in (1..70usize).chain([127, 128, 130]) {
            let stride = (n + 1).next_multiple_of(LANES);
            let wanted: Vec<f32> = (0..n).map(|i| ((i * 37) % 11) as f32 - 5.0).collect();
            let value =
                |i: usize, j: usize| if i == j { n as f32 + 3.0 } else { (((i * j + i + j) % 7) as f32 - 3.0) / 4.0 };
            let mut m = vec![0.0; n * stride];
            for i in 0..n {
                for j in 0..n {
                    m[i * stride + j] = value(i, j);
                }
                m[i * stride + n] = (0..n).map(|j| value(i, j) * wanted[j]).sum();
            }
            let mut x = vec![0.0; stride];
            Arch::new().dispatch(Solve(&mut m, stride, n, n, &mut x));
            for i in 0..n {
                assert!((x[i] - wanted[i]).abs() < 1e-3, "n = {n}, x[{i}] = {} instead of {}", x[i], wanted[i]);
            }
        }
    }
}
