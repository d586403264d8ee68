//! The least-squares problem of one user (or, in the other half of an iteration, of one product).

use pulp::{Simd, WithSimd};

use crate::linalg::{LANES, add_scaled, dot, factor, gram_upper, padded, substitute_back};

/// The fixed side of a half iteration, in the eigenbasis of its Gramian.
///
/// With `HᵀH = Q diag(γ) Qᵀ` every row is stored as `h Q`, so the part of the normal equations that is the same for all
/// rows of the other side, `α₀ HᵀH + λ_u I`, is diagonal *whatever λ_u is*. That is what makes the exact solution cheap:
/// see [`Workspace::solve`].
pub(crate) struct Fixed<'a> {
    /// Rows `h Q`, `width` numbers each.
    pub rows: &'a [f32],
    pub width: usize,
    /// `α₀ γ`, the eigenvalues of the Gramian times the weight of the unobserved.
    pub unobserved: &'a [f32],
}

/// One row's observations and its λ.
#[derive(Clone, Copy)]
pub(crate) struct Observed<'a> {
    pub items: &'a [u32],
    pub weights: &'a [f32],
    pub regularization: f32,
}

/// How a row's system is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Solver {
    Exact,
    /// That many steps of conjugate gradients from the factors that the row had.
    Steps(usize),
}

/// What stands on the right-hand side of the system of a user's observations.
pub(crate) enum Target<'a> {
    /// All ones: the user wants what was chosen. Gives the user's factors.
    Ones,
    /// Products with these factors. Gives what each observation adds to their score.
    Towards(&'a [f32]),
}

/// Reused memory of one worker.
#[derive(Default)]
pub(crate) struct Workspace {
    /// `D^−½` of the row at hand.
    scale: Vec<f32>,
    /// Scaled observed rows: transposed in the dual, as they are in the primal.
    observed: Vec<f32>,
    system: Vec<f32>,
    solution: Vec<f32>,
    /// Of conjugate gradients: the residual, the direction, and what the system makes of the direction.
    residual: Vec<f32>,
    direction: Vec<f32>,
    image: Vec<f32>,
}

/// Rows gathered at a time for a user with more observations than factors.
const GATHER: usize = 128;

impl Workspace {
    /// The exact minimizer for one row. Hu, Koren, Volinsky, *Collaborative Filtering for Implicit Feedback Datasets*
    /// (ICDM 2008), in the form of Rendle, Krichene, Zhang, Koren, *Revisiting the Performance of iALS on Item
    /// Recommendation Benchmarks* (RecSys 2022), eq. 3–5:
    ///
    /// ```text
    /// w = argmin Σ_{i∈S} c_i (wᵀh_i − 1)² + α₀ Σ_{all i} (wᵀh_i)² + λ_u ‖w‖²
    ///   = (Zᵀ C Z + D)⁻¹ Zᵀ C 1,    Z = rows h_i of S,  C = diag(c),  D = α₀ HᵀH + λ_u I  (diagonal here)
    /// ```
    ///
    /// With fewer observations than factors we solve the small dual system instead, which the push-through identity
    /// gives: `w = D⁻¹ Zᵀ a`, `(Z D⁻¹ Zᵀ + C⁻¹) a = 1`. Both are taken in coordinates scaled by `D^−½`, which keeps them
    /// well conditioned in f32.
    #[inline(always)]
    pub fn solve<S: Simd>(
        &mut self,
        simd: S,
        solver: Solver,
        fixed: &Fixed<'_>,
        observed: Observed<'_>,
        out: &mut [f32],
    ) {
        if observed.items.is_empty() {
            out.fill(0.0);
            return;
        }
        self.rescale(fixed, observed.regularization);
        if let Solver::Steps(n_steps) = solver {
            self.conjugate_gradients(simd, n_steps, fixed, observed, out);
        } else if observed.items.len() < fixed.width {
            self.dual(simd, fixed, observed, Target::Ones);
            out.fill(0.0);
            for (&i, &a) in observed.items.iter().zip(&self.solution) {
                add_scaled(simd, out, a, row(fixed, i));
            }
            out.iter_mut().zip(&self.scale).for_each(|(w, r)| *w *= r * r);
        } else {
            self.primal(simd, fixed, observed);
            for ((w, x), r) in out.iter_mut().zip(&self.solution).zip(&self.scale) {
                *w = x * r;
            }
        }
    }

    /// Steps towards the minimizer from what `out` holds, in the coordinates `x = D^½ w` in which the system is
    /// `I + ẐᵀẐ`, `Ẑ = C^½ Z D^−½`: the dense part of the problem is its identity, so that a step costs
    /// n · factors where it costs factors² on the plain normal equations (Takács, Pilászy, Tikk, *Applications of the
    /// Conjugate Gradient Method for Implicit Feedback Collaborative Filtering*, RecSys 2011), and few eigenvalues
    /// differ from 1.
    #[inline(always)]
    fn conjugate_gradients<S: Simd>(
        &mut self,
        simd: S,
        n_steps: usize,
        fixed: &Fixed<'_>,
        observed: Observed<'_>,
        out: &mut [f32],
    ) {
        let width = fixed.width;
        self.observed.clear();
        self.gather(fixed, observed.items, observed.weights);
        let Self { scale, observed: rows, solution: x, residual, direction, image, .. } = self;
        x.clear();
        x.extend(out.iter().zip(&*scale).map(|(w, r)| w / r));
        residual.clear();
        residual.extend(x.iter().map(|x| -x));
        for (z, c) in rows.chunks_exact(width).zip(observed.weights) {
            add_scaled(simd, residual, c.sqrt() - dot(simd, z, x), z);
        }
        direction.clone_from(residual);
        let mut error = dot(simd, residual, residual);
        for _ in 0..n_steps {
            image.clone_from(direction);
            for z in rows.chunks_exact(width) {
                add_scaled(simd, image, dot(simd, z, direction), z);
            }
            let curvature = dot(simd, direction, image);
            if curvature <= 0.0 {
                break;
            }
            let step = error / curvature;
            add_scaled(simd, x, step, direction);
            add_scaled(simd, residual, -step, image);
            let left = dot(simd, residual, residual);
            let keep = left / error;
            direction.iter_mut().zip(&*residual).for_each(|(d, r)| *d = r + keep * *d);
            error = left;
        }
        for ((w, x), r) in out.iter_mut().zip(&*x).zip(&*scale) {
            *w = x * r;
        }
    }

    /// What each observation adds to the score of a product with factors `h`: `c_i h_iᵀ (Zᵀ C Z + D)⁻¹ h` (Hu, Koren,
    /// Volinsky, eq. 7), in the dual `(Z D⁻¹ Zᵀ + C⁻¹)⁻¹ Z D⁻¹ h`. They sum to `wᵀh`.
    #[inline(always)]
    pub fn contributions<S: Simd>(
        &mut self,
        simd: S,
        fixed: &Fixed<'_>,
        observed: Observed<'_>,
        h: &[f32],
    ) -> Vec<f32> {
        if observed.items.is_empty() {
            return Vec::new();
        }
        self.rescale(fixed, observed.regularization);
        self.dual(simd, fixed, observed, Target::Towards(h));
        self.solution[..observed.items.len()].to_vec()
    }

    fn rescale(&mut self, fixed: &Fixed<'_>, regularization: f32) {
        self.scale.clear();
        self.scale.extend(fixed.unobserved.iter().map(|g| 1.0 / (g + regularization).sqrt()));
    }

    /// `n × n`, n observations: leaves a in `solution`.
    #[inline(always)]
    fn dual<S: Simd>(&mut self, simd: S, fixed: &Fixed<'_>, observed: Observed<'_>, target: Target<'_>) {
        let n = observed.items.len();
        let stride = padded(n + 1);
        self.gather_transposed(fixed, observed.items, stride);
        reset(&mut self.system, n.next_multiple_of(4) * stride);
        gram_upper(simd, (&self.observed[..fixed.width * stride], stride, stride), (0, n), (&mut self.system, stride));
        for (i, &c) in observed.weights.iter().enumerate() {
            self.system[i * stride + i] += 1.0 / c;
            self.system[i * stride + n] = match target {
                Target::Ones => 1.0,
                Target::Towards(h) => {
                    let z = row(fixed, observed.items[i]);
                    z.iter().zip(h).zip(&self.scale).map(|((z, h), r)| z * r * r * h).sum()
                }
            };
        }
        self.finish(simd, stride, n);
    }

    /// `width × width`: leaves `D^½ w` in `solution`.
    #[inline(always)]
    fn primal<S: Simd>(&mut self, simd: S, fixed: &Fixed<'_>, observed: Observed<'_>) {
        let width = fixed.width;
        let stride = padded(width + 1);
        reset(&mut self.system, width * stride);
        for (items, weights) in observed.items.chunks(GATHER).zip(observed.weights.chunks(GATHER)) {
            self.observed.clear();
            self.gather(fixed, items, weights);
            gram_upper(simd, (&self.observed, width, width), (0, width), (&mut self.system, stride));
            for (z, c) in self.observed.chunks_exact(width).zip(weights) {
                let root = c.sqrt();
                for (k, z) in z.iter().enumerate() {
                    self.system[k * stride + width] += root * z;
                }
            }
        }
        for k in 0..width {
            self.system[k * stride + k] += 1.0;
        }
        self.finish(simd, stride, width);
    }

    /// Adds rows of `Ẑ = C^½ Z D^−½` to `observed`.
    #[inline(always)]
    fn gather(&mut self, fixed: &Fixed<'_>, items: &[u32], weights: &[f32]) {
        for (&i, &c) in items.iter().zip(weights) {
            let root = c.sqrt();
            self.observed.extend(row(fixed, i).iter().zip(&self.scale).map(|(h, r)| h * r * root));
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S, stride: usize, n: usize) {
        factor(simd, &mut self.system, stride, n);
        self.solution.resize(stride.max(self.solution.len()), 0.0);
        substitute_back(simd, &self.system, stride, n, n, &mut self.solution);
    }

    /// `(Z D^−½)ᵀ`: observation i is column i of `width` rows; columns without observation are zero.
    ///
    /// Square blocks go through a small array: written number by number, a column would touch `width` cache lines.
    #[inline(always)]
    fn gather_transposed(&mut self, fixed: &Fixed<'_>, items: &[u32], stride: usize) {
        self.observed.resize((fixed.width * stride).max(self.observed.len()), 0.0);
        for first in (0..stride).step_by(LANES) {
            let items = items.get(first..items.len().min(first + LANES)).unwrap_or(&[]);
            for k in (0..fixed.width).step_by(LANES) {
                let mut block = [[0.0f32; LANES]; LANES];
                for (out, &i) in block.iter_mut().zip(items) {
                    let (z, r) = (&row(fixed, i)[k..k + LANES], &self.scale[k..k + LANES]);
                    for lane in 0..LANES {
                        out[lane] = z[lane] * r[lane];
                    }
                }
                for lane in 0..LANES {
                    let at = (k + lane) * stride + first;
                    let out = &mut self.observed[at..at + LANES];
                    for (to, column) in out.iter_mut().zip(&block) {
                        *to = column[lane];
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn row<'a>(fixed: &Fixed<'a>, item: u32) -> &'a [f32] {
    &fixed.rows[item as usize * fixed.width..(item as usize + 1) * fixed.width]
}

#[inline(always)]
fn reset(values: &mut Vec<f32>, len: usize) {
    values.clear();
    values.resize(len, 0.0);
}

/// Solves neighbouring rows with one choice of instruction set.
pub(crate) struct SolveRows<'a, 'b, F> {
    pub solver: Solver,
    pub fixed: &'a Fixed<'b>,
    pub workspace: &'a mut Workspace,
    pub first: usize,
    pub observed: &'a F,
    pub out: &'a mut [f32],
}

impl<'o, F: Fn(usize) -> Observed<'o>> WithSimd for SolveRows<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (offset, out) in self.out.chunks_exact_mut(self.fixed.width).enumerate() {
            self.workspace.solve(simd, self.solver, self.fixed, (self.observed)(self.first + offset), out);
        }
    }
}

/// [`Workspace::contributions`] with the best instruction set.
pub(crate) struct Explain<'a, 'b> {
    pub fixed: &'a Fixed<'b>,
    pub observed: Observed<'a>,
    pub h: &'a [f32],
}

impl WithSimd for Explain<'_, '_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        Workspace::default().contributions(simd, self.fixed, self.observed, self.h)
    }
}
