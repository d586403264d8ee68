//! Users: what the shop says about them, without what would name them.

use domain::UserTraits;
use privacy::redact_text;
use serde_json::Value;

use super::{
    Chunks,
    table::{Row, Rows, convert},
};
use crate::{Refusal, set_aside::is_personal};

const ATTRIBUTES_MAX: usize = 100;

/// The shop's own id beside the traits; it becomes a pseudonym before anything is kept.
pub fn from_table(rows: Rows) -> Chunks<(String, UserTraits)> {
    convert(rows, |row| match user(&row) {
        Ok(user) => Ok(Some(user)),
        Err(refusal) => Err((refusal, Value::Object(row.into_iter().filter(|(name, _)| !is_personal(name)).collect()))),
    })
}

/// Columns that name or locate a person (`email`, `phone`, `name`, …) are left out; contact data in others is
/// redacted.
///
/// # Errors
/// When there is no `user_id`.
pub fn user(row: &Row) -> Result<(String, UserTraits), Refusal> {
    let get = |names: &[&str]| names.iter().find_map(|name| row.get(*name)).and_then(text);
    let id = get(&["user_id", "userId"]);
    let id = id.ok_or_else(|| Refusal::missing("user_id", "map its column with COLUMN=user_id"))?;
    let own = ["user_id", "userId", "segment", "user_segment", "preferences", "user_preferences", "attributes"];
    let mut traits = UserTraits { segment: get(&["segment", "user_segment"]), ..UserTraits::default() };
    traits.preferences = row.get("preferences").or_else(|| row.get("user_preferences")).map(list).unwrap_or_default();
    let nested = row.get("attributes").and_then(Value::as_object);
    let flat = row.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let attributes = nested.into_iter().flatten().chain(flat).filter(|(name, _)| !is_personal(name));
    traits.attributes =
        attributes.filter_map(|(name, value)| Some((name.clone(), text(value)?))).take(ATTRIBUTES_MAX).collect();
    Ok((id, traits))
}

fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => return Some(number.to_string()),
        Value::Bool(bit) => return Some(bit.to_string()),
        _ => return None,
    };
    (!text.is_empty()).then(|| redact_text(&text).chars().take(1000).collect())
}

/// A list, or text parted by `|`, `;` or `,`.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(text).take(ATTRIBUTES_MAX).collect(),
        other => {
            let all = text(other).unwrap_or_default();
            all.split(['|', ';', ','])
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .take(ATTRIBUTES_MAX)
                .map(str::to_owned)
                .collect()
        }
    }
}
