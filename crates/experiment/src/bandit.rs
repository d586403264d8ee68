//! Bandits: choosing among arms (banners, variants, strategies) while learning which pays.
//!
//! Every choice comes with its propensity, the probability with which it was drawn. Logged beside the outcome it lets
//! anybody estimate later what another policy would have earned (Horvitz and Thompson, 1952), so it is never zero and
//! always the very probability that was used: [`Bandit::propensities`] computes it, [`Bandit::choose`] draws from it.
//!
//! Rewards may come late, in any order and in batches. Propensities change only when something is learned, so they can
//! be kept between batches.

mod best;
mod lin_ucb;
mod thompson;

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde::{Deserialize, Serialize};

pub use lin_ucb::{DIMENSIONS_MAX, LinUcb};
pub use thompson::{Beta, Thompson};

/// Most arms of one choice: with the default floor, half of what is shown is still chosen by what was learned.
pub const ARMS_MAX: usize = 50;
/// Largest size of a context value; sums of far larger squares would lose their small parts.
pub const CONTEXT_MAX: f64 = 100.0;
/// Largest weight of one observation.
pub const WEIGHT_MAX: f64 = 1e4;

/// A policy with its share of exploration and all that it has learned. The serialized form is its state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "State", into = "State")]
pub struct Bandit {
    policy: Policy,
    exploration: Exploration,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Policy {
    /// All arms alike, whatever was learned: the baseline, and the holdout against which others are measured.
    Uniform,
    Thompson(Thompson),
    LinUcb(LinUcb),
}

/// The share of choices that is drawn from all arms alike, for learning that no policy has bent and for propensities
/// above zero.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exploration {
    /// Above 0, at most 1.
    pub uniform: f64,
    /// Least propensity of an arm, 0 to 1; where all arms together need more than `uniform`, they get more.
    pub floor: f64,
}

impl Default for Exploration {
    fn default() -> Self {
        Self { uniform: 0.05, floor: 0.01 }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Choice {
    /// Place in the list of arms that was given.
    pub arm: usize,
    /// The probability with which it was drawn, above 0; to be logged with what is shown.
    pub propensity: f64,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BanditError {
    #[error("there are no arms to choose from; send at least one")]
    NoArms,
    #[error("got {got} arms, at most {ARMS_MAX} can be chosen from; send the ones that fit best")]
    TooManyArms { got: usize },
    #[error("arm {arm:?} is named twice; name each arm once")]
    Twice { arm: String },
    #[error("the context has {got} values, {wanted} are wanted; send those that the policy was made for")]
    ContextLength { got: usize, wanted: usize },
    #[error(
        "value {at} of the context is {got}; send numbers from -{CONTEXT_MAX} to {CONTEXT_MAX}, best between -1 and 1"
    )]
    ContextValue { at: usize, got: f64 },
    #[error("the reward is {got}; send a number from 0 (nothing came of it) to 1")]
    Reward { got: f64 },
    #[error("the weight is {got}; send a number above 0 and up to {WEIGHT_MAX}, 1 for one observation")]
    Weight { got: f64 },
    #[error("{setting} is {got}; wanted is {wanted}")]
    Setting { setting: &'static str, got: f64, wanted: &'static str },
    #[error("a LinUCB policy cannot {what}, as it keeps no counts; use Thompson sampling, or learn anew from the log")]
    CountsOnly { what: &'static str },
    #[error("the two have different {what}; merge what began alike")]
    Unlike { what: &'static str },
    #[error("the state of arm {arm:?} is damaged: {detail}; restore it, or begin anew")]
    State { arm: String, detail: &'static str },
}

/// Setting checks read alike: the number is at fault where `fits` does not hold, which NaN never makes hold.
fn setting(setting: &'static str, got: f64, fits: bool, wanted: &'static str) -> Result<(), BanditError> {
    if fits { Ok(()) } else { Err(BanditError::Setting { setting, got, wanted }) }
}

impl Exploration {
    fn check(&self) -> Result<(), BanditError> {
        setting("uniform", self.uniform, self.uniform > 0.0 && self.uniform <= 1.0, "a share above 0 and up to 1")?;
        setting("floor", self.floor, (0.0..=1.0).contains(&self.floor), "a probability from 0 to 1")
    }

    /// The part of choices among so many arms that is uniform.
    pub fn share(&self, arms: usize) -> f64 {
        self.uniform.max(self.floor * arms as f64).min(1.0)
    }
}

impl Bandit {
    /// # Errors
    /// When a setting is out of its range, or a state that was read is damaged.
    pub fn new(policy: Policy, exploration: Exploration) -> Result<Self, BanditError> {
        exploration.check()?;
        match &policy {
            Policy::Uniform => {}
            Policy::Thompson(thompson) => thompson.check()?,
            Policy::LinUcb(lin_ucb) => lin_ucb.check()?,
        }
        Ok(Self { policy, exploration })
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub fn exploration(&self) -> Exploration {
        self.exploration
    }

    /// The probability of each arm, adding up to 1: with `e` the uniform share of `n` arms, (1 - e) times the policy's
    /// own probability plus e / n. An arm of which nothing is known yet has the chances of the prior.
    ///
    /// # Errors
    /// When there are no or too many arms, one is named twice, or the context does not fit.
    pub fn propensities(&self, arms: &[&str], context: &[f64]) -> Result<Vec<f64>, BanditError> {
        if arms.is_empty() {
            return Err(BanditError::NoArms);
        }
        if arms.len() > ARMS_MAX {
            return Err(BanditError::TooManyArms { got: arms.len() });
        }
        if let Some(twice) = arms.iter().enumerate().find_map(|(at, arm)| arms[..at].contains(arm).then_some(arm)) {
            return Err(BanditError::Twice { arm: twice.chars().take(64).collect() });
        }
        self.check_context(context)?;
        let uniform = 1.0 / arms.len() as f64;
        let mut propensities = match &self.policy {
            Policy::Uniform => return Ok(vec![uniform; arms.len()]),
            Policy::Thompson(thompson) => thompson.probabilities(arms),
            Policy::LinUcb(lin_ucb) => lin_ucb.probabilities(arms, context),
        };
        let share = self.exploration.share(arms.len());
        propensities.iter_mut().for_each(|p| *p = (1.0 - share) * *p + share * uniform);
        Ok(propensities)
    }

    /// Draws an arm by [`Self::propensities`]; the same seed draws the same.
    ///
    /// # Errors
    /// As for the propensities.
    pub fn choose(&self, arms: &[&str], context: &[f64], seed: u64) -> Result<Choice, BanditError> {
        draw(&self.propensities(arms, context)?, seed)
    }

    /// Takes in what came of showing `arm` in `context`: a reward from 0 to 1, counted as `weight` observations.
    ///
    /// # Errors
    /// When a number is out of its range; then nothing is learned.
    pub fn learn(&mut self, arm: &str, context: &[f64], reward: f64, weight: f64) -> Result<(), BanditError> {
        self.check_context(context)?;
        if !(0.0..=1.0).contains(&reward) {
            return Err(BanditError::Reward { got: reward });
        }
        if !(weight > 0.0 && weight <= WEIGHT_MAX) {
            return Err(BanditError::Weight { got: weight });
        }
        match &mut self.policy {
            Policy::Uniform => {}
            Policy::Thompson(thompson) => thompson.learn(arm, reward, weight),
            Policy::LinUcb(lin_ucb) => lin_ucb.learn(arm, context, reward, weight),
        }
        Ok(())
    }

    /// Keeps this part, 0 to 1, of what was learned of each arm, so that what is old counts less: called once a day
    /// with 0.5^(1 / h) it halves an observation every h days.
    ///
    /// # Errors
    /// When `keep` is not from 0 to 1, or the policy keeps no counts (LinUCB has an inverse only).
    pub fn decay(&mut self, keep: f64) -> Result<(), BanditError> {
        setting("keep", keep, (0.0..=1.0).contains(&keep), "a part from 0 to 1")?;
        match &mut self.policy {
            Policy::Uniform => {}
            Policy::Thompson(thompson) => thompson.decay(keep),
            Policy::LinUcb(_) => return Err(BanditError::CountsOnly { what: "decay" }),
        }
        Ok(())
    }

    /// Adds what another learned apart from this one, such as another server: exactly what one that saw both would have
    /// learned, in whatever order.
    ///
    /// # Errors
    /// When the two are not alike, or the policy keeps no counts.
    pub fn merge(&mut self, other: &Self) -> Result<(), BanditError> {
        match (&mut self.policy, &other.policy) {
            (Policy::Uniform, Policy::Uniform) => Ok(()),
            (Policy::Thompson(mine), Policy::Thompson(theirs)) => mine.merge(theirs),
            (Policy::LinUcb(_), Policy::LinUcb(_)) => Err(BanditError::CountsOnly { what: "be merged" }),
            _ => Err(BanditError::Unlike { what: "policies" }),
        }
    }

    /// Forgets the arms that `keep` denies, such as those of banners that were deleted.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        match &mut self.policy {
            Policy::Uniform => {}
            Policy::Thompson(thompson) => thompson.retain(keep),
            Policy::LinUcb(lin_ucb) => lin_ucb.retain(keep),
        }
    }

    fn check_context(&self, context: &[f64]) -> Result<(), BanditError> {
        if let Policy::LinUcb(lin_ucb) = &self.policy
            && context.len() != lin_ucb.dimensions()
        {
            return Err(BanditError::ContextLength { got: context.len(), wanted: lin_ucb.dimensions() });
        }
        match context.iter().enumerate().find(|(_, value)| !(-CONTEXT_MAX..=CONTEXT_MAX).contains(*value)) {
            Some((at, &got)) => Err(BanditError::ContextValue { at, got }),
            None => Ok(()),
        }
    }
}

/// Draws by propensities that were computed before, as [`Bandit::choose`] does. They must add up to 1.
///
/// # Errors
/// When there are none.
pub fn draw(propensities: &[f64], seed: u64) -> Result<Choice, BanditError> {
    let mut left: f64 = SmallRng::seed_from_u64(seed).random();
    let found = propensities.iter().position(|p| {
        left -= p;
        left < 0.0
    });
    // Rounding may leave a trace after the last arm.
    let arm = found.or(propensities.len().checked_sub(1)).ok_or(BanditError::NoArms)?;
    Ok(Choice { arm, propensity: propensities[arm] })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    policy: Policy,
    exploration: Exploration,
}

impl TryFrom<State> for Bandit {
    type Error = BanditError;
    fn try_from(state: State) -> Result<Self, BanditError> {
        Self::new(state.policy, state.exploration)
    }
}

impl From<Bandit> for State {
    fn from(bandit: Bandit) -> Self {
        Self { policy: bandit.policy, exploration: bandit.exploration }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thompson() -> Bandit {
        Bandit::new(Policy::Thompson(Thompson::default()), Exploration::default()).unwrap()
    }

    fn lin_ucb() -> Bandit {
        Bandit::new(Policy::LinUcb(LinUcb::new(2, 1.0)), Exploration::default()).unwrap()
    }

    fn all() -> [Bandit; 3] {
        [Bandit::new(Policy::Uniform, Exploration::default()).unwrap(), thompson(), lin_ucb()]
    }

    #[test]
    fn exploration_by_hand() {
        let exploration = Exploration::default();
        // 5 % among 4 arms are 1.25 % each; 10 arms at 1 % need 10 %.
        assert!((exploration.share(4) - 0.05).abs() < 1e-12 && (exploration.share(10) - 0.1).abs() < 1e-12);
        let mut bandit = thompson();
        bandit.learn("a", &[], 1.0, 10_000.0).unwrap();
        bandit.learn("b", &[], 0.0, 10_000.0).unwrap();
        let propensities = bandit.propensities(&["a", "b"], &[]).unwrap();
        assert!((propensities[0] - 0.975).abs() < 1e-9 && (propensities[1] - 0.025).abs() < 1e-9, "{propensities:?}");
    }

    #[test]
    fn propensities_add_up_and_keep_the_floor() {
        let names: Vec<String> = (0..ARMS_MAX).map(|n| format!("arm {n}")).collect();
        for mut bandit in all() {
            for (n, arm) in names.iter().enumerate() {
                let reward = if n % 7 == 0 { 1.0 } else { 0.0 };
                bandit.learn(arm, &[1.0, 0.5], reward, 20.0 + n as f64).unwrap();
            }
            for count in [1, 2, 5, 20, ARMS_MAX] {
                let arms: Vec<&str> = names[..count].iter().map(String::as_str).collect();
                let propensities = bandit.propensities(&arms, &[1.0, -0.5]).unwrap();
                assert!((propensities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                assert!(propensities.iter().all(|&p| p >= 0.01 - 1e-12), "{count}: {propensities:?}");
            }
        }
    }

    #[test]
    fn what_is_drawn_follows_what_is_reported() {
        for mut bandit in all() {
            let arms = ["a", "b", "c", "d"];
            for (arm, reward) in arms.iter().zip([0.10, 0.12, 0.14, 0.05]) {
                bandit.learn(arm, &[1.0, 0.3], reward, 300.0).unwrap();
            }
            let propensities = bandit.propensities(&arms, &[1.0, 0.3]).unwrap();
            const DRAWS: u64 = 40_000;
            let mut counts = [0.0; 4];
            for seed in 0..DRAWS {
                let choice = draw(&propensities, seed).unwrap();
                assert_eq!(choice.propensity, propensities[choice.arm]);
                counts[choice.arm] += 1.0;
            }
            let chi_square: f64 = counts
                .iter()
                .zip(&propensities)
                .map(|(count, p)| (count - DRAWS as f64 * p).powi(2) / (DRAWS as f64 * p))
                .sum();
            // 99.9 % of the chi-square distribution with 3 degrees of freedom.
            assert!(chi_square < 16.27, "{chi_square} {propensities:?} {counts:?}");
            for seed in 0..50 {
                assert_eq!(bandit.choose(&arms, &[1.0, 0.3], seed), draw(&propensities, seed));
            }
        }
    }

    #[test]
    fn hostile_input_is_named_and_changes_nothing() {
        for mut bandit in all() {
            let before = bandit.clone();
            let chosen = |arms: &[&str], context: &[f64]| bandit.choose(arms, context, 1).unwrap_err().to_string();
            assert!(chosen(&[], &[0.0, 0.0]).contains("no arms"));
            assert!(chosen(&["a", "b", "a"], &[0.0, 0.0]).contains("\"a\" is named twice"));
            assert!(chosen(&["a"; ARMS_MAX + 1], &[0.0, 0.0]).contains("got 51 arms, at most 50"));
            assert!(chosen(&["a"], &[0.0, f64::NAN]).contains("value 1 of the context is NaN"));
            assert!(chosen(&["a"], &[f64::INFINITY, 0.0]).contains("value 0 of the context is inf"));
            for (reward, weight, wanted) in [
                (-0.1, 1.0, "the reward is -0.1"),
                (1.5, 1.0, "the reward is 1.5"),
                (f64::NAN, 1.0, "the reward is NaN"),
                (0.5, 0.0, "the weight is 0"),
                (0.5, f64::INFINITY, "the weight is inf"),
                (0.5, f64::NAN, "the weight is NaN"),
            ] {
                let error = bandit.learn("a", &[0.0, 0.0], reward, weight).unwrap_err().to_string();
                assert!(error.contains(wanted), "{error}");
            }
            assert!(bandit.learn("a", &[0.0, f64::NAN], 1.0, 1.0).is_err());
            assert_eq!(bandit, before);
        }
        let error = lin_ucb().choose(&["a"], &[1.0], 1).unwrap_err().to_string();
        assert!(error.contains("has 1 values, 2 are wanted"), "{error}");
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let explore = |uniform, floor| Bandit::new(Policy::Uniform, Exploration { uniform, floor }).is_ok();
        assert!(explore(1.0, 0.0) && explore(0.001, 1.0));
        assert!(!explore(0.0, 0.01) && !explore(1.1, 0.0) && !explore(0.05, -0.1) && !explore(f64::NAN, 0.0));
        let made = |policy| Bandit::new(policy, Exploration::default()).map_err(|error| error.to_string());
        assert!(made(Policy::LinUcb(LinUcb::new(17, 1.0))).unwrap_err().contains("dimensions is 17"));
        assert!(
            made(Policy::LinUcb(LinUcb::new(0, 1.0))).is_err()
                && made(Policy::LinUcb(LinUcb::new(2, f64::NAN))).is_err()
        );
        assert!(made(Policy::Thompson(Thompson::new(Beta { alpha: 0.0, beta: 1.0 }))).unwrap_err().contains("alpha"));
    }

    #[test]
    fn counts_merge_and_decay_where_there_are_counts() {
        for (mut bandit, exact) in all().into_iter().zip([true, true, false]) {
            let mut other = bandit.clone();
            bandit.learn("a", &[1.0, 0.5], 1.0, 2.0).unwrap();
            other.learn("a", &[1.0, 0.5], 0.0, 4.0).unwrap();
            assert_eq!((bandit.merge(&other).is_ok(), bandit.decay(0.5).is_ok()), (exact, exact));
            assert!(bandit.decay(1.5).is_err() && bandit.decay(f64::NAN).is_err());
            if let Policy::Thompson(thompson) = bandit.policy() {
                assert_eq!(thompson.posterior("a"), Beta { alpha: 2.0, beta: 3.0 });
            }
        }
        assert!(thompson().merge(&lin_ucb()).unwrap_err().to_string().contains("different policies"));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_learned_leaves_a_state_that_can_be_read(
            seen in proptest::collection::vec((0..3_usize, -2.0_f64..=2.0, -2.0_f64..=2.0, 0.0_f64..=1.0, -4.0_f64..=4.0), 1..60),
        ) {
            for mut bandit in all() {
                for &(arm, x, y, reward, weight) in &seen {
                    let context = [x, y].map(|power| power.signum() * 10_f64.powf(power.abs()));
                    bandit.learn(["a", "b", "c"][arm], &context, reward, 10_f64.powf(weight)).unwrap();
                }
                let back: Bandit = rmp_serde::from_slice(&rmp_serde::to_vec_named(&bandit).unwrap()).unwrap();
                let propensities = back.propensities(&["a", "b", "c", "d"], &[1.0, -1.0]).unwrap();
                proptest::prop_assert!((propensities.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{propensities:?}");
                proptest::prop_assert_eq!(back, bandit);
            }
        }
    }

    #[test]
    fn a_state_reads_back_to_the_last_bit() {
        for mut bandit in all() {
            bandit.learn("a", &[1.0, 0.3], 0.7, 3.0).unwrap();
            let mut back: Bandit = rmp_serde::from_slice(&rmp_serde::to_vec_named(&bandit).unwrap()).unwrap();
            assert_eq!(back, bandit);
            back.retain(|arm| arm != "a");
            assert!(matches!(back.policy(), Policy::Uniform) || back != bandit);
        }
    }

    #[test]
    fn a_damaged_state_is_refused() {
        for (policy, wanted) in [
            (
                r#"{"kind":"thompson","prior":{"alpha":1,"beta":1},"arms":{"a":{"alpha":-3,"beta":0}}}"#,
                "count is negative",
            ),
            (r#"{"kind":"thompson","prior":{"alpha":1,"beta":0},"arms":{}}"#, "beta of the prior is 0"),
            (
                r#"{"kind":"lin-ucb","dimensions":2,"alpha":1,"arms":{"a":{"inverse":[1,0,0],"sums":[0,0]}}}"#,
                "its size",
            ),
            (r#"{"kind":"lin-ucb","dimensions":1,"alpha":1,"arms":{"a":{"inverse":[-1],"sums":[0]}}}"#, "variance"),
            (r#"{"kind":"greedy"}"#, "unknown variant"),
        ] {
            let state = format!(r#"{{"policy":{policy},"exploration":{{}}}}"#);
            let error = serde_json::from_str::<Bandit>(&state).unwrap_err().to_string();
            assert!(error.contains(wanted), "{state}: {error}");
        }
        let error = serde_json::from_str::<Bandit>(r#"{"policy":{"kind":"uniform"},"exploration":{"uniform":-1}}"#);
        assert!(error.unwrap_err().to_string().contains("uniform is -1"));
    }
}
