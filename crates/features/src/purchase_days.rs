//! The days on which a user last bought a product: what an interval between purchases is made of.

use domain::Timestamp;
use jiff::{ToSpan, civil::Date};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Days remembered a product: the newest, exact in any order of arrival. With few, what is bought again soon has lost its
/// older days, and whoever learns from the past in it learns that it was bought seldom (docs/plans.md).
pub const PURCHASE_DAYS_MAX: usize = 32;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// UTC days since 1970 with at least one purchase, newest first. A purchase that was given back stays: it was wanted then.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PurchaseDays(Vec<i32>);

impl PurchaseDays {
    pub fn on(at: Timestamp) -> Self {
        Self(vec![at.utc_day()])
    }

    pub fn days(&self) -> &[i32] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Days from each purchase to the next, latest first; none of them is 0.
    pub fn intervals(&self) -> impl Iterator<Item = i32> + '_ {
        self.0.windows(2).map(|pair| pair[0] - pair[1])
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for day in &other.0 {
            let place = self.0.partition_point(|known| known > day);
            if self.0.get(place) != Some(day) && place < PURCHASE_DAYS_MAX {
                self.0.truncate(PURCHASE_DAYS_MAX - 1);
                self.0.insert(place, *day);
            }
        }
    }
}

impl FromIterator<i32> for PurchaseDays {
    fn from_iter<T: IntoIterator<Item = i32>>(days: T) -> Self {
        let mut all = Self::default();
        days.into_iter().for_each(|day| all.merge(&Self(vec![day])));
        all
    }
}

/// As dates for people, as numbers for the store.
impl Serialize for PurchaseDays {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_seq(self.0.iter().map(|day| EPOCH.saturating_add(day.days())));
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PurchaseDays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let dates = Vec::<Date>::deserialize(deserializer)?;
            return Ok(dates.into_iter().map(|date| (date - EPOCH).get_days()).collect());
        }
        Vec::<i32>::deserialize(deserializer).map(|days| days.into_iter().collect())
    }
}
