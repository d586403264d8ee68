//! Tree ensembles in standard operators.
//!
//! All trees walk down at once, one level a step: `at` holds for each row and tree the node where it stands, and
//!
//! ```text
//! at ← where(x[feature[at]] ≤ threshold[at], yes[at], no[at])
//! ```
//!
//! is a handful of gathers over the nodes of all trees (the traversal strategy of Hummingbird, Nakandala et al., OSDI
//! 2020). A leaf leads to itself, so that short branches wait for long ones.

use std::collections::HashMap;

use rten_onnx::onnx::DataType;

use crate::{
    Error, Result,
    lower::{MlNode, Rewriting, int},
};

/// The nodes of all trees, each list with one entry a node.
struct Forest {
    roots: Vec<usize>,
    depth: usize,
    feature: Vec<i64>,
    threshold: Vec<f32>,
    yes: Vec<usize>,
    no: Vec<usize>,
    /// Whether a missing value goes the way of yes.
    missing_is_yes: Vec<bool>,
    /// The comparison of all inner nodes.
    compare: &'static str,
}

pub(crate) fn regressor(to: &mut Rewriting, ml: &MlNode<'_>, x: &str) -> Result<String> {
    let forest = Forest::read(ml)?;
    let n_targets = ml.int("n_targets").unwrap_or(1).max(1) as usize;
    let share = match ml.string("aggregate_function").unwrap_or("SUM") {
        "SUM" => 1.0,
        "AVERAGE" => 1.0 / forest.roots.len() as f32,
        other => return Err(Error::Operators(format!("{} with aggregate_function {other}", ml.name()))),
    };
    let leaves = forest.leaves(ml, "target", n_targets)?;
    let y = forest.votes(to, x, &leaves, share);
    let y = with_base(to, ml, y, n_targets)?;
    to.post_transform(ml, &y)
}

pub(crate) fn classifier(to: &mut Rewriting, ml: &MlNode<'_>, x: &str) -> Result<String> {
    let forest = Forest::read(ml)?;
    let n_classes = ml.n_labels();
    let mut classes: Vec<i64> = ml.ints("class_ids").to_vec();
    classes.dedup();
    // A binary classifier may vote on one class only; the other column follows from it.
    if n_classes == 2 && classes.len() == 1 {
        let votes = forest.leaves(ml, "class", 2)?.swap_remove(classes[0].clamp(0, 1) as usize);
        let is_share = votes.iter().all(|vote| *vote >= 0.0);
        let y = forest.votes(to, x, &[votes], 1.0);
        let y = with_base(to, ml, y, 1)?;
        return to.two_classes(ml, &y, is_share);
    }
    let leaves = forest.leaves(ml, "class", n_classes)?;
    let y = forest.votes(to, x, &leaves, 1.0);
    let y = with_base(to, ml, y, n_classes)?;
    to.post_transform(ml, &y)
}

fn with_base(to: &mut Rewriting, ml: &MlNode<'_>, y: String, n: usize) -> Result<String> {
    let base = ml.numbers("base_values");
    match base.len() {
        0 => Ok(y),
        len if len == n => {
            let base = to.floats(&[1, n], base);
            Ok(to.op("Add", &[&y, &base], vec![]))
        }
        len => Err(damaged(ml, format!("{len} base values for {n} columns"))),
    }
}

fn damaged(ml: &MlNode<'_>, detail: String) -> Error {
    Error::File(format!("{} is damaged: {detail}", ml.name()))
}

impl Forest {
    fn read(ml: &MlNode<'_>) -> Result<Self> {
        let (trees, ids, modes) = (ml.ints("nodes_treeids"), ml.ints("nodes_nodeids"), ml.strings("nodes_modes"));
        let (yes, no) = (ml.ints("nodes_truenodeids"), ml.ints("nodes_falsenodeids"));
        let (feature, threshold) = (ml.ints("nodes_featureids"), ml.numbers("nodes_values"));
        let n = ids.len();
        let lengths = [trees.len(), modes.len(), yes.len(), no.len(), feature.len(), threshold.len()];
        if n == 0 || lengths.iter().any(|length| *length != n) {
            return Err(damaged(ml, format!("{n} nodes with lists of {lengths:?} entries")));
        }
        let index = index(ml);
        let is_leaf: Vec<bool> = modes.iter().map(|mode| mode == "LEAF").collect();
        let child = |i: usize, id: i64| match is_leaf[i] {
            true => Ok(i),
            false => {
                let found = index.get(&(trees[i], id)).copied();
                found.ok_or_else(|| damaged(ml, format!("node {} of tree {} leads nowhere", ids[i], trees[i])))
            }
        };
        let yes: Vec<usize> = (0..n).map(|i| child(i, yes[i])).collect::<Result<_>>()?;
        let no: Vec<usize> = (0..n).map(|i| child(i, no[i])).collect::<Result<_>>()?;
        let mut is_child = vec![false; n];
        for i in (0..n).filter(|i| !is_leaf[*i]) {
            (is_child[yes[i]], is_child[no[i]]) = (true, true);
        }
        let roots: Vec<usize> = (0..n).filter(|i| !is_child[*i]).collect();
        let tracks = ml.ints("nodes_missing_value_tracks_true");
        let forest = Self {
            depth: depth(&roots, &yes, &no).ok_or_else(|| damaged(ml, "a branch leads back to itself".to_owned()))?,
            feature: (0..n).map(|i| if is_leaf[i] { 0 } else { feature[i] }).collect(),
            missing_is_yes: (0..n).map(|i| !is_leaf[i] && tracks.get(i) == Some(&1)).collect(),
            compare: comparison(ml, modes)?,
            roots,
            threshold,
            yes,
            no,
        };
        if forest.feature.iter().any(|feature| *feature < 0) {
            return Err(damaged(ml, "a node asks for a feature below 0".to_owned()));
        }
        Ok(forest)
    }

    /// What each node gives to each column: one list of all nodes a column, 0 but at leaves.
    fn leaves(&self, ml: &MlNode<'_>, kind: &str, n_columns: usize) -> Result<Vec<Vec<f32>>> {
        let list = |name: &str| ml.ints(&format!("{kind}_{name}"));
        let (trees, ids, columns) = (list("treeids"), list("nodeids"), list("ids"));
        let weights = ml.numbers(&format!("{kind}_weights"));
        if [trees.len(), ids.len(), columns.len()] != [weights.len(); 3] {
            return Err(damaged(ml, format!("{} weights of leaves that number {}", weights.len(), ids.len())));
        }
        let index = index(ml);
        let mut votes = vec![vec![0.0; self.feature.len()]; n_columns];
        for (i, weight) in weights.into_iter().enumerate() {
            let (node, column) = (index.get(&(trees[i], ids[i])), usize::try_from(columns[i]).ok());
            let vote =
                node.zip(column.and_then(|column| votes.get_mut(column))).map(|(node, column)| &mut column[*node]);
            *vote.ok_or_else(|| damaged(ml, format!("vote {i} is of no leaf or no column")))? += weight;
        }
        Ok(votes)
    }

    /// `[rows, columns]`: the votes of the leaves that each row ends at, summed over the trees.
    fn votes(&self, to: &mut Rewriting, x: &str, leaves: &[Vec<f32>], share: f32) -> String {
        let at = self.walk(to, x);
        let (n_trees, n_nodes) = (self.roots.len(), self.feature.len());
        let share = to.floats(&[n_trees, 1], vec![share; n_trees]);
        let columns: Vec<String> = leaves
            .iter()
            .map(|votes| {
                let votes = to.floats(&[n_nodes], votes.clone());
                let of_trees = to.op("Gather", &[&votes, &at], vec![]);
                to.op("MatMul", &[&of_trees, &share], vec![])
            })
            .collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        if let [one] = columns[..] { one.to_owned() } else { to.op("Concat", &columns, vec![int("axis", 1)]) }
    }

    /// `[rows, trees]`: the leaf where each row ends in each tree.
    fn walk(&self, to: &mut Rewriting, x: &str) -> String {
        let x = to.float(x);
        let (n_nodes, n_trees) = (self.feature.len(), self.roots.len());
        let numbers = |nodes: &[usize]| nodes.iter().map(|node| *node as i64).collect::<Vec<_>>();
        let feature = to.ints(&[n_nodes], self.feature.clone());
        let threshold = to.floats(&[n_nodes], self.threshold.clone());
        let (yes, no) = (to.ints(&[n_nodes], numbers(&self.yes)), to.ints(&[n_nodes], numbers(&self.no)));
        let missing = self.missing_is_yes.contains(&true).then(|| {
            let flags = self.missing_is_yes.iter().map(|flag| i64::from(*flag)).collect();
            to.ints(&[n_nodes], flags)
        });
        // Every row of every tree starts at the root; the zeros give the roots their rows.
        let roots = to.ints(&[1, n_trees], numbers(&self.roots));
        let first = to.ints(&[1], vec![0]);
        let column = to.op("Gather", &[&x, &first], vec![int("axis", 1)]);
        let never = to.op("IsNaN", &[&column], vec![]);
        let mut at = to.op("Where", &[&never, &roots, &roots], vec![]);
        for _ in 0..self.depth {
            let asked = to.op("Gather", &[&feature, &at], vec![]);
            let value = to.op("GatherElements", &[&x, &asked], vec![int("axis", 1)]);
            let limit = to.op("Gather", &[&threshold, &at], vec![]);
            let mut goes = to.op(self.compare, &[&value, &limit], vec![]);
            if let Some(missing) = &missing {
                let is_missing = to.op("IsNaN", &[&value], vec![]);
                let tracks = to.op("Gather", &[missing, &at], vec![]);
                let tracks = to.op("Cast", &[&tracks], vec![int("to", DataType::BOOL.0.into())]);
                let goes_missing = to.op("And", &[&is_missing, &tracks], vec![]);
                goes = to.op("Or", &[&goes, &goes_missing], vec![]);
            }
            let (if_yes, if_no) = (to.op("Gather", &[&yes, &at], vec![]), to.op("Gather", &[&no, &at], vec![]));
            at = to.op("Where", &[&goes, &if_yes, &if_no], vec![]);
        }
        at
    }
}

/// Where each (tree, node) stands in the lists.
fn index(ml: &MlNode<'_>) -> HashMap<(i64, i64), usize> {
    let nodes = ml.ints("nodes_treeids").iter().copied().zip(ml.ints("nodes_nodeids").iter().copied());
    nodes.enumerate().map(|(i, key)| (key, i)).collect()
}

fn comparison(ml: &MlNode<'_>, modes: &[String]) -> Result<&'static str> {
    let mut inner: Vec<&str> = modes.iter().map(String::as_str).filter(|mode| *mode != "LEAF").collect();
    inner.sort_unstable();
    inner.dedup();
    match inner[..] {
        [] | ["BRANCH_LEQ"] => Ok("LessOrEqual"),
        ["BRANCH_LT"] => Ok("Less"),
        ["BRANCH_GTE"] => Ok("GreaterOrEqual"),
        ["BRANCH_GT"] => Ok("Greater"),
        _ => Err(Error::Operators(format!("{} with nodes_modes {}", ml.name(), inner.join(" and ")))),
    }
}

/// Steps from the farthest leaf to its root; `None` when a branch never ends.
fn depth(roots: &[usize], yes: &[usize], no: &[usize]) -> Option<usize> {
    let mut level: Vec<usize> = roots.to_vec();
    let mut n_seen = 0;
    for depth in 0.. {
        n_seen += level.len();
        if n_seen > yes.len() {
            return None;
        }
        level = level.iter().filter(|i| yes[**i] != **i).flat_map(|i| [yes[*i], no[*i]]).collect();
        if level.is_empty() {
            return Some(depth);
        }
    }
    None
}
