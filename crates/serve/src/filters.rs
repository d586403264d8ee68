//! What may stand on the slate. Asked product by product, best first, so that a filter never empties a slate that
//! could be filled; every refusal is counted by name.

use std::collections::BTreeMap;

use domain::{Product, ProductId, Query};
use rustc_hash::FxHashSet;

use crate::{Policy, Snapshot, hydrate::View};

pub(crate) struct Gate<'a> {
    snapshot: &'a Snapshot,
    view: &'a View,
    query: &'a Query,
    policy: Policy<'a>,
    taken: FxHashSet<ProductId>,
    /// Of the listings of one product, the first has the place.
    groups: FxHashSet<u32>,
    dropped: BTreeMap<&'static str, usize>,
    /// Refused for a category that the shopper said not to like: shown before the slate stays short.
    demoted: Vec<ProductId>,
    demotes: bool,
}

const DISLIKED_CATEGORY: &str = "disliked_category";
pub(crate) const DUPLICATE_LISTING: &str = "duplicate_listing";

impl<'a> Gate<'a> {
    pub fn new(snapshot: &'a Snapshot, view: &'a View, query: &'a Query, policy: Policy<'a>) -> Self {
        Self {
            snapshot,
            view,
            query,
            policy,
            taken: FxHashSet::default(),
            groups: FxHashSet::default(),
            dropped: BTreeMap::new(),
            demoted: Vec::new(),
            demotes: true,
        }
    }

    /// Passes each product at most once.
    pub fn admits(&mut self, product: &ProductId) -> bool {
        if self.taken.contains(product) {
            return false;
        }
        self.taken.insert(product.clone());
        self.passes(product)
    }

    /// For candidates that are all different.
    pub fn passes(&mut self, product: &ProductId) -> bool {
        let refusal = self.refusal(product).or_else(|| self.is_duplicate(product).then_some(DUPLICATE_LISTING));
        if let Some(name) = refusal {
            *self.dropped.entry(name).or_default() += 1;
            if name == DISLIKED_CATEGORY {
                self.demoted.push(product.clone());
            }
        }
        refusal.is_none()
    }

    /// Would it pass? Counts nothing.
    pub fn would_admit(&self, product: &ProductId) -> bool {
        !self.taken.contains(product) && self.refusal(product).is_none()
    }

    /// Lets products of disliked categories pass from now on, which a short slate needs; false when there were none.
    pub fn forgive(&mut self) -> bool {
        self.demotes = false;
        self.dropped.remove(DISLIKED_CATEGORY);
        let any = !self.demoted.is_empty();
        self.demoted.drain(..).for_each(|product| drop(self.taken.take(&product)));
        any
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
        if self.view.words.disliked_products.contains(id) {
            return Some("disliked");
        }
        match self.snapshot.shelf.get(id) {
            Some(product) if product.hidden => Some("hidden"),
            Some(product) => {
                let refusal = self.query.filters.refuses(product, self.query.now);
                refusal.or_else(|| self.is_demoted(product).then_some(DISLIKED_CATEGORY))
            }
            // A shop that sent no catalogue gets ids; one that did never shows what it does not list.
            None if self.snapshot.shelf.is_empty() => None,
            None => Some("not_in_catalog"),
        }
    }

    /// In a category that the shopper said not to like, and now neither looks at nor asks for.
    fn is_demoted(&self, product: &Product) -> bool {
        let looked_at = |category: &String| {
            let context = self.query.products.iter().chain(&self.query.cart);
            let mut context = context.filter_map(|id| self.snapshot.shelf.get(id));
            self.query.filters.categories.contains(category)
                || context.any(|product| product.categories.contains(category))
        };
        let disliked = &self.view.words.disliked_categories;
        self.demotes && product.categories.iter().any(|category| disliked.contains(category) && !looked_at(category))
    }

    fn is_purchased(&self, id: &ProductId) -> bool {
        self.view.profile.as_ref().is_some_and(|profile| profile.is_purchased(id))
    }

    /// Is another listing of this product admitted? Asked last, so that only what could be shown takes the place.
    fn is_duplicate(&mut self, id: &ProductId) -> bool {
        self.policy.hide_duplicates && self.snapshot.listings.group(id).is_some_and(|group| !self.groups.insert(group))
    }

    /// Products that a later step left out.
    pub fn count(&mut self, refusal: &'static str, n: usize) {
        if n > 0 {
            *self.dropped.entry(refusal).or_default() += n;
        }
    }

    pub fn dropped(&self) -> Vec<(String, usize)> {
        self.dropped.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
    }
}
