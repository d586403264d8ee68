//! Retailrocket: views, carts and purchases of a shop, 2015, as plain columns.
//!
//! A row is an event. Purchases carry no order number: each is an order of its own. Rows of the held-out split have
//! no time and are left out: they are for evaluation.

use std::path::{Path, PathBuf};

use arrow::{array::RecordBatch, datatypes::DataType};
use domain::{EventKind, Line, Order, OrderId, ProductId, Timestamp};

use super::{
    Chunk, Chunks, FormatError,
    parquet::{Batches, Column, row_value},
};
use crate::{RawEvent, Refusal, kinds::kind_of};

const COLUMNS: [&str; 5] = ["user_id", "item_id", "event_type", "timestamp", "split"];

/// # Errors
/// When the file is not there or lacks a column.
pub fn events(path: &Path) -> Result<(PathBuf, Chunks<RawEvent>), FormatError> {
    let file = if path.is_dir() { path.join("events.parquet") } else { path.to_owned() };
    let mut batches = Batches::open(&file, Some(&COLUMNS))?;
    let mut row = 0;
    let chunks = std::iter::from_fn(move || {
        let batch = match batches.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error)),
        };
        let first = row;
        row += batch.num_rows() as u64;
        Some(read(&batch, first, batches.file()))
    });
    Ok((file, Box::new(chunks)))
}

fn read(batch: &RecordBatch, rows_before: u64, file: &Path) -> Result<Chunk<RawEvent>, FormatError> {
    let types = [DataType::Utf8, DataType::Utf8, DataType::Utf8, DataType::Int64, DataType::Utf8];
    let columns = COLUMNS.iter().zip(&types).map(|(name, kind)| Column::of(batch, name, kind, file));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let mut chunk = Chunk { rows: batch.num_rows() as u64, ..Chunk::default() };
    for i in 0..batch.num_rows() {
        let row = rows_before + 1 + i as u64;
        if columns[4].text(i) == Some("test") {
            chunk.skip("held out for evaluation");
            continue;
        }
        match event(&columns, i) {
            Ok(raw) => chunk.items.push((row, raw)),
            Err(refusal) => chunk.refuse(row, refusal, Some(row_value(batch, i))),
        }
    }
    Ok(chunk)
}

fn event(columns: &[Column], row: usize) -> Result<RawEvent, Refusal> {
    let text = |i: usize| columns[i].text(row).ok_or_else(|| Refusal::missing(COLUMNS[i], "every event has one"));
    let (user, item, name) = (text(0)?, text(1)?, text(2)?);
    let seconds = columns[3].int(row).ok_or_else(|| Refusal::missing("timestamp", "every event has one"))?;
    let kind =
        kind_of(name).ok_or_else(|| Refusal::new("unknown_event", format!("{name:?} is not an event we know")))?;
    let mut raw = RawEvent::new(kind, format!("retailrocket-{user}-{item}-{name}-{seconds}"));
    raw.user_id = Some(user.to_owned());
    raw.timestamp = Some(Timestamp::from_seconds(seconds));
    raw.products = vec![Line::of(ProductId::new(item)?)];
    if kind == EventKind::OrderCompleted {
        raw.order = Some(Order::of(OrderId::new(format!("retailrocket-{user}-{item}-{seconds}"))?));
    }
    Ok(raw)
}
