//! Keeps the newcomers beside the models and the catalogue, and the ledger of how often each was shown to find out who likes it.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use domain::{ProductId, Query, Slate, Source, time::DAY};
use serve::{Exploration, Ledger};
use store::{Settings, StoreError};

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
    /// What a slate may spend on new products.
    pub(super) fn exploration(&self, query: &Query) -> Option<Exploration<'_>> {
        let config = &self.config.serve;
        let (share, budget, chance) = (config.explore_share, config.explore_times, chance(query));
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

/// One draw for each shopper, placement and day, so that a page which is loaded again shows the same. `DefaultHasher::new` has fixed keys.
fn chance(query: &Query) -> f32 {
    let mut hasher = DefaultHasher::new();
    (query.user, query.anonymous, query.placement.as_str(), query.now.micros() / DAY).hash(&mut hasher);
    f32::from(hasher.finish() as u16) / (f32::from(u16::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use domain::{Filters, PlacementId, Timestamp, UserKey};

    use super::*;

    #[test]
    fn a_shopper_has_one_chance_a_day_and_all_together_every_chance() {
        let query = |user: u32, day: i64| {
            let key = std::array::from_fn(|byte| user.to_le_bytes()[byte % 4]);
            Query {
                placement: PlacementId::new("home").expect("a name"),
                user: Some(UserKey(key)),
                anonymous: None,
                products: Vec::new(),
                cart: Vec::new(),
                filters: Filters::default(),
                exclude: Vec::new(),
                shown: Vec::new(),
                segments: Vec::new(),
                seller: None,
                n: 10,
                explain: false,
                now: Timestamp::from_micros(day * DAY + 1),
            }
        };
        assert_eq!(chance(&query(1, 3)), chance(&query(1, 3)));
        assert!(chance(&query(1, 3)) != chance(&query(1, 4)) && chance(&query(1, 3)) != chance(&query(2, 3)));
        let chances: Vec<f32> = (0..2_000).map(|user| chance(&query(user, 1))).collect();
        let below = |bound: f32| chances.iter().filter(|chance| **chance < bound).count();
        assert!((160..240).contains(&below(0.1)) && (900..1_100).contains(&below(0.5)));
        assert!(chances.iter().all(|chance| (0.0..1.0).contains(chance)));
    }
}
