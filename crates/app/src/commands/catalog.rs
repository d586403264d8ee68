//! `vitrina catalog`: how good the catalogue is.

use serde_json::Value;

use super::{api::Api, say, say_json};
use crate::{cli::Catalog, config::Config};

pub fn run(config: &Config, catalog: &Catalog, as_json: bool) -> anyhow::Result<()> {
    let Catalog::Check { hint, n } = catalog;
    let hint = hint.as_ref().map_or_else(String::new, |hint| format!("&hint={hint}"));
    let quality = Api::open(config)?.get(&format!("/v1/catalog/quality?limit={n}{hint}"))?;
    if as_json {
        return say_json(&quality);
    }
    say(format!(
        "{} of {} products have hints; {} products are listed more than once",
        quality["products_with_hints"], quality["products"], quality["duplicate_groups"]
    ))?;
    for (code, n) in quality["totals"].as_object().into_iter().flatten() {
        say(format!("{:>8}  {code}", n.to_string()))?;
    }
    for product in quality["data"].as_array().into_iter().flatten() {
        let text = |field: &str| product[field].as_str().unwrap_or("").to_owned();
        let hints: Vec<String> = product["hints"].as_array().into_iter().flatten().map(told).collect();
        say(format!("\n{}  {}\n    {}", text("product_id"), text("name"), hints.join("\n    ")))?;
    }
    if quality["next"].is_string() {
        say(format!("\nthese are the first {n}; ask for more with -n, or page through /v1/catalog/quality"))?;
    }
    Ok(())
}

/// `wrong_category: Mascotas (0.97)`.
fn told(hint: &Value) -> String {
    let code = hint["code"].as_str().unwrap_or("?");
    let duplicates: Vec<&str> = hint["duplicates"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match hint["category"].as_str() {
        Some(category) => format!("{code}: {category} ({:.2})", hint["confidence"].as_f64().unwrap_or(f64::NAN)),
        None if duplicates.is_empty() => code.to_owned(),
        None => format!("{code}: {}", duplicates.join(", ")),
    }
}
