//! How often a product was touched, alone and beside the busiest product of the shop:
//! `interaction_count_normalized = interaction_count / max over products`.

use domain::InteractionType;

use crate::{column::Column, counts::Counts};

/// `(product_id, n_impression, n_view, n_cart, n_purchase, interaction_count, interaction_count_normalized)`
pub const COLUMN: Column = Column { name: "interaction_count", sql: include_str!("product_counts.sql"), over: &[] };

/// All interactions but what was merely shown.
pub fn interaction_count(counts: &Counts) -> u64 {
    counts.total() - u64::from(counts.of(InteractionType::Impression))
}

pub fn normalized(count: u64, count_max: u64) -> f64 {
    if count_max > 0 { count as f64 / count_max as f64 } else { 0.0 }
}
