//! Full-text search over the catalogue: which products a shopper's words mean, best first.
//!
//! - [`Index`] follows the catalogue: [`Index::sync`] takes in what changed, [`Index::search`] never waits for it.
//! - `vocabulary` holds the catalogue's words and finds those that a mistyped or unfinished one may stand for.
//! - `plan` makes of a shopper's text what is looked for. The text is data: it has no operators and can't be wrong.
//!
//! What a term is, `text::words` alone decides, for products and queries alike: stems, accents, measures, stop words. Ranking is BM25
//! (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009; k1 1.2, b 0.75) by field, the best field of each word counting in
//! full. Personal taste is no business of this crate: `serve::search` reranks. No clock, no files: the catalogue is the truth and the index
//! is made anew from it at each start.
#![forbid(unsafe_code)]

mod document;
mod index;
mod plan;
mod vocabulary;

pub use index::{Changes, Found, Hit, Index, Matched};
pub use plan::{Corrected, QUERY_BYTES_MAX, WORDS_MAX};

#[derive(Debug, thiserror::Error)]
#[error("the search index: {0}")]
pub struct Error(#[from] tantivy::TantivyError);

pub type Result<T> = std::result::Result<T, Error>;
