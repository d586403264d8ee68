//! SQL over the lake: training snapshots, feature columns and whatever an analyst asks.
//!
//! The only crate that compiles DataFusion, so that everything else builds without it; `docs/decisions/0002-sql-engine.md`
//! says why, and what it costs. The texts that `features` ships run on any engine behind [`Sql`]; `tests/parity.rs` holds
//! their rows equal to the folds.

mod embedded;

use arrow::record_batch::RecordBatch;

pub use embedded::{EmbeddedSql, Options, Table};

/// An engine that answers a query over the lake's tables. It reads; it never changes anything.
pub trait Sql: Send + Sync {
    /// The rows. Blocks until all are there, so it is not for async tasks.
    ///
    /// # Errors
    /// [`SqlError::Refused`] when the text is wrong, the rest when the engine or the lake fails.
    fn query(&self, text: &str) -> Result<Vec<RecordBatch>, SqlError>;
}

/// What can go wrong, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// Mend the text.
    #[error("the query was refused: {detail}\ntables are:{tables}")]
    Refused {
        detail: String,
        /// A line each: name and columns.
        tables: String,
    },
    /// Ask for less at a time, or allow more memory.
    #[error("the query needs more than the {memory_bytes_max} bytes it may use: {detail}")]
    TooLarge { memory_bytes_max: usize, detail: String },
    /// A file of the lake is unreadable or the engine failed; export the lake again if it persists.
    #[error("the query failed: {0}")]
    Failed(String),
    /// The tables lie where this engine can't read them.
    #[error("table {table} is not on this machine; use the engine that runs beside the lake")]
    Remote { table: String },
}
