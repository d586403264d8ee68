//! Names for what came without one: a message id made from the content, so that a retry of the same payload is
//! recognised.

use serde_json::Value;

/// What changes between two attempts to send the same event.
const VOLATILE: [&str; 6] = ["sentAt", "sent_at", "receivedAt", "received_at", "writeKey", "write_key"];

/// `h-` and 32 hexadecimal digits of BLAKE3 over the content, whatever the order of its fields. `salt` keeps apart
/// what looks alike and is not.
pub fn message_id(value: &Value, salt: i64) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hash_value(value, &mut hasher, 0);
    name("h", &hasher)
}

/// The id of an imported row: `<prefix>-` and 32 hexadecimal digits of its cells.
pub fn row_id<'a>(prefix: &str, cells: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    for cell in cells {
        hash_bytes(cell, &mut hasher);
    }
    name(prefix, &hasher)
}

fn name(prefix: &str, hasher: &blake3::Hasher) -> String {
    let hex = hasher.finalize().to_hex();
    format!("{prefix}-{}", &hex[..32])
}

/// Each part carries its type and length, so that no two different values hash alike.
fn hash_value(value: &Value, hasher: &mut blake3::Hasher, depth: usize) {
    match value {
        Value::Null => drop(hasher.update(b"n")),
        Value::Bool(bit) => drop(hasher.update(if *bit { b"t" } else { b"f" })),
        Value::Number(number) => {
            hasher.update(b"#");
            hash_bytes(number.to_string().as_bytes(), hasher);
        }
        Value::String(text) => {
            hasher.update(b"s");
            hash_bytes(text.as_bytes(), hasher);
        }
        Value::Array(values) => {
            hasher.update(b"a").update(&values.len().to_le_bytes());
            values.iter().for_each(|value| hash_value(value, hasher, depth + 1));
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> =
                fields.iter().filter(|(name, _)| depth > 0 || !VOLATILE.contains(&name.as_str())).collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            hasher.update(b"o").update(&fields.len().to_le_bytes());
            for (name, value) in fields {
                hash_bytes(name.as_bytes(), hasher);
                hash_value(value, hasher, depth + 1);
            }
        }
    }
}

fn hash_bytes(bytes: &[u8], hasher: &mut blake3::Hasher) {
    hasher.update(&bytes.len().to_le_bytes()).update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_retry_has_the_same_id_and_another_event_has_not() {
        let first = json!({"event": "view", "properties": {"a": 1, "b": [1, 2]}, "sentAt": "10:00"});
        let retry = json!({"sentAt": "10:05", "properties": {"b": [1, 2], "a": 1}, "event": "view"});
        assert_eq!(message_id(&first, 0), message_id(&retry, 0));
        for other in [
            json!({"event": "view", "properties": {"a": 1, "b": [12]}}),
            json!({"event": "view", "properties": {"a": "1", "b": [1, 2]}}),
            json!({"event": "view", "properties": {"a": 1}, "b": [1, 2]}),
        ] {
            assert_ne!(message_id(&first, 0), message_id(&other, 0));
        }
        assert_ne!(message_id(&first, 0), message_id(&first, 1));
    }
}
