//! What happened: taken in, answered when durable; and read back.

use std::{sync::Arc, time::Instant};

use axum::{Json, extract::State};
use collect::Batch;
use domain::{Channel, Position, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::Quarantined;
use utoipa::{IntoParams, ToSchema};

use super::{
    extract::{ApiBytes, ApiQuery},
    problem::{Code, Problem, Result},
    stream::{EventRow, row},
};
use crate::engine::Engine;

/// Most events in one request.
const BATCH_MAX: usize = 5_000;

/// What became of a batch. A bad event never harms the good ones.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verdicts {
    /// New, and durable now
    accepted: u64,
    /// Already in the log: a retry, counted once
    duplicates: u64,
    /// Understood, but no event of a shopper, such as Segment's identify
    ignored: u64,
    /// Not kept because the shopper refused
    withheld: u64,
    /// Refused and kept in quarantine
    rejected: Vec<Rejection>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Rejection {
    /// Place in the batch, from 0
    index: usize,
    /// Stable; switch on this
    code: String,
    /// What was got, what was wanted, what to do
    detail: String,
}

/// One event, a list of events, or `{"batch": […]}`. Answered when every accepted event is on disk.
#[utoipa::path(post, path = "/v1/events", tag = "events", request_body = Object,
    responses((status = 200, body = Verdicts), (status = 400, body = Problem), (status = 507, body = Problem)))]
pub async fn post(State(engine): State<Arc<Engine>>, ApiBytes(body): ApiBytes) -> Result<Json<Verdicts>> {
    let started = Instant::now();
    let batch = read_batch(&body, engine.now())?;
    let verdicts = engine.accept_batch(batch).await?;
    let verdicts = Verdicts {
        accepted: verdicts.accepted,
        duplicates: verdicts.duplicates,
        ignored: verdicts.ignored,
        withheld: verdicts.withheld,
        rejected: verdicts
            .rejected
            .into_iter()
            .map(|r| Rejection { index: r.index, code: r.code.to_string(), detail: r.detail })
            .collect(),
    };
    let n_rejected = verdicts.rejected.len() as u64;
    engine.metrics.events_done(verdicts.accepted, verdicts.duplicates, n_rejected, started.elapsed());
    Ok(Json(verdicts))
}

/// Segment's libraries send `sentAt` and `context` once a batch.
#[derive(Deserialize)]
struct Envelope {
    batch: Option<Vec<Box<RawValue>>>,
    #[serde(default, alias = "sentAt")]
    sent_at: Option<Timestamp>,
}

/// Only the outline is parsed here; each event is read on its own, so that a bad one harms no other.
fn read_batch(body: &[u8], received_at: Timestamp) -> Result<Batch> {
    let invalid = |error: serde_json::Error| {
        Problem::new(Code::InvalidJson, format!("{error}; send an event, a list of events or {{\"batch\": […]}}"))
    };
    let (events, sent_at) = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => (serde_json::from_slice::<Vec<Box<RawValue>>>(body).map_err(invalid)?, None),
        _ => {
            let whole: Box<RawValue> = serde_json::from_slice(body).map_err(invalid)?;
            let envelope: Envelope = serde_json::from_slice(body).map_err(invalid)?;
            match envelope.batch {
                Some(events) => (events, envelope.sent_at),
                None => (vec![whole], None),
            }
        }
    };
    if events.len() > BATCH_MAX {
        let n = events.len();
        let detail = format!("got {n} events, at most {BATCH_MAX} a request are accepted; send several requests");
        return Err(Problem::new(Code::TooLarge, detail));
    }
    let events = events.into_iter().map(Into::into).collect();
    Ok(Batch { sent_at, origin: "api".to_owned(), ..Batch::new(events, Channel::Server, received_at) })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Only what comes after this position or id
    after: Option<u64>,
    /// How many [default: 100, at most 1000]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EventPage {
    data: Vec<EventRow>,
    /// For `after` of the next page; absent on the last one
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// Events from the log, oldest first; without `after`, the newest ones.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(Page), responses((status = 200, body = EventPage)))]
pub async fn list(State(engine): State<Arc<Engine>>, ApiQuery(page): ApiQuery<Page>) -> Result<Json<EventPage>> {
    let limit = page.limit.unwrap_or(100).clamp(1, 1000);
    let log = engine.stores.log.clone();
    let after = page.after.unwrap_or_else(|| log.head().0.saturating_sub(limit as u64));
    let events = engine.blocking(move || log.read(Position(after), limit)).await?;
    let next = (events.len() == limit).then(|| events.last().map(|r| r.position.0)).flatten();
    let snapshot = engine.snapshot();
    Ok(Json(EventPage { data: events.iter().map(|recorded| row(recorded, &snapshot.shelf)).collect(), next }))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantinePage {
    #[schema(value_type = Vec<Object>)]
    data: Vec<Quarantined>,
    /// Rows by code
    counts: std::collections::BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// Refused input, as it came, with the reason.
#[utoipa::path(get, path = "/v1/events/quarantine", tag = "events", params(Page), responses((status = 200, body = QuarantinePage)))]
pub async fn quarantine(
    State(engine): State<Arc<Engine>>,
    ApiQuery(page): ApiQuery<Page>,
) -> Result<Json<QuarantinePage>> {
    let limit = page.limit.unwrap_or(100).clamp(1, 1000);
    let quarantine = engine.stores.quarantine.clone();
    let after = page.after.unwrap_or(0);
    let (data, counts) = engine.blocking(move || Ok((quarantine.list(after, limit)?, quarantine.counts()?))).await?;
    let next = (data.len() == limit).then(|| data.last().map(|row| row.id)).flatten();
    Ok(Json(QuarantinePage { data, counts: counts.into_iter().collect(), next }))
}

/// Sends the refused events through the collector again, as they are; what is accepted leaves the quarantine. For when
/// the cause was on our side, or the shop's settings have changed.
#[utoipa::path(post, path = "/v1/events/quarantine/retry", tag = "events", responses((status = 200, body = Object)))]
pub async fn retry(State(engine): State<Arc<Engine>>) -> Result<Json<serde_json::Value>> {
    let retried = engine.retry_quarantine().await?;
    Ok(Json(serde_json::json!({
        "accepted": retried.accepted, "duplicates": retried.duplicates, "rejected": retried.rejected.len(),
    })))
}

/// Folds the log anew into profiles, from the first event.
#[utoipa::path(post, path = "/v1/profiles/rebuild", tag = "operation", responses((status = 200, body = Object)))]
pub async fn rebuild(State(engine): State<Arc<Engine>>) -> Result<Json<serde_json::Value>> {
    let worker = engine.clone();
    let events = engine.blocking(move || worker.projector().rebuild(&*worker.stores.log, |_| {})).await?;
    Ok(Json(serde_json::json!({ "events": events })))
}
