//! The price histories of a shop's products, in memory, for serving.

use std::{hash::BuildHasher, sync::Arc};

use domain::{PricePoint, ProductId, Timestamp};
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::deals::{Deal, PriceHistory};

/// An update copies the parts that it touches: a 256th of the products for one product's point.
const N_PARTS: usize = 256;

type Part = FxHashMap<ProductId, PriceHistory>;

/// Built from all points, updated with new ones. Cheap to clone: a snapshot keeps its prices while others are updated.
///
/// A product takes about 70 bytes and 25 a change, and its id's text where nobody else holds it
/// (`cargo run --release -p features --example price_index`).
#[derive(Clone, Debug)]
pub struct PriceIndex(Arc<[Arc<Part>]>);

impl Default for PriceIndex {
    fn default() -> Self {
        Self((0..N_PARTS).map(|_| Arc::default()).collect())
    }
}

impl PriceIndex {
    /// Of points in any order; fastest when those of a product stand together, as the store gives them.
    pub fn of(points: &[PricePoint]) -> Self {
        let mut index = Self::default();
        index.record(points);
        index
    }

    /// Takes in news, also late ones and those that it knows.
    pub fn record(&mut self, points: &[PricePoint]) {
        for points in points.chunk_by(|left, right| left.product_id == right.product_id) {
            let id = &points[0].product_id;
            let part = Arc::make_mut(&mut Arc::make_mut(&mut self.0)[part_of(id)]);
            match part.get_mut(id) {
                Some(history) => points.iter().for_each(|point| history.record(point)),
                None => drop(part.insert(id.clone(), PriceHistory::of(points))),
            }
        }
    }

    /// Forgets what no longer held at `at`.
    pub fn forget_before(&mut self, at: Timestamp) {
        for part in Arc::make_mut(&mut self.0) {
            Arc::make_mut(part).values_mut().for_each(|history| history.forget_before(at));
        }
    }

    pub fn history(&self, product: &ProductId) -> Option<&PriceHistory> {
        self.0[part_of(product)].get(product)
    }

    pub fn deal(&self, product: &ProductId, now: Timestamp) -> Option<Deal> {
        self.history(product)?.deal(now)
    }

    /// Every deal there is, greatest percentage first, then greatest saving. Looks at each product: ask once a snapshot.
    pub fn deals(&self, now: Timestamp) -> Vec<(ProductId, Deal)> {
        let products = self.0.iter().flat_map(|part| part.iter());
        let mut deals: Vec<_> = products.filter_map(|(id, history)| Some((id.clone(), history.deal(now)?))).collect();
        deals.sort_unstable_by(|(left_id, left), (right_id, right)| {
            let greatest = right.percent.total_cmp(&left.percent).then(right.saving_minor.cmp(&left.saving_minor));
            greatest.then_with(|| left_id.cmp(right_id))
        });
        deals
    }

    /// Products.
    pub fn len(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// By bits that the maps don't choose their places by.
fn part_of(product: &ProductId) -> usize {
    (FxBuildHasher.hash_one(product) >> 32) as usize % N_PARTS
}
