//! What we know of each product from all shoppers together. Totals name nobody, so every event counts here, also those
//! whose user is not kept.

use domain::{InteractionType, Line, Position, ProductId, Recorded, Timestamp};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::{counts::Counts, popularity::Decayed, product_counts, rating::Ratings, trend::Days};

/// The folded features of one product.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProductStats {
    counts: Counts,
    popularity: Decayed,
    ratings: Ratings,
    purchases: Days,
}

/// The folded features of a shop's products.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ShopStats {
    seen: Position,
    products: FxHashMap<ProductId, ProductStats>,
    interaction_count_max: u64,
}

impl ShopStats {
    /// Takes in one event; events at or before [`seen`](Self::seen) are already in.
    pub fn fold(&mut self, recorded: &Recorded) {
        if recorded.position <= self.seen {
            return;
        }
        self.seen = recorded.position;
        for line in &recorded.event.products {
            self.fold_line(recorded, line);
        }
    }

    fn fold_line(&mut self, recorded: &Recorded, line: &Line) {
        let event = &recorded.event;
        let Some(kind) = event.kind.interaction() else { return };
        let stats = self.products.entry(line.product_id.clone()).or_default();
        stats.fold(kind, event.occurred_at, event.details.rating);
        self.interaction_count_max = self.interaction_count_max.max(stats.interaction_count());
    }

    pub fn seen(&self) -> Position {
        self.seen
    }

    pub fn product(&self, id: &ProductId) -> Option<&ProductStats> {
        self.products.get(id)
    }

    /// In no particular order.
    pub fn products(&self) -> impl Iterator<Item = (&ProductId, &ProductStats)> {
        self.products.iter()
    }

    /// 0 for a product nobody touched, 1 for the busiest.
    pub fn interaction_count_normalized(&self, id: &ProductId) -> f64 {
        let count = self.product(id).map_or(0, ProductStats::interaction_count);
        product_counts::normalized(count, self.interaction_count_max)
    }
}

impl ProductStats {
    fn fold(&mut self, kind: InteractionType, at: Timestamp, rating: Option<f32>) {
        self.counts.add(kind, 1);
        self.popularity.add(kind.weight().into(), at);
        match (kind, rating) {
            (InteractionType::Rating, Some(stars)) => self.ratings.add(stars),
            (InteractionType::Purchase, _) => self.purchases.add(at),
            _ => {}
        }
    }

    pub fn popularity_score(&self, now: Timestamp) -> f64 {
        self.popularity.value_at(now)
    }

    /// All interactions but what was merely shown.
    pub fn interaction_count(&self) -> u64 {
        product_counts::interaction_count(&self.counts)
    }

    pub fn count(&self, kind: InteractionType) -> u32 {
        self.counts.of(kind)
    }

    pub fn average_ratings_product(&self) -> Option<f64> {
        self.ratings.mean()
    }

    pub fn ratings(&self) -> Ratings {
        self.ratings
    }

    /// Purchases in the seven UTC days up to `now`, and in the seven before.
    pub fn purchases_by_week(&self, now: Timestamp) -> (u64, u64) {
        self.purchases.weeks(now)
    }

    /// Above 0 when it sells better than in the week before.
    pub fn purchase_trend_over_time(&self, now: Timestamp) -> f64 {
        self.purchases.trend(now)
    }
}
