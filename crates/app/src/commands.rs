//! What each word of the command line does.

mod api;
pub mod batch;
pub mod catalog;
pub mod compare;
pub mod demo;
pub mod doctor;
pub mod evaluate;
pub mod events;
pub mod import;
mod interrupt;
pub mod models;
mod progress;
pub mod recommend;
pub mod reviews;
pub mod search;
pub mod serve;
#[cfg(feature = "sql")]
pub mod sql;
pub mod text;
pub mod train;
pub mod tune;

use std::io::Write;

/// Writes to standard output; a closed pipe is an error that `main` understands.
fn say(text: impl std::fmt::Display) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string_pretty(value)?)
}
