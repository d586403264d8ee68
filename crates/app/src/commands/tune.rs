//! `vitrina tune`: a search on validation, and one look at the test part.

use std::{
    fs,
    path::Path,
    sync::{Mutex, atomic::AtomicBool},
    time::Instant,
};

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use models::FitContext;
use serde_json::{Value, json};
use train::{
    dataset::Dataset,
    evaluate::{self, Report},
    split::{Part, SplitSpec, split},
    tune::{self, Ended, Limits, Outcome, Trial, TuneSpec, Tuned, Watch},
};

use super::{evaluate::dataset_and_split, interrupt, progress, say, say_json};
use crate::cli::Tune;

pub fn run(args: Tune, as_json: bool) -> anyhow::Result<()> {
    let (dataset, test) = dataset_and_split(&args.protocol)?;
    if let Some(out) = &args.out {
        fs::create_dir_all(out).with_context(|| format!("can't make {}", out.display()))?;
    }
    let cancelled = interrupt::watched()?;
    let limits = Limits { deadline: args.budget.map(|budget| Instant::now() + budget), cancelled };
    let tuned = search(&args, &dataset, &test, limits)?;
    if !as_json {
        say(table(&tuned, &args))?;
    }
    if let Some(out) = &args.out {
        draw(&tuned, &args, &dataset.name, out)?;
    }
    let Some((best, validation)) = tuned.best() else {
        bail!("no trial was judged to its end; {}", advice(&tuned));
    };
    if tuned.ended == Ended::Cancelled {
        bail!("stopped after {} trials, without a look at the test part; the same command goes on", tuned.trials.len());
    }
    let report = judge(&args, &dataset, &test, best, cancelled)?;
    let result = result(&args, &tuned, best, validation, &report);
    if let Some(out) = &args.out {
        let path = out.join("result.json");
        fs::write(&path, serde_json::to_vec_pretty(&result)?)
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    if as_json { say_json(&result) } else { say(summary(&args, &tuned, best, validation, &report)) }
}

fn search(args: &Tune, dataset: &Dataset, test: &SplitSpec, limits: Limits<'_>) -> anyhow::Result<Tuned> {
    let validation = SplitSpec { part: Part::Validation, ..test.clone() };
    let splits =
        validation.folds().iter().map(|fold| split(dataset, fold, args.seed)).collect::<Result<Vec<_>, _>>()?;
    let spec = TuneSpec {
        model: args.model.clone(),
        fixed: args.set.clone(),
        search: args.search,
        n_trials: args.trials,
        parallel: args.parallel,
        metric: args.metric,
        seed: args.seed,
    };
    let bar = progress::bar(args.trials as u64, &format!("tune {}", args.model));
    let best = Mutex::new(String::new());
    let watch = |watched: Watch<'_>| show(&bar, &best, watched);
    let log = args.out.as_ref().map(|out| out.join("trials.jsonl"));
    let tuned = tune::tune(&splits, &spec, log.as_deref(), limits, &watch)?;
    bar.finish_and_clear();
    Ok(tuned)
}

fn show(bar: &ProgressBar, best: &Mutex<String>, watched: Watch<'_>) {
    let mut best = best.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match watched {
        Watch::Fit(p) => bar.set_message(format!("{} {}/{}{best}", p.model, p.step, p.n_steps)),
        Watch::Trials(trials) => {
            let value = trials.iter().filter_map(|trial| trial.outcome.value()).fold(0.0, f64::max);
            *best = format!(", best {value:.4}");
            bar.set_position(trials.len() as u64);
        }
    }
}

fn draw(tuned: &Tuned, args: &Tune, dataset: &str, out: &Path) -> anyhow::Result<()> {
    let path = out.join("trials.svg");
    let title = format!("{} on {dataset}, {} split, validation", args.model, args.protocol.split);
    let picture = tune::plot_trials(tuned, &title, &args.metric.to_string())?;
    fs::write(&path, picture).with_context(|| format!("can't write {}", path.display()))
}

/// The winner, learned from everything before the test part.
fn judge(
    args: &Tune,
    dataset: &Dataset,
    test: &SplitSpec,
    best: &Trial,
    cancelled: &AtomicBool,
) -> anyhow::Result<Report> {
    let bar = progress::FitBar::default();
    let on_progress = |p: models::Progress| bar.show(p);
    let context = FitContext { seed: args.seed, progress: &on_progress, cancelled };
    Ok(evaluate::evaluate(dataset, test, &args.model, &options(args, best), &[args.metric.k], &context)?)
}

fn options(args: &Tune, best: &Trial) -> Vec<(String, String)> {
    args.set.iter().cloned().chain(best.options.clone()).collect()
}

fn advice(tuned: &Tuned) -> String {
    let failed = tuned.trials.iter().find_map(|trial| match &trial.outcome {
        Outcome::Failed { error } => Some(error.clone()),
        _ => None,
    });
    failed.unwrap_or_else(|| "give it more time with --budget".to_owned())
}

/// All trials in order; the best is marked.
fn table(tuned: &Tuned, args: &Tune) -> String {
    let best = tuned.best().map(|(trial, _)| trial.number);
    let rows = tuned.trials.iter().map(|trial| {
        let mark = if Some(trial.number) == best { '*' } else { ' ' };
        let outcome = match &trial.outcome {
            Outcome::Complete { value } => format!(" {value:.4}"),
            Outcome::Pruned { value } => format!("~{value:.4} cut short"),
            Outcome::Failed { error } => format!("failed: {error}"),
        };
        let options: String = trial.options.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        format!("{mark}{:>4}  {outcome:<18} {:>7.1} s {options}\n", trial.number + 1, trial.seconds)
    });
    format!("trial  {} on validation\n{}", args.metric, rows.collect::<String>()).trim_end().to_owned()
}

fn ended(tuned: &Tuned) -> &'static str {
    match tuned.ended {
        Ended::AllTrials => "all trials are done",
        Ended::NothingNew => "every combination was tried",
        Ended::TimeIsUp => "the time was up",
        Ended::Cancelled => "it was stopped",
    }
}

fn summary(args: &Tune, tuned: &Tuned, best: &Trial, validation: f64, report: &Report) -> String {
    let metric = args.metric.to_string();
    let defaults = tuned.trials.first().and_then(|trial| trial.outcome.value());
    let defaults = defaults.map(|value| format!(" (declared defaults: {value:.4})")).unwrap_or_default();
    let [low, high] = report.ci95.get(&metric).copied().unwrap_or([f64::NAN; 2]);
    let importance: String =
        tuned.importance.iter().map(|(key, share)| format!("\n    {key:<28} {:>3.0} %", 100.0 * share)).collect();
    let importance = if importance.is_empty() {
        String::new()
    } else {
        format!("\n  explains of the variance by itself:{importance}")
    };
    let set: String = options(args, best).iter().map(|(key, value)| format!(" --set {key}={value}")).collect();
    format!(
        "\n{} trials, {} of them read from the log; {}{importance}\n  options:{set}\n  validation {metric}  {validation:.4}{defaults}\n  test       {metric}  {:.4} [{low:.4}, {high:.4}], looked at once",
        tuned.trials.len(),
        tuned.n_resumed,
        ended(tuned),
        report.metrics.get(&metric).copied().unwrap_or(f64::NAN),
    )
}

fn result(args: &Tune, tuned: &Tuned, best: &Trial, validation: f64, report: &Report) -> Value {
    json!({
        "model": args.model,
        "metric": args.metric.to_string(),
        "search": args.search.name(),
        "ended": ended(tuned),
        "n_resumed": tuned.n_resumed,
        "trials": tuned.trials,
        "importance": tuned.importance,
        "best": { "trial": best.number, "options": options(args, best), "validation": validation },
        "test": report,
    })
}
