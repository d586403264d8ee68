//! `vitrina import events`, from the start of the command to its end: a public data set whose rows are lines of
//! receipts, and synthetic files whose rows are events; each twice, so that the second time everything is a duplicate.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Context;
use bench::{
    figures::{folder_bytes, machine, mib},
    options::Common,
    server::cpu_seconds_of_ended_children,
    shop::Vitrina,
    synthetic::{FileKind, Size, write_events},
};
use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Debug, Parser)]
#[command(
    about = "Rates of importing files: rows and events a second, the first and the second time",
    after_help = "Examples:\n  import\n  import ../data/completejourney --rows 1000000 --kind parquet --json"
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    /// The folder of dunnhumby's Complete Journey (transactions.parquet); left out, only synthetic files are imported
    #[arg(value_name = "DIR")]
    complete_journey: Option<PathBuf>,
    /// Rows of each synthetic file, one event each
    #[arg(long, default_value_t = 300_000)]
    rows: usize,
    /// Kinds of synthetic files; may be repeated [default: all]
    #[arg(long, value_enum)]
    kind: Vec<FileKind>,
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let vitrina = cli.common.vitrina()?;
    let machine = machine();
    let mut imports = Vec::new();
    if let Some(folder) = &cli.complete_journey {
        imports.extend(twice(&vitrina, folder, "complete-journey")?);
    }
    let kinds =
        if cli.kind.is_empty() { vec![FileKind::Parquet, FileKind::Csv, FileKind::Jsonl] } else { cli.kind.clone() };
    for kind in kinds {
        let folder = TempDir::new().context("no room for a temporary folder")?;
        let file = folder.path().join(format!("events.{}", kind.name()));
        let size = Size { events: cli.rows, users: cli.rows / 10 + 1, products: 20_000, seed: cli.seed };
        write_events(&file, kind, size)?;
        imports.extend(twice(&vitrina, &file, kind.name())?);
    }
    let lines: Vec<String> = imports.iter().map(line).collect();
    cli.common.say(&lines.join("\n"), &json!({ "program": "import", "machine": machine, "imports": imports }));
    Ok(())
}

/// Into an empty shop, and again into the same.
fn twice(vitrina: &Vitrina, file: &Path, format: &str) -> anyhow::Result<[Value; 2]> {
    let data = TempDir::new().context("no room for a temporary folder")?;
    let bytes =
        if file.is_dir() { fs::metadata(file.join("transactions.parquet"))?.len() } else { fs::metadata(file)?.len() };
    let import = |time: &str| -> anyhow::Result<Value> {
        let (started, cpu) = (Instant::now(), cpu_seconds_of_ended_children());
        let report = vitrina.import(data.path(), "events", file, format)?;
        let command_seconds = started.elapsed().as_secs_f64();
        let cpu = cpu_seconds_of_ended_children() - cpu;
        let count = |field: &str| report[field].as_u64().unwrap_or(0);
        let events = count("accepted") + count("duplicates");
        let seconds = report["seconds"].as_f64().unwrap_or(f64::NAN);
        Ok(json!({
            "format": format,
            "time": time,
            "file_bytes": bytes,
            "rows": count("rows"),
            "accepted": count("accepted"),
            "duplicates": count("duplicates"),
            "seconds": seconds,
            "rows_per_second": count("rows") as f64 / seconds,
            "events_per_second": events as f64 / seconds,
            // With opening the shop, folding to the end and saving.
            "command_seconds": command_seconds,
            "command_events_per_second": events as f64 / command_seconds,
            // Of the whole command, on all cores: what other load on the machine blurs least.
            "cpu_us_per_event": cpu * 1e6 / events as f64,
            "cpu_us_per_row": cpu * 1e6 / count("rows") as f64,
            "disk_bytes_per_event": folder_bytes(data.path()) as f64 / events as f64,
        }))
    };
    Ok([import("first")?, import("again")?])
}

fn line(import: &Value) -> String {
    let number = |field: &str| import[field].as_f64().unwrap_or(f64::NAN);
    format!(
        "{:16} {:5}  {:>9} rows → {:>9} new, {:>9} duplicates: {:>8.0} rows/s, {:>8.0} events/s ({:.0} with opening and saving)   CPU {:.1} µs a row, {:.1} an event   file {:.0} MiB, disk {:.0} bytes an event",
        import["format"].as_str().unwrap_or("?"),
        import["time"].as_str().unwrap_or("?"),
        number("rows"),
        number("accepted"),
        number("duplicates"),
        number("rows_per_second"),
        number("events_per_second"),
        number("command_events_per_second"),
        number("cpu_us_per_row"),
        number("cpu_us_per_event"),
        mib(number("file_bytes") as u64),
        number("disk_bytes_per_event"),
    )
}
