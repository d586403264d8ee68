//! Who asks, in the models' numbers.

use std::{cell::OnceCell, sync::Arc};

use domain::{Notice, ProductId, Query, Source, Timestamp, UserKey, time::DAY};
use features::{Profile, history::Moment};
use models::{History, HistoryItem};
use rustc_hash::{FxHashMap, FxHashSet};
use store::Profiles;
use text::Liked;

use crate::{Snapshot, onboarding::Words, personal::Personal};

/// What is known of the person behind the query.
#[derive(Clone, Default)]
pub struct Shopper {
    profile: Option<Arc<Profile>>,
    notices: Vec<Notice>,
}

impl Shopper {
    /// Reads the profile, and joins what the same visitor did before the login.
    /// A store that fails costs the personal touch, not the answer: the slate then carries a notice.
    pub fn read(profiles: &dyn Profiles<Profile>, user: Option<UserKey>, anonymous: Option<UserKey>) -> Self {
        let mut notices = Vec::new();
        let mut read = |key: Option<UserKey>| {
            profiles.get(key?).unwrap_or_else(|error| {
                notices.push(Notice { code: "profile_unavailable".to_owned(), detail: error.to_string() });
                None
            })
        };
        let profile = match (read(user), read(anonymous)) {
            (Some(known), Some(before)) => Some(Arc::new(Profile::merge(&known, &before))),
            (known, before) => known.or(before),
        };
        Self { profile, notices }
    }

    pub fn of(profile: Profile) -> Self {
        Self { profile: Some(Arc::new(profile)), notices: Vec::new() }
    }

    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_deref()
    }
}

/// The shopper and the query, as the models see them.
pub(crate) struct View<'a> {
    /// Oldest first, as [`models::History`] wants it; what the shopper said to like is among it.
    pub history: Vec<HistoryItem>,
    /// Which history products were bought.
    pub bought: FxHashMap<u32, bool>,
    /// History products that the shopper only said to like.
    pub declared: Vec<u32>,
    /// What the shopper has, in the snapshot's numbering.
    pub purchased: FxHashSet<u32>,
    /// What was bought and is usually bought again about now, in the snapshot's numbering.
    pub due: FxHashSet<u32>,
    pub words: Words,
    /// What the personal model makes of this history, once somebody asked.
    pub personal: OnceCell<Option<Personal<'a>>>,
    pub snapshot: &'a Snapshot,
    /// What is looked at or lies in the cart now, as far as the models know it.
    pub context: Vec<HistoryItem>,
    /// Whether anything of it is in the catalogue or the model.
    pub about_context: bool,
    /// Of what is looked at, else of the newest product in the history, else the newest that was said to be liked.
    pub category: Option<String>,
    pub now: i64,
    pub freshest_event_at: Option<Timestamp>,
    pub unknown_products: Vec<ProductId>,
    pub notices: Vec<Notice>,
    pub profile: Option<Arc<Profile>>,
}

/// Most recent products of a history whose texts are looked at.
const LIKED_MAX: usize = 30;

impl<'a> View<'a> {
    /// The personal model, asked once a request; `None` without one, and for whoever has no history.
    pub fn personal(&self) -> Option<&Personal<'a>> {
        let ask = || {
            let model = self.snapshot.models.personal().filter(|_| !self.history.is_empty())?;
            Some(Personal::of(self.snapshot, model, &History { items: &self.history, now: self.now }))
        };
        self.personal.get_or_init(ask).as_ref()
    }

    /// Whether what this source finds follows from who asks.
    pub fn is_about_them(&self, source: Source) -> bool {
        let has_history = self.profile.as_ref().is_some_and(|profile| !profile.history().is_empty());
        match source {
            Source::Personal => !self.history.is_empty(),
            // Only whoever answered has one, and only who has a history is shown what is new for them.
            Source::Segment | Source::Exploration => true,
            Source::Content => has_history && !self.about_context,
            _ => false,
        }
    }

    /// What neighbours are looked up of: what is looked at, else the history.
    pub fn seeds(&self) -> &[HistoryItem] {
        if self.about_context { &self.context } else { &self.history }
    }

    /// Products that say what is wanted: those in the query, else the shopper's recent ones. Products that no model
    /// knows yet are among them.
    pub fn liked<'b>(&'b self, query: &'b Query) -> Vec<(&'b ProductId, Liked)> {
        if self.about_context {
            let now = Liked { weight: 1.0, age_days: 0.0 };
            return query.products.iter().chain(&query.cart).map(|id| (id, now)).collect();
        }
        let recent = self.profile.iter().flat_map(|profile| profile.history()).take(LIKED_MAX);
        let age_days = |at: Timestamp| (query.now - at).max(0) as f32 / DAY as f32;
        let done = recent.map(|entry| {
            (&entry.product_id, Liked { weight: entry.strength() as f32, age_days: age_days(entry.last_at) })
        });
        let said = self.words.liked_products.iter();
        done.chain(said.map(|(id, at)| (id, Liked { weight: WORD_WEIGHT, age_days: age_days(*at) }))).collect()
    }
}

/// What a product is worth that the shopper said to like: as much as one put on a wishlist.
const WORD_WEIGHT: f32 = 2.0;
/// Products of one's own history that halve what words are worth.
const WORD_FADE: f32 = 5.0;

/// Products that the shopper said to like join the history, as long as there is little else in it.
fn listen(view: &mut View<'_>, snapshot: &Snapshot) {
    let weight = WORD_WEIGHT * (-(view.bought.len() as f32) / WORD_FADE).exp2();
    for (id, at) in &view.words.liked_products {
        let Some(item) = snapshot.models.item(id).filter(|item| !view.bought.contains_key(item)) else { continue };
        view.history.push(HistoryItem { item, weight, timestamp: at.seconds() });
        view.declared.push(item);
    }
}

pub(crate) fn view<'a>(snapshot: &'a Snapshot, shopper: &Shopper, query: &Query) -> View<'a> {
    let mut view = View {
        history: Vec::new(),
        bought: FxHashMap::default(),
        declared: Vec::new(),
        purchased: FxHashSet::default(),
        due: FxHashSet::default(),
        words: Words::default(),
        personal: OnceCell::new(),
        snapshot,
        context: Vec::new(),
        about_context: false,
        category: None,
        now: query.now.seconds(),
        freshest_event_at: None,
        unknown_products: Vec::new(),
        notices: shopper.notices.clone(),
        profile: shopper.profile.clone(),
    };
    if let Some(profile) = shopper.profile() {
        view.freshest_event_at = profile.last_seen();
        view.purchased = profile.purchased().filter_map(|id| snapshot.number(id)).collect();
        view.due = due(snapshot, profile, query);
        // All that the profile keeps: with 100 of its 200 a grocer's slates held 2.8 % less of the next basket
        // (docs/plans.md).
        for entry in profile.history() {
            let Some(item) = snapshot.models.item(&entry.product_id) else { continue };
            view.bought.insert(item, entry.purchases() > 0);
            let moment =
                |moment: Moment| HistoryItem { item, weight: moment.weight as f32, timestamp: moment.at.seconds() };
            view.history.extend(entry.moments().map(moment));
        }
        view.words = Words::of(profile, &snapshot.shelf);
        listen(&mut view, snapshot);
        // Stable: of one moment, what the profile has as newer stays newer.
        view.history.reverse();
        view.history.sort_by_key(|item| item.timestamp);
    }
    for id in query.products.iter().chain(&query.cart) {
        match snapshot.models.item(id) {
            Some(item) => view.context.push(HistoryItem { item, weight: 1.0, timestamp: view.now }),
            None if snapshot.shelf.get(id).is_none() => view.unknown_products.push(id.clone()),
            None => {}
        }
    }
    view.about_context = view.unknown_products.len() < query.products.len() + query.cart.len();
    view.category = category(snapshot, &view, query);
    view
}

fn due(snapshot: &Snapshot, profile: &Profile, query: &Query) -> FxHashSet<u32> {
    if snapshot.offers.replenishment().is_empty() {
        return FxHashSet::default();
    }
    let bought = profile.history().iter().filter(|entry| entry.purchases() > 0);
    let due = bought.filter_map(|entry| {
        let number = snapshot.number(&entry.product_id)?;
        let category = snapshot.product(number).and_then(|product| product.category());
        snapshot.offers.due(entry, category, query.now).map(|_| number)
    });
    due.collect()
}

/// How often each product was shown to the shopper without a click since, fading.
pub(crate) fn shown(snapshot: &Snapshot, view: &View<'_>, query: &Query) -> FxHashMap<u32, f64> {
    let Some(profile) = &view.profile else { return FxHashMap::default() };
    let touched: FxHashMap<&ProductId, Timestamp> =
        profile.history().iter().map(|entry| (&entry.product_id, entry.last_at)).collect();
    let shown = profile.exposure().shown().iter().filter_map(|shown| {
        let times = shown.without_click(touched.get(&shown.product_id).copied(), query.now);
        Some((snapshot.number(&shown.product_id)?, times))
    });
    shown.collect()
}

fn category(snapshot: &Snapshot, view: &View<'_>, query: &Query) -> Option<String> {
    let newest = view.history.last().map(|entry| snapshot.models.product_id(entry.item));
    let mut products = query.products.iter().chain(&query.cart).chain(newest);
    let of = |id| snapshot.shelf.get(id).and_then(|product: &std::sync::Arc<domain::Product>| product.category());
    let found = products.find_map(of).map(str::to_owned);
    found.or_else(|| view.words.liked_categories.first().cloned())
}
