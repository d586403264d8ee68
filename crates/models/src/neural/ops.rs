//! The operations of the networks: each with its formula, and beside it the way back.

use super::math::{exp, hash, sigmoid, softplus, sum_of, tanh, vectorized};
use super::matrix::{Factor, Matrix};
use super::parameters::Parameter;
use super::tape::{Tape, Var};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x Φ(x)` with the logistic in place of the normal: Hendrycks & Gimpel, 2016.
    Gelu,
    Relu,
    Tanh,
}

/// `1.702` makes `x σ(1.702 x)` closest to the GELU.
const GELU: f32 = 1.702;

impl Activation {
    #[inline(always)]
    fn value(self, x: f32) -> f32 {
        match self {
            Self::Gelu => x * sigmoid(GELU * x),
            Self::Relu => x.max(0.0),
            Self::Tanh => tanh(x),
        }
    }

    #[inline(always)]
    fn slope(self, x: f32) -> f32 {
        match self {
            Self::Gelu => {
                let s = sigmoid(GELU * x);
                s * (1.0 + GELU * x * (1.0 - s))
            }
            Self::Relu => f32::from(u8::from(x > 0.0)),
            Self::Tanh => {
                let y = tanh(x);
                1.0 - y * y
            }
        }
    }
}

/// Keeps the variance of a row that is all the same from dividing by 0.
const LAYER_NORM_EPSILON: f32 = 1e-6;

impl<'a> Tape<'a> {
    /// Rows of a table by number.
    pub fn gather(&mut self, table: Parameter, ids: &[u32]) -> Var {
        let rows = self.parameters.get(table);
        let mut value = Matrix::zeros(ids.len(), rows.n_cols);
        value.rows_mut().zip(ids).for_each(|(out, &id)| out.copy_from_slice(rows.row(id as usize)));
        let ids = ids.to_vec();
        self.push(value, move |step, gradients| gradients.rows(table, ids, step.gradient))
    }

    /// `Σ w_k table[id_k]` for each bag of weighted ids.
    pub fn gather_sums(&mut self, table: Parameter, bags: &[Vec<(u32, f32)>]) -> Var {
        let rows = self.parameters.get(table);
        let mut value = Matrix::zeros(bags.len(), rows.n_cols);
        for (out, bag) in value.rows_mut().zip(bags) {
            bag.iter().for_each(|&(id, weight)| add_scaled(out, weight, rows.row(id as usize)));
        }
        let bags = bags.to_vec();
        self.push(value, move |step, gradients| {
            let ids: Vec<u32> = bags.iter().flatten().map(|&(id, _)| id).collect();
            let mut parts = Matrix::zeros(ids.len(), step.gradient.n_cols);
            let sources = step.gradient.rows().zip(&bags).flat_map(|(row, bag)| bag.iter().map(move |b| (row, b.1)));
            parts.rows_mut().zip(sources).for_each(|(part, (row, weight))| add_scaled(part, weight, row));
            gradients.rows(table, ids, parts);
        })
    }

    /// `x W + b`.
    pub fn linear(&mut self, x: Var, weights: Parameter, bias: Parameter) -> Var {
        let (w, b) = (self.parameters.get(weights), self.parameters.get(bias));
        let mut value = Matrix::zeros(self.value(x).n_rows, w.n_cols);
        value.rows_mut().for_each(|row| row.copy_from_slice(&b.values));
        value.add_product(Factor::Plain(self.value(x)), Factor::Plain(w));
        self.push(value, move |step, gradients| {
            let (x_value, dy) = (step.of(x), &step.gradient);
            gradients.of(x, x_value).add_product(Factor::Plain(dy), Factor::Transposed(w));
            gradients.add_product(weights, w, Factor::Transposed(x_value), Factor::Plain(dy));
            let db = gradients.dense(bias, b);
            vectorized(|| dy.rows().for_each(|row| add_scaled_inline(&mut db.values, 1.0, row)));
        })
    }

    /// `x Tᵀ + b` with every row of a table: one number for each of its rows.
    pub fn against_all(&mut self, x: Var, table: Parameter, bias: Parameter) -> Var {
        let (t, b) = (self.parameters.get(table), self.parameters.get(bias));
        let mut value = Matrix::zeros(self.value(x).n_rows, t.n_rows);
        value.rows_mut().for_each(|row| row.copy_from_slice(&b.values));
        value.add_product(Factor::Plain(self.value(x)), Factor::Transposed(t));
        self.push(value, move |step, gradients| {
            let (x_value, dy) = (step.of(x), &step.gradient);
            gradients.of(x, x_value).add_product(Factor::Plain(dy), Factor::Plain(t));
            gradients.add_product(table, t, Factor::Transposed(dy), Factor::Plain(x_value));
            let db = gradients.dense(bias, b);
            vectorized(|| dy.rows().for_each(|row| add_scaled_inline(&mut db.values, 1.0, row)));
        })
    }

    /// `x yᵀ`.
    pub fn products(&mut self, x: Var, y: Var) -> Var {
        let mut value = Matrix::zeros(self.value(x).n_rows, self.value(y).n_rows);
        value.add_product(Factor::Plain(self.value(x)), Factor::Transposed(self.value(y)));
        self.push(value, move |step, gradients| {
            let (x_value, y_value, dz) = (step.of(x), step.of(y), &step.gradient);
            gradients.of(x, x_value).add_product(Factor::Plain(dz), Factor::Plain(y_value));
            gradients.of(y, y_value).add_product(Factor::Transposed(dz), Factor::Plain(x_value));
        })
    }

    /// Rows of a value by number; they may repeat.
    pub fn select(&mut self, x: Var, rows: Vec<usize>) -> Var {
        let from = self.value(x);
        let mut value = Matrix::zeros(rows.len(), from.n_cols);
        value.rows_mut().zip(&rows).for_each(|(out, &row)| out.copy_from_slice(from.row(row)));
        self.push(value, move |step, gradients| {
            let sum = gradients.of(x, step.of(x));
            vectorized(|| {
                rows.iter().zip(step.gradient.rows()).for_each(|(&row, dy)| {
                    add_scaled_inline(sum.row_mut(row), 1.0, dy);
                });
            });
        })
    }

    /// The same numbers in rows of another length.
    pub fn reshape(&mut self, x: Var, n_cols: usize) -> Var {
        let before = self.value(x).n_cols;
        let value = Matrix::from_rows(n_cols, self.value(x).values.clone());
        self.push(value, move |step, gradients| gradients.give(x, Matrix::from_rows(before, step.gradient.values)))
    }

    /// `Σ_c x_rc y_rc` for each row.
    pub fn row_dots(&mut self, x: Var, y: Var) -> Var {
        let rows = self.value(x).rows().zip(self.value(y).rows());
        let dots = vectorized(|| rows.map(|(x, y)| sum_of(x, y, |x, y| x * y)).collect());
        self.push(Matrix::from_rows(1, dots), move |step, gradients| {
            for (into, other) in [(x, y), (y, x)] {
                let sum = gradients.of(into, step.of(into));
                for ((out, other), dz) in sum.rows_mut().zip(step.of(other).rows()).zip(&step.gradient.values) {
                    add_scaled(out, *dz, other);
                }
            }
        })
    }

    /// `x + y`.
    pub fn add(&mut self, x: Var, y: Var) -> Var {
        let mut value = self.value(x).clone();
        value.add(self.value(y));
        self.push(value, move |step, gradients| {
            gradients.add(x, &step.gradient);
            gradients.give(y, step.gradient);
        })
    }

    pub fn activation(&mut self, x: Var, activation: Activation) -> Var {
        let value = map2(self.value(x), self.value(x), |x, _| activation.value(x));
        self.push(value, move |step, gradients| {
            gradients.give(x, map2(&step.gradient, step.of(x), |dy, x| dy * activation.slope(x)));
        })
    }

    /// The first half of each row, and the second.
    pub fn halves(&mut self, x: Var) -> (Var, Var) {
        let width = self.value(x).n_cols / 2;
        let mut half = |first: usize| {
            let values = self.value(x).rows().flat_map(|row| &row[first..first + width]).copied().collect();
            self.push(Matrix::from_rows(width, values), move |step, gradients| {
                let sum = gradients.of(x, step.of(x));
                for (out, dy) in sum.rows_mut().zip(step.gradient.rows()) {
                    out[first..].iter_mut().zip(dy).for_each(|(out, dy)| *out += dy);
                }
            })
        };
        (half(0), half(width))
    }

    /// Sets a share of all numbers to 0 and scales the others up: Srivastava et al., JMLR 2014.
    pub fn dropout(&mut self, x: Var, share: f32) -> Var {
        if share == 0.0 {
            return x;
        }
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let seed = (self.seed ^ (self.seed >> 32)) as u32;
        let mask = move |x: &Matrix| {
            let mut out = Matrix::zeros(x.n_rows, x.n_cols);
            let (limit, scale) = ((f64::from(share) * 2f64.powi(32)) as u32, 1.0 / (1.0 - share));
            vectorized(|| {
                for (index, (out, x)) in out.values.iter_mut().zip(&x.values).enumerate() {
                    *out = if hash(seed, index as u32) >= limit { x * scale } else { 0.0 };
                }
            });
            out
        };
        let value = mask(self.value(x));
        self.push(value, move |step, gradients| gradients.give(x, mask(&step.gradient)))
    }

    /// `(x − mean) / deviation · gain + bias` for each row: Ba, Kiros & Hinton, 2016.
    pub fn layer_norm(&mut self, x: Var, gain: Parameter, bias: Parameter) -> Var {
        let (g, b) = (self.parameters.get(gain), self.parameters.get(bias));
        let input = self.value(x);
        let width = input.n_cols as f32;
        let mut value = Matrix::zeros(input.n_rows, input.n_cols);
        let mut normal = Matrix::zeros(input.n_rows, input.n_cols);
        let mut scales = vec![0.0; input.n_rows];
        vectorized(|| {
            let rows = value.rows_mut().zip(normal.rows_mut()).zip(&mut scales).zip(input.rows());
            for (((y, n), scale), x) in rows {
                let mean = sum_of(x, x, |x, _| x) / width;
                let variance = sum_of(x, x, |x, _| (x - mean) * (x - mean)) / width;
                *scale = 1.0 / (variance + LAYER_NORM_EPSILON).sqrt();
                n.iter_mut().zip(x).for_each(|(n, x)| *n = (x - mean) * *scale);
                y.iter_mut().zip(&*n).zip(&g.values).zip(&b.values).for_each(|(((y, n), g), b)| *y = n * g + b);
            }
        });
        self.push(value, move |step, gradients| {
            let dy = &step.gradient;
            let mut dx = Matrix::zeros(dy.n_rows, dy.n_cols);
            let mut dn = vec![0.0; dy.n_cols];
            vectorized(|| {
                // dx = (dn − mean(dn) − n mean(dn n)) / deviation, with dn = dy gain.
                for (((dx, dy), n), scale) in dx.rows_mut().zip(dy.rows()).zip(normal.rows()).zip(&scales) {
                    dn.iter_mut().zip(dy).zip(&g.values).for_each(|((dn, dy), g)| *dn = dy * g);
                    let mean = sum_of(&dn, n, |dn, _| dn) / width;
                    let along = sum_of(&dn, n, |dn, n| dn * n) / width;
                    dx.iter_mut().zip(&dn).zip(n).for_each(|((dx, dn), n)| *dx = (dn - mean - n * along) * scale);
                }
                let dg = &mut gradients.dense(gain, g).values;
                for (dy, n) in dy.rows().zip(normal.rows()) {
                    dg.iter_mut().zip(dy).zip(n).for_each(|((dg, dy), n)| *dg += dy * n);
                }
                let db = &mut gradients.dense(bias, b).values;
                dy.rows().for_each(|dy| add_scaled_inline(db, 1.0, dy));
            });
            gradients.give(x, dx);
        })
    }

    /// `−Σ_r w_r ln( e^{p_r} / (e^{p_r} + Σ_k e^{n_rk}) )`: a softmax over the wanted product and sampled others.
    ///
    /// Of the samples, those that are the wanted product itself are left out.
    pub fn sampled_softmax(&mut self, positive: Var, negative: Var, draw: &Draw<'_>) -> Var {
        let (p, n) = (self.value(positive), self.value(negative));
        let (mut loss, mut dp, mut dn) = (0.0f64, p.clone(), n.clone());
        vectorized(|| {
            for (r, row) in dn.rows_mut().enumerate() {
                let (own, weight) = (p.values[r], draw.weights[r]);
                draw.hide(r, row);
                let top = row.iter().copied().fold(own, f32::max);
                row.iter_mut().for_each(|n| *n = exp(*n - top) * f32::from(u8::from(*n > HIDDEN)));
                let of_own = exp(own - top);
                let total = of_own + sum_of(row, row, |n, _| n);
                loss -= f64::from(weight) * f64::from((own - top) - total.ln());
                dp.values[r] = weight * (of_own / total - 1.0);
                row.iter_mut().for_each(|n| *n *= weight / total);
            }
        });
        self.loss(loss, vec![(positive, dp), (negative, dn)])
    }

    /// `−Σ_r w_r ( β ln σ(p_r) + Σ_k ln(1 − σ(n_rk)) )`: Petrov & Macdonald, *gSASRec* (RecSys 2023), eq. 12.
    pub fn generalised_bce(&mut self, positive: Var, negative: Var, draw: &Draw<'_>, beta: f32) -> Var {
        let (p, n) = (self.value(positive), self.value(negative));
        let (mut loss, mut dp, mut dn) = (0.0f64, p.clone(), n.clone());
        for (r, row) in dn.rows_mut().enumerate() {
            let (own, weight) = (p.values[r], draw.weights[r]);
            draw.hide(r, row);
            let of_samples: f64 = row.iter().map(|&n| f64::from(softplus(n))).sum();
            loss += f64::from(weight) * (f64::from(beta * softplus(-own)) + of_samples);
            dp.values[r] = -weight * beta * sigmoid(-own);
            vectorized(|| row.iter_mut().for_each(|n| *n = weight * sigmoid(*n)));
        }
        self.loss(loss, vec![(positive, dp), (negative, dn)])
    }

    /// `−Σ_r Σ_k w_rk ln softmax(x_r)_k` over all columns: the multinomial likelihood of weighted columns.
    pub fn multinomial(&mut self, x: Var, wanted: &[Vec<(u32, f32)>]) -> Var {
        let (mut loss, mut dx) = (0.0f64, self.value(x).clone());
        for (row, wanted) in dx.rows_mut().zip(wanted) {
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let of_wanted: f32 = wanted.iter().map(|&(k, weight)| weight * (row[k as usize] - top)).sum();
            let weight: f32 = wanted.iter().map(|w| w.1).sum();
            vectorized(|| {
                row.iter_mut().for_each(|x| *x = exp(*x - top));
                let total = sum_of(row, row, |x, _| x);
                row.iter_mut().for_each(|x| *x *= weight / total);
                loss += f64::from(weight * total.ln() - of_wanted);
            });
            wanted.iter().for_each(|&(k, weight)| row[k as usize] -= weight);
        }
        self.loss(loss, vec![(x, dx)])
    }

    /// `mean + e^{spread / 2} · noise`, with the noise as it comes: the reparametrisation of Kingma & Welling, 2014.
    pub fn gaussian(&mut self, mean: Var, spread: Var, noise: Matrix) -> Var {
        let scaled = map2(self.value(spread), &noise, |s, e| exp(0.5 * s) * e);
        let mut value = self.value(mean).clone();
        value.add(&scaled);
        self.push(value, move |step, gradients| {
            gradients.give(spread, map2(&step.gradient, &scaled, |dz, scaled| 0.5 * dz * scaled));
            gradients.give(mean, step.gradient);
        })
    }

    /// `weight · ½ Σ (e^s + m² − 1 − s)`: how far normals of mean m and log variance s are from the standard one.
    pub fn divergence(&mut self, mean: Var, spread: Var, weight: f32) -> Var {
        let (m, s) = (self.value(mean), self.value(spread));
        let pairs = m.values.iter().zip(&s.values);
        let total: f64 = pairs.map(|(m, s)| f64::from(0.5 * (exp(*s) + m * m - 1.0 - s))).sum();
        let dm = map2(m, m, |m, _| weight * m);
        let ds = map2(s, s, |s, _| weight * 0.5 * (exp(s) - 1.0));
        self.loss(f64::from(weight) * total, vec![(mean, dm), (spread, ds)])
    }

    /// A loss whose gradients are known already.
    fn loss(&mut self, loss: f64, by: Vec<(Var, Matrix)>) -> Var {
        self.push(Matrix::from_rows(1, vec![loss as f32]), move |step, gradients| {
            let scale = step.gradient.values[0];
            for (var, mut gradient) in by {
                gradient.values.iter_mut().for_each(|x| *x *= scale);
                gradients.give(var, gradient);
            }
        })
    }
}

/// What was wanted in each row, how much it counts, and what was sampled for all of them.
#[derive(Clone, Copy)]
pub(crate) struct Draw<'d> {
    pub wanted: &'d [u32],
    pub weights: &'d [f32],
    pub samples: &'d [u32],
}

/// Stands for the score of a sample that does not count.
const HIDDEN: f32 = -1e30;

impl Draw<'_> {
    #[inline(always)]
    fn hide(&self, row: usize, scores: &mut [f32]) {
        let wanted = self.wanted[row];
        for (score, sample) in scores.iter_mut().zip(self.samples) {
            *score = if *sample == wanted { HIDDEN } else { *score };
        }
    }
}

fn map2(x: &Matrix, y: &Matrix, f: impl Fn(f32, f32) -> f32) -> Matrix {
    assert_eq!((x.n_rows, x.n_cols), (y.n_rows, y.n_cols), "equal shapes");
    let mut out = Matrix::zeros(x.n_rows, x.n_cols);
    vectorized(|| {
        out.values.iter_mut().zip(&x.values).zip(&y.values).for_each(|((out, x), y)| *out = f(*x, *y));
    });
    out
}

/// `y += a x`.
pub(super) fn add_scaled(y: &mut [f32], a: f32, x: &[f32]) {
    vectorized(|| add_scaled_inline(y, a, x));
}

#[inline(always)]
pub(super) fn add_scaled_inline(y: &mut [f32], a: f32, x: &[f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}
