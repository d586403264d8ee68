//! Fit a model on a split and judge its lists: full ranking over all products, never sampled negatives.

use std::collections::BTreeMap;
use std::time::Instant;

use models::rank::top_k;
use models::{FitContext, History, Model, Options, TrainingData, catalogue};
use rayon::prelude::*;
use serde::Serialize;

use crate::dataset::{Dataset, DatasetError};
use crate::split::{Case, Split, SplitSpec, split};
use crate::{metrics, ratings};

/// What `vitrina evaluate` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// `recall@20` and so on; `rmse`, `mae` and `mse` of models that predict ratings. Coverage is the share of all products that got into somebody's list.
    pub metrics: BTreeMap<String, f64>,
    /// 95 % bootstrap intervals over lists, for the metrics that are means over lists.
    pub ci95: BTreeMap<String, [f64; 2]>,
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

/// Resamples of a bootstrap interval.
const N_RESAMPLES: usize = 1000;

/// Splits, fits the model called `model` with `KEY=VALUE` options, ranks, judges.
pub fn evaluate(
    dataset: &Dataset,
    spec: &SplitSpec,
    model: &str,
    options: &[(String, String)],
    ks: &[usize],
    context: &FitContext<'_>,
) -> Result<Report, EvaluateError> {
    if ks.is_empty() || ks.contains(&0) {
        return Err(EvaluateError::NoK);
    }
    let model = catalogue::find(model)?;
    let options = model.options(options)?;
    let split = split(dataset, spec, context.seed)?;
    let start = Instant::now();
    let data =
        TrainingData { ratings: split.ratings.as_ref().map(|rated| &rated.train), ..TrainingData::new(&split.train) };
    let fitted = model.fit(&data, &options, context)?;
    let fit_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let rated = split.ratings.as_ref().filter(|_| fitted.rating(0.0).is_some());
    let judged = judge(fitted.as_ref(), rated.map_or(&split.cases, |rated| &rated.cases), ks);
    let score_seconds = start.elapsed().as_secs_f64();
    let (mut metrics, ci95) = judged.summary(ks, context.seed);
    let errors = rated.and_then(|rated| ratings::errors(fitted.as_ref(), &rated.held_out));
    metrics.extend(errors.into_iter().flat_map(|errors| ratings::NAMES.map(str::to_owned).into_iter().zip(errors)));
    Ok(Report {
        dataset: dataset.name.clone(),
        format: dataset.format.to_owned(),
        model: model.name.to_owned(),
        params: options,
        seed: context.seed,
        n_users: split.cases.len(),
        n_items: dataset.n_items,
        n_train: split.train.n_interactions(),
        n_test: split.cases.iter().map(|case| case.relevant.len()).sum(),
        metrics,
        ci95,
        fit_seconds,
        score_seconds,
        peak_rss_bytes: peak_rss_bytes(),
        split: split_name(split),
    })
}

fn split_name(split: Split) -> String {
    split.name
}

/// Every list's metrics, and which products got into a list.
pub struct Judged {
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
    Judged { cases: judged.collect(), coverage: ks.iter().map(|&k| coverage(&lists, k, n_items)).collect() }
}

fn best(case: &Case, scores: &mut [f32], k: usize) -> Vec<u32> {
    case.excluded.iter().for_each(|&item| scores[item as usize] = f32::NEG_INFINITY);
    top_k(scores, k).into_iter().map(|(item, _)| item).collect()
}

fn coverage(lists: &[Vec<u32>], k: usize, n_items: usize) -> f64 {
    let mut is_shown = vec![false; n_items];
    lists.iter().flat_map(|list| list.iter().take(k)).for_each(|&item| is_shown[item as usize] = true);
    is_shown.iter().filter(|shown| **shown).count() as f64 / n_items as f64
}

impl Judged {
    pub fn summary(&self, ks: &[usize], seed: u64) -> (BTreeMap<String, f64>, BTreeMap<String, [f64; 2]>) {
        let names: Vec<String> = ks.iter().flat_map(|k| metrics::NAMES.map(|name| format!("{name}@{k}"))).collect();
        let mut means: BTreeMap<String, f64> = names.iter().cloned().zip(metrics::means(&self.cases)).collect();
        means.extend(ks.iter().zip(&self.coverage).map(|(k, coverage)| (format!("coverage@{k}"), *coverage)));
        let intervals = metrics::bootstrap_ci95(&self.cases, N_RESAMPLES, seed);
        (means, names.into_iter().zip(intervals.into_iter().map(|(low, high)| [low, high])).collect())
    }
}

fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}
