//! Is it alive, may it get traffic, how is it doing.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::engine::Engine;

/// The process answers. No store is asked: a sick disk must not restart the whole fleet.
#[utoipa::path(get, path = "/livez", tag = "operation", responses((status = 200, description = "alive")))]
pub async fn live() -> &'static str {
    "ok\n"
}

/// Can it answer something? A slate is always possible once the stores are open, also without a model.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses((status = 200, description = "ready"), (status = 503, description = "stopping")))]
pub async fn ready(State(engine): State<Arc<Engine>>) -> Response {
    let (status, ready) =
        if engine.is_stopping() { (StatusCode::SERVICE_UNAVAILABLE, false) } else { (StatusCode::OK, true) };
    let has_model = engine.snapshot().models.version.is_some();
    (status, Json(json!({ "ready": ready, "model": has_model }))).into_response()
}

/// For Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, description = "OpenMetrics text")))]
pub async fn metrics(State(engine): State<Arc<Engine>>) -> Response {
    engine.measure();
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], engine.metrics.render()).into_response()
}
