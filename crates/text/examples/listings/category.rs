//! Which category a title speaks of: chosen on nine tenths of the products, read on the last.

use std::time::Instant;

use anyhow::{Context, Result};
use rayon::prelude::*;
use text::{Categories, Nearest, SoftmaxOptions, TfIdf, TfIdfOptions, Vectors};

use crate::{Product, seconds};

/// Every tenth product, scattered by a multiplicative hash of its place, is held out.
fn is_test(place: usize) -> bool {
    (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 0xffff < 6554
}

pub fn figures(products: &[Product]) -> Result<()> {
    let (test, rest): (Vec<_>, Vec<_>) = products.iter().enumerate().partition(|&(place, _)| is_test(place));
    let titles: Vec<&str> = rest.iter().map(|(_, product)| product.title.as_str()).collect();
    let own: Vec<Option<&str>> = rest.iter().map(|(_, product)| Some(product.category.as_str())).collect();
    println!("\ncategories, {} products to choose on, {} to test:", rest.len(), test.len());
    choose(&titles, &own)?;

    let started = Instant::now();
    let categories = Categories::fit(&titles, &own).context("categories to tell apart")?;
    println!("  fitted in {:.1} s", seconds(started));
    let told: Vec<Told> = test
        .iter()
        .map(|(_, product)| {
            let prediction = categories.predict(&product.title);
            Told { own: &product.category, category: prediction.category, confidence: prediction.confidence }
        })
        .collect();
    println!("  test: accuracy {:.4}, macro-F1 {:.4}", accuracy(&told), macro_f1(&told, categories.names()));
    println!("  expected calibration error over ten bins {:.4}", calibration_error(&told));
    for least in [0.5, 0.7, 0.8, 0.9, 0.95] {
        let sure: Vec<Told> = told.iter().copied().filter(|told| told.confidence >= least).collect();
        let share = sure.len() as f64 / told.len() as f64;
        println!("  from {least:.2} on: {:.1} % are told, {:.4} of them right", 100.0 * share, accuracy(&sure));
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Told<'a> {
    own: &'a str,
    category: &'a str,
    confidence: f32,
}

/// Accuracies by models that did not see the product.
fn choose(titles: &[&str], own: &[Option<&str>]) -> Result<()> {
    let characters = TfIdfOptions { word_grams: 1..=1, ..TfIdfOptions::default() };
    let words = |grams: usize| TfIdfOptions { word_grams: 1..=grams, ..Categories::text_options() };
    let head = SoftmaxOptions::default();
    let heads = [
        ("single words", words(1), head),
        ("words and pairs", words(2), head),
        ("words and pairs, 4 epochs", words(2), SoftmaxOptions { epochs: 4, ..head }),
        ("words and pairs, penalty 1e-5", words(2), SoftmaxOptions { l2: 1e-5, ..head }),
        ("words and pairs, penalty 1e-4", words(2), SoftmaxOptions { l2: 1e-4, ..head }),
        ("words and characters", characters, head),
    ];
    for (name, words, head) in heads {
        let started = Instant::now();
        let categories = Categories::fit_with(titles, own, words, head).context("categories to tell apart")?;
        let told: Vec<Told> = (0..titles.len())
            .filter_map(|place| {
                let (prediction, _) = categories.unseen(place)?;
                Some(Told { own: own[place]?, category: prediction.category, confidence: prediction.confidence })
            })
            .collect();
        println!("  four folds, {name}: accuracy {:.4}, {:.1} s", accuracy(&told), seconds(started));
    }
    neighbours(titles, own);
    Ok(())
}

/// Of 2,000 products, each by its ten nearest among the others, voting with their similarity.
fn neighbours(titles: &[&str], own: &[Option<&str>]) {
    let tfidf = TfIdf::fit(titles, TfIdfOptions::default());
    let vectors: Vec<Vectors> =
        titles.par_iter().map(|title| Vectors { embedding: Vec::new(), words: tfidf.vector(title) }).collect();
    let mut nearest = Nearest::new(0, 0.0);
    vectors.iter().enumerate().for_each(|(place, vectors)| nearest.insert(place, vectors.clone()));
    let started = Instant::now();
    let sample: Vec<usize> = (0..titles.len()).step_by(titles.len() / 2000).collect();
    let told: Vec<Told> = sample
        .par_iter()
        .map(|&place| {
            let mut votes: Vec<(&str, f32)> = Vec::new();
            for near in nearest.neighbours(&vectors[place], 10, |other| *other != place) {
                let category = own[near.key].unwrap_or_default();
                match votes.iter_mut().find(|(name, _)| *name == category) {
                    Some((_, votes)) => *votes += near.similarity,
                    None => votes.push((category, near.similarity)),
                }
            }
            let best = votes.iter().max_by(|a, b| a.1.total_cmp(&b.1)).copied().unwrap_or_default();
            Told { own: own[place].unwrap_or_default(), category: best.0, confidence: best.1 }
        })
        .collect();
    println!("  ten nearest by TF-IDF, of {}: accuracy {:.4}, {:.1} s", told.len(), accuracy(&told), seconds(started));
}

fn accuracy(told: &[Told]) -> f64 {
    told.iter().filter(|told| told.own == told.category).count() as f64 / told.len() as f64
}

fn macro_f1(told: &[Told], names: &[String]) -> f64 {
    let f1 = |name: &String| {
        let count = |of: &dyn Fn(&Told) -> bool| told.iter().filter(|told| of(told)).count() as f64;
        let found = count(&|told| told.own == name && told.category == name);
        2.0 * found / (count(&|told| told.own == name) + count(&|told| told.category == name))
    };
    names.iter().map(f1).sum::<f64>() / names.len() as f64
}

/// Guo et al. 2017.
fn calibration_error(told: &[Told]) -> f64 {
    let bin = |told: &&Told| ((told.confidence * 10.0) as usize).min(9);
    (0..10)
        .map(|at| told.iter().filter(|told| bin(told) == at).copied().collect::<Vec<Told>>())
        .filter(|bin| !bin.is_empty())
        .map(|bin| {
            let confidence = bin.iter().map(|told| f64::from(told.confidence)).sum::<f64>() / bin.len() as f64;
            (confidence - accuracy(&bin)).abs() * bin.len() as f64 / told.len() as f64
        })
        .sum()
}
