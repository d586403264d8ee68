//! Keeps what the snapshot knows of the catalogue's texts up with the catalogue and the text encoder, off the request path.
//!
//! Words are learned in seconds and serve at once; embeddings follow as the encoder makes them, and are kept by the content
//! of their texts, so that only new texts cost anything.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use serde::Serialize;
use serve::{Content, Shelf, Snapshot, content};
use text::{
    Bert, TextEncoder, Watch,
    cache::{EmbeddingCache, FileCache, content_hash, encode_cached},
};
use tokio::sync::watch;
use utoipa::ToSchema;

use super::Engine;

/// Changes of the catalogue that follow one another so closely are read together.
const SETTLE: Duration = Duration::from_millis(300);
/// With more texts to encode than this, their words serve before their meanings are known.
const ENCODED_IN_A_MOMENT: usize = 100;

/// The text encoder, and how far it has come.
pub(super) struct Reading {
    encoder: ArcSwapOption<Bert>,
    /// Embeddings of that encoder; held while it works.
    cache: Mutex<Option<FileCache>>,
    progress: Mutex<Progress>,
    changed: watch::Sender<()>,
}

/// How far the reading of the catalogue has come.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Progress {
    /// Why there is no encoder, or why its work stopped; words serve alone meanwhile
    problem: Option<String>,
    /// Texts encoded so far, of those that had to be; absent when nothing is under way
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<Encoding>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Encoding {
    done: usize,
    of: usize,
}

impl Reading {
    pub fn new() -> Self {
        Self {
            encoder: ArcSwapOption::empty(),
            cache: Mutex::new(None),
            progress: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// The encoder in use.
    pub fn encoder(&self) -> Option<Arc<dyn TextEncoder>> {
        self.encoder.load_full().map(|bert| bert as Arc<dyn TextEncoder>)
    }

    /// The catalogue, the models or the encoder are others.
    pub fn changed(&self) {
        self.changed.send_replace(());
    }

    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

impl Engine {
    pub fn reading_progress(&self) -> Progress {
        self.reading.progress.lock().clone()
    }

    /// Opens the model folder and takes it into service; what is damaged is an error, and the encoder there was goes on.
    ///
    /// # Errors
    /// When there is no model, or one that is not what its manifest says.
    pub fn open_encoder(&self) -> text::Result<Arc<Bert>> {
        let bert = Bert::open(&self.config.text_model(), self.config.text.precision)?;
        let bert = Arc::new(bert);
        let mut cache = self.reading.cache.lock();
        *cache = Some(FileCache::open(&self.embeddings_folder(), &*bert)?);
        self.reading.encoder.store(Some(bert.clone()));
        drop(cache);
        self.reading.progress.lock().problem = None;
        self.reading.changed();
        Ok(bert)
    }

    /// In the lake where that is a folder: like everything there it can be made again.
    fn embeddings_folder(&self) -> PathBuf {
        let lake = self.stores.lake.local_path("embeddings");
        lake.unwrap_or_else(|| self.config.server.data.join("embeddings"))
    }

    /// Follows the catalogue until the stop.
    pub async fn keep_reading(self: Arc<Self>) {
        let mut changed = self.reading.subscribe();
        changed.mark_changed();
        let worker = self.clone();
        let opened = tokio::task::spawn_blocking(move || worker.open_encoder());
        match opened.await {
            Ok(Ok(bert)) => tracing::info!(encoder = bert.id(), "text encoder"),
            Ok(Err(error)) => self.reading_failed(&error),
            Err(panic) => self.reading_failed(&panic),
        }
        while !self.is_stopping() {
            tokio::select! {
                () = self.stopped() => return,
                _ = changed.changed() => tokio::time::sleep(SETTLE).await,
            }
            changed.mark_unchanged();
            let worker = self.clone();
            match tokio::task::spawn_blocking(move || worker.read_catalog(&|_, _| {})).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.reading_failed(&error),
                Err(panic) => self.reading_failed(&panic),
            }
        }
    }

    fn reading_failed(&self, problem: &dyn std::fmt::Display) {
        tracing::warn!(%problem, "products are compared by words alone");
        self.reading.progress.lock().problem = Some(problem.to_string());
    }

    /// Brings the snapshot's content up to its shelf.
    ///
    /// # Errors
    /// Of the encoder or of its cache; the words are in all the same.
    pub fn read_catalog(&self, progress: &(dyn Fn(usize, usize) + Sync)) -> anyhow::Result<()> {
        let shelf = self.snapshot().shelf.clone();
        let mut cache = self.reading.cache.lock();
        let (Some(encoder), Some(cache)) = (self.reading.encoder.load_full(), cache.as_mut()) else {
            return Ok(self.take_content(&shelf, None)?);
        };
        let texts: Vec<String> = shelf.products().map(|product| content::text_of(product)).collect();
        let n_missing = texts.iter().filter(|text| cache.get(&content_hash(text)).is_none()).count();
        if n_missing > ENCODED_IN_A_MOMENT {
            self.take_content(&shelf, Some((&encoder, cache)))?;
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let followed = Followed { engine: self, progress };
        let encoded = self.background.reading.install(|| encode_cached(&*encoder, cache, &texts, &followed));
        self.reading.progress.lock().encoding = None;
        self.take_content(&shelf, Some((&encoder, cache)))?;
        match encoded {
            Err(text::Error::Cancelled) if self.is_stopping() => Ok(()),
            encoded => encoded.map(drop).context("encoding the catalogue"),
        }
    }

    fn take_content(&self, shelf: &Shelf, known: Option<(&Arc<Bert>, &FileCache)>) -> store::Result<()> {
        let now = self.snapshot().content.clone();
        let next = match known {
            None => self.background.reading.install(|| now.next(shelf, None)),
            Some((bert, cache)) => {
                let embedding = |text: &str| cache.get(&content_hash(text)).map(<[f32]>::to_vec);
                let encoded = content::Encoded { encoder: bert.id(), width: bert.width(), embedding: &embedding };
                self.background.reading.install(|| now.next(shelf, Some(encoded)))
            }
        };
        self.metrics.content_products.set(next.len() as i64);
        self.metrics.content_encoded.set(next.n_encoded() as i64);
        self.swap(|snapshot| Ok(Snapshot::clone(snapshot).with_content(Arc::new(next))))?;
        self.place_newcomers()
    }
}

/// Shows where the encoder is, and ends its work at the stop.
struct Followed<'a> {
    engine: &'a Engine,
    progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl Watch for Followed<'_> {
    fn progress(&self, done: usize, of: usize) {
        self.engine.reading.progress.lock().encoding = Some(Encoding { done, of });
        (self.progress)(done, of);
    }

    fn cancelled(&self) -> bool {
        self.engine.is_stopping()
    }
}

/// What the texts of the catalogue tell, as the status page shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentStatus {
    /// Products whose texts are in
    products: usize,
    /// Of them, those whose meaning the encoder has read
    encoded: usize,
    /// Products that no model knows and that find their shoppers by their texts
    newcomers: usize,
    /// The text encoder; absent where words alone decide
    #[serde(skip_serializing_if = "Option::is_none")]
    encoder: Option<String>,
    #[serde(flatten)]
    progress: Progress,
}

impl ContentStatus {
    pub fn of(engine: &Engine) -> Self {
        let snapshot = engine.snapshot();
        let content: &Content = &snapshot.content;
        Self {
            products: content.len(),
            encoded: content.n_encoded(),
            newcomers: snapshot.newcomers.len(),
            encoder: content.encoder().map(str::to_owned),
            progress: engine.reading_progress(),
        }
    }
}
