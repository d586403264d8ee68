//! One shop's running parts, wired: the only place that knows them all. HTTP and the command line both speak to it.

mod background;
mod batch;
mod content;
mod contents;
mod impressions;
mod listings;
mod newcomers;
mod offers;
mod plans;
mod reviews;
mod rules;
mod scorers;
mod search;
mod slates;
mod traces;
mod training;

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use collect::{Batch, Collector, Incoming, Projector, Setup, Verdicts};
use domain::{Channel, ModelVersion, Product, ProductId, Recorded, Shop, Timestamp, UserKey};
use experiment::contents::LiveContents;
use features::Profile;
use insight::{LiveQueries, LiveTally, Tally, queries};
use parking_lot::Mutex;
use privacy::{Erasure, ErasureRequest, KeyFile, Pseudonyms};
use serve::{Ledger, ModelSet, Question, Shelf, Shopper, Snapshot};
use store::{
    AuditEntry, Follower, Receipt, ShopStores, StoreError,
    embedded::{Options, Stores},
};
use tokio::sync::{broadcast, watch};

use crate::{
    config::Config,
    http::problem::{Problem, Result as ApiResult},
    metrics::Metrics,
};
pub use batch::BatchOf;
pub use content::ContentStatus;
pub use contents::Chosen;
pub use impressions::Impressions;
pub use reviews::{Served, encoder};
pub use rules::{Published, etag};
pub use scorers::Brought;
pub use search::Searched;
pub use slates::{Ask, ContentSlate, Made};
pub use training::TrainRequest;

/// Events that a slow reader of the live stream may lag behind before it misses some.
const LIVE_BACKLOG: usize = 4_096;
/// Half life of what a user's categories and brands are weighed with, for display.
const AFFINITY_HALF_LIFE: i64 = 90 * domain::time::DAY;

pub struct Engine {
    pub config: Config,
    pub shop: Shop,
    pub stores: ShopStores<Profile>,
    pub metrics: Metrics,
    pseudonyms: Pseudonyms,
    collector: Collector,
    projector: Arc<Projector<Profile>>,
    tally: Arc<LiveTally>,
    queries: Arc<LiveQueries>,
    live: Arc<Live>,
    snapshot: ArcSwap<Snapshot>,
    background: background::Background,
    reading: content::Reading,
    reviews: reviews::Reviews,
    /// How often new products were shown to find out who likes them.
    explored: Ledger,
    /// Held while a snapshot is made, so that a model and a catalogue change can't undo each other.
    swapping: Mutex<()>,
    /// Held while the listings are read, so that nobody reads the same shelf twice.
    reading_listings: Mutex<()>,
    /// Held by an erasure and by a training's snapshot: of two at once, one could write what the other took out.
    lake_guard: Mutex<()>,
    training: AtomicBool,
    training_step: Mutex<Option<train::pipeline::Step>>,
    impressions: Impressions,
    search: search::Search,
    plan_folder: plans::PlanFolder,
    rules: rules::RuleBook,
    traces: traces::Traces,
    contents: contents::Contents,
    content_log: Arc<LiveContents>,
    started: Instant,
    stop: watch::Sender<bool>,
    /// Keeps the folder's lock; dropped last.
    _folder: Stores,
}

/// Names and what share of a whole each has, greatest first.
pub type Shares = Vec<(String, f64)>;

/// Whom a request is about.
pub struct Who {
    pub user: Option<UserKey>,
    pub anonymous: Option<UserKey>,
}

impl Engine {
    /// Opens the shop of the configuration, folds what the profiles have not seen, loads the champion.
    ///
    /// # Errors
    /// When the folder is in use, a store is damaged, or the pseudonym key is missing although there are events.
    pub fn open(config: Config) -> anyhow::Result<Arc<Self>> {
        let shop = config.shop();
        let options = Options { profile_cache_bytes: config.store.profile_cache_bytes, ..Options::default() };
        let folder = Stores::open(&config.server.data, options)?;
        let stores = folder.shop::<Profile>(&shop.name)?;
        let pseudonyms = pseudonyms(&config, &stores)?;

        let tally = Arc::new(LiveTally::open(shop.clone(), &*stores.log, &*stores.settings)?);
        let queries = Arc::new(LiveQueries::open(&shop, &*stores.log, &*stores.settings)?);
        let chooser = config.serve.content_policy;
        let content_log = Arc::new(LiveContents::open(&shop, chooser, &*stores.log, &*stores.settings)?);
        let projector = Arc::new(Projector::new(stores.profiles.clone()));
        let live = Arc::new(Live::new());
        stores.log.follow(projector.clone());
        stores.log.follow(tally.clone());
        stores.log.follow(queries.clone());
        stores.log.follow(content_log.clone());
        stores.log.follow(live.clone());
        let behind = stores.log.head().0.saturating_sub(projector.folded().0);
        if behind > 0 {
            tracing::info!(events = behind, "folding what the profiles have not seen");
            projector.catch_up(&*stores.log, |_| {})?;
        }

        let collector = Collector::new(Setup {
            shop: shop.clone(),
            log: stores.log.clone(),
            quarantine: stores.quarantine.clone(),
            pseudonyms: pseudonyms.clone(),
            policy: config.privacy.consent,
            verify: None,
        })?;
        let engine = Self {
            shop,
            metrics: Metrics::default(),
            pseudonyms,
            collector,
            projector,
            tally,
            queries,
            live,
            snapshot: ArcSwap::default(),
            background: background::Background::new()?,
            reading: content::Reading::new(),
            reviews: reviews::Reviews::open(&*stores.lake, &*stores.settings),
            explored: newcomers::open_ledger(&*stores.settings)?,
            swapping: Mutex::new(()),
            reading_listings: Mutex::new(()),
            lake_guard: Mutex::new(()),
            training: AtomicBool::new(false),
            training_step: Mutex::new(None),
            impressions: Impressions::new(),
            search: search::Search::new(config.language())?,
            plan_folder: plans::PlanFolder::new(config.plans()),
            rules: rules::RuleBook::open(&*stores.settings)?,
            contents: contents::Contents::open(&*stores.settings)?,
            content_log,
            traces: traces::Traces::new(config.traces(), config.serve.trace_days, config.serve.trace_mib_max),
            started: Instant::now(),
            stop: watch::Sender::new(false),
            stores,
            config,
            _folder: folder,
        };
        engine.load_champion()?;
        engine.load_rules()?;
        engine.look_at_plans();
        Ok(Arc::new(engine))
    }

    /// The champion, or the last version that loads: a damaged model must not take the shop's slates down.
    fn load_champion(&self) -> anyhow::Result<()> {
        let Some(champion) = self.stores.registry.champion()? else {
            return Ok(self.refresh_shelf()?);
        };
        match ModelSet::load(&*self.stores.registry, &champion) {
            Ok(models) => {
                self.serve_models(models)?;
                self.refresh_shelf()?;
            }
            Err(error) => {
                tracing::error!(%error, version = %champion, "the champion does not load; serving without it");
                self.refresh_shelf()?;
            }
        }
        Ok(())
    }

    // ---- what is served ----

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// What to ask this shopper next, and the snapshot that the answer is from.
    pub fn questions(&self, who: &Who, n: usize) -> (Vec<Question>, Arc<Snapshot>) {
        let snapshot = self.snapshot();
        let shopper = Shopper::read(&*self.stores.profiles, who.user, who.anonymous);
        let questions = serve::questions(&snapshot, &shopper, n);
        self.metrics.onboarding_questions.inc_by(questions.len() as u64);
        (questions, snapshot)
    }

    /// The next request sees what `next` makes of the snapshot.
    fn swap(&self, next: impl FnOnce(&Snapshot) -> Result<Snapshot, StoreError>) -> Result<(), StoreError> {
        let _one_at_a_time = self.swapping.lock();
        let next = next(&self.snapshot())?;
        self.snapshot.store(Arc::new(next));
        Ok(())
    }

    fn serve_models(&self, models: ModelSet) -> Result<(), StoreError> {
        self.metrics.model_swapped(models.created_at.map_or(0, Timestamp::seconds));
        self.swap(|now| Ok(now.renewed(Arc::new(models), now.shelf.clone())))?;
        self.reading.changed();
        Ok(())
    }

    pub fn refresh_shelf(&self) -> Result<(), StoreError> {
        self.swap(|now| {
            let shelf = Shelf::new(self.stores.catalog.all()?);
            self.metrics.catalog_products.set(shelf.len() as i64);
            Ok(now.renewed(now.models.clone(), Arc::new(shelf)))
        })?;
        self.reading.changed();
        self.search.catalogue_changed();
        Ok(())
    }

    pub fn upsert_products(&self, products: &[Product]) -> Result<(), StoreError> {
        self.stores.catalog.upsert(products)?;
        self.record_prices(products)?;
        self.refresh_shelf()
    }

    pub fn delete_product(&self, id: &ProductId) -> Result<bool, StoreError> {
        let deleted = self.stores.catalog.delete(id)?;
        self.refresh_shelf()?;
        Ok(deleted)
    }

    // ---- what happened ----

    /// # Errors
    /// Only of the log: then nothing was acknowledged.
    pub async fn accept(&self, events: Vec<Incoming>, channel: Channel, origin: &str) -> Result<Verdicts, StoreError> {
        let batch = Batch { origin: origin.to_owned(), ..Batch::new(events, channel, self.now()) };
        self.accept_batch(batch).await
    }

    pub async fn accept_batch(&self, batch: Batch) -> Result<Verdicts, StoreError> {
        self.collector.accept(batch).await
    }

    /// Sends what was refused through the collector again; accepted rows, and those that are refused anew (they come
    /// back as new rows), leave their old place.
    pub async fn retry_quarantine(&self) -> ApiResult<Verdicts> {
        const CHUNK: usize = 1_000;
        let mut total = Verdicts::default();
        let started = self.now();
        let mut after = 0;
        loop {
            let quarantine = self.stores.quarantine.clone();
            let mut rows = self.blocking(move || quarantine.list(after, CHUNK)).await?;
            // What comes back while we work is not tried again.
            rows.retain(|row| row.received_at < started);
            let Some(last) = rows.last().map(|row| row.id) else { return Ok(total) };
            after = last;
            let events =
                rows.iter().filter_map(|row| serde_json::from_str(&row.raw).ok().map(Incoming::Json)).collect();
            let verdicts = self.accept(events, Channel::Server, "retry").await?;
            total.accepted += verdicts.accepted;
            total.duplicates += verdicts.duplicates;
            total.rejected.extend(verdicts.rejected);
            let ids: Vec<u64> = rows.iter().map(|row| row.id).collect();
            let quarantine = self.stores.quarantine.clone();
            let removed = self.blocking(move || quarantine.remove(&ids)).await?;
            self.collector.released(removed);
        }
    }

    pub fn collector(&self) -> &Collector {
        &self.collector
    }

    pub fn projector(&self) -> &Projector<Profile> {
        &self.projector
    }

    pub fn live(&self) -> broadcast::Receiver<Arc<Recorded>> {
        self.live.sender.subscribe()
    }

    pub fn events_per_second(&self) -> f64 {
        self.live.per_second()
    }

    pub fn tally(&self) -> Tally {
        self.tally.get()
    }

    pub fn queries(&self, kind: queries::Kind, n_days: usize, users_min: usize, n: usize) -> queries::Report {
        self.queries.report(kind, self.now(), n_days, users_min, n)
    }

    // ---- who ----

    /// The key of a plain id, or the key itself where one is given.
    pub fn user_key(&self, id: &str) -> ApiResult<UserKey> {
        let id = id.trim();
        if id.starts_with(UserKey::PREFIX) {
            return id.parse().map_err(Problem::parameter);
        }
        check_person("user_id", id)?;
        Ok(self.pseudonyms.known(&self.shop.name, id))
    }

    pub fn who(&self, user_id: Option<&str>, anonymous_id: Option<&str>) -> ApiResult<Who> {
        let known = user_id.map(|id| self.user_key(id)).transpose()?;
        let anonymous = anonymous_id
            .map(|id| check_person("anonymous_id", id).map(|()| self.pseudonyms.anonymous(&self.shop.name, id)))
            .transpose()?;
        Ok(match known {
            Some(_) => Who { user: known, anonymous },
            None => Who { user: anonymous, anonymous: None },
        })
    }

    /// Shares of categories and brands in a user's history.
    pub fn affinities(&self, profile: &Profile, snapshot: &Snapshot) -> (Shares, Shares) {
        let shares = |of: &dyn Fn(&Product) -> Option<String>| {
            let quality = |id: &ProductId| snapshot.shelf.get(id).and_then(|product| of(product));
            features::affinity::affinity(profile.history(), self.now(), AFFINITY_HALF_LIFE, quality)
        };
        (shares(&|product| product.category().map(str::to_owned)), shares(&|product| product.brand.clone()))
    }

    /// Forgets a person everywhere, and answers with the proof.
    pub fn erase(&self, user: UserKey, actor: &str) -> Result<Vec<Receipt>, StoreError> {
        let one_at_a_time = self.lake_guard.lock();
        let lake = training::LakeRows(&*self.stores.lake);
        let queries = search::QueryMarks(&self.queries, &*self.stores.settings);
        let erasure = Erasure {
            log: &*self.stores.log,
            users: &*self.stores.users,
            ledger: &*self.stores.ledger,
            derived: vec![&*self.projector, &lake, &queries],
        };
        let request = ErasureRequest { users: vec![user], requested_at: self.now(), actor: actor.to_owned() };
        let receipts = erasure.erase(&request, &|| self.now())?;
        drop(one_at_a_time);
        self.reload_reviews()?;
        Ok(receipts)
    }

    // ---- what was learned ----

    pub fn promote(&self, version: &ModelVersion, actor: &str) -> anyhow::Result<()> {
        // Loaded before the pointer moves: a version that can't be served is refused and the old one goes on.
        let models = ModelSet::load(&*self.stores.registry, version)?;
        self.stores.registry.promote(version)?;
        self.audit(actor, "model.promote", serde_json::json!({ "version": version.as_str() }))?;
        Ok(self.serve_models(models)?)
    }

    pub fn rollback(&self, actor: &str) -> anyhow::Result<ModelVersion> {
        let version = self.stores.registry.rollback()?;
        let models = ModelSet::load(&*self.stores.registry, &version)?;
        self.audit(actor, "model.rollback", serde_json::json!({ "version": version.as_str() }))?;
        self.serve_models(models)?;
        Ok(version)
    }

    fn audit(&self, actor: &str, action: &str, detail: serde_json::Value) -> Result<(), StoreError> {
        let entry = AuditEntry {
            at: self.now(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            detail,
            hash: String::new(),
        };
        self.stores.ledger.audit(entry)
    }

    // ---- how it runs ----

    pub fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(since.as_micros() as i64)
    }

    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Gauges that are read rather than kept.
    pub fn measure(&self) {
        self.metrics.log_head.set(self.stores.log.head().0 as i64);
    }

    /// Runs store work off the async threads.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> ApiResult<T> {
        tokio::task::spawn_blocking(work).await.map_err(Problem::internal)?.map_err(Problem::from)
    }

    /// The same for work whose errors come from several crates.
    pub async fn working<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> ApiResult<T> {
        tokio::task::spawn_blocking(work).await.map_err(Problem::internal)?.map_err(Problem::from)
    }

    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Resolves when the server stops, so that open streams end.
    pub fn stopped(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let mut stop = self.stop.subscribe();
        async move {
            // An error means that the engine is gone, which is a stop too.
            let _ = stop.wait_for(|stopping| *stopping).await;
        }
    }

    pub fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Saves what a start would otherwise have to fold again.
    pub fn save(&self) -> Result<(), StoreError> {
        self.tally.save(&*self.stores.settings)?;
        self.queries.save(&*self.stores.settings)?;
        self.content_log.save(&*self.stores.settings)?;
        self.save_ledger()?;
        self.stores.profiles.flush()
    }

    /// Records impressions and saves the tally until the stop; then once more.
    pub async fn housekeeping(self: Arc<Self>) {
        const SAVE_EVERY: Duration = Duration::from_secs(30);
        let (mut saved, mut traced) = (Instant::now(), Instant::now());
        let stopped = self.stopped();
        tokio::pin!(stopped);
        loop {
            let stopping = tokio::select! {
                () = &mut stopped => true,
                () = tokio::time::sleep(impressions::RECORD_EVERY) => false,
            };
            self.record_impressions().await;
            if stopping || traced.elapsed() > traces::WRITE_EVERY {
                traced = Instant::now();
                self.write_traces().await;
            }
            if stopping || saved.elapsed() > SAVE_EVERY {
                saved = Instant::now();
                self.forget_traces();
                let worker = self.clone();
                if let Err(problem) = self.blocking(move || worker.save()).await {
                    tracing::warn!(?problem, "could not save the tally; a start will fold more of the log");
                }
            }
            if stopping {
                return;
            }
        }
    }
}

fn pseudonyms(config: &Config, stores: &ShopStores<Profile>) -> anyhow::Result<Pseudonyms> {
    let path = config.key_file();
    if !path.exists() && stores.log.head() > domain::Position::START {
        bail!(
            "the key file {} is missing although the shop has events; restore it: \
             with a new key no user would find their history again",
            path.display()
        );
    }
    Ok(Pseudonyms::new(KeyFile::open_or_create(&path).context("the pseudonym key")?))
}

fn check_person(field: &str, id: &str) -> ApiResult<()> {
    const BYTES_MAX: usize = 512;
    if id.trim().is_empty() || id.len() > BYTES_MAX {
        return Err(Problem::parameter(format!("{field} must have 1 to {BYTES_MAX} bytes, got {}", id.trim().len())));
    }
    Ok(())
}

/// Metric labels must not grow with what callers send.
fn placement_label(placement: &str) -> &'static str {
    ["home", "product", "cart", "checkout", "category", "search", "email"]
        .into_iter()
        .find(|known| *known == placement)
        .unwrap_or("other")
}

/// Passes committed events on to whoever watches, and counts how many there are a second.
struct Live {
    sender: broadcast::Sender<Arc<Recorded>>,
    /// Commits of the last [`RATE_WINDOW`]: when, and how many.
    recent: Mutex<VecDeque<(Instant, usize)>>,
}

const RATE_WINDOW: Duration = Duration::from_secs(10);

impl Live {
    fn new() -> Self {
        Self { sender: broadcast::Sender::new(LIVE_BACKLOG), recent: Mutex::new(VecDeque::new()) }
    }

    fn per_second(&self) -> f64 {
        let mut recent = self.recent.lock();
        forget_old(&mut recent);
        recent.iter().map(|(_, n)| n).sum::<usize>() as f64 / RATE_WINDOW.as_secs_f64()
    }
}

fn forget_old(recent: &mut VecDeque<(Instant, usize)>) {
    while recent.front().is_some_and(|(at, _)| at.elapsed() > RATE_WINDOW) {
        recent.pop_front();
    }
}

impl Follower for Live {
    fn committed(&self, events: &[Recorded]) {
        let mut recent = self.recent.lock();
        forget_old(&mut recent);
        recent.push_back((Instant::now(), events.len()));
        drop(recent);
        if self.sender.receiver_count() > 0 {
            for recorded in events {
                // An error means that the last reader left meanwhile.
                let _ = self.sender.send(Arc::new(recorded.clone()));
            }
        }
    }
}
