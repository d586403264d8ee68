//! Fits and judges one trial; what falls behind earlier ones is cut short.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use models::catalogue::ModelSpec;
use models::{FitContext, Progress};
use parking_lot::Mutex;

use super::{Limits, Outcome, Point, Rung, Stage, Trial, TuneSpec, Watch};
use crate::evaluate::judge;
use crate::split::Split;

/// Cases that a trial is judged by, at even steps: their interval is narrow enough, and the time better spent.
const CASES_MAX: usize = 10_000;
/// Complete trials before one is cut short.
const N_BEFORE_PRUNING: usize = 5;

pub(super) struct Judging<'a> {
    pub splits: &'a [Split],
    pub model: &'static ModelSpec,
    pub spec: &'a TuneSpec,
    pub limits: Limits<'a>,
}

/// A trial with the metric of each case, fold by fold; none where it was not judged to its end.
pub struct Judged {
    pub trial: Trial,
    pub cases: Vec<f64>,
}

/// Why a fit was stopped, or how far it got.
enum Fold {
    /// The metric of each case.
    Done(Vec<f64>),
    Pruned(f64),
    Failed(models::Error),
    OutOfTime,
}

impl Judging<'_> {
    /// Measured against `past` on the way; `None` when the limits cut it off.
    pub fn trial(
        &self,
        number: usize,
        options: Point,
        past: &[Trial],
        watch: &(dyn Fn(Watch<'_>) + Sync),
    ) -> Option<Judged> {
        let start = Instant::now();
        let rungs = Mutex::new(Vec::new());
        let (mut values, mut cases) = (Vec::new(), Vec::new());
        let mut cut_short = None;
        for (fold, split) in self.splits.iter().enumerate() {
            match self.fold(fold, split, &options, past, &rungs, watch) {
                Fold::Done(of_cases) => {
                    values.push(mean(&of_cases));
                    cases.extend(of_cases);
                }
                Fold::Pruned(value) => cut_short = Some(Outcome::Pruned { value }),
                Fold::Failed(error) => cut_short = Some(Outcome::Failed { error: error.to_string() }),
                Fold::OutOfTime => return None,
            }
            if cut_short.is_some() {
                break;
            }
        }
        if cut_short.is_some() {
            cases.clear();
        }
        let outcome = cut_short.unwrap_or(Outcome::Complete { value: mean(&values) });
        let (rungs, seconds) = (rungs.into_inner(), start.elapsed().as_secs_f64());
        Some(Judged { trial: Trial { number, options, outcome, rungs, seconds }, cases })
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
        let of_cases = |from: usize| -> Vec<f64> {
            let cases: Vec<_> = split.cases.iter().skip(from * stride).step_by(4 * stride).cloned().collect();
            let judged = judge(fitted.as_ref(), &cases, &[self.spec.metric.k]).cases;
            judged.iter().map(|metrics| metrics[self.spec.metric.column]).collect()
        };
        // A quarter of the cases first: what falls behind there need not be ranked for all.
        let mut values = of_cases(0);
        let rung = Rung { fold, at: Stage::Sample, value: mean(&values) };
        rungs.lock().push(rung);
        if let Some(estimate) = falls_behind(rung, past) {
            return Fold::Pruned(estimate);
        }
        (1..4).for_each(|quarter| values.extend(of_cases(quarter)));
        Fold::Done(values)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The median rule: a fit that is below the middle of the earlier trials after the same epoch is cut short. Golovin et
/// al., *Google Vizier* (KDD 2017), §3.2.2. Judging costs less than fitting, and a sample says less than all cases: there
/// only the lowest quarter is.
///
/// Answers what the trial would have come to, if it had gone on as the complete ones did.
pub(super) fn falls_behind(rung: Rung, past: &[Trial]) -> Option<f64> {
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
