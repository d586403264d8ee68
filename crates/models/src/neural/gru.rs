//! Gated recurrent units: Cho et al., *Learning Phrase Representations using RNN Encoder–Decoder* (EMNLP 2014), with the
//! reset gate behind the product, as all fast implementations have it.

use super::math::{sigmoid, tanh, vectorized};
use super::matrix::{Factor, Matrix};
use super::ops::add_scaled_inline;
use super::parameters::Parameter;
use super::tape::{Tape, Var};

/// What the way back needs of each row.
struct Passed {
    /// The state before; zeros at the beginning of a sequence.
    before: Matrix,
    /// `r | z | n | h U_n + b_n`.
    gates: Matrix,
}

impl Tape<'_> {
    /// States of a unit that starts from zeros in each sequence; rows of `x` are `x_r | x_z | x_n`, without the state's part:
    ///
    /// ```text
    /// r = σ(x_r + h U_r + b_r)    z = σ(x_z + h U_z + b_z)    n = tanh(x_n + r ∘ (h U_n + b_n))    h' = (1 − z) n + z h
    /// ```
    pub fn gru(&mut self, x: Var, recurrent: Parameter, bias: Parameter, lengths: &[usize]) -> Var {
        let (u, b) = (self.parameters.get(recurrent), self.parameters.get(bias));
        let moments = moments(lengths);
        let (states, passed) = forward(self.value(x), u, b, &moments);
        self.push(states, move |step, gradients| {
            let (dx, dg) = backward(step.gradient, u, &passed, &moments);
            gradients.give(x, dx);
            gradients.add_product(recurrent, u, Factor::Transposed(&passed.before), Factor::Plain(&dg));
            let db = gradients.dense(bias, b);
            vectorized(|| dg.rows().for_each(|row| add_scaled_inline(&mut db.values, 1.0, row)));
        })
    }
}

/// The rows that stand at each moment: the first of every sequence, the second of every one that has two, …
fn moments(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut moments = vec![Vec::new(); lengths.iter().copied().max().unwrap_or(0)];
    let mut first = 0;
    for &length in lengths {
        (0..length).for_each(|t| moments[t].push(first + t));
        first += length;
    }
    moments
}

fn gather(m: &Matrix, rows: &[usize]) -> Matrix {
    let mut out = Matrix::zeros(rows.len(), m.n_cols);
    out.rows_mut().zip(rows).for_each(|(out, &row)| out.copy_from_slice(m.row(row)));
    out
}

fn forward(x: &Matrix, u: &Matrix, b: &Matrix, moments: &[Vec<usize>]) -> (Matrix, Passed) {
    let width = u.n_rows;
    let mut states = Matrix::zeros(x.n_rows, width);
    let mut passed = Passed { before: Matrix::zeros(x.n_rows, width), gates: Matrix::zeros(x.n_rows, 4 * width) };
    for (t, rows) in moments.iter().enumerate() {
        if t > 0 {
            rows.iter().for_each(|&row| passed.before.row_mut(row).copy_from_slice(states.row(row - 1)));
        }
        let mut g = Matrix::zeros(rows.len(), 3 * width);
        g.rows_mut().for_each(|row| row.copy_from_slice(&b.values));
        g.add_product(Factor::Plain(&gather(&passed.before, rows)), Factor::Plain(u));
        for (&row, g) in rows.iter().zip(g.rows()) {
            let (x, h) = (x.row(row), passed.before.row(row));
            let (gates, state) = (passed.gates.row_mut(row), states.row_mut(row));
            vectorized(|| {
                for c in 0..width {
                    let r = sigmoid(x[c] + g[c]);
                    let z = sigmoid(x[width + c] + g[width + c]);
                    let of_state = g[2 * width + c];
                    let n = tanh(x[2 * width + c] + r * of_state);
                    state[c] = (1.0 - z) * n + z * h[c];
                    (gates[c], gates[width + c], gates[2 * width + c], gates[3 * width + c]) = (r, z, n, of_state);
                }
            });
        }
    }
    (states, passed)
}

/// Gradients by `x` and by `h U + b`, from the last moment to the first.
fn backward(mut dh: Matrix, u: &Matrix, passed: &Passed, moments: &[Vec<usize>]) -> (Matrix, Matrix) {
    let width = u.n_rows;
    let mut dx = Matrix::zeros(dh.n_rows, 3 * width);
    let mut dg = Matrix::zeros(dh.n_rows, 3 * width);
    for (t, rows) in moments.iter().enumerate().rev() {
        for &row in rows {
            let (gates, h, dh) = (passed.gates.row(row), passed.before.row(row), dh.row(row));
            let (dx, dg) = (dx.row_mut(row), dg.row_mut(row));
            vectorized(|| {
                for c in 0..width {
                    let (r, z, n) = (gates[c], gates[width + c], gates[2 * width + c]);
                    let dn = dh[c] * (1.0 - z) * (1.0 - n * n);
                    let dr = dn * gates[3 * width + c] * r * (1.0 - r);
                    let dz = dh[c] * (h[c] - n) * z * (1.0 - z);
                    (dx[c], dx[width + c], dx[2 * width + c]) = (dr, dz, dn);
                    (dg[c], dg[width + c], dg[2 * width + c]) = (dr, dz, dn * r);
                }
            });
        }
        if t > 0 {
            let mut earlier = Matrix::zeros(rows.len(), width);
            earlier.add_product(Factor::Plain(&gather(&dg, rows)), Factor::Transposed(u));
            for (&row, earlier) in rows.iter().zip(earlier.rows_mut()) {
                let z = &passed.gates.row(row)[width..2 * width];
                earlier.iter_mut().zip(dh.row(row)).zip(z).for_each(|((earlier, dh), z)| *earlier += dh * z);
                dh.row_mut(row - 1).iter_mut().zip(earlier).for_each(|(dh, earlier)| *dh += *earlier);
            }
        }
    }
    (dx, dg)
}
