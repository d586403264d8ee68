//! What we showed is an event like any other: slates become impressions in the log, after they were answered.

use std::time::Duration;

use domain::{Channel, EventKind, Line, Query, Slate};
use parking_lot::Mutex;

use super::Engine;

/// Slates waiting to be recorded; beyond it further ones are counted and dropped rather than slow the answers.
const WAITING_MAX: usize = 20_000;
pub const RECORD_EVERY: Duration = Duration::from_millis(250);

#[derive(Default)]
pub struct Impressions {
    waiting: Mutex<Vec<collect::RawEvent>>,
}

impl Impressions {
    pub fn new() -> Self {
        Self::default()
    }

    /// `false` when the queue is full. Slates for nobody, and empty ones, are nothing to record.
    pub fn offer(&self, query: &Query, slate: &Slate) -> bool {
        let Some(user) = query.user.filter(|_| !slate.items.is_empty()) else { return true };
        let mut waiting = self.waiting.lock();
        if waiting.len() >= WAITING_MAX {
            return false;
        }
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
        waiting.push(raw);
        true
    }
}

impl Engine {
    pub(super) async fn record_impressions(&self) {
        let waiting = std::mem::take(&mut *self.impressions.waiting.lock());
        for chunk in waiting.chunks(1_000) {
            let events = chunk.iter().cloned().map(Into::into).collect();
            match self.accept(events, Channel::Server, "impressions").await {
                Ok(verdicts) if !verdicts.rejected.is_empty() => {
                    tracing::warn!(
                        first = verdicts.rejected[0].detail,
                        n = verdicts.rejected.len(),
                        "impressions were refused"
                    );
                }
                Ok(_) => {}
                Err(error) => {
                    self.metrics.impressions_dropped.inc_by(chunk.len() as u64);
                    tracing::warn!(%error, n = chunk.len(), "impressions were not recorded");
                }
            }
        }
    }
}
