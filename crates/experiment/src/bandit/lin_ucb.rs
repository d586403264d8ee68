//! LinUCB: a linear estimate of the reward from the context, for each arm apart, and a bonus for what is uncertain.
//!
//! Li, Chu, Langford and Schapire, A Contextual-Bandit Approach to Personalized News Article Recommendation (WWW 2010,
//! arXiv:1003.0146), algorithm 1. With A = I + Σ w x xᵀ and b = Σ w r x over an arm's observations (context x, reward
//! r, weight w) its score is θᵀx + α √(xᵀ A⁻¹ x) for θ = A⁻¹ b; the highest score is chosen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BanditError, setting};

/// Most values of a context: each arm keeps their square, and each choice multiplies it.
pub const DIMENSIONS_MAX: usize = 16;
/// What is left of doubt after as many observations as nobody makes.
const VARIANCE_MIN: f64 = 1e-18;
/// Largest α.
const ALPHA_MAX: f64 = 100.0;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinUcb {
    dimensions: usize,
    alpha: f64,
    arms: BTreeMap<String, Arm>,
}

/// What an arm learned.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arm {
    /// A⁻¹, row after row.
    inverse: Vec<f64>,
    /// b.
    sums: Vec<f64>,
}

impl LinUcb {
    /// `dimensions` is the length of a context, which should hold a constant 1 for the arm's rate as such; `alpha` how
    /// much a standard deviation of doubt is worth, between 0.1 and 2 for rewards of 0 and 1.
    pub fn new(dimensions: usize, alpha: f64) -> Self {
        Self { dimensions, alpha, arms: BTreeMap::new() }
    }

    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The reward that is expected of an arm in a context, without the bonus; 0 before anything was learned.
    pub fn expected(&self, arm: &str, context: &[f64]) -> f64 {
        self.arms.get(arm).map_or(0.0, |arm| dot(&arm.doubt(context), &arm.sums))
    }

    fn score(&self, arm: &str, context: &[f64]) -> f64 {
        match self.arms.get(arm) {
            Some(arm) => {
                // θᵀx = (A⁻¹b)ᵀx = (A⁻¹x)ᵀb, as A is symmetric.
                let doubt = arm.doubt(context);
                dot(&doubt, &arm.sums) + self.alpha * dot(&doubt, context).max(0.0).sqrt()
            }
            None => self.alpha * dot(context, context).sqrt(),
        }
    }

    /// All on the highest score; arms that are level, such as new ones, share.
    pub(super) fn probabilities(&self, arms: &[&str], context: &[f64]) -> Vec<f64> {
        let scores: Vec<f64> = arms.iter().map(|arm| self.score(arm, context)).collect();
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let level = scores.iter().filter(|&&score| score == highest).count();
        scores.iter().map(|&score| if score == highest { 1.0 / level as f64 } else { 0.0 }).collect()
    }

    pub(super) fn learn(&mut self, arm: &str, context: &[f64], reward: f64, weight: f64) {
        let arm = self.arms.entry(arm.to_owned()).or_insert_with(|| Arm::new(self.dimensions));
        arm.learn(context, reward, weight);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.arms.retain(|arm, _| keep(arm));
    }

    pub(super) fn check(&self) -> Result<(), BanditError> {
        let d = self.dimensions;
        setting("dimensions", d as f64, (1..=DIMENSIONS_MAX).contains(&d), "a whole number from 1 to 16")?;
        setting("alpha", self.alpha, (0.0..=ALPHA_MAX).contains(&self.alpha), "a number from 0 to 100")?;
        for (name, arm) in &self.arms {
            let state = |detail| BanditError::State { arm: name.clone(), detail };
            if arm.inverse.len() != d * d || arm.sums.len() != d {
                return Err(state("its size is not that of the context"));
            }
            if !arm.inverse.iter().chain(&arm.sums).all(|value| value.is_finite()) {
                return Err(state("a value is no number"));
            }
            if (0..d).any(|i| arm.inverse[i * d + i] <= 0.0) {
                return Err(state("a variance is not above 0"));
            }
        }
        Ok(())
    }
}

impl Arm {
    fn new(dimensions: usize) -> Self {
        let mut inverse = vec![0.0; dimensions * dimensions];
        inverse.iter_mut().step_by(dimensions + 1).for_each(|value| *value = 1.0);
        Self { inverse, sums: vec![0.0; dimensions] }
    }

    /// A⁻¹ x.
    fn doubt(&self, context: &[f64]) -> Vec<f64> {
        self.inverse.chunks_exact(self.sums.len()).map(|row| dot(row, context)).collect()
    }

    /// (A + w x xᵀ)⁻¹ = A⁻¹ - w (A⁻¹x)(A⁻¹x)ᵀ / (1 + w xᵀA⁻¹x): Sherman and Morrison, Annals of Mathematical Statistics
    /// 21 (1950). It keeps A⁻¹ symmetric to the last bit, and rounding may not take a variance to 0.
    fn learn(&mut self, context: &[f64], reward: f64, weight: f64) {
        let doubt = self.doubt(context);
        let scale = weight / (1.0 + weight * dot(&doubt, context).max(0.0));
        for (i, row) in self.inverse.chunks_exact_mut(context.len()).enumerate() {
            for (value, &doubt_of_column) in row.iter_mut().zip(&doubt) {
                *value -= scale * (doubt[i] * doubt_of_column);
            }
            row[i] = row[i].max(VARIANCE_MIN);
        }
        for (sum, &x) in self.sums.iter_mut().zip(context) {
            *sum += weight * reward * x;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::SmallRng};

    #[test]
    fn two_observations_by_hand() {
        // x = (1, 1), r = 1 then x = (1, 0), r = 0: A = [[3, 1], [1, 2]], A⁻¹ = [[2, -1], [-1, 3]] / 5, b = (1, 1), θ =
        // (1, 2) / 5.
        let mut lin_ucb = LinUcb::new(2, 0.5);
        lin_ucb.learn("a", &[1.0, 1.0], 1.0, 1.0);
        lin_ucb.learn("a", &[1.0, 0.0], 0.0, 1.0);
        let arm = &lin_ucb.arms["a"];
        for (got, wanted) in arm.inverse.iter().zip([0.4, -0.2, -0.2, 0.6]) {
            assert!((got - wanted).abs() < 1e-12, "{:?}", arm.inverse);
        }
        assert!((lin_ucb.expected("a", &[1.0, 1.0]) - 0.6).abs() < 1e-12);
        // xᵀA⁻¹x = 0.4 - 0.2 - 0.2 + 0.6.
        assert!((lin_ucb.score("a", &[1.0, 1.0]) - (0.6 + 0.5 * 0.6_f64.sqrt())).abs() < 1e-12);
        assert!((lin_ucb.score("new", &[3.0, 4.0]) - 2.5).abs() < 1e-12);
        assert_eq!(lin_ucb.expected("new", &[3.0, 4.0]), 0.0);
    }

    #[test]
    fn a_weight_is_that_many_observations() {
        let (mut one, mut three) = (LinUcb::new(2, 1.0), LinUcb::new(2, 1.0));
        one.learn("a", &[1.0, 0.5], 0.7, 3.0);
        (0..3).for_each(|_| three.learn("a", &[1.0, 0.5], 0.7, 1.0));
        let context = [1.0, -0.3];
        assert!((one.score("a", &context) - three.score("a", &context)).abs() < 1e-12);
    }

    #[test]
    fn new_arms_share_and_the_best_takes_all() {
        let mut lin_ucb = LinUcb::new(1, 1.0);
        assert_eq!(lin_ucb.probabilities(&["a", "b", "c", "d"], &[1.0]), [0.25; 4]);
        lin_ucb.learn("b", &[1.0], 0.0, 1.0);
        assert_eq!(lin_ucb.probabilities(&["a", "b"], &[1.0]), [1.0, 0.0]);
    }

    #[test]
    fn the_inverse_stays_one_over_many_observations() {
        const D: usize = DIMENSIONS_MAX;
        let mut random = SmallRng::seed_from_u64(7);
        let mut arm = Arm::new(D);
        let mut a = [[0.0; D]; D];
        (0..D).for_each(|i| a[i][i] = 1.0);
        for _ in 0..100_000 {
            let mut context: [f64; D] = std::array::from_fn(|_| random.random_range(-1.0..1.0));
            context[0] = 1.0;
            arm.learn(&context, random.random(), 1.0);
            for (row, x) in a.iter_mut().zip(context) {
                row.iter_mut().zip(context).for_each(|(value, y)| *value += x * y);
            }
        }
        for (i, row) in arm.inverse.chunks_exact(D).enumerate() {
            for j in 0..D {
                let product: f64 = row.iter().zip(&a).map(|(inverse, row)| inverse * row[j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-9, "{i} {j}: {product}");
                assert_eq!(row[j], arm.inverse[j * D + i]);
            }
        }
    }
}
