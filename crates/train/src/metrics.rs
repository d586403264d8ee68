//! How good a ranked list is. Each formula once, for one case; the means and their uncertainty below.

use rayon::prelude::*;
use serde::Serialize;

/// The metrics of one list cut at one k, in the order of [`NAMES`].
pub type Values = [f64; 7];

/// What [`at_k`] returns, in order; all are means over cases.
pub const NAMES: [&str; 7] = ["recall", "ndcg", "precision", "hit_rate", "mrr", "map", "f1"];

/// Metrics of the first `k` of a ranking.
///
/// `is_hit[r]` says whether the product at rank r (from 0) is relevant; a list shorter than `k` misses the rest.
/// `n_relevant` is the number of relevant products, wherever they rank; it must not be 0.
///
/// ```text
/// recall    = hits / n_relevant
/// ndcg      = Σ_{hits} 1/log2(r + 2)  /  Σ_{r < min(k, n_relevant)} 1/log2(r + 2)      Järvelin & Kekäläinen, TOIS 2002
/// precision = hits / k
/// hit_rate  = 1 if there is a hit
/// mrr       = 1 / (r + 1) of the first hit
/// map       = Σ_{hits} (hits up to r) / (r + 1)  /  min(k, n_relevant)
/// f1        = 2 · precision · recall / (precision + recall) of this list; 0 without a hit
/// ```
pub fn at_k(is_hit: &[bool], k: usize, n_relevant: usize) -> Values {
    assert!(k > 0 && n_relevant > 0, "k = {k} and n_relevant = {n_relevant} must be > 0");
    let (mut hits, mut dcg, mut precisions, mut first) = (0usize, 0.0, 0.0, None);
    for (rank, _) in is_hit.iter().take(k).enumerate().filter(|(_, hit)| **hit) {
        hits += 1;
        dcg += discount(rank);
        precisions += hits as f64 / (rank + 1) as f64;
        first.get_or_insert(rank);
    }
    let n_reachable = k.min(n_relevant);
    [
        hits as f64 / n_relevant as f64,
        dcg / (0..n_reachable).map(discount).sum::<f64>(),
        hits as f64 / k as f64,
        f64::from(u8::from(hits > 0)),
        first.map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
        precisions / n_reachable as f64,
        2.0 * hits as f64 / (k + n_relevant) as f64,
    ]
}

fn discount(rank: usize) -> f64 {
    1.0 / (rank as f64 + 2.0).log2()
}

/// Resamples of a bootstrap interval.
pub const N_RESAMPLES: usize = 1000;

/// Mean of each column.
pub fn means(cases: &[Vec<f64>]) -> Vec<f64> {
    let n_columns = cases.first().map_or(0, Vec::len);
    (0..n_columns).map(|c| cases.iter().map(|case| case[c]).sum::<f64>() / cases.len() as f64).collect()
}

/// 95 % percentile intervals of the column means, from `n_resamples` bootstrap resamples of the cases.
///
/// Efron & Tibshirani, *An Introduction to the Bootstrap*, §13.3. The same seed gives the same intervals, on any
/// number of threads.
pub fn bootstrap_ci95(cases: &[Vec<f64>], n_resamples: usize, seed: u64) -> Vec<(f64, f64)> {
    let resampled = resampled_means(cases, n_resamples, seed);
    let n_columns = cases.first().map_or(0, Vec::len);
    (0..n_columns).map(|c| interval95(resampled.iter().map(|r| r[c]).collect())).collect()
}

/// Column means of each bootstrap resample of the cases.
fn resampled_means(cases: &[Vec<f64>], n_resamples: usize, seed: u64) -> Vec<Vec<f64>> {
    let n_columns = cases.first().map_or(0, Vec::len);
    let resample = |resample: usize| {
        // Streams of neighbouring states overlap; one step apart through the mixer they do not.
        let mut random = SplitMix(SplitMix(seed ^ resample as u64).next());
        let mut sums = vec![0.0; n_columns];
        for _ in 0..cases.len() {
            let case = &cases[random.below(cases.len())];
            sums.iter_mut().zip(case).for_each(|(sum, value)| *sum += value);
        }
        sums.iter_mut().for_each(|sum| *sum /= cases.len() as f64);
        sums
    };
    (0..n_resamples).into_par_iter().map(resample).collect()
}

/// Where the middle 95 % of the values lie.
fn interval95(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    (quantile(&values, 0.025), quantile(&values, 0.975))
}

/// Two models on the same cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// Mean of second − first.
    pub difference: f64,
    pub ci95: [f64; 2],
    /// How often chance alone would make a difference at least this large; two-sided.
    pub p: f64,
    /// Shares of the cases in which the second is better, and in which it is worse.
    pub gain: f64,
    pub lose: f64,
}

/// Compares the same metric of the same cases: the interval by resampling the differences, p by resampling them
/// centred at 0 (Efron & Tibshirani, §16.4; with the 1 of Davison & Hinkley, *Bootstrap Methods*, §4.2.5, so that it is
/// never 0).
pub fn paired(first: &[f64], second: &[f64], n_resamples: usize, seed: u64) -> Paired {
    assert_eq!(first.len(), second.len(), "paired figures are of the same cases");
    let differences: Vec<Vec<f64>> = first.iter().zip(second).map(|(a, b)| vec![b - a]).collect();
    let share =
        |is: fn(f64) -> bool| differences.iter().filter(|d| is(d[0])).count() as f64 / differences.len().max(1) as f64;
    let difference = means(&differences).first().copied().unwrap_or(0.0);
    let resampled: Vec<f64> =
        resampled_means(&differences, n_resamples, seed).into_iter().filter_map(|r| r.first().copied()).collect();
    // A hair below, so that rounding does not tell equal differences apart.
    let at_least = difference.abs() * (1.0 - 1e-9);
    let n_as_large = resampled.iter().filter(|r| (*r - difference).abs() >= at_least).count();
    let (low, high) = if resampled.is_empty() { (0.0, 0.0) } else { interval95(resampled) };
    Paired {
        difference,
        ci95: [low, high],
        p: (n_as_large + 1) as f64 / (n_resamples + 1) as f64,
        gain: share(|d| d > 0.0),
        lose: share(|d| d < 0.0),
    }
}

/// Linear interpolation between the two nearest of sorted values.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = q * last as f64;
    let (low, high) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    low + (high - low) * position.fract()
}

/// Steele, Lea, Flood, *Fast Splittable Pseudorandom Number Generators* (OOPSLA 2014).
pub(crate) struct SplitMix(pub u64);

impl SplitMix {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `n`, by multiplication: the bias is below n / 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-12, "got {got}, wanted {wanted}");
    }

    #[test]
    fn by_hand() {
        // Hits at ranks 1 and 3 of 4; three are relevant.
        let [recall, ndcg, precision, hit_rate, mrr, map, f1] = at_k(&[true, false, true, false], 4, 3);
        assert_close(recall, 2.0 / 3.0);
        assert_close(ndcg, (1.0 + 0.5) / (1.0 + 1.0 / 3f64.log2() + 0.5));
        assert_close(precision, 0.5);
        assert_close(hit_rate, 1.0);
        assert_close(mrr, 1.0);
        assert_close(map, (1.0 + 2.0 / 3.0) / 3.0);
        assert_close(f1, 2.0 * 0.5 * (2.0 / 3.0) / (0.5 + 2.0 / 3.0));
    }

    #[test]
    fn cut_before_the_hit() {
        assert_eq!(at_k(&[false, false, true], 2, 1), [0.0; 7]);
        let [recall, ndcg, precision, hit_rate, mrr, map, f1] = at_k(&[false, true], 2, 5);
        assert_close(recall, 0.2);
        // The ideal list has two places, not five.
        assert_close(ndcg, (1.0 / 3f64.log2()) / (1.0 + 1.0 / 3f64.log2()));
        assert_close(precision, 0.5);
        assert_close(hit_rate, 1.0);
        assert_close(mrr, 0.5);
        assert_close(map, 0.5 / 2.0);
        assert_close(f1, 2.0 * 0.5 * 0.2 / 0.7);
    }

    #[test]
    fn a_short_list_misses_the_rest() {
        assert_close(at_k(&[true], 4, 1)[2], 0.25);
        assert_close(at_k(&[true], 4, 1)[1], 1.0);
    }

    #[test]
    fn the_interval_of_a_coin_is_the_binomial_one() {
        let cases: Vec<Vec<f64>> = (0..400).map(|i| vec![f64::from(u8::from(i % 2 == 0)), 7.0]).collect();
        let intervals = bootstrap_ci95(&cases, 2000, 1);
        // ½ ± 1.96 · √(¼ / 400) = ½ ± 0.049
        assert!((intervals[0].0 - 0.451).abs() < 0.006 && (intervals[0].1 - 0.549).abs() < 0.006, "{intervals:?}");
        assert_eq!(intervals[1], (7.0, 7.0));
        assert_eq!(intervals, bootstrap_ci95(&cases, 2000, 1));
    }

    #[test]
    fn a_steady_gain_is_no_chance_and_noise_is() {
        let first: Vec<f64> = (0..200).map(|i| f64::from(i % 7)).collect();
        let better: Vec<f64> = first.iter().enumerate().map(|(i, x)| x + [0.2, 0.0][i % 2]).collect();
        let gain = paired(&first, &better, 1000, 1);
        assert_close((gain.difference * 1e9).round() / 1e9, 0.1);
        assert_eq!((gain.gain, gain.lose), (0.5, 0.0));
        // 0.1 ± 1.96 · 0.1 / √200 = 0.1 ± 0.0139
        assert!((gain.ci95[0] - 0.0861).abs() < 0.003 && (gain.ci95[1] - 0.1139).abs() < 0.003, "{gain:?}");
        assert!(gain.p < 0.002, "{gain:?}");

        let noise: Vec<f64> = first.iter().enumerate().map(|(i, x)| x + [0.2, -0.2][i % 2]).collect();
        let even = paired(&first, &noise, 1000, 1);
        assert!(even.difference.abs() < 1e-12 && even.p > 0.9, "{even:?}");
        assert_eq!((even.gain, even.lose), (0.5, 0.5));
        assert_eq!(paired(&first, &first, 100, 1).p, 1.0, "the same model");
    }
}
