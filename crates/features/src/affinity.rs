//! Which categories and brands a user leans to: each product of the history gives its weight to its category or brand,
//! and the shares add up to 1.
//!
//! Nothing of it is folded: categories come from the catalogue when the question is asked, so a product that moves to
//! another shelf takes its history along, and the log's fold depends on the log alone.

use std::collections::BTreeMap;

use domain::{ProductId, Timestamp, time::Micros};

use crate::{column::Column, history::HistoryEntry};

/// `(user_id, product_category, share)` over the most special categories.
pub const CATEGORY: Column =
    Column { name: "category_affinity", sql: include_str!("affinity_category.sql"), over: &[&crate::history::COLUMN] };

/// `(user_id, brand, share)`
pub const BRAND: Column =
    Column { name: "brand_affinity", sql: include_str!("affinity_brand.sql"), over: &[&crate::history::COLUMN] };

/// How the weight of a history spreads over some quality of its products (`None`: the product has none, or is gone);
/// greatest share first.
pub fn affinity<T: Ord>(
    history: &[HistoryEntry],
    now: Timestamp,
    half_life: Micros,
    quality: impl Fn(&ProductId) -> Option<T>,
) -> Vec<(T, f64)> {
    let mut weights = BTreeMap::new();
    for entry in history.iter().filter(|entry| entry.strength() > 0.0) {
        if let Some(quality) = quality(&entry.product_id) {
            *weights.entry(quality).or_insert(0.0) += entry.decayed_strength(now, half_life);
        }
    }
    let total: f64 = weights.values().sum();
    let share = |weight: f64| if total > 0.0 { weight / total } else { 0.0 };
    let mut shares: Vec<_> = weights.into_iter().map(|(quality, weight)| (quality, share(weight))).collect();
    // Stable, so equal shares stay in order of the quality.
    shares.sort_by(|left, right| right.1.total_cmp(&left.1));
    shares
}
