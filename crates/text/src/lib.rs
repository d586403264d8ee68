//! What products and reviews say: from text to vectors, and from vectors to the nearest products.
//!
//! - [`words`]: Spanish-aware terms of a text: stems, measures such as "1.5 L", stop words, language.
//! - [`Bert`]: a pretrained sentence encoder, from a model folder; the only dense vectors there are. [`cache`] keeps what it made.
//! - [`TfIdf`]: sparse vectors over words and character n-grams. Needs no model and always works.
//! - [`Categories`]: the category of a product by its text.
//! - [`listings`]: which listings of a catalogue are one product.
//! - [`nearest`]: exact search over both kinds of vectors, with filters asked inside the search.
//!
//! No HTTP, no clock, no environment; files are opened by `Bert::open` and `FileCache` alone. Vectors have length 1, so
//! that a dot product is a cosine.
#![forbid(unsafe_code)]

mod bert;
pub mod cache;
mod categories;
mod encoder;
mod error;
pub mod listings;
pub mod nearest;
mod softmax;
mod sparse;
mod tfidf;
pub mod wheel;
pub mod words;

pub use bert::{Bert, Manifest, Pooling, Precision};
pub use categories::{Categories, Prediction};
pub use encoder::{Embeddings, TextEncoder, Unwatched, Watch, centred};
pub use error::{Error, Result};
pub use nearest::{Nearest, Neighbour, Vectors};
pub use softmax::{Softmax, SoftmaxOptions};
pub use sparse::Sparse;
pub use tfidf::{TfIdf, TfIdfOptions};
