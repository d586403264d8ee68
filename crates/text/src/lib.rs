//! What products and reviews say: from text to vectors, and from vectors to the nearest products.
//!
//! - [`words`]: Spanish-aware terms of a text: stems, measures such as "1.5 L", stop words, language.
//! - [`Bert`]: a pretrained sentence encoder, from a model folder; the only dense vectors there are. [`cache`] keeps what it made.
//! - [`TfIdf`]: sparse vectors over words and character n-grams. Needs no model and always works.
//! - [`sentiment`]: how content the writer of a review is, and with what.
//! - [`Space`]: fitted on a shop's texts, makes both kinds of vectors of any text.
//! - [`nearest`]: search over both kinds of vectors, exact or through lists, with filters asked inside the search.
//! - [`Similar`]: the same by category, brand and price besides. [`interests()`]: what somebody likes, kept apart.
//! - [`Categories`]: the category of a product by its text.
//! - [`listings`]: which listings of a catalogue are one product.
//!
//! No HTTP, no clock, no environment; files are opened by `Bert::open`, `FileCache` and [`fetch`] alone. Vectors have length 1, so
//! that a dot product is a cosine.
#![forbid(unsafe_code)]

mod bert;
pub mod cache;
mod categories;
mod encoder;
mod error;
pub mod fetch;
mod interests;
pub mod listings;
pub mod nearest;
pub mod sentiment;
mod similar;
mod softmax;
mod space;
mod sparse;
mod tfidf;
pub mod words;

pub use bert::{Bert, Manifest, Pooling, Precision};
pub use categories::{Categories, Prediction};
pub use encoder::{Embeddings, TextEncoder, Unwatched, Watch, centred};
pub use error::{Error, Result};
pub use interests::{Interest, InterestOptions, Liked, interests};
pub use nearest::{Nearest, Neighbour, Vectors};
pub use similar::{Attributes, Parts, Similar, SimilarProduct};
pub use softmax::{Softmax, SoftmaxOptions};
pub use space::Space;
pub use sparse::Sparse;
pub use tfidf::{TfIdf, TfIdfOptions};
