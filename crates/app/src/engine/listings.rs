//! Keeps the reading of the catalogue's listings near the catalogue, off the path of requests and of uploads.

use std::{sync::Arc, time::Instant};

use serve::Listings;
use store::StoreError;

use super::Engine;

/// After a reading, rest so many times as long as it took: a catalogue that changes all the time costs at most a tenth of the time.
const REST: u32 = 9;

impl Engine {
    /// The reading of the catalogue as it is now; takes seconds when the catalogue changed since the last one.
    pub fn listings(&self) -> Result<Arc<Listings>, StoreError> {
        let _one_at_a_time = self.reading_listings.lock();
        let snapshot = self.snapshot();
        if snapshot.listings.is_of(&snapshot.shelf) {
            return Ok(snapshot.listings.clone());
        }
        let started = Instant::now();
        let (currency, language) = (self.shop.currency, self.config.language());
        let listings = self.background.reading.install(|| Listings::read(&snapshot.shelf, currency, language));
        let listings = Arc::new(listings);
        let (products, groups, took) = (snapshot.shelf.len(), listings.n_groups(), started.elapsed());
        tracing::info!(products, groups, ?took, "read the listings");
        self.metrics.duplicate_groups.set(listings.n_groups() as i64);
        self.swap(|now| Ok(now.clone().with_listings(listings.clone())))?;
        Ok(listings)
    }

    /// Reads the listings whenever the catalogue changed, until the stop. Slates meanwhile go by the last reading.
    pub async fn keep_listings(self: Arc<Self>) {
        let mut changed = self.reading.subscribe();
        changed.mark_changed();
        while !self.is_stopping() {
            tokio::select! {
                () = self.stopped() => return,
                _ = changed.changed() => {}
            }
            let (worker, started) = (self.clone(), Instant::now());
            match tokio::task::spawn_blocking(move || worker.listings()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => listing_failed(&error),
                Err(panic) => listing_failed(&panic),
            }
            tokio::select! {
                () = self.stopped() => return,
                () = tokio::time::sleep(started.elapsed() * REST) => {}
            }
        }
    }
}

fn listing_failed(error: &dyn std::fmt::Display) {
    tracing::error!(%error, "reading the listings failed; slates go by the last reading");
}
