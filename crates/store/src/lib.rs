//! What is kept, as traits, and the embedded engine behind them.
//!
//! Each trait is one need with one contract suite (`contract`, behind the feature of that name) that every
//! implementation passes, here and in `adapters`. A shop is a folder: [`embedded::Stores::shop`] opens all of one
//! shop's stores, so no key carries a tenant's name and none can leak.
//!
//! The event log is the truth. Profiles, lake and models can be rebuilt from it; catalogue, prices, user traits,
//! consents, settings and audit are written by people and services and live in SQL.

pub mod catalog;
#[cfg(feature = "contract")]
pub mod contract;
pub mod embedded;
pub mod event_log;
pub mod lake;
pub mod ledger;
pub mod prices;
pub mod profiles;
pub mod quarantine;
pub mod registry;
pub mod settings;
pub mod shop;
pub mod users;

pub use catalog::Catalog;
pub use event_log::{Appended, EventLog, Follower, Pending};
pub use lake::Lake;
pub use ledger::{AuditEntry, ConsentRecord, Ledger, Receipt};
pub use prices::Prices;
pub use profiles::Profiles;
pub use quarantine::{Quarantine, Quarantined};
pub use registry::{CurvePoint, FeatureImportance, Manifest, Registry};
pub use settings::Settings;
pub use shop::ShopStores;
pub use users::Users;

/// What can go wrong in a store, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk or the engine failed; what was asked did not happen, or may not have. Ask again once it is mended.
    #[error("{store} failed: {detail}")]
    Unavailable { store: &'static str, detail: String },
    /// The disk is full; what was asked did not happen. Free space, then ask again.
    #[error("{store} has no space left: {detail}")]
    Full { store: &'static str, detail: String },
    /// Stored bytes are not what was written. Restore them, or rebuild from the log what can be rebuilt.
    #[error("{store} holds damaged data at {place}: {detail}")]
    Corrupt { store: &'static str, place: String, detail: String },
    /// No such thing; the message names it and what there is.
    #[error("{0}")]
    NotFound(String),
    /// The request contradicts what is stored.
    #[error("{0}")]
    Conflict(String),
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;
