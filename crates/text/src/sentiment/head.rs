//! The head: fitted, calibrated and measured on labelled reviews, kept as JSON.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::calibration::{Measures, Platt};
use super::chunks::chunks;
use super::logistic::{Line, separating_line};
use super::{Rows, folds};
use crate::words::Language;
use crate::{Embeddings, Error, Sparse, TextEncoder, TfIdf, TfIdfOptions, Watch};

/// Strengths of the penalty that are tried, weakest penalty last.
const C: [f64; 6] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];
/// Words of a chunk: about 140 tokens of Spanish, well within what an encoder reads.
const CHUNK_WORDS: usize = 100;
/// Parts that take turns as the one that a head is judged on.
const FOLDS: usize = 5;
/// Fewer reviews of a side than this can't be told from luck.
pub const FEWEST: usize = 15;
const SEED: u64 = 42;

#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    #[error(
        "got {positive} positive and {negative} negative reviews with readable text, wanted at least {FEWEST} of each to learn from"
    )]
    TooFew { positive: usize, negative: usize },
    #[error(
        "a head fitted on {} positive and {} negative reviews guesses no better than their share does (log loss {:.3}, the share's {:.3}); \
         it needs more reviews, or labels that fit their texts", .0.n_positive, .0.n_negative, .0.log_loss, .0.base_log_loss
    )]
    NoBetterThanGuessing(Box<Measures>),
    #[error("the head was fitted on embeddings of `{wanted}`, got {got}; train it again")]
    OtherEncoder { wanted: String, got: String },
    #[error("the head is damaged: {0}; train it again")]
    Damaged(String),
    #[error(transparent)]
    Text(#[from] Error),
}

type Result<T, E = HeadError> = std::result::Result<T, E>;

/// What stars say of the text beside them: 1 – 2 negative, 4 – 5 positive; what lies between is both.
pub fn label_of(stars: f32) -> Option<bool> {
    match stars {
        stars if stars >= 4.0 => Some(true),
        stars if stars <= 2.0 => Some(false),
        _ => None,
    }
}

/// Reviews that are known to be positive or negative.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labelled {
    pub texts: Vec<String>,
    pub positive: Vec<bool>,
}

impl Labelled {
    pub fn push(&mut self, text: String, positive: bool) {
        self.texts.push(text);
        self.positive.push(positive);
    }
}

/// How a text becomes a row of numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// The mean of the embeddings of its chunks.
    Embeddings { encoder: String, width: usize, chunk_words: usize },
    /// Needs no model.
    TfIdf(TfIdf),
}

impl Reading {
    pub fn of_encoder(encoder: &dyn TextEncoder) -> Self {
        Self::Embeddings { encoder: encoder.id().to_owned(), width: encoder.width(), chunk_words: CHUNK_WORDS }
    }

    pub fn of_words(texts: &[impl AsRef<str> + Sync], language: Language) -> Self {
        // Characters also keep "no", "sin" and "bueno", which the stop list drops from the words.
        Self::TfIdf(TfIdf::fit(texts, TfIdfOptions { language, ..TfIdfOptions::default() }))
    }

    /// Names what reads: the encoder's id, or `tf-idf`.
    pub fn id(&self) -> &str {
        match self {
            Self::Embeddings { encoder, .. } => encoder,
            Self::TfIdf(_) => "tf-idf",
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Embeddings { width, .. } => *width,
            Self::TfIdf(tfidf) => tfidf.width(),
        }
    }

    /// The texts that have something to read, and a row for each of them.
    pub fn rows(
        &self,
        texts: &[&str],
        encoder: Option<&dyn TextEncoder>,
        watch: &dyn Watch,
    ) -> Result<(Vec<usize>, Rows)> {
        match self {
            Self::Embeddings { encoder: wanted, width, chunk_words } => {
                Ok(chunk_means(texts, *chunk_words, same(encoder, wanted, *width)?, watch)?)
            }
            Self::TfIdf(tfidf) => {
                let vectors: Vec<Sparse> = texts.par_iter().map(|text| tfidf.vector(text)).collect();
                let kept: Vec<usize> = (0..texts.len()).filter(|&text| !vectors[text].is_empty()).collect();
                let rows = vectors.into_iter().filter(|vector| !vector.is_empty()).collect();
                Ok((kept, Rows::Sparse { width: tfidf.width(), rows }))
            }
        }
    }
}

/// The encoder, if it is the one that is wanted.
fn same<'a>(encoder: Option<&'a dyn TextEncoder>, wanted: &str, width: usize) -> Result<&'a dyn TextEncoder> {
    let other = |got| HeadError::OtherEncoder { wanted: wanted.to_owned(), got };
    let encoder = encoder.ok_or_else(|| other("no encoder, since no text model is installed".to_owned()))?;
    match encoder.id() == wanted && encoder.width() == width {
        true => Ok(encoder),
        false => Err(other(format!("{} numbers of `{}`", encoder.width(), encoder.id()))),
    }
}

fn chunk_means(
    texts: &[&str],
    chunk_words: usize,
    encoder: &dyn TextEncoder,
    watch: &dyn Watch,
) -> crate::Result<(Vec<usize>, Rows)> {
    let chunks: Vec<Vec<String>> = texts.iter().map(|text| chunks(text, chunk_words)).collect();
    let all: Vec<&str> = chunks.iter().flatten().map(String::as_str).collect();
    let embeddings = encoder.encode(&all, watch)?;
    let kept: Vec<usize> = (0..texts.len()).filter(|&text| !chunks[text].is_empty()).collect();
    let mut rows = embeddings.rows();
    let mut values = Vec::with_capacity(kept.len() * embeddings.width);
    for &text in &kept {
        let of_text = rows.by_ref().take(chunks[text].len()).flatten().copied().collect();
        values.extend(Embeddings { width: embeddings.width, values: of_text }.mean());
    }
    Ok((kept, Rows::Dense(Embeddings { width: embeddings.width, values })))
}

/// A calibrated line over what a [`Reading`] makes of a text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Head {
    reading: Reading,
    line: Line,
    platt: Platt,
    /// Strength of the penalty, chosen by the measures below.
    c: f64,
    /// Out of fold: each review judged by a line and a calibration that did not see it.
    measures: Measures,
}

impl Head {
    /// Fits on embeddings, or on TF-IDF where there is no encoder.
    ///
    /// # Errors
    /// When there are too few reviews, or the head knows no more than how many of them are positive.
    pub fn fit(
        labelled: &Labelled,
        encoder: Option<&dyn TextEncoder>,
        language: Language,
        watch: &dyn Watch,
    ) -> Result<Self> {
        check_numbers(&labelled.positive)?;
        let reading = match encoder {
            Some(encoder) => Reading::of_encoder(encoder),
            None => Reading::of_words(&labelled.texts, language),
        };
        let texts: Vec<&str> = labelled.texts.iter().map(String::as_str).collect();
        let (kept, rows) = reading.rows(&texts, encoder, watch)?;
        let positive: Vec<bool> = kept.iter().map(|&text| labelled.positive[text]).collect();
        check_numbers(&positive)?;
        Self::fit_rows(reading, &rows, &positive, &folds(positive.len(), FOLDS, SEED))
    }

    /// The same over rows that are there, with the parts that take turns as the judged one.
    ///
    /// # Errors
    /// When the head knows no more than how many of them are positive.
    pub fn fit_rows(reading: Reading, rows: &Rows, positive: &[bool], folds: &[u32]) -> Result<Self> {
        let (c, values, measures) = C
            .par_iter()
            .map(|&c| {
                let values = out_of_fold(rows, positive, folds, c);
                let measures = Measures::of(&calibrated_out_of_fold(&values, positive, folds), positive);
                (c, values, measures)
            })
            .min_by(|(_, _, a), (_, _, b)| a.log_loss.total_cmp(&b.log_loss))
            .expect("penalties to choose from");
        let platt = Platt::fit(&values, positive);
        if measures.log_loss >= measures.base_log_loss || platt.slope <= 0.0 {
            return Err(HeadError::NoBetterThanGuessing(Box::new(measures)));
        }
        Ok(Self { reading, line: separating_line(rows, positive, c), platt, c, measures })
    }

    /// The probability that its writer is content, for each text; none for a text without a word that could be read.
    ///
    /// # Errors
    /// When the encoder is not the one that the head was fitted on, or fails.
    pub fn probabilities(
        &self,
        texts: &[&str],
        encoder: Option<&dyn TextEncoder>,
        watch: &dyn Watch,
    ) -> Result<Vec<Option<f32>>> {
        let (kept, rows) = self.reading.rows(texts, encoder, watch)?;
        let mut probabilities = vec![None; texts.len()];
        kept.iter().zip(self.probabilities_of_rows(&rows)).for_each(|(&text, p)| probabilities[text] = Some(p));
        Ok(probabilities)
    }

    pub fn probabilities_of_rows(&self, rows: &Rows) -> Vec<f32> {
        self.line.values(rows).into_iter().map(|value| self.platt.probability(value)).collect()
    }

    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    pub fn measures(&self) -> &Measures {
        &self.measures
    }

    pub fn c(&self) -> f64 {
        self.c
    }

    /// # Errors
    /// When it was fitted on what another encoder makes.
    pub fn check_reader(&self, encoder: Option<&dyn TextEncoder>) -> Result<()> {
        match &self.reading {
            Reading::Embeddings { encoder: wanted, width, .. } => same(encoder, wanted, *width).map(drop),
            Reading::TfIdf(_) => Ok(()),
        }
    }

    /// # Errors
    /// When a number is missing or is none.
    pub fn check(&self) -> Result<()> {
        if let Reading::TfIdf(tfidf) = &self.reading
            && let Some(problem) = tfidf.problem()
        {
            return Err(HeadError::Damaged(problem.to_owned()));
        }
        let (got, wanted) = (self.line.weights.len(), self.reading.width());
        if got != wanted {
            return Err(HeadError::Damaged(format!("got {got} weights, wanted {wanted}")));
        }
        let numbers = [self.line.bias, self.platt.slope, self.platt.offset];
        if !self.line.weights.iter().chain(&numbers).all(|x| x.is_finite()) {
            return Err(HeadError::Damaged("got a weight that is no number".to_owned()));
        }
        Ok(())
    }
}

fn check_numbers(positive: &[bool]) -> Result<()> {
    let n_positive = positive.iter().filter(|&&positive| positive).count();
    let negative = positive.len() - n_positive;
    match n_positive.min(negative) >= FEWEST {
        true => Ok(()),
        false => Err(HeadError::TooFew { positive: n_positive, negative }),
    }
}

/// The rows of a fold, and all others.
fn parts(folds: &[u32], fold: u32) -> (Vec<usize>, Vec<usize>) {
    (0..folds.len()).partition(|&row| folds[row] == fold)
}

fn distinct(folds: &[u32]) -> Vec<u32> {
    let mut distinct = folds.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

fn out_of_fold(rows: &Rows, positive: &[bool], folds: &[u32], c: f64) -> Vec<f32> {
    let of_fold = |fold: u32| {
        let (judged, others) = parts(folds, fold);
        let labels: Vec<bool> = others.iter().map(|&row| positive[row]).collect();
        let line = separating_line(&rows.select(&others), &labels, c);
        judged.into_iter().map(|row| (row, line.value(rows, row))).collect::<Vec<_>>()
    };
    let mut values = vec![0.0; positive.len()];
    let by_fold: Vec<_> = distinct(folds).into_par_iter().map(of_fold).collect();
    by_fold.into_iter().flatten().for_each(|(row, value)| values[row] = value);
    values
}

fn calibrated_out_of_fold(values: &[f32], positive: &[bool], folds: &[u32]) -> Vec<f32> {
    let mut probabilities = vec![0.0; values.len()];
    for fold in distinct(folds) {
        let (judged, others) = parts(folds, fold);
        let (values_of_others, labels): (Vec<f32>, Vec<bool>) =
            others.iter().map(|&row| (values[row], positive[row])).unzip();
        let platt = Platt::fit(&values_of_others, &labels);
        judged.into_iter().for_each(|row| probabilities[row] = platt.probability(values[row]));
    }
    probabilities
}
