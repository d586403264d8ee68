//! Refused input on its way to quarantine: readable and replayable, and naming nobody.

use domain::Timestamp;
use privacy::{Pseudonyms, redact_page, redact_text};
use serde_json::{Map, Value};
use store::Quarantined;

use crate::{Refusal, raw::EVENT_BYTES_MAX};

/// Deeper than this is shown as cut: no honest event nests so far.
const DEPTH_MAX: usize = 16;

/// Where personal identifiers stand.
const KNOWN: [&str; 4] = ["user_id", "userId", "previousId", "previous_id"];
const ANONYMOUS: [&str; 5] = ["anonymous_id", "anonymousId", "client_id", "visitor_id", "visitorId"];

/// Fields that name or locate a person, or let someone in. They are not needed to mend an event.
const PERSONAL: [&str; 33] = [
    "email",
    "e_mail",
    "mail",
    "correo",
    "phone",
    "telefono",
    "celular",
    "mobile",
    "dni",
    "ruc",
    "document",
    "documento",
    "name",
    "firstname",
    "first_name",
    "lastname",
    "last_name",
    "nombre",
    "apellido",
    "address",
    "direccion",
    "birthday",
    "ip",
    "useragent",
    "user_agent",
    "advertisingid",
    "token",
    "password",
    "writekey",
    "write_key",
    "authorization",
    "traits",
    "userinfo",
];

/// A refused input as it will lie in quarantine.
pub fn quarantined(refusal: &Refusal, origin: String, raw: String, received_at: Timestamp) -> Quarantined {
    Quarantined {
        id: 0,
        received_at,
        code: refusal.code.to_owned(),
        // A refusal quotes what it got, which may be anything.
        detail: redact_text(&refusal.detail).into_owned(),
        origin,
        raw,
    }
}

/// The input as JSON without personal identifiers. User ids become user keys, which a server may send again in place
/// of the ids.
pub fn without_identity(value: &Value, pseudonyms: &Pseudonyms, shop: &str) -> String {
    let cleaner = Cleaner { pseudonyms, shop };
    let text = cleaner.value(value, 0).to_string();
    if text.len() <= EVENT_BYTES_MAX { text } else { unreadable(text.len()) }
}

/// What stands for input that can't be searched for identifiers: its origin says where the bytes themselves are.
pub fn unreadable(bytes: usize) -> String {
    format!("{{\"unreadable_bytes\":{bytes}}}")
}

/// Does a field of this name tell who or where a person is?
pub fn is_personal(field: &str) -> bool {
    PERSONAL.iter().any(|personal| field.eq_ignore_ascii_case(personal))
}

struct Cleaner<'a> {
    pseudonyms: &'a Pseudonyms,
    shop: &'a str,
}

impl Cleaner<'_> {
    fn value(&self, value: &Value, depth: usize) -> Value {
        match value {
            _ if depth > DEPTH_MAX => Value::from("[cut]"),
            Value::String(text) if text.contains("://") || text.starts_with('/') => redact_page(text).into(),
            Value::String(text) => redact_text(text).into(),
            Value::Array(values) => values.iter().map(|value| self.value(value, depth + 1)).collect(),
            Value::Object(fields) => self.object(fields, depth),
            plain => plain.clone(),
        }
    }

    fn object(&self, fields: &Map<String, Value>, depth: usize) -> Value {
        fields.iter().map(|(name, value)| (name.clone(), self.field(name, value, depth))).collect::<Map<_, _>>().into()
    }

    fn field(&self, name: &str, value: &Value, depth: usize) -> Value {
        let is_one_of = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        let text = match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        match text {
            Some(id) if is_one_of(&KNOWN) => self.key(&id, |id| self.pseudonyms.known(self.shop, id)),
            Some(id) if is_one_of(&ANONYMOUS) => self.key(&id, |id| self.pseudonyms.anonymous(self.shop, id)),
            // A `name` at the top is an event's or a product's.
            _ if is_personal(name) && !value.is_null() && !(depth == 0 && name == "name") => "[hidden]".into(),
            _ => self.value(value, depth + 1),
        }
    }

    /// What is a key already stays one, so that mending and refusing again changes nothing.
    fn key(&self, id: &str, make: impl Fn(&str) -> domain::UserKey) -> Value {
        match id.parse::<domain::UserKey>() {
            Ok(key) => key.to_string().into(),
            Err(_) => make(id.trim()).to_string().into(),
        }
    }
}
