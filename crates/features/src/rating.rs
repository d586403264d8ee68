//! What shoppers think of a product: `average_ratings_product`, the mean of all its stars.

use serde::{Deserialize, Serialize};

use crate::column::Column;

/// `(product_id, n_ratings, average_ratings_product)`
pub const COLUMN: Column = Column { name: "average_ratings_product", sql: include_str!("rating.sql"), over: &[] };

#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ratings {
    n: u32,
    stars: f64,
}

impl Ratings {
    pub fn add(&mut self, stars: f32) {
        self.n = self.n.saturating_add(1);
        self.stars += f64::from(stars);
    }

    pub fn n(self) -> u32 {
        self.n
    }

    pub fn mean(self) -> Option<f64> {
        (self.n > 0).then(|| self.stars / f64::from(self.n))
    }

    /// The mean with `prior_n` imaginary ratings of `prior_mean` added, so that one enthusiast does not beat a hundred
    /// content buyers.
    pub fn mean_with_prior(self, prior_mean: f64, prior_n: f64) -> f64 {
        let n = f64::from(self.n) + prior_n;
        if n > 0.0 { (self.stars + prior_mean * prior_n) / n } else { prior_mean }
    }

    pub fn merge(self, other: Self) -> Self {
        Self { n: self.n.saturating_add(other.n), stars: self.stars + other.stars }
    }
}
