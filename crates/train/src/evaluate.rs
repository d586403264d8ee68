//! Fit a model on a split and judge its lists: full ranking over all products, never sampled negatives.

use std::collections::BTreeMap;
use std::time::Instant;

use models::rank::top_k;
use models::{FitContext, History, Model, Options, catalogue};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::beyond::{Crowd, coverage, exposures};
use crate::dataset::{Dataset, DatasetError};
use crate::groups::{self, AgeCounts, ProductAge, UserGroup};
use crate::split::{Case, Split, SplitSpec, split};
use crate::{memory, metrics, ratings};

/// What `vitrina evaluate` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub dataset: String,
    pub format: String,
    pub split: String,
    pub model: String,
    pub params: Options,
    pub seed: u64,
    /// Lists judged: users, or prefixes of sessions.
    pub n_users: usize,
    pub n_items: usize,
    pub n_train: usize,
    /// Relevant products over all lists.
    pub n_test: usize,
    /// `recall@20` and so on, means over the lists; the qualities of [`Crowd`], `novelty@20` and so on; `rmse`, `mae` and
    /// `mse` of models that predict ratings. With several folds, means over them.
    pub metrics: BTreeMap<String, f64>,
    /// 95 % bootstrap intervals over lists, for the metrics that are means over lists.
    pub ci95: BTreeMap<String, [f64; 2]>,
    pub by_user_group: Vec<UserGroup>,
    /// Empty where the data has no time.
    pub by_product_age: Vec<ProductAge>,
    /// With several folds or windows: the standard deviation of each metric over them, and their own metrics.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spread: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<BTreeMap<String, f64>>,
    pub fit_seconds: f64,
    pub score_seconds: f64,
    /// Most memory the process has held so far; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Model(#[from] models::Error),
    #[error("got no list length, wanted at least one k > 0")]
    NoK,
}

/// Splits, fits the model called `model` with `KEY=VALUE` options, ranks, judges.
pub fn evaluate(
    dataset: &Dataset,
    spec: &SplitSpec,
    model: &str,
    options: &[(String, String)],
    ks: &[usize],
    context: &FitContext<'_>,
) -> Result<Report, EvaluateError> {
    Ok(run(dataset, spec, model, options, ks, context)?.report)
}

/// Like [`evaluate`], with what each list came to.
pub fn run(
    dataset: &Dataset,
    spec: &SplitSpec,
    model: &str,
    options: &[(String, String)],
    ks: &[usize],
    context: &FitContext<'_>,
) -> Result<Run, EvaluateError> {
    if ks.is_empty() || ks.contains(&0) {
        return Err(EvaluateError::NoK);
    }
    let model = catalogue::find(model)?;
    let options = model.options(options)?;
    let mut folds = Folds::new(ks);
    for fold in spec.folds() {
        let split = split(dataset, &fold, context.seed)?;
        let start = Instant::now();
        let fitted = model.fit(&split.training_data(), &options, context)?;
        folds.fit_seconds += start.elapsed().as_secs_f64();
        folds.add(fitted.as_ref(), &split, dataset.has_time);
    }
    let (metrics, spread) = folds.means();
    let ci95 = metrics::bootstrap_ci95(&folds.cases.values, metrics::N_RESAMPLES, context.seed);
    let report = Report {
        dataset: dataset.name.clone(),
        format: dataset.format.to_owned(),
        split: spec.name(),
        model: model.name.to_owned(),
        params: options,
        seed: context.seed,
        n_users: folds.cases.values.len(),
        n_items: dataset.n_items,
        n_train: folds.n_train / folds.metrics.len(),
        n_test: folds.cases.n_relevant.iter().sum(),
        metrics,
        ci95: folds.cases.names.iter().cloned().zip(ci95.into_iter().map(|(low, high)| [low, high])).collect(),
        by_user_group: groups::by_user_group(&folds.cases.n_history, &folds.cases.names, &folds.cases.values),
        by_product_age: folds.ages.finish(ks),
        spread,
        folds: if folds.metrics.len() > 1 { folds.metrics } else { Vec::new() },
        fit_seconds: folds.fit_seconds,
        score_seconds: folds.score_seconds,
        peak_rss_bytes: memory::peak().unwrap_or(0),
    };
    Ok(Run { report, cases: folds.cases })
}

/// A report, and what each list came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub report: Report,
    pub cases: CaseTable,
}

/// The metrics of each list, with what tells the lists of two models to be of the same cases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CaseTable {
    /// `recall@10` and so on: the columns of `values`.
    pub names: Vec<String>,
    pub values: Vec<Vec<f64>>,
    pub n_history: Vec<usize>,
    pub n_relevant: Vec<usize>,
    /// Of what was learned from and what was asked, fold by fold.
    pub fingerprint: String,
}

/// What adds up over the folds of a split, of which there mostly is one.
struct Folds<'a> {
    ks: &'a [usize],
    /// Of each fold.
    metrics: Vec<BTreeMap<String, f64>>,
    cases: CaseTable,
    ages: AgeCounts,
    n_train: usize,
    fit_seconds: f64,
    score_seconds: f64,
}

impl<'a> Folds<'a> {
    fn new(ks: &'a [usize]) -> Self {
        Self {
            ks,
            metrics: Vec::new(),
            cases: CaseTable { names: names(ks), ..CaseTable::default() },
            ages: AgeCounts::default(),
            n_train: 0,
            fit_seconds: 0.0,
            score_seconds: 0.0,
        }
    }

    fn add(&mut self, model: &dyn Model, split: &Split, has_time: bool) {
        let start = Instant::now();
        let rated = split.ratings.as_ref().filter(|_| model.rating(0.0).is_some());
        let judged = judge(model, rated.map_or(&split.cases, |rated| &rated.cases), self.ks);
        self.score_seconds += start.elapsed().as_secs_f64();
        if has_time {
            self.ages.add(&split.train, &split.cases, &judged.lists, self.ks);
        }
        let mut metrics: BTreeMap<String, f64> =
            names(self.ks).into_iter().zip(metrics::means(&judged.cases)).collect();
        let crowd = Crowd::new(&split.train);
        for &k in self.ks {
            let qualities = crowd.qualities(&split.cases, &judged.lists, k);
            metrics.extend(qualities.into_iter().map(|(name, value)| (format!("{name}@{k}"), value)));
        }
        let errors = rated.and_then(|rated| ratings::errors(model, &rated.held_out));
        metrics
            .extend(ratings::NAMES.into_iter().zip(errors.into_iter().flatten()).map(|(name, e)| (name.to_owned(), e)));
        self.metrics.push(metrics);
        self.n_train += split.train.n_interactions();
        self.cases.add(split, judged.cases);
    }

    /// Means over the folds, and their standard deviations where there are several.
    fn means(&self) -> (BTreeMap<String, f64>, BTreeMap<String, f64>) {
        let n = self.metrics.len() as f64;
        let (mut means, mut spread) = (BTreeMap::new(), BTreeMap::new());
        for name in self.metrics.first().map(BTreeMap::keys).into_iter().flatten() {
            let mean = self.metrics.iter().map(|fold| fold[name]).sum::<f64>() / n;
            let squares: f64 = self.metrics.iter().map(|fold| (fold[name] - mean).powi(2)).sum();
            means.insert(name.clone(), mean);
            if n > 1.0 {
                spread.insert(name.clone(), (squares / (n - 1.0)).sqrt());
            }
        }
        (means, spread)
    }
}

impl CaseTable {
    fn add(&mut self, split: &Split, values: Vec<Vec<f64>>) {
        self.fingerprint += &split.fingerprint();
        self.values.extend(values);
        self.n_history.extend(split.cases.iter().map(|case| case.history.len()));
        self.n_relevant.extend(split.cases.iter().map(|case| case.relevant.len()));
    }
}

/// `recall@10, …, f1@10, recall@20, …`: the columns of [`Judged::cases`].
fn names(ks: &[usize]) -> Vec<String> {
    ks.iter().flat_map(|k| metrics::NAMES.map(|name| format!("{name}@{k}"))).collect()
}

/// Every list, its metrics, and which products got into a list.
pub struct Judged {
    /// The products of each case's list, best first, as many as the largest k.
    pub lists: Vec<Vec<u32>>,
    /// A row per case: the metrics of the first k, then of the second, …
    pub cases: Vec<Vec<f64>>,
    /// For each k, the share of products recommended at least once.
    pub coverage: Vec<f64>,
}

/// Cases ranked together: enough for the batch kernels, few enough for the scores to stay in the cache.
const BATCH: usize = 16;

/// Ranks all products for each case, without the excluded ones, and compares with what was relevant.
pub fn judge(model: &dyn Model, cases: &[Case], ks: &[usize]) -> Judged {
    let n_items = model.n_items();
    let k_max = ks.iter().copied().max().unwrap_or(0);
    let lists: Vec<Vec<u32>> = cases
        .par_chunks(BATCH)
        .map_init(
            || vec![0.0f32; BATCH * n_items],
            |scores, batch| {
                let scores = &mut scores[..batch.len() * n_items];
                let histories: Vec<History<'_>> =
                    batch.iter().map(|c| History { items: &c.history, now: c.now }).collect();
                model.score_batch(&histories, scores);
                batch
                    .iter()
                    .zip(scores.chunks_exact_mut(n_items))
                    .map(|(case, scores)| best(case, scores, k_max))
                    .collect::<Vec<_>>()
            },
        )
        .flatten_iter()
        .collect();
    let judged = cases.par_iter().zip(&lists).map(|(case, list)| {
        let is_hit: Vec<bool> = list.iter().map(|item| case.relevant.binary_search(item).is_ok()).collect();
        ks.iter().flat_map(|&k| metrics::at_k(&is_hit, k, case.relevant.len())).collect()
    });
    let cases = judged.collect();
    let coverage = ks.iter().map(|&k| coverage(&exposures(&lists, k, n_items))).collect();
    Judged { cases, coverage, lists }
}

fn best(case: &Case, scores: &mut [f32], k: usize) -> Vec<u32> {
    case.excluded.iter().for_each(|&item| scores[item as usize] = f32::NEG_INFINITY);
    top_k(scores, k).into_iter().map(|(item, _)| item).collect()
}

impl Judged {
    pub fn summary(&self, ks: &[usize], seed: u64) -> (BTreeMap<String, f64>, BTreeMap<String, [f64; 2]>) {
        let names = names(ks);
        let mut means: BTreeMap<String, f64> = names.iter().cloned().zip(metrics::means(&self.cases)).collect();
        means.extend(ks.iter().zip(&self.coverage).map(|(k, coverage)| (format!("coverage@{k}"), *coverage)));
        let intervals = metrics::bootstrap_ci95(&self.cases, metrics::N_RESAMPLES, seed);
        (means, names.into_iter().zip(intervals.into_iter().map(|(low, high)| [low, high])).collect())
    }
}
