//! Finding good options of a model on validation cases: a search proposes, a fit and a ranking judge, a log remembers.
//!
//! Trials run one after the other, for a fit uses all cores and one model is in memory at a time. A trial that falls
//! behind is cut short; a search that is killed goes on from its log. Nothing here sees a test part.

mod importance;
mod log;
mod plot;
mod search;
mod space;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use models::catalogue::{self, ModelSpec};
use models::{FitContext, Progress};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use self::importance::importance;
use self::log::{Question, TrialLog};
pub use self::plot::{PlotError, loss_curves, trials as plot_trials};
pub use self::search::Search;
pub use self::space::Point;
use self::space::Space;
use crate::evaluate::judge;
use crate::metrics;
use crate::split::Split;

/// What to search, and how long.
#[derive(Debug, Clone)]
pub struct TuneSpec {
    pub model: String,
    /// Options that keep their value.
    pub fixed: Vec<(String, String)>,
    pub search: Search,
    pub n_trials: usize,
    pub metric: Metric,
    pub seed: u64,
}

/// When to stop, whatever is still to be tried.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    pub deadline: Option<Instant>,
    pub cancelled: &'a AtomicBool,
}

impl Limits<'_> {
    pub fn is_over(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// A metric of ranked lists at a cut, such as `ndcg@20`; higher is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    column: usize,
    pub k: usize,
}

impl Metric {
    pub const NDCG_20: Self = Self { column: 1, k: 20 };
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", metrics::NAMES[self.column], self.k)
    }
}

impl std::str::FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("got metric `{text}`, wanted NAME@K with a name of {}", metrics::NAMES.join(", "));
        let (name, k) = text.split_once('@').ok_or_else(wanted)?;
        let column = metrics::NAMES.iter().position(|known| *known == name).ok_or_else(wanted)?;
        let k = k.parse().ok().filter(|k| *k > 0).ok_or_else(wanted)?;
        Ok(Self { column, k })
    }
}

/// One set of options and what it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    pub number: usize,
    pub options: Point,
    pub outcome: Outcome,
    /// How good it was on the way, for later trials to be measured against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<Rung>,
    pub seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Complete {
        value: f64,
    },
    /// Cut short because earlier trials were better at the same point; the value is what it would have come to if it had
    /// gone on as they did.
    Pruned {
        value: f64,
    },
    Failed {
        error: String,
    },
}

impl Outcome {
    /// Of trials that were judged to their end.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Complete { value } => Some(*value),
            Self::Pruned { .. } | Self::Failed { .. } => None,
        }
    }
}

/// A point on the way of a trial at which it can be compared with others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    pub fold: usize,
    pub at: Stage,
    pub value: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The model's own validation after an epoch.
    Epoch(usize),
    /// The metric over a sample of the cases.
    Sample,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    AllTrials,
    /// Every combination was tried.
    NothingNew,
    TimeIsUp,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    pub trials: Vec<Trial>,
    /// Of these, as many were read from the log.
    pub n_resumed: usize,
    pub ended: Ended,
    /// Share of the variance of the metric that each option explains by itself, largest first.
    pub importance: Vec<(String, f64)>,
}

impl Tuned {
    /// The best complete trial.
    pub fn best(&self) -> Option<(&Trial, f64)> {
        let complete = self.trials.iter().filter_map(|trial| Some((trial, trial.outcome.value()?)));
        // The first of equals: it is nearer to the defaults.
        complete.fold(None, |best, next| match best {
            Some((_, value)) if value >= next.1 => best,
            _ => Some(next),
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    #[error(transparent)]
    Model(#[from] models::Error),
    #[error("model {model} declares no option to search that is not fixed; its options: {options}")]
    NothingToSearch { model: String, options: String },
    #[error("{}: {source}", path.display())]
    Log { path: PathBuf, source: std::io::Error },
    #[error("{}, line {line}: {detail}", path.display())]
    Trials { path: PathBuf, line: usize, detail: String },
    #[error("{} holds trials of another question ({difference}); choose another folder", path.display())]
    OtherQuestion { path: PathBuf, difference: String },
}

/// Cases that a trial is judged by, at even steps: their interval is narrow enough, and the time better spent.
const CASES_MAX: usize = 10_000;
/// Complete trials before one is cut short.
const N_BEFORE_PRUNING: usize = 5;

/// Searches until the trials, the limits or the combinations are used up. `log` keeps the trials; `watch` hears of each.
///
/// # Errors
/// Of the options and the log. A trial that fails is an outcome, not an error.
pub fn tune(
    splits: &[Split],
    spec: &TuneSpec,
    log: Option<&Path>,
    limits: Limits<'_>,
    watch: &(dyn Fn(Watch<'_>) + Sync),
) -> Result<Tuned, TuneError> {
    let model = catalogue::find(&spec.model)?;
    let fixed = model.options(&spec.fixed)?;
    let has_time = splits.iter().any(|split| split.train.newest_timestamp() > 0);
    let is_fixed = |key: &str| spec.fixed.iter().any(|(fixed, _)| fixed == key);
    let space = Space::new(model, &fixed, is_fixed, has_time);
    if space.dimensions.is_empty() {
        let options = model.options.iter().map(|option| option.key).collect::<Vec<_>>().join(", ");
        return Err(TuneError::NothingToSearch { model: spec.model.clone(), options });
    }
    let (mut log, mut trials) = match log {
        Some(path) => {
            let (log, trials) = TrialLog::open(path, &question(spec, splits))?;
            (Some(log), trials)
        }
        None => (None, Vec::new()),
    };
    let n_resumed = trials.len();
    let judging = Judging { splits, model, spec, limits };
    let ended = loop {
        if trials.len() >= spec.n_trials {
            break Ended::AllTrials;
        }
        if limits.is_over() {
            break over(limits);
        }
        // A trial that failed or was cut short counts as it stood; one without a value as the worst of all.
        let worst = trials.iter().filter_map(standing).fold(0.0, f64::min);
        let past: Vec<(Point, f64)> =
            trials.iter().map(|trial| (trial.options.clone(), standing(trial).unwrap_or(worst))).collect();
        let Some(point) = search::next(spec.search, &space, &past, spec.n_trials, spec.seed) else {
            break Ended::NothingNew;
        };
        let Some(trial) = judging.trial(trials.len(), point, &trials, watch) else { break over(limits) };
        if let Some(log) = &mut log {
            log.append(&trial)?;
        }
        trials.push(trial);
        watch(Watch::Trials(&trials));
    };
    let importance = importance(&space, &trials);
    Ok(Tuned { trials, n_resumed, ended, importance })
}

/// One trial of the fixed options alone; `None` when the limits cut it off.
///
/// # Errors
/// When there is no such model.
pub fn assess(
    splits: &[Split],
    spec: &TuneSpec,
    limits: Limits<'_>,
    watch: &(dyn Fn(Watch<'_>) + Sync),
) -> Result<Option<Trial>, TuneError> {
    let model = catalogue::find(&spec.model)?;
    if limits.is_over() {
        return Ok(None);
    }
    Ok(Judging { splits, model, spec, limits }.trial(0, Point::new(), &[], watch))
}

fn over(limits: Limits<'_>) -> Ended {
    if limits.cancelled.load(Ordering::Relaxed) { Ended::Cancelled } else { Ended::TimeIsUp }
}

fn standing(trial: &Trial) -> Option<f64> {
    match trial.outcome {
        Outcome::Complete { value } | Outcome::Pruned { value } => Some(value),
        Outcome::Failed { .. } => None,
    }
}

/// What a watcher hears of.
#[derive(Debug, Clone, Copy)]
pub enum Watch<'a> {
    /// A step of the fit under way.
    Fit(Progress),
    /// One more trial is done; all of them so far.
    Trials(&'a [Trial]),
}

fn question(spec: &TuneSpec, splits: &[Split]) -> Question {
    Question {
        model: spec.model.clone(),
        metric: spec.metric.to_string(),
        search: spec.search.name().to_owned(),
        fixed: spec.fixed.clone(),
        seed: spec.seed,
        data: splits.iter().map(Split::fingerprint).collect::<Vec<_>>().join(" "),
    }
}

/// Fits and judges one trial.
struct Judging<'a> {
    splits: &'a [Split],
    model: &'static ModelSpec,
    spec: &'a TuneSpec,
    limits: Limits<'a>,
}

/// Why a fit was stopped, or how far it got.
enum Fold {
    Done(f64),
    Pruned(f64),
    Failed(models::Error),
    OutOfTime,
}

impl Judging<'_> {
    /// `None` when the limits cut it off.
    fn trial(
        &self,
        number: usize,
        options: Point,
        past: &[Trial],
        watch: &(dyn Fn(Watch<'_>) + Sync),
    ) -> Option<Trial> {
        let start = Instant::now();
        let rungs = Mutex::new(Vec::new());
        let mut values = Vec::new();
        let mut cut_short = None;
        for (fold, split) in self.splits.iter().enumerate() {
            match self.fold(fold, split, &options, past, &rungs, watch) {
                Fold::Done(value) => values.push(value),
                Fold::Pruned(value) => cut_short = Some(Outcome::Pruned { value }),
                Fold::Failed(error) => cut_short = Some(Outcome::Failed { error: error.to_string() }),
                Fold::OutOfTime => return None,
            }
            if cut_short.is_some() {
                break;
            }
        }
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let outcome = cut_short.unwrap_or(Outcome::Complete { value: mean });
        Some(Trial { number, options, outcome, rungs: rungs.into_inner(), seconds: start.elapsed().as_secs_f64() })
    }

    fn fold(
        &self,
        fold: usize,
        split: &Split,
        options: &Point,
        past: &[Trial],
        rungs: &Mutex<Vec<Rung>>,
        watch: &(dyn Fn(Watch<'_>) + Sync),
    ) -> Fold {
        let pairs: Vec<(&String, &String)> = self.spec.fixed.iter().map(|(k, v)| (k, v)).chain(options).collect();
        let options = match self.model.options(&pairs) {
            Ok(options) => options,
            Err(error) => return Fold::Failed(error),
        };
        let stop = AtomicBool::new(false);
        let pruned_at = Mutex::new(None);
        let on_progress = |progress: Progress| {
            watch(Watch::Fit(progress));
            let validation = progress.loss.and_then(|loss| loss.validation_ndcg);
            if let Some(value) = validation.filter(|_| progress.model == self.model.name) {
                let rung = Rung { fold, at: Stage::Epoch(progress.step), value };
                rungs.lock().push(rung);
                if progress.step * 5 >= progress.n_steps
                    && let Some(estimate) = falls_behind(rung, past)
                {
                    *pruned_at.lock() = Some(estimate);
                    stop.store(true, Ordering::Relaxed);
                }
            }
            if self.limits.is_over() {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let context = FitContext { seed: self.spec.seed, progress: &on_progress, cancelled: &stop };
        let fitted = match self.model.fit(&split.training_data(), &options, &context) {
            Ok(fitted) => fitted,
            Err(models::Error::Cancelled) => {
                let pruned_at = *pruned_at.lock();
                return pruned_at.map_or(Fold::OutOfTime, Fold::Pruned);
            }
            Err(error) => return Fold::Failed(error),
        };
        let stride = split.cases.len().div_ceil(CASES_MAX).max(1);
        let value_of = |from: usize, stride: usize| {
            let cases: Vec<_> = split.cases.iter().skip(from).step_by(stride).cloned().collect();
            let judged = judge(fitted.as_ref(), &cases, &[self.spec.metric.k]).cases;
            (metrics::means(&judged).get(self.spec.metric.column).copied().unwrap_or(0.0), cases.len() as f64)
        };
        // A quarter of the cases first: what falls behind there need not be ranked for all.
        let (sample, n_sample) = value_of(0, stride * 4);
        let rung = Rung { fold, at: Stage::Sample, value: sample };
        rungs.lock().push(rung);
        if let Some(estimate) = falls_behind(rung, past) {
            return Fold::Pruned(estimate);
        }
        let rest = (1..4).map(|quarter| value_of(quarter * stride, stride * 4));
        let (sum, n) = rest.fold((sample * n_sample, n_sample), |(sum, n), (value, m)| (sum + value * m, n + m));
        Fold::Done(sum / n)
    }
}

/// The median rule: a fit that is below the middle of the earlier trials after the same epoch is cut short. Golovin et
/// al., *Google Vizier* (KDD 2017), §3.2.2. Judging costs less than fitting, and a sample says less than all cases: there
/// only the lowest quarter is.
///
/// Answers what the trial would have come to, if it had gone on as the complete ones did.
fn falls_behind(rung: Rung, past: &[Trial]) -> Option<f64> {
    let at_rung = |trial: &Trial| trial.rungs.iter().find(|r| (r.fold, r.at) == (rung.fold, rung.at)).map(|r| r.value);
    let mut values: Vec<f64> = past.iter().filter_map(at_rung).collect();
    values.sort_unstable_by(f64::total_cmp);
    let floor = match rung.at {
        Stage::Epoch(_) => values.get(values.len() / 2)?,
        Stage::Sample => values.get(values.len() / 4)?,
    };
    if values.len() < N_BEFORE_PRUNING || rung.value >= *floor {
        return None;
    }
    let complete = past.iter().filter_map(|trial| Some((at_rung(trial)?, trial.outcome.value()?)));
    let (there, then) = complete.fold((0.0, 0.0), |(there, then), (at, end)| (there + at, then + end));
    Some(if there > 0.0 { rung.value * then / there } else { 0.0 })
}

#[cfg(test)]
pub(crate) mod tests;
