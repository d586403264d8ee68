//! What can go wrong, one variant per thing the caller can do differently.

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller names another model.
    #[error("no model is called `{got}`; known: {known}{hint}")]
    UnknownModel { got: String, known: String, hint: String },
    /// The caller corrects an option.
    #[error("option `{key}` of {model}: got {got}, wanted {wanted}{hint}")]
    Option { model: &'static str, key: String, got: String, wanted: String, hint: String },
    /// The caller corrects the data.
    #[error("training data: {0}")]
    Data(String),
    /// The caller fetches the artifact again, or fits anew.
    #[error("saved model: {0}")]
    Artifact(String),
    /// The caller asked for it.
    #[error("fitting was cancelled")]
    Cancelled,
}
