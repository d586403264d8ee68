//! `vitrina batch`: slates for many shoppers into a file. Interrupted, it goes on where it stopped.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use anyhow::{Context, bail, ensure};
use arrow::{
    array::{ArrayRef, Float32Array, RecordBatch, StringArray, UInt16Array},
    datatypes::{DataType, Field, Schema},
};
use parquet::arrow::ArrowWriter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{api::Api, interrupt, progress, say, say_json};
use crate::{
    cli::{Batch, BatchFormat},
    config::Config,
};

const PAGE: usize = 1_000;
/// Rows of a Parquet row group.
const ROWS: usize = 100_000;

/// How far a batch is. Beside it lies the file with the slates so far, one shopper a line.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Progress {
    /// What was asked for: another batch does not go on here.
    asked: Value,
    /// Bytes of the file that count; what is behind them was written when it stopped.
    bytes: u64,
    shoppers: u64,
    slates: u64,
    /// Ids of the file that are done, or the pseudonym to go on after.
    ids: usize,
    after: Option<String>,
}

struct Files {
    out: PathBuf,
    partial: PathBuf,
    progress: PathBuf,
}

pub fn run(config: Config, batch: Batch, as_json: bool) -> anyhow::Result<()> {
    let files = Files::of(&batch.out);
    let format = batch.format()?;
    let ids = batch.users.as_deref().map(read_ids).transpose()?;
    let cancelled = interrupt::watched()?;
    let api = Api::open(&config)?;
    api.read_catalog()?;
    let mut progress = files.begin(&batch)?;
    let total = match &ids {
        Some(ids) => ids.len() as u64,
        None => api.get("/v1/status")?["users"].as_u64().unwrap_or(0),
    };
    let bar = progress::bar(total, "slates");
    bar.set_position(progress.shoppers);
    let (started, begun_at) = (Instant::now(), progress.shoppers);
    let mut partial = OpenOptions::new().create(true).append(true).open(&files.partial)?;
    loop {
        if cancelled.load(Ordering::Relaxed) {
            bail!("stopped after {} shoppers; the same command goes on from there", progress.shoppers);
        }
        let mut body =
            json!({ "placement": batch.placement, "n": batch.n, "segment": batch.segment, "locale": batch.locale });
        let page = ids.as_ref().map(|ids| &ids[progress.ids.min(ids.len())..(progress.ids + PAGE).min(ids.len())]);
        match page {
            Some([]) => break,
            Some(page) => body["user_ids"] = json!(page),
            None => {
                body["after"] = json!(progress.after);
                body["limit"] = json!(PAGE);
            }
        }
        let answer = api.post("/v1/batch", &body)?;
        let slates = answer["slates"].as_array().context("/v1/batch answered no slates")?;
        let mut lines = Vec::new();
        for slate in slates {
            serde_json::to_writer(&mut lines, slate)?;
            lines.push(b'\n');
        }
        partial.write_all(&lines)?;
        progress.bytes += lines.len() as u64;
        progress.slates += slates.len() as u64;
        progress.shoppers += slates.len() as u64 + answer["passed_over"].as_u64().unwrap_or(0);
        progress.ids += page.map_or(0, <[String]>::len);
        progress.after = answer["next"].as_str().map(str::to_owned);
        partial.sync_data()?;
        files.save(&progress)?;
        bar.set_position(progress.shoppers);
        if ids.is_none() && progress.after.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    let per_second = (progress.shoppers - begun_at) as f64 / started.elapsed().as_secs_f64().max(1e-9);
    drop(partial);
    files.finish(format)?;
    match as_json {
        true => say_json(
            &json!({ "out": batch.out, "shoppers": progress.shoppers, "slates": progress.slates, "shoppers_per_second": per_second }),
        ),
        false => say(format!(
            "{} slates for {} shoppers in {} ({per_second:.0} a second)",
            progress.slates,
            progress.shoppers,
            batch.out.display()
        )),
    }
}

/// One id a line; a heading `user_id` is passed over, and so are further columns.
fn read_ids(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("can't read the users {}", path.display()))?;
    let first = |line: &str| line.split(',').next().unwrap_or_default().trim().trim_matches('"').to_owned();
    let ids: Vec<String> = text.lines().map(first).filter(|id| !id.is_empty() && id != "user_id").collect();
    ensure!(!ids.is_empty(), "{} has no user ids; wanted one a line", path.display());
    Ok(ids)
}

impl Files {
    fn of(out: &Path) -> Self {
        let beside = |ending: &str| {
            let mut name = out.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { out: out.to_owned(), partial: beside(".partial"), progress: beside(".progress") }
    }

    /// The progress of this very batch where it was interrupted, else none.
    fn begin(&self, batch: &Batch) -> anyhow::Result<Progress> {
        let asked = json!({ "placement": batch.placement, "n": batch.n, "segment": batch.segment, "locale": batch.locale,
            "users": batch.users });
        let Ok(bytes) = fs::read(&self.progress) else {
            File::create(&self.partial).with_context(|| format!("can't write {}", self.partial.display()))?;
            return Ok(Progress { asked, ..Progress::default() });
        };
        let progress: Progress = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged; remove it", self.progress.display()))?;
        if progress.asked != asked {
            bail!(
                "{} is of another batch ({}); finish that one, or remove the file",
                self.progress.display(),
                progress.asked
            );
        }
        let partial = OpenOptions::new().write(true).open(&self.partial);
        let partial = partial
            .with_context(|| format!("{} is gone; remove {}", self.partial.display(), self.progress.display()))?;
        partial.set_len(progress.bytes)?;
        eprintln!("going on after {} shoppers", progress.shoppers);
        Ok(progress)
    }

    /// Replaced in one step.
    fn save(&self, progress: &Progress) -> anyhow::Result<()> {
        let mut next = self.progress.as_os_str().to_owned();
        next.push(".new");
        fs::write(&next, serde_json::to_vec(progress)?)?;
        Ok(fs::rename(&next, &self.progress)?)
    }

    /// The file in its format under its name, and nothing else left.
    fn finish(&self, format: BatchFormat) -> anyhow::Result<()> {
        let mut written = self.out.as_os_str().to_owned();
        written.push(".new");
        let written = PathBuf::from(written);
        match format {
            BatchFormat::Jsonl => fs::rename(&self.partial, &written)?,
            BatchFormat::Csv => self.write_csv(&written)?,
            BatchFormat::Parquet => self.write_parquet(&written)?,
        }
        fs::rename(&written, &self.out)?;
        fs::remove_file(&self.progress).ok();
        fs::remove_file(&self.partial).ok();
        Ok(())
    }

    fn rows(&self) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Row>>> {
        let mut file = File::open(&self.partial)?;
        file.seek(SeekFrom::Start(0))?;
        let lines = BufReader::new(file).lines();
        Ok(lines.flat_map(|line| match line.map_err(anyhow::Error::from).and_then(|line| rows_of(&line)) {
            Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        }))
    }

    fn write_csv(&self, path: &Path) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_path(path)?;
        for row in self.rows()? {
            writer.serialize(row?)?;
        }
        Ok(writer.flush()?)
    }

    fn write_parquet(&self, path: &Path) -> anyhow::Result<()> {
        let text = |name: &str| Field::new(name, DataType::Utf8, false);
        let schema = Arc::new(Schema::new(vec![
            text("user_id"),
            text("recommendation_id"),
            Field::new("position", DataType::UInt16, false),
            text("product_id"),
            text("name"),
            text("price"),
            Field::new("score", DataType::Float32, false),
            text("source"),
            text("reason"),
        ]));
        let mut writer = ArrowWriter::try_new(File::create(path)?, schema.clone(), None)?;
        let mut rows = self.rows()?;
        loop {
            let chunk: Vec<Row> = rows.by_ref().take(ROWS).collect::<anyhow::Result<_>>()?;
            if chunk.is_empty() {
                break;
            }
            let texts =
                |of: fn(&Row) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(chunk.iter().map(of))) };
            let columns: Vec<ArrayRef> = vec![
                texts(|row| &row.user_id),
                texts(|row| &row.recommendation_id),
                Arc::new(UInt16Array::from_iter_values(chunk.iter().map(|row| row.position))),
                texts(|row| &row.product_id),
                texts(|row| &row.name),
                texts(|row| &row.price),
                Arc::new(Float32Array::from_iter_values(chunk.iter().map(|row| row.score))),
                texts(|row| &row.source),
                texts(|row| &row.reason),
            ];
            writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
        }
        writer.close()?;
        Ok(())
    }
}

/// One product of one slate.
#[derive(Debug, Serialize)]
struct Row {
    user_id: String,
    recommendation_id: String,
    position: u16,
    product_id: String,
    name: String,
    price: String,
    score: f32,
    source: String,
    reason: String,
}

/// Cells that a spreadsheet would take for a formula get an apostrophe before them.
fn cell(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn rows_of(line: &str) -> anyhow::Result<Vec<Row>> {
    let slate: Value = serde_json::from_str(line)?;
    let items = slate["items"].as_array().context("a line without items")?;
    let row = |item: &Value| Row {
        user_id: cell(&slate["user_id"]),
        recommendation_id: cell(&slate["recommendation_id"]),
        position: item["position"].as_u64().unwrap_or(0) as u16,
        product_id: cell(&item["product_id"]),
        name: cell(&item["name"]),
        price: cell(&item["price"]),
        score: item["score"].as_f64().unwrap_or(0.0) as f32,
        source: cell(&item["source"]),
        reason: cell(&item["reason"]["text"]),
    };
    Ok(items.iter().map(row).collect())
}
