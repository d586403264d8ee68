//! From a query to a slate.
//!
//! [`recommend`] is the walk: hydrate the shopper, ask the sources of the placement's [`Plan`], rank what they found, let merchandising
//! [`rules`] have their say, fill up from the plan's fallbacks, explain. [`search::rerank`] does for search results what the walk does for slates.
//! It reads one immutable [`Snapshot`], needs no clock and no training, and always answers: whatever is missing is
//! said in a notice, and an empty shop gets an empty slate.

pub mod content;
pub mod cursor;
mod explain;
mod filters;
mod hydrate;
pub mod listings;
mod newcomers;
mod numbering;
mod offers;
pub mod onboarding;
pub mod page;
mod personal;
pub mod plan;
mod rerank;
pub mod rules;
pub mod scorer;
pub mod search;
mod snapshot;
mod sources;
pub mod trace;
mod walk;

pub use content::Content;
pub use explain::{Language, below_usual, reason_text};
pub use hydrate::Shopper;
pub use listings::{Hint, Listings};
pub use newcomers::{Exploration, Ledger, Newcomers};
pub use offers::Offers;
pub use onboarding::{Question, Questionnaire};
pub use page::{Page, PageContext, RowSlate, page};
pub use plan::{Plan, PlanError, Plans};
pub use rules::{InvalidRule, Rules};
pub use scorer::{Scorer, ScorerError};
pub use snapshot::{ModelSet, Shelf, Snapshot, SnapshotError};
pub use trace::{Trace, Trail};

use domain::{Notice, Query, RecommendationId, Slate};

/// What the shop decided about every slate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy<'a> {
    /// May products that the shopper bought come back?
    pub recommend_purchased: bool,
    /// Does a slate show one listing of a product that has several?
    pub hide_duplicates: bool,
    /// What new products get; nothing without.
    pub exploration: Option<Exploration<'a>>,
    /// Instead of the placement's own.
    pub plan: Option<&'a Plan>,
    /// Until when the slate is of use.
    pub deadline: Option<Deadline<'a>>,
}

/// Tells whether the time is up; asked between steps, never within one.
#[derive(Clone, Copy)]
pub struct Deadline<'a>(pub &'a (dyn Fn() -> bool + Sync));

impl std::fmt::Debug for Deadline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deadline")
    }
}

/// One slate. `shopper` is who asks (hydrated from the profiles), `id` names the answer.
pub fn recommend(
    snapshot: &Snapshot,
    shopper: &Shopper,
    query: &Query,
    policy: Policy<'_>,
    id: RecommendationId,
) -> Slate {
    recommend_traced(snapshot, shopper, query, policy, id).0
}

/// The same, with what the steps left behind.
pub fn recommend_traced(
    snapshot: &Snapshot,
    shopper: &Shopper,
    query: &Query,
    policy: Policy<'_>,
    id: RecommendationId,
) -> (Slate, Trail) {
    let view = hydrate::view(snapshot, shopper, query);
    walk::slate(snapshot, &view, query, policy, id)
}

/// The questions that tell most about this shopper, best first; none where there is nothing to ask or no need.
pub fn questions(snapshot: &Snapshot, shopper: &Shopper, n: usize) -> Vec<Question> {
    let Some(population) = snapshot.models.population() else { return Vec::new() };
    let newcomer = features::Profile::default();
    snapshot.questionnaire.ask(population, shopper.profile().unwrap_or(&newcomer), n)
}

/// The code of the notice that a scorer failed.
pub const SCORER_FAILED: &str = "scorer_failed";

/// The notice that likeness was judged without a text encoder.
pub fn no_text_model() -> Notice {
    let detail = "likeness goes by the words of texts, not by their meaning; `vitrina text fetch` gets an encoder";
    Notice { code: "no_text_model".to_owned(), detail: detail.to_owned() }
}
