//! What resources that people edit have in common: an id that they keep, and an ETag so that nobody's change is lost.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use ulid::Ulid;

use super::problem::{Code, Problem, Result};
use crate::engine::etag;

/// Who changed what is told by the key's holder only; the API knows no people yet.
pub const ACTOR: &str = "api";

/// A new resource as its type; without an id under `field` it gets one.
pub fn read_new<T: DeserializeOwned>(mut body: Value, field: &str) -> Result<T> {
    if let Some(fields) = body.as_object_mut() {
        fields.entry(field).or_insert_with(|| Ulid::new().to_string().into());
    }
    read(body)
}

/// A resource that is changed; the path says which, and the body nothing else.
pub fn read_changed<T: DeserializeOwned>(mut body: Value, field: &str, id: &str) -> Result<T> {
    if let Some(fields) = body.as_object_mut() {
        let named = fields.entry(field).or_insert_with(|| id.into());
        if named.as_str() != Some(id) {
            return Err(Problem::parameter(format!("{field} is {named} and the path says {id}; it keeps its id")));
        }
    }
    read(body)
}

fn read<T: DeserializeOwned>(body: Value) -> Result<T> {
    serde_json::from_value(body).map_err(|error| Problem::parameter(format!("{error}; see docs/merchandising.md")))
}

/// Which version the caller has seen.
pub fn if_match(headers: &HeaderMap) -> Result<String> {
    let seen = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    seen.map(str::to_owned).ok_or_else(|| {
        Problem::new(Code::NoIfMatch, "send If-Match with the ETag that you got, so that nobody's change is lost")
    })
}

pub fn created(path: String, resource: &impl Serialize) -> Response {
    let headers = [(header::LOCATION, path), (header::ETAG, etag(resource))];
    (StatusCode::CREATED, headers, Json(resource)).into_response()
}

pub fn as_it_is(resource: &impl Serialize) -> Response {
    ([(header::ETAG, etag(resource))], Json(resource)).into_response()
}
