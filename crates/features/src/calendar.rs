//! When in the week a user is active.
//!
//! Kept by hour of the week in UTC and shifted to the shop's clock when it is read, so that the fold needs nothing but
//! the event and a shop may correct its time zone without a rebuild. The price: in a zone with summer time the
//! events of the other half of the year stand one hour off, which a habit can bear. Lima has no summer time.

use std::collections::BTreeMap;

use domain::{
    Event, InteractionType, Timestamp,
    time::{DAY, HOUR},
};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::column::Column;

/// `(user_id, day_of_week_interaction, hour_interaction, n)` on the shop's clock, Monday 0.
pub const COLUMN: Column = Column { name: "day_of_week_interaction", sql: include_str!("calendar.sql"), over: &[] };

const HOURS: i64 = 7 * 24;

/// Events by hour of the week in UTC; hour 0 begins on Monday at midnight.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HoursOfWeek(BTreeMap<u8, u32>);

/// 1970 began on a Thursday.
fn hour_of_week(at: Timestamp) -> u8 {
    (at.micros().saturating_add(3 * DAY).div_euclid(HOUR)).rem_euclid(HOURS) as u8
}

/// Whole hours that a zone's clock is ahead of UTC at a moment, rounded down.
pub fn zone_hours(zone: &TimeZone, at: Timestamp) -> i64 {
    i64::from(at.zoned(zone).offset().seconds()).div_euclid(3_600)
}

impl HoursOfWeek {
    /// Counts events about products, however many products each has; what was merely shown is not the user's doing.
    pub fn fold(&mut self, event: &Event) {
        if event.kind.interaction().is_some_and(|kind| kind != InteractionType::Impression) {
            self.add(hour_of_week(event.occurred_at), 1);
        }
    }

    fn add(&mut self, hour: u8, n: u32) {
        let count = self.0.entry(hour).or_default();
        *count = count.saturating_add(n);
    }

    pub fn merge(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        other.0.iter().for_each(|(hour, n)| merged.add(*hour, *n));
        merged
    }

    /// `(hour of the week in UTC, events)`, hours without events left out.
    pub fn iter(&self) -> impl Iterator<Item = (u8, u32)> + '_ {
        self.0.iter().map(|(hour, n)| (*hour, *n))
    }

    /// `(day of the week, hour of the day, events)` on a clock that is `zone_hours` ahead of UTC; Monday is day 0.
    pub fn on_clock(&self, zone_hours: i64) -> impl Iterator<Item = (u8, u8, u32)> + '_ {
        self.iter().map(move |(hour, n)| {
            let local = (i64::from(hour) + zone_hours).rem_euclid(HOURS) as u8;
            (local / 24, local % 24, n)
        })
    }

    /// Events by day of the week, Monday first, on a clock that is `zone_hours` ahead of UTC.
    pub fn by_day(&self, zone_hours: i64) -> [u32; 7] {
        summed(self.on_clock(zone_hours).map(|(day, _, n)| (day, n)))
    }

    /// Events by hour of the day on that clock.
    pub fn by_hour(&self, zone_hours: i64) -> [u32; 24] {
        summed(self.on_clock(zone_hours).map(|(_, hour, n)| (hour, n)))
    }
}

fn summed<const N: usize>(counts: impl Iterator<Item = (u8, u32)>) -> [u32; N] {
    let mut sums = [0u32; N];
    for (slot, n) in counts {
        let sum = &mut sums[usize::from(slot)];
        *sum = sum.saturating_add(n);
    }
    sums
}
