//! Where the texts of one shop lie: the one way to make [`Vectors`].

use models::linalg::{eigen_symmetric, gram, padded};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::encoder::{Embeddings, normalize};
use crate::{TfIdf, TfIdfOptions, Vectors};

/// How rare each term of the shop's texts is, and how its embeddings are spread. Fitted on the catalogue; new products are placed by
/// [`Space::vectors`] and change nothing, so it is worth fitting anew when a good part of the texts is new.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Space {
    words: TfIdf,
    spread: Spread,
}

impl Space {
    /// Share of the embeddings in a similarity. As the other numbers of [`Space::words_options`], chosen on 1,000 products of a
    /// Peruvian supermarket that the figures of the example `plazavea` are not of.
    pub const EMBEDDING_WEIGHT: f32 = 0.6;

    /// From all texts and the embeddings there are of them, in any order; those may be none.
    pub fn fit(texts: &[impl AsRef<str> + Sync], embeddings: &Embeddings) -> Self {
        Self { words: TfIdf::fit(texts, Self::words_options()), spread: Spread::of(embeddings) }
    }

    /// Rarity counts less than for keywords: a model number that two products share says little of what they are.
    fn words_options() -> TfIdfOptions {
        TfIdfOptions { character_weight: 0.7, rarity_power: 0.5, ..TfIdfOptions::default() }
    }

    /// Of any text, in the catalogue or not. `embedding` is the encoder's, empty where there is none.
    pub fn vectors(&self, text: &str, embedding: &[f32]) -> Vectors {
        Vectors { embedding: self.spread.apply(embedding), words: self.words.vector(text) }
    }

    /// Of many texts, on all cores.
    pub fn vectors_of_all(&self, texts: &[impl AsRef<str> + Sync], embeddings: &Embeddings) -> Vec<Vectors> {
        let row = |text: usize| if embeddings.width == 0 { &[][..] } else { embeddings.row(text) };
        (0..texts.len()).into_par_iter().map(|text| self.vectors(texts[text].as_ref(), row(text))).collect()
    }

    pub fn words(&self) -> &TfIdf {
        &self.words
    }

    /// Bytes that it takes in memory, about.
    pub fn size(&self) -> usize {
        self.words.size() + (self.spread.mean.len() + self.spread.map.len()) * size_of::<f32>()
    }
}

/// Texts that the spread of embeddings is believed by half at, for each number of an embedding.
const PRIOR_TEXTS: f64 = 1.0;
/// 1 would make all directions equal (whitening, Su et al. 2021), 0 none.
const POWER: f64 = 0.5;

/// `y = Λ^(−p/2) Q (x − μ)`, of length 1: the directions in which a shop's embeddings all lie count less (Mu and Viswanath 2018).
///
/// Cosines of contrastive encoders crowd between 0.7 and 1; only so spread out are they worth adding to others. The covariance QᵀΛQ is
/// shrunk towards a multiple of the identity where texts are few, so that a shop of ten products keeps its encoder's distances.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Spread {
    mean: Vec<f32>,
    /// A row for each number of y.
    map: Vec<f32>,
}

impl Spread {
    fn of(embeddings: &Embeddings) -> Self {
        let (width, n) = (embeddings.width, if embeddings.width == 0 { 0 } else { embeddings.rows().len() });
        if n == 0 {
            return Self { mean: Vec::new(), map: Vec::new() };
        }
        let mean = embeddings.mean();
        let eigen = eigen_symmetric(covariance(embeddings, &mean), width);
        let typical = eigen.values.iter().sum::<f64>() / width as f64;
        let prior = PRIOR_TEXTS * width as f64 / (PRIOR_TEXTS * width as f64 + n as f64);
        let scale = |value: f64| ((1.0 - prior) * value / typical + prior).max(f64::EPSILON).powf(-POWER / 2.0);
        let rows = eigen.vectors.chunks_exact(width).zip(&eigen.values);
        let map = rows.flat_map(|(row, &value)| row.iter().map(move |x| (x * scale(value)) as f32));
        // One text, or many equal ones: there is nothing to spread, and no mean that says anything.
        if typical > 0.0 { Self { mean, map: map.collect() } } else { Self { mean: Vec::new(), map: Vec::new() } }
    }

    fn apply(&self, embedding: &[f32]) -> Vec<f32> {
        if self.mean.is_empty() || embedding.is_empty() {
            return embedding.to_vec();
        }
        let centred: Vec<f32> = embedding.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        let rows = self.map.chunks_exact(centred.len());
        let mut y: Vec<f32> = rows.map(|row| dot(row, &centred)).collect();
        normalize(&mut y);
        y
    }
}

/// In sixteen sums side by side, since a single one may not be reordered.
fn dot(x: &[f32], y: &[f32]) -> f32 {
    let (x_whole, x_rest) = x.as_chunks::<16>();
    let (y_whole, y_rest) = y.as_chunks::<16>();
    let mut sums = [0f32; 16];
    for (x, y) in x_whole.iter().zip(y_whole) {
        (0..16).for_each(|lane| sums[lane] += x[lane] * y[lane]);
    }
    sums.iter().sum::<f32>() + x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum::<f32>()
}

fn covariance(embeddings: &Embeddings, mean: &[f32]) -> Vec<f64> {
    let (width, n) = (embeddings.width, embeddings.rows().len());
    let stride = padded(width);
    let mut centred = vec![0.0; n * stride];
    for (centred, row) in centred.chunks_exact_mut(stride).zip(embeddings.rows()) {
        centred.iter_mut().zip(row).zip(mean).for_each(|((y, x), mean)| *y = x - mean);
    }
    let sums = gram(&centred, stride);
    let rows = sums.chunks_exact(stride).take(width);
    rows.flat_map(|row| row[..width].iter().map(|sum| sum / n as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two numbers that vary much and together, two that vary little; not around 0.
    fn embeddings(n: usize) -> Embeddings {
        let wave = |i: usize, period: usize| ((i % period) as f32 / period as f32 - 0.5) * 2.0;
        let row = |i: usize| {
            let (a, b, c, d) = (wave(i, 7), wave(i, 9), wave(i, 11), wave(i, 13));
            [1.0 + a + 0.3 * b, 1.0 - a, 1.0 + 0.3 * c, 1.0 + 0.3 * d]
        };
        Embeddings { width: 4, values: (0..n).flat_map(row).collect() }
    }

    /// Eigenvalues of the covariance of what comes out before it is brought to length 1, largest by smallest.
    fn unevenness(embeddings: &Embeddings, spread: &Spread) -> f64 {
        let rows = embeddings.rows().flat_map(|row| {
            let centred: Vec<f32> = row.iter().zip(&spread.mean).map(|(x, mean)| x - mean).collect();
            spread.map.chunks_exact(4).map(move |map| dot(map, &centred)).collect::<Vec<f32>>()
        });
        let spread = Embeddings { width: 4, values: rows.collect() };
        let values = eigen_symmetric(covariance(&spread, &spread.mean()), 4).values;
        values.iter().fold(0.0, |most, &x| f64::max(most, x)) / values.iter().fold(f64::MAX, |least, &x| x.min(least))
    }

    #[test]
    fn embeddings_of_many_texts_are_half_whitened() {
        let many = embeddings(9009);
        let values = eigen_symmetric(covariance(&many, &many.mean()), 4).values;
        let (least, most) = values.iter().fold((f64::MAX, 0.0), |(least, most), &x| (x.min(least), f64::max(x, most)));
        let got = unevenness(&many, &Spread::of(&many));
        assert!((got / (most / least).sqrt() - 1.0).abs() < 0.02, "{got}, wanted the root of {}", most / least);
    }

    #[test]
    fn few_texts_keep_their_encoders_distances_and_one_text_everything() {
        let few = embeddings(2);
        let spread = Spread::of(&few);
        let scales: Vec<f32> = spread.map.chunks_exact(4).map(|row| dot(row, row).sqrt()).collect();
        assert!(scales.iter().all(|scale| (0.6..1.5).contains(scale)), "{scales:?}");
        for n in [0, 1] {
            assert_eq!(Spread::of(&embeddings(n)).apply(&[0.5, 0.5, 0.5, 0.5]), [0.5, 0.5, 0.5, 0.5]);
        }
        assert!(spread.apply(&[]).is_empty());
    }

    #[test]
    fn a_space_without_an_encoder_is_made_of_words() {
        let texts = ["leche gloria entera", "leche laive entera", "zapatillas nike"];
        let space = Space::fit(&texts, &Embeddings::default());
        let new = space.vectors("leche entera", &[]);
        assert!(new.embedding.is_empty() && !new.words.is_empty());
        assert!(space.size() > 0);
        let all = space.vectors_of_all(&texts, &Embeddings::default());
        assert_eq!(all[0], space.vectors(texts[0], &[]));
    }
}
