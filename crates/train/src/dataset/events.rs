//! A table of events, CSV or Parquet: `user_id, item_id, event_type, timestamp` and perhaps `value` and `split`
//! (`train` or `test`). `value` is money and says nothing about preference; it is left alone.

use std::path::Path;

use super::table::Table;
use super::{Dataset, NamedRecord, ReadOptions, Result, name_of};

pub fn read(path: &Path, options: &ReadOptions) -> Result<Dataset> {
    let table = Table::read(path, &["user_id", "item_id", "event_type", "timestamp"], &["value", "split"])?;
    let rows = (0..table.len()).map(|row| {
        let event_type = table.required(row, "event_type")?.to_owned();
        let is_test = match table.text(row, "split") {
            None | Some("train") => false,
            Some("test") => true,
            Some(other) => return Err(table.wrong(row, format!("`split` = `{other}`"), "train or test")),
        };
        let timestamp = table.timestamp(row)?;
        if timestamp.is_none() && !is_test {
            return Err(table.wrong(
                row,
                "an empty `timestamp`".to_owned(),
                "seconds since 1970 (only test rows may lack it)",
            ));
        }
        table.number(row, "value")?;
        Ok(NamedRecord {
            user_id: table.required(row, "user_id")?.to_owned(),
            item_id: table.required(row, "item_id")?.to_owned(),
            weight: options.weight(&event_type),
            event_type,
            timestamp: timestamp.unwrap_or(0),
            is_test,
        })
    });
    Dataset::from_records(&name_of(path), "events", rows.collect::<Result<Vec<_>>>()?)
}
