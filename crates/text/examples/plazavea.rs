//! Similar products on the catalogue of a Peruvian supermarket: same-category rate at 10 by TF-IDF, by BERT, and by both.
//!
//! ```text
//! cargo run --release -p text --example plazavea -- PRODUCTS.jsonl MODEL_FOLDER CACHE_FOLDER [f32]
//! ```
//!
//! A line of PRODUCTS is `{"title": …, "category": …}`. Categories are not part of any text. The constants of `Space`
//! were chosen on 1,000 products; the first figures are of 1,000 others, both drawn by a seed.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use rayon::prelude::*;
use text::cache::{FileCache, encode_cached};
use text::{Bert, Nearest, Precision, Space, TextEncoder, Vectors, Watch};

const SAMPLE: usize = 1000;
const NEIGHBOURS: usize = 10;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [products, model, cache, precision @ ..] = &arguments[..] else {
        anyhow::bail!("wanted PRODUCTS.jsonl MODEL_FOLDER CACHE_FOLDER [f32]")
    };
    let precision = if precision.is_empty() { Precision::Int8 } else { Precision::Float32 };
    let (titles, categories) = read(products)?;

    let start = Instant::now();
    let bert = Bert::open(Path::new(model), precision)?;
    println!("{}: opened in {:.1} s", bert.id(), start.elapsed().as_secs_f64());
    let start = Instant::now();
    let mut cache = FileCache::open(Path::new(cache), &bert)?;
    let n_cached = cache.len();
    let texts: Vec<&str> = titles.iter().map(String::as_str).collect();
    let embeddings = encode_cached(&bert, &mut cache, &texts, &Shown)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("encoded {} of them in {seconds:.1} s; {}", cache.len() - n_cached, memory());

    let start = Instant::now();
    let space = Space::fit(&titles, &embeddings);
    let vectors = space.vectors_of_all(&titles, &embeddings);
    let (seconds, megabytes) = (start.elapsed().as_secs_f64(), space.size() >> 20);
    println!("{} titles, {} terms: a space of {megabytes} MB in {seconds:.1} s", titles.len(), space.words().width());
    let (tuning, test) = samples(titles.len());
    let both = Space::EMBEDDING_WEIGHT;
    println!(
        "same category at {NEIGHBOURS}: of {SAMPLE} products, and of {SAMPLE} others that constants were chosen on"
    );
    for (name, weight, expansion) in
        [("TF-IDF", 0., 0), ("BERT", 1., 0), ("both", both, 0), ("both, expanded", both, 5)]
    {
        let rate = |sample| same_category_rate(&vectors, &categories, weight, expansion, sample);
        println!("  {name:<14} {:.4} {:.4}", rate(&test), rate(&tuning));
    }

    let mut nearest = Nearest::new(bert.width(), both);
    vectors.iter().enumerate().for_each(|(product, vectors)| nearest.insert(product, vectors.clone()));
    let start = Instant::now();
    test.iter().for_each(|&product| drop(nearest.neighbours(&vectors[product], NEIGHBOURS, |_| true)));
    println!("one search over {}: {:.2} ms", nearest.len(), start.elapsed().as_secs_f64() * 1000.0 / SAMPLE as f64);
    let start = Instant::now();
    let all = nearest.neighbours_of_many(&vectors, NEIGHBOURS, |query, other| *other != query);
    println!("neighbours of all {}: {:.1} s", all.len(), start.elapsed().as_secs_f64());
    let start = Instant::now();
    for product in &test[..50] {
        bert.encode_one(&titles[*product])?;
    }
    println!("one query encoded: {:.1} ms", start.elapsed().as_secs_f64() * 20.0);
    Ok(())
}

/// The mean share of a product's ten nearest that are of its category, itself left out.
fn same_category_rate(
    vectors: &[Vectors],
    categories: &[String],
    weight: f32,
    expansion: usize,
    sample: &[usize],
) -> f64 {
    let mut nearest = Nearest::new(vectors[0].embedding.len(), weight);
    vectors.iter().enumerate().for_each(|(product, vectors)| nearest.insert(product, vectors.clone()));
    let same: usize = sample
        .par_iter()
        .map(|&product| {
            let query = nearest.expanded(&vectors[product], expansion, |other| *other != product);
            let found = nearest.neighbours(&query, NEIGHBOURS, |other| *other != product);
            found.iter().filter(|found| categories[found.key] == categories[product]).count()
        })
        .sum();
    same as f64 / (sample.len() * NEIGHBOURS) as f64
}

/// Two samples that share no product, drawn by a multiplicative generator of fixed seed.
fn samples(n: usize) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..n).collect();
    let mut state = 20_241_112u64;
    for i in (1..n).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(i, (state >> 33) as usize % (i + 1));
    }
    (order[..SAMPLE].to_vec(), order[SAMPLE..2 * SAMPLE].to_vec())
}

fn read(products: &str) -> Result<(Vec<String>, Vec<String>)> {
    #[derive(serde::Deserialize)]
    struct Product {
        title: String,
        category: String,
    }
    let lines = std::fs::read_to_string(products).context("reading the products")?;
    let products = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Product>, _>>()?;
    Ok(products.into_iter().map(|product| (product.title, product.category)).unzip())
}

struct Shown;

impl Watch for Shown {
    fn progress(&self, done: usize, of: usize) {
        if done.is_multiple_of(1000) {
            eprintln!("{done} of {of}");
        }
    }
}

/// Resident now and at most, as Linux tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
