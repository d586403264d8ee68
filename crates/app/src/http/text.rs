//! The text encoder.

use std::sync::Arc;

use ::text::TextEncoder;
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Code, Problem, Result};
use crate::engine::Engine;

#[derive(Debug, Serialize, ToSchema)]
pub struct Encoder {
    /// Model, weights and arithmetic
    encoder: String,
}

/// Opens the model folder anew and takes it into service; when it is damaged, the encoder there was goes on.
#[utoipa::path(post, path = "/v1/text/reload", tag = "operation",
    responses((status = 200, body = Encoder), (status = 409, body = Problem)))]
pub async fn reload(State(engine): State<Arc<Engine>>) -> Result<Json<Encoder>> {
    let opened = tokio::task::spawn_blocking(move || engine.open_encoder()).await.map_err(Problem::internal)?;
    match opened {
        Ok(bert) => Ok(Json(Encoder { encoder: bert.id().to_owned() })),
        Err(error) => Err(Problem::new(Code::Conflict, error.to_string())),
    }
}
