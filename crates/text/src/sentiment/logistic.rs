//! Logistic regression with an L2 penalty, by Newton steps that conjugate gradients solve.
//!
//! Minimised over w and b, with y the targets from 0 to 1 and s the weights of the samples:
//! `½ ‖w‖² + C Σᵢ sᵢ [ln(1 + exp zᵢ) − yᵢ zᵢ]`, `zᵢ = w·xᵢ + b`. The same as scikit-learn's `LogisticRegression(C=C)`. Only products with the
//! Hessian are needed, never the matrix, so that the 10⁵ columns of TF-IDF cost what their few entries cost
//! (Lin, Weng and Keerthi 2008; Nocedal and Wright 2006, algorithm 7.1).

use serde::{Deserialize, Serialize};

use super::Rows;

/// Newton steps; some ten are needed, since the loss is convex and smooth.
const MOST_STEPS: usize = 100;
/// The gradient's length at the end, as a share of what it was at zero.
const PRECISION: f64 = 1e-5;

/// A separating line: `w·x + b`, above 0 on the positive side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub weights: Vec<f32>,
    pub bias: f32,
}

impl Line {
    pub fn value(&self, rows: &Rows, row: usize) -> f32 {
        let sum: f32 = match rows {
            Rows::Dense(embeddings) => embeddings.row(row).iter().zip(&self.weights).map(|(x, w)| x * w).sum(),
            Rows::Sparse { rows, .. } => rows[row].entries().iter().map(|&(i, x)| x * self.weights[i as usize]).sum(),
        };
        sum + self.bias
    }

    pub fn values(&self, rows: &Rows) -> Vec<f32> {
        (0..rows.len()).map(|row| self.value(rows, row)).collect()
    }
}

/// Between positive and negative rows; dense columns are standardised meanwhile, and both sides weigh the same however many they are.
pub fn separating_line(rows: &Rows, positive: &[bool], c: f64) -> Line {
    let targets: Vec<f64> = positive.iter().map(|&positive| f64::from(u8::from(positive))).collect();
    let n = positive.len() as f64;
    let n_positive = targets.iter().sum::<f64>();
    let weight = |positive: bool| n / (2.0 * if positive { n_positive } else { n - n_positive });
    let samples: Vec<f64> = positive.iter().map(|&positive| weight(positive)).collect();
    let (rows, scale) = rows.clone().standardised();
    let (mut weights, mut bias) = minimise(&Loss { rows: &rows, targets: &targets, samples: &samples, c });
    if let Some(scale) = scale {
        for ((w, mean), deviation) in weights.iter_mut().zip(&scale.mean).zip(&scale.deviation) {
            *w /= f64::from(*deviation);
            bias -= *w * f64::from(*mean);
        }
    }
    Line { weights: weights.iter().map(|&w| w as f32).collect(), bias: bias as f32 }
}

/// What is minimised; `x` is w with b behind it.
pub(super) struct Loss<'a> {
    pub rows: &'a Rows,
    pub targets: &'a [f64],
    pub samples: &'a [f64],
    pub c: f64,
}

impl Loss<'_> {
    fn z(&self, x: &[f64]) -> Vec<f64> {
        let (bias, weights) = x.split_last().expect("a bias");
        (0..self.rows.len()).map(|row| self.rows.dot(row, weights) + bias).collect()
    }

    fn value(&self, x: &[f64], z: &[f64]) -> f64 {
        let weights = &x[..x.len() - 1];
        let losses = z.iter().zip(self.targets).zip(self.samples).map(|((z, y), s)| s * (softplus(*z) - y * z));
        0.5 * dot(weights, weights) + self.c * losses.sum::<f64>()
    }

    fn gradient(&self, x: &[f64], z: &[f64]) -> Vec<f64> {
        let slopes = z.iter().zip(self.targets).zip(self.samples).map(|((z, y), s)| s * (sigmoid(*z) - y));
        self.penalised(x, slopes)
    }

    fn hessian_times(&self, v: &[f64], z: &[f64]) -> Vec<f64> {
        let along = self.z(v);
        let slopes = z.iter().zip(self.samples).zip(&along).map(|((z, s), v)| {
            let p = sigmoid(*z);
            s * p * (1.0 - p) * v
        });
        self.penalised(v, slopes)
    }

    /// `x`, the penalty's share, which the bias has none of, and `C Σ slopeᵢ (xᵢ, 1)`.
    fn penalised(&self, x: &[f64], slopes: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut out = x.to_vec();
        let (bias, weights) = out.split_last_mut().expect("a bias");
        *bias = 0.0;
        for (row, slope) in slopes.enumerate() {
            self.rows.add_scaled(row, self.c * slope, weights);
            *bias += self.c * slope;
        }
        out
    }
}

/// w and b.
pub(super) fn minimise(loss: &Loss) -> (Vec<f64>, f64) {
    let mut x = vec![0.0; loss.rows.width() + 1];
    let mut z = loss.z(&x);
    let mut gradient = loss.gradient(&x, &z);
    let goal = PRECISION * norm(&gradient);
    for _ in 0..MOST_STEPS {
        if norm(&gradient) <= goal {
            break;
        }
        let step = newton_step(loss, &gradient, &z);
        let (value, slope) = (loss.value(&x, &z), dot(&gradient, &step));
        // Halved until it falls by enough (Armijo); near the end rounding hides that it falls, and there is nothing left to win.
        let shorter = (0..30).map(|halvings| 0.5f64.powi(halvings)).find_map(|length| {
            let moved: Vec<f64> = x.iter().zip(&step).map(|(x, d)| x + length * d).collect();
            let z = loss.z(&moved);
            (loss.value(&moved, &z) <= value + 1e-4 * length * slope).then_some((moved, z))
        });
        let Some(moved) = shorter else { break };
        (x, z) = moved;
        gradient = loss.gradient(&x, &z);
    }
    let bias = x.pop().expect("a bias");
    (x, bias)
}

/// `−H⁻¹ g`, the better the nearer the end is.
fn newton_step(loss: &Loss, gradient: &[f64], z: &[f64]) -> Vec<f64> {
    let length = norm(gradient);
    let goal = length * length.sqrt().min(0.1);
    let mut step = vec![0.0; gradient.len()];
    let mut rest: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut direction = rest.clone();
    let mut rest_squared = dot(&rest, &rest);
    for _ in 0..gradient.len() {
        let curved = loss.hessian_times(&direction, z);
        let curvature = dot(&direction, &curved);
        if rest_squared.sqrt() <= goal || curvature <= 0.0 {
            break;
        }
        let a = rest_squared / curvature;
        step.iter_mut().zip(&direction).for_each(|(step, d)| *step += a * d);
        rest.iter_mut().zip(&curved).for_each(|(rest, h)| *rest -= a * h);
        let squared = dot(&rest, &rest);
        let b = squared / rest_squared;
        rest_squared = squared;
        direction.iter_mut().zip(&rest).for_each(|(d, rest)| *d = rest + b * *d);
    }
    step
}

pub(super) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// ln(1 + exp z), also where exp overflows.
pub(super) fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}
