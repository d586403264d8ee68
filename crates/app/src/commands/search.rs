//! `vitrina search`: results on the terminal.

use super::{api::Api, recommend::say_slate, say_json};
use crate::{cli::Search, config::Config};

pub fn run(config: Config, search: Search, as_json: bool) -> anyhow::Result<()> {
    let api = Api::open(&config)?;
    let n = search.n.to_string();
    let mut parameters = vec![("q", search.q.as_str()), ("n", &n), ("preview", "true")];
    parameters.extend(search.user.as_deref().map(|user| ("user_id", user)));
    parameters.extend(search.condition.as_deref().map(|condition| ("where", condition)));
    parameters.extend(search.explain.then_some(("explain", "true")));
    let answer = api.get(&format!("/v1/search?{}", encoded(&parameters)))?;
    if as_json {
        return say_json(&answer);
    }
    for word in answer["corrected"].as_array().into_iter().flatten() {
        let text = |key: &str| word[key].as_str().unwrap_or("").to_owned();
        eprintln!("notice: {:?} was read as {:?}", text("from"), text("to"));
    }
    for word in answer["unknown"].as_array().into_iter().flatten() {
        eprintln!("notice: no product has {word}");
    }
    say_slate(&answer)?;
    eprintln!("{} products in {:.1} ms", answer["total"], answer["took_ms"].as_f64().unwrap_or(0.0));
    Ok(())
}

/// `name=value&…`, every byte that is no letter or digit as `%XX`.
fn encoded(parameters: &[(&str, &str)]) -> String {
    let escaped = |text: &str| -> String {
        let byte = |byte: u8| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    pairs.join("&")
}
