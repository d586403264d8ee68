//! Models that others trained (PyTorch, Keras, scikit-learn), brought as an ONNX file: pure compute, no IO.
//!
//! A [`Scorer`] is a graph and a [`Schema`] that says which column goes into which input and which output is the score.
//! It takes rows of columns (NaN where a value is missing) and gives one score a row; higher is better. What the columns
//! mean is the caller's business.
//!
//! Graphs run on [rten](https://docs.rs/rten), which knows the standard operators. What scikit-learn, LightGBM and
//! XGBoost export are operators of the domain `ai.onnx.ml` instead; [`lower`] rewrites these in standard ones.
//!
//! A graph is a program: rten keeps it from reading or writing anything but its own numbers, and [`limits`] from asking
//! for more memory than makes sense; how long it computes is not bounded. So bring only models that you trust.

mod limits;
mod lower;
mod parity;
mod schema;
mod scorer;
mod trees;

pub use parity::{PARITY_ROWS_MIN, Parity, Rows, Worst};
pub use schema::{CANDIDATES_MAX, Dim, Dtype, Input, Output, Schema};
pub use scorer::Scorer;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("the schema: {0}")]
    Schema(String),
    #[error("the model file: {0}")]
    File(String),
    #[error("the model uses operators that are not supported: {0}")]
    Operators(String),
    #[error("the model and its schema differ: {0}")]
    Mismatch(String),
    #[error("the parity rows: {0}")]
    Rows(String),
    #[error("the model failed: {0}")]
    Run(String),
}

pub type Result<T> = std::result::Result<T, Error>;
