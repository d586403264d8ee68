//! How events become numbers: one file per feature, the online fold and the offline column side by side.
//!
//! [`Profile`] is what we know of one user, folded from the log one event at a time. Every part of it is a sum, a
//! minimum or a maximum over events keyed by the time they happened, so the order of arrival does not matter, and it
//! remembers the log position it has seen, so a repeat does not matter either. Nothing here reads a clock: "now" is
//! an argument, so the same profile answers for any moment.
//!
//! Read [`profile`] first, then [`history`], which most of the engine lives on.

pub mod calendar;
pub mod counts;
pub mod history;
pub mod presence;
pub mod price_band;
pub mod profile;
pub mod spend;

pub use calendar::HoursOfWeek;
pub use counts::Counts;
pub use history::{History, HistoryEntry, Rated};
pub use price_band::PriceBand;
pub use profile::Profile;
