//! Columnar files of a table, for training and SQL. Written by export from the log, so always rebuildable.

use std::path::PathBuf;

use arrow::record_batch::RecordBatch;

use crate::Result;

/// A table is a folder of Parquet files with one schema.
pub trait Lake: Send + Sync {
    /// Writes one file, whose name ends in `.parquet`; it appears complete or not at all. Replaces a file of the same
    /// name. Answers its size in bytes.
    fn write(&self, table: &str, file: &str, batches: &[RecordBatch]) -> Result<u64>;
    /// File names of a table, sorted.
    fn files(&self, table: &str) -> Result<Vec<String>>;
    fn read(&self, table: &str, file: &str) -> Result<Vec<RecordBatch>>;
    fn remove(&self, table: &str, file: &str) -> Result<()>;
    /// Where a local SQL engine finds the table, when the lake is on this machine.
    fn local_path(&self, table: &str) -> Option<PathBuf>;
}
