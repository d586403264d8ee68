//! Bad input, kept as it came: to be read, fixed and replayed.

use domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Result;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quarantined {
    /// Given by the store, growing.
    pub id: u64,
    pub received_at: Timestamp,
    /// The stable code of the refusal, such as `missing_field`.
    pub code: String,
    pub detail: String,
    /// Where it came from: `api`, or a file and line.
    pub origin: String,
    /// The input as JSON, with personal identifiers already pseudonymised.
    pub raw: String,
}

pub trait Quarantine: Send + Sync {
    /// `id` of the given rows is ignored.
    fn put(&self, rows: &[Quarantined]) -> Result<()>;
    /// Oldest first, after the given id.
    fn list(&self, after: u64, limit: usize) -> Result<Vec<Quarantined>>;
    fn remove(&self, ids: &[u64]) -> Result<u64>;
    /// Rows by code, most frequent first.
    fn counts(&self) -> Result<Vec<(String, u64)>>;
}
