//! What was computed, in order, so that gradients can be taken backwards along it.

use super::matrix::{Factor, Matrix};
use super::parameters::{Parameter, Parameters};

/// A value on the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Var(usize);

/// One pass over one shard of a batch, on one thread.
///
/// Each operation is a method that computes its value and leaves behind how its gradient goes on to what it came from.
pub(crate) struct Tape<'a> {
    pub(super) parameters: &'a Parameters,
    values: Vec<Matrix>,
    backward: Vec<Backward<'a>>,
    /// For dropout and sampling: differs for every shard of every step.
    pub(super) seed: u64,
}

type Backward<'a> = Box<dyn FnOnce(Step<'_>, &mut Gradients) + 'a>;

/// What an operation sees on the way back.
pub(super) struct Step<'s> {
    /// Of the loss, by the operation's own value.
    pub gradient: Matrix,
    /// The values that came before.
    before: &'s [Matrix],
}

impl Step<'_> {
    pub fn of(&self, var: Var) -> &Matrix {
        &self.before[var.0]
    }
}

/// Gradients by the values of a tape and by the parameters.
pub(crate) struct Gradients {
    vars: Vec<Option<Matrix>>,
    pub(super) parameters: Vec<ParameterGradient>,
}

/// What one shard says about one parameter.
#[derive(Default)]
pub(super) struct ParameterGradient {
    /// By the whole of it.
    pub dense: Option<Matrix>,
    /// By some of its rows, which may repeat.
    pub rows: Vec<(Vec<u32>, Matrix)>,
}

impl<'a> Tape<'a> {
    pub fn new(parameters: &'a Parameters, seed: u64) -> Self {
        Self { parameters, values: Vec::new(), backward: Vec::new(), seed }
    }

    pub fn value(&self, var: Var) -> &Matrix {
        &self.values[var.0]
    }

    /// A value that nothing is learned about.
    pub fn constant(&mut self, value: Matrix) -> Var {
        self.push(value, |_, _| {})
    }

    pub(super) fn push(&mut self, value: Matrix, backward: impl FnOnce(Step<'_>, &mut Gradients) + 'a) -> Var {
        self.values.push(value);
        self.backward.push(Box::new(backward));
        Var(self.values.len() - 1)
    }

    /// Gradients of `loss`, a single number.
    pub fn gradients(mut self, loss: Var) -> Gradients {
        let mut gradients = Gradients {
            vars: (0..=loss.0).map(|_| None).collect(),
            parameters: (0..self.parameters.len()).map(|_| ParameterGradient::default()).collect(),
        };
        gradients.vars[loss.0] = Some(Matrix::from_rows(1, vec![1.0]));
        self.backward.truncate(loss.0 + 1);
        while let Some(backward) = self.backward.pop() {
            let before = &self.values[..self.backward.len()];
            if let Some(gradient) = gradients.vars[before.len()].take() {
                backward(Step { gradient, before }, &mut gradients);
            }
        }
        gradients
    }
}

impl Gradients {
    /// The gradient by `var`, to add to.
    pub(super) fn of(&mut self, var: Var, value: &Matrix) -> &mut Matrix {
        self.vars[var.0].get_or_insert_with(|| Matrix::zeros(value.n_rows, value.n_cols))
    }

    /// Adds a whole gradient.
    pub(super) fn add(&mut self, var: Var, gradient: &Matrix) {
        match &mut self.vars[var.0] {
            Some(sum) => sum.add(gradient),
            slot => *slot = Some(gradient.clone()),
        }
    }

    /// The same, for one that nobody else needs.
    pub(super) fn give(&mut self, var: Var, gradient: Matrix) {
        match &mut self.vars[var.0] {
            Some(sum) => sum.add(&gradient),
            slot => *slot = Some(gradient),
        }
    }

    /// The gradient by a whole parameter, to add to.
    pub(super) fn dense(&mut self, parameter: Parameter, value: &Matrix) -> &mut Matrix {
        self.parameters[parameter.0].dense.get_or_insert_with(|| Matrix::zeros(value.n_rows, value.n_cols))
    }

    /// `dw += a b` for a whole parameter.
    pub(super) fn add_product(&mut self, parameter: Parameter, value: &Matrix, a: Factor<'_>, b: Factor<'_>) {
        self.dense(parameter, value).add_product(a, b);
    }

    pub(super) fn rows(&mut self, parameter: Parameter, rows: Vec<u32>, gradient: Matrix) {
        self.parameters[parameter.0].rows.push((rows, gradient));
    }

    /// Adds what another shard of the same batch says.
    pub fn merge(&mut self, other: Self) {
        for (own, other) in self.parameters.iter_mut().zip(other.parameters) {
            own.rows.extend(other.rows);
            match (&mut own.dense, other.dense) {
                (Some(sum), Some(more)) => sum.add(&more),
                (slot @ None, Some(more)) => *slot = Some(more),
                (_, None) => {}
            }
        }
    }
}

#[cfg(test)]
impl Gradients {
    /// The whole gradient by each parameter.
    pub fn dense_of(self, parameters: &Parameters) -> Vec<Matrix> {
        let spread = |(number, gradient): (usize, ParameterGradient)| {
            let value = parameters.get(Parameter(number));
            let mut sum = gradient.dense.unwrap_or_else(|| Matrix::zeros(value.n_rows, value.n_cols));
            for (ids, parts) in &gradient.rows {
                for (&id, part) in ids.iter().zip(parts.rows()) {
                    sum.row_mut(id as usize).iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
                }
            }
            sum
        };
        self.parameters.into_iter().enumerate().map(spread).collect()
    }
}
