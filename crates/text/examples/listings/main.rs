//! Duplicate listings and category prediction on a marketplace's catalogue: every figure of `docs/catalog.md`.
//!
//! ```text
//! cargo run --release -p text --example listings -- PRODUCTS.jsonl bench/listings/labels.csv [MODEL_FOLDER CACHE_FOLDER]
//! ```
//!
//! A line of PRODUCTS is `{"id": …, "title": …, "category": …, "seller": …, "price": …}`. With a text model, it also tells what embeddings
//! would add. `bench/listings/run` makes the file and calls this.

mod category;
mod duplicates;
mod sample;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use text::cache::{FileCache, encode_cached};
use text::listings::{Evidence, HEAD, Listing, Listings};
use text::words::Language;
use text::{Bert, Precision, Unwatched, centred};

#[derive(serde::Deserialize)]
struct Product {
    id: String,
    title: String,
    category: String,
    seller: String,
    price: f64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (products, labels, model) = match &arguments[..] {
        [products, labels] => (products, labels, None),
        [products, labels, model, cache] => (products, labels, Some((model, cache))),
        _ => bail!("wanted PRODUCTS.jsonl LABELS.csv [MODEL_FOLDER CACHE_FOLDER]"),
    };
    let lines = std::fs::read_to_string(products).context("reading the products")?;
    let products = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Product>, _>>()?;
    let embeddings = model.map(|(model, cache)| embeddings(&products, model, cache)).transpose()?;

    let offers: Vec<Listing> = products.iter().map(listing).collect();
    let started = Instant::now();
    let listings = Listings::read(&offers, Language::Spanish);
    let candidates = listings.candidates();
    println!("{} listings: {} candidate pairs in {:.1} s", offers.len(), candidates.len(), seconds(started));
    let gap = |&(a, b): &(u32, u32)| f64::from(listings.evidence(a, b).values[Evidence::PRICES]);
    println!(
        "  distance of prices: {:.2} on average",
        candidates.iter().map(gap).sum::<f64>() / candidates.len() as f64
    );
    let sample = sample::Sample::read(labels, &products, &listings, &candidates)?;
    duplicates::head(&sample, &listings, embeddings.as_deref());
    duplicates::test(&sample, &listings);
    let started = Instant::now();
    let groups = Listings::read(&offers, Language::Spanish).groups(&HEAD);
    duplicates::groups(&groups, &products, seconds(started));
    category::figures(&products)
}

fn listing(product: &Product) -> Listing<'_> {
    Listing { name: &product.title, brand: None, seller: Some(&product.seller), price: Some(product.price) }
}

/// Around the mean of all.
fn embeddings(products: &[Product], model: &str, cache: &str) -> Result<Vec<Vec<f32>>> {
    let bert = Bert::open(Path::new(model), Precision::Int8)?;
    let titles: Vec<&str> = products.iter().map(|product| product.title.as_str()).collect();
    let embeddings = encode_cached(&bert, &mut FileCache::open(Path::new(cache), &bert)?, &titles, &Unwatched)?;
    let mean = embeddings.mean();
    Ok(embeddings.rows().map(|row| centred(row, &mean)).collect())
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
