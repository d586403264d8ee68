//! `vitrina import`: files into the shop, with a report of what became of every row.

use std::path::Path;

use anyhow::{Context, bail};
use collect::{
    Reading,
    formats::{Format, ReadOptions, Source},
    import::{ImportOptions, ImportReport},
};
use domain::Consent;
use indicatif::ProgressBar;

use super::{progress, say, say_json};
use crate::{
    cli::{Import, ImportKind},
    config::Config,
    engine::Engine,
};

pub fn run(config: Config, import: Import, as_json: bool) -> anyhow::Result<()> {
    let format = match import.format.as_str() {
        "auto" => None,
        name => Some(name.parse::<Format>().map_err(anyhow::Error::msg)?),
    };
    let engine = Engine::open(config)
        .context("an import needs the folder for itself; stop the server, or send the file through the API")?;
    let mut reports = Vec::new();
    for file in &import.files {
        let options = ReadOptions { map: import.map.clone(), ..read_options(&engine) };
        let report = one(&engine, import.kind, file, format, &options)?;
        if !as_json {
            say(summary(&report))?;
        }
        reports.push(report);
    }
    engine.save()?;
    if as_json {
        say_json(&reports)?;
    }
    if reports.iter().all(|report| report.accepted + report.duplicates == 0) {
        bail!("nothing was accepted; the reasons are in the report above");
    }
    Ok(())
}

pub fn read_options(engine: &Engine) -> ReadOptions {
    ReadOptions::new(Reading { currency: engine.shop.currency, zone: engine.shop.zone(), received_at: engine.now() })
}

fn one(
    engine: &Engine,
    kind: ImportKind,
    file: &Path,
    format: Option<Format>,
    options: &ReadOptions,
) -> anyhow::Result<ImportReport> {
    let bar = progress::spinner(&file.display().to_string());
    let mut watch = |report: &ImportReport| show(&bar, report);
    let now = options.reading.received_at;
    let collector = engine.collector();
    engine.projector().defer();
    let report = match kind {
        ImportKind::Events => {
            let options_import = ImportOptions { received_at: now, consent: Consent::default() };
            collector.import(Source::events(file, format, options)?, options_import, &mut watch)?
        }
        ImportKind::Catalog => {
            let source = Source::products(file, format, options)?;
            collector.import_products(source, &*engine.stores.catalog, now, &mut watch)?
        }
        ImportKind::Users => {
            let source = Source::users(file, format, options)?;
            collector.import_users(source, &*engine.stores.users, now, &mut watch)?
        }
    };
    bar.finish_and_clear();
    fold(engine)?;
    Ok(report)
}

/// Brings the profiles up to the log, in long stretches.
pub fn fold(engine: &Engine) -> anyhow::Result<()> {
    let (from, head) = (engine.projector().folded().0, engine.stores.log.head().0);
    let bar = progress::bar(head - from, "folding profiles");
    engine.projector().catch_up(&*engine.stores.log, |position| bar.set_position(position.0 - from))?;
    bar.finish_and_clear();
    Ok(())
}

pub fn show(bar: &ProgressBar, report: &ImportReport) {
    bar.set_message(format!("{}: {} rows, {:.0} rows/s", report.file, report.rows, report.rows_per_second));
}

pub fn summary(report: &ImportReport) -> String {
    let reasons = |title: &str, counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(reason, n)| format!("\n    {title} {n:>9}  {reason}")).collect::<String>()
    };
    format!(
        "{} ({}): {} rows in {:.1} s, {:.0} rows/s\n    accepted    {:>9}  of {} made from the rows\n    duplicates  {:>9}\n    withheld    {:>9}{}{}",
        report.file,
        report.format,
        report.rows,
        report.seconds,
        report.rows_per_second,
        report.accepted,
        report.items,
        report.duplicates,
        report.withheld,
        reasons("skipped    ", &report.skipped),
        reasons("quarantined", &report.quarantined),
    )
}
