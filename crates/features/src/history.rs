//! The user's recent products, and how strongly each is liked.
//!
//! The liking of one product is
//!
//! ```text
//! strength = Σ over types t with n_t > 0 of  w_t · (1 + ln n_t)
//! weight   = strength · 2^(−age / half life)
//! ```
//!
//! with `w_t` from [`InteractionType::weight`]: each type counts with diminishing returns, so that fifty glances don't
//! outweigh a purchase. `n_t` is what is left after take-backs: carts less removals, purchases less returns. A product
//! whose latest rating is below the middle of the scale has strength 0, however often it was looked at or bought.

use domain::{
    Event, InteractionType, ProductId, Timestamp,
    time::{DAY, Micros},
};
use serde::{Deserialize, Serialize};

use crate::{column::Column, counts::Counts, purchase_days::PurchaseDays, spend::Returned};

/// `(user_id, product_id, first_at_us, last_at_us, n, user_viewed_product, user_purchased_product, n_purchase, stars, interest,
/// strength)`
pub const COLUMN: Column = Column { name: "history", sql: include_str!("history.sql"), over: &[] };

/// Products remembered a user. Which products these are, and their `last_at`, is exact in any order of arrival: the
/// newest by event time. The counts of a product that fell off and came back start anew.
pub const HISTORY_MAX: usize = 200;

/// Fewer stars than this say "not for me".
pub const STARS_LIKED_MIN: f32 = 2.5;

/// What all interest in a product but its purchases weighs in a [`Moment`], at most: less than a purchase, which models know
/// by its weight.
pub const INTEREST_MAX: f64 = 4.0;

/// What a user did about a product at one time, as models see it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Moment {
    pub at: Timestamp,
    /// Above zero; of a purchase [`InteractionType::weight`].
    pub weight: f64,
    pub is_purchase: bool,
}

/// One product in a user's history.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HistoryEntry {
    pub product_id: ProductId,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// As they happened, take-backs not subtracted.
    #[serde(default)]
    pub counts: Counts,
    /// Purchases that were given back in whole.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returned: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rated: Option<Rated>,
    /// When it was bought, the newest days.
    #[serde(default, skip_serializing_if = "PurchaseDays::is_empty")]
    pub bought_on: PurchaseDays,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// The latest opinion; of two at the same moment, the kinder.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize, Deserialize)]
pub struct Rated {
    pub at: Timestamp,
    /// 0 to 5.
    pub stars: f32,
}

impl HistoryEntry {
    /// One interaction.
    pub(crate) fn touch(product_id: ProductId, kind: InteractionType, at: Timestamp, rated: Option<Rated>) -> Self {
        let mut counts = Counts::default();
        counts.add(kind, 1);
        let bought_on = if kind == InteractionType::Purchase { PurchaseDays::on(at) } else { PurchaseDays::default() };
        Self { product_id, first_at: at, last_at: at, counts, returned: 0, rated, bought_on }
    }

    /// Purchases that were kept.
    pub fn purchases(&self) -> u32 {
        self.net(InteractionType::Purchase)
    }

    /// What is left of a type's count after take-backs.
    fn net(&self, kind: InteractionType) -> u32 {
        let taken_back = match kind {
            InteractionType::Cart => self.counts.of(InteractionType::Uncart),
            InteractionType::Purchase => self.returned,
            _ => 0,
        };
        self.counts.of(kind).saturating_sub(taken_back)
    }

    /// The interaction that says most; `None` when all was taken back.
    pub fn strongest(&self) -> Option<InteractionType> {
        InteractionType::ALL
            .into_iter()
            .filter(|kind| kind.weight() > 0.0 && self.net(*kind) > 0)
            .max_by(|left, right| left.weight().total_cmp(&right.weight()))
    }

    pub fn is_disliked(&self) -> bool {
        self.rated.is_some_and(|rated| rated.stars < STARS_LIKED_MIN)
    }

    /// How strongly the product is liked, whenever that was.
    pub fn strength(&self) -> f64 {
        if self.is_disliked() {
            return 0.0;
        }
        strength(|kind| self.net(kind))
    }

    /// The part of [`strength`](Self::strength) that is no purchase.
    pub fn interest(&self) -> f64 {
        if self.is_disliked() {
            return 0.0;
        }
        strength(|kind| if kind == InteractionType::Purchase { 0 } else { self.net(kind) })
    }

    /// What models learn from and are asked with: all interest as one, at the last touch, and a purchase for each of the
    /// newest days with one, newest first and as many as were kept. Nothing where the product is disliked.
    ///
    /// A purchase counts as of noon (UTC), the newest one too: a time that only the last purchase has would tell whoever
    /// learns from all of them which products are bought again.
    pub fn moments(&self) -> impl Iterator<Item = Moment> + '_ {
        let interest = Moment { at: self.last_at, weight: self.interest().min(INTEREST_MAX), is_purchase: false };
        let n_kept = if self.is_disliked() { 0 } else { self.purchases() as usize };
        let purchase = |day: &i32| Moment {
            at: Timestamp::from_micros(i64::from(*day) * DAY + DAY / 2),
            weight: InteractionType::Purchase.weight().into(),
            is_purchase: true,
        };
        let purchases = self.bought_on.days().iter().take(n_kept).map(purchase);
        Some(interest).filter(|interest| interest.weight > 0.0).into_iter().chain(purchases)
    }

    /// [`strength`](Self::strength), halved for every `half_life` since the last interaction.
    pub fn weight(&self, now: Timestamp, half_life: Micros) -> f32 {
        self.decayed_strength(now, half_life) as f32
    }

    pub(crate) fn decayed_strength(&self, now: Timestamp, half_life: Micros) -> f64 {
        let age = (now - self.last_at).max(0) as f64;
        self.strength() * (-age / half_life.max(1) as f64).exp2()
    }

    /// Interactions that speak for the product, after take-backs.
    pub fn n(&self) -> u32 {
        let speaks = |kind: &InteractionType| kind.weight() > 0.0;
        InteractionType::ALL.into_iter().filter(speaks).map(|kind| self.net(kind)).fold(0, u32::saturating_add)
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        self.counts = self.counts.merge(&other.counts);
        self.returned = self.returned.saturating_add(other.returned);
        self.rated = latest(self.rated, other.rated);
        self.bought_on.merge(&other.bought_on);
    }
}

/// The formula at the top of this file, over counts that have their take-backs subtracted.
fn strength(net: impl Fn(InteractionType) -> u32) -> f64 {
    InteractionType::ALL
        .into_iter()
        .map(|kind| match net(kind) {
            0 => 0.0,
            n => f64::from(kind.weight()) * (1.0 + f64::from(n).ln()),
        })
        .sum()
}

fn latest(left: Option<Rated>, right: Option<Rated>) -> Option<Rated> {
    // `None` is less than any rating, and ratings compare by time first.
    if left >= right { left } else { right }
}

/// Does an interaction make its product part of the history? What was shown is our doing, not the user's; a refund is
/// told by its order.
pub(crate) fn is_touch(kind: InteractionType) -> bool {
    !matches!(kind, InteractionType::Impression | InteractionType::Refund)
}

/// Newest first; ties in order of product id.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Vec<HistoryEntry>);

impl History {
    pub fn entries(&self) -> &[HistoryEntry] {
        &self.0
    }

    pub fn entry(&self, product: &ProductId) -> Option<&HistoryEntry> {
        self.0.iter().find(|entry| entry.product_id == *product)
    }

    pub fn fold(&mut self, event: &Event) {
        let Some(kind) = event.kind.interaction().filter(|kind| is_touch(*kind)) else { return };
        let at = event.occurred_at;
        let stars = event.details.rating.filter(|_| kind == InteractionType::Rating);
        let rated = stars.map(|stars| Rated { at, stars });
        for line in &event.products {
            self.put(HistoryEntry::touch(line.product_id.clone(), kind, at, rated));
        }
    }

    fn put(&mut self, touch: HistoryEntry) {
        let known = self.0.iter().position(|entry| entry.product_id == touch.product_id);
        let entry = match known {
            Some(i) => {
                let mut entry = self.0.remove(i);
                entry.merge(&touch);
                entry
            }
            None => touch,
        };
        let place = self.0.partition_point(|other| is_before(other, &entry));
        if place < HISTORY_MAX {
            self.0.truncate(HISTORY_MAX - 1);
            self.0.insert(place, entry);
        }
    }

    /// Applies what an order's fold found: purchases that turned out to be returned, or no longer so.
    pub fn take_back(&mut self, returned: &[Returned]) {
        for change in returned {
            if let Some(entry) = self.0.iter_mut().find(|entry| entry.product_id == change.product_id) {
                entry.returned = entry.returned.saturating_add_signed(change.n);
            }
        }
    }

    pub fn merge(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        for entry in &other.0 {
            merged.put(entry.clone());
        }
        merged
    }
}

fn is_before(left: &HistoryEntry, right: &HistoryEntry) -> bool {
    (right.last_at, &left.product_id) < (left.last_at, &right.product_id)
}
