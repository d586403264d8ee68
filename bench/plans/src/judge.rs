//! How much of the next basket lists hold, and how varied they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::ProductId;
use rayon::prelude::*;
use serve::Snapshot;
use train::metrics::{N_RESAMPLES, at_k, bootstrap_ci95, means, paired};

use crate::shop::{Part, Shop};

/// Products of a list.
pub const K: usize = 20;

/// One list a case, in their order.
pub type Lists = Vec<Vec<ProductId>>;

/// Of each case: recall@10, recall@20, ndcg@20, and perhaps variety@20 and the product types among the 20.
#[derive(Clone)]
pub struct Judged {
    cases: Vec<Vec<f64>>,
}

/// The columns of [`Judged`].
pub const RECALL_10: usize = 0;
pub const RECALL_20: usize = 1;
pub const NDCG_20: usize = 2;
pub const VARIETY_20: usize = 3;
pub const TYPES_20: usize = 4;

impl Judged {
    pub fn of(part: &Part, lists: &Lists) -> Self {
        let case = |(case, list): (&crate::shop::Case, &Vec<ProductId>)| {
            let is_hit: Vec<bool> = list.iter().map(|id| case.basket.binary_search(id).is_ok()).collect();
            let [recall_10, ..] = at_k(&is_hit, 10, case.basket.len());
            let [recall_20, ndcg_20, ..] = at_k(&is_hit, K, case.basket.len());
            vec![recall_10, recall_20, ndcg_20]
        };
        Self { cases: part.cases().par_iter().zip(lists).map(case).collect() }
    }

    /// With how varied the lists are: as serving's own measure has it, and by the most special category, which plans
    /// don't look at alone.
    pub fn with_variety(part: &Part, lists: &Lists, shop: &Shop, snapshot: &Snapshot) -> Self {
        let types: BTreeMap<&ProductId, &str> =
            shop.products.iter().filter_map(|product| Some((&product.product_id, product.category()?))).collect();
        let mut judged = Self::of(part, lists);
        for (case, list) in judged.cases.iter_mut().zip(lists) {
            let known: BTreeSet<&str> = list.iter().filter_map(|id| types.get(id).copied()).collect();
            case.extend([variety(snapshot, list), known.len() as f64]);
        }
        judged
    }

    pub fn mean(&self, column: usize) -> f64 {
        means(&self.cases)[column]
    }

    /// `0.1234 (0.1200–0.1270)`: the mean with its 95 % interval over households.
    pub fn text(&self, column: usize, seed: u64) -> String {
        let column: Vec<Vec<f64>> = self.cases.iter().map(|case| vec![case[column]]).collect();
        let (low, high) = bootstrap_ci95(&column, N_RESAMPLES, seed)[0];
        format!("{:.4} ({low:.4}–{high:.4})", means(&column)[0])
    }

    /// Against the same households' lists of `base`.
    pub fn change(&self, base: &Self, column: usize, seed: u64) -> Change {
        let of = |judged: &Self| judged.cases.iter().map(|case| case[column]).collect::<Vec<f64>>();
        let compared = paired(&of(base), &of(self), N_RESAMPLES, seed);
        let mean = base.mean(column);
        Change { share: compared.difference / mean, ci95: compared.ci95.map(|end| end / mean) }
    }
}

/// Mean of `1 − similarity` over the pairs of a list.
fn variety(snapshot: &Snapshot, list: &[ProductId]) -> f64 {
    let pairs = list.iter().enumerate().flat_map(|(at, left)| list[..at].iter().map(move |right| (left, right)));
    let apart: Vec<f64> = pairs.map(|(left, right)| 1.0 - f64::from(snapshot.similarity_of(left, right))).collect();
    apart.iter().sum::<f64>() / apart.len().max(1) as f64
}

/// A difference as a share of what it is to: `+12.3 % (+11.0 – +13.6)`, with the interval of the paired difference.
pub struct Change {
    pub share: f64,
    ci95: [f64; 2],
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.ci95.map(|end| 100.0 * end);
        write!(f, "{:+.1} % ({low:+.1} – {high:+.1})", 100.0 * self.share)
    }
}
