//! Measurements of the running binary, from outside: each program starts `vitrina` on a folder of its own, speaks to it
//! over the loopback and reports what came back. Nothing here is linked against the engine.
//!
//! Two rules keep the figures honest. Load on serving is an open model: requests have a time at which they should go
//! out, and latency counts from there, so a server that stalls can't slow its own measurement down ([`load`]). And the
//! generator shares the machine with what it measures, so it is cheap (requests are built before, answers are read to
//! their status and length) and reports its own share of the work.
//!
//! Start reading at the programs in `bin/`; README.md has their commands and the figures of a real run.

pub mod figures;
pub mod http;
pub mod load;
pub mod options;
pub mod server;
pub mod sessions;
pub mod shop;
pub mod synthetic;
