//! From data to a model whose quality is known: dataset, split, fit, evaluate; and for a shop from a position in its log
//! to a registered model, [`pipeline::run`].

pub mod auto;
pub mod beyond;
pub mod dataset;
pub mod evaluate;
pub mod groups;
mod memory;
pub mod metrics;
pub mod pipeline;
pub mod ratings;
pub mod reviews;
pub mod runs;
pub mod snapshot;
pub mod split;
pub mod tune;
