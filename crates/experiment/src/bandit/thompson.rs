//! Thompson sampling of rates: each arm is chosen as often as it is likely to be the best one.
//!
//! W. R. Thompson, Biometrika 25 (1933); as analysed by Agrawal and Goyal, arXiv:1111.1797. With a prior Beta(α, β), s
//! successes and f failures an arm's rate is Beta(α + s, β + f); a reward between 0 and 1 counts as part success.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BanditError, best, setting};

/// Least count of a prior, below which a rate is believed to be 0 or 1.
const PRIOR_MIN: f64 = 1e-3;
/// Largest count, up to which one more still makes a difference.
const COUNT_MAX: f64 = 1e15;

/// The two parameters of a beta distribution, or what was added to them. Counts of observations, no units.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beta {
    pub alpha: f64,
    pub beta: f64,
}

impl Beta {
    pub fn mean(self) -> f64 {
        self.alpha / (self.alpha + self.beta)
    }
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thompson {
    prior: Beta,
    /// Without the prior, so that states can be added.
    arms: BTreeMap<String, Beta>,
}

impl Default for Thompson {
    /// Any rate is as likely as any other (Bayes and Laplace).
    fn default() -> Self {
        Self::new(Beta { alpha: 1.0, beta: 1.0 })
    }
}

impl Thompson {
    /// A prior with the mean of what is known (a click rate of 2 % as 1 to 49) spares new arms their first storm of
    /// impressions.
    pub fn new(prior: Beta) -> Self {
        Self { prior, arms: BTreeMap::new() }
    }

    /// What is believed of an arm's rate.
    pub fn posterior(&self, arm: &str) -> Beta {
        let learned = self.arms.get(arm).copied().unwrap_or(Beta { alpha: 0.0, beta: 0.0 });
        Beta { alpha: self.prior.alpha + learned.alpha, beta: self.prior.beta + learned.beta }
    }

    pub(super) fn decay(&mut self, keep: f64) {
        for learned in self.arms.values_mut() {
            learned.alpha *= keep;
            learned.beta *= keep;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) -> Result<(), BanditError> {
        if self.prior != other.prior {
            return Err(BanditError::Unlike { what: "priors" });
        }
        for (arm, learned) in &other.arms {
            self.add(arm, *learned);
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), BanditError> {
        for (name, count) in [("alpha of the prior", self.prior.alpha), ("beta of the prior", self.prior.beta)] {
            setting(name, count, (PRIOR_MIN..=COUNT_MAX).contains(&count), "a number from 0.001 to 1e15")?;
        }
        let damaged = |b: &Beta| [b.alpha, b.beta].iter().any(|count| !(0.0..=COUNT_MAX).contains(count));
        match self.arms.iter().find(|(_, learned)| damaged(learned)) {
            Some((arm, _)) => {
                Err(BanditError::State { arm: arm.clone(), detail: "a count is negative, too large or no number" })
            }
            None => Ok(()),
        }
    }

    pub(super) fn probabilities(&self, arms: &[&str]) -> Vec<f64> {
        best::chances(&arms.iter().map(|arm| self.posterior(arm)).collect::<Vec<_>>())
    }

    pub(super) fn learn(&mut self, arm: &str, reward: f64, weight: f64) {
        self.add(arm, Beta { alpha: weight * reward, beta: weight * (1.0 - reward) });
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.arms.retain(|arm, _| keep(arm));
    }

    fn add(&mut self, arm: &str, more: Beta) {
        match self.arms.get_mut(arm) {
            Some(learned) => {
                learned.alpha = (learned.alpha + more.alpha).min(COUNT_MAX);
                learned.beta = (learned.beta + more.beta).min(COUNT_MAX);
            }
            None => {
                self.arms.insert(arm.to_owned(), more);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_hand() {
        let mut thompson = Thompson::new(Beta { alpha: 1.0, beta: 49.0 });
        assert!((thompson.posterior("new").mean() - 0.02).abs() < 1e-12);
        thompson.learn("a", 1.0, 1.0);
        thompson.learn("a", 0.0, 2.0);
        thompson.learn("a", 0.25, 4.0);
        assert_eq!(thompson.posterior("a"), Beta { alpha: 3.0, beta: 54.0 });
        thompson.decay(0.5);
        assert_eq!(thompson.posterior("a"), Beta { alpha: 2.0, beta: 51.5 });
    }

    #[test]
    fn two_halves_add_up_to_the_whole() {
        let (mut whole, mut left, mut right) = (Thompson::default(), Thompson::default(), Thompson::default());
        for n in 0..100 {
            let (arm, reward) = (["a", "b", "c"][n % 3], f64::from(u8::from(n % 4 == 0)));
            whole.learn(arm, reward, 1.0);
            if n < 40 { &mut left } else { &mut right }.learn(arm, reward, 1.0);
        }
        let mut other_way = right.clone();
        other_way.merge(&left).unwrap();
        left.merge(&right).unwrap();
        assert_eq!((&left, &other_way), (&whole, &whole));
        let error = left.merge(&Thompson::new(Beta { alpha: 1.0, beta: 9.0 })).unwrap_err().to_string();
        assert!(error.contains("different priors"), "{error}");
        assert_eq!(left, whole);
    }
}
