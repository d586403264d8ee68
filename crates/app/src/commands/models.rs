//! `vitrina models`: the registry.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use features::ranking;
use models::catalogue::{self, ModelSpec};
use serde_json::{Value, json};
use store::CurvePoint;
use train::tune::loss_curves;

use super::{api::Api, say, say_json};
use crate::{cli::Models, config::Config};

pub fn run(config: Config, models: Models, as_json: bool) -> anyhow::Result<()> {
    let api = || Api::open(&config);
    match models {
        Models::Features => features(as_json),
        Models::Import { model, schema, parity, base } => {
            let text = |path: &Path| fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()));
            let bytes = fs::read(&model).with_context(|| format!("can't read {}", model.display()))?;
            let (schema, parity) = (text(&schema)?, text(&parity)?);
            let body = json!({ "model": STANDARD.encode(bytes), "schema": schema, "parity": parity, "base": base });
            imported(&api()?.post("/v1/models/import", &body)?, as_json)
        }
        Models::Options { model } => options(catalogue::find(&model)?, as_json),
        Models::List => {
            let list = api()?.get("/v1/models")?;
            if as_json {
                return say_json(&list);
            }
            for manifest in list["data"].as_array().into_iter().flatten() {
                let mark = if manifest["version"] == list["champion"] { '*' } else { ' ' };
                let ndcg = manifest["metrics"]["ndcg@20"].as_f64().unwrap_or(f64::NAN);
                let names: Vec<&str> =
                    manifest["models"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let scorer = scorer(manifest).map_or_else(String::new, |name| format!(" + scorer {name}"));
                say(format!(
                    "{mark} {}  ndcg@20 {ndcg:.4}  {}{scorer}",
                    manifest["version"].as_str().unwrap_or("?"),
                    names.join(", ")
                ))?;
            }
            Ok(())
        }
        Models::Show { version, plot } => {
            let list = api()?.get("/v1/models")?;
            let known = list["data"].as_array().into_iter().flatten().find(|m| m["version"] == version.as_str());
            let manifest =
                known.with_context(|| format!("no model {version}; `vitrina models list` shows what there is"))?;
            match plot {
                Some(path) => draw_curves(manifest, &path),
                None => say_json(manifest),
            }
        }
        Models::Promote { version } => {
            champion(&api()?.post(&format!("/v1/models/{}/promote", segment(&version)), &json!({}))?, as_json)
        }
        Models::Rollback => champion(&api()?.post("/v1/models/rollback", &json!({}))?, as_json),
    }
}

fn features(as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let one = |f: &ranking::Feature| json!({ "name": f.name, "unit": f.unit, "about": f.about, "range": f.range });
        return say_json(&ranking::ALL.iter().map(one).collect::<Vec<_>>());
    }
    for feature in ranking::ALL {
        say(format!("{:<25} {:<10} {}", feature.name, feature.unit, feature.about))?;
    }
    for (family, about) in ranking::FAMILIES {
        say(format!("{:<25} {:<10} {about}", format!("{family}:NAME"), "flag"))?;
    }
    say(format!("{:<25} {:<10} the score of a model of the same version, such as score.ials", "score.MODEL", "score"))
}

fn imported(manifest: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return say_json(manifest);
    }
    let fact = |name: &str| manifest["facts"][name].as_f64().unwrap_or(f64::NAN);
    let version = manifest["version"].as_str().unwrap_or("?");
    say(format!(
        "registered {version}: scorer {} over {}",
        scorer(manifest).unwrap_or("?"),
        manifest["options"]["scorer"]["base"].as_str().unwrap_or("?")
    ))?;
    say(format!(
        "parity on {} rows: the largest difference is {:.1e} in row {}, the tolerance {:.1e}",
        fact("parity_rows"),
        fact("parity_difference"),
        fact("parity_worst_row"),
        fact("parity_tolerance")
    ))?;
    say(format!("serve it with `vitrina models promote {version}`"))
}

/// The brought scorer of a version.
fn scorer(manifest: &Value) -> Option<&str> {
    manifest["options"]["scorer"]["name"].as_str()
}

fn options(model: &ModelSpec, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let described = model.options.iter().map(|option| {
            let (default, wanted) = (option.default_value(), option.wanted());
            json!({ "key": option.key, "default": default, "wanted": wanted, "about": option.about })
        });
        return say_json(
            &json!({ "model": model.name, "about": model.about, "options": described.collect::<Vec<_>>() }),
        );
    }
    say(format!("{}: {}", model.name, model.about))?;
    for option in model.options {
        say(format!("\n  {}={}\n    {}; {}", option.key, option.default_value(), option.about, option.wanted()))?;
    }
    Ok(())
}

fn draw_curves(manifest: &Value, path: &Path) -> anyhow::Result<()> {
    let curves: BTreeMap<String, Vec<CurvePoint>> =
        manifest.get("curves").map_or(Ok(BTreeMap::new()), |curves| serde_json::from_value(curves.clone()))?;
    if curves.is_empty() {
        let models: Vec<&str> = manifest["models"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        bail!("none of its models goes by epochs with a loss ({}); there is nothing to draw", models.join(", "));
    }
    fs::write(path, loss_curves(&curves)?).with_context(|| format!("can't write {}", path.display()))?;
    let names: Vec<&str> = curves.keys().map(String::as_str).collect();
    say(format!("{}: loss curves of {}", path.display(), names.join(", ")))
}

fn champion(answer: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json { say_json(answer) } else { say(format!("serving {}", answer["champion"].as_str().unwrap_or("?"))) }
}

/// Text as one segment of a path; what is no version shall be refused as such.
fn segment(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
