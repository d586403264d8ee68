//! For whom and for what a model is good: metrics by how much of a user is known, and by how long a product has been
//! around.

use std::collections::BTreeMap;

use models::Interactions;
use serde::{Deserialize, Serialize};

use crate::metrics::means;
use crate::split::Case;

/// Users with a history of similar length, and how good their lists are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserGroup {
    pub name: String,
    /// Events in the history, both ends included; `None` has no end.
    pub history_min: usize,
    pub history_max: Option<usize>,
    pub n_lists: usize,
    pub metrics: BTreeMap<String, f64>,
}

/// Users of at most this many events are new.
pub const NEW_MAX: usize = 3;

/// Where casual users end and frequent ones begin: the last history length of a casual user.
///
/// Two thirds of those who are not new are casual.
pub fn casual_max(history_sizes: &[usize]) -> usize {
    let mut known: Vec<usize> = history_sizes.iter().copied().filter(|&n| n > NEW_MAX).collect();
    known.sort_unstable();
    known.get((known.len() * 2 / 3).saturating_sub(1)).copied().unwrap_or(NEW_MAX)
}

/// The groups and the bounds of their histories, whether or not somebody is in them.
pub fn bounds(history_sizes: &[usize]) -> [(&'static str, usize, Option<usize>); 3] {
    let casual = casual_max(history_sizes);
    [("new", 0, Some(NEW_MAX)), ("casual", NEW_MAX + 1, Some(casual)), ("frequent", casual + 1, None)]
}

/// Which of the cases are in a group.
pub fn members(history_sizes: &[usize], min: usize, max: Option<usize>) -> Vec<usize> {
    let is_within = |n: usize| n >= min && max.is_none_or(|max| n <= max);
    (0..history_sizes.len()).filter(|&case| is_within(history_sizes[case])).collect()
}

/// Means of the metrics of `cases`, a row of `names` each, by group; groups that nobody is in are left out.
pub fn by_user_group(history_sizes: &[usize], names: &[String], cases: &[Vec<f64>]) -> Vec<UserGroup> {
    let groups = bounds(history_sizes).into_iter().map(|(name, history_min, history_max)| {
        let rows: Vec<Vec<f64>> =
            members(history_sizes, history_min, history_max).into_iter().map(|case| cases[case].clone()).collect();
        UserGroup {
            name: name.to_owned(),
            history_min,
            history_max,
            n_lists: rows.len(),
            metrics: names.iter().cloned().zip(means(&rows)).collect(),
        }
    });
    groups.filter(|group| group.n_lists > 0).collect()
}

/// Relevant products of similar age at the time of the query, and how many of them were found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductAge {
    pub name: String,
    /// Relevant products over all lists.
    pub n_test: usize,
    /// `recall@k`: those in the first k, over all.
    pub metrics: BTreeMap<String, f64>,
}

/// Upper ends in days, and one group beyond.
const AGES: [(&str, i64); 4] = [("up to 7 days", 7), ("up to 30 days", 30), ("up to 90 days", 90), ("older", i64::MAX)];
const UNSEEN: &str = "not in train";
const DAY: i64 = 86_400;

/// Hits and relevant products by the days since the product was first seen in train. Counts add up over folds.
#[derive(Debug, Clone, Default)]
pub struct AgeCounts {
    /// Group number → relevant products, and hits at each k.
    groups: BTreeMap<usize, (usize, Vec<usize>)>,
}

impl AgeCounts {
    pub fn add(&mut self, train: &Interactions, cases: &[Case], lists: &[Vec<u32>], ks: &[usize]) {
        let mut first_seen = vec![None::<i64>; train.n_items()];
        for cell in train.cells() {
            let first = first_seen[cell.item as usize].get_or_insert(cell.timestamp);
            *first = (*first).min(cell.timestamp);
        }
        let group_of = |item: u32, now: i64| match first_seen[item as usize] {
            None => AGES.len(),
            Some(first) => AGES.iter().position(|(_, days)| (now - first) / DAY <= *days).unwrap_or(AGES.len() - 1),
        };
        for (case, list) in cases.iter().zip(lists) {
            for &item in &case.relevant {
                let (n, hits) = self.groups.entry(group_of(item, case.now)).or_insert_with(|| (0, vec![0; ks.len()]));
                *n += 1;
                if let Some(rank) = list.iter().position(|&listed| listed == item) {
                    hits.iter_mut().zip(ks).filter(|(_, k)| rank < **k).for_each(|(hits, _)| *hits += 1);
                }
            }
        }
    }

    /// Youngest first, what train did not have last; groups without products are left out.
    pub fn finish(self, ks: &[usize]) -> Vec<ProductAge> {
        let group = |(number, (n_test, hits)): (usize, (usize, Vec<usize>))| ProductAge {
            name: AGES.get(number).map_or(UNSEEN, |(name, _)| name).to_owned(),
            n_test,
            metrics: ks.iter().zip(hits).map(|(k, h)| (format!("recall@{k}"), h as f64 / n_test as f64)).collect(),
        };
        self.groups.into_iter().map(group).collect()
    }
}

#[cfg(test)]
mod tests {
    use models::Interaction;

    use super::*;

    #[test]
    fn two_thirds_of_the_known_are_casual() {
        let sizes = [1, 3, 4, 5, 6, 7, 8, 90];
        assert_eq!(casual_max(&sizes), 7);
        let cases: Vec<Vec<f64>> = sizes.iter().map(|&n| vec![n as f64]).collect();
        let groups = by_user_group(&sizes, &["size".to_owned()], &cases);
        let summary: Vec<(&str, usize, f64)> =
            groups.iter().map(|g| (g.name.as_str(), g.n_lists, g.metrics["size"])).collect();
        assert_eq!(summary, [("new", 2, 2.0), ("casual", 4, 5.5), ("frequent", 2, 49.0)]);
        assert_eq!(by_user_group(&[2], &["size".to_owned()], &[vec![1.0]]).len(), 1, "nobody else");
    }

    #[test]
    fn products_are_as_old_as_their_first_event() {
        let cell = |item, days: i64| Interaction { user: 0, item, weight: 1.0, timestamp: days * DAY };
        let train = Interactions::new(1, 4, &[cell(0, 0), cell(0, 99), cell(1, 95), cell(2, 80)]).unwrap();
        let case = Case { history: vec![], now: 100 * DAY, relevant: vec![0, 1, 2, 3], excluded: vec![] };
        let mut ages = AgeCounts::default();
        ages.add(&train, &[case], &[vec![1, 2]], &[1, 2]);
        let got: Vec<(String, usize, f64, f64)> = ages
            .finish(&[1, 2])
            .into_iter()
            .map(|g| (g.name, g.n_test, g.metrics["recall@1"], g.metrics["recall@2"]))
            .collect();
        let wanted = [("up to 7 days", 1.0, 1.0), ("up to 30 days", 0.0, 1.0), ("older", 0.0, 0.0), (UNSEEN, 0.0, 0.0)];
        assert_eq!(got, wanted.map(|(name, first, second)| (name.to_owned(), 1, first, second)));
    }
}
