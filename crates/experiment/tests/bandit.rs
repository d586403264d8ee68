//! Bandits on synthetic shops whose truth is known.

use experiment::{Bandit, Choice, Exploration, LinUcb, Policy, Thompson};
use rand::{Rng, SeedableRng, rngs::SmallRng};

fn bandit(policy: Policy) -> Bandit {
    Bandit::new(policy, Exploration::default()).unwrap()
}

const ARMS: [&str; 4] = ["a", "b", "c", "d"];
/// Click rates of the arms.
const RATES: [f64; 4] = [0.05, 0.06, 0.10, 0.04];
const BEST: f64 = 0.10;
/// Rewards are learned in batches of so many, as they come late in a shop.
const BATCH: usize = 50;

/// Plays `rounds` and returns the expected clicks missed after each batch.
fn missed(mut bandit: Bandit, rounds: usize, seed: u64) -> Vec<f64> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut missed = 0.0;
    (0..rounds / BATCH)
        .map(|_| {
            let propensities = bandit.propensities(&ARMS, &[]).unwrap();
            let shown: Vec<Choice> =
                (0..BATCH).map(|_| experiment::bandit::draw(&propensities, random.random()).unwrap()).collect();
            for Choice { arm, .. } in shown {
                missed += BEST - RATES[arm];
                let reward = f64::from(u8::from(random.random_bool(RATES[arm])));
                bandit.learn(ARMS[arm], &[], reward, 1.0).unwrap();
            }
            missed
        })
        .collect()
}

#[test]
fn thompson_misses_less_and_less() {
    const ROUNDS: usize = 20_000;
    const PLAYS: u64 = 8;
    // What the uniform 5 % misses a round is the price of exploration, paid for ever; the rest must level off.
    let forced = 0.05 * RATES.iter().map(|rate| BEST - rate).sum::<f64>() / 4.0;
    let (mut half, mut whole) = (0.0, 0.0);
    for seed in 0..PLAYS {
        let missed = missed(bandit(Policy::Thompson(Thompson::default())), ROUNDS, seed);
        half += missed[ROUNDS / BATCH / 2 - 1] - forced * (ROUNDS / 2) as f64;
        whole += missed[ROUNDS / BATCH - 1] - forced * ROUNDS as f64;
    }
    let (half, whole) = (half / PLAYS as f64, whole / PLAYS as f64);
    let uniform = missed(bandit(Policy::Uniform), ROUNDS, 0)[ROUNDS / BATCH - 1];
    println!("missed beyond the forced: {half:.1} after half, {whole:.1} after all; uniform misses {uniform:.1}");
    assert!(whole < 1.25 * half, "linear regret would double: {half} {whole}");
    assert!(whole + forced * (ROUNDS as f64) < 0.2 * uniform, "{whole} {uniform}");
}

/// Two kinds of shoppers; each likes the other arm. Returns the mean expected reward over the second half.
fn earned_in_context(mut bandit: Bandit, seed: u64) -> f64 {
    const ROUNDS: usize = 8_000;
    let mut random = SmallRng::seed_from_u64(seed);
    let mut earned = 0.0;
    for round in 0..ROUNDS {
        let kind = random.random_range(0..2_usize);
        let context = [1.0, if kind == 0 { 1.0 } else { -1.0 }];
        let choice = bandit.choose(&["a", "b"], &context, random.random()).unwrap();
        let rate = if choice.arm == kind { 0.30 } else { 0.10 };
        if round >= ROUNDS / 2 {
            earned += rate;
        }
        bandit.learn(["a", "b"][choice.arm], &context, f64::from(u8::from(random.random_bool(rate))), 1.0).unwrap();
    }
    earned / (ROUNDS / 2) as f64
}

#[test]
fn lin_ucb_learns_what_depends_on_the_context() {
    let lin_ucb = earned_in_context(bandit(Policy::LinUcb(LinUcb::new(2, 1.0))), 3);
    let thompson = earned_in_context(bandit(Policy::Thompson(Thompson::default())), 3);
    println!("mean reward: LinUCB {lin_ucb:.4}, Thompson {thompson:.4}");
    // Always right is 0.30, less the uniform 5 %, which is wrong half of the time: 0.295. Blind is 0.20.
    assert!(lin_ucb > 0.28, "{lin_ucb}");
    assert!((thompson - 0.20).abs() < 0.01, "{thompson}");
}

#[test]
fn a_log_with_propensities_tells_what_another_policy_would_earn() {
    const LOGS: u64 = 200;
    const ROUNDS: usize = 2_000;
    // The other policy always shows "b", which the logging one, learning all the while, soon finds to be poor.
    let (other, truth) = (1, RATES[1]);
    let (mut errors, mut standard_errors, mut within) = (Vec::new(), 0.0, 0);
    for seed in 0..LOGS {
        let mut logging = bandit(Policy::Thompson(Thompson::default()));
        let mut random = SmallRng::seed_from_u64(seed);
        let mut weighted = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS / BATCH {
            let propensities = logging.propensities(&ARMS, &[]).unwrap();
            for _ in 0..BATCH {
                let choice = experiment::bandit::draw(&propensities, random.random()).unwrap();
                let reward = f64::from(u8::from(random.random_bool(RATES[choice.arm])));
                weighted.push(if choice.arm == other { reward / choice.propensity } else { 0.0 });
                logging.learn(ARMS[choice.arm], &[], reward, 1.0).unwrap();
            }
        }
        let n = ROUNDS as f64;
        let mean = weighted.iter().sum::<f64>() / n;
        let variance = weighted.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let standard_error = (variance / n).sqrt();
        errors.push(mean - truth);
        standard_errors += standard_error / LOGS as f64;
        within += u32::from((mean - truth).abs() < standard_error);
    }
    let bias = errors.iter().sum::<f64>() / LOGS as f64;
    println!("bias {bias:.5}, standard error of one log {standard_errors:.5}, {within} of {LOGS} logs within it");
    // The mean of 200 logs has a fourteenth of the standard error of one: two of those.
    assert!(bias.abs() < 2.0 * standard_errors / (LOGS as f64).sqrt(), "{bias} {standard_errors}");
    // Skewed estimates are within one standard error a little less often than the normal 68 %.
    assert!((100..=160).contains(&within), "{within}");
}
