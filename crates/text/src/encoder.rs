//! Sentence encoders: from a text to a point near texts that mean the same.

use crate::Result;

/// A pretrained encoder. One encoder gives one text the same embedding, up to rounding, whatever else is encoded with it.
pub trait TextEncoder: Send + Sync {
    /// Names model, weights and arithmetic: embeddings of different ids must never meet in one index.
    fn id(&self) -> &str;

    /// Numbers in an embedding.
    fn width(&self) -> usize;

    /// One embedding of length 1 for each text, in their order.
    fn encode(&self, texts: &[&str], watch: &dyn Watch) -> Result<Embeddings>;

    /// Of one text, such as a query.
    fn encode_one(&self, text: &str) -> Result<Vec<f32>> {
        Ok(self.encode(&[text], &Unwatched)?.values)
    }
}

/// Follows a long encoding and may end it. Called from many threads.
pub trait Watch: Sync {
    /// So many of so many texts are done.
    fn progress(&self, done: usize, of: usize);

    /// Asked between batches; `true` ends with `Error::Cancelled`.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Nobody follows, nothing cancels.
pub struct Unwatched;

impl Watch for Unwatched {
    fn progress(&self, _: usize, _: usize) {}
}

/// Rows of `width` numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Embeddings {
    pub width: usize,
    pub values: Vec<f32>,
}

impl Embeddings {
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// The mean of all: what every text of a shop has in common.
    pub fn mean(&self) -> Vec<f32> {
        let mut mean = vec![0.0; self.width];
        for row in self.rows() {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        let n = self.rows().len().max(1) as f32;
        mean.iter_mut().for_each(|x| *x /= n);
        mean
    }
}

/// `embedding − mean`, of length 1 again. Cosines of contrastive encoders crowd between 0.7 and 1; around the mean of a shop's own
/// texts they spread out, and only then are they worth adding to others.
pub fn centred(embedding: &[f32], mean: &[f32]) -> Vec<f32> {
    let mut centred: Vec<f32> = embedding.iter().zip(mean).map(|(x, m)| x - m).collect();
    normalize(&mut centred);
    centred
}

/// To length 1, unless all is zero.
pub(crate) fn normalize(x: &mut [f32]) {
    let norm = x.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 0.0 {
        x.iter_mut().for_each(|x| *x /= norm);
    }
}
