//! Search: the index that follows the catalogue, and what a search leaves in the log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{Query, RecommendationId, UserKey};
use insight::LiveQueries;
use privacy::Forget;
use search::{Corrected, Found, Index, Matched};
use serve::{
    Shopper, Snapshot,
    search::{Candidate, Policy, Results},
};
use store::Settings;
use text::words::Language;
use tokio::sync::{Notify, OnceCell};
use ulid::Ulid;

use super::Engine;
use crate::http::problem::Result as ApiResult;

/// Changes of the catalogue that come within this time are indexed together.
const GATHER: Duration = Duration::from_millis(100);

/// The index and what tells its writer that the catalogue changed.
pub struct Search {
    pub index: Index,
    changed: Notify,
    /// Set when the index has been filled once.
    filled: OnceCell<()>,
}

/// What one search came to.
pub struct Searched {
    pub results: Results,
    pub corrected: Vec<Corrected>,
    pub unknown: Vec<String>,
    pub snapshot: Arc<Snapshot>,
    /// Words of each item's name that were looked for.
    pub highlights: Vec<Vec<String>>,
    pub took: Duration,
}

impl Search {
    pub fn new(language: Language) -> search::Result<Self> {
        Ok(Self { index: Index::new(language)?, changed: Notify::new(), filled: OnceCell::new() })
    }

    pub fn catalogue_changed(&self) {
        self.changed.notify_one();
    }
}

impl Engine {
    /// One page of results; what was searched and shown goes to the log afterwards, unless it is a preview.
    ///
    /// # Errors
    /// When the index can't be read.
    pub fn search(&self, text: &str, query: &Query, offset: usize, preview: bool) -> search::Result<Searched> {
        let started = Instant::now();
        let snapshot = self.snapshot();
        let shopper = Shopper::read(&*self.stores.profiles, query.user, query.anonymous);
        let found = self.search.index.search(text)?;
        let candidates: Vec<Candidate<'_>> = found.hits.iter().map(|hit| candidate(&found, hit)).collect();
        let config = &self.config.search;
        let policy = Policy {
            personal: config.personal_weight,
            popular: config.popular_weight,
            hide_duplicates: self.config.serve.hide_duplicates,
        };
        let id = RecommendationId::new(Ulid::new().to_string()).expect("a ULID is a valid id");
        let results = serve::search::rerank(&snapshot, &shopper, query, &candidates, offset, policy, id);
        let name = |id| snapshot.shelf.get(id).map(|product| product.name.as_str()).unwrap_or_default();
        let highlights = results
            .slate
            .items
            .iter()
            .map(|item| found.highlights(name(&item.product_id), self.search.index.language()))
            .collect();
        let took = started.elapsed();
        self.metrics.search_done(results.total, took);
        if !preview {
            let kept = self.impressions.offer_search(text, query, results.total)
                && self.impressions.offer(query, &results.slate);
            self.metrics.impressions_dropped.inc_by(u64::from(!kept));
        }
        Ok(Searched { results, corrected: found.corrected, unknown: found.unknown, snapshot, highlights, took })
    }

    /// Brings the index in step with the catalogue that is served; off the request path.
    ///
    /// # Errors
    /// When the index can't be written; searches then go on with what was there.
    pub fn index_catalogue(&self) -> search::Result<()> {
        let started = Instant::now();
        let snapshot = self.snapshot();
        let changes = self.search.index.sync(snapshot.shelf.products().map(AsRef::as_ref))?;
        self.metrics.search_products.set(self.search.index.len() as i64);
        if changes != search::Changes::default() {
            tracing::info!(
                upserted = changes.upserted,
                deleted = changes.deleted,
                ms = started.elapsed().as_millis() as u64,
                "search index in step with the catalogue"
            );
        }
        Ok(())
    }

    /// Waits until the index has been filled once: a server does that at its start, a command when it searches.
    ///
    /// # Errors
    /// When the index can't be written.
    pub async fn search_ready(self: &Arc<Self>) -> ApiResult<()> {
        let worker = self.clone();
        let fill = || self.working(move || Ok(worker.index_catalogue()?));
        self.search.filled.get_or_try_init(fill).await.copied()
    }

    /// Follows the catalogue until the stop.
    pub async fn follow_catalogue(self: Arc<Self>) {
        if let Err(problem) = self.search_ready().await {
            tracing::error!(?problem, "the search index could not be filled; the next search or change tries again");
        }
        let stopped = self.stopped();
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                () = self.search.changed.notified() => tokio::time::sleep(GATHER).await,
            }
            let worker = self.clone();
            if let Err(problem) = self.working(move || Ok(worker.index_catalogue()?)).await {
                tracing::error!(
                    ?problem,
                    "the search index does not follow the catalogue; the next change tries again"
                );
            }
        }
    }
}

fn candidate<'a>(found: &'a Found, hit: &search::Hit) -> Candidate<'a> {
    let tier = match hit.matched {
        Matched::Some => 0,
        Matched::All => 1,
        Matched::Name => 2,
    };
    Candidate { product_id: found.product_id(hit), tier, text: hit.score }
}

/// The counts of queries, for an erasure.
pub struct QueryMarks<'a>(pub &'a LiveQueries, pub &'a dyn Settings);

impl Forget for QueryMarks<'_> {
    fn name(&self) -> &str {
        "search_queries"
    }

    fn forget(&self, user: UserKey) -> store::Result<u64> {
        self.0.forget(user, self.1)
    }
}
