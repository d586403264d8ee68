//! Finding good options of a model on validation cases: a search proposes, a fit and a ranking judge, a log remembers.
//!
//! Trials run one after the other, for a fit uses all cores and one model is in memory at a time, unless some are asked to
//! run side by side. A trial that falls behind is cut short; a search that is killed goes on from its log. Nothing here
//! sees a test part.

mod importance;
mod judging;
mod log;
mod plot;
mod run;
mod search;
mod space;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use models::{Progress, catalogue};
use serde::{Deserialize, Serialize};

use self::importance::importance;
pub use self::judging::Judged;
use self::judging::Judging;
use self::log::{Question, TrialLog};
pub use self::plot::{PlotError, loss_curves, trials as plot_trials};
use self::run::Run;
pub use self::search::Search;
pub use self::space::Point;
use self::space::Space;
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
    pub parallel: Parallel,
    pub metric: Metric,
    pub seed: u64,
}

/// How many trials run side by side. They share the cores, and all have the data but none the other's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parallel {
    Trials(NonZeroUsize),
    /// As many as there are cores, and as memory allows by what one trial took.
    Auto,
}

impl Parallel {
    pub const ONE: Self = Self::Trials(NonZeroUsize::MIN);
}

impl std::str::FromStr for Parallel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            n => {
                n.parse().map(Self::Trials).map_err(|_| format!("got `{n}`, wanted a whole number from 1 on, or auto"))
            }
        }
    }
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
    /// The metric of each case in the best of them; empty when the log knew that one.
    pub best_cases: Vec<f64>,
    /// Of these, as many were read from the log.
    pub n_resumed: usize,
    pub ended: Ended,
    /// Share of the variance of the metric that each option explains by itself, largest first.
    pub importance: Vec<(String, f64)>,
}

impl Tuned {
    /// The best complete trial.
    pub fn best(&self) -> Option<(&Trial, f64)> {
        best(self.trials.iter())
    }
}

/// The best complete trial; the first of equals, which is nearer to the defaults.
fn best<'a>(trials: impl Iterator<Item = &'a Trial>) -> Option<(&'a Trial, f64)> {
    trials.filter_map(|trial| Some((trial, trial.outcome.value()?))).fold(None, |best, next| match best {
        Some((_, value)) if value >= next.1 => best,
        _ => Some(next),
    })
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
    #[error("can't start the threads of a trial: {0}")]
    Threads(rayon::ThreadPoolBuildError),
}

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
    let (log, trials) = match log {
        Some(path) => {
            let (log, trials) = TrialLog::open(path, &question(spec, splits))?;
            (Some(log), trials)
        }
        None => (None, Vec::new()),
    };
    let n_resumed = trials.len();
    let judging = Judging { splits, model, spec, limits };
    let mut run = Run::new(&judging, &space, log, trials, watch);
    let ended = run.finish()?;
    let (trials, best_cases) = run.into_outcome();
    let importance = importance(&space, &trials);
    Ok(Tuned { trials, best_cases, n_resumed, ended, importance })
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
) -> Result<Option<Judged>, TuneError> {
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

#[cfg(test)]
pub(crate) mod tests;
