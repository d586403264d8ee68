//! `vitrina evaluate`: a model on a data set in the field's own format.

use std::{fs, path::Path, sync::atomic::AtomicBool};

use anyhow::{Context, bail};
use collect::{
    Reading,
    formats::{self, Format, Source},
};
use domain::{Currency, Timestamp};
use jiff::tz::TimeZone;
use models::FitContext;
use serde_json::{Value, json};
use train::{
    auto::{self, AutoSpec, Tried},
    dataset::{Dataset, FORMATS, NamedRecord, ReadOptions},
    evaluate::{self, Report, Run},
    runs,
    split::{Exclude, SplitKind, SplitSpec},
};

use super::{
    interrupt,
    progress::{self, FitBar},
    say, say_json,
};
use crate::cli::{Evaluate, Protocol};

pub fn run(args: Evaluate, as_json: bool) -> anyhow::Result<()> {
    let (dataset, spec) = dataset_and_split(&args.protocol)?;
    let judged = if args.model == auto::NAME {
        find_and_measure(&args, &dataset, &spec)?
    } else {
        Judged { run: fit_and_measure(&args, &dataset, &spec)?, auto: None }
    };
    let report = judged.report()?;
    if let Some(path) = &args.report {
        fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    if let Some(path) = &args.runs_out {
        runs::write(&judged.run, path)?;
    }
    let to_stdout = as_json && args.report.is_none();
    if to_stdout { say_json(&report) } else { say(judged.table()) }
}

/// A judged run, and what auto tried to get there.
struct Judged {
    run: Run,
    auto: Option<(Tried, Vec<Tried>)>,
}

impl Judged {
    /// The report; with what auto tried, if it was asked.
    fn report(&self) -> anyhow::Result<Value> {
        let mut report = serde_json::to_value(&self.run.report)?;
        if let Some((winner, tried)) = &self.auto {
            report["auto"] = json!({ "winner": winner, "tried": tried });
        }
        Ok(report)
    }

    fn table(&self) -> String {
        let tried = self.auto.as_ref().map(|(winner, tried)| tried_table(winner, tried)).unwrap_or_default();
        tried + &table(&self.run.report)
    }
}

/// Reads a dataset and says what it holds; the split is the one named, with its test part.
pub(super) fn dataset_and_split(protocol: &Protocol) -> anyhow::Result<(Dataset, SplitSpec)> {
    let kind: SplitKind = protocol.split.parse().map_err(anyhow::Error::msg)?;
    let kind = protocol.folds.map_or(Ok(kind), |n| kind.with_folds(n)).map_err(anyhow::Error::msg)?;
    let kind = protocol.days.map_or(Ok(kind), |n| kind.with_days(n)).map_err(anyhow::Error::msg)?;
    let spinner = progress::spinner(&format!("reading {}", protocol.dataset.display()));
    let dataset = read(&protocol.format, &protocol.dataset)?;
    spinner.finish_with_message(format!(
        "{}: {} users, {} items, {} records",
        dataset.name,
        dataset.n_users,
        dataset.n_items,
        dataset.records.len()
    ));
    let mut spec = SplitSpec { relevant_types: protocol.relevant.clone(), ..SplitSpec::new(kind, &dataset) };
    match protocol.exclude.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {}
        ["nothing"] => spec.exclude = Exclude::Nothing,
        ["seen"] => spec.exclude = Exclude::Seen,
        _ => spec.exclude = Exclude::Types(protocol.exclude.clone()),
    }
    let excluded_types = match &spec.exclude {
        Exclude::Types(types) => types.as_slice(),
        Exclude::Nothing | Exclude::Seen => &[],
    };
    let is_unknown = |name: &&String| !dataset.event_types.contains(name);
    if let Some(unknown) = excluded_types.iter().chain(&spec.relevant_types).find(is_unknown) {
        bail!("got event type {unknown}, wanted one that {} has: {}", dataset.name, dataset.event_types.join(", "));
    }
    Ok((dataset, spec))
}

fn fit_and_measure(args: &Evaluate, dataset: &Dataset, spec: &SplitSpec) -> anyhow::Result<Run> {
    let bar = FitBar::default();
    let on_progress = |p: models::Progress| bar.show(p);
    let never = AtomicBool::new(false);
    let context = FitContext { seed: args.seed, progress: &on_progress, cancelled: &never };
    Ok(evaluate::run(dataset, spec, &args.model, &args.set, &args.k, &context)?)
}

fn find_and_measure(args: &Evaluate, dataset: &Dataset, spec: &SplitSpec) -> anyhow::Result<Judged> {
    if !args.set.is_empty() {
        bail!("auto takes no --set: it chooses the options; name a model to set its options");
    }
    let bar = FitBar::default();
    let on_progress = |p: models::Progress| bar.show(p);
    let context = FitContext { seed: args.seed, progress: &on_progress, cancelled: interrupt::watched()? };
    let auto_spec = AutoSpec { budget: args.budget, metric: args.metric, seed: args.seed, options: &[] };
    let watch = |event: auto::Event<'_>| match event {
        auto::Event::Fit(p) => bar.show(p),
        auto::Event::Tried(tried) => bar.say(&tried_line(tried)),
    };
    let found = auto::evaluate(dataset, spec, auto_spec, &args.k, &context, &watch)?;
    Ok(Judged { run: found.run, auto: Some((found.winner, found.tried)) })
}

fn tried_table(winner: &Tried, tried: &[Tried]) -> String {
    let rows: String = tried.iter().map(|tried| format!("  {}\n", tried_line(tried))).collect();
    let options: String = winner.options.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    format!("tried, by validation:\n{rows}winner: {} ({}){options}\n\ntest:\n", winner.model, winner.stage)
}

fn tried_line(tried: &Tried) -> String {
    let value = tried.value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    let Tried { stage, model, seconds, n_trials, .. } = tried;
    let note = tried.note.as_deref().map(|note| format!("  {note}")).unwrap_or_default();
    let sources = tried.options.iter().find(|(key, _)| key == "sources").map(|(_, names)| format!(" of {names}"));
    let what = format!("{model}{}", sources.unwrap_or_default());
    format!("{stage:<9} {value:<7} {n_trials:>4} trials {seconds:>8.1} s  {what}{note}", stage = stage.to_string())
}

/// The formats of `train`, and those that `collect` reads for import.
fn read(format: &str, path: &Path) -> anyhow::Result<Dataset> {
    if FORMATS.contains(&format) {
        return Ok(Dataset::read(format, path, &ReadOptions::default())?);
    }
    match format.parse::<Format>() {
        // Its own columns are those of `events`, with a split that an import would not keep.
        Ok(Format::Retailrocket) => {
            let file = if path.is_dir() { path.join("events.parquet") } else { path.to_owned() };
            Ok(Dataset::read("events", &file, &ReadOptions::default())?)
        }
        Ok(format @ (Format::OnlineRetail | Format::CompleteJourney)) => imported(format, path),
        _ => bail!(
            "no dataset format is called {format:?}; wanted one of {}, online-retail, complete-journey, retailrocket",
            FORMATS.join(", ")
        ),
    }
}

/// A shop's events as training would see them: what says liking, weighted by its kind.
fn imported(format: Format, path: &Path) -> anyhow::Result<Dataset> {
    let reading = Reading { currency: Currency::USD, zone: TimeZone::UTC, received_at: Timestamp::default() };
    let source = Source::events(path, Some(format), &formats::ReadOptions::new(reading))?;
    let mut records = Vec::new();
    for chunk in source.chunks {
        for (_, raw) in chunk?.items {
            let Some(kind) = raw.kind.interaction().filter(|kind| kind.weight() > 0.0) else { continue };
            let Some(user) = raw.user_id.as_ref().or(raw.anonymous_id.as_ref()) else { continue };
            records.extend(raw.products.iter().map(|line| NamedRecord {
                user_id: user.clone(),
                item_id: line.product_id.to_string(),
                event_type: kind.as_str().to_owned(),
                timestamp: raw.timestamp.map_or(0, Timestamp::seconds),
                weight: kind.weight(),
                is_test: false,
            }));
        }
    }
    let name = path.file_name().map_or_else(|| format.to_string(), |name| name.to_string_lossy().into_owned());
    Ok(Dataset::from_records(&name, format.as_str(), records)?)
}

fn table(report: &Report) -> String {
    let head = format!(
        "{} on {} ({} split): {} lists over {} items, {} train, {} test, seed {}\n",
        report.model,
        report.dataset,
        report.split,
        report.n_users,
        report.n_items,
        report.n_train,
        report.n_test,
        report.seed
    );
    let spread = |name: &str| report.spread.get(name).map(|s| format!("  ± {s:.4} over folds")).unwrap_or_default();
    let rows = report.metrics.iter().map(|(name, value)| match report.ci95.get(name) {
        Some([low, high]) => format!("  {name:<18} {value:.4}  [{low:.4}, {high:.4}]{}\n", spread(name)),
        None => format!("  {name:<18} {value:.4}{}\n", spread(name)),
    });
    let rows: String = rows.collect();
    let groups: String = report
        .by_user_group
        .iter()
        .map(|group| {
            let end = group.history_max.map_or("on".to_owned(), |max| format!("to {max}"));
            let ndcg = group.metrics.iter().rev().find(|(name, _)| name.starts_with("ndcg@"));
            let (name, value) = ndcg.map_or(("", f64::NAN), |(name, value)| (name.as_str(), *value));
            format!(
                "  {:<9} {:>7} lists, history {} {end}: {name} {value:.4}\n",
                group.name, group.n_lists, group.history_min
            )
        })
        .collect();
    let foot = format!(
        "  fit {:.1} s, score {:.1} s, peak memory {} MB",
        report.fit_seconds,
        report.score_seconds,
        report.peak_rss_bytes / 1_000_000
    );
    head + &rows + &groups + &foot
}
