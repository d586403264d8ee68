//! What products and reviews say: from text to vectors, and from vectors to the nearest products.
//!
//! - [`words`]: Spanish-aware terms of a text: stems, measures such as "1.5 L", stop words, language.
//! - [`TfIdf`]: sparse vectors over words and character n-grams. Needs no model and always works.
//! - [`nearest`]: exact search over both kinds of vectors, with filters asked inside the search.
//!
//! Pure compute: no HTTP, no clock. Vectors have length 1, so that a dot product is a cosine.
#![forbid(unsafe_code)]

pub mod nearest;
mod sparse;
mod tfidf;
pub mod words;

pub use nearest::{Nearest, Neighbour, Vectors};
pub use sparse::Sparse;
pub use tfidf::{TfIdf, TfIdfOptions};
