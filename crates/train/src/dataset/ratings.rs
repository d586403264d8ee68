//! A table of ratings, CSV or Parquet: `user_id, item_id, rating` and perhaps `timestamp`. For ranking, a rating of at
//! least `rating_min` speaks for the product and counts once; lower ones are left out.

use std::path::Path;

use super::table::Table;
use super::{Dataset, NamedRecord, ReadOptions, Result, name_of};

pub fn read(path: &Path, options: &ReadOptions) -> Result<Dataset> {
    let table = Table::read(path, &["user_id", "item_id", "rating"], &["timestamp"])?;
    let mut rows = Vec::new();
    for row in 0..table.len() {
        let rating =
            table.number(row, "rating")?.ok_or_else(|| table.wrong(row, "an empty `rating`".to_owned(), "a number"))?;
        if rating < f64::from(options.rating_min) {
            continue;
        }
        rows.push(NamedRecord {
            user_id: table.required(row, "user_id")?.to_owned(),
            item_id: table.required(row, "item_id")?.to_owned(),
            event_type: "rating".to_owned(),
            timestamp: table.timestamp(row)?.unwrap_or(0),
            weight: 1.0,
            is_test: false,
        });
    }
    Dataset::from_records(&name_of(path), "ratings", rows)
}
