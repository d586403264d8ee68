//! What happened, in money and in trouble. So far: the [`Tally`], running totals of a shop folded from the log.

mod tally;

pub use tally::{Day, Funnel, LiveTally, Tally};
