//! Which listings of a catalogue are one product: the same thing from several sellers, or listed twice.
//!
//! 1. [`blocking`]: pairs whose names share enough rare words, found without looking at all pairs.
//! 2. [`evidence`]: what speaks for and against a pair: words,
//!    numbers with units, model codes, colours and sizes, where a name is cut, brand, price, seller.
//! 3. A logistic head, learned on labelled pairs of a Peruvian marketplace (`bench/listings`), makes a probability of it.
//! 4. [`groups`]: agglomeration by complete link, so that no chain of near misses pulls different products together.
//!
//! A variant (another colour, size or quantity) is another product. The same listings give the same groups, in whatever order they come.

mod blocking;
mod evidence;
mod groups;
mod reading;

use rayon::prelude::*;

use crate::Sparse;
use crate::tfidf::{TfIdfOptions, Vocabulary};
use crate::words::Language;
use reading::Reading;

pub use blocking::COSINE_MIN;
pub use evidence::{Evidence, HEAD, Head};
pub use reading::{is_cut, uncut};

/// One offer of a product, as far as duplicates show in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listing<'a> {
    pub name: &'a str,
    pub brand: Option<&'a str>,
    pub seller: Option<&'a str>,
    /// All in one currency; only ratios count.
    pub price: Option<f64>,
}

/// A catalogue's listings, read and weighed against each other. Listings are named by their place in the input.
pub struct Listings<'a> {
    listings: &'a [Listing<'a>],
    readings: Vec<Reading>,
    /// Words of each name by how rare they are; of length 1.
    words: Vec<Sparse>,
}

impl<'a> Listings<'a> {
    pub fn read(listings: &'a [Listing<'a>], language: Language) -> Self {
        let names: Vec<&str> = listings.iter().map(|listing| uncut(listing.name)).collect();
        let every_word = TfIdfOptions { min_texts: 1, ..TfIdfOptions::default() };
        let vocabulary = Vocabulary::of(&names, &every_word, |name| reading::stems(name, language));
        let read = |listing: &Listing| {
            let stems = reading::stems(uncut(listing.name), language);
            (Reading::of(listing.name, &stems), vocabulary.vector(stems))
        };
        let (readings, words) = listings.par_iter().map(read).unzip();
        Self { listings, readings, words }
    }

    /// Pairs that may be one product, each once with the smaller place first, in ascending order.
    pub fn candidates(&self) -> Vec<(u32, u32)> {
        blocking::candidates(&self.words, |place| self.listings[place as usize].price)
    }

    /// Cosine of the words of two names, rare words counting more.
    pub fn cosine(&self, a: u32, b: u32) -> f32 {
        self.words[a as usize].dot(&self.words[b as usize])
    }

    pub fn evidence(&self, a: u32, b: u32) -> Evidence {
        let side = |place: u32| {
            let place = place as usize;
            evidence::Side { listing: &self.listings[place], reading: &self.readings[place], words: &self.words[place] }
        };
        Evidence::of(side(a), side(b))
    }

    /// Groups of two and more, each ascending, in the order of their first members.
    pub fn groups(&self, head: &Head) -> Vec<Vec<u32>> {
        let probability = |a: u32, b: u32| head.probability(&self.evidence(a, b));
        let mut links: Vec<groups::Link> = self
            .candidates()
            .into_par_iter()
            .map(|(a, b)| groups::Link { a, b, probability: probability(a, b) })
            .filter(|link| link.probability >= head.threshold)
            .collect();
        groups::complete_link(&mut links, |a, b| probability(a, b) >= head.threshold)
    }
}

#[cfg(test)]
mod tests;
