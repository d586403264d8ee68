//! `vitrina train`: asks for a training and shows how far it is.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use super::{api::Api, progress, say, say_json};
use crate::{cli::Train, config::Config};

pub fn run(config: Config, train: Train, as_json: bool) -> anyhow::Result<()> {
    let api = Api::open(&config)?;
    let outcome = watched(&api, "/v1/train", &json!({ "models": train.models, "set": train.set }))?;
    if as_json { say_json(&outcome) } else { say(summary(&outcome)) }
}

/// Has the job at `path` done, with a bar for each step.
pub fn watched(api: &Api, path: &str, body: &Value) -> anyhow::Result<Value> {
    thread::scope(|scope| {
        let training = scope.spawn(|| api.post(path, body));
        let mut shown: Option<(String, indicatif::ProgressBar)> = None;
        while !training.is_finished() {
            thread::sleep(Duration::from_millis(100));
            let Ok(state) = api.get(path) else { continue };
            let Some(name) = state["step"]["name"].as_str() else { continue };
            if shown.as_ref().is_none_or(|(current, _)| current != name) {
                if let Some((_, bar)) = shown.take() {
                    bar.finish();
                }
                shown = Some((name.to_owned(), progress::bar(1, name)));
            }
            if let Some((_, bar)) = &shown {
                bar.set_length(state["step"]["of"].as_u64().unwrap_or(1));
                bar.set_position(state["step"]["done"].as_u64().unwrap_or(0));
            }
        }
        if let Some((_, bar)) = shown {
            bar.finish();
        }
        training.join().unwrap_or_else(|_| anyhow::bail!("the job panicked; its message is above"))
    })
}

pub fn summary(outcome: &Value) -> String {
    let manifest = &outcome["manifest"];
    let metric =
        |name: &str| manifest["metrics"][name].as_f64().map_or("–".to_owned(), |value| format!("{value:.4}"));
    let fact = |name: &str| manifest["facts"][name].as_f64().map_or("–".to_owned(), |value| format!("{value}"));
    format!(
        "model {}\n  {}\n  users {}  products {}  interactions {}  judged lists {}\n  ndcg@20 {} [{}, {}]  recall@20 {}  hit_rate@20 {}  coverage@20 {}",
        manifest["version"].as_str().unwrap_or("?"),
        outcome["verdict"].as_str().unwrap_or("?"),
        fact("n_users"),
        fact("n_items"),
        fact("n_interactions"),
        fact("n_cases"),
        metric("ndcg@20"),
        metric("ndcg@20_low"),
        metric("ndcg@20_high"),
        metric("recall@20"),
        metric("hit_rate@20"),
        metric("coverage@20"),
    )
}
