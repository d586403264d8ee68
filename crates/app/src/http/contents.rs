//! Banners, promotions and messages, and what came of each.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::{Content, ContentId};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    editing::{ACTOR, as_it_is, created, if_match, read_changed, read_new},
    extract::{ApiJson, ApiPath},
    problem::{Problem, Result},
    rules::working,
};
use crate::engine::Engine;

#[derive(Debug, Serialize, ToSchema)]
pub struct ContentList {
    data: Vec<ContentBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ContentBody {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    content: Content,
    impressions: u64,
    clicks: u64,
}

/// All contents, with how often each was shown and clicked.
#[utoipa::path(get, path = "/v1/content", tag = "merchandising", responses((status = 200, body = ContentList)))]
pub async fn list(State(engine): State<Arc<Engine>>) -> Json<ContentList> {
    let body = |(content, counts): (Content, experiment::contents::Counts)| ContentBody {
        content,
        impressions: counts.impressions,
        clicks: counts.clicks,
    };
    Json(ContentList { data: engine.contents().into_iter().map(body).collect() })
}

/// Adds a banner, a promotion or a message; without a `content_id` it gets one. Shown from the next page on.
#[utoipa::path(post, path = "/v1/content", tag = "merchandising", request_body = Object,
    responses((status = 201, body = Object), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub async fn post(State(engine): State<Arc<Engine>>, ApiJson(body): ApiJson<Value>) -> Result<Response> {
    let content: Content = read_new(body, "content_id")?;
    let stored = content.clone();
    working(&engine, move |engine| engine.put_content(&stored.content_id.clone(), Some(stored), None, ACTOR)).await?;
    Ok(created(format!("/v1/content/{}", content.content_id), &content))
}

/// One content; its ETag is wanted back when it is changed.
#[utoipa::path(get, path = "/v1/content/{id}", tag = "merchandising", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub async fn get(State(engine): State<Arc<Engine>>, ApiPath(id): ApiPath) -> Result<Response> {
    let id = ContentId::new(id).map_err(Problem::parameter)?;
    let content = engine.content(&id).ok_or_else(|| Problem::not_found(format!("no content {id}")))?;
    Ok(as_it_is(&content))
}

/// Replaces a content; If-Match says which version of it was seen.
#[utoipa::path(put, path = "/v1/content/{id}", tag = "merchandising", params(("id" = String, Path)), request_body = Object,
    responses((status = 200, body = Object), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 412, body = Problem), (status = 428, body = Problem)))]
pub async fn put(
    State(engine): State<Arc<Engine>>,
    ApiPath(id): ApiPath,
    headers: HeaderMap,
    ApiJson(body): ApiJson<Value>,
) -> Result<Response> {
    let content: Content = read_changed(body, "content_id", &id)?;
    let seen = if_match(&headers)?;
    let stored = content.clone();
    working(&engine, move |engine| engine.put_content(&stored.content_id.clone(), Some(stored), Some(&seen), ACTOR))
        .await?;
    Ok(as_it_is(&content))
}

/// Removes a content.
#[utoipa::path(delete, path = "/v1/content/{id}", tag = "merchandising", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 412, body = Problem), (status = 428, body = Problem)))]
pub async fn delete(State(engine): State<Arc<Engine>>, ApiPath(id): ApiPath, headers: HeaderMap) -> Result<StatusCode> {
    let seen = if_match(&headers)?;
    let id = ContentId::new(id).map_err(Problem::parameter)?;
    working(&engine, move |engine| engine.put_content(&id, None, Some(&seen), ACTOR)).await?;
    Ok(StatusCode::NO_CONTENT)
}
