//! Things that learn from a dataset and score products.
//!
//! Pure compute: no file, socket, clock, environment or global randomness. Time arrives in the data or in the
//! [`History`], randomness as a seed, cancellation as a flag. One file per model; [`catalogue`] lists them all with
//! their options, and is where a new one is announced.
//!
//! Read next: [`Model`] (what every model can do), then `popular` (the smallest one), then `ials`.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod cold;
mod error;
pub mod factors;
mod features;
mod history;
mod interactions;
mod item_item;
mod local_gram;
mod model;
pub mod options;
mod pairwise;
pub mod rank;
mod ranking;
mod sessions;
mod sgd;
mod stopping;
mod tensors;
mod validation;
mod weighting;

pub mod bought_together;
pub mod bpr;
pub mod buy_again;
pub mod ease;
pub mod fm;
pub mod graph_filter;
mod gru4rec;
pub mod hybrid;
pub mod ials;
pub mod item2vec;
pub mod item_knn;
pub mod markov;
mod mult_vae;
mod neumf;
pub mod onboarding;
pub mod personal_top;
pub mod popular;
pub mod rp3beta;
mod sasrec;
pub mod slim;
pub mod svd;
pub mod tifu_knn;
pub mod trending;
pub mod vmis_knn;
pub mod warp;

pub mod linalg;
mod neural;

pub use error::{Error, Result};
pub use features::Features;
pub use history::{History, HistoryItem, decay};
pub use interactions::{Interaction, Interactions, Row};
pub use item_item::ItemItemModel;
pub use model::{Contribution, FitContext, Importance, Loss, Model, Neighbour, Progress, TrainingData};
pub use options::Options;
pub use ranking::Ranking;
pub use tensors::{Tensor, Tensors};
