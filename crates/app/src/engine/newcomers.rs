//! Keeps the newcomers beside the models and the catalogue, and the ledger of how often each was shown to find out who likes it.

use std::{collections::HashMap, sync::Arc};

use domain::{ProductId, Slate, Source};
use serve::{Exploration, Ledger};
use store::{Settings, StoreError};
use ulid::Ulid;

use super::Engine;

const KEY: &str = "serve.explored";

/// The ledger as it was last saved. After a crash some showings since may be forgotten, and be granted again.
pub(super) fn open_ledger(settings: &dyn Settings) -> Result<Ledger, StoreError> {
    let Some(saved) = settings.get(KEY)? else { return Ok(Ledger::default()) };
    let shown = serde_json::from_value::<HashMap<ProductId, u32>>(saved).unwrap_or_else(|error| {
        tracing::warn!(%error, "how often new products were shown is unreadable; each gets its whole budget again");
        HashMap::default()
    });
    Ok(Ledger::of(shown))
}

impl Engine {
    /// What the next slate may spend on new products.
    pub(super) fn exploration(&self, slate: Ulid) -> Option<Exploration<'_>> {
        let config = &self.config.serve;
        // The last bits of a ULID are random.
        let chance = f32::from(slate.random() as u16) / (f32::from(u16::MAX) + 1.0);
        let (share, budget) = (config.explore_share, config.explore_times);
        (share > 0.0).then_some(Exploration { share, budget, ledger: &self.explored, chance })
    }

    pub(super) fn explored(&self, slate: &Slate) {
        for item in slate.items.iter().filter(|item| item.source == Source::Exploration) {
            self.explored.spend(&item.product_id);
            self.metrics.explored.inc();
        }
    }

    /// Places the new products of the snapshot among those that its models know.
    pub(super) fn place_newcomers(&self) -> Result<(), StoreError> {
        let snapshot = self.snapshot();
        let newcomers = Arc::new(self.background.reading.install(|| snapshot.newcomers.next(&snapshot)));
        self.metrics.newcomers.set(newcomers.len() as i64);
        self.explored.keep(&newcomers);
        self.swap(|now| Ok(now.clone().with_newcomers(newcomers)))
    }

    pub(super) fn save_ledger(&self) -> Result<(), StoreError> {
        let shown: serde_json::Map<String, serde_json::Value> =
            self.explored.all().into_iter().map(|(id, times)| (id.to_string(), times.into())).collect();
        self.stores.settings.put(KEY, &shown.into())
    }
}
