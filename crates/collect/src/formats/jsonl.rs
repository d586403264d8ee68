//! JSON lines: one object a line, flat or nested as the API takes it.

use std::path::Path;

use serde_json::{Map, Value};

use super::{
    Chunk, FormatError, ReadOptions,
    lines::{self, LINE_BYTES_MAX, Line},
    table::{CHUNK_ROWS, Row, Rows},
};
use crate::Refusal;

/// # Errors
/// When the file can't be opened.
pub fn open(path: &Path, options: &ReadOptions) -> Result<Rows, FormatError> {
    let mut lines = lines::open(path)?;
    let (file, options) = (path.to_owned(), options.clone());
    Ok(Box::new(std::iter::from_fn(move || {
        let mut chunk = Chunk::default();
        while chunk.rows < CHUNK_ROWS {
            let line = match lines.read() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => return Some(Err(FormatError::io(&file, error))),
            };
            if line == Line::Text(Vec::new()) {
                continue;
            }
            chunk.rows += 1;
            match read(&line, &options) {
                Ok(row) => chunk.items.push((lines.number, row)),
                Err(detail) => chunk.refuse(lines.number, Refusal::new("unreadable", detail), None),
            }
        }
        (chunk.rows > 0).then_some(Ok(chunk))
    })))
}

fn read(line: &Line, options: &ReadOptions) -> Result<Row, String> {
    let bytes = match line {
        Line::Text(bytes) => bytes,
        Line::TooLong(n) => return Err(format!("the line has {n} bytes, at most {LINE_BYTES_MAX}")),
    };
    let row: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if options.map.is_empty() {
        return Ok(row);
    }
    Ok(row.into_iter().map(|(column, value)| (options.field(&column).to_owned(), value)).collect())
}
