//! Keeps what prices and purchases tell beside the catalogue: price histories on disk, deals and rhythms of purchase in the snapshot.

use std::{borrow::Borrow, sync::Arc, time::Duration};

use domain::{PricePoint, Product, time::DAY};
use features::{PriceIndex, Profile, Replenishment, deals};
use serve::Offers;
use store::StoreError;

use super::Engine;

/// How often it is read again without a change of prices: deals end by themselves, and people buy.
const RENEW_EVERY: Duration = Duration::from_secs(3_600);
/// After a renewal, rest so many times as long as it took.
const REST: u32 = 9;
/// People that rhythms of purchase are learned from, and that speak for how the shop's people go by prices.
const PEOPLE_MAX: usize = 20_000;
/// Price changes older than what a deal is proven by.
const FORGOTTEN_AFTER: i64 = deals::USUAL_WINDOW + deals::DEAL_LASTS + 30 * DAY;

impl Engine {
    /// What these products cost from now on. Repetitions leave no trace.
    pub(super) fn record_prices(&self, products: &[impl Borrow<Product>]) -> Result<(), StoreError> {
        let now = self.now();
        let points: Vec<PricePoint> = products.iter().map(|product| PricePoint::of(product.borrow(), now)).collect();
        self.stores.prices.record(&points)
    }

    /// Deals and rhythms of purchase as they are now.
    pub fn renew_offers(&self) -> Result<(), StoreError> {
        let now = self.now();
        let prices = self.stores.prices.since(now - FORGOTTEN_AFTER)?;
        let snapshot = self.snapshot();
        let people = self.people()?;
        let offers = self.background.reading.install(|| {
            let category = |id: &_| snapshot.shelf.get(id)?.category().map(str::to_owned);
            let rhythms = Replenishment::learn(people.iter().map(|person| person.history()), now, category);
            Offers::new(PriceIndex::of(&prices), rhythms, &snapshot.shelf, &people, now)
        });
        self.metrics.deals.set(offers.deals().count() as i64);
        self.swap(|now| Ok(now.clone().with_offers(Arc::new(offers))))
    }

    fn people(&self) -> Result<Vec<Arc<Profile>>, StoreError> {
        let people = self.stores.profiles.recent(PEOPLE_MAX);
        people.into_iter().filter_map(|user| self.stores.profiles.get(user).transpose()).collect()
    }

    /// Follows the catalogue, and renews now and then, until the stop.
    pub async fn keep_offers(self: Arc<Self>) {
        let engine = self.clone();
        // What changed while nobody listened.
        let catch_up = move || engine.record_prices(&engine.snapshot().shelf.products().cloned().collect::<Vec<_>>());
        renewed(tokio::task::spawn_blocking(catch_up).await);
        let mut changed = self.reading.subscribe();
        changed.mark_changed();
        while !self.is_stopping() {
            tokio::select! {
                () = self.stopped() => return,
                () = tokio::time::sleep(RENEW_EVERY) => {}
                _ = changed.changed() => {}
            }
            let (engine, started) = (self.clone(), std::time::Instant::now());
            renewed(tokio::task::spawn_blocking(move || engine.renew_offers()).await);
            tokio::select! {
                () = self.stopped() => return,
                () = tokio::time::sleep(started.elapsed() * REST) => {}
            }
        }
    }
}

fn renewed(outcome: Result<Result<(), StoreError>, tokio::task::JoinError>) {
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "prices could not be read; deals stay as they were"),
        Err(error) => tracing::error!(%error, "reading prices panicked; deals stay as they were"),
    }
}
