//! Review sentiment inside the running engine: one run at a time; what it found is served until the next.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use store::{Lake, Settings, StoreError};
use text::{Bert, TextEncoder, sentiment::Head};
use train::{
    pipeline::Step,
    reviews::{self, Book, Opinions, Reader, Stores},
};

use super::Engine;

/// What shoppers say, as it is served, and the run that is under way.
pub(super) struct Reviews {
    served: ArcSwap<Served>,
    running: AtomicBool,
    step: Mutex<Option<Step>>,
}

/// What the last run found.
#[derive(Default)]
pub struct Served {
    pub book: Book,
    pub opinions: Opinions,
}

impl Served {
    fn load(lake: &dyn Lake, settings: &dyn Settings) -> Result<Self, StoreError> {
        Ok(Self { book: reviews::load_book(settings)?, opinions: reviews::load_opinions(lake)? })
    }
}

impl Reviews {
    /// What is damaged must not take the shop's slates down: it is made again by the next run.
    pub fn open(lake: &dyn Lake, settings: &dyn Settings) -> Self {
        let served = Served::load(lake, settings).unwrap_or_else(|error| {
            tracing::error!(%error, "review scores do not load and are not served; run `vitrina reviews`");
            Served::default()
        });
        Self { served: ArcSwap::from_pointee(served), running: AtomicBool::new(false), step: Mutex::new(None) }
    }
}

struct Running<'a>(&'a Reviews);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.step.lock() = None;
        self.0.running.store(false, Ordering::Release);
    }
}

impl Engine {
    /// Learns a head, or takes the one that is brought, and scores every review with it.
    ///
    /// # Errors
    /// When a run is under way or the head does not fit the encoder; what was served goes on.
    pub fn read_reviews(&self, head: Option<Head>) -> anyhow::Result<Arc<Served>> {
        if self.reviews.running.swap(true, Ordering::AcqRel) {
            bail!(StoreError::Conflict("reviews are being read; wait for it to end".to_owned()));
        }
        // Reset however it ends, a panic included.
        let _running = Running(&self.reviews);
        let encoder = self.reviews_encoder()?;
        let reader = Reader { encoder: encoder.as_deref(), language: self.config.language(), head };
        let stores = Stores {
            log: &*self.stores.log,
            lake: &*self.stores.lake,
            lake_guard: &self.lake_guard,
            settings: &*self.stores.settings,
        };
        let book = reviews::run(stores, reader, &|step| *self.reviews.step.lock() = Some(step))?;
        let detail = serde_json::json!({ "position": book.seen, "scored": book.head.is_some() });
        self.audit("engine", "reviews.read", detail)?;
        self.reload_reviews()?;
        Ok(self.reviews())
    }

    /// Serves what the stores hold, after a run or an erasure.
    pub(super) fn reload_reviews(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.lake_guard.lock();
        let served = Served::load(&*self.stores.lake, &*self.stores.settings)?;
        self.reviews.served.store(Arc::new(served));
        Ok(())
    }

    pub fn reviews(&self) -> Arc<Served> {
        self.reviews.served.load_full()
    }

    pub fn reviews_step(&self) -> Option<Step> {
        self.reviews.step.lock().clone()
    }

    pub fn is_reading_reviews(&self) -> bool {
        self.reviews.running.load(Ordering::Acquire)
    }

    /// None where no model is installed; a damaged one is an error.
    fn reviews_encoder(&self) -> anyhow::Result<Option<Arc<dyn TextEncoder>>> {
        match self.reading.encoder() {
            Some(encoder) => Ok(Some(encoder)),
            None => encoder(&self.config),
        }
    }
}

/// The text encoder of the configuration; none where no model is installed.
///
/// # Errors
/// When it is damaged.
pub fn encoder(config: &crate::config::Config) -> anyhow::Result<Option<Arc<dyn TextEncoder>>> {
    match Bert::open(&config.text_model(), config.text.precision) {
        Ok(bert) => Ok(Some(Arc::new(bert))),
        Err(text::Error::NoModel { .. }) => Ok(None),
        Err(error) => Err(error).context("the text model"),
    }
}
