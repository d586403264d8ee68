//! From a query to a slate.
//!
//! [`recommend`] is the walk: hydrate the shopper, climb down the ladder of sources until the slate is full, explain.
//! What the personal rung finds, a brought [`scorer`] may rank anew. [`search::rerank`] does for search results what the ladder does for
//! slates.
//! It reads one immutable [`Snapshot`], needs no clock and no training, and always answers: whatever is missing is
//! said in a notice, and an empty shop gets an empty slate.

pub mod content;
mod explain;
mod filters;
mod hydrate;
pub mod listings;
mod newcomers;
pub mod onboarding;
pub mod scorer;
pub mod search;
mod snapshot;
mod sources;

pub use content::Content;
pub use explain::{Language, reason_text};
pub use hydrate::Shopper;
pub use listings::{Hint, Listings};
pub use newcomers::{Exploration, Ledger, Newcomers};
pub use onboarding::{Question, Questionnaire};
pub use scorer::{Scorer, ScorerError};
pub use snapshot::{ModelSet, Shelf, Snapshot, SnapshotError};

use domain::{Notice, ProductId, Query, RecommendationId, Slate, SlateItem, Source};
use filters::Gate;
use sources::Rung;

/// What the shop decided about every slate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy<'a> {
    /// May products that the shopper bought come back?
    pub recommend_purchased: bool,
    /// Does a slate show one listing of a product that has several?
    pub hide_duplicates: bool,
    /// What new products get; nothing without.
    pub exploration: Option<Exploration<'a>>,
}

/// One slate. `shopper` is who asks (hydrated from the profiles), `id` names the answer.
pub fn recommend(
    snapshot: &Snapshot,
    shopper: &Shopper,
    query: &Query,
    policy: Policy<'_>,
    id: RecommendationId,
) -> Slate {
    let mut view = hydrate::view(snapshot, shopper, query);
    let mut items: Vec<SlateItem> = Vec::with_capacity(query.n);
    let mut gate = Gate::new(snapshot, &view, query, policy);
    let mut failure = climb(snapshot, &view, query, &mut gate, &mut items);
    if items.len() < query.n && gate.forgive() {
        failure = failure.or(climb(snapshot, &view, query, &mut gate, &mut items));
    }
    if let Some(exploration) = policy.exploration.filter(|_| !view.about_context) {
        explore(snapshot, &view, query, exploration, &mut gate, &mut items);
    }
    let dropped = gate.dropped();
    for (i, item) in items.iter_mut().enumerate() {
        item.position = i as u16 + 1;
    }
    view.notices.extend(failure.map(scorer_failed));
    explain::reasons(snapshot, &view, query, &mut items);
    if query.explain {
        explain::parts(snapshot, &view, &mut items);
    }
    let strategy = items.iter().map(|item| item.source).min().map_or("empty", Source::as_str).to_owned();
    Slate {
        recommendation_id: id,
        placement: query.placement.clone(),
        personalized: items.iter().any(|item| view.is_about_them(item.source)),
        strategy,
        model_version: snapshot.models.version.clone(),
        notices: notices(snapshot, &view, query, &items),
        dropped,
        freshest_event_at: view.freshest_event_at,
        items,
    }
}

/// Climbs down the ladder until the slate is full; answers what a brought scorer failed with.
fn climb(
    snapshot: &Snapshot,
    view: &hydrate::View,
    query: &Query,
    gate: &mut Gate<'_>,
    items: &mut Vec<SlateItem>,
) -> Option<onnx::Error> {
    let mut failure = None;
    for rung in sources::ladder(snapshot, view, query) {
        let missing = query.n - items.len();
        let scorer = snapshot.models.scorer().filter(|_| rung.source == Source::Personal);
        let mut candidates =
            take(rung, gate, scorer.map_or(missing, |scorer| scorer.candidates().max(missing)), |_| true);
        if let Some(scorer) = scorer {
            failure = scorer.rerank(snapshot, view, query, &mut candidates).err();
        }
        items.extend(candidates.into_iter().take(missing));
        if items.len() == query.n {
            break;
        }
    }
    failure
}

/// Gives the last places to the new products that suit the shopper best, as many as `exploration` says that are not there by their own score.
fn explore(
    snapshot: &Snapshot,
    view: &hydrate::View,
    query: &Query,
    exploration: Exploration<'_>,
    gate: &mut Gate<'_>,
    items: &mut Vec<SlateItem>,
) {
    let is_new = |item: &&SlateItem| snapshot.models.item(&item.product_id).is_none();
    let missing = exploration.places(query.n).saturating_sub(items.iter().filter(is_new).count());
    let Some(rung) = Some(missing).filter(|&missing| missing > 0).and_then(|_| sources::newcomers(snapshot, view))
    else {
        return;
    };
    let found = take(rung, gate, missing, |id| exploration.may_show(id));
    items.truncate(query.n - found.len());
    items.extend(found);
}

/// The questions that tell most about this shopper, best first; none where there is nothing to ask or no need.
pub fn questions(snapshot: &Snapshot, shopper: &Shopper, n: usize) -> Vec<Question> {
    let Some(population) = snapshot.models.population() else { return Vec::new() };
    let newcomer = features::Profile::default();
    snapshot.questionnaire.ask(population, shopper.profile().unwrap_or(&newcomer), n)
}

/// Takes from one rung, best first, what is `wanted` and passes the gate, up to `n` products.
fn take(mut rung: Rung<'_>, gate: &mut Gate<'_>, n: usize, wanted: impl Fn(&ProductId) -> bool) -> Vec<SlateItem> {
    let mut taken = Vec::new();
    while taken.len() < n {
        let Some((product, score)) = rung.next(gate, n) else { break };
        if wanted(product) && gate.admits(product) {
            taken.push(SlateItem {
                product_id: product.clone(),
                position: 0,
                score,
                source: rung.source,
                reason: rung.reason(),
                parts: Vec::new(),
            });
        }
    }
    taken
}

/// The code of the notice that a scorer failed.
pub const SCORER_FAILED: &str = "scorer_failed";

/// The notice that likeness was judged without a text encoder.
pub fn no_text_model() -> Notice {
    let detail = "likeness goes by the words of texts, not by their meaning; `vitrina text fetch` gets an encoder";
    Notice { code: "no_text_model".to_owned(), detail: detail.to_owned() }
}

fn scorer_failed(error: onnx::Error) -> Notice {
    Notice { code: SCORER_FAILED.to_owned(), detail: format!("{error}; the slate is as it was found") }
}

fn notices(snapshot: &Snapshot, view: &hydrate::View, query: &Query, items: &[SlateItem]) -> Vec<Notice> {
    let got = items.len();
    let by_words_alone =
        snapshot.content.encoder().is_none() && items.iter().any(|item| item.source == Source::Content);
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
    if by_words_alone {
        notices.push(no_text_model());
    }
    if got < query.n {
        notices.push(notice("short_slate", format!("{got} of {} products passed the filters", query.n)));
    }
    notices
}
