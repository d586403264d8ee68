//! The labelled pairs, and how many pairs of the catalogue each stands for.

use anyhow::{Context, Result};
use text::listings::Listings;

use crate::Product;

/// Edges of the strata by cosine; each is split by whether the seller is the same.
const EDGES: [f32; 3] = [0.7, 0.85, 0.95];
const STRATA: usize = 2 * (EDGES.len() + 1);

pub struct Pair {
    pub a: u32,
    pub b: u32,
    pub same: bool,
    pub is_test: bool,
    pub stratum: usize,
    /// Candidate pairs of its stratum for each labelled one of its part.
    pub weight: f64,
}

pub struct Sample {
    pub pairs: Vec<Pair>,
}

impl Sample {
    pub fn read(path: &str, products: &[Product], listings: &Listings, candidates: &[(u32, u32)]) -> Result<Self> {
        let place = |id: &str| {
            let place = products.iter().position(|product| product.id == id);
            place.map(|place| place as u32).with_context(|| format!("{path}: no product {id}"))
        };
        let stratum = |a: u32, b: u32| {
            let cosine = listings.cosine(a, b);
            let same_seller = products[a as usize].seller == products[b as usize].seller;
            2 * EDGES.iter().filter(|&&edge| cosine >= edge).count() + usize::from(same_seller)
        };
        let mut pairs = Vec::new();
        for line in std::fs::read_to_string(path).context("reading the labels")?.lines().skip(1) {
            let [a, b, verdict, part] = line.split(',').collect::<Vec<_>>()[..] else {
                anyhow::bail!("{path}: wanted a,b,verdict,part, got {line:?}")
            };
            let (a, b) = (place(a)?, place(b)?);
            let (same, is_test) = (verdict == "same", part == "test");
            pairs.push(Pair { a, b, same, is_test, stratum: stratum(a, b), weight: 0.0 });
        }
        let mut population = [0.0; STRATA];
        candidates.iter().for_each(|&(a, b)| population[stratum(a, b)] += 1.0);
        let mut labelled = [[0.0; STRATA]; 2];
        pairs.iter().for_each(|pair| labelled[usize::from(pair.is_test)][pair.stratum] += 1.0);
        for pair in &mut pairs {
            pair.weight = population[pair.stratum] / labelled[usize::from(pair.is_test)][pair.stratum];
        }
        Ok(Self { pairs })
    }

    pub fn part(&self, is_test: bool) -> Vec<&Pair> {
        self.pairs.iter().filter(|pair| pair.is_test == is_test).collect()
    }
}

/// Right and wrong decisions, counted by whatever weight.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    found: f64,
    wrong: f64,
    missed: f64,
}

impl Counts {
    pub fn add(&mut self, same: bool, decided: bool, weight: f64) {
        match (same, decided) {
            (true, true) => self.found += weight,
            (false, true) => self.wrong += weight,
            (true, false) => self.missed += weight,
            (false, false) => {}
        }
    }

    pub fn precision(self) -> f64 {
        self.found / (self.found + self.wrong)
    }

    pub fn recall(self) -> f64 {
        self.found / (self.found + self.missed)
    }

    pub fn f1(self) -> f64 {
        2.0 * self.found / (2.0 * self.found + self.wrong + self.missed)
    }
}
