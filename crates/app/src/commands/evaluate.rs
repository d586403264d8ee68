//! `vitrina evaluate`: a model on a data set in the field's own format.

use std::{
    fs,
    path::Path,
    sync::{Mutex, atomic::AtomicBool},
};

use anyhow::{Context, bail};
use collect::{
    Reading,
    formats::{self, Format, Source},
};
use domain::{Currency, Timestamp};
use indicatif::ProgressBar;
use jiff::tz::TimeZone;
use models::FitContext;
use train::{
    dataset::{Dataset, FORMATS, NamedRecord, ReadOptions},
    evaluate::{Report, evaluate},
    split::{SplitKind, SplitSpec},
};

use super::{progress, say, say_json};
use crate::cli::Evaluate;

pub fn run(args: Evaluate, as_json: bool) -> anyhow::Result<()> {
    let kind: SplitKind = args.split.parse().map_err(anyhow::Error::msg)?;
    let spinner = progress::spinner(&format!("reading {}", args.dataset.display()));
    let dataset = read(&args.format, &args.dataset)?;
    let spec = SplitSpec::new(kind, &dataset);
    spinner.finish_with_message(format!(
        "{}: {} users, {} items, {} records",
        dataset.name,
        dataset.n_users,
        dataset.n_items,
        dataset.records.len()
    ));
    let report = fit_and_measure(&args, &dataset, &spec)?;
    if let Some(path) = &args.report {
        fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    let to_stdout = as_json && args.report.is_none();
    if to_stdout { say_json(&report) } else { say(table(&report)) }
}

fn fit_and_measure(args: &Evaluate, dataset: &Dataset, spec: &SplitSpec) -> anyhow::Result<Report> {
    let bar: Mutex<Option<ProgressBar>> = Mutex::new(None);
    let on_progress = |p: models::Progress| {
        let mut bar = bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| progress::bar(p.n_steps as u64, &format!("fit {}", p.model)));
        bar.set_message(format!("fit {}", p.model));
        bar.set_length(p.n_steps as u64);
        bar.set_position(p.step as u64);
    };
    let never = AtomicBool::new(false);
    let context = FitContext { seed: args.seed, progress: &on_progress, cancelled: &never };
    Ok(evaluate(dataset, spec, &args.model, &args.set, &args.k, &context)?)
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
    let rows = report.metrics.iter().map(|(name, value)| match report.ci95.get(name) {
        Some([low, high]) => format!("  {name:<14} {value:.4}  [{low:.4}, {high:.4}]\n"),
        None => format!("  {name:<14} {value:.4}\n"),
    });
    let rows: String = rows.collect();
    let foot = format!(
        "  fit {:.1} s, score {:.1} s, peak memory {} MB",
        report.fit_seconds,
        report.score_seconds,
        report.peak_rss_bytes / 1_000_000
    );
    head + &rows + &foot
}
