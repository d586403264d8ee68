//! The category of a product by its text, learned from the shop's own products.
//!
//! A [`Softmax`] over the words of a text, fitted several times, each time without one part of the products: so every product that has a
//! category also gets a prediction by a model that never saw it. These predictions calibrate the confidences by one temperature
//! (Guo et al. 2017) and tell which products stand in a category that their text denies. A new text gets the mean of all the models.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::softmax::{Softmax, SoftmaxOptions};
use crate::{Sparse, TfIdf, TfIdfOptions};

/// Parts of the products; each model learns from all but one.
const PARTS: usize = 4;
/// Products that a category needs to be learned.
const PRODUCTS_MIN: usize = 8;
/// Categories that are told apart, the largest first: what the memory of the weights grows with.
const CATEGORIES_MAX: usize = 256;

#[derive(Debug, Clone, PartialEq)]
pub struct Prediction<'a> {
    pub category: &'a str,
    /// Calibrated probability that it is right.
    pub confidence: f32,
}

/// What a shop's products say about categories.
pub struct Categories {
    names: Vec<String>,
    tfidf: TfIdf,
    models: Vec<Softmax>,
    temperature: f32,
    /// By place in the input: probabilities by the model that did not see the product.
    unseen: Vec<Option<Vec<f32>>>,
    own: Vec<Option<u32>>,
}

impl Categories {
    /// `own[i]` is the category of `texts[i]`, if it has one. `None` where fewer than two categories have products enough.
    pub fn fit(texts: &[&str], own: &[Option<&str>]) -> Option<Self> {
        Self::fit_with(texts, own, Self::text_options(), SoftmaxOptions::default())
    }

    /// Words alone: n-grams of characters cost twice the time and gained nothing (`docs/catalog.md`).
    pub fn text_options() -> TfIdfOptions {
        TfIdfOptions { character_weight: 0.0, ..TfIdfOptions::default() }
    }

    pub fn fit_with(texts: &[&str], own: &[Option<&str>], words: TfIdfOptions, head: SoftmaxOptions) -> Option<Self> {
        let names = learnable(own);
        if names.len() < 2 {
            return None;
        }
        let number: FxHashMap<&str, u32> =
            names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u32)).collect();
        let own: Vec<Option<u32>> = own.iter().map(|own| number.get(own.as_deref()?).copied()).collect();
        let tfidf = TfIdf::fit(texts, words);
        let rows: Vec<Sparse> = texts.par_iter().map(|text| tfidf.vector(text)).collect();
        let models: Vec<Softmax> = (0..PARTS)
            .into_par_iter()
            .map(|part| {
                let seen = own.iter().enumerate().filter(|(row, _)| row % PARTS != part);
                let (rows, classes): (Vec<&Sparse>, Vec<u32>) =
                    seen.filter_map(|(row, own)| Some((&rows[row], (*own)?))).unzip();
                Softmax::fit(&rows, &classes, tfidf.width(), names.len(), head)
            })
            .collect();
        let unseen_at = |temperature: f32| -> Vec<Option<Vec<f32>>> {
            let of = |row: usize| own[row].map(|_| models[row % PARTS].probabilities(&rows[row], temperature));
            (0..rows.len()).into_par_iter().map(of).collect()
        };
        let temperature = calibrated(&unseen_at(1.0), &own);
        let unseen = unseen_at(temperature);
        Some(Self { names, models, temperature, unseen, own, tfidf })
    }

    pub fn predict(&self, text: &str) -> Prediction<'_> {
        let row = self.tfidf.vector(text);
        let mut mean = vec![0.0; self.names.len()];
        for model in &self.models {
            let probabilities = model.probabilities(&row, self.temperature);
            mean.iter_mut().zip(probabilities).for_each(|(sum, p)| *sum += p / self.models.len() as f32);
        }
        self.best(&mean)
    }

    /// Of the product at this place in the input, by the model that did not see it, with the probability of its own category; `None` where it
    /// has no category that is learned.
    pub fn unseen(&self, place: usize) -> Option<(Prediction<'_>, f32)> {
        let probabilities = self.unseen[place].as_ref()?;
        Some((self.best(probabilities), probabilities[self.own[place]? as usize]))
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn best(&self, probabilities: &[f32]) -> Prediction<'_> {
        let best =
            (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).expect("two");
        Prediction { category: &self.names[best], confidence: probabilities[best] }
    }
}

/// Largest first, then by name.
fn learnable(own: &[Option<&str>]) -> Vec<String> {
    let mut counts: FxHashMap<&str, usize> = FxHashMap::default();
    own.iter().flatten().for_each(|name| *counts.entry(name).or_default() += 1);
    let mut names: Vec<_> = counts.into_iter().filter(|&(_, n)| n >= PRODUCTS_MIN).collect();
    names.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    names.into_iter().take(CATEGORIES_MAX).map(|(name, _)| name.to_owned()).collect()
}

/// The temperature under which what happened was likeliest, given probabilities at temperature 1: of a grid from ¼ to 4, finer than 5 %.
fn calibrated(unseen: &[Option<Vec<f32>>], own: &[Option<u32>]) -> f32 {
    let log_loss = |temperature: f32| -> f64 {
        let loss = |probabilities: &[f32], own: u32| {
            let power = |p: f32| f64::from(p.max(f32::MIN_POSITIVE)).powf(1.0 / f64::from(temperature));
            let sum: f64 = probabilities.iter().map(|&p| power(p)).sum();
            -(power(probabilities[own as usize]) / sum).ln()
        };
        let each = unseen.par_iter().zip(own).filter_map(|(p, own)| Some(loss(p.as_ref()?, (*own)?)));
        // Summed in their order, so that the choice does not follow from threads.
        each.collect::<Vec<f64>>().iter().sum()
    };
    let grid: Vec<(f32, f64)> = (-16..=16).map(|i| 2f32.powf(i as f32 / 8.0)).map(|t| (t, log_loss(t))).collect();
    grid.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(1.0, |&(temperature, _)| temperature)
}
