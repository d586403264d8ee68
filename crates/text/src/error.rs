//! What can go wrong, one variant per thing the caller can do differently.

use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller fetches a model, or goes on with TF-IDF alone.
    #[error("no text model at {}: {wanted} is missing; fetch one, or go on with TF-IDF alone", folder.display())]
    NoModel { folder: PathBuf, wanted: &'static str },
    /// The caller fetches the model again.
    #[error("text model {}: {problem}", file.display())]
    Model { file: PathBuf, problem: String },
    /// The caller deletes the file; what it held is encoded again.
    #[error("embedding cache {}: {problem}", file.display())]
    Cache { file: PathBuf, problem: String },
    #[error("{}: {source}", file.display())]
    Io { file: PathBuf, source: std::io::Error },
    /// The caller asked for it.
    #[error("encoding was cancelled")]
    Cancelled,
}

impl Error {
    pub(crate) fn model(file: &Path, problem: impl std::fmt::Display) -> Self {
        Self::Model { file: file.to_owned(), problem: problem.to_string() }
    }

    pub(crate) fn cache(file: &Path, problem: impl std::fmt::Display) -> Self {
        Self::Cache { file: file.to_owned(), problem: problem.to_string() }
    }

    pub(crate) fn io(file: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { file: file.to_owned(), source }
    }
}
