//! Bodies, queries and paths into types, with our own errors: what was got, what was wanted, what to do.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};

/// A JSON body. The content type is not asked for: browsers send `text/plain` to avoid a preflight.
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = ApiBytes::from_request(request, state).await?.0;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| Problem::new(Code::InvalidJson, format!("{error}; see /docs for the body that is wanted")))
    }
}

/// The raw body, its limit and its timeout told as problems.
pub struct ApiBytes(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for ApiBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(Code::TooLarge, "send less, in several requests (server.body_bytes_max)")
            } else {
                Problem::new(
                    Code::Timeout,
                    "the body did not arrive whole in time (server.body_timeout_ms); send it again",
                )
            }
        })
    }
}

pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(query)| Self(query))
            .map_err(|rejection| Problem::parameter(format!("{}; see /docs for the parameters", rejection.body_text())))
    }
}

pub struct ApiPath(pub String);

impl<S: Send + Sync> FromRequestParts<S> for ApiPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::<String>::from_request_parts(parts, state)
            .await
            .map(|Path(text)| Self(text))
            .map_err(|rejection| Problem::parameter(rejection.body_text()))
    }
}
