//! How events become numbers: one file per feature, the online fold and the offline column side by side.
//!
//! [`Profile`] is what we know of one user, [`ShopStats`] what we know of the products; both are folded from the log one
//! event at a time. Every part of them is a sum, a minimum or a maximum over events keyed by the time they happened, so
//! the order of arrival does not matter, and they remember the log position they have seen, so a repeat does not matter
//! either. Nothing here reads a clock: "now" is an argument, so the same profile answers for any moment.
//!
//! Each feature's file also has its [`Column`]: the same number as SQL over the tables of [`lake`]. `sql`'s parity test
//! holds the two together.
//!
//! Read [`profile`] first, then [`history`], which most of the engine lives on.

pub mod profile;

pub mod affinity;
pub mod calendar;
pub mod counts;
pub mod exposure;
pub mod history;
pub mod preferences;
pub mod presence;
pub mod price_band;
pub mod purchase_days;
pub mod spend;

pub mod product_stats;

pub mod popularity;
pub mod product_counts;
pub mod rating;
pub mod trend;

pub mod conversion;
pub mod deals;
pub mod price_index;
pub mod price_sensitivity;
pub mod replenishment;

pub mod ranking;
pub mod segments;

pub mod column;
pub mod lake;
pub mod training;

pub use affinity::affinity;
pub use calendar::HoursOfWeek;
pub use column::{Column, Parameters};
pub use conversion::Conversion;
pub use counts::Counts;
pub use deals::{Deal, PriceDrop, PriceHistory, PriceView};
pub use exposure::{Exposure, Shown};
pub use history::{History, HistoryEntry, Rated};
pub use preferences::{Declared, Preferences, Subject};
pub use price_band::PriceBand;
pub use price_index::PriceIndex;
pub use price_sensitivity::price_sensitivity;
pub use product_stats::{ProductStats, ShopStats};
pub use profile::Profile;
pub use purchase_days::PurchaseDays;
pub use replenishment::{Replenishment, Rhythm};
pub use segments::{Activity, Rfm};
pub use training::{Training, TrainingRow};
