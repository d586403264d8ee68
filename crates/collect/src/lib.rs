//! Raw input to checked, deduplicated, identified, attributed events, each appended exactly once.
//!
//! [`Collector::accept`] is the door for live events and reads as the list of its steps. [`Collector::import`] is the
//! door for files, whose formats are one file each under [`formats`]. [`Projector`] folds what was committed into
//! profiles, live and by replay.

pub mod clock;
pub mod collector;
pub mod content;
pub mod formats;
pub mod import;
pub mod kinds;
pub mod projector;
pub mod raw;
pub mod refusal;
pub mod set_aside;

pub use collector::{Batch, Collector, Incoming, Rejection, Setup, Verdicts};
pub use formats::{Format, FormatError, ReadOptions, Source};
pub use import::{ImportError, ImportOptions, ImportReport};
pub use projector::{Fold, Projector};
pub use raw::{RawEvent, Reading};
pub use refusal::Refusal;
