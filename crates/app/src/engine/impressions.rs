//! What we showed is an event like any other: slates become impressions, and searches are recorded, in the log, after they were answered.

use std::{sync::Arc, time::Duration};

use domain::{Channel, EventKind, Line, Query, RecommendationId, Slate};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use ulid::Ulid;

use super::{Chosen, Engine};

/// Slates waiting to be recorded; beyond it further ones are counted and dropped rather than slow the answers.
const WAITING_MAX: usize = 20_000;
pub const RECORD_EVERY: Duration = Duration::from_millis(25);

#[derive(Default)]
pub struct Impressions {
    waiting: Mutex<Vec<collect::RawEvent>>,
}

impl Impressions {
    pub fn new() -> Self {
        Self::default()
    }

    /// What was searched for, and how many products it found; `false` when the queue is full. Searches of nobody are not recorded.
    pub fn offer_search(&self, text: &str, query: &Query, results: usize) -> bool {
        let Some(user) = query.user else { return true };
        let mut raw = collect::RawEvent::new(EventKind::ProductsSearched, format!("search-{}", Ulid::new()));
        raw.user_id = Some(user.to_string());
        raw.anonymous_id = query.anonymous.map(|key| key.to_string());
        raw.placement = Some(query.placement.to_string());
        raw.timestamp = Some(query.now);
        raw.details.query = Some(text.trim().to_owned());
        raw.details.results = Some(u32::try_from(results).unwrap_or(u32::MAX));
        self.push(raw)
    }

    /// A content that was shown in a place of its row, from 1; `false` when the queue is full. Showings to nobody teach nothing.
    pub fn offer_content(&self, query: &Query, id: &RecommendationId, place: usize, chosen: &Chosen) -> bool {
        let Chosen { content, propensity } = chosen;
        let Some(user) = query.user else { return true };
        let mut raw = collect::RawEvent::new(EventKind::PromotionViewed, format!("impression-{id}-{place}"));
        raw.user_id = Some(user.to_string());
        raw.anonymous_id = query.anonymous.map(|key| key.to_string());
        raw.placement = Some(query.placement.to_string());
        raw.recommendation_id = Some(id.to_string());
        raw.timestamp = Some(query.now);
        raw.details.promotion_id = Some(content.content_id.to_string());
        raw.details.propensity = Some(*propensity as f32);
        self.push(raw)
    }

    fn push(&self, raw: collect::RawEvent) -> bool {
        let mut waiting = self.waiting.lock();
        let has_room = waiting.len() < WAITING_MAX;
        if has_room {
            waiting.push(raw);
        }
        has_room
    }

    /// `false` when the queue is full. Slates for nobody, and empty ones, are nothing to record.
    pub fn offer(&self, query: &Query, slate: &Slate) -> bool {
        let Some(user) = query.user.filter(|_| !slate.items.is_empty()) else { return true };
        let id = slate.recommendation_id.to_string();
        let products =
            slate.items.iter().map(|item| Line { position: Some(item.position), ..Line::of(item.product_id.clone()) });
        let mut raw = collect::RawEvent::new(EventKind::Impression, format!("impression-{id}"));
        raw.user_id = Some(user.to_string());
        raw.anonymous_id = query.anonymous.map(|key| key.to_string());
        raw.placement = Some(slate.placement.to_string());
        raw.recommendation_id = Some(id);
        raw.timestamp = Some(query.now);
        raw.products = products.collect();
        self.push(raw)
    }
}

/// Impressions recorded at once: little enough that neither a core nor the log is busy with them for long.
const CHUNK: usize = 64;

impl Engine {
    /// On a thread of its own: reading and hashing a chunk takes milliseconds, which no answer shall wait for.
    pub(super) async fn record_impressions(self: &Arc<Self>) {
        let mut waiting = std::mem::take(&mut *self.impressions.waiting.lock());
        while !waiting.is_empty() {
            let chunk = waiting.split_off(waiting.len().saturating_sub(CHUNK));
            let engine = self.clone();
            let recording = tokio::task::spawn_blocking(move || Handle::current().block_on(engine.record(chunk)));
            if let Err(error) = recording.await {
                tracing::error!(%error, "recording impressions panicked");
            }
        }
    }

    async fn record(&self, chunk: Vec<collect::RawEvent>) {
        let n = chunk.len();
        match self.accept(chunk.into_iter().map(Into::into).collect(), Channel::Server, "impressions").await {
            Ok(verdicts) => {
                if let Some(first) = verdicts.rejected.first() {
                    tracing::warn!(first = first.detail, n = verdicts.rejected.len(), "impressions were refused");
                }
            }
            Err(error) => {
                self.metrics.impressions_dropped.inc_by(n as u64);
                tracing::warn!(%error, n, "impressions were not recorded");
            }
        }
    }
}
