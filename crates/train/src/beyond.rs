//! What a list is beside accurate: how novel, how varied, how popular, and how evenly products get their turn.
//!
//! All of it against the training data, which says who chose what. Functions of one list take the list and what they
//! need; [`Crowd`] gathers that from training data, and [`Crowd::qualities`] has the means over many lists.

use std::collections::BTreeMap;

use models::Interactions;
use rayon::prelude::*;

use crate::split::Case;

/// Who chose each product.
pub struct Crowd {
    /// Products × users, each pair once, users in ascending order.
    by_item: Interactions,
    /// Distinct users of each product.
    n_users_of: Vec<usize>,
    /// Users with at least one interaction.
    n_users: usize,
}

/// Lists whose diversity is measured, at even steps through all of them: it compares all pairs of a list.
const DIVERSITY_LISTS_MAX: usize = 2000;

impl Crowd {
    pub fn new(train: &Interactions) -> Self {
        let by_item = train.merged().transposed();
        let n_users_of = by_item.rows().map(|row| row.items.len()).collect();
        let n_users = train.rows().filter(|row| !row.items.is_empty()).count();
        Self { by_item, n_users_of, n_users }
    }

    /// Means over lists cut at `k`, and what concerns all lists together:
    ///
    /// ```text
    /// novelty          [`novelty`]
    /// diversity        [`diversity`], over at most 2,000 lists at even steps
    /// popularity       [`popularity`], "ARP" of Yin et al., Challenging the Long Tail Recommendation (VLDB 2012)
    /// popularity_lift  popularity of the lists over that of the histories they were made for, minus 1; 0 amplifies
    ///                  nothing: Abdollahpouri et al., The Unfairness of Popularity Bias (RMSE at RecSys 2019)
    /// gini             [`gini`] of how often each product is in a list
    /// coverage         share of all products that are in some list
    /// ```
    pub fn qualities(&self, cases: &[Case], lists: &[Vec<u32>], k: usize) -> BTreeMap<&'static str, f64> {
        let lists: Vec<Vec<u32>> = lists.iter().map(|list| list[..k.min(list.len())].to_vec()).collect();
        let mean_of = |of: &(dyn Fn(&[u32]) -> f64 + Sync)| mean(lists.iter().map(|list| of(list)));
        let stride = lists.len().div_ceil(DIVERSITY_LISTS_MAX).max(1);
        let sample: Vec<&Vec<u32>> = lists.iter().step_by(stride).collect();
        let diversities: Vec<f64> = sample.par_iter().map(|list| diversity(list, &self.by_item)).collect();
        let exposures = exposures(&lists, k, self.n_users_of.len());
        BTreeMap::from([
            ("novelty", mean_of(&|list| novelty(list, &self.n_users_of, self.n_users))),
            ("diversity", mean(diversities.into_iter())),
            ("popularity", mean_of(&|list| popularity(list, &self.n_users_of))),
            ("popularity_lift", self.popularity_lift(cases, &lists)),
            ("gini", gini(&exposures)),
            ("coverage", coverage(&exposures)),
        ])
    }

    fn popularity_lift(&self, cases: &[Case], lists: &[Vec<u32>]) -> f64 {
        let (mut of_lists, mut of_histories) = (0.0, 0.0);
        for (case, list) in cases.iter().zip(lists).filter(|(case, _)| !case.history.is_empty()) {
            let history: Vec<u32> = case.history.iter().map(|h| h.item).collect();
            of_lists += popularity(list, &self.n_users_of);
            of_histories += popularity(&history, &self.n_users_of);
        }
        if of_histories > 0.0 { of_lists / of_histories - 1.0 } else { 0.0 }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len();
    if n == 0 { 0.0 } else { values.sum::<f64>() / n as f64 }
}

/// Mean self-information of the products in bits, `log2(n_users / users of the product)`; a product that nobody chose
/// counts as if one had. 0 for an empty list.
///
/// Zhou et al., *Solving the Apparent Diversity–Accuracy Dilemma of Recommender Systems* (PNAS 2010).
pub fn novelty(list: &[u32], n_users_of: &[usize], n_users: usize) -> f64 {
    mean(list.iter().map(|&item| (n_users as f64 / n_users_of[item as usize].max(1) as f64).log2()))
}

/// Mean number of users who chose the products. 0 for an empty list.
pub fn popularity(list: &[u32], n_users_of: &[usize]) -> f64 {
    mean(list.iter().map(|&item| n_users_of[item as usize] as f64))
}

/// `1 − mean cosine` over all pairs of the list, the cosine being that of who chose each product,
/// `|U_i ∩ U_j| / √(|U_i| |U_j|)`; products that nobody chose are like no other. 0 for less than two products.
///
/// Ziegler et al., *Improving Recommendation Lists through Topic Diversification* (WWW 2005), with the item vectors of
/// Sarwar et al. (WWW 2001).
pub fn diversity(list: &[u32], by_item: &Interactions) -> f64 {
    let users: Vec<&[u32]> = list.iter().map(|&item| by_item.row(item as usize).items).collect();
    let pairs = (0..users.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let (mut n_pairs, mut sum) = (0usize, 0.0);
    for (i, j) in pairs {
        n_pairs += 1;
        let norm = ((users[i].len() * users[j].len()) as f64).sqrt();
        if norm > 0.0 {
            sum += n_common(users[i], users[j]) as f64 / norm;
        }
    }
    if n_pairs == 0 { 0.0 } else { 1.0 - sum / n_pairs as f64 }
}

/// Of two sorted lists, by looking the shorter one's values up in the longer one.
fn n_common(a: &[u32], b: &[u32]) -> usize {
    let (short, mut long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let mut n = 0;
    for value in short {
        match long.binary_search(value) {
            Ok(at) => {
                n += 1;
                long = &long[at + 1..];
            }
            Err(at) => long = &long[at..],
        }
    }
    n
}

/// How often each product is among the first `k` of a list.
pub fn exposures(lists: &[Vec<u32>], k: usize, n_items: usize) -> Vec<usize> {
    let mut exposures = vec![0; n_items];
    lists.iter().flat_map(|list| list.iter().take(k)).for_each(|&item| exposures[item as usize] += 1);
    exposures
}

/// Share of the products that are shown at all.
pub fn coverage(exposures: &[usize]) -> f64 {
    exposures.iter().filter(|&&n| n > 0).count() as f64 / exposures.len().max(1) as f64
}

/// Gini coefficient of how often each product is shown: 0 when all get the same, near 1 when one gets everything.
///
/// `Σ_i (2 i − n − 1) e_i / (n Σ e)`, exposures ascending, i from 1.
pub fn gini(exposures: &[usize]) -> f64 {
    let mut ascending = exposures.to_vec();
    ascending.sort_unstable();
    let (n, sum) = (ascending.len() as f64, ascending.iter().sum::<usize>() as f64);
    let weighted = ascending.iter().enumerate().map(|(i, &e)| (2.0 * (i + 1) as f64 - n - 1.0) * e as f64);
    if sum > 0.0 { weighted.sum::<f64>() / (n * sum) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use models::{HistoryItem, Interaction};

    use super::*;

    /// Four users: product 0 has all of them, 1 two, 2 one (shared with 1), 3 nobody.
    fn crowd() -> Crowd {
        let pairs = [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (1, 1), (1, 2)];
        let cells = pairs.map(|(user, item)| Interaction { user, item, weight: 1.0, timestamp: 0 });
        Crowd::new(&Interactions::new(5, 4, &cells).unwrap())
    }

    fn assert_close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-12, "got {got}, wanted {wanted}");
    }

    #[test]
    fn novelty_is_the_surprise_in_bits() {
        let crowd = crowd();
        assert_eq!((crowd.n_users, crowd.n_users_of.as_slice()), (4, [4, 2, 1, 0].as_slice()));
        let of = |list: &[u32]| novelty(list, &crowd.n_users_of, crowd.n_users);
        assert_close(of(&[0]), 0.0);
        assert_close(of(&[1, 2]), (1.0 + 2.0) / 2.0);
        assert_close(of(&[3]), 2.0);
        assert_close(of(&[]), 0.0);
    }

    #[test]
    fn diversity_is_what_lacks_to_the_same_users() {
        let crowd = crowd();
        let of = |list: &[u32]| diversity(list, &crowd.by_item);
        // Two common users of 4 and 2; one of 4 and 1; one of 2 and 1.
        let cosines = [2.0 / 8f64.sqrt(), 1.0 / 2.0, 1.0 / 2f64.sqrt()];
        assert_close(of(&[0, 1, 2]), 1.0 - cosines.iter().sum::<f64>() / 3.0);
        assert_close(of(&[0, 3]), 1.0);
        assert_close(of(&[0]), 0.0);
    }

    #[test]
    fn gini_by_hand() {
        assert_close(gini(&[2, 2, 2]), 0.0);
        assert_close(gini(&[0, 0, 0, 8]), 0.75);
        // Half of the mean absolute difference over the mean: (|1−3| · 2) / (2 · 4 · 2).
        assert_close(gini(&[1, 3]), 0.25);
        assert_close(gini(&[0, 0]), 0.0);
    }

    #[test]
    fn lists_more_popular_than_their_histories_lift() {
        let crowd = crowd();
        let case = |items: &[u32]| Case {
            history: items.iter().map(|&item| HistoryItem { item, weight: 1.0, timestamp: 0 }).collect(),
            now: 0,
            relevant: vec![0],
            excluded: vec![],
        };
        let qualities = crowd.qualities(&[case(&[1]), case(&[])], &[vec![0, 2, 1], vec![2]], 2);
        assert_close(qualities["popularity"], (2.5 + 1.0) / 2.0);
        assert_close(qualities["popularity_lift"], 2.5 / 2.0 - 1.0);
        assert_close(qualities["coverage"], 0.5);
        // Two of four products, once and twice: exposures 0 0 1 2.
        assert_close(qualities["gini"], (1.0 + 3.0 * 2.0) / (4.0 * 3.0));
    }
}
