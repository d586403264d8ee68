//! What happened, in money and in trouble. The [`Tally`], running totals of a shop, and [`queries`], what was searched for; both folded from
//! the log.

pub mod queries;
mod tally;

pub use queries::LiveQueries;
pub use tally::{Day, Funnel, LiveTally, Tally};
