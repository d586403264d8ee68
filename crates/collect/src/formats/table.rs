//! Rows of named cells, from whatever file, made into events.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Chunk, Chunks, Format, FormatError, ReadOptions, csv, jsonl, parquet};
use crate::{RawEvent, Refusal, raw::EVENT_BYTES_MAX};

/// Rows of a chunk: enough to keep the log's commits large, little enough to hold two of them in memory.
pub const CHUNK_ROWS: u64 = 8192;

/// Cells by field name, mapped.
pub type Row = Map<String, Value>;
pub type Rows = Chunks<Row>;

/// # Errors
/// When the file can't be opened as this format.
pub fn open(path: &Path, format: Format, options: &ReadOptions) -> Result<Rows, FormatError> {
    match format {
        Format::Csv => csv::open(path, options),
        Format::Jsonl => jsonl::open(path, options),
        Format::Parquet => parquet::open(path, options),
        other => {
            Err(FormatError::columns(path, format!("{other} is no table of this sort; use csv, jsonl or parquet")))
        }
    }
}

/// The row's content names it: the same row read twice, from this file or another, is one event.
pub fn events(rows: Rows, options: ReadOptions) -> Chunks<RawEvent> {
    convert(rows, move |row| event(row, &options))
}

/// One thing out of each row; `None` leaves a row out with nothing to say but that it was ignored.
pub(super) fn convert<T: 'static>(
    rows: Rows,
    make: impl Fn(Row) -> Result<Option<T>, (Refusal, Value)> + Send + 'static,
) -> Chunks<T> {
    Box::new(rows.map(move |chunk| {
        let Chunk { rows, items, refused, skipped } = chunk?;
        let mut made = Chunk { rows, refused, skipped, items: Vec::with_capacity(items.len()) };
        for (number, row) in items {
            match make(row) {
                Ok(Some(item)) => made.items.push((number, item)),
                Ok(None) => made.skip("no event of a shopper"),
                Err((refusal, raw)) => made.refuse(number, refusal, Some(raw)),
            }
        }
        Ok(made)
    }))
}

fn event(mut row: Row, options: &ReadOptions) -> Result<Option<RawEvent>, (Refusal, Value)> {
    if let Some(kind) = options.kind {
        row.entry("event").or_insert_with(|| kind.as_str().into());
    }
    let value = Value::Object(row);
    let bytes = size(&value);
    if bytes > EVENT_BYTES_MAX {
        let detail = format!("the row has {bytes} bytes, at most {EVENT_BYTES_MAX} are accepted");
        return Err((Refusal::new("too_large", detail), Value::Null));
    }
    match RawEvent::from_json(&value, &options.reading) {
        Ok(Some(raw)) if raw.timestamp.is_none() => {
            let what_to_do = "an imported event must say when it happened; map its column with COLUMN=timestamp";
            Err((Refusal::missing("timestamp", what_to_do), value))
        }
        Ok(raw) => Ok(raw),
        Err(refusal) => Err((refusal, value)),
    }
}

/// Bytes of text in a value: what a bound on its size is about.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + size(value)).sum(),
        _ => 8,
    }
}
