//! What is learned, and the optimizer that learns it.

use rand::{Rng, rngs::StdRng};

use super::math::vectorized;
use super::matrix::Matrix;
use super::tape::{Gradients, ParameterGradient};
use crate::{Error, Result, Tensors};

/// The number of a parameter matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parameter(pub(super) usize);

/// All matrices of a network, by name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters {
    names: Vec<String>,
    matrices: Vec<Matrix>,
}

impl Parameters {
    pub fn new() -> Self {
        Self { names: Vec::new(), matrices: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.matrices.len()
    }

    pub fn constant(&mut self, name: &str, n_rows: usize, n_cols: usize, value: f32) -> Parameter {
        self.push(name, Matrix::from_rows(n_cols, vec![value; n_rows * n_cols]))
    }

    /// Normals with this deviation, without what lies beyond two of them.
    pub fn normal(&mut self, name: &str, shape: (usize, usize), deviation: f32, random: &mut StdRng) -> Parameter {
        let values = (0..shape.0 * shape.1).map(|_| deviation * truncated_normal(random)).collect();
        self.push(name, Matrix { n_rows: shape.0, n_cols: shape.1, values })
    }

    /// Weights from `n_in` to `n_out` numbers with variance 2 / (n_in + n_out): Glorot & Bengio, AISTATS 2010.
    pub fn weights(&mut self, name: &str, (n_in, n_out): (usize, usize), random: &mut StdRng) -> Parameter {
        self.normal(name, (n_in, n_out), (2.0 / (n_in + n_out) as f32).sqrt(), random)
    }

    fn push(&mut self, name: &str, matrix: Matrix) -> Parameter {
        self.names.push(name.to_owned());
        self.matrices.push(matrix);
        Parameter(self.matrices.len() - 1)
    }

    pub fn get(&self, parameter: Parameter) -> &Matrix {
        &self.matrices[parameter.0]
    }

    #[cfg(test)]
    pub fn get_mut(&mut self, parameter: Parameter) -> &mut Matrix {
        &mut self.matrices[parameter.0]
    }

    pub fn save(&self, tensors: Tensors) -> Tensors {
        self.names.iter().zip(&self.matrices).fold(tensors, |tensors, (name, matrix)| {
            tensors.with_f32(name, &[matrix.n_rows, matrix.n_cols], matrix.values.clone())
        })
    }

    /// Replaces every value by what was saved; shapes must be the same.
    pub fn restore(&mut self, tensors: &Tensors) -> Result<()> {
        for (name, matrix) in self.names.iter().zip(&mut self.matrices) {
            let (shape, values) = tensors.f32(name, 2)?;
            if shape != [matrix.n_rows, matrix.n_cols] {
                let wanted = [matrix.n_rows, matrix.n_cols];
                return Err(Error::Artifact(format!(
                    "tensor `{name}` of {}: got {shape:?}, wanted {wanted:?}",
                    tensors.model
                )));
            }
            matrix.values.copy_from_slice(values);
        }
        Ok(())
    }
}

/// A normal without what lies beyond two deviations.
pub(crate) fn truncated_normal(random: &mut impl Rng) -> f32 {
    loop {
        // Box and Muller: 1 − u lies in (0, 1].
        let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * random.random::<f64>()).cos();
        if normal.abs() < 2.0 {
            return normal as f32;
        }
    }
}

/// Kingma & Ba, *Adam* (ICLR 2015).
///
/// Rows that a batch does not touch stay as they are, moments included: a step costs what the batch touches,
/// not what the catalogue holds.
pub(crate) struct Adam {
    learning_rate: f32,
    n_steps: i32,
    /// First and second moment of each parameter.
    moments: Vec<(Vec<f32>, Vec<f32>)>,
}

const BETA: (f32, f32) = (0.9, 0.98);
const EPSILON: f32 = 1e-8;

impl Adam {
    pub fn new(parameters: &Parameters, learning_rate: f32) -> Self {
        let zeros = |m: &Matrix| (vec![0.0; m.values.len()], vec![0.0; m.values.len()]);
        Self { learning_rate, n_steps: 0, moments: parameters.matrices.iter().map(zeros).collect() }
    }

    /// One step against the gradients.
    pub fn step(&mut self, parameters: &mut Parameters, gradients: Gradients) {
        self.n_steps += 1;
        let correction = |beta: f32| 1.0 - beta.powi(self.n_steps);
        let step = AdamStep { rate: self.learning_rate / correction(BETA.0), second: 1.0 / correction(BETA.1) };
        let all = parameters.matrices.iter_mut().zip(&mut self.moments).zip(gradients.parameters);
        for ((matrix, (first, second)), gradient) in all {
            let width = matrix.n_cols;
            match settle(gradient) {
                Settled::None => {}
                Settled::Dense(dense) => step.apply(&mut matrix.values, first, second, &dense.values),
                Settled::Rows(rows, sums) => {
                    for (row, sum) in rows.into_iter().zip(sums.rows()) {
                        let at = row as usize * width..(row as usize + 1) * width;
                        step.apply(&mut matrix.values[at.clone()], &mut first[at.clone()], &mut second[at], sum);
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct AdamStep {
    rate: f32,
    second: f32,
}

impl AdamStep {
    fn apply(self, values: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32]) {
        vectorized(|| {
            for (((x, m), v), g) in values.iter_mut().zip(first).zip(second).zip(gradient) {
                *m = BETA.0 * *m + (1.0 - BETA.0) * g;
                *v = BETA.1 * *v + (1.0 - BETA.1) * g * g;
                *x -= self.rate * *m / ((*v * self.second).sqrt() + EPSILON);
            }
        });
    }
}

enum Settled {
    None,
    Dense(Matrix),
    /// Each row once, and its sum.
    Rows(Vec<u32>, Matrix),
}

fn settle(gradient: ParameterGradient) -> Settled {
    let ParameterGradient { dense, rows } = gradient;
    if let Some(mut dense) = dense {
        for (ids, parts) in &rows {
            for (&id, part) in ids.iter().zip(parts.rows()) {
                dense.row_mut(id as usize).iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
            }
        }
        return Settled::Dense(dense);
    }
    let Some(width) = rows.first().map(|(_, parts)| parts.n_cols) else { return Settled::None };
    // Stable, so that a row's parts are summed in the order of the batch.
    let mut order: Vec<(u32, &[f32])> =
        rows.iter().flat_map(|(ids, parts)| ids.iter().copied().zip(parts.rows())).collect();
    order.sort_by_key(|&(id, _)| id);
    let mut ids: Vec<u32> = Vec::new();
    let mut sums: Vec<f32> = Vec::new();
    for (id, part) in order {
        if ids.last() == Some(&id) {
            let last = sums.len() - width;
            sums[last..].iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        } else {
            ids.push(id);
            sums.extend_from_slice(part);
        }
    }
    Settled::Rows(ids, Matrix::from_rows(width, sums))
}
