//! What we know of one user: the features of this crate, folded together.

use domain::{Currency, InteractionType, Money, Position, ProductId, Recorded, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    calendar::HoursOfWeek,
    counts::Counts,
    exposure::Exposure,
    history::{History, HistoryEntry},
    preferences::{Declared, Preferences},
    presence::Presence,
    price_band::{PriceBand, PriceBands},
    spend::Orders,
};

/// The folded features of one user.
///
/// All parts are exact integers, so the profile of a set of events is the same value (`==`) in whatever order they
/// arrive, as long as the bounds [`history::HISTORY_MAX`](crate::history::HISTORY_MAX),
/// [`spend::ORDERS_MAX`](crate::spend::ORDERS_MAX), [`exposure::SHOWN_MAX`](crate::exposure::SHOWN_MAX) and
/// [`preferences::DECLARED_MAX`](crate::preferences::DECLARED_MAX) hold; those files say what happens beyond.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    seen: Position,
    presence: Presence,
    counts: Counts,
    duration_ms: u64,
    history: History,
    orders: Orders,
    price_bands: PriceBands,
    hours: HoursOfWeek,
    preferences: Preferences,
    exposure: Exposure,
}

impl Profile {
    /// Takes in one event of this user. Events at or before [`seen`](Self::seen) are already in; events whose consent
    /// denies personalization, or whose user is not to be kept, only move `seen`.
    pub fn fold(&mut self, recorded: &Recorded) {
        if recorded.position <= self.seen {
            return;
        }
        self.seen = recorded.position;
        let event = &recorded.event;
        if event.user.is_nobody() || !event.consent.allows_personalization() {
            return;
        }
        self.presence.fold(event);
        self.counts.fold(event);
        self.duration_ms = self.duration_ms.saturating_add(crate::counts::duration_ms(event).unwrap_or(0));
        self.history.fold(event);
        let returned = self.orders.fold(event);
        self.history.take_back(&returned);
        self.price_bands.fold(event);
        self.hours.fold(event);
        self.preferences.fold(event);
        self.exposure.fold(event);
    }

    /// One view of two profiles of the same person, such as the anonymous visitor and the known user, whose events
    /// are disjoint. For answering a query: what is stored stays apart, so that each can be rebuilt and erased.
    pub fn merge(left: &Self, right: &Self) -> Self {
        let (orders, returned) = left.orders.merge(&right.orders);
        let mut history = left.history.merge(&right.history);
        history.take_back(&returned);
        Self {
            seen: left.seen.max(right.seen),
            presence: left.presence.merge(right.presence),
            counts: left.counts.merge(&right.counts),
            duration_ms: left.duration_ms.saturating_add(right.duration_ms),
            history,
            orders,
            price_bands: left.price_bands.merge(&right.price_bands),
            hours: left.hours.merge(&right.hours),
            preferences: left.preferences.merge(&right.preferences),
            exposure: left.exposure.merge(&right.exposure),
        }
    }

    /// The log position up to which this user's events are in.
    pub fn seen(&self) -> Position {
        self.seen
    }

    /// The products the user dealt with, newest first. What was merely shown is not in it.
    pub fn history(&self) -> &[HistoryEntry] {
        self.history.entries()
    }

    /// What the user said about products and categories when asked, newest first.
    pub fn declared(&self) -> &[Declared] {
        self.preferences.declared()
    }

    /// What the user was shown, last shown first; at most the newest of it.
    pub fn exposure(&self) -> &Exposure {
        &self.exposure
    }

    /// How often the product was lately shown without the user touching it since; fades with time. 0 for what was
    /// never shown, or answered.
    pub fn shown_without_click(&self, product: &ProductId, now: Timestamp) -> f64 {
        let touched_at = self.history.entry(product).map(|entry| entry.last_at);
        self.exposure.product(product).map_or(0.0, |shown| shown.without_click(touched_at, now))
    }

    /// Does the user have it? Bought, and not given back.
    pub fn is_purchased(&self, product: &ProductId) -> bool {
        self.orders.has(product) || self.history.entry(product).is_some_and(|entry| entry.purchases() > 0)
    }

    /// All that the user has ([`is_purchased`](Self::is_purchased)); some come several times.
    pub fn purchased(&self) -> impl Iterator<Item = &ProductId> {
        let touched = self.history().iter().filter(|entry| entry.purchases() > 0);
        self.orders.products().chain(touched.map(|entry| &entry.product_id))
    }

    /// How often the user touched a product, a line of an order being one touch. What was merely shown does not count.
    pub fn n_interactions(&self) -> u64 {
        InteractionType::ALL
            .into_iter()
            .filter(|kind| *kind != InteractionType::Impression)
            .map(|kind| u64::from(self.counts.of(kind)))
            .sum()
    }

    pub fn interaction_count(&self, kind: InteractionType) -> u32 {
        self.counts.of(kind)
    }

    pub fn first_seen(&self) -> Option<Timestamp> {
        self.presence.first()
    }

    pub fn last_seen(&self) -> Option<Timestamp> {
        self.presence.last()
    }

    /// Completed orders of which the user kept something.
    pub fn total_purchases_user(&self) -> u32 {
        self.orders.n_kept()
    }

    /// Those of them that were paid in this currency.
    pub fn n_orders(&self, currency: Currency) -> u32 {
        self.orders.spent(currency).n_orders
    }

    /// Goods bought and kept.
    pub fn total_spent_user(&self, currency: Currency) -> Money {
        Money::new(self.orders.spent(currency).minor, currency)
    }

    /// Mean goods value of an order in minor units; `None` before the first order in this currency.
    pub fn avg_purchase_value_user(&self, currency: Currency) -> Option<f64> {
        self.orders.spent(currency).mean()
    }

    pub fn last_purchase_at(&self) -> Option<Timestamp> {
        self.orders.last_at()
    }

    /// Where the prices lie that the user looked at and paid.
    pub fn price_band(&self, currency: Currency) -> Option<PriceBand> {
        self.price_bands.band(currency)
    }

    /// When in the week the user is active, in UTC.
    pub fn hours(&self) -> &HoursOfWeek {
        &self.hours
    }

    /// Time spent on products, as far as the shop's pages report it.
    pub fn interaction_duration_ms(&self) -> u64 {
        self.duration_ms
    }
}
