//! Who sees which variant, and what came of it. Pure compute: no IO, no clock; randomness arrives as a seed.

pub mod bandit;

pub use bandit::{Bandit, BanditError, Choice, Exploration, LinUcb, Policy, Thompson};
