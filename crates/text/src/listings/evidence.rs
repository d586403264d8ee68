//! What speaks for and against two listings being one product.

use super::Listing;
use super::reading::Reading;
use crate::{Sparse, words};

pub(super) struct Side<'a> {
    pub listing: &'a Listing<'a>,
    pub reading: &'a Reading,
    pub words: &'a Sparse,
}

/// Numbers between 0 and 1, in the order of [`Evidence::NAMES`].
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    pub values: [f32; Self::NAMES.len()],
    /// Two brands are stated and differ. No head has to learn this.
    pub brands_differ: bool,
}

/// Prices closer than this, as a share, are one price.
const SAME_PRICE: f64 = 0.005;
/// |ln| of a price ratio beyond which more says nothing more.
const PRICE_GAP_MAX: f64 = 1.0;
/// Where a price is not known: what candidate pairs of `plazavea` have on average. Silence about a price is no agreement.
const UNKNOWN_PRICE_GAP: f64 = 0.24;

impl Evidence {
    pub const NAMES: [&str; 7] = [
        "weight of words that the other lacks: the lesser side",
        "weight of words that the other lacks: the greater side",
        "each has numbers, codes or variants that the other lacks",
        "both names are cut, in words that differ",
        "distance of prices",
        "one seller",
        "one seller, but prices differ",
    ];

    /// Where the distance of prices stands.
    pub const PRICES: usize = 4;

    pub(super) fn of(a: Side, b: Side) -> Self {
        let (only_a, only_b) = (lacking(a.words, b.words), lacking(b.words, a.words));
        let prices = a.listing.price.zip(b.listing.price).filter(|(a, b)| *a > 0.0 && *b > 0.0);
        let distance = prices.map_or(UNKNOWN_PRICE_GAP, |(a, b)| (a / b).ln().abs());
        // What states no seller is the shop's own.
        let one_seller = a.listing.seller == b.listing.seller;
        let flag = |is: bool| f32::from(u8::from(is));
        let values = [
            only_a.min(only_b),
            only_a.max(only_b),
            flag(a.reading.contradicts(b.reading)),
            flag(a.reading.is_cut_apart(b.reading)),
            distance.min(PRICE_GAP_MAX) as f32,
            flag(one_seller),
            flag(one_seller && prices.is_some() && distance > SAME_PRICE),
        ];
        let brand = |side: &Side| side.listing.brand.map(words::plain).filter(|brand| !brand.is_empty());
        let brands_differ = brand(&a).zip(brand(&b)).is_some_and(|(a, b)| a != b);
        Self { values, brands_differ }
    }

    /// As a row for a [`Softmax`](crate::Softmax) of two classes, which is how heads are learned.
    pub fn row(&self) -> Sparse {
        Sparse::new(self.values.iter().enumerate().map(|(column, &x)| (column as u32, x)).collect())
    }
}

/// The share of `a`'s squared length that lies in terms which `b` lacks.
fn lacking(a: &Sparse, b: &Sparse) -> f32 {
    let has = |term: u32| b.entries().binary_search_by_key(&term, |&(term, _)| term).is_ok();
    a.entries().iter().filter(|&&(term, _)| !has(term)).map(|(_, weight)| weight * weight).sum()
}

/// A logistic head over [`Evidence`].
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    pub weights: [f32; Evidence::NAMES.len()],
    pub bias: f32,
    /// From this probability on, two listings are one product.
    pub threshold: f32,
}

impl Head {
    /// That both are one product.
    pub fn probability(&self, evidence: &Evidence) -> f32 {
        if evidence.brands_differ {
            return 0.0;
        }
        let z: f32 = self.weights.iter().zip(&evidence.values).map(|(w, x)| w * x).sum();
        1.0 / (1.0 + (-(z + self.bias)).exp())
    }
}

/// Learned on the part `choose` of `bench/listings/labels.csv`; the bench prints it and says when the library has another.
pub const HEAD: Head = Head { weights: [-6.01, -7.69, -4.4, -6.59, -6.51, -2.68, -2.97], bias: 2.33, threshold: 0.4 };
