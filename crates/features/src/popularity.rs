//! How much a product is wanted now: `popularity_score = Σ w · 2^(−age / half life)` over its interactions, `w` from
//! [`InteractionType::weight`](domain::InteractionType::weight).

use domain::{
    Timestamp,
    time::{DAY, Micros},
};
use serde::{Deserialize, Serialize};

use crate::column::Column;

/// `(product_id, popularity_score)`
pub const COLUMN: Column = Column { name: "popularity_score", sql: include_str!("popularity.sql"), over: &[] };

/// Two weeks: last month's campaign has faded, last weekend has not.
pub const HALF_LIFE: Micros = 14 * DAY;

/// A sum whose parts halve every [`HALF_LIFE`], kept as its value at the newest part.
///
/// A later part re-bases the sum, an earlier one is discounted as it is added. Both are multiplications by powers of
/// two, so the order of arrival only shows in the last bits of the float.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Decayed {
    value: f64,
    at: Timestamp,
}

impl Decayed {
    pub fn add(&mut self, weight: f64, at: Timestamp) {
        if weight == 0.0 {
            return;
        }
        if self.value == 0.0 {
            self.at = at;
        }
        let newest = self.at.max(at);
        self.value = self.value_at(newest) + weight * decay(newest - at);
        self.at = newest;
    }

    pub fn merge(mut self, other: Self) -> Self {
        self.add(other.value, other.at);
        self
    }

    pub fn value_at(self, now: Timestamp) -> f64 {
        if self.value == 0.0 { 0.0 } else { self.value * decay(now - self.at) }
    }
}

fn decay(age: Micros) -> f64 {
    (-age as f64 / HALF_LIFE as f64).exp2()
}
