//! Functions that compile to vectors: no branches, no calls.

use pulp::Arch;

/// Runs `work` compiled for the widest vectors of this machine.
#[inline]
pub(super) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// `eˣ`, to 2 units in the last place, by Cephes' polynomial; between e⁻⁸⁷ and e⁸⁸.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2²³ leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    (p * r * r + r + 1.0) * power
}

#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

/// `ln(1 + eˣ)`.
pub(super) fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `f` of both, summed over the rows: in 16 sums side by side, since a single one may not be reordered.
#[inline(always)]
pub(super) fn sum_of(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0f32; 16];
    let (xs, ys) = (x.chunks_exact(16), y.chunks_exact(16));
    let rest: f32 = xs.remainder().iter().zip(ys.remainder()).map(|(x, y)| f(*x, *y)).sum();
    for (x, y) in xs.zip(ys) {
        for lane in 0..16 {
            sums[lane] += f(x[lane], y[lane]);
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// A well-mixed number for each `(seed, index)`.
#[inline(always)]
pub(super) fn hash(seed: u32, index: u32) -> u32 {
    let mut x = index.wrapping_mul(0x9E37_79B9) ^ seed;
    x = (x ^ (x >> 16)).wrapping_mul(0x7FEB_352D);
    x = (x ^ (x >> 15)).wrapping_mul(0x846C_A68B);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_close_to_the_standard_ones() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 4e-7, "exp({x}) = {}, wanted {}", exp(x), x.exp());
            assert!((tanh(x) - x.tanh()).abs() < 4e-7, "tanh({x})");
            assert!((sigmoid(x) - 1.0 / (1.0 + (-x).exp())).abs() < 4e-7, "sigmoid({x})");
        }
        assert!(exp(f32::MAX).is_finite() && exp(f32::MIN) > 0.0);
    }
}
