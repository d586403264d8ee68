//! Slates and pages: the shopper read, the walk of `serve`, and what was shown on its way to the log.

use std::{sync::Arc, time::Instant};

use domain::{Query, RecommendationId, Slate};
use serve::{Page, PageContext, Plan, Policy, RowSlate, Shopper, Snapshot, Trail, page::Title};
use ulid::Ulid;

use super::{Chosen, Engine, placement_label};

/// How a slate is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask<'a> {
    /// A look, not a visit: nothing is recorded or counted.
    pub preview: bool,
    /// The page reports itself what was seen.
    pub client_reports: bool,
    /// Instead of the placement's own.
    pub plan: Option<&'a Plan>,
}

/// A slate and the snapshot that it was made from.
pub struct Made {
    pub slate: Slate,
    pub snapshot: Arc<Snapshot>,
}

/// The rows of a page and the snapshot that they were made from.
pub struct MadePage {
    pub contents: Vec<ContentSlate>,
    pub rows: Vec<RowSlate>,
    pub snapshot: Arc<Snapshot>,
}

/// Contents in a place of a page; their events carry the id.
pub struct ContentSlate {
    pub name: String,
    pub title: Title,
    pub recommendation_id: RecommendationId,
    pub chosen: Vec<Chosen>,
}

impl Engine {
    /// One slate; what was shown goes to the log afterwards.
    pub fn recommend(&self, mut query: Query, ask: Ask<'_>) -> Made {
        let started = Instant::now();
        let snapshot = self.snapshot();
        self.add_segments(&snapshot, &mut query);
        let shopper = Shopper::read(&*self.stores.profiles, query.user, query.anonymous);
        let policy = Policy { plan: ask.plan, ..self.policy(&query) };
        let (slate, trail) = serve::recommend_traced(&snapshot, &shopper, &query, policy, new_id());
        self.metrics.slate_made(placement_label(query.placement.as_str()), &slate.strategy, started.elapsed());
        self.shown(&query, &slate, trail, &snapshot, ask);
        Made { slate, snapshot }
    }

    /// All rows of a page, each a slate of its own in the log.
    pub fn page(&self, page: &Page, mut query: Query, ask: Ask<'_>) -> MadePage {
        let started = Instant::now();
        let snapshot = self.snapshot();
        self.add_segments(&snapshot, &mut query);
        let shopper = Shopper::read(&*self.stores.profiles, query.user, query.anonymous);
        let free_shipping_from = self.config.free_shipping_from();
        let context = PageContext { page, policy: self.policy(&query), free_shipping_from };
        let mut rows = serve::page(&snapshot, &shopper, &query, &context, new_id);
        let contents = self.content_rows(page, &snapshot, &shopper, &query, ask);
        self.metrics.page_made(started.elapsed());
        for row in &mut rows {
            let trail = std::mem::take(&mut row.trail);
            self.shown(&query, &row.slate, trail, &snapshot, ask);
        }
        MadePage { contents, rows, snapshot }
    }

    /// Places for which there is something to show.
    fn content_rows(
        &self,
        page: &Page,
        snapshot: &Snapshot,
        shopper: &Shopper,
        query: &Query,
        ask: Ask<'_>,
    ) -> Vec<ContentSlate> {
        let mut rows = Vec::new();
        for place in &page.contents {
            let chosen = self.choose_contents(snapshot, shopper, query, place.kind, place.n);
            if chosen.is_empty() {
                continue;
            }
            let row = ContentSlate {
                name: place.name.clone(),
                title: place.title.clone(),
                recommendation_id: new_id(),
                chosen,
            };
            for (at, chosen) in row.chosen.iter().enumerate().filter(|_| !ask.preview) {
                self.content_shown(query, &chosen.content);
                let shown = || self.impressions.offer_content(query, &row.recommendation_id, at + 1, chosen);
                if !ask.client_reports && !shown() {
                    self.metrics.impressions_dropped.inc();
                }
            }
            rows.push(row);
        }
        rows
    }

    pub(super) fn policy(&self, query: &Query) -> Policy<'_> {
        Policy {
            recommend_purchased: self.config.serve.recommend_purchased,
            hide_duplicates: self.config.serve.hide_duplicates,
            exploration: self.exploration(query),
            plan: None,
        }
    }

    fn shown(&self, query: &Query, slate: &Slate, trail: Trail, snapshot: &Arc<Snapshot>, ask: Ask<'_>) {
        if slate.notices.iter().any(|notice| notice.code == serve::SCORER_FAILED) {
            self.metrics.scorer_failures.inc();
        }
        if ask.preview {
            return;
        }
        self.explored(slate);
        if !self.traces.offer(slate, trail, snapshot) {
            self.metrics.traces_dropped.inc();
        }
        if !ask.client_reports && !self.impressions.offer(query, slate) {
            self.metrics.impressions_dropped.inc();
        }
    }

    /// The shop's own segment of a known user, read only where some rule goes by segments.
    pub(super) fn add_segments(&self, snapshot: &Snapshot, query: &mut Query) {
        let Some(user) = query.user.filter(|_| snapshot.rules.want_segments() || self.contents_want_segments()) else {
            return;
        };
        match self.stores.users.get(user) {
            Ok(traits) => query.segments.extend(traits.and_then(|traits| traits.segment)),
            Err(error) => tracing::warn!(%error, "a user's segment is unreadable; rules for segments pass them over"),
        }
    }
}

pub(super) fn new_id() -> RecommendationId {
    RecommendationId::new(Ulid::new().to_string()).expect("a ULID is a valid id")
}
