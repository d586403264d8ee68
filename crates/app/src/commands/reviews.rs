//! `vitrina reviews`: learns what good and bad reviews look like, and scores every product's.

use std::path::Path;

use ::text::{
    Watch,
    sentiment::{Head, Labelled, label_of},
};
use anyhow::{Context, bail};
use collect::{
    Reading,
    formats::{ReadOptions, detect, table, table::Row},
};
use domain::Timestamp;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::{api::Api, progress, say, say_json, train};
use crate::{cli::Reviews, config::Config, engine};

pub fn run(config: Config, reviews: Reviews, as_json: bool) -> anyhow::Result<()> {
    let head = reviews.from.as_ref().map(|file| fit(&config, file, &reviews)).transpose()?;
    let api = Api::open(&config)?;
    let answer = train::watched(&api, "/v1/reviews", &json!({ "head": head }))?;
    if as_json { say_json(&answer) } else { say(summary(&answer)) }
}

/// A head of the reviews in a file.
fn fit(config: &Config, file: &Path, reviews: &Reviews) -> anyhow::Result<Head> {
    let labelled = read(config, file, reviews)?;
    let encoder = engine::encoder(config)?;
    let bar = progress::bar(0, "learning sentiment");
    let head = Head::fit(&labelled, encoder.as_deref(), config.language(), &Shown(&bar));
    bar.finish_and_clear();
    head.with_context(|| format!("{}", file.display()))
}

fn read(config: &Config, file: &Path, reviews: &Reviews) -> anyhow::Result<Labelled> {
    let now = Timestamp::from_seconds(0);
    let reading = Reading { currency: config.shop.currency, zone: config.shop().zone(), received_at: now };
    let options = ReadOptions { map: reviews.map.clone(), ..ReadOptions::new(reading) };
    let mut labelled = Labelled::default();
    for chunk in table::open(file, detect::by_extension(file)?, &options)? {
        let chunk = chunk?;
        for bad in &chunk.refused {
            eprintln!("{}, row {}: {}; left out", file.display(), bad.row, bad.refusal);
        }
        for (number, row) in chunk.items {
            let label = label(&row).with_context(|| format!("{}, row {number}", file.display()))?;
            if let (Some(positive), Some(text)) = (label, row.get("text").and_then(Value::as_str)) {
                labelled.push(text.to_owned(), positive);
            }
        }
    }
    if labelled.texts.is_empty() {
        bail!("{}: got no labelled text, {WANTED}", file.display());
    }
    Ok(labelled)
}

const WANTED: &str =
    "wanted a column `text` beside `stars` (1 to 5) or `positive` (yes or no); name others with --map COLUMN=FIELD";

/// None for stars that say nothing, such as 3.
fn label(row: &Row) -> anyhow::Result<Option<bool>> {
    let cell = |name: &str| {
        row.get(name)
            .filter(|value| !value.is_null())
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    if let Some(positive) = cell("positive") {
        return match positive.trim().to_lowercase().as_str() {
            "yes" | "sí" | "si" | "true" | "1" | "positive" | "pos" => Ok(Some(true)),
            "no" | "false" | "0" | "negative" | "neg" => Ok(Some(false)),
            other => bail!("`positive` must be yes or no, got {other:?}"),
        };
    }
    let Some(stars) = cell("stars") else {
        bail!("got the columns {}, {WANTED}", row.keys().cloned().collect::<Vec<_>>().join(", "))
    };
    let stars: f32 = stars.trim().parse().with_context(|| format!("`stars` must be 1 to 5, got {stars:?}"))?;
    Ok(label_of(stars))
}

fn summary(answer: &Value) -> String {
    let number =
        |pointer: &str| answer.pointer(pointer).and_then(Value::as_f64).map_or("–".to_owned(), |x| format!("{x:.3}"));
    let count = |pointer: &str| answer.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let mut lines = vec![format!(
        "{} products with ratings or reviews, {} reviews scored, mean sentiment {}",
        count("/n_products"),
        count("/n_reviews"),
        number("/sentiment")
    )];
    if let Some(reads) = answer.pointer("/head/reads").and_then(Value::as_str) {
        lines.push(format!(
            "head over {reads}, of {} positive and {} negative reviews; out of fold: accuracy {}, macro-F1 {}, Brier {}, calibration error {}",
            count("/head/n_positive"),
            count("/head/n_negative"),
            number("/head/accuracy"),
            number("/head/macro_f1"),
            number("/head/brier"),
            number("/head/ece"),
        ));
    }
    let notices = answer["notices"].as_array().into_iter().flatten();
    lines.extend(notices.filter_map(|notice| notice["detail"].as_str()).map(|detail| format!("note: {detail}")));
    lines.join("\n")
}

/// How far an encoding is, as a bar.
struct Shown<'a>(&'a ProgressBar);

impl Watch for Shown<'_> {
    fn progress(&self, done: usize, of: usize) {
        self.0.set_length(of as u64);
        self.0.set_position(done as u64);
    }
}
