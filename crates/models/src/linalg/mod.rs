//! Dense kernels, small enough to read: everything that factorization and scoring spend their time in.
//!
//! Written once over `pulp`'s vectors, which picks AVX-512, AVX2, NEON or plain code when the program starts. Rows are
//! padded to [`LANES`] numbers so that no kernel has a tail.

mod cholesky;
mod eigen;
mod gram;
mod inverse;
mod panels;
mod svd;

pub(crate) use cholesky::{factor, substitute_back};
pub use eigen::{Eigen, eigen_symmetric};
pub use gram::gram;
pub(crate) use gram::gram_upper;
pub(crate) use inverse::invert_symmetric;
pub use panels::Panels;
pub(crate) use panels::{PANEL, TILE, multiply_tile};
pub(crate) use svd::truncated_svd;

use pulp::Simd;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Every row length is a multiple of this: the widest vector we use, in f32.
pub const LANES: usize = 16;

/// `x` rounded up to whole vectors.
pub const fn padded(x: usize) -> usize {
    x.next_multiple_of(LANES)
}

/// `n` rows of `columns` independent normals of mean 0, padded with zeros to `width`.
pub(crate) fn normals(n: usize, columns: usize, width: usize, deviation: f64, seed: u64) -> Vec<f32> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut values = vec![0.0; n * width];
    for row in values.chunks_exact_mut(width) {
        row[..columns].iter_mut().for_each(|value| *value = (deviation * normal(&mut random)) as f32);
    }
    values
}

/// Standard normal. Box and Muller: 1 − u lies in (0, 1].
pub(crate) fn normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    let angle = std::f64::consts::TAU * random.random::<f64>();
    radius * angle.cos()
}

/// `y += a·x` over whole vectors.
#[inline(always)]
pub(crate) fn add_scaled<S: Simd>(simd: S, y: &mut [f32], a: f32, x: &[f32]) {
    let a = simd.splat_f32s(a);
    let (y, _) = S::as_mut_simd_f32s(y);
    let (x, _) = S::as_simd_f32s(x);
    for (y, x) in y.iter_mut().zip(x) {
        *y = simd.mul_add_f32s(a, *x, *y);
    }
}

/// `Σ x·y` over whole vectors.
#[inline(always)]
pub(crate) fn dot<S: Simd>(simd: S, x: &[f32], y: &[f32]) -> f32 {
    let mut sums = [simd.splat_f32s(0.0); 2];
    let (x, _) = S::as_simd_f32s(x);
    let (y, _) = S::as_simd_f32s(y);
    let mut pairs = x.chunks_exact(2).zip(y.chunks_exact(2));
    for (x, y) in &mut pairs {
        sums[0] = simd.mul_add_f32s(x[0], y[0], sums[0]);
        sums[1] = simd.mul_add_f32s(x[1], y[1], sums[1]);
    }
    if x.len() % 2 == 1 {
        sums[0] = simd.mul_add_f32s(x[x.len() - 1], y[x.len() - 1], sums[0]);
    }
    simd.reduce_sum_f32s(simd.add_f32s(sums[0], sums[1]))
}
