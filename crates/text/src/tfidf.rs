//! TF-IDF over stems and character n-grams.
//!
//! Weights as in scikit-learn's `TfidfVectorizer(sublinear_tf=True)`: (1 + ln tf) · (ln((1 + n) / (1 + df)) + 1)^p with p = 1, rows of length 1.
//! Both families are brought to length 1 and then weighted, so that a dot product of two vectors is
//! `(1 − w) · cosine of words + w · cosine of characters`.

use std::ops::RangeInclusive;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::Sparse;
use crate::words::{self, Language};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TfIdfOptions {
    /// How many stems stand in one term.
    pub word_grams: RangeInclusive<usize>,
    /// How many characters stand in one term, within a word and the spaces around it.
    pub character_grams: RangeInclusive<usize>,
    /// Share of the characters in a similarity, 0 – 1; at 0 they cost nothing.
    pub character_weight: f32,
    /// Exponent of the inverse document frequency.
    pub rarity_power: f32,
    /// A term in fewer texts is left out.
    pub min_texts: u32,
    /// Of texts whose own is in doubt.
    pub language: Language,
}

impl Default for TfIdfOptions {
    fn default() -> Self {
        Self {
            word_grams: 1..=2,
            character_grams: 3..=5,
            character_weight: 0.5,
            rarity_power: 1.0,
            min_texts: 2,
            language: Language::Spanish,
        }
    }
}

/// Beyond this, n-grams are as rare as whole texts.
const LONGEST_GRAM: usize = 16;

/// The terms of a shop's texts and how rare each is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TfIdf {
    options: TfIdfOptions,
    words: Vocabulary,
    characters: Vocabulary,
}

impl TfIdf {
    /// Learns which terms there are and how rare each is.
    pub fn fit(texts: &[impl AsRef<str> + Sync], options: TfIdfOptions) -> Self {
        let words = Vocabulary::of(texts, &options, |text| word_grams(&stems(text, &options), &options));
        let characters = Vocabulary::of(texts, &options, |text| character_grams(text, &options));
        Self { words, characters, options }
    }

    /// Of length 1, or empty when no term of the text is known.
    pub fn vector(&self, text: &str) -> Sparse {
        let share = self.options.character_weight;
        let words = self.words.vector(word_grams(&stems(text, &self.options), &self.options));
        let characters = self.characters.vector(character_grams(text, &self.options));
        let first_character = self.words.len() as u32;
        let words = words.scaled_to((1.0 - share).sqrt());
        let characters = characters.scaled_to(share.sqrt());
        let shifted = characters.entries().iter().map(|&(term, weight)| (first_character + term, weight));
        Sparse::new(words.entries().iter().copied().chain(shifted).collect()).scaled_to(1.0)
    }

    /// The `n` words that say most about this text among all, best first, as the text has them.
    pub fn keywords(&self, text: &str, n: usize) -> Vec<String> {
        let terms = words::terms(text, language(text, &self.options));
        let weights = self.words.vector(terms.iter().map(|term| term.stem.clone()).collect());
        let mut ranked: Vec<_> = weights.entries().to_vec();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let surface = |index: u32| terms.iter().find(|term| self.words.index(&term.stem) == Some(index));
        ranked.iter().filter_map(|&(index, _)| surface(index)).map(|term| term.surface.to_string()).take(n).collect()
    }

    /// What is wrong with one that came from outside, if anything is.
    pub fn problem(&self) -> Option<&'static str> {
        let TfIdfOptions { word_grams, character_grams, character_weight, .. } = &self.options;
        if *word_grams.end() > LONGEST_GRAM || *character_grams.end() > LONGEST_GRAM {
            Some("its n-grams are too long")
        } else if !(0.0..=1.0).contains(character_weight) {
            Some("its share of the characters is not from 0 to 1")
        } else if !(self.words.is_numbered() && self.characters.is_numbered()) {
            Some("its terms are not numbered one by one, or weigh nothing")
        } else {
            None
        }
    }

    /// How many numbers a vector has, most of them zero.
    pub fn width(&self) -> usize {
        self.words.len() + self.characters.len()
    }

    /// Bytes that it takes in memory, about.
    pub fn size(&self) -> usize {
        self.words.size() + self.characters.size()
    }
}

/// A term's number and its inverse document frequency.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Vocabulary {
    terms: FxHashMap<Box<str>, (u32, f32)>,
}

impl Vocabulary {
    pub fn of<T: AsRef<str> + Sync>(
        texts: &[T],
        options: &TfIdfOptions,
        grams: impl Fn(&str) -> Vec<String> + Sync,
    ) -> Self {
        let counts = texts
            .par_iter()
            .fold(FxHashMap::<Box<str>, u32>::default, |mut counts, text| {
                let distinct: FxHashSet<String> = grams(text.as_ref()).into_iter().collect();
                distinct.into_iter().for_each(|gram| *counts.entry(gram.into()).or_default() += 1);
                counts
            })
            .reduce(FxHashMap::default, |mut all, counts| {
                counts.into_iter().for_each(|(gram, count)| *all.entry(gram).or_default() += count);
                all
            });
        let mut kept: Vec<_> = counts.into_iter().filter(|&(_, count)| count >= options.min_texts).collect();
        // The numbers of the terms follow from the texts alone, not from threads.
        kept.par_sort_unstable();
        let n = texts.len() as f64;
        let idf = |count: u32| ((((1.0 + n) / (1.0 + f64::from(count))).ln() + 1.0) as f32).powf(options.rarity_power);
        let numbered = kept.into_iter().enumerate();
        Self { terms: numbered.map(|(number, (term, count))| (term, (number as u32, idf(count)))).collect() }
    }

    fn len(&self) -> usize {
        self.terms.len()
    }

    fn size(&self) -> usize {
        self.terms.keys().map(|term| term.len() + size_of::<(Box<str>, (u32, f32))>()).sum()
    }

    fn is_numbered(&self) -> bool {
        let numbers: FxHashSet<u32> = self.terms.values().map(|&(number, _)| number).collect();
        numbers.len() == self.len()
            && self.terms.values().all(|&(number, idf)| (number as usize) < self.len() && idf.is_finite() && idf > 0.0)
    }

    fn index(&self, term: &str) -> Option<u32> {
        self.terms.get(term).map(|&(number, _)| number)
    }

    /// Of length 1, or empty.
    pub fn vector(&self, grams: Vec<String>) -> Sparse {
        let mut weights = FxHashMap::<u32, (f32, f32)>::default();
        for &(number, idf) in grams.iter().filter_map(|gram| self.terms.get(gram.as_str())) {
            weights.entry(number).or_insert((0.0, idf)).0 += 1.0;
        }
        Sparse::new(weights.into_iter().map(|(number, (tf, idf))| (number, (1.0 + tf.ln()) * idf)).collect())
            .scaled_to(1.0)
    }
}

fn language(text: &str, options: &TfIdfOptions) -> Language {
    Language::detect(text).unwrap_or(options.language)
}

fn stems(text: &str, options: &TfIdfOptions) -> Vec<String> {
    words::terms(text, language(text, options)).into_iter().map(|term| term.stem).collect()
}

fn word_grams(stems: &[String], options: &TfIdfOptions) -> Vec<String> {
    options.word_grams.clone().flat_map(|n| stems.windows(n.max(1))).map(|gram| gram.join(" ")).collect()
}

/// Of each word between spaces: `␣le lec ech che he␣` for "leche" and 3.
fn character_grams(text: &str, options: &TfIdfOptions) -> Vec<String> {
    let mut grams = Vec::new();
    if options.character_weight == 0.0 {
        return grams;
    }
    for word in words::plain(text).split(' ').filter(|word| !word.is_empty()) {
        let word: Vec<char> = [' '].into_iter().chain(word.chars()).chain([' ']).collect();
        for n in options.character_grams.clone() {
            grams.extend(word.windows(n.max(1)).map(|gram| gram.iter().collect::<String>()));
        }
    }
    grams
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLES: [&str; 8] = [
        "Leche Gloria Entera 1 L",
        "Leches Gloria enteras 1000 ml",
        "Leche Laive sin lactosa 1 L",
        "Zapatillas Nike Running Hombre",
        "Zapatilla Adidas para hombres Running",
        "Televisor LG 42\" Smart",
        "Televisor Samsung 42 pulgadas Smart",
        "Arroz Costeño 5 kg",
    ];

    #[test]
    fn weights_are_those_of_scikit_learn() {
        // TfidfVectorizer(sublinear_tf=True).fit(["rojo", "rojo azul", "azul verde verde"]).transform(["verde verde rojo"])
        let options =
            TfIdfOptions { word_grams: 1..=1, character_weight: 0.0, min_texts: 1, ..TfIdfOptions::default() };
        let tfidf = TfIdf::fit(&["rojo", "rojo azul", "azul verde verde"], options);
        let vector = tfidf.vector("verde verde rojo");
        let mut weights: Vec<f32> = vector.entries().iter().map(|&(_, weight)| weight).filter(|&w| w > 0.0).collect();
        weights.sort_by(f32::total_cmp);
        // tf = 1 + ln 2, idf = ln(4/2) + 1 for verde; 1 and ln(4/3) + 1 for rojo.
        let (verde, rojo) = ((1.0 + 2f32.ln()) * (2f32.ln() + 1.0), (4f32 / 3.0).ln() + 1.0);
        let norm = verde.hypot(rojo);
        assert_eq!(weights.len(), 2);
        assert!((weights[0] - rojo / norm).abs() < 1e-6 && (weights[1] - verde / norm).abs() < 1e-6, "{weights:?}");
    }

    #[test]
    fn spellings_of_one_product_are_nearest() {
        let tfidf = TfIdf::fit(&TITLES, TfIdfOptions { min_texts: 1, ..TfIdfOptions::default() });
        let vectors: Vec<Sparse> = TITLES.iter().map(|title| tfidf.vector(title)).collect();
        for (a, b) in [(0, 1), (3, 4), (5, 6)] {
            let nearest = (0..TITLES.len())
                .filter(|&i| i != a)
                .max_by(|&i, &j| vectors[a].dot(&vectors[i]).total_cmp(&vectors[a].dot(&vectors[j])));
            assert_eq!(nearest, Some(b), "{}", TITLES[a]);
        }
        assert!((vectors[0].norm() - 1.0).abs() < 1e-6);
        assert!(tfidf.vector("🎁").is_empty());
    }

    #[test]
    fn keywords_are_the_rare_words_as_written() {
        let tfidf = TfIdf::fit(&TITLES, TfIdfOptions { min_texts: 1, ..TfIdfOptions::default() });
        let mut keywords = tfidf.keywords("Leche Laive sin lactosa 1 L", 2);
        keywords.sort();
        assert_eq!(keywords, ["Laive", "lactosa"]);
        assert!(tfidf.keywords("", 5).is_empty());
    }
}
