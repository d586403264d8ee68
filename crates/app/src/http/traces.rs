//! Why this product, and why not that one.

use std::sync::Arc;

use axum::{Json, extract::State};
use domain::{ProductId, RecommendationId};
use serde::{Deserialize, Serialize};
use serve::{
    Trace,
    trace::{Refused, Traced, Verdict},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    extract::{ApiPath, ApiQuery},
    problem::{Problem, Result},
};
use crate::engine::Engine;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TraceQuery {
    /// Why this product, or why not?
    product_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TraceAnswer {
    recommendation_id: String,
    placement: String,
    /// With the version
    #[schema(example = "home@5f2c90ab1234")]
    plan: String,
    model_version: Option<String>,
    rules_version: Option<u64>,
    strategy: String,
    /// Of the product that was asked for: shown, outranked, refused (`by` which filter or rule) or not_found (by no source of the plan)
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    verdict: Option<Verdict>,
    /// What keeps the product that was asked for off all slates now
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<&'static str>,
    /// The products of the slate, then the best of those that found no place, each with the shares of its score
    #[schema(value_type = Vec<Object>)]
    candidates: Vec<Traced>,
    /// Candidates without a place beyond those
    more_candidates: usize,
    /// Products that a filter or a rule kept off, the first of them
    #[schema(value_type = Vec<Object>)]
    refused: Vec<Refused>,
    /// How many each filter or rule kept off
    dropped: std::collections::BTreeMap<String, usize>,
}

/// How a slate came about. Kept for 30 days (`serve.trace_days`).
#[utoipa::path(get, path = "/v1/recommendations/{id}/trace", tag = "slates", params(("id" = String, Path), TraceQuery),
    responses((status = 200, body = TraceAnswer), (status = 404, body = Problem)))]
pub async fn get(
    State(engine): State<Arc<Engine>>,
    ApiPath(id): ApiPath,
    ApiQuery(request): ApiQuery<TraceQuery>,
) -> Result<Json<TraceAnswer>> {
    let id = RecommendationId::new(id).map_err(Problem::parameter)?;
    let product_id = request.product_id.map(ProductId::new).transpose().map_err(Problem::parameter)?;
    let (reader, asked) = (engine.clone(), id.clone());
    let trace = engine.working(move || Ok(reader.trace(&asked)?)).await?;
    let Trace { slate, candidates, more_candidates, refused } = trace.clone().ok_or_else(|| {
        Problem::not_found(format!("no trace of {id}: it is no slate of this shop, a preview, or too old"))
    })?;
    let verdict = product_id.as_ref().zip(trace.as_ref()).map(|(product, trace)| trace.verdict(product));
    Ok(Json(TraceAnswer {
        recommendation_id: slate.recommendation_id.into(),
        placement: slate.placement.into(),
        plan: slate.plan,
        model_version: slate.model_version.map(String::from),
        rules_version: slate.rules_version,
        strategy: slate.strategy,
        verdict,
        now: product_id.and_then(|product| obstacle(&engine, &product)),
        candidates,
        more_candidates,
        refused,
        dropped: slate.dropped.into_iter().collect(),
    }))
}

fn obstacle(engine: &Engine, id: &ProductId) -> Option<&'static str> {
    match engine.snapshot().shelf.get(id) {
        None => Some("not_in_catalog"),
        Some(product) if product.hidden => Some("hidden"),
        Some(product) if !product.is_available() => Some("stock"),
        Some(_) => None,
    }
}
