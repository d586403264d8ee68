//! Who sees which variant, and what came of it. [`bandit`] is pure compute: no IO, no clock, randomness arrives as a seed; [`contents`] folds the log
//! into what the bandits learn from.

pub mod bandit;
pub mod contents;

pub use bandit::{Bandit, BanditError, Choice, Exploration, LinUcb, Policy, Thompson};
