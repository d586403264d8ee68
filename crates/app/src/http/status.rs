//! The state of the shop on one page.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use domain::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{problem::Result, users::MoneyBody};
use crate::engine::{ContentStatus, Engine};

#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    version: &'static str,
    uptime_seconds: u64,
    #[schema(value_type = Object)]
    shop: domain::Shop,
    products: u64,
    /// Users with a profile
    users: u64,
    events: Events,
    model: Option<Model>,
    content: ContentStatus,
    freshness: Freshness,
    revenue_today: MoneyBody,
    orders_today: u64,
    serving: Serving,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Events {
    total: u64,
    head_position: u64,
    /// Over the last 10 seconds
    per_second: f64,
    #[schema(value_type = Option<String>)]
    newest_event_at: Option<Timestamp>,
    by_kind: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Model {
    version: String,
    models: Vec<String>,
    #[schema(value_type = String)]
    created_at: Timestamp,
    log_position: u64,
    metrics: BTreeMap<String, f64>,
    facts: BTreeMap<String, f64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Freshness {
    log_head: u64,
    folded_position: u64,
    /// Age of the newest event of all; grows while nobody shops
    newest_event_age_seconds: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Serving {
    requests: u64,
    /// Share of slates that nothing about the shopper or the page shaped
    fallback_share: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

#[utoipa::path(get, path = "/v1/status", tag = "operation", responses((status = 200, body = Status)))]
pub async fn get(State(engine): State<Arc<Engine>>) -> Result<Json<Status>> {
    let now = engine.now();
    let tally = engine.tally();
    let head = engine.stores.log.head();
    let day = tally.day(now, &engine.shop.zone());
    let version = engine.snapshot().models.version.clone();
    let registry = engine.stores.registry.clone();
    let model = match version {
        Some(version) => Some(engine.blocking(move || registry.get(&version)).await?),
        None => None,
    };
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: engine.uptime().as_secs(),
        shop: engine.shop.clone(),
        products: engine.snapshot().shelf.len() as u64,
        users: engine.stores.profiles.len(),
        events: Events {
            total: engine.stores.log.len(),
            head_position: head.0,
            per_second: engine.events_per_second(),
            newest_event_at: tally.newest_event_at,
            by_kind: tally.by_kind.iter().map(|(kind, n)| (kind.as_str(), *n)).collect(),
        },
        model: model.map(|manifest| Model {
            version: manifest.version.to_string(),
            models: manifest.models,
            created_at: manifest.created_at,
            log_position: manifest.log_position.0,
            metrics: manifest.metrics,
            facts: manifest.facts,
        }),
        content: ContentStatus::of(&engine),
        freshness: Freshness {
            log_head: head.0,
            folded_position: tally.seen.0,
            newest_event_age_seconds: tally.newest_event_at.map(|at| (now - at) as f64 / 1e6),
        },
        revenue_today: domain::Money::new(day.revenue_minor, engine.shop.currency).into(),
        orders_today: day.orders,
        serving: Serving {
            requests: engine.metrics.slates_total(),
            fallback_share: engine.metrics.fallback_share(),
            p50_ms: engine.metrics.slate_quantile_ms(0.5),
            p99_ms: engine.metrics.slate_quantile_ms(0.99),
        },
    }))
}
