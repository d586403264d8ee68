//! Where the prices lie that a user looks at and pays.
//!
//! Prices spread over orders of magnitude, so the band is mean and standard deviation of `x = ln(price in minor units)`,
//! weighted by interaction ([`InteractionType::weight`](domain::InteractionType::weight)):
//!
//! ```text
//! mean = Σ w·x / Σ w        sd = √(Σ w·x² / Σ w − mean²)
//! ```
//!
//! `x` is kept in thousandths (0.1 % of a price) so that the sums are integers: exact in any order of arrival.

use std::collections::BTreeMap;

use domain::{Currency, Event};
use serde::{Deserialize, Serialize};

use crate::column::Column;

/// `(user_id, currency, n, price_log_mean, price_log_sd)`
pub const COLUMN: Column = Column { name: "price_band", sql: include_str!("price_band.sql"), over: &[] };

/// Thousandths of a natural logarithm.
const SCALE: f64 = 1e3;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PriceBands(BTreeMap<Currency, Sums>);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Sums {
    n: u32,
    weight: i64,
    log: i64,
    log_squared: i64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PriceBand {
    pub log_mean: f64,
    pub log_sd: f64,
    /// Priced interactions behind it.
    pub n: u32,
}

impl PriceBand {
    /// The middle of the band in minor units.
    pub fn typical_minor(self) -> f64 {
        self.log_mean.exp()
    }

    /// About two thirds of the prices lie in here, in minor units.
    pub fn range_minor(self) -> (f64, f64) {
        ((self.log_mean - self.log_sd).exp(), (self.log_mean + self.log_sd).exp())
    }

    /// How far a price is from the middle: in standard deviations, of at least 10 % of the price.
    pub fn distance(self, price_minor: i64) -> f64 {
        ((price_minor.max(1) as f64).ln() - self.log_mean) / self.log_sd.max(0.1)
    }
}

impl PriceBands {
    pub fn fold(&mut self, event: &Event) {
        let Some(weight) = event.kind.interaction().map(|kind| kind.weight().round() as i64).filter(|w| *w > 0) else {
            return;
        };
        for price in event.products.iter().filter_map(|line| line.price).filter(|price| price.minor > 0) {
            let x = ((price.minor as f64).ln() * SCALE).round() as i64;
            let one = Sums { n: 1, weight, log: weight * x, log_squared: weight * x * x };
            self.0.entry(price.currency).or_default().add(one);
        }
    }

    pub fn merge(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        for (currency, sums) in &other.0 {
            merged.0.entry(*currency).or_default().add(*sums);
        }
        merged
    }

    pub fn band(&self, currency: Currency) -> Option<PriceBand> {
        let sums = self.0.get(&currency).filter(|sums| sums.weight > 0)?;
        let weight = sums.weight as f64;
        let mean = sums.log as f64 / weight;
        let variance = (sums.log_squared as f64 / weight - mean * mean).max(0.0);
        Some(PriceBand { log_mean: mean / SCALE, log_sd: variance.sqrt() / SCALE, n: sums.n })
    }
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.n = self.n.saturating_add(other.n);
        self.weight = self.weight.saturating_add(other.weight);
        self.log = self.log.saturating_add(other.log);
        self.log_squared = self.log_squared.saturating_add(other.log_squared);
    }
}
