//! A BERT sentence encoder (Devlin et al. 2019; pooled as in Reimers and Gurevych 2019), run on the CPU.
//!
//! Texts are not padded: the tokens of a batch stand one after the other in one matrix, so every product is dense and a batch of titles
//! and descriptions costs what its tokens cost. Products are `rten-gemm`'s, in float32 or in int8; a batch runs on one thread, batches on all.

mod attention;
mod config;
mod dense;
mod folder;
mod network;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use tokenizers::{Encoding, Tokenizer};

use crate::encoder::{Embeddings, TextEncoder, Watch, normalize};
use crate::words::LONGEST_TEXT;
use crate::{Error, Result};
pub use config::{Manifest, Pooling};
use network::Network;

/// Tokens of a batch: enough to make products worth their overhead, few enough for its numbers to stay in the second cache.
const BATCH_TOKENS: usize = 256;
/// Texts between two questions whether to stop, so that tokens of a whole catalogue are never held at once.
const ROUND: usize = 2048;

/// Arithmetic of the matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    Float32,
    /// Weights in 8 bits with a scale for each output, inputs in 8 bits with a scale for each token: about three times as fast.
    #[default]
    Int8,
}

/// A model folder, loaded and checked.
pub struct Bert {
    id: String,
    manifest: Manifest,
    tokenizer: Tokenizer,
    network: Network,
}

impl Bert {
    /// Opens a folder in Hugging Face's layout with our `model.json` beside, and checks every file against the checksums in there.
    pub fn open(folder: &Path, precision: Precision) -> Result<Self> {
        let manifest = folder::manifest(folder)?;
        folder::verify(folder, &manifest)?;
        let config = folder::config(folder)?;
        let tokenizer = folder::tokenizer(folder, manifest.max_tokens.min(config.max_position_embeddings), &config)?;
        let network = Network::load(&folder.join(folder::WEIGHTS), &config, precision)?;
        let weights = &manifest.files[folder::WEIGHTS];
        let arithmetic = match precision {
            Precision::Float32 => "f32",
            Precision::Int8 => "int8",
        };
        let id = format!("{}-{}-{arithmetic}", manifest.id, &weights[..16]);
        Ok(Self { id, manifest, tokenizer, network })
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn tokens(&self, texts: &[&str]) -> Result<Vec<Encoding>> {
        let prefixed = texts.iter().map(|text| {
            let text = &text[..text.floor_char_boundary(LONGEST_TEXT)];
            format!("{}{text}", self.manifest.prefix)
        });
        let tokenizer = Path::new(folder::TOKENIZER);
        self.tokenizer.encode_batch_fast(prefixed.collect(), true).map_err(|error| Error::model(tokenizer, error))
    }

    /// One batch, on this thread: the network, then one row for each text.
    fn embed(&self, batch: &[&[u32]]) -> Vec<f32> {
        let width = self.network.width();
        let states = self.network.forward(batch);
        let mut embeddings = vec![0.0; batch.len() * width];
        let mut first = 0;
        for (tokens, embedding) in batch.iter().zip(embeddings.chunks_exact_mut(width)) {
            let states = &states[first * width..][..tokens.len() * width];
            first += tokens.len();
            match self.manifest.pooling {
                // The sum: the length is 1 in the end.
                Pooling::Mean => states.chunks_exact(width).for_each(|state| {
                    embedding.iter_mut().zip(state).for_each(|(sum, x)| *sum += x);
                }),
                Pooling::Cls => embedding.copy_from_slice(&states[..width]),
            }
            normalize(embedding);
        }
        embeddings
    }
}

impl TextEncoder for Bert {
    fn id(&self) -> &str {
        &self.id
    }

    fn width(&self) -> usize {
        self.network.width()
    }

    fn encode(&self, texts: &[&str], watch: &dyn Watch) -> Result<Embeddings> {
        let width = self.width();
        let mut values = vec![0.0; texts.len() * width];
        let done = AtomicUsize::new(0);
        for (texts_of_round, values) in texts.chunks(ROUND).zip(values.chunks_mut(ROUND * width)) {
            let encodings = self.tokens(texts_of_round)?;
            let tokens: Vec<&[u32]> = encodings.iter().map(Encoding::get_ids).collect();
            let order = longest_first(&tokens);
            let sorted: Vec<&[u32]> = order.iter().map(|&text| tokens[text]).collect();
            let embedded: Vec<Vec<f32>> = batches(&sorted)
                .into_par_iter()
                .map(|batch| {
                    if watch.cancelled() {
                        return Err(Error::Cancelled);
                    }
                    let embeddings = self.embed(batch);
                    watch.progress(done.fetch_add(batch.len(), Ordering::Relaxed) + batch.len(), texts.len());
                    Ok(embeddings)
                })
                .collect::<Result<_>>()?;
            let rows = embedded.iter().flat_map(|rows| rows.chunks_exact(width));
            for (text, row) in order.iter().zip(rows) {
                values[text * width..][..width].copy_from_slice(row);
            }
        }
        Ok(Embeddings { width, values })
    }
}

/// Long texts first, so that no thread is left with a long one at the end; texts of like length meet in one batch.
fn longest_first(tokens: &[&[u32]]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..tokens.len()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(tokens[text].len()));
    order
}

/// Neighbouring texts together, up to [`BATCH_TOKENS`]; a longer text is a batch of its own.
fn batches<'a, 'b>(texts: &'b [&'a [u32]]) -> Vec<&'b [&'a [u32]]> {
    let mut batches = Vec::new();
    let (mut first, mut n_tokens) = (0, 0);
    for (text, tokens) in texts.iter().enumerate() {
        if n_tokens > 0 && n_tokens + tokens.len() > BATCH_TOKENS {
            batches.push(&texts[first..text]);
            (first, n_tokens) = (text, 0);
        }
        n_tokens += tokens.len();
    }
    if first < texts.len() {
        batches.push(&texts[first..]);
    }
    batches
}
