//! What may stand on the slate. Asked product by product, best first, so that a filter never empties a slate that
//! could be filled; every refusal is counted by name.

use std::collections::BTreeMap;

use domain::{Filter, Product, Query};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    Policy, Snapshot, cursor,
    hydrate::View,
    onboarding::Words,
    rules::{Active, RULE},
};

pub(crate) struct Gate<'a> {
    snapshot: &'a Snapshot,
    words: &'a Words,
    /// What the shopper has and does not need again yet.
    kept_back: FxHashSet<u32>,
    query: &'a Query,
    policy: Policy<'a>,
    /// The plan's own condition, beside the query's.
    condition: Option<&'a Filter>,
    rules: &'a Active<'a>,
    taken: FxHashSet<u32>,
    /// What is looked at, lies in the cart or is not wanted by the caller.
    context: FxHashSet<u32>,
    excluded: FxHashSet<u32>,
    /// Fingerprints.
    shown: FxHashSet<u32>,
    disliked: FxHashSet<u32>,
    /// Of the listings of one product, the first has the place.
    groups: FxHashSet<u32>,
    /// Of the variants of one product, too.
    variants: FxHashSet<&'a str>,
    counts: BTreeMap<Refusal, usize>,
    /// The first products that were refused, for whoever asks why.
    refused: Vec<(u32, Refusal)>,
    /// What the shopper was shown too often, and did not want.
    tiring: FxHashSet<u32>,
    /// Refused for a category that the shopper said not to like, or shown too often: shown before the slate stays short.
    demoted: Vec<u32>,
    demotes: bool,
}

/// Why a product may not stand on the slate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    Named(&'static str),
    /// By its place among the snapshot's rules.
    Rule(u32),
}

const PURCHASED: &str = "purchased";
/// Shown too often without a click.
const FATIGUE: Refusal = Refusal::Named("fatigue");
const DISLIKED_CATEGORY: Refusal = Refusal::Named("disliked_category");
pub(crate) const DUPLICATE_LISTING: Refusal = Refusal::Named("duplicate_listing");
const VARIANT: Refusal = Refusal::Named("variant");
pub(crate) const CAP: Refusal = Refusal::Named("cap");
/// Refused products whose names are kept.
const REFUSED_MAX: usize = 1_000;

impl<'a> Gate<'a> {
    pub fn new(
        snapshot: &'a Snapshot,
        view: &'a View<'_>,
        query: &'a Query,
        policy: Policy<'a>,
        condition: Option<&'a Filter>,
        rules: &'a Active<'a>,
    ) -> Self {
        let numbers = |ids: &mut dyn Iterator<Item = &domain::ProductId>| {
            ids.filter_map(|id| snapshot.number(id)).collect::<FxHashSet<u32>>()
        };
        Self {
            snapshot,
            words: &view.words,
            kept_back: view.purchased.difference(&view.due).copied().collect(),
            query,
            policy,
            condition,
            rules,
            taken: FxHashSet::default(),
            context: numbers(&mut query.products.iter().chain(&query.cart)),
            excluded: numbers(&mut query.exclude.iter()),
            shown: query.shown.iter().copied().collect(),
            disliked: numbers(&mut view.words.disliked_products.iter()),
            groups: FxHashSet::default(),
            variants: FxHashSet::default(),
            counts: BTreeMap::new(),
            refused: Vec::new(),
            tiring: FxHashSet::default(),
            demoted: Vec::new(),
            demotes: true,
        }
    }

    /// Refuses what was shown as often as `times` without a click.
    pub fn tire_after(&mut self, times: f32, shown: &FxHashMap<u32, f64>) {
        self.tiring = shown.iter().filter(|(_, n)| **n >= f64::from(times)).map(|(number, _)| *number).collect();
    }

    /// Passes each product at most once.
    pub fn admits(&mut self, product: u32) -> bool {
        self.taken.insert(product) && self.passes(product)
    }

    /// For candidates that are all different.
    pub fn passes(&mut self, product: u32) -> bool {
        let refusal = self.refusal(product).or_else(|| self.is_twin(product));
        if let Some(refusal) = refusal {
            self.refuse(product, refusal);
            if refusal == DISLIKED_CATEGORY || refusal == FATIGUE {
                self.demoted.push(product);
            }
        }
        refusal.is_none()
    }

    /// Would it pass? Counts nothing.
    pub fn would_admit(&self, id: &domain::ProductId) -> bool {
        self.snapshot
            .number(id)
            .is_some_and(|product| !self.taken.contains(&product) && self.refusal(product).is_none())
    }

    /// Lets products of disliked categories and those that were shown too often pass from now on, which a short slate needs; false when there
    /// were none.
    pub fn forgive(&mut self) -> bool {
        self.demotes = false;
        self.counts.retain(|refusal, _| !matches!(*refusal, DISLIKED_CATEGORY | FATIGUE));
        self.refused.retain(|(_, refusal)| !matches!(*refusal, DISLIKED_CATEGORY | FATIGUE));
        let any = !self.demoted.is_empty();
        for product in self.demoted.drain(..) {
            self.taken.remove(&product);
        }
        any
    }

    pub fn refusal(&self, number: u32) -> Option<Refusal> {
        if let Some(name) = self.named_refusal(number) {
            return Some(Refusal::Named(name));
        }
        if let Some(rule) = self.rules.excludes(number) {
            return Some(Refusal::Rule(rule));
        }
        if self.demotes && self.tiring.contains(&number) {
            return Some(FATIGUE);
        }
        self.snapshot.product(number).filter(|product| self.is_demoted(product)).map(|_| DISLIKED_CATEGORY)
    }

    fn named_refusal(&self, number: u32) -> Option<&'static str> {
        if self.context.contains(&number) {
            return Some("in_context");
        }
        if self.excluded.contains(&number) {
            return Some("exclude_list");
        }
        if !self.shown.is_empty() && self.shown.contains(&cursor::fingerprint(self.snapshot.id(number))) {
            return Some("shown_before");
        }
        if !self.policy.recommend_purchased && self.kept_back.contains(&number) {
            return Some(PURCHASED);
        }
        if self.disliked.contains(&number) {
            return Some("disliked");
        }
        match self.snapshot.product(number) {
            Some(product) if product.hidden => Some("hidden"),
            Some(product) if self.query.seller.is_some() && product.seller == self.query.seller => Some("own_product"),
            Some(product) => self.query.filters.refuses(product, self.query.now).or_else(|| {
                self.condition.is_some_and(|condition| !condition.admits(product, self.query.now)).then_some("plan")
            }),
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
        let disliked = &self.words.disliked_categories;
        self.demotes && product.categories.iter().any(|category| disliked.contains(category) && !looked_at(category))
    }

    /// Is another listing or another variant of this product admitted? Asked last, so that only what could be shown takes the place.
    fn is_twin(&mut self, number: u32) -> Option<Refusal> {
        if !self.policy.hide_duplicates {
            return None;
        }
        let snapshot = self.snapshot;
        let group = snapshot.listings.group(snapshot.id(number));
        let variant = snapshot.product(number).and_then(|product| product.item_group_id.as_deref());
        if group.is_some_and(|group| self.groups.contains(&group)) {
            return Some(DUPLICATE_LISTING);
        }
        if variant.is_some_and(|variant| self.variants.contains(variant)) {
            return Some(VARIANT);
        }
        self.groups.extend(group);
        self.variants.extend(variant);
        None
    }

    /// Are both listings or variants of one product?
    pub fn are_twins(&self, left: u32, right: u32) -> bool {
        let snapshot = self.snapshot;
        let group = |number: u32| snapshot.listings.group(snapshot.id(number));
        let variant = |number: u32| snapshot.product(number).and_then(|product| product.item_group_id.as_deref());
        let same_group = group(left).is_some() && group(left) == group(right);
        self.policy.hide_duplicates && (same_group || (variant(left).is_some() && variant(left) == variant(right)))
    }

    /// The cheapest listing of the same product that may be shown; the product itself where it is that.
    pub fn best_offer(&mut self, number: u32) -> u32 {
        if !self.policy.hide_duplicates {
            return number;
        }
        let snapshot = self.snapshot;
        let offers = snapshot.listings.offers(snapshot.id(number)).iter().filter_map(|id| snapshot.number(id));
        let price = |number: u32| snapshot.product(number).filter(|product| product.is_available())?.price;
        let Some(own) = price(number) else { return number };
        let cheaper =
            offers.filter_map(|other| Some((price(other).filter(|price| price.currency == own.currency)?, other)));
        let best = cheaper
            .filter(|(price, other)| price.minor < own.minor && self.refusal(*other).is_none())
            .min_by_key(|(price, other)| (price.minor, *other));
        best.map_or(number, |(_, other)| {
            self.taken.insert(other);
            other
        })
    }

    pub fn refuse(&mut self, product: u32, refusal: Refusal) {
        self.count(refusal, 1);
        if self.refused.len() < REFUSED_MAX {
            self.refused.push((product, refusal));
        }
    }

    /// Products that a later step left out.
    pub fn count(&mut self, refusal: Refusal, n: usize) {
        if n > 0 {
            *self.counts.entry(refusal).or_default() += n;
        }
    }

    pub fn take_refused(&mut self) -> Vec<(u32, Refusal)> {
        std::mem::take(&mut self.refused)
    }

    pub fn dropped(&self) -> Vec<(String, usize)> {
        self.counts.iter().map(|(refusal, n)| (refusal.name(self.snapshot), *n)).collect()
    }
}

impl Refusal {
    pub fn name(self, snapshot: &Snapshot) -> String {
        match self {
            Self::Named(name) => name.to_owned(),
            Self::Rule(rule) => format!("{RULE}{}", snapshot.rules.id(rule)),
        }
    }
}
