//! `vitrina recommend`: one slate on the terminal.

use anyhow::Context;
use serde_json::{Value, json};

use super::{api::Api, say, say_json};
use crate::{cli::Recommend, config::Config};

pub fn run(config: Config, recommend: Recommend, as_json: bool) -> anyhow::Result<()> {
    let api = Api::open(&config)?;
    api.read_catalog()?;
    let plan = recommend
        .plan
        .as_ref()
        .map(|path| std::fs::read_to_string(path).with_context(|| format!("can't read the plan {}", path.display())));
    let plan = plan.transpose()?;
    let slate = api.post(
        "/v1/recommendations",
        &json!({
            "user_id": recommend.user,
            "placement": recommend.placement,
            "n": recommend.n,
            "product_ids": recommend.products,
            "filters": { "where": recommend.condition },
            "explain": recommend.explain,
            "plan": plan,
            "preview": true,
        }),
    )?;
    if as_json {
        return say_json(&slate);
    }
    say_slate(&slate)
}

/// The products of a slate as a table, with the parts of each score where they are told; notices go to standard error.
pub fn say_slate(slate: &Value) -> anyhow::Result<()> {
    for item in slate["items"].as_array().into_iter().flatten() {
        let text = |key: &str| item[key].as_str().unwrap_or("").to_owned();
        say(format!(
            "{:>3}  {:<12} {:<40} {:>12}  {:.4}  {}",
            item["position"].as_u64().unwrap_or(0),
            text("product_id"),
            text("name").chars().take(40).collect::<String>(),
            text("price"),
            item["score"].as_f64().unwrap_or(0.0),
            item["reason"]["text"].as_str().unwrap_or(""),
        ))?;
        for part in item["parts"].as_array().into_iter().flatten() {
            let seed = part["seed_product_name"].as_str().or(part["seed_product_id"].as_str()).unwrap_or("");
            say(format!(
                "       {:+.4}  {} {seed}",
                part["value"].as_f64().unwrap_or(0.0),
                part["name"].as_str().unwrap_or("")
            ))?;
        }
    }
    for notice in slate["notices"].as_array().into_iter().flatten() {
        eprintln!("notice: {}", notice["detail"].as_str().unwrap_or(""));
    }
    Ok(())
}
