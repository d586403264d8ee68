//! Candidate pairs by prefix filtering.
//!
//! Two vectors of length 1 whose cosine is at least t share a term among the rarest of each, those before the rest falls short of
//! length t: over the rest alone the cosine is below t (Bayardo, Ma and Srikant 2007; Chaudhuri, Ganti and Kaushik 2006). Only these terms
//! are indexed, and they are rare, so few pairs are ever looked at.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::Sparse;

/// Below this cosine of the words of two names no pair is looked at.
pub const COSINE_MIN: f32 = 0.5;

/// A term that more names share names a family rather than a product; within it a listing is compared only with as many neighbours in
/// price. This bounds the work for a catalogue of whatever names.
const WINDOW: usize = 256;

pub(super) fn candidates(words: &[Sparse], price: impl Fn(u32) -> Option<f64> + Sync) -> Vec<(u32, u32)> {
    let mut listings_of: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    let names_with = names_with(words);
    for (place, words) in words.iter().enumerate() {
        prefix(words, &names_with).for_each(|term| listings_of.entry(term).or_default().push(place as u32));
    }
    let mut pairs: Vec<(u32, u32)> = listings_of
        .into_par_iter()
        .flat_map_iter(|(_, mut listings)| {
            // Missing prices first; equals keep their order.
            listings.sort_by(|&a, &b| price(a).unwrap_or(0.0).total_cmp(&price(b).unwrap_or(0.0)));
            let near = |at: usize| (at + 1..listings.len().min(at + 1 + WINDOW)).map(move |other| (at, other));
            let ordered = |(a, b): (usize, usize)| (listings[a].min(listings[b]), listings[a].max(listings[b]));
            let similar = |&(a, b): &(u32, u32)| words[a as usize].dot(&words[b as usize]) >= COSINE_MIN;
            (0..listings.len()).flat_map(near).map(ordered).filter(similar).collect::<Vec<_>>()
        })
        .collect();
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}

fn names_with(words: &[Sparse]) -> FxHashMap<u32, u32> {
    let mut counts = FxHashMap::default();
    words.iter().flat_map(Sparse::entries).for_each(|&(term, _)| *counts.entry(term).or_default() += 1);
    counts
}

/// The rarest terms of a vector, until what is left is shorter than [`COSINE_MIN`].
fn prefix(words: &Sparse, names_with: &FxHashMap<u32, u32>) -> impl Iterator<Item = u32> {
    let mut terms = words.entries().to_vec();
    terms.sort_unstable_by_key(|&(term, _)| (names_with[&term], term));
    let mut rest: f32 = terms.iter().map(|(_, weight)| weight * weight).sum();
    terms.into_iter().map_while(move |(term, weight)| {
        // A little slack for rounding.
        let is_long = rest >= COSINE_MIN * COSINE_MIN - 1e-4;
        rest -= weight * weight;
        is_long.then_some(term)
    })
}
