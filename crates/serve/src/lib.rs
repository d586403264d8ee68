//! From a query to a slate.
//!
//! [`recommend`] is the walk: hydrate the shopper, climb down the ladder of sources until the slate is full, explain.
//! It reads one immutable [`Snapshot`], needs no clock and no training, and always answers: whatever is missing is
//! said in a notice, and an empty shop gets an empty slate.

mod explain;
mod filters;
mod hydrate;
mod snapshot;
mod sources;

pub use explain::{Language, reason_text};
pub use hydrate::Shopper;
pub use snapshot::{ModelSet, Shelf, Snapshot, SnapshotError};

use domain::{Notice, Query, RecommendationId, Slate, SlateItem, Source};
use filters::Gate;
use sources::Rung;

/// What the shop decided about every slate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// May products that the shopper bought come back?
    pub recommend_purchased: bool,
}

/// One slate. `shopper` is who asks (hydrated from the profiles), `id` names the answer.
pub fn recommend(snapshot: &Snapshot, shopper: &Shopper, query: &Query, policy: Policy, id: RecommendationId) -> Slate {
    let view = hydrate::view(snapshot, shopper, query);
    let mut gate = Gate::new(snapshot, &view, query, policy);
    let mut items: Vec<SlateItem> = Vec::with_capacity(query.n);
    for rung in sources::ladder(snapshot, &view, query) {
        fill(&mut items, rung, &mut gate, query.n);
        if items.len() == query.n {
            break;
        }
    }
    explain::reasons(snapshot, &view, &mut items);
    if query.explain {
        explain::parts(snapshot, &view, &mut items);
    }
    let strategy = items.iter().map(|item| item.source).min().map_or("empty", Source::as_str).to_owned();
    Slate {
        recommendation_id: id,
        placement: query.placement.clone(),
        personalized: items.iter().any(|item| item.source == Source::Personal) && !view.history.is_empty(),
        strategy,
        model_version: snapshot.models.version.clone(),
        notices: notices(snapshot, &view, query, items.len()),
        dropped: gate.dropped(),
        freshest_event_at: view.freshest_event_at,
        items,
    }
}

/// Takes from one rung, best first, what passes the gate, until the slate has `n` products.
fn fill(items: &mut Vec<SlateItem>, mut rung: Rung<'_>, gate: &mut Gate<'_>, n: usize) {
    while items.len() < n {
        let Some((product, score)) = rung.next() else { return };
        if gate.admits(product) {
            items.push(SlateItem {
                product_id: product.clone(),
                position: items.len() as u16 + 1,
                score,
                source: rung.source,
                reason: rung.reason(),
                parts: Vec::new(),
            });
        }
    }
}

fn notices(snapshot: &Snapshot, view: &hydrate::View, query: &Query, got: usize) -> Vec<Notice> {
    let notice = |code: &str, detail: String| Notice { code: code.to_owned(), detail };
    let mut notices = view.notices.clone();
    if snapshot.models.version.is_none() {
        notices.push(notice("no_model", "nothing is trained yet; run `vitrina train`".to_owned()));
    }
    if snapshot.shelf.is_empty() {
        notices.push(notice(
            "no_catalog",
            "the catalogue is empty, so names and prices are missing; send products".to_owned(),
        ));
    }
    if !view.unknown_products.is_empty() {
        let unknown: Vec<&str> = view.unknown_products.iter().map(|id| id.as_str()).collect();
        notices.push(notice("unknown_products", format!("not in the catalogue or the model: {}", unknown.join(", "))));
    }
    if got < query.n {
        notices.push(notice("short_slate", format!("{got} of {} products passed the filters", query.n)));
    }
    notices
}
