//! The log as it grows, as server-sent events.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event as SseEvent, KeepAlive, Sse},
};
use domain::{Position, Recorded, Timestamp};
use futures::{Stream, StreamExt, stream};
use serde::Serialize;
use serve::Shelf;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use utoipa::ToSchema;

use crate::engine::Engine;

/// Most events sent again to a reader that comes back with `Last-Event-ID`.
const CATCH_UP_MAX: usize = 500;

#[derive(Debug, Serialize, ToSchema)]
pub struct EventRow {
    position: u64,
    kind: &'static str,
    /// A pseudonym
    user: String,
    #[schema(value_type = String)]
    occurred_at: Timestamp,
    #[schema(value_type = String)]
    received_at: Timestamp,
    channel: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<String>,
    products: Vec<RowProduct>,
    order_total: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RowProduct {
    product_id: String,
    name: Option<String>,
    price: Option<String>,
    quantity: u32,
}

pub fn row(recorded: &Recorded, shelf: &Shelf) -> EventRow {
    let event = &recorded.event;
    let order_total = event.order.as_ref().and_then(|order| {
        let goods = || {
            let currency = event.products.iter().find_map(|line| line.price)?.currency;
            Some(domain::Money::new(event.goods_minor(), currency))
        };
        order.total.or(order.subtotal).or_else(goods).map(|money| money.to_string())
    });
    let products = event
        .products
        .iter()
        .map(|line| {
            let product = shelf.get(&line.product_id);
            RowProduct {
                product_id: line.product_id.to_string(),
                name: product.map(|p| p.name.clone()),
                price: line.price.or_else(|| product.and_then(|p| p.price)).map(|m| m.to_string()),
                quantity: line.quantity,
            }
        })
        .collect();
    EventRow {
        position: recorded.position.0,
        kind: event.kind.as_str(),
        user: event.user.to_string(),
        occurred_at: event.occurred_at,
        received_at: event.received_at,
        channel: event.channel.as_str(),
        placement: event.placement.as_ref().map(ToString::to_string),
        products,
        order_total,
    }
}

/// Every event as it becomes durable (`event: committed`). A reader that lags behind is told how many it missed
/// (`event: lagged`); one that comes back with `Last-Event-ID` gets what it missed first.
#[utoipa::path(get, path = "/v1/events/stream", tag = "events",
    responses((status = 200, description = "text/event-stream of committed events", body = EventRow)))]
pub async fn get(
    State(engine): State<Arc<Engine>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<SseEvent, Infallible>>> {
    let live = BroadcastStream::new(engine.live());
    let last_id = headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let missed = match last_id {
        Some(last_id) => {
            let log = engine.stores.log.clone();
            engine.blocking(move || log.read(Position(last_id), CATCH_UP_MAX)).await.unwrap_or_default()
        }
        None => Vec::new(),
    };
    let caught_up = missed.last().map_or(Position::START, |recorded| recorded.position);
    let missed = stream::iter(missed.into_iter().map(|recorded| Ok(Arc::new(recorded))));
    let live = live
        .filter(move |item| std::future::ready(item.as_ref().map_or(true, |recorded| recorded.position > caught_up)));
    let stopped = engine.stopped();
    let events = missed.chain(live).take_until(stopped).map(move |item| Ok(sse(item, &engine)));
    Sse::new(events).keep_alive(KeepAlive::default())
}

fn sse(item: Result<Arc<Recorded>, BroadcastStreamRecvError>, engine: &Engine) -> SseEvent {
    match item {
        Ok(recorded) => {
            let snapshot = engine.snapshot();
            SseEvent::default()
                .event("committed")
                .id(recorded.position.to_string())
                .json_data(row(&recorded, &snapshot.shelf))
                .unwrap_or_else(|error| SseEvent::default().event("error").data(error.to_string()))
        }
        Err(BroadcastStreamRecvError::Lagged(n)) => SseEvent::default().event("lagged").data(n.to_string()),
    }
}
