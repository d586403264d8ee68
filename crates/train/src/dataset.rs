//! Interaction data to learn from and to measure on, whatever it looked like outside.
//!
//! A [`Dataset`] is a flat list of records with small user and item numbers, and what the format itself says is held
//! out. One file per format; [`Dataset::read`] picks by name. `split` turns it into training data and test cases.

mod events;
mod lightgcn;
mod ratings;
mod sessions;
mod table;

use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

/// One thing that a user did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record {
    pub user: u32,
    pub item: u32,
    /// Position in [`Dataset::event_types`].
    pub event_type: u8,
    pub weight: f32,
    /// Seconds since the epoch, or the position in the file where the format has order but no time.
    pub timestamp: i64,
}

/// What the format holds out by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum GivenTest {
    /// Nothing: the split has to be made.
    None,
    /// Records of the same users.
    Records(Vec<Record>),
    /// What a session held so far, and what came next.
    Prefixes(Vec<(Vec<u32>, u32)>),
}

/// All ratings, with the rating as weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratings {
    pub records: Vec<Record>,
    /// From here on a rating speaks for the product.
    pub min: f32,
}

impl Ratings {
    /// The records to rank by: what speaks for a product, each counting once.
    pub fn likings(&self, records: &[Record]) -> Vec<Record> {
        let likes = records.iter().filter(|r| r.weight >= self.min);
        likes.map(|r| Record { weight: 1.0, ..*r }).collect()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    pub name: String,
    pub format: &'static str,
    pub n_users: usize,
    pub n_items: usize,
    /// Outside names of users and items by number; empty where the format has numbers only.
    pub user_ids: Vec<String>,
    pub item_ids: Vec<String>,
    pub event_types: Vec<String>,
    pub records: Vec<Record>,
    pub given_test: GivenTest,
    /// Where people rate: `records` are the ratings that speak for a product.
    pub ratings: Option<Ratings>,
    /// Whether timestamps mean something.
    pub has_time: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error("no dataset format is called `{got}`, wanted one of {}", FORMATS.join(", "))]
    UnknownFormat { got: String },
    #[error("{}: {source}", path.display())]
    Open { path: PathBuf, source: std::io::Error },
    /// Names the file, the line, what was got and what was wanted.
    #[error("{}{}: got {got}, wanted {wanted}", path.display(), line.map(|n| format!(", line {n}")).unwrap_or_default())]
    Wrong { path: PathBuf, line: Option<usize>, got: String, wanted: String },
    /// The data is sound, but not what the split or the model needs.
    #[error("dataset {dataset}: {problem}")]
    Unfit { dataset: String, problem: String },
}

pub type Result<T, E = DatasetError> = std::result::Result<T, E>;

/// Names that [`Dataset::read`] knows.
pub const FORMATS: &[&str] = &["lightgcn", "sessions", "events", "ratings"];

/// How outside events become records.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadOptions {
    /// Weight of each event type; a type that is not listed weighs 1.
    pub event_weights: Vec<(String, f32)>,
    /// `ratings` only: lower ones are left out, they do not speak for the product.
    pub rating_min: f32,
}

impl Default for ReadOptions {
    fn default() -> Self {
        let weight = |name: &str, weight| (name.to_owned(), weight);
        Self {
            event_weights: vec![weight("view", 1.0), weight("add_to_cart", 3.0), weight("purchase", 5.0)],
            rating_min: 4.0,
        }
    }
}

impl ReadOptions {
    fn weight(&self, event_type: &str) -> f32 {
        self.event_weights.iter().find(|(name, _)| name == event_type).map_or(1.0, |(_, weight)| *weight)
    }
}

/// An event with its outside names, for whoever reads a format that is not listed here.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedRecord {
    pub user_id: String,
    pub item_id: String,
    pub event_type: String,
    /// Seconds since the epoch.
    pub timestamp: i64,
    pub weight: f32,
    pub is_test: bool,
}

impl Dataset {
    /// Reads a folder or file of one of the [`FORMATS`].
    pub fn read(format: &str, path: &Path, options: &ReadOptions) -> Result<Self> {
        match format {
            "lightgcn" => lightgcn::read(path),
            "sessions" => sessions::read(path),
            "events" => events::read(path, options),
            "ratings" => ratings::read(path, options),
            other => Err(DatasetError::UnknownFormat { got: other.to_owned() }),
        }
    }

    /// Numbers users, items and event types in order of appearance. Fails on weights that are not positive.
    pub fn from_records(
        name: &str,
        format: &'static str,
        named: impl IntoIterator<Item = NamedRecord>,
    ) -> Result<Self> {
        let (mut users, mut items, mut types) = (Numbering::default(), Numbering::default(), Numbering::default());
        let (mut records, mut test) = (Vec::new(), Vec::new());
        let mut has_time = false;
        for (position, row) in named.into_iter().enumerate() {
            let unfit = |problem: String| DatasetError::Unfit { dataset: name.to_owned(), problem };
            if !(row.weight > 0.0 && row.weight.is_finite()) {
                return Err(unfit(format!("record {position}: got weight {}, wanted a number > 0", row.weight)));
            }
            let event_type = u8::try_from(types.number(row.event_type))
                .map_err(|_| unfit("got more than 256 event types, wanted a handful".to_owned()))?;
            has_time |= row.timestamp != 0;
            let (user, item) = (users.number(row.user_id), items.number(row.item_id));
            let record = Record { user, item, event_type, weight: row.weight, timestamp: row.timestamp };
            if row.is_test { test.push(record) } else { records.push(record) }
        }
        Ok(Self {
            name: name.to_owned(),
            format,
            n_users: users.names.len(),
            n_items: items.names.len(),
            user_ids: users.names,
            item_ids: items.names,
            event_types: types.names,
            records,
            given_test: if test.is_empty() { GivenTest::None } else { GivenTest::Records(test) },
            ratings: None,
            has_time,
        })
    }
}

/// Outside names to small numbers, first come first served.
#[derive(Default)]
struct Numbering {
    names: Vec<String>,
    numbers: FxHashMap<String, u32>,
}

impl Numbering {
    fn number(&mut self, name: String) -> u32 {
        if let Some(&number) = self.numbers.get(&name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }
}

/// The last part of a path, without extension: what a dataset is called.
fn name_of(path: &Path) -> String {
    path.file_stem().map_or_else(|| "dataset".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| DatasetError::Open { path: path.to_owned(), source })
}

/// The whole numbers of a line, or an error that names it.
fn numbers<'a>(path: &'a Path, line: usize, text: &'a str) -> impl Iterator<Item = Result<u32>> + 'a {
    text.split_ascii_whitespace().map(move |word| {
        word.parse().map_err(|_| DatasetError::Wrong {
            path: path.to_owned(),
            line: Some(line),
            got: format!("`{word}`"),
            wanted: "a whole number from 0 to 4294967295".to_owned(),
        })
    })
}
