//! Histories without order: weighted products.

use crate::weighting::{Weighting, weighted};
use crate::{History, Interactions};

/// Each product once, with its weight.
pub(crate) type Bag = Vec<(u32, f32)>;

/// The bags of all users with two different products or more: of fewer nothing can be learned.
pub(crate) fn bags(interactions: &Interactions, weighting: Weighting, half_life_days: f32) -> Vec<Bag> {
    let by_user = weighted(interactions, weighting, half_life_days);
    let bags = by_user.rows().map(|row| row.items.iter().copied().zip(row.weights.iter().copied()).collect());
    bags.filter(|bag: &Bag| bag.len() > 1).collect()
}

/// The bag of a history; `None` when none of its products is known.
pub(crate) fn bag_of(history: &History<'_>, n_items: usize, weighting: Weighting, half_life_days: f32) -> Option<Bag> {
    let (items, weights) = history.merged(n_items, half_life_days);
    let bag: Bag = items.into_iter().zip(weights.into_iter().map(|weight| weighting.apply(weight))).collect();
    (!bag.is_empty()).then_some(bag)
}

/// Scales a bag to norm 1.
pub(crate) fn normal(mut bag: Bag) -> Bag {
    let norm = bag.iter().map(|(_, w)| w * w).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    bag.iter_mut().for_each(|(_, w)| *w /= norm);
    bag
}
