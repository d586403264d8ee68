//! A table of ratings, CSV or Parquet: `user_id, item_id, rating` and perhaps `timestamp`. All of them, from above 0,
//! are there to be predicted; for ranking, one of at least `rating_min` speaks for the product and counts once.

use std::path::Path;

use super::table::Table;
use super::{Dataset, NamedRecord, Ratings, ReadOptions, Result, name_of};

pub fn read(path: &Path, options: &ReadOptions) -> Result<Dataset> {
    let table = Table::read(path, &["user_id", "item_id", "rating"], &["timestamp"])?;
    let mut rows = Vec::new();
    for row in 0..table.len() {
        let rating =
            table.number(row, "rating")?.ok_or_else(|| table.wrong(row, "an empty `rating`".to_owned(), "a number"))?;
        if rating <= 0.0 {
            continue;
        }
        rows.push(NamedRecord {
            user_id: table.required(row, "user_id")?.to_owned(),
            item_id: table.required(row, "item_id")?.to_owned(),
            event_type: "rating".to_owned(),
            timestamp: table.timestamp(row)?.unwrap_or(0),
            weight: rating as f32,
            is_test: false,
        });
    }
    let rated = Dataset::from_records(&name_of(path), "ratings", rows)?;
    let ratings = Ratings { min: options.rating_min, records: rated.records };
    Ok(Dataset { records: ratings.likings(&ratings.records), ratings: Some(ratings), ..rated })
}
