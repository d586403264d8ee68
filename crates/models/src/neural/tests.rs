//! Every gradient against finite differences.

use rand::{SeedableRng, rngs::StdRng};

use super::matrix::Matrix;
use super::ops::{Activation, Draw};
use super::parameters::{Parameter, Parameters};
use super::tape::{Tape, Var};

/// Compares the gradient of `loss` by each number of `parameters` with `(f(x + h) − f(x − h)) / 2h`.
fn check(mut parameters: Parameters, loss: impl Fn(&mut Tape<'_>) -> Var) {
    let value = |parameters: &Parameters| {
        let mut tape = Tape::new(parameters, 7);
        let loss = loss(&mut tape);
        f64::from(tape.value(loss).values[0])
    };
    let mut tape = Tape::new(&parameters, 7);
    let root = loss(&mut tape);
    let gradients = tape.gradients(root).dense_of(&parameters);
    const H: f32 = 5e-3;
    for (number, gradient) in gradients.iter().enumerate() {
        for (at, &got) in gradient.values.iter().enumerate() {
            let before = parameters.get(Parameter(number)).values[at];
            let mut moved = |by: f32| {
                parameters.get_mut(Parameter(number)).values[at] = before + by;
                value(&parameters)
            };
            let wanted = (moved(H) - moved(-H)) / f64::from(2.0 * H);
            moved(0.0);
            let off = (f64::from(got) - wanted).abs();
            assert!(off < 6e-3 * (1.0 + wanted.abs()), "parameter {number} at {at}: got {got}, wanted {wanted}");
        }
    }
}

/// Matrices of random numbers of these shapes.
fn parameters<const N: usize>(shapes: [(usize, usize); N]) -> (Parameters, [Parameter; N]) {
    let mut random = StdRng::seed_from_u64(3);
    let mut parameters = Parameters::new();
    let all = shapes.map(|shape| parameters.normal("p", shape, 0.7, &mut random));
    (parameters, all)
}

/// A number that depends on every number of `x` in its own way.
fn project(tape: &mut Tape<'_>, x: Var) -> Var {
    let (n_rows, n_cols) = (tape.value(x).n_rows, tape.value(x).n_cols);
    let waves = |i: usize| ((i * 7 + 3) as f32).sin();
    let y = tape.constant(Matrix::from_rows(n_cols, (0..n_rows * n_cols).map(waves).collect()));
    let dots = tape.row_dots(x, y);
    let zero = tape.constant(Matrix::zeros(n_rows, 1));
    // ½ Σ x² − ½ Σ over a log variance of 0: a sum that the tape can take.
    tape.divergence(dots, zero, 1.0)
}

#[test]
fn layers() {
    let (p, [table, w, b, gain, bias]) = parameters([(6, 5), (5, 9), (1, 9), (1, 9), (1, 9)]);
    check(p, |tape| {
        let x = tape.gather(table, &[0, 3, 3, 5]);
        let y = tape.linear(x, w, b);
        let y = tape.layer_norm(y, gain, bias);
        project(tape, y)
    });
}

#[test]
fn elementwise() {
    for activation in [Activation::Gelu, Activation::Tanh, Activation::Relu] {
        let (p, [a, b]) = parameters([(6, 8), (6, 8)]);
        check(p, |tape| {
            let (x, y) = (tape.gather(a, &[0, 1, 4]), tape.gather(b, &[2, 2, 5]));
            let sum = tape.add(x, y);
            let bent = tape.activation(sum, activation);
            let thinned = tape.dropout(bent, 0.3);
            let picked = tape.select(thinned, vec![2, 0, 2]);
            let shaped = tape.reshape(picked, 4);
            let (left, right) = tape.halves(shaped);
            let left = tape.activation(left, Activation::Tanh);
            let sum = tape.add(left, right);
            project(tape, sum)
        });
    }
}

#[test]
fn attention() {
    for n_heads in [1, 2] {
        let (p, [table]) = parameters([(9, 24)]);
        check(p, |tape| {
            let x = tape.gather(table, &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
            let y = tape.causal_attention(x, &[1, 5, 3], n_heads);
            project(tape, y)
        });
    }
}

#[test]
fn recurrence() {
    let (p, [table, u, b]) = parameters([(9, 12), (4, 12), (1, 12)]);
    check(p, |tape| {
        let x = tape.gather(table, &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let y = tape.gru(x, u, b, &[1, 5, 3]);
        project(tape, y)
    });
}

#[test]
fn sampled_losses() {
    let (weights, wanted, samples) = ([0.5, 2.0, 1.0], [1, 4, 2], [4, 0, 3, 5]);
    for beta in [None, Some(0.4)] {
        let (p, [queries, table]) = parameters([(3, 4), (6, 4)]);
        check(p, |tape| {
            let x = tape.gather(queries, &[0, 1, 2]);
            let (own, others) = (tape.gather(table, &wanted), tape.gather(table, &samples));
            let (positive, negative) = (tape.row_dots(x, own), tape.products(x, others));
            let draw = Draw { wanted: &wanted, weights: &weights, samples: &samples };
            match beta {
                None => tape.sampled_softmax(positive, negative, &draw),
                Some(beta) => tape.generalised_bce(positive, negative, &draw, beta),
            }
        });
    }
}

#[test]
fn variational_parts() {
    let (p, [table, means, spreads, out, bias]) = parameters([(7, 4), (3, 4), (3, 4), (7, 4), (1, 7)]);
    let bags = vec![vec![(0, 0.5), (3, 1.0)], vec![(6, 2.0)], vec![]];
    check(p, |tape| {
        let x = tape.gather_sums(table, &bags);
        let (m, s) = (tape.gather(means, &[0, 1, 2]), tape.gather(spreads, &[0, 1, 2]));
        let m = tape.add(x, m);
        let noise = Matrix::from_rows(4, (0..12).map(|i| (i as f32).cos()).collect());
        let z = tape.gaussian(m, s, noise);
        let logits = tape.against_all(z, out, bias);
        let likelihood = tape.multinomial(logits, &bags);
        let divergence = tape.divergence(m, s, 0.2);
        tape.add(likelihood, divergence)
    });
}
