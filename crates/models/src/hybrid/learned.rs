//! LambdaMART over a shortlist: gradient-boosted trees look at what the sources say, at the product, the user and the
//! two together, and correct the blend of one weight per source that they start from.
//!
//! Only the shortlist is looked at. All other products keep the order of the blend, below it.

use std::collections::BTreeMap;

use super::features::{self, ProductFacts};
use super::importance::permutation;
use super::shortlist::{Judged, Shortlist};
use super::sources::shares_of;
use super::trees::{Lists, Trees};
use super::weighted::{self, equal, find_weights};
use super::{NAME, sources};
use crate::validation::HeldOut;
use crate::{Contribution, Error, FitContext, History, Importance, Model, Options, Result, Tensors, TrainingData};

/// What a whole share of a blend counts beside the trees.
const MARGIN: f32 = 10.0;

/// One held-out list in this many judges how many trees are enough, and what each feature is worth; neither trees nor
/// weights learn from it.
const CHECKED: usize = 4;

pub(super) struct Learned {
    pub weights: Vec<f32>,
    trees: Trees,
    products: ProductFacts,
    /// Candidates of each source.
    n_each: usize,
    /// Features × (gain, permutation).
    importance: Vec<[f32; 2]>,
}

/// A list with the features of its candidates.
pub(super) struct Rows {
    pub judged: Judged,
    pub features: Vec<f32>,
    pub margins: Vec<f32>,
}

impl Learned {
    /// Learns from lists that were asked for when the trial sources had been fitted, then takes the products' facts of
    /// all data.
    pub fn fit(
        trial: &[Box<dyn Model>],
        held_out: &HeldOut,
        data: &TrainingData<'_>,
        options: &Options,
        context: &FitContext<'_>,
    ) -> Result<Self> {
        let (n, n_each) = (options.count("n"), options.count("shortlist"));
        let (judged, rows) = point_in_time(trial, held_out, data, n_each);
        let n_learned = judged.len() - judged.len() / CHECKED;
        let to_learn: Vec<&Judged> = judged[..n_learned].iter().collect();
        let weights = find_weights(&to_learn, equal(trial.len()), n);
        let mut lists: Vec<Rows> = judged
            .into_iter()
            .zip(rows)
            .map(|(judged, features)| Rows { margins: margins(&judged.shortlist, &weights), judged, features })
            .collect();
        let check = lists.split_off(n_learned);
        let n_features = features::names(&sources::names(options)).len();
        let mut trees = Trees::grow(&table(&lists, n_features), options, n, context)?;
        trees.truncate(enough(&trees, &check, n_features, n));
        let gains = trees.gains(n_features);
        let permuted = permutation(&trees, &check, n_features, n, context)?;
        Ok(Self {
            weights,
            trees,
            products: ProductFacts::new(data.interactions, data.item_features),
            n_each,
            importance: gains.into_iter().zip(permuted).map(|(gain, drop)| [gain, drop]).collect(),
        })
    }

    /// Shortlist, the margins that the trees start from, and what lifts the lowest of it to the best product outside.
    pub(super) fn ranked(&self, sources: &[Box<dyn Model>], history: &History<'_>) -> Ranked {
        let shares: Vec<Vec<f32>> = sources.iter().map(|source| shares_of(source.as_ref(), history)).collect();
        let mut blend = vec![0.0; shares[0].len()];
        for (shares, weight) in shares.iter().zip(&self.weights) {
            blend.iter_mut().zip(shares).for_each(|(blend, share)| *blend += weight * share);
        }
        let shortlist = Shortlist::new(&shares, history.items, self.n_each, true);
        let n_features = self.importance.len();
        let features = self.products.rows(&shortlist, sources.len(), history);
        let mut scores: Vec<f32> = margins(&shortlist, &self.weights)
            .into_iter()
            .zip(features.chunks_exact(n_features))
            .map(|(margin, row)| margin + self.trees.predict(row))
            .collect();
        let mut is_outside = vec![true; blend.len()];
        shortlist.candidates.iter().for_each(|&item| is_outside[item as usize] = false);
        let outside = blend.iter().zip(&is_outside).filter(|(_, is_outside)| **is_outside).map(|(share, _)| *share);
        let best_outside = outside.fold(f32::NEG_INFINITY, f32::max);
        let lowest = scores.iter().copied().fold(f32::INFINITY, f32::min);
        let lift = if best_outside.is_finite() && lowest.is_finite() { best_outside - lowest } else { 0.0 };
        scores.iter_mut().for_each(|score| *score = (*score + lift).max(best_outside));
        Ranked { shortlist, features, scores, blend, lift }
    }

    pub fn score(&self, sources: &[Box<dyn Model>], history: &History<'_>, scores: &mut [f32]) {
        let ranked = self.ranked(sources, history);
        scores.copy_from_slice(&ranked.blend);
        if weighted::silence_if_silent(scores) {
            return;
        }
        for (&item, &score) in ranked.shortlist.candidates.iter().zip(&ranked.scores) {
            scores[item as usize] = score;
        }
    }

    /// The blend's own contributions; then one for what the trees made of each source, and one of the hybrid itself for
    /// all else: product, user, pair, and what the trees expect of anybody.
    pub fn explain(&self, sources: &[Box<dyn Model>], history: &History<'_>, item: u32) -> Vec<Contribution> {
        let ranked = self.ranked(sources, history);
        let mut contributions = weighted::explain(sources, &self.weights, history, item);
        let Ok(position) = ranked.shortlist.candidates.binary_search(&item) else { return contributions };
        contributions.iter_mut().for_each(|c| c.value *= MARGIN);
        let n_features = self.importance.len();
        let (by_feature, expected) = self.trees.explain(&ranked.features[position * n_features..][..n_features]);
        let mut by_model: BTreeMap<&'static str, f32> = BTreeMap::from([(NAME, expected + ranked.lift)]);
        for (column, value) in by_feature.into_iter().enumerate() {
            let model = features::source_of(column, sources.len()).map_or(NAME, |source| sources[source].name());
            *by_model.entry(model).or_default() += value;
        }
        contributions.extend(by_model.into_iter().map(|(model, value)| Contribution { model, item: None, value }));
        contributions
    }

    /// By what a permutation costs, largest first.
    pub fn importance(&self, options: &Options) -> Vec<Importance> {
        let names = features::names(&sources::names(options));
        let mut list: Vec<Importance> = names
            .into_iter()
            .zip(&self.importance)
            .map(|(feature, &[gain, permutation])| Importance { feature, gain, permutation })
            .collect();
        list.sort_by(|a, b| b.permutation.total_cmp(&a.permutation).then(b.gain.total_cmp(&a.gain)));
        list
    }

    pub fn tensors(&self, tensors: Tensors) -> Tensors {
        let importance = self.importance.iter().flatten().copied().collect();
        let tensors = tensors.with_f32("weights", &[self.weights.len()], self.weights.clone()).with_f32(
            "importance",
            &[self.importance.len(), 2],
            importance,
        );
        self.products.tensors(self.trees.tensors(tensors))
    }

    pub fn load(tensors: &Tensors, options: &Options, n_items: usize) -> Result<Self> {
        let n_features = features::names(&sources::names(options)).len();
        let (_, weights) = tensors.f32("weights", 1)?;
        let (shape, importance) = tensors.f32("importance", 2)?;
        if shape != [n_features, 2] {
            return Err(Error::Artifact(format!("{NAME}: got importance {shape:?}, wanted [{n_features}, 2]")));
        }
        Ok(Self {
            weights: weights.to_vec(),
            trees: Trees::load(tensors, n_features)?,
            products: ProductFacts::load(tensors, n_items)?,
            n_each: options.count("shortlist"),
            importance: importance.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect(),
        })
    }
}

/// A shortlist as the model sees it.
pub(super) struct Ranked {
    pub shortlist: Shortlist,
    features: Vec<f32>,
    /// Of the candidates, with the lift.
    scores: Vec<f32>,
    /// Of all products.
    blend: Vec<f32>,
    lift: f32,
}

/// The held-out lists with the features of their candidates, from what the trial sources and `held_out.train` know.
pub(super) fn point_in_time(
    trial: &[Box<dyn Model>],
    held_out: &HeldOut,
    data: &TrainingData<'_>,
    n_each: usize,
) -> (Vec<Judged>, Vec<Vec<f32>>) {
    let products = ProductFacts::new(&held_out.train, data.item_features);
    Judged::all(trial, held_out, n_each, |shortlist, history| products.rows(shortlist, trial.len(), history))
}

fn margins(shortlist: &Shortlist, weights: &[f32]) -> Vec<f32> {
    shortlist.blend(weights).into_iter().map(|share| MARGIN * share).collect()
}

/// The lists that have something to learn from.
fn table(lists: &[Rows], n_features: usize) -> Lists {
    let teaches = |list: &&Rows| list.judged.is_wanted.contains(&true) && list.judged.is_wanted.contains(&false);
    let lists: Vec<&Rows> = lists.iter().filter(teaches).collect();
    let labels = lists.iter().flat_map(|list| &list.judged.is_wanted).map(|&wanted| f32::from(u8::from(wanted)));
    Lists {
        n_features,
        rows: lists.iter().flat_map(|list| &list.features).copied().collect(),
        labels: labels.collect(),
        margins: lists.iter().flat_map(|list| &list.margins).copied().collect(),
        sizes: lists.iter().map(|list| list.margins.len()).collect(),
    }
}

/// As many trees as are best on lists that they have not seen; none when none helps.
fn enough(trees: &Trees, check: &[Rows], n_features: usize, n: usize) -> usize {
    let mut scores: Vec<Vec<f32>> = check.iter().map(|list| list.margins.clone()).collect();
    let quality = |scores: &[Vec<f32>]| -> f64 {
        check.iter().zip(scores).map(|(list, scores)| list.judged.ndcg(scores, n)).sum()
    };
    let (mut best, mut best_quality) = (0, quality(&scores));
    for tree in 0..trees.len() {
        for (list, scores) in check.iter().zip(&mut scores) {
            for (score, row) in scores.iter_mut().zip(list.features.chunks_exact(n_features)) {
                *score += trees.predict_one(tree, row);
            }
        }
        let quality = quality(&scores);
        if quality > best_quality {
            (best, best_quality) = (tree + 1, quality);
        }
    }
    best
}
