//! Finding a model for data that nobody has looked at, within a time: defaults of every model that suits the data, tuning of
//! the promising ones, a blend of the best. All on validation cases; a test part is for whoever reports the winner.
//!
//! What comes later, after what is cheaper or has had less tuning, wins only if it is better beyond noise: the highest of
//! many figures on the same cases is partly luck.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use models::catalogue::{self, ModelSpec, Suits};
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::evaluate::{EvaluateError, Run, run};
use crate::metrics::{N_RESAMPLES, paired};
use crate::split::{Part, Split, SplitSpec, split};
use crate::tune::{self, Limits, Metric, Outcome, Parallel, Search, TuneError, TuneSpec, Watch};

/// What the command line and a recipe call it; it is no model of the catalogue, for it takes time and splits.
pub const NAME: &str = "auto";

#[derive(Debug, Clone, Copy)]
pub struct AutoSpec<'a> {
    pub budget: Duration,
    pub metric: Metric,
    pub seed: u64,
    /// `("ials.half_life_days", "60")`: what every fit of that model begins with, in place of the declared default.
    pub options: &'a [(String, String)],
}

impl AutoSpec<'_> {
    fn options_of(&self, model: &str) -> Vec<(String, String)> {
        let own = self.options.iter().filter_map(|(key, value)| {
            let (of, key) = key.split_once('.')?;
            (of == model).then(|| (key.to_owned(), value.clone()))
        });
        own.collect()
    }
}

/// One thing that was tried, and what it came to on validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    pub stage: Stage,
    pub model: String,
    /// Options that differ from the declared defaults.
    pub options: Vec<(String, String)>,
    /// `None` when it failed or its time was up; then the note says so.
    pub value: Option<f64>,
    pub seconds: f64,
    /// Trials behind the figure.
    pub n_trials: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Defaults,
    Tuned,
    Blend,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Defaults => "defaults",
            Self::Tuned => "tuned",
            Self::Blend => "blend",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AutoError {
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    #[error(transparent)]
    Tune(#[from] TuneError),
    #[error("no model was fitted and judged within {budget:?}; give a longer budget")]
    OutOfTime { budget: Duration },
}

/// The winner judged on the test part, and how it came to be the winner.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoRun {
    pub run: Run,
    pub winner: Tried,
    pub tried: Vec<Tried>,
}

/// What a dataset has for models that can't do without.
pub fn suits(dataset: &Dataset) -> Suits {
    Suits {
        time: dataset.has_time,
        sessions: dataset.format == "sessions",
        ratings: dataset.ratings.is_some(),
        // Who needs orders speaks for carts, and what is chosen here speaks for users.
        orders: false,
        n_items_max: dataset.n_items,
    }
}

/// Chooses on the validation part of the split, then fits and judges the winner on the test part, once.
///
/// # Errors
/// Of the split, or when the budget is too short for any model.
pub fn evaluate(
    dataset: &Dataset,
    split_spec: &SplitSpec,
    spec: AutoSpec<'_>,
    ks: &[usize],
    context: &models::FitContext<'_>,
    watch: &(dyn Fn(Event<'_>) + Sync),
) -> Result<AutoRun, AutoError> {
    let validation = SplitSpec { part: Part::Validation, ..split_spec.clone() };
    let folds = validation.folds().iter().map(|fold| split(dataset, fold, spec.seed)).collect::<Result<Vec<_>, _>>();
    let choice = choose(&folds.map_err(EvaluateError::from)?, &suits(dataset), spec, context.cancelled, watch)?;
    let winner = choice.winner().ok_or(AutoError::OutOfTime { budget: spec.budget })?.clone();
    let run = run(dataset, split_spec, &winner.model, &winner.options, ks, context)?;
    Ok(AutoRun { run, winner, tried: choice.tried })
}

/// What was tried, in that order, and what won.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub tried: Vec<Tried>,
    winner: Option<usize>,
}

impl Choice {
    /// `None` when there was time for nothing.
    pub fn winner(&self) -> Option<&Tried> {
        self.winner.map(|at| &self.tried[at])
    }
}

/// Each that is better than the winner so far takes its place if the 95 % interval of the paired difference is above 0.
fn winner(tried: &[(Tried, Vec<f64>)], seed: u64) -> Option<usize> {
    let judged = (0..tried.len()).filter(|&at| tried[at].0.value.is_some());
    judged.reduce(|so_far, next| {
        let ((before, cases_before), (after, cases_after)) = (&tried[so_far], &tried[next]);
        let is_better =
            after.value > before.value && paired(cases_before, cases_after, N_RESAMPLES, seed).ci95[0] > 0.0;
        if is_better { next } else { so_far }
    })
}

/// What a watcher hears of.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A step of a fit.
    Fit(models::Progress),
    Tried(&'a Tried),
}

/// Shares of the budget at which the defaults and the tuning are over, and what one model may take of it with defaults.
const DEFAULTS_UNTIL: f64 = 0.5;
const TUNING_UNTIL: f64 = 0.8;
const ONE_MODEL: f64 = 0.25;
/// Models that are tuned, at most, and the share of the best one's value from which on they are promising.
const N_PROMISING: usize = 3;
const PROMISING: f64 = 0.85;
/// Trials of one tuning: more than a budget of hours would use.
const N_TRIALS_MAX: usize = 500;
/// Sources of a blend, at most.
const N_SOURCES_MAX: usize = 4;

/// Tries within the budget, cheap models first, and says what won.
///
/// # Errors
/// Of the options that the catalogue declares; what fails on the data is an outcome.
pub fn choose(
    splits: &[Split],
    has: &Suits,
    spec: AutoSpec<'_>,
    cancelled: &AtomicBool,
    watch: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Choice, AutoError> {
    let start = Instant::now();
    let mut trying = Trying { splits, spec, start, cancelled, watch, tried: Vec::new() };
    for model in family(has) {
        trying.with_defaults(model)?;
    }
    let promising = trying.promising();
    for (position, model) in promising.iter().enumerate() {
        trying.tuned(model, promising.len() - position)?;
    }
    trying.blends()?;
    let winner = winner(&trying.tried, spec.seed);
    Ok(Choice { tried: trying.tried.into_iter().map(|(tried, _)| tried).collect(), winner })
}

/// The models that suit the data, cheap ones first, so that a small budget is not spent before they had their turn.
fn family(has: &Suits) -> Vec<&'static ModelSpec> {
    let mut models: Vec<&ModelSpec> =
        catalogue::MODELS.iter().filter(|model| !model.takes_source_options && model.suits.fits(has)).collect();
    models.sort_by_key(|model| model.cost);
    models
}

struct Trying<'a> {
    splits: &'a [Split],
    spec: AutoSpec<'a>,
    start: Instant,
    cancelled: &'a AtomicBool,
    watch: &'a (dyn Fn(Event<'_>) + Sync),
    /// With the metric of each case, to compare by.
    tried: Vec<(Tried, Vec<f64>)>,
}

impl Trying<'_> {
    fn at(&self, share: f64) -> Instant {
        self.start + self.spec.budget.mul_f64(share)
    }

    fn limits(&self, deadline: Instant) -> Limits<'_> {
        Limits { deadline: Some(deadline), cancelled: self.cancelled }
    }

    fn add(&mut self, tried: Tried, cases: Vec<f64>) {
        (self.watch)(Event::Tried(&tried));
        self.tried.push((tried, cases));
    }

    fn with_defaults(&mut self, model: &ModelSpec) -> Result<(), AutoError> {
        let deadline = self.at(DEFAULTS_UNTIL).min(Instant::now() + self.spec.budget.mul_f64(ONE_MODEL));
        self.once(Stage::Defaults, model.name, self.spec.options_of(model.name), deadline)
    }

    /// Fits and judges one set of options, unless the time for it is up.
    fn once(
        &mut self,
        stage: Stage,
        model: &str,
        options: Vec<(String, String)>,
        deadline: Instant,
    ) -> Result<(), AutoError> {
        let started = Instant::now();
        let on_fit = |watched: Watch<'_>| {
            if let Watch::Fit(progress) = watched {
                (self.watch)(Event::Fit(progress));
            }
        };
        let task = TuneSpec { fixed: options.clone(), ..self.task(model) };
        let judged = tune::assess(self.splits, &task, self.limits(deadline), &on_fit)?;
        let (outcome, cases) = judged.map(|judged| (judged.trial.outcome, judged.cases)).unzip();
        let (value, note) = match outcome {
            Some(Outcome::Complete { value } | Outcome::Pruned { value }) => (Some(value), None),
            Some(Outcome::Failed { error }) => (None, Some(error)),
            None => (None, Some("its time was up".to_owned())),
        };
        let seconds = started.elapsed().as_secs_f64();
        let tried = Tried { stage, model: model.to_owned(), options, value, seconds, n_trials: 1, note };
        self.add(tried, cases.unwrap_or_default());
        Ok(())
    }

    fn task(&self, model: &str) -> TuneSpec {
        TuneSpec {
            model: model.to_owned(),
            fixed: self.spec.options_of(model),
            search: Search::Tpe,
            n_trials: N_TRIALS_MAX,
            parallel: Parallel::ONE,
            metric: self.spec.metric,
            seed: self.spec.seed,
        }
    }

    /// The best figure of each model, best model first.
    fn best_of_each(&self) -> Vec<&Tried> {
        let mut best: Vec<&Tried> = Vec::new();
        for (tried, _) in self.tried.iter().filter(|(tried, _)| tried.value.is_some()) {
            match best.iter_mut().find(|other| other.model == tried.model) {
                Some(other) if tried.value > other.value => *other = tried,
                Some(_) => {}
                None => best.push(tried),
            }
        }
        best.sort_by(|a, b| b.value.unwrap_or(0.0).total_cmp(&a.value.unwrap_or(0.0)));
        best
    }

    fn promising(&self) -> Vec<String> {
        let best = self.best_of_each();
        let floor = best.first().and_then(|best| best.value).unwrap_or(0.0) * PROMISING;
        let near = best.iter().filter(|tried| tried.value.is_some_and(|value| value >= floor));
        near.take(N_PROMISING).map(|tried| tried.model.clone()).collect()
    }

    /// Tunes one model within its part of the time that is left for tuning.
    fn tuned(&mut self, model: &str, n_left: usize) -> Result<(), AutoError> {
        let started = Instant::now();
        let time = self.at(TUNING_UNTIL).saturating_duration_since(started) / u32::try_from(n_left).unwrap_or(u32::MAX);
        let on_fit = |watched: Watch<'_>| {
            if let Watch::Fit(progress) = watched {
                (self.watch)(Event::Fit(progress));
            }
        };
        let limits = self.limits(started + time);
        let tuned = match tune::tune(self.splits, &self.task(model), None, limits, &on_fit) {
            Ok(tuned) => tuned,
            Err(TuneError::NothingToSearch { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // The first trial is the defaults once more: without a second one there is nothing new to tell.
        if tuned.trials.len() > 1
            && let Some((best, value)) = tuned.best()
        {
            let options = self.spec.options_of(model).into_iter().chain(best.options.clone()).collect();
            let (seconds, n_trials) = (started.elapsed().as_secs_f64(), tuned.trials.len());
            let (stage, model, value) = (Stage::Tuned, model.to_owned(), Some(value));
            self.add(Tried { stage, model, options, value, seconds, n_trials, note: None }, tuned.best_cases);
        }
        Ok(())
    }

    /// The best two, three and four models together, as tuned, then all of them by trees, while there is time.
    fn blends(&mut self) -> Result<(), AutoError> {
        let Some(hybrid) = catalogue::MODELS.iter().find(|model| model.takes_source_options) else { return Ok(()) };
        let is_source = |tried: &&Tried| hybrid.options(&[("sources", &tried.model)]).is_ok();
        let sources: Vec<Tried> =
            self.best_of_each().into_iter().filter(is_source).take(N_SOURCES_MAX).cloned().collect();
        let weighted = (2..=sources.len()).map(|n| (n, "weighted"));
        let learned = (sources.len() > 1).then_some((sources.len(), "learned"));
        for (n, blend) in weighted.chain(learned) {
            let names: Vec<&str> = sources[..n].iter().map(|source| source.model.as_str()).collect();
            let own = [("sources", names.join(",")), ("blend", blend.to_owned())];
            let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
            let own = self.spec.options_of(hybrid.name).into_iter().chain(own);
            let of_sources = sources[..n].iter().flat_map(|source| {
                source.options.iter().map(|(key, value)| (format!("{}.{key}", source.model), value.clone()))
            });
            if self.limits(self.at(1.0)).is_over() {
                break;
            }
            self.once(Stage::Blend, hybrid.name, own.chain(of_sources).collect(), self.at(1.0))?;
        }
        Ok(())
    }
}

/// `90s`, `10m` or `2h`.
///
/// # Errors
/// What was got and what is wanted.
pub fn budget(text: &str) -> Result<Duration, String> {
    let wanted = || format!("got `{text}`, wanted a time such as 90s, 10m or 2h");
    let unit_at = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at)).ok_or_else(wanted)?;
    let seconds = match &text[unit_at..] {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wanted()),
    };
    let number: f64 = text[..unit_at].parse().map_err(|_| wanted())?;
    Duration::try_from_secs_f64(number * seconds).ok().filter(|budget| !budget.is_zero()).ok_or_else(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::tests::split as toy;

    static NEVER: AtomicBool = AtomicBool::new(false);

    fn spec(budget: Duration) -> AutoSpec<'static> {
        AutoSpec { budget, metric: Metric::NDCG_20, seed: 1, options: &[] }
    }

    #[test]
    fn budgets_have_a_unit() {
        assert_eq!(budget("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(budget("1.5m").unwrap(), Duration::from_secs(90));
        assert_eq!(budget("2h").unwrap(), Duration::from_secs(7200));
        for wrong in ["", "m", "10", "-1m", "0s", "10 d", "5ñ", "NaNs", "1e300h"] {
            assert!(budget(wrong).unwrap_err().contains("10m"), "{wrong}");
        }
    }

    #[test]
    fn every_suitable_model_is_tried_and_the_best_wins() {
        let has = Suits { n_items_max: 20, ..Suits::ANYTHING };
        let choice = choose(&[toy()], &has, spec(Duration::from_secs(4)), &NEVER, &|_| {}).unwrap();
        let tried = &choice.tried;
        let with_defaults: Vec<&str> =
            tried.iter().filter(|t| t.stage == Stage::Defaults).map(|t| t.model.as_str()).collect();
        assert_eq!(with_defaults, family(&has).iter().map(|m| m.name).collect::<Vec<_>>());
        assert!(!with_defaults.contains(&"trending"), "the toy has no time");
        let winner = choice.winner().unwrap();
        assert!(winner.value > tried[0].value, "two crowds want different products: {winner:?}");
    }

    #[test]
    fn cheap_models_come_first() {
        let has = Suits { n_items_max: 20, ..Suits::ANYTHING };
        let at = |name: &str| family(&has).iter().position(|model| model.name == name);
        let sessions = Suits { sessions: true, ..has };
        let of_sessions = family(&sessions);
        assert!(at("popular") < at("item-knn") && at("ease") < at("fm") && at("markov").is_none());
        let markov = of_sessions.iter().position(|model| model.name == "markov");
        assert!(markov < of_sessions.iter().position(|model| model.name == "ials"), "it only counts");
    }

    #[test]
    fn what_comes_later_wins_only_beyond_noise() {
        let tried = |model: &str, cases: &[f64]| {
            let value = Some(cases.iter().sum::<f64>() / cases.len() as f64);
            let (stage, model) = (Stage::Defaults, model.to_owned());
            (Tried { stage, model, options: vec![], value, seconds: 1.0, n_trials: 1, note: None }, cases.to_vec())
        };
        let simple: Vec<f64> = (0..100).map(|case| f64::from(case % 5) / 5.0).collect();
        let lucky: Vec<f64> = simple.iter().enumerate().map(|(i, x)| x + [0.3, -0.28][i % 2]).collect();
        let better: Vec<f64> = simple.iter().map(|x| x + 0.02).collect();
        assert!(winner(&[], 1).is_none());
        assert_eq!(
            winner(&[tried("item-knn", &simple), tried("neumf", &lucky)], 1),
            Some(0),
            "it is 0.01 ahead by luck"
        );
        assert_eq!(winner(&[tried("item-knn", &simple), tried("ials", &better)], 1), Some(1));
        let failed = (Tried { value: None, ..tried("ease", &simple).0 }, vec![]);
        assert_eq!(winner(&[failed, tried("ials", &simple), tried("neumf", &simple)], 1), Some(1));
    }

    #[test]
    fn without_time_nothing_wins() {
        let has = Suits { n_items_max: 20, ..Suits::ANYTHING };
        let cancelled = AtomicBool::new(true);
        let choice = choose(&[toy()], &has, spec(Duration::from_secs(9)), &cancelled, &|_| {}).unwrap();
        assert!(choice.winner().is_none() && choice.tried.iter().all(|t| t.note.is_some()));
    }
}
