//! `vitrina events`: the log and the quarantine.

use serde_json::{Value, json};

use super::{api::Api, say, say_json};
use crate::{cli::Events, config::Config};

pub fn run(config: Config, events: Events, as_json: bool) -> anyhow::Result<()> {
    let api = Api::open(&config)?;
    match events {
        Events::Tail { n } => {
            let page = api.get(&format!("/v1/events?limit={n}"))?;
            if as_json {
                return say_json(&page);
            }
            page["data"].as_array().into_iter().flatten().try_for_each(|event| say(line(event)))
        }
        Events::Replay => {
            let answer = api.post("/v1/profiles/rebuild", &json!({}))?;
            if as_json { say_json(&answer) } else { say(format!("folded {} events into profiles", answer["events"])) }
        }
        Events::Quarantine { n, retry: false } => {
            let page = api.get(&format!("/v1/events/quarantine?limit={n}"))?;
            if as_json {
                return say_json(&page);
            }
            for row in page["data"].as_array().into_iter().flatten() {
                let text = |key: &str| row[key].as_str().unwrap_or("");
                say(format!("{:>6}  {}  {}  {}", row["id"], text("code"), text("detail"), text("raw")))?;
            }
            say(format!("by code: {}", page["counts"]))
        }
        Events::Quarantine { retry: true, .. } => {
            let answer = api.post("/v1/events/quarantine/retry", &json!({}))?;
            if as_json {
                return say_json(&answer);
            }
            say(format!(
                "accepted {}, duplicates {}, still refused {}",
                answer["accepted"], answer["duplicates"], answer["rejected"]
            ))
        }
    }
}

fn line(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().unwrap_or("");
    let products = event["products"].as_array().map_or(&[][..], Vec::as_slice);
    let first = products.first().map_or("", |p| p["name"].as_str().or(p["product_id"].as_str()).unwrap_or(""));
    let more = if products.len() > 1 { format!(" and {} more", products.len() - 1) } else { String::new() };
    format!(
        "{:>9}  {}  {:<18} {}  {first}{more}  {}",
        event["position"],
        text("occurred_at"),
        text("kind"),
        text("user").get(..9).unwrap_or(""),
        text("order_total"),
    )
}
