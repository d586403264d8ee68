//! Interactions of any number, made from a seed: how much users do and how popular products are follow power laws.

use models::{HistoryItem, Interactions};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// How many of each.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub n_users: usize,
    pub n_items: usize,
    /// About: the sum of what the users do.
    pub n_interactions: usize,
}

/// Of the Pareto law of what a user does, the most that one does, and of Zipf's law of products.
const USER_EXPONENT: f64 = 1.5;
const USER_MAX: f64 = 2000.0;
const ITEM_EXPONENT: f64 = 0.8;
const YEAR: i64 = 365 * 86_400;

impl Size {
    /// `USERSxITEMSxINTERACTIONS`.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers: Option<Vec<usize>> = text.split('x').map(|number| number.parse().ok()).collect();
        let [n_users, n_items, n_interactions] = numbers?[..] else { return None };
        Some(Self { n_users, n_items, n_interactions })
    }

    /// One user at a time.
    fn rows(self, seed: u64) -> impl Iterator<Item = Vec<HistoryItem>> {
        let mut random = SmallRng::seed_from_u64(seed);
        let mean = self.n_interactions as f64 / self.n_users as f64;
        let least = mean * (USER_EXPONENT - 1.0) / USER_EXPONENT;
        (0..self.n_users).map(move |_| {
            let n = (least * (1.0 - random.random::<f64>()).powf(-1.0 / USER_EXPONENT)).min(USER_MAX).round() as usize;
            let event =
                |_| HistoryItem { item: self.item(&mut random), weight: 1.0, timestamp: random.random_range(1..YEAR) };
            (0..n.max(1)).map(event).collect()
        })
    }

    /// The density `rank^-s` from 1 to `n_items + 1`, by the inverse of its distribution.
    fn item(self, random: &mut SmallRng) -> u32 {
        let power = 1.0 - ITEM_EXPONENT;
        let top = (self.n_items as f64 + 1.0).powf(power) - 1.0;
        let rank = (1.0 + random.random::<f64>() * top).powf(1.0 / power);
        (rank as usize - 1).min(self.n_items - 1) as u32
    }

    pub fn interactions(self, seed: u64) -> models::Result<Interactions> {
        Interactions::from_rows(self.n_items, self.rows(seed))
    }
}
