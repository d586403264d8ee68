//! Eigenvectors of a symmetric matrix, in f64: Householder tridiagonalization, then implicit QL.
//!
//! Golub & Van Loan, *Matrix Computations*, 4th ed., §8.3. The rotations of QL are written down first and then applied
//! strip by strip of columns, so that a strip stays in the cache and the cores share the strips.

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

/// `A = Qᵀ diag(values) Q` with the eigenvectors as rows of `vectors`.
pub struct Eigen {
    pub values: Vec<f64>,
    /// `n × n`, row k is the eigenvector of `values[k]`.
    pub vectors: Vec<f64>,
}

/// The eigenvalues and orthonormal eigenvectors of a symmetric `n × n` matrix, in no particular order.
pub fn eigen_symmetric(mut a: Vec<f64>, n: usize) -> Eigen {
    assert_eq!(a.len(), n * n, "a square matrix of order {n}");
    let (mut diagonal, mut off_diagonal, reflections) = tridiagonalize(&mut a, n);
    let mut vectors = accumulate(&a, &reflections, n);
    let sweeps = diagonalize(&mut diagonal, &mut off_diagonal);
    rotate(&mut vectors, n, &sweeps);
    Eigen { values: diagonal, vectors }
}

/// One QL sweep: rotations (c, s) of rows (i, i + 1) for i = `bottom` − 1 downwards.
struct Sweep {
    bottom: usize,
    rotations: Vec<(f64, f64)>,
}

/// Reduces A to tridiagonal `T = Hᵀ A H`. Returns its diagonal, its off-diagonal (padded to n) and β of each reflection
/// `H_k = I − β v vᵀ`; v of reflection k is left in row k of `a`, columns k + 1…
fn tridiagonalize(a: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut off_diagonal = vec![0.0; n];
    let mut betas = vec![0.0; n];
    // What is left of a matrix of low rank are rounding errors; the square of one may underflow, and β overflow.
    let negligible = f64::EPSILON * a.iter().map(|x| x * x).sum::<f64>().sqrt();
    for k in 0..n.saturating_sub(2) {
        let (row, trailing) = a[k * n..].split_at_mut(n);
        let v = &mut row[k + 1..];
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm <= negligible {
            continue;
        }
        let alpha = if v[0] > 0.0 { -norm } else { norm };
        off_diagonal[k] = alpha;
        v[0] -= alpha;
        let beta = 2.0 / v.iter().map(|x| x * x).sum::<f64>();
        betas[k] = beta;
        reflect_both_sides(trailing, n, k + 1, v, beta);
    }
    if n >= 2 {
        off_diagonal[n - 2] = a[(n - 2) * n + n - 1];
    }
    let diagonal = (0..n).map(|i| a[i * n + i]).collect();
    (diagonal, off_diagonal, betas)
}

/// `A ← H A H` on the trailing block, as `A − v wᵀ − w vᵀ` with `p = β A v`, `w = p − (β pᵀv / 2) v`.
fn reflect_both_sides(trailing: &mut [f64], n: usize, from: usize, v: &[f64], beta: f64) {
    let size = v.len();
    let min_rows = rows_per_task(size);
    let p: Vec<f64> = trailing
        .par_chunks(n)
        .with_min_len(min_rows)
        .map(|row| Arch::new().dispatch(Dot(&row[from..from + size], v)) * beta)
        .collect();
    let half = 0.5 * beta * p.iter().zip(v).map(|(p, v)| p * v).sum::<f64>();
    let w: Vec<f64> = p.iter().zip(v).map(|(p, v)| p - half * v).collect();
    trailing.par_chunks_mut(n).with_min_len(min_rows).enumerate().for_each(|(i, row)| {
        Arch::new().dispatch(SubtractTwo(&mut row[from..from + size], v[i], &w, w[i], v));
    });
}

/// A task of a few tens of microseconds at least.
fn rows_per_task(size: usize) -> usize {
    (65_536 / size.max(1)).max(1)
}

struct Dot<'a>(&'a [f64], &'a [f64]);
impl NullaryFnOnce for Dot<'_> {
    type Output = f64;
    #[inline(always)]
    fn call(self) -> f64 {
        let mut sums = [0.0; 16];
        let (x, y) = (self.0.chunks_exact(16), self.1.chunks_exact(16));
        let tail: f64 = x.remainder().iter().zip(y.remainder()).map(|(x, y)| x * y).sum();
        for (x, y) in x.zip(y) {
            for lane in 0..16 {
                sums[lane] += x[lane] * y[lane];
            }
        }
        sums.iter().sum::<f64>() + tail
    }
}

/// `row −= a·x + b·y`.
struct SubtractTwo<'a>(&'a mut [f64], f64, &'a [f64], f64, &'a [f64]);
impl NullaryFnOnce for SubtractTwo<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        let Self(row, a, x, b, y) = self;
        for ((r, x), y) in row.iter_mut().zip(x).zip(y) {
            *r -= a * x + b * y;
        }
    }
}

/// `Hᵀ = (H_0 H_1 …)ᵀ`, whose rows become the eigenvectors: the reflections applied to strips of columns of I.
fn accumulate(a: &[f64], betas: &[f64], n: usize) -> Vec<f64> {
    // H is built from the last reflection to the first; its columns are independent, so we build rows of Hᵀ.
    let mut transposed = vec![0.0; n * n];
    transposed.par_chunks_mut(n.max(1)).with_min_len(8).enumerate().for_each(|(column, h)| {
        h[column] = 1.0;
        Arch::new().dispatch(Reflect { h, a, betas, n });
    });
    transposed
}

/// One column of `H_0 H_1 … e`.
struct Reflect<'a> {
    h: &'a mut [f64],
    a: &'a [f64],
    betas: &'a [f64],
    n: usize,
}
impl NullaryFnOnce for Reflect<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        let Self { h, a, betas, n } = self;
        for k in (0..n.saturating_sub(2)).rev() {
            if betas[k] == 0.0 {
                continue;
            }
            let v = &a[k * n + k + 1..(k + 1) * n];
            let scale = betas[k] * Dot(v, &h[k + 1..]).call();
            for (h, v) in h[k + 1..].iter_mut().zip(v) {
                *h -= scale * v;
            }
        }
    }
}

/// Sweeps that one eigenvalue may take; two or three are usual, EISPACK gives up after 30.
const SWEEPS_MAX: usize = 60;

/// Implicit QL with Wilkinson's shift on the tridiagonal matrix; leaves the eigenvalues in `d`.
///
/// An off-diagonal is negligible beside the whole matrix, not only beside its neighbours: a matrix of low rank has
/// blocks where all three are rounding errors, which no rotation ever makes smaller (EISPACK `tql2`).
fn diagonalize(d: &mut [f64], e: &mut [f64]) -> Vec<Sweep> {
    let n = d.len();
    let norm = d.iter().zip(e.iter()).map(|(d, e)| d.abs() + e.abs()).fold(0.0, f64::max);
    let mut sweeps = Vec::new();
    for l in 0..n {
        let before = sweeps.len();
        loop {
            assert!(
                sweeps.len() - before <= SWEEPS_MAX,
                "eigenvalue {l} of {n} does not converge; is the matrix finite?"
            );
            let negligible = |m: usize| e[m].abs() <= f64::EPSILON * (d[m].abs() + d[m + 1].abs()).max(norm);
            let m = (l..n - 1).find(|&m| negligible(m)).unwrap_or(n - 1);
            if m == l {
                break;
            }
            sweeps.push(sweep(d, e, l, m));
        }
    }
    sweeps
}

fn sweep(d: &mut [f64], e: &mut [f64], l: usize, m: usize) -> Sweep {
    let mut g = (d[l + 1] - d[l]) / (2.0 * e[l]);
    let r = g.hypot(1.0);
    g = d[m] - d[l] + e[l] / (g + r.copysign(g));
    let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
    let mut rotations = Vec::with_capacity(m - l);
    for i in (l..m).rev() {
        let f = s * e[i];
        let b = c * e[i];
        let r = f.hypot(g);
        e[i + 1] = r;
        if r == 0.0 {
            d[i + 1] -= p;
            e[m] = 0.0;
            return Sweep { bottom: m, rotations };
        }
        s = f / r;
        c = g / r;
        let g_next = d[i + 1] - p;
        let r = (d[i] - g_next) * s + 2.0 * c * b;
        p = s * r;
        d[i + 1] = g_next + p;
        g = c * r - b;
        rotations.push((c, s));
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0.0;
    Sweep { bottom: m, rotations }
}

/// Columns of a strip: 32 × n f64 fit the second-level cache up to n = 4,096.
const STRIP: usize = 32;

/// Applies all sweeps to the rows of Hᵀ.
fn rotate(vectors: &mut [f64], n: usize, sweeps: &[Sweep]) {
    if n == 0 {
        return;
    }
    let strips: Vec<(usize, Vec<f64>)> = (0..n.div_ceil(STRIP))
        .into_par_iter()
        .map(|strip| {
            let first = strip * STRIP;
            let width = STRIP.min(n - first);
            let mut columns = vec![0.0; n * STRIP];
            for i in 0..n {
                columns[i * STRIP..i * STRIP + width].copy_from_slice(&vectors[i * n + first..i * n + first + width]);
            }
            Arch::new().dispatch(RotateStrip { columns: &mut columns, sweeps });
            (first, columns)
        })
        .collect();
    for (first, columns) in strips {
        let width = STRIP.min(n - first);
        for i in 0..n {
            vectors[i * n + first..i * n + first + width].copy_from_slice(&columns[i * STRIP..i * STRIP + width]);
        }
    }
}

struct RotateStrip<'a> {
    columns: &'a mut [f64],
    sweeps: &'a [Sweep],
}
impl NullaryFnOnce for RotateStrip<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        for sweep in self.sweeps {
            // The lower row of a rotation is the upper row of the one before: it stays in registers.
            let mut lower: [f64; STRIP] =
                self.columns[sweep.bottom * STRIP..][..STRIP].try_into().expect("a row of the strip");
            let mut i = sweep.bottom;
            for &(c, s) in &sweep.rotations {
                i -= 1;
                let (upper, below) = self.columns[i * STRIP..(i + 2) * STRIP].split_at_mut(STRIP);
                for lane in 0..STRIP {
                    below[lane] = s * upper[lane] + c * lower[lane];
                    lower[lane] = c * upper[lane] - s * lower[lane];
                }
            }
            self.columns[i * STRIP..][..STRIP].copy_from_slice(&lower);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: Vec<f64>, n: usize) -> Eigen {
        let eigen = eigen_symmetric(a.clone(), n);
        let size = a.iter().map(|x| x.abs()).fold(1.0, f64::max);
        for (value, q) in eigen.values.iter().zip(eigen.vectors.chunks(n)) {
            for i in 0..n {
                let aq: f64 = (0..n).map(|j| a[i * n + j] * q[j]).sum();
                assert!((aq - value * q[i]).abs() < 1e-10 * size * n as f64, "A q = λ q, order {n}");
            }
        }
        for i in 0..n {
            for j in 0..n {
                let dot: f64 = (0..n).map(|k| eigen.vectors[i * n + k] * eigen.vectors[j * n + k]).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-11 * n as f64, "orthonormal, order {n}");
            }
        }
        eigen
    }

    #[test]
    fn a_matrix_of_low_rank_converges() {
        // Twenty products, 128 factors: a Gramian of rank 20.
        let (rank, n) = (20, 128);
        let x = |i: usize, j: usize| ((i * 7919 + j * 104_729) % 1013) as f64 / 1013.0 - 0.5;
        let a: Vec<f64> = (0..n * n).map(|ij| (0..rank).map(|k| x(k, ij / n) * x(k, ij % n)).sum()).collect();
        let eigen = eigen_symmetric(a.clone(), n);
        let trace: f64 = (0..n).map(|i| a[i * n + i]).sum();
        let mut values = eigen.values.clone();
        values.sort_by(|a, b| b.total_cmp(a));
        assert!((values.iter().sum::<f64>() - trace).abs() < 1e-9 * trace);
        assert!(values[rank..].iter().all(|value| value.abs() < 1e-9 * trace), "{:?}", &values[rank..]);
    }

    #[test]
    fn two_by_two_by_hand() {
        let mut values = check(vec![2.0, 1.0, 1.0, 2.0], 2).values;
        values.sort_by(f64::total_cmp);
        assert!((values[0] - 1.0).abs() < 1e-15 && (values[1] - 3.0).abs() < 1e-15);
    }

    #[test]
    fn easy_and_awkward_matrices() {
        check(vec![5.0], 1);
        check(vec![0.0; 9], 3);
        check((0..16).map(|i| f64::from(u8::from(i % 5 == 0))).collect(), 4);
        check(vec![1.0; 400], 20);
        for n in [3, 31, 32, 33, 100] {
            let mut a = vec![0.0; n * n];
            for i in 0..n {
                for j in 0..=i {
                    let value = ((i * 7919 + j * 104_729) % 1009) as f64 / 1009.0 - 0.5;
                    (a[i * n + j], a[j * n + i]) = (value, value);
                }
            }
            check(a, n);
        }
    }
}
