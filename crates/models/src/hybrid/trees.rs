//! Regression trees as plain arrays: grown by a library, walked, explained and saved by ourselves.

use std::ops::ControlFlow;

use hessboost::config::{TrainingParams, TreeMethod};
use hessboost::data::DMatrix;
use hessboost::objective::{LambdaRank, Objective};
use hessboost::training::Trainer;
use hessboost::tree::RegTree;

use super::NAME;
use crate::{Error, FitContext, Options, Result, Tensors};

/// Lists to learn an order from: one row of features per candidate, list after list.
pub(super) struct Lists {
    pub n_features: usize,
    pub rows: Vec<f32>,
    /// 1 for wanted, 0 for the rest.
    pub labels: Vec<f32>,
    /// What the score is before the first tree.
    pub margins: Vec<f32>,
    /// Candidates of each list.
    pub sizes: Vec<usize>,
}

/// A forest in one pool of nodes, each tree in preorder. A node sends a row to `left` when its feature is below the
/// threshold; `left` is 0 in leaves, for no child is the first root.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trees {
    /// Where each tree starts.
    roots: Vec<u32>,
    features: Vec<u32>,
    thresholds: Vec<f32>,
    left: Vec<u32>,
    right: Vec<u32>,
    /// What a leaf says; in other nodes the mean of their leaves, weighted by curvature.
    values: Vec<f32>,
    /// Loss that a split took away; 0 in leaves.
    gains: Vec<f32>,
}

impl Trees {
    /// LambdaMART (Burges 2010): each tree follows the gradient of a pairwise logistic loss, pairs weighted by what their
    /// exchange would change in NDCG at `n`.
    pub fn grow(lists: &Lists, options: &Options, n: usize, context: &FitContext<'_>) -> Result<Self> {
        let n_trees = options.count("trees");
        if lists.sizes.is_empty() {
            return Ok(Self::none());
        }
        let params = TrainingParams::builder()
            .objective(Objective::RankNdcg(LambdaRank::new(n).map_err(refused)?))
            .tree_method(TreeMethod::Hist)
            .max_depth(options.count("depth"))
            .eta(options.number("learning_rate"))
            .lambda(options.number("regularization"))
            .subsample(0.8)
            .colsample_bytree(0.8)
            .base_score(0.0)
            .seed(context.seed)
            .build()
            .map_err(refused)?;
        let data = DMatrix::from_dense(&lists.rows, lists.labels.len(), lists.n_features)
            .and_then(|data| data.with_labels(&lists.labels))
            .and_then(|data| data.with_group_sizes(&lists.sizes))
            .and_then(|data| data.with_base_margin(&lists.margins))
            .map_err(refused)?;
        let grown = Trainer::new(&params, &data, n_trees)
            .on_round(|_| if context.check().is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            .train()
            .map_err(refused)?;
        context.check()?;
        let mut trees = Self::none();
        grown.model.trees().iter().for_each(|tree| trees.push(tree));
        Ok(trees)
    }

    fn none() -> Self {
        Self {
            roots: Vec::new(),
            features: Vec::new(),
            thresholds: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
            values: Vec::new(),
            gains: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// Forgets all but the first `n` trees.
    pub fn truncate(&mut self, n: usize) {
        let Some(&end) = self.roots.get(n) else { return };
        self.roots.truncate(n);
        for nodes in [&mut self.features, &mut self.left, &mut self.right] {
            nodes.truncate(end as usize);
        }
        for nodes in [&mut self.thresholds, &mut self.values, &mut self.gains] {
            nodes.truncate(end as usize);
        }
    }

    fn push(&mut self, tree: &RegTree) {
        self.roots.push(self.features.len() as u32);
        self.push_node(tree, 0);
    }

    /// Answers the new node's number.
    fn push_node(&mut self, tree: &RegTree, id: usize) -> u32 {
        let (node, own) = (tree.node(id), self.features.len());
        self.features.push(node.split_feature);
        self.thresholds.push(node.split_cond);
        self.gains.push(node.split_gain);
        self.left.push(0);
        self.right.push(0);
        self.values.push(node.leaf_value);
        if !node.is_leaf() {
            let children = [node.left, node.right].map(|child| child as usize);
            let [left, right] = children.map(|child| self.push_node(tree, child));
            let [cover_left, cover_right] = children.map(|child| f64::from(tree.node(child).sum_hess));
            let [value_left, value_right] = [left, right].map(|child| f64::from(self.values[child as usize]));
            let cover = (cover_left + cover_right).max(f64::MIN_POSITIVE);
            self.left[own] = left;
            self.right[own] = right;
            self.values[own] = ((cover_left * value_left + cover_right * value_right) / cover) as f32;
        }
        own as u32
    }

    fn is_leaf(&self, node: usize) -> bool {
        self.left[node] == 0
    }

    fn child(&self, node: usize, row: &[f32]) -> usize {
        let goes_left = row[self.features[node] as usize] < self.thresholds[node];
        if goes_left { self.left[node] as usize } else { self.right[node] as usize }
    }

    /// What tree number `tree` says about a row.
    pub fn predict_one(&self, tree: usize, row: &[f32]) -> f32 {
        let mut node = self.roots[tree] as usize;
        while !self.is_leaf(node) {
            node = self.child(node, row);
        }
        self.values[node]
    }

    /// The sum of what all trees say.
    pub fn predict(&self, row: &[f32]) -> f32 {
        (0..self.len()).map(|tree| self.predict_one(tree, row)).sum()
    }

    /// The same sum by features: each step of a path adds to its feature what it changed in the expected value (Saabas,
    /// "Interpreting random forests", 2014). Also what the trees say before they have looked at anything.
    pub fn explain(&self, row: &[f32]) -> (Vec<f32>, f32) {
        let (mut by_feature, mut expected) = (vec![0.0; row.len()], 0.0);
        for &root in &self.roots {
            let mut node = root as usize;
            expected += self.values[node];
            while !self.is_leaf(node) {
                let child = self.child(node, row);
                by_feature[self.features[node] as usize] += self.values[child] - self.values[node];
                node = child;
            }
        }
        (by_feature, expected)
    }

    /// The loss that splits by each feature took away, as shares of all.
    pub fn gains(&self, n_features: usize) -> Vec<f32> {
        let mut gains = vec![0.0f64; n_features];
        for (&feature, &gain) in self.features.iter().zip(&self.gains) {
            gains[feature as usize] += f64::from(gain);
        }
        let sum: f64 = gains.iter().sum();
        gains.iter().map(|gain| if sum > 0.0 { (gain / sum) as f32 } else { 0.0 }).collect()
    }

    pub fn tensors(&self, tensors: Tensors) -> Tensors {
        let n = self.features.len();
        tensors
            .with_u32("trees.roots", &[self.len()], self.roots.clone())
            .with_u32("trees.features", &[n], self.features.clone())
            .with_f32("trees.thresholds", &[n], self.thresholds.clone())
            .with_u32("trees.left", &[n], self.left.clone())
            .with_u32("trees.right", &[n], self.right.clone())
            .with_f32("trees.values", &[n], self.values.clone())
            .with_f32("trees.gains", &[n], self.gains.clone())
    }

    /// Fails on trees that could not be walked to an end.
    pub fn load(tensors: &Tensors, n_features: usize) -> Result<Self> {
        let u32s = |name: &str| tensors.u32(name, 1).map(|(_, values)| values.to_vec());
        let f32s = |name: &str| tensors.f32(name, 1).map(|(_, values)| values.to_vec());
        let trees = Self {
            roots: u32s("trees.roots")?,
            features: u32s("trees.features")?,
            thresholds: f32s("trees.thresholds")?,
            left: u32s("trees.left")?,
            right: u32s("trees.right")?,
            values: f32s("trees.values")?,
            gains: f32s("trees.gains")?,
        };
        let n = trees.features.len();
        let lengths =
            [trees.thresholds.len(), trees.left.len(), trees.right.len(), trees.values.len(), trees.gains.len()];
        let is_behind = |node: usize, child: u32| child as usize > node && (child as usize) < n;
        let is_sound = |node: usize| {
            (trees.features[node] as usize) < n_features
                && trees.values[node].is_finite()
                && (trees.is_leaf(node) || [trees.left[node], trees.right[node]].iter().all(|&c| is_behind(node, c)))
        };
        let are_sound = lengths.iter().all(|&length| length == n)
            && trees.roots.iter().all(|&root| (root as usize) < n)
            && (0..n).all(is_sound);
        if are_sound {
            Ok(trees)
        } else {
            Err(Error::Artifact(format!(
                "{NAME}: got trees with arrays of different lengths, or nodes out of range, wanted {n} whole nodes"
            )))
        }
    }
}

fn refused(error: hessboost::error::HessboostError) -> Error {
    Error::Data(format!("the trees of a {NAME}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x₁ < 2 → 1; else x₀ < 5 → 10, else 20.
    fn small() -> Trees {
        Trees {
            roots: vec![0],
            features: vec![1, 0, 0, 0, 0],
            thresholds: vec![2.0, 0.0, 5.0, 0.0, 0.0],
            left: vec![1, 0, 3, 0, 0],
            right: vec![2, 0, 4, 0, 0],
            values: vec![8.0, 1.0, 15.0, 10.0, 20.0],
            gains: vec![3.0, 0.0, 1.0, 0.0, 0.0],
        }
    }

    #[test]
    fn a_path_is_walked_and_its_steps_add_up() {
        let trees = small();
        assert_eq!([[0.0, 1.0], [0.0, 2.0], [9.0, 9.0]].map(|row| trees.predict(&row)), [1.0, 10.0, 20.0]);
        assert_eq!(trees.explain(&[9.0, 9.0]), (vec![5.0, 7.0], 8.0));
        assert_eq!(trees.gains(2), [0.25, 0.75]);
    }

    #[test]
    fn trees_without_an_end_are_refused() {
        let save = |trees: &Trees| trees.tensors(Tensors::new(NAME, Options::default()));
        assert_eq!(Trees::load(&save(&small()), 2).unwrap(), small());
        assert!(Trees::load(&save(&small()), 1).is_err(), "a feature that nobody has");
        let circle = Trees { left: vec![1, 0, 2, 0, 0], ..small() };
        assert!(matches!(Trees::load(&save(&circle), 2), Err(Error::Artifact(_))));
    }

    #[test]
    fn lists_teach_their_order() {
        let (n_lists, size) = (40, 10);
        let at = |i: usize| [(i * 7 % 10) as f32, (i * 3 % 11) as f32];
        let lists = Lists {
            n_features: 2,
            rows: (0..n_lists * size).flat_map(at).collect(),
            labels: (0..n_lists * size).map(|i| if at(i)[0] >= 8.0 { 1.0 } else { 0.0 }).collect(),
            margins: vec![0.0; n_lists * size],
            sizes: vec![size; n_lists],
        };
        let options = crate::catalogue::find(NAME).unwrap().options(&[("trees", "20")]).unwrap();
        let trees = Trees::grow(&lists, &options, 10, &FitContext::quiet(1)).unwrap();
        assert_eq!(trees.len(), 20);
        assert!(trees.predict(&[8.0, 5.0]) > trees.predict(&[7.0, 5.0]) + 1.0);
        assert!(trees.gains(2)[0] > 0.9, "{:?}", trees.gains(2));
        let mut fewer = trees.clone();
        fewer.truncate(3);
        assert_eq!(fewer.predict(&[8.0, 5.0]), (0..3).map(|t| trees.predict_one(t, &[8.0, 5.0])).sum::<f32>());
    }
}
