//! Named columns of a CSV or Parquet file, as text, with the row each value stands in.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit, TimestampSecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{DatasetError, Result};

/// The asked columns of a file, row by row.
pub struct Table {
    path: PathBuf,
    columns: Vec<&'static str>,
    rows: Vec<Vec<Option<String>>>,
    /// Lines before the first row: 1 in CSV, 0 in Parquet.
    n_header_lines: usize,
}

impl Table {
    /// Reads `required` columns, and `optional` ones where they exist.
    pub fn read(path: &Path, required: &[&'static str], optional: &[&'static str]) -> Result<Self> {
        let columns: Vec<&'static str> = required.iter().chain(optional).copied().collect();
        let is_parquet = path.extension().is_some_and(|extension| extension == "parquet");
        let (present, rows) = if is_parquet { read_parquet(path, &columns)? } else { read_csv(path, &columns)? };
        if let Some(missing) = required.iter().find(|name| !present.contains(name)) {
            return Err(DatasetError::Wrong {
                path: path.to_owned(),
                line: None,
                got: format!("no column `{missing}`"),
                wanted: format!("columns {} and perhaps {}", required.join(", "), optional.join(", ")),
            });
        }
        Ok(Self { path: path.to_owned(), columns, rows, n_header_lines: usize::from(!is_parquet) })
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The value as text; `None` where it is missing or empty.
    pub fn text(&self, row: usize, column: &str) -> Option<&str> {
        let position = self.columns.iter().position(|name| *name == column)?;
        self.rows[row][position].as_deref().filter(|text| !text.is_empty())
    }

    pub fn required(&self, row: usize, column: &str) -> Result<&str> {
        self.text(row, column).ok_or_else(|| self.wrong(row, format!("an empty `{column}`"), "a value"))
    }

    pub fn number(&self, row: usize, column: &str) -> Result<Option<f64>> {
        let parse = |text: &str| text.parse().ok().filter(|x: &f64| x.is_finite());
        let wrong = |text| self.wrong(row, format!("`{column}` = `{text}`"), "a number");
        self.text(row, column).map(|text| parse(text).ok_or_else(|| wrong(text))).transpose()
    }

    /// Seconds since the epoch, from whole seconds or an RFC 3339 instant; `None` where it is missing.
    pub fn timestamp(&self, row: usize) -> Result<Option<i64>> {
        let Some(text) = self.text(row, "timestamp") else { return Ok(None) };
        let seconds =
            text.parse().ok().or_else(|| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second));
        let wanted = "whole seconds since 1970 or an instant such as 2026-01-31T12:00:00Z";
        seconds.map(Some).ok_or_else(|| self.wrong(row, format!("`timestamp` = `{text}`"), wanted))
    }

    pub fn wrong(&self, row: usize, got: String, wanted: &str) -> DatasetError {
        let line = Some(row + 1 + self.n_header_lines);
        DatasetError::Wrong { path: self.path.clone(), line, got, wanted: wanted.to_owned() }
    }
}

type Columns = (Vec<&'static str>, Vec<Vec<Option<String>>>);

fn unreadable(path: &Path, line: Option<usize>, error: impl std::fmt::Display, wanted: &str) -> DatasetError {
    DatasetError::Wrong { path: path.to_owned(), line, got: error.to_string(), wanted: wanted.to_owned() }
}

fn read_csv(path: &Path, columns: &[&'static str]) -> Result<Columns> {
    let file = File::open(path).map_err(|source| DatasetError::Open { path: path.to_owned(), source })?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let broken = |error: csv::Error| {
        let line = error.position().map(|position| position.line() as usize);
        unreadable(path, line, &error, "CSV with a header line")
    };
    let header = reader.headers().map_err(broken)?.clone();
    let positions: Vec<Option<usize>> = columns.iter().map(|name| header.iter().position(|h| h == *name)).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        rows.push(positions.iter().map(|p| p.and_then(|p| record.get(p)).map(str::to_owned)).collect());
    }
    let present = columns.iter().zip(&positions).filter(|(_, p)| p.is_some()).map(|(name, _)| *name).collect();
    Ok((present, rows))
}

fn read_parquet(path: &Path, columns: &[&'static str]) -> Result<Columns> {
    let file = File::open(path).map_err(|source| DatasetError::Open { path: path.to_owned(), source })?;
    let wanted = "a Parquet file";
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| unreadable(path, None, e, wanted))?;
    let schema = builder.schema().clone();
    let present: Vec<&'static str> =
        columns.iter().copied().filter(|name| schema.column_with_name(name).is_some()).collect();
    let reader = builder.build().map_err(|e| unreadable(path, None, e, wanted))?;
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|e| unreadable(path, None, e, wanted))?;
        append_rows(&batch, columns, &mut rows).map_err(|e| unreadable(path, None, e, wanted))?;
    }
    Ok((present, rows))
}

fn append_rows(
    batch: &RecordBatch,
    columns: &[&'static str],
    rows: &mut Vec<Vec<Option<String>>>,
) -> Result<(), arrow::error::ArrowError> {
    let options = FormatOptions::default();
    let texts = columns
        .iter()
        .map(|name| batch.column_by_name(name).map(|array| texts_of(array.as_ref(), &options)).transpose())
        .collect::<Result<Vec<Option<Vec<Option<String>>>>, _>>()?;
    rows.extend(
        (0..batch.num_rows()).map(|row| texts.iter().map(|text| text.as_ref().and_then(|t| t[row].clone())).collect()),
    );
    Ok(())
}

/// Instants become whole seconds, everything else what it prints as.
fn texts_of(array: &dyn Array, options: &FormatOptions<'_>) -> Result<Vec<Option<String>>, arrow::error::ArrowError> {
    if let DataType::Timestamp(_, _) = array.data_type() {
        let seconds = arrow::compute::cast(array, &DataType::Timestamp(TimeUnit::Second, None))?;
        let seconds = seconds.as_primitive::<TimestampSecondType>();
        return Ok(seconds.iter().map(|second| second.map(|s| s.to_string())).collect());
    }
    let formatter = ArrayFormatter::try_new(array, options)?;
    Ok((0..array.len()).map(|row| array.is_valid(row).then(|| formatter.value(row).to_string())).collect())
}
