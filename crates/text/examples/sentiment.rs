//! Judges reviews that `bench/sentiment/compare.py` drew, by the encoder and by TF-IDF; one line of JSON for each figure.
//!
//! ```text
//! cargo run --release -p text --example sentiment -- REVIEWS.jsonl MODEL_FOLDER CACHE_FOLDER
//! ```

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::json;
use text::cache::{FileCache, encode_cached};
use text::sentiment::{Head, Measures, Reading, Rows, folds};
use text::words::Language;
use text::{Bert, Embeddings, Precision, TextEncoder, Watch};

#[derive(Deserialize)]
struct Review {
    part: String,
    group: String,
    positive: bool,
    text: String,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [reviews, model, cache] = &arguments[..] else {
        anyhow::bail!("wanted REVIEWS.jsonl MODEL_FOLDER CACHE_FOLDER")
    };
    let lines = std::fs::read_to_string(reviews).context("reading the reviews")?;
    let reviews: Vec<Review> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let encoder = Bert::open(Path::new(model), Precision::Int8)?;
    let cache = FileCache::open(Path::new(cache), &encoder)?;
    let encoder = Cached(encoder, Mutex::new(cache));
    let start = Instant::now();
    let texts: Vec<&str> = reviews.iter().map(|review| review.text.as_str()).collect();
    let (kept, embedded) = Reading::of_encoder(&encoder).rows(&texts, Some(&encoder), &Shown)?;
    anyhow::ensure!(kept.len() == reviews.len(), "a review without a word");
    eprintln!("encoded in {:.1} s", start.elapsed().as_secs_f64());

    let products = part(&reviews, &["products"]);
    let guests = part(&reviews, &["hotels_train", "restaurants"]);
    let (hotels, test) = (part(&reviews, &["hotels_train"]), part(&reviews, &["hotels_test"]));
    for by in [By::Encoder(&embedded, &encoder), By::TfIdf] {
        let start = Instant::now();
        say(&reviews, &by, "products, category left out", &products, &leave_one_group_out(&reviews, &by, &products)?)?;
        let groups = groups(&reviews, &guests);
        let foreign = fit_and_judge(&reviews, &by, &guests, &groups, &products)?;
        say(&reviews, &by, "products by hotels and restaurants", &products, &foreign)?;
        let own = fit_and_judge(&reviews, &by, &hotels, &folds(hotels.len(), 5, 42), &test)?;
        say(&reviews, &by, "hotels", &test, &own)?;
        eprintln!("fitted in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

enum By<'a> {
    Encoder(&'a Rows, &'a dyn TextEncoder),
    TfIdf,
}

/// The probabilities of all reviews of each group by a head of the other groups, its penalty chosen among these.
fn leave_one_group_out(reviews: &[Review], by: &By, rows: &[usize]) -> Result<Vec<f32>> {
    let groups = groups(reviews, rows);
    let n_groups = groups.iter().max().map_or(0, |last| last + 1);
    let judged: Vec<Vec<(usize, f32)>> = (0..n_groups)
        .into_par_iter()
        .map(|group| {
            let (test, train): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|&at| groups[at] == group);
            let folds: Vec<u32> = train.iter().map(|&at| groups[at]).collect();
            let of = |ats: &[usize]| ats.iter().map(|&at| rows[at]).collect::<Vec<_>>();
            let probabilities = fit_and_judge(reviews, by, &of(&train), &folds, &of(&test))?;
            Ok(test.into_iter().zip(probabilities).collect())
        })
        .collect::<Result<_>>()?;
    let mut probabilities = vec![0.0; rows.len()];
    judged.into_iter().flatten().for_each(|(at, p)| probabilities[at] = p);
    Ok(probabilities)
}

fn fit_and_judge(reviews: &[Review], by: &By, train: &[usize], folds: &[u32], test: &[usize]) -> Result<Vec<f32>> {
    let positive: Vec<bool> = train.iter().map(|&row| reviews[row].positive).collect();
    let texts = |rows: &[usize]| rows.iter().map(|&row| reviews[row].text.as_str()).collect::<Vec<_>>();
    let (reading, train, test) = match by {
        By::Encoder(rows, encoder) => (Reading::of_encoder(*encoder), rows.select(train), rows.select(test)),
        By::TfIdf => {
            let reading = Reading::of_words(&texts(train), Language::Spanish);
            let rows = |of: &[usize]| {
                let (kept, rows) = reading.rows(&texts(of), None, &Shown)?;
                anyhow::ensure!(kept.len() == of.len(), "a review without a known word");
                Ok(rows)
            };
            let (train, test) = (rows(train)?, rows(test)?);
            (reading, train, test)
        }
    };
    let head = Head::fit_rows(reading, &train, &positive, folds)?;
    eprintln!("C {} out of fold: accuracy {:.3}", head.c(), head.measures().accuracy);
    Ok(head.probabilities_of_rows(&test))
}

fn say(reviews: &[Review], by: &By, task: &str, rows: &[usize], probabilities: &[f32]) -> Result<()> {
    let positive: Vec<bool> = rows.iter().map(|&row| reviews[row].positive).collect();
    let predicted: Vec<bool> = probabilities.iter().map(|&p| p >= 0.5).collect();
    let measures = Measures::of(probabilities, &positive);
    let by = match by {
        By::Encoder(..) => "Vitrina, encoder in int8",
        By::TfIdf => "Vitrina, TF-IDF",
    };
    let mut figure = serde_json::to_value(measures)?;
    figure["task"] = json!(task);
    figure["by"] = json!(by);
    figure["predicted"] = json!(predicted);
    println!("{figure}");
    Ok(())
}

fn part(reviews: &[Review], parts: &[&str]) -> Vec<usize> {
    (0..reviews.len()).filter(|&row| parts.contains(&reviews[row].part.as_str())).collect()
}

/// The groups of these rows as numbers from 0.
fn groups(reviews: &[Review], rows: &[usize]) -> Vec<u32> {
    let mut names: Vec<&str> = rows.iter().map(|&row| reviews[row].group.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let number = |name: &str| names.binary_search(&name).expect("a name from above") as u32;
    rows.iter().map(|&row| number(&reviews[row].group)).collect()
}

/// An encoder that keeps what it made, so that a second run takes seconds.
struct Cached(Bert, Mutex<FileCache>);

impl TextEncoder for Cached {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn width(&self) -> usize {
        self.0.width()
    }

    fn encode(&self, texts: &[&str], watch: &dyn Watch) -> text::Result<Embeddings> {
        encode_cached(&self.0, &mut *self.1.lock().expect("no panic before"), texts, watch)
    }
}

struct Shown;

impl Watch for Shown {
    fn progress(&self, done: usize, of: usize) {
        if done.is_multiple_of(500) {
            eprintln!("{done} of {of}");
        }
    }
}
