//! Multinomial logistic regression over sparse rows.
//!
//! P(class | x) ∝ exp(w_class·x + b_class), fitted by AdaGrad steps on one row after another (Duchi, Hazan and Singer 2011) with an L2 penalty
//! on the weights that a row touches. The same rows in the same order give the same weights.

use crate::Sparse;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoftmaxOptions {
    /// Passes over the rows.
    pub epochs: usize,
    pub rate: f32,
    pub l2: f32,
}

impl Default for SoftmaxOptions {
    fn default() -> Self {
        Self { epochs: 8, rate: 0.5, l2: 1e-6 }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Softmax {
    n_classes: usize,
    /// Those of one column stand together: [column × class]. The last column is the bias.
    weights: Vec<f32>,
}

impl Softmax {
    /// Of rows with columns below `width`; `classes[i]` is the class of `rows[i]`, below `n_classes`.
    pub fn fit(rows: &[&Sparse], classes: &[u32], width: usize, n_classes: usize, options: SoftmaxOptions) -> Self {
        let mut model = Self { n_classes, weights: vec![0.0; (width + 1) * n_classes] };
        let mut squares = vec![1e-6f32; model.weights.len()];
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let mut slopes = Vec::with_capacity(n_classes);
        for epoch in 0..options.epochs {
            shuffle(&mut order, epoch as u64);
            for &row in &order {
                model.probabilities_into(rows[row], 1.0, &mut slopes);
                slopes[classes[row] as usize] -= 1.0;
                for (column, x) in model.columns(rows[row]) {
                    let at = column * n_classes;
                    let is_bias = column == width;
                    let weights = &mut model.weights[at..at + n_classes];
                    for ((w, square), slope) in weights.iter_mut().zip(&mut squares[at..]).zip(&slopes) {
                        let gradient = slope * x + if is_bias { 0.0 } else { options.l2 * *w };
                        *square += gradient * gradient;
                        *w -= options.rate * gradient / square.sqrt();
                    }
                }
            }
        }
        model
    }

    /// Of each class, summing to 1. Scores are divided by `temperature` before: above 1 it makes certainties less certain.
    pub fn probabilities(&self, row: &Sparse, temperature: f32) -> Vec<f32> {
        let mut probabilities = Vec::new();
        self.probabilities_into(row, temperature, &mut probabilities);
        probabilities
    }

    /// A weight of one column, and of the bias.
    pub fn weight(&self, column: usize, class: usize) -> f32 {
        self.weights[column * self.n_classes + class]
    }

    pub fn bias(&self, class: usize) -> f32 {
        self.weights[self.weights.len() - self.n_classes + class]
    }

    fn probabilities_into(&self, row: &Sparse, temperature: f32, out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.n_classes, 0.0);
        for (column, x) in self.columns(row) {
            let weights = &self.weights[column * self.n_classes..][..self.n_classes];
            out.iter_mut().zip(weights).for_each(|(z, w)| *z += w * x);
        }
        let most = out.iter().copied().fold(f32::MIN, f32::max);
        out.iter_mut().for_each(|z| *z = ((*z - most) / temperature).exp());
        let sum: f32 = out.iter().sum();
        out.iter_mut().for_each(|p| *p /= sum);
    }

    /// The row's columns and the bias behind them, as an iterator that borrows only the row.
    fn columns<'r>(&self, row: &'r Sparse) -> impl Iterator<Item = (usize, f32)> + use<'r> {
        let bias = self.weights.len() / self.n_classes - 1;
        row.entries().iter().map(|&(column, x)| (column as usize, x)).chain([(bias, 1.0)])
    }
}

/// Fisher and Yates, by a multiplicative generator.
fn shuffle(order: &mut [usize], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    for i in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(i, (state >> 33) as usize % (i + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_the_shares_that_were_seen() {
        // Column 0 is of class 0 in three of four rows, column 1 always of class 2.
        let rows: Vec<Sparse> = [0, 0, 0, 0, 1, 1, 1, 1].map(|column| Sparse::new(vec![(column, 1.0)])).into();
        let rows: Vec<&Sparse> = rows.iter().collect();
        let options = SoftmaxOptions { epochs: 3000, rate: 0.2, l2: 0.0 };
        let model = Softmax::fit(&rows, &[0, 0, 0, 1, 2, 2, 2, 2], 2, 3, options);
        let p = model.probabilities(rows[0], 1.0);
        assert!((p[0] - 0.75).abs() < 0.03 && (p[1] - 0.25).abs() < 0.03, "{p:?}");
        assert!(model.probabilities(rows[4], 1.0)[2] > 0.99);
        assert!(model.probabilities(rows[0], 1000.0).iter().all(|p| (p - 1.0 / 3.0).abs() < 0.01));
    }
}
