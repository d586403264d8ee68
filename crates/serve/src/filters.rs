//! What may stand on the slate. Asked product by product, best first, so that a filter never empties a slate that
//! could be filled; every refusal is counted by name.

use std::collections::BTreeMap;

use domain::{ProductId, Query};
use rustc_hash::FxHashSet;

use crate::{Policy, Snapshot, hydrate::View};

pub(crate) struct Gate<'a> {
    snapshot: &'a Snapshot,
    view: &'a View,
    query: &'a Query,
    policy: Policy,
    taken: FxHashSet<ProductId>,
    /// Of the listings of one product, the first has the place.
    groups: FxHashSet<u32>,
    dropped: BTreeMap<&'static str, usize>,
}

impl<'a> Gate<'a> {
    pub fn new(snapshot: &'a Snapshot, view: &'a View, query: &'a Query, policy: Policy) -> Self {
        Self {
            snapshot,
            view,
            query,
            policy,
            taken: FxHashSet::default(),
            groups: FxHashSet::default(),
            dropped: BTreeMap::new(),
        }
    }

    /// Passes each product at most once.
    pub fn admits(&mut self, product: &ProductId) -> bool {
        if self.taken.contains(product) {
            return false;
        }
        let refusal = self.refusal(product).or_else(|| self.is_duplicate(product).then_some("duplicate_listing"));
        self.taken.insert(product.clone());
        if let Some(name) = refusal {
            *self.dropped.entry(name).or_default() += 1;
        }
        refusal.is_none()
    }

    fn refusal(&self, id: &ProductId) -> Option<&'static str> {
        if self.query.products.contains(id) || self.query.cart.contains(id) {
            return Some("in_context");
        }
        if self.query.exclude.contains(id) {
            return Some("exclude_list");
        }
        if !self.policy.recommend_purchased && self.is_purchased(id) {
            return Some("purchased");
        }
        match self.snapshot.shelf.get(id) {
            Some(product) if product.hidden => Some("hidden"),
            Some(product) => self.query.filters.refuses(product, self.query.now),
            // A shop that sent no catalogue gets ids; one that did never shows what it does not list.
            None if self.snapshot.shelf.is_empty() => None,
            None => Some("not_in_catalog"),
        }
    }

    fn is_purchased(&self, id: &ProductId) -> bool {
        self.view.profile.as_ref().is_some_and(|profile| profile.is_purchased(id))
    }

    /// Is another listing of this product admitted? Asked last, so that only what could be shown takes the place.
    fn is_duplicate(&mut self, id: &ProductId) -> bool {
        self.policy.hide_duplicates && self.snapshot.listings.group(id).is_some_and(|group| !self.groups.insert(group))
    }

    pub fn dropped(&self) -> Vec<(String, usize)> {
        self.dropped.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
    }
}
