//! Slates and pages: the shopper read, the walk of `serve`, and what was shown on its way to the log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{Query, RecommendationId, Slate};
use serve::{Deadline, Page, PageContext, Plan, Policy, RowSlate, Shopper, Snapshot, Trail, page::Title};
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
    /// How long the answer is of use.
    pub timeout: Option<Duration>,
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
        let is_late = || ask.timeout.is_some_and(|timeout| started.elapsed() > timeout);
        let deadline = ask.timeout.map(|_| Deadline(&is_late));
        let policy = Policy { plan: ask.plan, deadline, ..self.policy(&query) };
        let (slate, trail) = serve::recommend_traced(&snapshot, &shopper, &query, policy, new_id());
        self.metrics.slate_made(placement_label(query.placement.as_str()), &slate.strategy, started.elapsed());
        self.shown(&query, &slate, trail, &snapshot, ask);
        Made { slate, snapshot }
    }

    /// All rows of a page, each a slate of its own in the log; `None` where there is no page of that name.
    pub fn page(&self, name: &str, mut query: Query, ask: Ask<'_>) -> Option<MadePage> {
        let started = Instant::now();
        let snapshot = self.snapshot();
        let page = snapshot.plans.page(name)?;
        self.add_segments(&snapshot, &mut query);
        let shopper = Shopper::read(&*self.stores.profiles, query.user, query.anonymous);
        let free_shipping_from = self.config.free_shipping_from();
        let is_late = || ask.timeout.is_some_and(|timeout| started.elapsed() > timeout);
        let deadline = ask.timeout.map(|_| Deadline(&is_late));
        let policy = Policy { deadline, ..self.policy(&query) };
        let context = PageContext { page, policy, free_shipping_from };
        let mut rows = serve::page(&snapshot, &shopper, &query, &context, new_id);
        let contents = self.content_rows(page, &snapshot, &shopper, &query, ask);
        self.metrics.page_made(started.elapsed());
        for row in &mut rows {
            let trail = std::mem::take(&mut row.trail);
            self.shown(&query, &row.slate, trail, &snapshot, ask);
        }
        Some(MadePage { contents, rows, snapshot })
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
            deadline: None,
        }
    }

    fn shown(&self, query: &Query, slate: &Slate, trail: Trail, snapshot: &Arc<Snapshot>, ask: Ask<'_>) {
        if slate.notices.iter().any(|notice| notice.code == serve::SCORER_FAILED) {
            self.metrics.scorer_failures.inc();
        }
        // A look that wants to know why leaves its story and nothing else.
        let is_told = !ask.preview || query.explain;
        if is_told && !self.traces.offer(slate, trail, snapshot) {
            self.metrics.traces_dropped.inc();
        }
        if ask.preview {
            return;
        }
        if let Some(newest) = slate.freshest_event_at {
            self.metrics.slate_freshness_seconds.observe((query.now - newest).max(0) as f64 / 1e6);
        }
        self.explored(slate);
        if !ask.client_reports && !self.impressions.offer(query, slate) {
            self.metrics.impressions_dropped.inc();
        }
    }

    /// What the shop says of a known user, read only where something goes by it.
    pub(super) fn add_segments(&self, snapshot: &Snapshot, query: &mut Query) {
        if snapshot.rules.want_segments() || self.contents_want_segments() || snapshot.shelf.has_sellers() {
            self.add_traits(query);
        }
    }

    pub(super) fn add_traits(&self, query: &mut Query) {
        let Some(user) = query.user else { return };
        match self.stores.users.get(user) {
            Ok(Some(traits)) => {
                query.segments.extend(traits.segment);
                query.seller = traits.attributes.get(SELLER).cloned();
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "a user's traits are unreadable; what goes by segments passes them over")
            }
        }
    }
}

/// The attribute of users who sell here: the name that their products carry.
const SELLER: &str = "seller";

pub(super) fn new_id() -> RecommendationId {
    RecommendationId::new(Ulid::new().to_string()).expect("a ULID is a valid id")
}
