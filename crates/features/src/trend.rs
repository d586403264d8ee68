//! Is a product selling better than a week ago?
//!
//! `purchase_trend_over_time = ln((a + 1) / (b + 1))` with `a` its purchases in the seven UTC days up to today and `b`
//! those in the seven days before: 0 is steady, above is rising, and the ones keep small numbers from shouting.

use std::collections::BTreeMap;

use domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::column::Column;

/// `(product_id, purchases_recent, purchases_before, purchase_trend_over_time)`
pub const COLUMN: Column = Column { name: "purchase_trend_over_time", sql: include_str!("trend.sql"), over: &[] };

const WEEK: i64 = 7;
/// Days remembered, counted back from the newest purchase: enough to ask about any day of the last fortnight.
const DAYS_MAX: i64 = 28;

/// Purchases by UTC day.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days(BTreeMap<i64, u32>);

impl Days {
    pub fn add(&mut self, at: Timestamp) {
        self.put(at.utc_day().into(), 1);
    }

    fn put(&mut self, day: i64, n: u32) {
        let count = self.0.entry(day).or_default();
        *count = count.saturating_add(n);
        let newest = self.0.last_key_value().map_or(day, |(newest, _)| *newest);
        self.0 = self.0.split_off(&(newest - DAYS_MAX + 1));
    }

    pub fn merge(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        other.0.iter().for_each(|(day, n)| merged.put(*day, *n));
        merged
    }

    /// Purchases of the seven days up to `now`, and of the seven before.
    pub fn weeks(&self, now: Timestamp) -> (u64, u64) {
        let today = i64::from(now.utc_day());
        let sum = |from, to| self.0.range(from..=to).map(|(_, n)| u64::from(*n)).sum();
        (sum(today - WEEK + 1, today), sum(today - 2 * WEEK + 1, today - WEEK))
    }

    pub fn trend(&self, now: Timestamp) -> f64 {
        let (recent, before) = self.weeks(now);
        ((recent as f64 + 1.0) / (before as f64 + 1.0)).ln()
    }
}
