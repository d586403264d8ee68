//! How likely each of several uncertain rates is to be the highest.

use super::Beta;

/// Grid points of each rate.
const NODES: usize = 160;
/// The grid ends where a density is e^-20 of its peak; what lies outside is below 1e-7.
const DROP: f64 = 20.0;

/// The probability that each of the beta distributed rates is the highest: ∫ f_k(x) ∏_{j≠k} F_j(x) dx, for f the
/// density and F its integral. Adds up to 1; the error is below 0.001 (largest in the tests: 0.0005).
///
/// Integrated over the log odds x, where every beta density is smooth and has one peak: f(x) ∝ σ(x)^α σ(-x)^β with
/// σ(x) = 1 / (1 + e^-x), by trapezoids on the union of all grids, so that a rate known sharply beside one hardly known
/// is resolved too.
pub(super) fn chances(rates: &[Beta]) -> Vec<f64> {
    let ranges: Vec<Range> = rates.iter().map(|&rate| Range::of(rate)).collect();
    let mut nodes: Vec<f64> = ranges.iter().flat_map(Range::nodes).collect();
    nodes.sort_unstable_by(f64::total_cmp);
    nodes.dedup();
    let logs: Vec<(f64, f64)> = nodes.iter().map(|&x| log_sigmoids(x)).collect();
    let cumulated: Vec<Vec<f64>> = ranges.iter().map(|range| range.cumulated(&nodes, &logs)).collect();

    let mut chances = vec![0.0; rates.len()];
    let (mut below, mut here) = (vec![0.0; rates.len()], vec![0.0; rates.len()]);
    for at in 0..nodes.len() {
        others(&cumulated, at, &mut here);
        if at > 0 {
            for (k, chance) in chances.iter_mut().enumerate() {
                *chance += (cumulated[k][at] - cumulated[k][at - 1]) * 0.5 * (below[k] + here[k]);
            }
        }
        std::mem::swap(&mut below, &mut here);
    }
    let sum: f64 = chances.iter().sum();
    chances.iter_mut().for_each(|chance| *chance /= sum);
    chances
}

/// For each rate the product of the others' F at a node, without dividing, since F may be 0.
fn others(cumulated: &[Vec<f64>], at: usize, products: &mut [f64]) {
    let mut before = 1.0;
    for (product, f) in products.iter_mut().zip(cumulated) {
        *product = before;
        before *= f[at];
    }
    let mut after = 1.0;
    for (product, f) in products.iter_mut().zip(cumulated).rev() {
        *product *= after;
        after *= f[at];
    }
}

/// ln σ(x) and ln σ(-x), without overflow.
fn log_sigmoids(x: f64) -> (f64, f64) {
    let rest = (-x.abs()).exp().ln_1p();
    (x.min(0.0) - rest, (-x).min(0.0) - rest)
}

/// Where a density over the log odds is worth looking at.
struct Range {
    rate: Beta,
    /// Log density at the peak, not normalised.
    peak: f64,
    low: f64,
    high: f64,
}

impl Range {
    fn of(rate: Beta) -> Self {
        let mode = (rate.alpha / rate.beta).ln();
        let peak = log_density(rate, log_sigmoids(mode));
        let dropped = |x: f64| peak - log_density(rate, log_sigmoids(x)) > DROP;
        // The log density is concave: it drops once on each side.
        let width = (1.0 / rate.alpha + 1.0 / rate.beta).sqrt();
        let end = |side: f64| {
            let mut outer = width;
            while !dropped(mode + side * outer) {
                outer *= 2.0;
            }
            let mut inner = outer / 2.0;
            for _ in 0..8 {
                let middle = 0.5 * (inner + outer);
                if dropped(mode + side * middle) { outer = middle } else { inner = middle }
            }
            mode + side * outer
        };
        Self { rate, peak, low: end(-1.0), high: end(1.0) }
    }

    fn nodes(&self) -> impl Iterator<Item = f64> {
        (0..NODES).map(|n| self.low + (self.high - self.low) * n as f64 / (NODES - 1) as f64)
    }

    /// F at each node: 0 before the range, 1 after it.
    fn cumulated(&self, nodes: &[f64], logs: &[(f64, f64)]) -> Vec<f64> {
        let density = |at: usize| {
            let within = (self.low..=self.high).contains(&nodes[at]);
            if within { (log_density(self.rate, logs[at]) - self.peak).exp() } else { 0.0 }
        };
        let (mut sum, mut last) = (0.0, density(0));
        let mut cumulated = vec![0.0; nodes.len()];
        for at in 1..nodes.len() {
            let here = density(at);
            sum += 0.5 * (last + here) * (nodes[at] - nodes[at - 1]);
            cumulated[at] = sum;
            last = here;
        }
        cumulated.iter_mut().for_each(|f| *f /= sum);
        cumulated
    }
}

fn log_density(rate: Beta, (ln_rate, ln_rest): (f64, f64)) -> f64 {
    rate.alpha * ln_rate + rate.beta * ln_rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rates: &[(f64, f64)]) -> Vec<f64> {
        chances(&rates.iter().map(|&(alpha, beta)| Beta { alpha, beta }).collect::<Vec<_>>())
    }

    fn near(got: &[f64], wanted: &[f64]) {
        let error = got.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error < 6e-4, "{error:e}: got {got:?}, wanted {wanted:?}");
    }

    #[test]
    fn chances_by_hand() {
        near(&of(&[(3.0, 7.0)]), &[1.0]);
        near(&of(&[(5.0, 50.0); 3]), &[1.0 / 3.0; 3]);
        // X above a uniform rate: E[X] = a / (a + b). Above two: E[X²], 3/5 for Beta(3, 1).
        near(&of(&[(2.0, 1.0), (1.0, 1.0)]), &[2.0 / 3.0, 1.0 / 3.0]);
        near(&of(&[(7.0, 93.0), (1.0, 1.0)]), &[0.07, 0.93]);
        near(&of(&[(3.0, 1.0), (1.0, 1.0), (1.0, 1.0)]), &[0.6, 0.2, 0.2]);
        // Sharp beside flat.
        near(&of(&[(3e6, 7e6), (1.0, 1.0)]), &[0.3, 0.7]);
        // Beta(1/2, 1/2) has no peak of its own: P(X > U) = 1/2; density is unbounded at both ends.
        near(&of(&[(0.5, 0.5), (1.0, 1.0)]), &[0.5, 0.5]);
    }

    /// P(B > A) = Σ_{i<α_B} B(α_A + i, β_A + β_B) / ((β_B + i) B(1 + i, β_B) B(α_A, β_A)) for whole α_B: E. Miller,
    /// Formulas for Bayesian A/B Testing (2014), equation 6. The sum is taken by the ratio of its terms.
    fn second_is_higher(a: (f64, f64), b: (u32, f64)) -> f64 {
        // i = 0: B(α_A, β_A + β_B) / B(α_A, β_A), a product over whole β_B.
        let mut term: f64 = (0..b.1 as u32).map(|n| (a.1 + f64::from(n)) / (a.0 + a.1 + f64::from(n))).product();
        let mut sum = 0.0;
        for i in 0..b.0 {
            sum += term;
            let i = f64::from(i);
            term *= (a.0 + i) / (a.0 + a.1 + b.1 + i) * (b.1 + i) / (i + 1.0);
        }
        sum
    }

    #[test]
    fn chances_of_two_by_the_closed_form() {
        assert!((second_is_higher((1.0, 1.0), (2, 1.0)) - 2.0 / 3.0).abs() < 1e-12);
        for (a, b) in [
            ((1.0, 1.0), (3, 9.0)),
            ((21.0, 981.0), (31, 971.0)),
            ((101.0, 901.0), (111, 891.0)),
            ((2.0, 40.0), (60, 900.0)),
        ] {
            let wanted = second_is_higher(a, b);
            near(&of(&[a, (f64::from(b.0), b.1)]), &[1.0 - wanted, wanted]);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_counts_have_chances(
            rates in proptest::collection::vec((-3.0_f64..15.0, -3.0_f64..15.0), 1..12),
        ) {
            let chances = of(&rates.iter().map(|&(a, b)| (10_f64.powf(a), 10_f64.powf(b))).collect::<Vec<_>>());
            proptest::prop_assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{chances:?}");
            proptest::prop_assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)), "{chances:?}");
        }
    }
}
