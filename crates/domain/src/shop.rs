//! The shop: its money, its clock, its language. Each shop is a folder of its own in the store.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{Currency, Timestamp};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shop {
    /// Folder name and metric label: lower-case letters, digits and `-`.
    pub name: String,
    pub currency: Currency,
    /// IANA name, such as `America/Lima`; daylight rules come from the time zone database.
    pub time_zone: String,
    /// BCP 47, such as `es-PE`.
    pub locale: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShopError {
    #[error("shop name {got:?} must be 1 to 40 lower-case letters, digits or '-', starting with a letter")]
    Name { got: String },
    #[error("{got:?} is not a time zone of the IANA database; send a name such as America/Lima")]
    TimeZone { got: String },
}

impl Shop {
    /// # Errors
    /// When the name can't be a folder or the time zone is unknown.
    pub fn check(&self) -> Result<(), ShopError> {
        let name = self.name.as_bytes();
        let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        if !(1..=40).contains(&name.len()) || !name[0].is_ascii_lowercase() || !name.iter().all(allowed) {
            return Err(ShopError::Name { got: self.name.chars().take(64).collect() });
        }
        TimeZone::get(&self.time_zone).map(drop).map_err(|_| ShopError::TimeZone { got: self.time_zone.clone() })
    }

    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// The shop's calendar day, weekday (Monday 0) and hour of a moment.
    pub fn calendar(&self, at: Timestamp) -> Calendar {
        Calendar::of(at, &self.zone())
    }

    /// Midnight that began the shop's day of `at`.
    pub fn day_start(&self, at: Timestamp) -> Timestamp {
        let zoned = at.zoned(&self.zone());
        zoned.start_of_day().map_or(at, |start| Timestamp::from_micros(start.timestamp().as_microsecond()))
    }
}

/// A moment as the shop's wall calendar shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Calendar {
    pub date: jiff::civil::Date,
    /// Monday is 0.
    pub weekday: u8,
    pub hour: u8,
}

impl Calendar {
    pub fn of(at: Timestamp, zone: &TimeZone) -> Self {
        let zoned = at.zoned(zone);
        Self {
            date: zoned.date(),
            weekday: zoned.weekday().to_monday_zero_offset().unsigned_abs(),
            hour: zoned.hour().unsigned_abs(),
        }
    }
}

impl Default for Shop {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            currency: Currency::PEN,
            time_zone: "America/Lima".to_owned(),
            locale: "es-PE".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_begins_in_lima_not_in_utc() {
        let shop = Shop::default();
        let at: Timestamp = "2026-07-29T03:30:00Z".parse().unwrap();
        let calendar = shop.calendar(at);
        assert_eq!((calendar.date.to_string().as_str(), calendar.weekday, calendar.hour), ("2026-07-28", 1, 22));
        assert_eq!(shop.day_start(at), "2026-07-28T05:00:00Z".parse().unwrap());
    }

    #[test]
    fn lima_had_summer_time_in_1990() {
        let at: Timestamp = "1990-02-01T12:00:00Z".parse().unwrap();
        assert_eq!(Shop::default().calendar(at).hour, 8);
    }

    #[test]
    fn a_shop_name_is_a_safe_folder() {
        for name in ["", "../etc", "Ñandú", "9lives", "a b"] {
            assert!(Shop { name: name.to_owned(), ..Shop::default() }.check().is_err(), "{name}");
        }
        assert!(Shop { time_zone: "Lima".to_owned(), ..Shop::default() }.check().is_err());
        assert_eq!(Shop::default().check(), Ok(()));
    }
}
