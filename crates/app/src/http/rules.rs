//! Merchandising rules: a draft that is edited rule by rule, tried out, published, taken back.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::{PlacementId, Rule, RuleId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    editing::{ACTOR, as_it_is, created, if_match, read_changed, read_new},
    extract::{ApiJson, ApiPath},
    problem::{Problem, Result},
    recommend::NoticeBody,
};
use crate::engine::Engine;

const SHOPPERS: usize = 100;
const SHOPPERS_MAX: usize = 1_000;

#[derive(Debug, Serialize, ToSchema)]
pub struct RuleList {
    /// The rules of the draft, in their order
    #[schema(value_type = Vec<Object>)]
    data: Vec<Rule>,
    /// Of the whole draft: send it as If-Match with publish
    etag: String,
    /// The version that is served; 0 is no rules
    served_version: u64,
    /// Does the draft differ from what is served?
    changed: bool,
    conflicts: Vec<ConflictBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ConflictBody {
    rules: Vec<String>,
    /// pin_excluded, pinned_twice, pins_collide, pin_not_shown, no_products, boost_and_bury, partly_excluded, always_excluded, several_same
    code: &'static str,
    detail: String,
}

impl From<serve::rules::Conflict> for ConflictBody {
    fn from(conflict: serve::rules::Conflict) -> Self {
        let rules = conflict.rules.into_iter().map(String::from).collect();
        Self { rules, code: conflict.code, detail: conflict.detail }
    }
}

/// The draft, and what is wrong with it.
#[utoipa::path(get, path = "/v1/rules", tag = "merchandising", responses((status = 200, body = RuleList)))]
pub async fn list(State(engine): State<Arc<Engine>>) -> Result<Json<RuleList>> {
    let draft = working(&engine, |engine| engine.draft()).await?;
    Ok(Json(RuleList {
        data: draft.rules,
        etag: draft.etag,
        served_version: draft.served,
        changed: draft.changed,
        conflicts: draft.conflicts.into_iter().map(ConflictBody::from).collect(),
    }))
}

/// Adds a rule to the draft; without a `rule_id` it gets one.
#[utoipa::path(post, path = "/v1/rules", tag = "merchandising", request_body = Object,
    responses((status = 201, body = Object), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub async fn post(State(engine): State<Arc<Engine>>, ApiJson(body): ApiJson<Value>) -> Result<Response> {
    let rule: Rule = read_new(body, "rule_id")?;
    let stored = rule.clone();
    working(&engine, move |engine| engine.put_rule(stored, None, ACTOR)).await?;
    Ok(created(format!("/v1/rules/{}", rule.rule_id), &rule))
}

/// One rule of the draft; its ETag is wanted back when it is changed.
#[utoipa::path(get, path = "/v1/rules/{id}", tag = "merchandising", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub async fn get(State(engine): State<Arc<Engine>>, ApiPath(id): ApiPath) -> Result<Response> {
    let id = RuleId::new(id).map_err(Problem::parameter)?;
    let rule = engine.draft_rule(&id).ok_or_else(|| Problem::not_found(format!("no rule {id} in the draft")))?;
    Ok(as_it_is(&rule))
}

/// Replaces a rule of the draft; If-Match says which version of it was seen.
#[utoipa::path(put, path = "/v1/rules/{id}", tag = "merchandising", params(("id" = String, Path)), request_body = Object,
    responses((status = 200, body = Object), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 412, body = Problem), (status = 428, body = Problem)))]
pub async fn put(
    State(engine): State<Arc<Engine>>,
    ApiPath(id): ApiPath,
    headers: HeaderMap,
    ApiJson(body): ApiJson<Value>,
) -> Result<Response> {
    let rule: Rule = read_changed(body, "rule_id", &id)?;
    let seen = if_match(&headers)?;
    let stored = rule.clone();
    working(&engine, move |engine| engine.put_rule(stored, Some(&seen), ACTOR)).await?;
    Ok(as_it_is(&rule))
}

/// Takes a rule out of the draft.
#[utoipa::path(delete, path = "/v1/rules/{id}", tag = "merchandising", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 412, body = Problem), (status = 428, body = Problem)))]
pub async fn delete(State(engine): State<Arc<Engine>>, ApiPath(id): ApiPath, headers: HeaderMap) -> Result<StatusCode> {
    let seen = if_match(&headers)?;
    let id = RuleId::new(id).map_err(Problem::parameter)?;
    working(&engine, move |engine| engine.delete_rule(&id, &seen, ACTOR)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DryRunBody {
    /// Where [default: home]
    placement: String,
    /// How many of the shoppers who were here last [default: 100, at most 1000]
    shoppers: usize,
    /// Products of a slate [default: the shop's]
    n: Option<usize>,
}

impl Default for DryRunBody {
    fn default() -> Self {
        Self { placement: "home".to_owned(), shoppers: SHOPPERS, n: None }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DryRunAnswer {
    placement: String,
    shoppers: usize,
    /// Shoppers whose slate changes
    changed: usize,
    /// Share of places with another product
    places_changed: f64,
    /// Mean price of what is shown, in the shop's currency: now, and with the draft
    mean_price_before: Option<f64>,
    mean_price_after: Option<f64>,
    /// Products that come or go most, with by how many more slates show them
    products: Vec<GainBody>,
    /// By rule: on how many slates it did something
    touched: BTreeMap<String, usize>,
    conflicts: Vec<ConflictBody>,
    notices: Vec<NoticeBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct GainBody {
    product_id: String,
    name: Option<String>,
    slates: i64,
}

/// What publishing the draft would change for the shoppers who were here last. Nothing is recorded.
#[utoipa::path(post, path = "/v1/rules/dry-run", tag = "merchandising", request_body = DryRunBody,
    responses((status = 200, body = DryRunAnswer), (status = 400, body = Problem)))]
pub async fn dry_run(
    State(engine): State<Arc<Engine>>,
    ApiJson(body): ApiJson<DryRunBody>,
) -> Result<Json<DryRunAnswer>> {
    let placement = PlacementId::new(&body.placement).map_err(Problem::parameter)?;
    if !(1..=SHOPPERS_MAX).contains(&body.shoppers) {
        return Err(Problem::parameter(format!("shoppers must be 1 to {SHOPPERS_MAX}, got {}", body.shoppers)));
    }
    let n = super::recommend::how_many(&engine, body.n)?;
    let run = working(&engine, move |engine| engine.dry_run(placement, body.shoppers, n)).await?;
    let snapshot = engine.snapshot();
    let major = |minor: Option<f64>| minor.map(|minor| minor / 10f64.powi(engine.shop.currency.digits() as i32));
    let gain = |(id, slates): (domain::ProductId, i64)| GainBody {
        name: snapshot.shelf.get(&id).map(|product| product.name.clone()),
        product_id: id.into(),
        slates,
    };
    Ok(Json(DryRunAnswer {
        placement: run.placement.into(),
        shoppers: run.shoppers,
        changed: run.changed,
        places_changed: run.places_changed,
        mean_price_before: major(run.mean_price_minor.0),
        mean_price_after: major(run.mean_price_minor.1),
        products: run.products.into_iter().map(gain).collect(),
        touched: run.touched.into_iter().map(|(rule, n)| (rule.into(), n)).collect(),
        conflicts: run.conflicts.into_iter().map(ConflictBody::from).collect(),
        notices: run.notices.into_iter().map(NoticeBody::from).collect(),
    }))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ServedVersion {
    /// 0 is no rules
    served_version: u64,
}

/// Serves the draft from the next request on. With If-Match only the draft that was seen.
#[utoipa::path(post, path = "/v1/rules/publish", tag = "merchandising",
    responses((status = 200, body = ServedVersion), (status = 412, body = Problem)))]
pub async fn publish(State(engine): State<Arc<Engine>>, headers: HeaderMap) -> Result<Json<ServedVersion>> {
    let seen = if_match(&headers).ok();
    let served_version = working(&engine, move |engine| engine.publish_rules(seen.as_deref(), ACTOR)).await?;
    Ok(Json(ServedVersion { served_version }))
}

/// Serves again what was served before. The draft stays as it is.
#[utoipa::path(post, path = "/v1/rules/rollback", tag = "merchandising",
    responses((status = 200, body = ServedVersion), (status = 409, body = Problem)))]
pub async fn rollback(State(engine): State<Arc<Engine>>) -> Result<Json<ServedVersion>> {
    let served_version = working(&engine, |engine| engine.rollback_rules(ACTOR)).await?;
    Ok(Json(ServedVersion { served_version }))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct VersionList {
    served_version: u64,
    /// Newest first
    data: Vec<VersionBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct VersionBody {
    version: u64,
    #[schema(value_type = String)]
    published_at: Timestamp,
    actor: String,
    #[schema(value_type = Vec<Object>)]
    rules: Vec<Rule>,
}

/// What was published, and which of it is served.
#[utoipa::path(get, path = "/v1/rules/versions", tag = "merchandising", responses((status = 200, body = VersionList)))]
pub async fn versions(State(engine): State<Arc<Engine>>) -> Result<Json<VersionList>> {
    let (served_version, published) = working(&engine, |engine| engine.rule_versions()).await?;
    let body = |published: crate::engine::Published| VersionBody {
        version: published.version,
        published_at: published.published_at,
        actor: published.actor,
        rules: published.rules,
    };
    Ok(Json(VersionList { served_version, data: published.into_iter().map(body).collect() }))
}

/// Work that reads stores or ranks for many shoppers, off the async threads.
pub(super) async fn working<T: Send + 'static>(
    engine: &Arc<Engine>,
    work: impl FnOnce(&Engine) -> Result<T> + Send + 'static,
) -> Result<T> {
    let engine = engine.clone();
    tokio::task::spawn_blocking(move || work(&engine)).await.map_err(Problem::internal)?
}
