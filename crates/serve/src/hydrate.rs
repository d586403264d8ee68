//! Who asks, in the models' numbers.

use std::sync::Arc;

use domain::{Notice, ProductId, Query, Timestamp, UserKey};
use features::Profile;
use models::HistoryItem;
use rustc_hash::FxHashMap;
use store::Profiles;

use crate::{Snapshot, onboarding::Words};

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
pub(crate) struct View {
    /// Oldest first, as [`models::History`] wants it; what the shopper said to like is among it.
    pub history: Vec<HistoryItem>,
    /// Which history products were bought.
    pub bought: FxHashMap<u32, bool>,
    /// History products that the shopper only said to like.
    pub declared: Vec<u32>,
    pub words: Words,
    /// What is looked at or lies in the cart now.
    pub context: Vec<HistoryItem>,
    pub now: i64,
    pub freshest_event_at: Option<Timestamp>,
    pub unknown_products: Vec<ProductId>,
    pub notices: Vec<Notice>,
    pub profile: Option<Arc<Profile>>,
}

/// Most recent products of a history that models look at. Beyond it, the mean gain on held-out data was nil and the
/// time of a fold-in grows with it.
const HISTORY_MAX: usize = 100;

/// What a product is worth that the shopper said to like: as much as one put on a wishlist.
const WORD_WEIGHT: f32 = 2.0;
/// Products of one's own history that halve what words are worth.
const WORD_FADE: f32 = 5.0;

/// Products that the shopper said to like join the history, as long as there is little else in it.
fn listen(view: &mut View, snapshot: &Snapshot) {
    let weight = WORD_WEIGHT * (-(view.history.len() as f32) / WORD_FADE).exp2();
    for (id, at) in &view.words.liked_products {
        let Some(item) = snapshot.models.item(id).filter(|item| !view.bought.contains_key(item)) else { continue };
        view.history.push(HistoryItem { item, weight, timestamp: at.seconds() });
        view.declared.push(item);
    }
}

pub(crate) fn view(snapshot: &Snapshot, shopper: &Shopper, query: &Query) -> View {
    let mut view = View {
        history: Vec::new(),
        bought: FxHashMap::default(),
        declared: Vec::new(),
        words: Words::default(),
        context: Vec::new(),
        now: query.now.seconds(),
        freshest_event_at: None,
        unknown_products: Vec::new(),
        notices: shopper.notices.clone(),
        profile: shopper.profile.clone(),
    };
    if let Some(profile) = shopper.profile() {
        view.freshest_event_at = profile.last_seen();
        for entry in profile.history().iter().take(HISTORY_MAX) {
            let Some(item) = snapshot.models.item(&entry.product_id) else { continue };
            view.bought.insert(item, entry.purchases() > 0);
            let weight = entry.strength() as f32;
            view.history.push(HistoryItem { item, weight, timestamp: entry.last_at.seconds() });
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
    view
}
