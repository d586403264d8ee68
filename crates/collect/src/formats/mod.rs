//! Files in, raw events, products and users out: one file per format, all of them iterators of chunks, so that a file
//! of any length is read in bounded memory.
//!
//! [`csv`], [`jsonl`] and [`parquet`] read any table as rows of named cells; [`table`] makes events, products and users
//! of such rows. [`online_retail`], [`complete_journey`] and [`retailrocket`] know one public data set each. A bad row is
//! handed on with its reason and the next one is read; only a file that can't be read any further is an error.

pub mod complete_journey;
pub mod csv;
pub mod detect;
pub mod jsonl;
pub mod lines;
pub mod online_retail;
pub mod orders;
pub mod parquet;
pub mod products;
pub mod retailrocket;
pub mod table;
pub mod users;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use domain::{EventKind, Product, UserTraits};
use serde_json::Value;

use crate::{RawEvent, Reading, Refusal};

/// What a file can be read as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Csv,
    Jsonl,
    Parquet,
    OnlineRetail,
    CompleteJourney,
    Retailrocket,
}

impl Format {
    pub const ALL: [Self; 6] =
        [Self::Csv, Self::Jsonl, Self::Parquet, Self::OnlineRetail, Self::CompleteJourney, Self::Retailrocket];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::OnlineRetail => "online_retail",
            Self::CompleteJourney => "complete_journey",
            Self::Retailrocket => "retailrocket",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = text.trim().to_ascii_lowercase().replace('-', "_");
        Self::ALL.into_iter().find(|format| format.as_str() == wanted).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("{text:?} is not a format; known are auto, {known}")
        })
    }
}

/// Why a file can't be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("{file}: {source}", file = file.display())]
    Io { file: PathBuf, source: std::io::Error },
    #[error("{file}, after row {row}: {detail}", file = file.display())]
    Damaged { file: PathBuf, row: u64, detail: String },
    #[error("{file}: {detail}", file = file.display())]
    Columns { file: PathBuf, detail: String },
    #[error("can't tell what {file} is: {detail}", file = file.display())]
    Unsure { file: PathBuf, detail: String },
}

impl FormatError {
    pub(crate) fn io(file: &Path, source: std::io::Error) -> Self {
        Self::Io { file: file.to_owned(), source }
    }

    pub(crate) fn columns(file: &Path, detail: impl Into<String>) -> Self {
        Self::Columns { file: file.to_owned(), detail: detail.into() }
    }
}

/// How to read a file.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    pub reading: Reading,
    /// `--map COLUMN=FIELD`: what the file calls `COLUMN` is our `FIELD`.
    pub map: Vec<(String, String)>,
    /// What happened, for tables of one kind of event that don't say.
    pub kind: Option<EventKind>,
}

impl ReadOptions {
    pub fn new(reading: Reading) -> Self {
        Self { reading, map: Vec::new(), kind: None }
    }

    /// What a column is called here.
    pub(crate) fn field<'a>(&'a self, column: &'a str) -> &'a str {
        self.map.iter().find(|(from, _)| from == column).map_or(column, |(_, to)| to)
    }

    pub(crate) fn check_map(&self, file: &Path, columns: &[String]) -> Result<(), FormatError> {
        match self.map.iter().find(|(from, _)| !columns.contains(from)) {
            Some((from, _)) => {
                let detail = format!("there is no column {from:?} to map; the columns are {}", columns.join(", "));
                Err(FormatError::columns(file, detail))
            }
            None => Ok(()),
        }
    }
}

/// A stretch of a file.
#[derive(Debug)]
pub struct Chunk<T> {
    /// Input rows read, whatever became of them.
    pub rows: u64,
    /// What they came to, each with the row it began at.
    pub items: Vec<(u64, T)>,
    /// Rows that can't be read, for quarantine.
    pub refused: Vec<BadRow>,
    /// Rows left out on purpose, by reason.
    pub skipped: BTreeMap<String, u64>,
}

impl<T> Default for Chunk<T> {
    fn default() -> Self {
        Self { rows: 0, items: Vec::new(), refused: Vec::new(), skipped: BTreeMap::new() }
    }
}

impl<T> Chunk<T> {
    pub(crate) fn skip(&mut self, reason: &str) {
        match self.skipped.get_mut(reason) {
            Some(n) => *n += 1,
            None => drop(self.skipped.insert(reason.to_owned(), 1)),
        }
    }

    pub(crate) fn refuse(&mut self, row: u64, refusal: Refusal, raw: Option<Value>) {
        self.refused.push(BadRow { row, refusal, raw });
    }
}

#[derive(Debug)]
pub struct BadRow {
    /// Line of a text file, row of a table; from 1.
    pub row: u64,
    pub refusal: Refusal,
    /// The row's cells, when it had any.
    pub raw: Option<Value>,
}

pub type Chunks<T> = Box<dyn Iterator<Item = Result<Chunk<T>, FormatError>> + Send>;

/// An opened file (or folder) of things of one sort.
pub struct Source<T> {
    pub format: Format,
    pub file: PathBuf,
    pub chunks: Chunks<T>,
}

impl Source<RawEvent> {
    /// Opens a file of events; without a format, [`detect::detect`] decides.
    ///
    /// # Errors
    /// When the file can't be opened, is not what it should be, or it is unclear what it is.
    pub fn events(path: &Path, format: Option<Format>, options: &ReadOptions) -> Result<Self, FormatError> {
        let format = format.map_or_else(|| detect::detect(path, options), Ok)?;
        let (file, chunks): (PathBuf, Chunks<RawEvent>) = match format {
            Format::OnlineRetail => online_retail::events(path)?,
            Format::CompleteJourney => complete_journey::events(path)?,
            Format::Retailrocket => retailrocket::events(path)?,
            Format::Csv | Format::Jsonl | Format::Parquet => {
                (path.to_owned(), table::events(table::open(path, format, options)?, options.clone()))
            }
        };
        Ok(Self { format, file, chunks })
    }
}

impl Source<Product> {
    /// Opens a catalogue: a table with Google Merchant Center's column names or ours, or that of a known data set.
    ///
    /// # Errors
    /// As for events.
    pub fn products(path: &Path, format: Option<Format>, options: &ReadOptions) -> Result<Self, FormatError> {
        let format = format.map_or_else(|| detect::detect_products(path), Ok)?;
        let (file, chunks) = match format {
            Format::OnlineRetail => products::online_retail(path, options)?,
            Format::CompleteJourney => products::complete_journey(path)?,
            Format::Retailrocket => {
                return Err(FormatError::columns(path, "Retailrocket's events come without a catalogue"));
            }
            Format::Csv | Format::Jsonl | Format::Parquet => {
                (path.to_owned(), products::from_table(table::open(path, format, options)?, options.clone()))
            }
        };
        Ok(Self { format, file, chunks })
    }
}

impl Source<(String, UserTraits)> {
    /// Opens a table of users: `user_id`, `segment`, `preferences`, and any other columns as attributes.
    ///
    /// # Errors
    /// As for events.
    pub fn users(path: &Path, format: Option<Format>, options: &ReadOptions) -> Result<Self, FormatError> {
        let format = format.map_or_else(|| detect::by_extension(path), Ok)?;
        let chunks = users::from_table(table::open(path, format, options)?);
        Ok(Self { format, file: path.to_owned(), chunks })
    }
}
