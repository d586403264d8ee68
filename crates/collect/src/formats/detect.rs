//! What is this file? By its name, then by its columns; never by guessing.

use std::path::Path;

use super::{Format, FormatError, ReadOptions, csv, parquet};

/// Columns by which a public data set is known.
const KNOWN: [(Format, &[&str]); 3] = [
    (Format::OnlineRetail, &["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]),
    (Format::CompleteJourney, &["household_id", "basket_id", "product_id", "sales_value", "transaction_timestamp"]),
    (Format::Retailrocket, &["user_id", "item_id", "event_type", "timestamp", "split"]),
];

/// The format of a file or folder of events.
///
/// # Errors
/// [`FormatError::Unsure`] says what was found and what to do.
pub fn detect(path: &Path, options: &ReadOptions) -> Result<Format, FormatError> {
    if path.is_dir() {
        return detect_folder(path, &["transactions.parquet", "online_retail.parquet", "events.parquet"]);
    }
    let format = by_extension(path)?;
    let columns = match format {
        Format::Parquet => parquet::columns(path)?,
        Format::Csv => csv::columns(path)?,
        other => return Ok(other),
    };
    if format == Format::Parquet
        && let Some(known) = known(&columns)
    {
        return Ok(known);
    }
    match missing_for_events(&columns, options) {
        None => Ok(format),
        Some(what) => Err(unsure(
            path,
            format!("no column says {what}; name it with --map COLUMN=FIELD. The columns are {}", columns.join(", ")),
        )),
    }
}

/// The format of a catalogue.
///
/// # Errors
/// As for [`detect`].
pub fn detect_products(path: &Path) -> Result<Format, FormatError> {
    if path.is_dir() {
        let format = detect_folder(path, &["products.parquet", "items.csv"])?;
        return Ok(if format == Format::Csv { Format::OnlineRetail } else { Format::CompleteJourney });
    }
    let format = by_extension(path)?;
    let columns = match format {
        Format::Parquet => parquet::columns(path)?,
        Format::Csv => csv::columns(path)?,
        other => return Ok(other),
    };
    let has = |wanted: &[&str]| wanted.iter().all(|name| columns.iter().any(|column| column == name));
    if format == Format::Csv && has(&["StockCode", "title", "price_median"]) {
        return Ok(Format::OnlineRetail);
    }
    if format == Format::Parquet && has(&["product_id", "department", "product_category", "product_type"]) {
        return Ok(Format::CompleteJourney);
    }
    Ok(format)
}

fn detect_folder(path: &Path, names: &[&str]) -> Result<Format, FormatError> {
    let found = names.iter().map(|name| path.join(name)).find(|file| file.is_file());
    let Some(file) = found else {
        return Err(unsure(path, format!("the folder holds none of {}; name a file", names.join(", "))));
    };
    match by_extension(&file)? {
        Format::Parquet => {
            let columns = parquet::columns(&file)?;
            let is_catalogue = file.ends_with("products.parquet");
            let format = if is_catalogue { Some(Format::CompleteJourney) } else { known(&columns) };
            format.ok_or_else(|| unsure(&file, format!("its columns are {}", columns.join(", "))))
        }
        other => Ok(other),
    }
}

/// # Errors
/// When the name has no extension that we know.
pub fn by_extension(path: &Path) -> Result<Format, FormatError> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "csv" | "tsv" | "txt" => Ok(Format::Csv),
        "jsonl" | "ndjson" | "json" => Ok(Format::Jsonl),
        "parquet" | "pq" => Ok(Format::Parquet),
        other => Err(unsure(path, format!("its name ends in {other:?}; say --format csv, jsonl or parquet"))),
    }
}

fn known(columns: &[String]) -> Option<Format> {
    let has = |wanted: &[&str]| wanted.iter().all(|name| columns.iter().any(|column| column == name));
    KNOWN.iter().find(|(_, wanted)| has(wanted)).map(|(format, _)| *format)
}

/// What an event can't do without, and the columns that say it.
fn missing_for_events(columns: &[String], options: &ReadOptions) -> Option<&'static str> {
    let has = |names: &[&str]| columns.iter().any(|column| names.contains(&options.field(column)));
    let needs: [(&'static str, &[&str]); 3] = [
        (
            "who acted (user_id or anonymous_id)",
            &["user_id", "userId", "anonymous_id", "anonymousId", "session_id", "visitorid", "visitor_id"],
        ),
        ("when (timestamp)", &["timestamp", "timestamp_interaction", "originalTimestamp", "original_timestamp"]),
        (
            "what happened (event or interaction_type)",
            &["event", "kind", "event_type", "eventType", "interaction_type", "type"],
        ),
    ];
    let has_kind = options.kind.is_some();
    needs.iter().enumerate().find(|(i, (_, names))| !(has(names) || (*i == 2 && has_kind))).map(|(_, (what, _))| *what)
}

fn unsure(path: &Path, detail: String) -> FormatError {
    FormatError::Unsure { file: path.to_owned(), detail }
}
