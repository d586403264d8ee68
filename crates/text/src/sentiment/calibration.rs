//! From a head's values to probabilities, and how good these are.

use serde::{Deserialize, Serialize};

use super::Rows;
use super::logistic::{Loss, minimise, sigmoid, softplus};
use crate::Embeddings;

/// `P(positive) = σ(slope · value + offset)` (Platt 1999).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Platt {
    pub slope: f32,
    pub offset: f32,
}

impl Platt {
    /// Targets a little off 0 and 1, as Platt has them, so that separable values do not make certainties.
    pub fn fit(values: &[f32], positive: &[bool]) -> Self {
        let n_positive = positive.iter().filter(|&&positive| positive).count() as f64;
        let n_negative = positive.len() as f64 - n_positive;
        let (high, low) = ((n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0));
        let targets: Vec<f64> = positive.iter().map(|&positive| if positive { high } else { low }).collect();
        let rows = Rows::Dense(Embeddings { width: 1, values: values.to_vec() });
        // So weak a penalty that only the data decide.
        let loss = Loss { rows: &rows, targets: &targets, samples: &vec![1.0; values.len()], c: 1e6 };
        let (slope, offset) = minimise(&loss);
        Self { slope: slope[0] as f32, offset: offset as f32 }
    }

    pub fn probability(self, value: f32) -> f32 {
        sigmoid(f64::from(self.slope * value + self.offset)) as f32
    }
}

/// How good probabilities are on reviews that were not fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    pub n_positive: usize,
    pub n_negative: usize,
    pub accuracy: f64,
    /// Mean of both sides' F1.
    pub macro_f1: f64,
    /// Mean squared distance to the truth; 0.25 is that of a coin.
    pub brier: f64,
    /// Mean of −ln of the probability of the truth.
    pub log_loss: f64,
    /// `log_loss` of somebody who only knows how many are positive.
    pub base_log_loss: f64,
    /// Expected calibration error over ten bins of equal width (Guo et al. 2017).
    pub ece: f64,
}

impl Measures {
    pub fn of(probabilities: &[f32], positive: &[bool]) -> Self {
        let pairs = || probabilities.iter().map(|&p| f64::from(p)).zip(positive.iter().copied());
        let mean = |of: &dyn Fn(f64, bool) -> f64| {
            pairs().map(|(p, positive)| of(p, positive)).sum::<f64>() / positive.len().max(1) as f64
        };
        let target = |positive: bool| f64::from(u8::from(positive));
        let n_positive = positive.iter().filter(|&&positive| positive).count();
        let share = n_positive as f64 / positive.len().max(1) as f64;
        Self {
            n_positive,
            n_negative: positive.len() - n_positive,
            accuracy: mean(&|p, positive| target((p >= 0.5) == positive)),
            macro_f1: (f1(pairs(), true) + f1(pairs(), false)) / 2.0,
            brier: mean(&|p, positive| (p - target(positive)).powi(2)),
            log_loss: mean(&|p, positive| cross_entropy(p, target(positive))),
            base_log_loss: cross_entropy(share, share),
            ece: expected_calibration_error(&pairs().collect::<Vec<_>>()),
        }
    }
}

/// Clamped, so that one wrong certainty is not infinite.
fn cross_entropy(p: f64, target: f64) -> f64 {
    let z = {
        let p = p.clamp(1e-7, 1.0 - 1e-7);
        (p / (1.0 - p)).ln()
    };
    softplus(z) - target * z
}

fn f1(pairs: impl Iterator<Item = (f64, bool)>, side: bool) -> f64 {
    let (mut hits, mut misses) = (0.0, 0.0);
    for (p, positive) in pairs {
        match ((p >= 0.5) == side, positive == side) {
            (true, true) => hits += 1.0,
            (false, false) => {}
            _ => misses += 1.0,
        }
    }
    if hits > 0.0 { 2.0 * hits / (2.0 * hits + misses) } else { 0.0 }
}

fn expected_calibration_error(pairs: &[(f64, bool)]) -> f64 {
    const BINS: usize = 10;
    let mut gaps = [0.0; BINS];
    for (p, positive) in pairs {
        let bin = ((p * BINS as f64) as usize).min(BINS - 1);
        gaps[bin] += p - f64::from(u8::from(*positive));
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / pairs.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_by_hand() {
        let measures = Measures::of(&[0.9, 0.8, 0.3, 0.6], &[true, true, false, false]);
        assert_eq!((measures.n_positive, measures.n_negative, measures.accuracy), (2, 2, 0.75));
        // F1: positive 2·2 / (4 + 1), negative 2·1 / (2 + 1).
        assert!((measures.macro_f1 - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-9);
        assert!((measures.brier - (0.01 + 0.04 + 0.09 + 0.36) / 4.0).abs() < 1e-6);
        assert!((measures.ece - (0.1 + 0.2 + 0.3 + 0.6) / 4.0).abs() < 1e-6);
        assert!((measures.base_log_loss - 2f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn platt_gives_back_the_probabilities_that_the_values_came_from() {
        // Values with P = σ(2v − 1), each a hundred times.
        let (mut values, mut positive) = (Vec::new(), Vec::new());
        for step in 0..21 {
            let value = step as f32 / 10.0 - 1.0;
            let share = sigmoid(f64::from(2.0 * value - 1.0));
            for i in 0..1000 {
                values.push(value);
                positive.push(f64::from(i) < share * 1000.0);
            }
        }
        let platt = Platt::fit(&values, &positive);
        assert!((platt.slope - 2.0).abs() < 0.02 && (platt.offset + 1.0).abs() < 0.02, "{platt:?}");
    }
}
