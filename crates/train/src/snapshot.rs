//! From a position in the log to a dataset: the log's events as Parquet rows in the lake, and those rows as records.
//!
//! Rows are written once and added to; a later snapshot writes only what the log has since. The rows of a person who
//! asked to be forgotten are taken out of the files ([`forget`]).

use std::collections::BTreeMap;

use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::Int64Type,
};
use domain::{InteractionType, Position, UserKey};
use features::lake::{INTERACTIONS, interaction_rows};
use store::{EventLog, Lake, StoreError};

use crate::dataset::{Dataset, NamedRecord};
use crate::pipeline::TrainError;

/// Events in one file: about 10 MB of Parquet.
const FILE_EVENTS: usize = 250_000;
const CHUNK: usize = 10_000;

/// Brings the lake up to `up_to`. `progress` hears the position reached.
///
/// # Errors
/// Of the log or the lake; calling again goes on from the last whole file.
pub fn export(
    log: &dyn EventLog,
    lake: &dyn Lake,
    up_to: Position,
    progress: &dyn Fn(Position),
) -> Result<(), StoreError> {
    let mut from = exported(lake)?;
    while from < up_to {
        let mut batches = Vec::new();
        let (mut n_events, mut last) = (0, from);
        while n_events < FILE_EVENTS && last < up_to {
            let mut events = log.read(last, CHUNK)?;
            events.retain(|recorded| recorded.position <= up_to);
            let Some(newest) = events.last().map(|recorded| recorded.position) else {
                // What is left up to here was erased.
                last = up_to;
                break;
            };
            n_events += events.len();
            last = newest;
            batches.push(interaction_rows(&events));
        }
        if n_events > 0 {
            lake.write(INTERACTIONS, &file_name(from.next(), last), &batches)?;
        }
        from = last;
        progress(last);
    }
    Ok(())
}

fn file_name(first: Position, last: Position) -> String {
    format!("{:020}-{:020}.parquet", first.0, last.0)
}

/// The positions that a file's name states.
fn positions(file: &str) -> Option<(Position, Position)> {
    let (first, last) = file.strip_suffix(".parquet")?.split_once('-')?;
    Some((Position(first.parse().ok()?), Position(last.parse().ok()?)))
}

fn exported(lake: &dyn Lake) -> Result<Position, StoreError> {
    let ends = lake.files(INTERACTIONS)?;
    Ok(ends.iter().filter_map(|file| positions(file)).map(|(_, last)| last).max().unwrap_or(Position::START))
}

/// The interactions up to a position that say what somebody likes, by users who allow to be learned from.
///
/// # Errors
/// Of the lake, or when no interaction is left to learn from.
pub fn dataset(lake: &dyn Lake, shop: &str, up_to: Position) -> Result<Dataset, TrainError> {
    let weights: BTreeMap<&str, f32> = InteractionType::ALL
        .into_iter()
        .filter(|kind| kind.weight() > 0.0)
        .map(|kind| (kind.as_str(), kind.weight()))
        .collect();
    let mut records = Vec::new();
    for file in lake.files(INTERACTIONS)? {
        if positions(&file).is_none_or(|(first, _)| first > up_to) {
            continue;
        }
        for batch in lake.read(INTERACTIONS, &file)? {
            push_records(&batch, up_to, &weights, &mut records);
        }
    }
    if records.is_empty() {
        return Err(TrainError::NothingToLearn { shop: shop.to_owned(), position: up_to });
    }
    Ok(Dataset::from_records(shop, "log", records)?)
}

fn push_records(batch: &RecordBatch, up_to: Position, weights: &BTreeMap<&str, f32>, records: &mut Vec<NamedRecord>) {
    let text = |name: &str| batch.column_by_name(name).map(|column| column.as_string::<i32>());
    let number = |name: &str| batch.column_by_name(name).map(|column| column.as_primitive::<Int64Type>());
    let (Some(user), Some(product), Some(kind)) = (text("user_id"), text("product_id"), text("interaction_type"))
    else {
        return;
    };
    let (Some(position), Some(at)) = (number("position"), number("occurred_at_us")) else { return };
    for row in 0..batch.num_rows() {
        let is_learnable = user.is_valid(row) && product.is_valid(row) && kind.is_valid(row);
        if !is_learnable || position.value(row) as u64 > up_to.0 {
            continue;
        }
        let Some(weight) = weights.get(kind.value(row)) else { continue };
        records.push(NamedRecord {
            user_id: user.value(row).to_owned(),
            item_id: product.value(row).to_owned(),
            event_type: kind.value(row).to_owned(),
            timestamp: at.value(row).div_euclid(1_000_000),
            weight: *weight,
            is_test: false,
        });
    }
}

/// The lake's share of an erasure: files that hold rows of the person are written anew without them. Answers how many
/// rows were removed; may be repeated.
///
/// # Errors
/// Of the lake; what was rewritten before stays so.
pub fn forget(lake: &dyn Lake, user: UserKey) -> Result<u64, StoreError> {
    let key = user.to_string();
    let mut removed = 0;
    for file in lake.files(INTERACTIONS)? {
        let batches = lake.read(INTERACTIONS, &file)?;
        let n_before: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let kept = batches.iter().map(|batch| without(batch, &key)).collect::<Result<Vec<_>, _>>()?;
        let n_after: usize = kept.iter().map(RecordBatch::num_rows).sum();
        if n_after < n_before {
            lake.write(INTERACTIONS, &file, &kept)?;
            removed += (n_before - n_after) as u64;
        }
    }
    Ok(removed)
}

fn without(batch: &RecordBatch, key: &str) -> Result<RecordBatch, StoreError> {
    let is_of = |name: &str, row: usize| {
        batch
            .column_by_name(name)
            .map(|column| column.as_string::<i32>())
            .is_some_and(|c| c.is_valid(row) && c.value(row) == key)
    };
    let keep: BooleanArray =
        (0..batch.num_rows()).map(|row| Some(!is_of("user_id", row) && !is_of("anonymous_id", row))).collect();
    filter_record_batch(batch, &keep)
        .map_err(|error| StoreError::Unavailable { store: "lake", detail: error.to_string() })
}
