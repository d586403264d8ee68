//! What the user was shown and did not care for: who has passed a product by ten times is tired of it.
//!
//! ```text
//! shown_without_click = Σ_days n_d · 2^(−(today − d) / 7)        over the days d after the last touch
//! ```
//!
//! `n_d` are the impressions of UTC day d. Any touch of the product, from a click to a purchase, answers all that it was
//! shown up to the end of its day. What the user touched is the [history](crate::history)'s to know, so here are
//! impressions alone: sums by day, exact in any order of arrival.
//!
//! A product costs a stored profile about 20 bytes, so all of them 2.6 kB at most, and a slate of ten some 3 µs to fold
//! (`cargo run --release -p features --example profile_cost`).

use domain::{Event, EventKind, ProductId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::column::Column;

/// `(user_id, product_id, shown_without_click)`
pub const COLUMN: Column = Column { name: "shown_without_click", sql: include_str!("exposure.sql"), over: &[] };

/// Products remembered a user. Which products these are, and the day they were last shown, is exact in any order of
/// arrival: the newest by that day. The counts of a product that fell off and came back start anew.
pub const SHOWN_MAX: usize = 100;

/// Days remembered a product, up to the newest it was shown on; exact in any order of arrival. An older impression is
/// forgotten, though it would still count a quarter.
pub const DAYS_MAX: usize = 14;

/// Days in which the memory of having been shown fades to half.
const HALF_LIFE_DAYS: f64 = 7.0;

/// A product that was shown.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Shown {
    pub product_id: ProductId,
    /// The newest UTC day it was shown on.
    day: i32,
    /// Impressions by days before `day`; 255 stands for more.
    counts: [u8; DAYS_MAX],
}

/// Without names and trailing zeros: 7 bytes and the product's id.
type Stored = (ProductId, i32, Vec<u8>);

impl From<Stored> for Shown {
    fn from((product_id, day, stored): Stored) -> Self {
        let mut counts = [0; DAYS_MAX];
        counts.iter_mut().zip(stored).for_each(|(count, n)| *count = n);
        Self { product_id, day, counts }
    }
}

impl From<Shown> for Stored {
    fn from(shown: Shown) -> Self {
        let len = shown.counts.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
        (shown.product_id, shown.day, shown.counts[..len].to_vec())
    }
}

impl Shown {
    fn once(product_id: ProductId, day: i32) -> Self {
        let mut counts = [0; DAYS_MAX];
        counts[0] = 1;
        Self { product_id, day, counts }
    }

    fn merge(&mut self, other: &Self) {
        let day = self.day.max(other.day);
        let at = |shown: &Self, i: usize| {
            let before = usize::try_from(i64::from(shown.day) - i64::from(day) + i as i64);
            before.ok().and_then(|i| shown.counts.get(i)).copied().unwrap_or(0)
        };
        self.counts = std::array::from_fn(|i| at(self, i).saturating_add(at(other, i)));
        self.day = day;
    }

    /// Impressions after the day of `touched_at`, each halved every seven days up to `now`.
    pub fn without_click(&self, touched_at: Option<Timestamp>, now: Timestamp) -> f64 {
        let (today, touched) = (now.utc_day(), touched_at.map(Timestamp::utc_day));
        let days = (0..).map(|before| self.day - before).zip(self.counts);
        days.filter(|(day, n)| *n > 0 && touched.is_none_or(|touched| *day > touched))
            .map(|(day, n)| f64::from(n) * (-f64::from((today - day).max(0)) / HALF_LIFE_DAYS).exp2())
            .sum()
    }
}

/// Last shown first; ties in order of product id.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Exposure(Vec<Shown>);

impl Exposure {
    pub fn shown(&self) -> &[Shown] {
        &self.0
    }

    pub fn product(&self, product: &ProductId) -> Option<&Shown> {
        self.0.iter().find(|shown| shown.product_id == *product)
    }

    pub fn fold(&mut self, event: &Event) {
        if event.kind != EventKind::Impression {
            return;
        }
        let day = event.occurred_at.utc_day();
        for line in &event.products {
            self.put(Shown::once(line.product_id.clone(), day));
        }
    }

    fn put(&mut self, news: Shown) {
        let known = self.0.iter().position(|shown| shown.product_id == news.product_id);
        let shown = match known {
            Some(i) => {
                let mut shown = self.0.remove(i);
                shown.merge(&news);
                shown
            }
            None => news,
        };
        let is_before = |other: &Shown| (shown.day, &other.product_id) < (other.day, &shown.product_id);
        let place = self.0.partition_point(is_before);
        if place < SHOWN_MAX {
            self.0.truncate(SHOWN_MAX - 1);
            self.0.insert(place, shown);
        }
    }

    pub fn merge(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        other.0.iter().for_each(|shown| merged.put(shown.clone()));
        merged
    }
}
