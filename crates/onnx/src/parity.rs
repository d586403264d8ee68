//! Does the model say here what it said in the framework that trained it? Rows with the framework's own outputs are the
//! proof, and rows at the edges of what can happen show whether it stays finite.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result, Schema, Scorer};

/// Fewer rows prove little.
pub const PARITY_ROWS_MIN: usize = 10;
const PARITY_ROWS_MAX: usize = 100_000;
/// The column with the framework's output.
const SCORE: &str = "score";

/// Sample rows: the schema's columns, and the score that the framework gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Row after row in the schema's order of columns, NaN where a value is missing.
    pub values: Vec<f32>,
    pub scores: Vec<f32>,
}

/// How near the scores came to the framework's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parity {
    pub n_rows: usize,
    pub tolerance: f32,
    pub worst: Worst,
}

/// The row with the largest difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Worst {
    /// From 1.
    pub row: usize,
    pub got: f32,
    pub wanted: f32,
    /// `|got − wanted| / max(1, |wanted|)`
    pub difference: f32,
}

impl Rows {
    /// Reads JSON lines, or CSV with a header: a key or column a feature, and `score`; `null` or an empty cell is
    /// missing.
    ///
    /// # Errors
    /// When a row lacks a column or holds what is no number.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self> {
        let rows = if text.trim_start().starts_with('{') { json_lines(text, schema) } else { csv(text, schema) }?;
        match rows.scores.len() {
            PARITY_ROWS_MIN..=PARITY_ROWS_MAX => Ok(rows),
            n => Err(Error::Rows(format!("got {n}, wanted {PARITY_ROWS_MIN} to {PARITY_ROWS_MAX}"))),
        }
    }
}

fn json_lines(text: &str, schema: &Schema) -> Result<Rows> {
    let mut rows = Rows { values: Vec::new(), scores: Vec::new() };
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: Value = serde_json::from_str(line).map_err(|error| refused(i, &error.to_string()))?;
        for name in schema.columns() {
            rows.values.push(json_number(&row, name).map_err(|detail| refused(i, &detail))?);
        }
        rows.scores.push(scored(json_number(&row, SCORE)).map_err(|detail| refused(i, &detail))?);
    }
    Ok(rows)
}

fn json_number(row: &Value, name: &str) -> std::result::Result<f32, String> {
    match row.get(name) {
        None => Err(format!("lacks {name:?}; write null where a value is missing")),
        Some(Value::Null) => Ok(f32::NAN),
        Some(Value::Bool(flag)) => Ok(f32::from(u8::from(*flag))),
        Some(value) => {
            value.as_f64().map(|v| v as f32).ok_or_else(|| format!("has {value} for {name:?}, wanted a number"))
        }
    }
}

fn csv(text: &str, schema: &Schema) -> Result<Rows> {
    let bad = |error: csv::Error| Error::Rows(error.to_string());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(bad)?.clone();
    let place = |name: &str| {
        let found = header.iter().position(|column| column.trim() == name);
        found.ok_or_else(|| {
            Error::Rows(format!(
                "there is no column {name:?}; there are: {}",
                header.iter().collect::<Vec<_>>().join(", ")
            ))
        })
    };
    let places: Vec<usize> = schema.columns().map(place).collect::<Result<_>>()?;
    let score = place(SCORE)?;
    let mut rows = Rows { values: Vec::new(), scores: Vec::new() };
    for (i, row) in reader.records().enumerate() {
        let row = row.map_err(bad)?;
        let number = |column: usize| match row.get(column).map(str::trim).unwrap_or_default() {
            "" => Ok(f32::NAN),
            text => text.parse::<f32>().map_err(|_| format!("has {text:?} for {:?}, wanted a number", &header[column])),
        };
        for column in &places {
            rows.values.push(number(*column).map_err(|detail| refused(i + 1, &detail))?);
        }
        rows.scores.push(scored(number(score)).map_err(|detail| refused(i + 1, &detail))?);
    }
    Ok(rows)
}

fn scored(score: std::result::Result<f32, String>) -> std::result::Result<f32, String> {
    let finite =
        |score: f32| if score.is_finite() { Ok(score) } else { Err(format!("has {SCORE} {score}, wanted a number")) };
    score.and_then(finite)
}

/// `line` from 0.
fn refused(line: usize, detail: &str) -> Error {
    Error::Rows(format!("line {} {detail}", line + 1))
}

impl Scorer {
    /// Scores the rows and compares with what the framework gave.
    ///
    /// # Errors
    /// When a difference is beyond the tolerance, naming the row where it is largest.
    pub fn parity(&self, rows: &Rows) -> Result<Parity> {
        let scores = self.score(&rows.values)?;
        let compared = scores.iter().zip(&rows.scores).enumerate().map(|(i, (&got, &wanted))| Worst {
            row: i + 1,
            got,
            wanted,
            difference: (got - wanted).abs() / wanted.abs().max(1.0),
        });
        let worst = compared.max_by(|a, b| a.difference.total_cmp(&b.difference)).expect("rows are never empty");
        let tolerance = self.schema().tolerance;
        if worst.difference > tolerance {
            let Worst { row, got, wanted, difference } = worst;
            return Err(Error::Rows(format!(
                "row {row} scores {got} here and {wanted} there; the largest difference {difference:e} is beyond the \
                 tolerance {tolerance:e}; check the order of the features, their fills and the output column"
            )));
        }
        Ok(Parity { n_rows: scores.len(), tolerance, worst })
    }

    /// Scores rows at the edges: all missing, all at the lower or upper end of `ranges` (one a column), one column at
    /// a time at its end.
    ///
    /// # Errors
    /// When a score is not finite, saying for which row.
    pub fn endure(&self, ranges: &[[f32; 2]]) -> Result<()> {
        let names: Vec<&str> = self.schema().columns().collect();
        let edge = |end: usize| ranges.iter().map(|range| range[end]).collect::<Vec<f32>>();
        let mut rows = vec![
            ("all values missing".to_owned(), vec![f32::NAN; names.len()]),
            ("all values at their least".to_owned(), edge(0)),
            ("all values at their greatest".to_owned(), edge(1)),
        ];
        for (column, name) in names.iter().enumerate() {
            for value in ranges[column] {
                let mut row = vec![f32::NAN; names.len()];
                row[column] = value;
                rows.push((format!("{name} = {value} and the rest missing"), row));
            }
        }
        let values: Vec<f32> = rows.iter().flat_map(|(_, row)| row.iter().copied()).collect();
        let scores = self.compute(&values)?;
        match scores.iter().zip(&rows).find(|(score, _)| !score.is_finite()) {
            None => Ok(()),
            Some((score, (what, _))) => {
                Err(Error::Run(format!("it gives {score} with {what}; declare a fill, or clip inside the model")))
            }
        }
    }
}
