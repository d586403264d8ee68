//! Products that the models have never seen, placed among those that they have by what their texts and attributes say, so that a product added a
//! second ago finds its shoppers; and a budget of exploration, so that it is shown often enough to earn a place of its own.
//!
//! Made off the request path whenever the models or the content change ([`Newcomers::next`]), then never changed again.

use std::sync::{Arc, Weak};

use domain::{Product, ProductId};
use models::{
    Model, Neighbour, Ranking,
    cold::{self, ColdMap},
};
use parking_lot::Mutex;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::{ModelSet, Snapshot};

/// Known products that speak for a new one.
const NEIGHBOURS: usize = 64;
/// Known products that the map is learned from.
const LEARNED_FROM: usize = 1_000;
/// New products that are placed, the newest first: each costs a slate 90 ns (`bench/cold`), so all of them 0.9 ms.
pub const NEWCOMERS_MAX: usize = 10_000;

/// The new products of a snapshot, as its personal model would score them.
#[derive(Default)]
pub struct Newcomers {
    of: Weak<ModelSet>,
    /// With or without an encoder similarities differ, and so does what is learned of them.
    encoder: Option<String>,
    map: Option<ColdMap>,
    placed: Vec<Placed>,
    /// The known products that speak for some of them, by number.
    neighbours: Vec<u32>,
    /// Of each of `placed`, its weights by place among `neighbours`.
    weights: Vec<Vec<(u32, f32)>>,
}

/// A product with the weights of the known products that speak for it.
#[derive(Clone)]
struct Placed {
    product: Arc<Product>,
    encoded: bool,
    weights: Arc<[(u32, f32)]>,
}

impl Newcomers {
    /// The newcomers of `snapshot`; what is known of them already is taken over. Costs a search for each that came, and for a thousand known
    /// products when the models changed.
    #[must_use]
    pub fn next(&self, snapshot: &Snapshot) -> Self {
        let (models, content) = (&snapshot.models, &snapshot.content);
        let Some(personal) = models.personal() else { return Self::default() };
        let encoder = content.encoder().map(str::to_owned);
        let is_same = self.is_of(models) && self.encoder == encoder;
        let map = if is_same { self.map } else { learned(snapshot, personal) };
        let before: FxHashMap<&ProductId, &Placed> = match is_same {
            true => self.placed.iter().map(|placed| (&placed.product.product_id, placed)).collect(),
            false => FxHashMap::default(),
        };
        let place = |product: &Arc<Product>, map: ColdMap| {
            let encoded = content.is_encoded(&product.product_id);
            let unchanged = |placed: &&&Placed| Arc::ptr_eq(&placed.product, product) && placed.encoded == encoded;
            before.get(&product.product_id).filter(unchanged).map(|placed| Placed::clone(placed)).or_else(|| {
                let weights = map.weights(&neighbours(snapshot, &product.product_id), models.n_items())?;
                Some(Placed { product: product.clone(), encoded, weights: weights.into() })
            })
        };
        let new = newest(snapshot);
        let placed = map.map_or_else(Vec::new, |map| new.into_par_iter().filter_map(|new| place(new, map)).collect());
        let mut neighbours: Vec<u32> =
            placed.iter().flat_map(|placed: &Placed| placed.weights.iter().map(|(item, _)| *item)).collect();
        neighbours.sort_unstable();
        neighbours.dedup();
        let place = |item| neighbours.binary_search(&item).expect("they are all among them") as u32;
        let of = |placed: &Placed| placed.weights.iter().map(|&(item, weight)| (place(item), weight)).collect();
        let weights = placed.iter().map(of).collect();
        Self { of: Arc::downgrade(models), encoder, map, placed, neighbours, weights }
    }

    /// Do they stand beside the products of these models?
    pub(crate) fn is_of(&self, models: &Arc<ModelSet>) -> bool {
        std::ptr::eq(self.of.as_ptr(), Arc::as_ptr(models))
    }

    pub fn len(&self) -> usize {
        self.placed.len()
    }

    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }

    pub(crate) fn product_id(&self, newcomer: usize) -> &ProductId {
        &self.placed[newcomer].product.product_id
    }

    /// What the personal model would say of each, to a history that it ranks the `known` products for.
    pub(crate) fn scores(&self, known: &dyn Ranking) -> Vec<f32> {
        let scores = known.scores(&self.neighbours);
        self.weights.iter().map(|weights| cold::score(weights, &scores)).collect()
    }
}

/// `None` where there is nothing to learn from: too few products, or none like another.
fn learned(snapshot: &Snapshot, personal: &dyn Model) -> Option<ColdMap> {
    let n_items = snapshot.models.n_items();
    let n = n_items.min(LEARNED_FROM);
    let sample = |at: usize| {
        let item = (at * n_items / n) as u32;
        (item, neighbours(snapshot, snapshot.models.product_id(item)))
    };
    let known: Vec<(u32, Vec<Neighbour>)> = (0..n).into_par_iter().map(sample).collect();
    ColdMap::fit(personal, &known).ok()
}

/// The known products most like this one by text and attributes, itself not among them.
fn neighbours(snapshot: &Snapshot, id: &ProductId) -> Vec<Neighbour> {
    let is_known = |other: &ProductId| snapshot.models.item(other).is_some();
    let similar = snapshot.content.nearest(id, NEIGHBOURS, is_known);
    let neighbour = |similar: text::SimilarProduct<ProductId>| {
        Some(Neighbour { item: snapshot.models.item(&similar.key)?, similarity: similar.similarity })
    };
    similar.into_iter().filter_map(neighbour).collect()
}

/// Products of the catalogue that no model knows and whose texts are in, the newest first where their shop says when they were listed.
fn newest(snapshot: &Snapshot) -> Vec<&Arc<Product>> {
    let is_new = |product: &&Arc<Product>| !product.hidden && snapshot.models.item(&product.product_id).is_none();
    let mut new: Vec<&Arc<Product>> = snapshot.shelf.products().filter(is_new).collect();
    new.sort_by_key(|product| std::cmp::Reverse(product.listed_at));
    new.truncate(NEWCOMERS_MAX);
    new
}

/// How much of a slate new products get that would not have come onto it by their score.
#[derive(Debug, Clone, Copy)]
pub struct Exploration<'a> {
    /// Share of the places, 0 – 1.
    pub share: f32,
    /// Times that a product is shown so.
    pub budget: u32,
    pub ledger: &'a Ledger,
    /// Decides about the part of a place: uniform in 0 – 1.
    pub chance: f32,
}

impl Exploration<'_> {
    /// Places of a slate of `n`: `share · n` on average over slates.
    pub(crate) fn places(&self, n: usize) -> usize {
        (self.share * n as f32 + self.chance).floor().clamp(0.0, n as f32) as usize
    }

    pub(crate) fn may_show(&self, id: &ProductId) -> bool {
        self.ledger.shown(id) < self.budget
    }
}

/// How often each new product was shown for exploration.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<FxHashMap<ProductId, u32>>);

impl Ledger {
    pub fn of(shown: impl IntoIterator<Item = (ProductId, u32)>) -> Self {
        Self(Mutex::new(shown.into_iter().collect()))
    }

    pub fn shown(&self, id: &ProductId) -> u32 {
        self.0.lock().get(id).copied().unwrap_or(0)
    }

    pub fn spend(&self, id: &ProductId) {
        let mut shown = self.0.lock();
        let times = shown.entry(id.clone()).or_default();
        *times = times.saturating_add(1);
    }

    /// Forgets the products that are no newcomers any more.
    pub fn keep(&self, newcomers: &Newcomers) {
        let is_new: rustc_hash::FxHashSet<&ProductId> =
            newcomers.placed.iter().map(|placed| &placed.product.product_id).collect();
        self.0.lock().retain(|id, _| is_new.contains(id));
    }

    pub fn all(&self) -> Vec<(ProductId, u32)> {
        self.0.lock().iter().map(|(id, times)| (id.clone(), *times)).collect()
    }
}
