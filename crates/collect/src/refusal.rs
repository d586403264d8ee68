//! Why one event or row was not accepted.

use domain::{IdError, MoneyError, event::EventError};

/// A stable code that callers switch on, and a sentence: what was got, what was wanted, what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refusal {
    pub code: &'static str,
    pub detail: String,
}

impl Refusal {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    pub fn missing(field: &str, what_to_do: &str) -> Self {
        Self::new("missing_field", format!("`{field}` is missing; {what_to_do}"))
    }

    pub fn wrong_type(field: &str, got: &str, wanted: &str) -> Self {
        Self::new("wrong_type", format!("`{field}` must be {wanted}, got {got}"))
    }

    pub fn out_of_range(field: &str, got: impl std::fmt::Display, wanted: &str) -> Self {
        Self::new("out_of_range", format!("`{field}` must be {wanted}, got {got}"))
    }
}

impl From<IdError> for Refusal {
    fn from(error: IdError) -> Self {
        Self::new("bad_id", error.to_string())
    }
}

impl From<MoneyError> for Refusal {
    fn from(error: MoneyError) -> Self {
        Self::new("bad_amount", error.to_string())
    }
}

impl From<EventError> for Refusal {
    fn from(error: EventError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
