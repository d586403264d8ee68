//! Which options mattered.

use super::space::Space;
use super::{Point, Trial, standing};

/// Parts that a range of numbers is cut into, each with about as many trials.
const N_PARTS: usize = 4;
/// Trials below which nothing can be said.
const N_TRIALS_MIN: usize = 8;

/// Share of the variance of the metric that each option explains by itself, largest first; empty for few trials.
///
/// The correlation ratio over words or quarters of the tried values, without its bias: Kelley's ε² (*PNAS* 1935),
/// `1 − (within / (n − groups)) / (total / (n − 1))`, not below 0. What options do together is not in it.
pub fn importance(space: &Space, trials: &[Trial]) -> Vec<(String, f64)> {
    let judged: Vec<(&Point, f64)> =
        trials.iter().filter_map(|trial| Some((&trial.options, standing(trial)?))).collect();
    if judged.len() < N_TRIALS_MIN {
        return Vec::new();
    }
    let values: Vec<f64> = judged.iter().map(|(_, value)| *value).collect();
    let share = |dimension: &super::space::Dimension| {
        let places: Vec<f64> = judged.iter().map(|(point, _)| dimension.place(&point[&dimension.key])).collect();
        let groups = match dimension.n_words() {
            Some(n) => places.iter().map(|place| (place * n as f64) as usize).collect(),
            None => quarters(&places),
        };
        (dimension.key.clone(), explained(&groups, &values))
    };
    let mut shares: Vec<(String, f64)> = space.dimensions.iter().map(share).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    shares
}

/// The part of each place among all of them, by rank; equal places are in the same part.
fn quarters(places: &[f64]) -> Vec<usize> {
    let mut sorted = places.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = |place: &f64| sorted.partition_point(|other| other < place);
    places.iter().map(|place| rank(place) * N_PARTS / places.len()).collect()
}

fn explained(groups: &[usize], values: &[f64]) -> f64 {
    let squares = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
    };
    let mut numbers = groups.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    let members = |number: usize| -> Vec<f64> {
        groups.iter().zip(values).filter(|(group, _)| **group == number).map(|(_, value)| *value).collect()
    };
    let within: f64 = numbers.iter().map(|&number| squares(&members(number))).sum();
    let (total, n) = (squares(values), values.len() as f64);
    let freedom = n - numbers.len() as f64;
    if total <= 0.0 || freedom <= 0.0 {
        return 0.0;
    }
    (1.0 - (within / freedom) / (total / (n - 1.0))).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Two groups of two with means 1 and 3: within 0.5 + 0.5, total 1 + 4 · 1 = 5.
        let share = explained(&[0, 0, 1, 1], &[0.5, 1.5, 2.5, 3.5]);
        assert!((share - (1.0 - (1.0 / 2.0) / (5.0 / 3.0))).abs() < 1e-12, "{share}");
        assert_eq!(explained(&[0, 1, 0, 1], &[1.0, 1.0, 2.0, 2.0]), 0.0, "less than chance is nothing");
        assert_eq!(explained(&[0, 0, 1, 1], &[1.0; 4]), 0.0, "nothing to explain");
    }

    #[test]
    fn quarters_have_as_many_each_and_keep_equals_together() {
        assert_eq!(quarters(&[0.8, 0.1, 0.4, 0.6]), [3, 0, 1, 2]);
        assert_eq!(quarters(&[0.5, 0.5, 0.5, 0.9]), [0, 0, 0, 3]);
    }
}
