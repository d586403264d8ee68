//! Moments as microseconds since 1970 in UTC: one integer in the log, the lake and the kernels.
//! Time zones enter only where people read or where a shop's day begins ([`crate::Shop`]).

use std::{fmt, ops, str::FromStr};

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    micros: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{got:?} is not a time; send RFC 3339 such as 2026-07-28T10:00:00-05:00, or seconds or milliseconds since 1970"
)]
pub struct TimeError {
    got: String,
}

/// A span of time in microseconds; may be negative.
pub type Micros = i64;
pub const SECOND: Micros = 1_000_000;
pub const MINUTE: Micros = 60 * SECOND;
pub const HOUR: Micros = 60 * MINUTE;
pub const DAY: Micros = 24 * HOUR;

/// Year 9999, beyond which RFC 3339 has no notation; the mirror image bounds the past.
const MICROS_MAX: i64 = 253_402_207_200_000_000;

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self { micros: seconds.saturating_mul(SECOND) }
    }

    pub const fn micros(self) -> i64 {
        self.micros
    }

    pub const fn seconds(self) -> i64 {
        self.micros.div_euclid(SECOND)
    }

    /// Days from `earlier` to `self` as a real number, never below zero.
    pub fn days_since(self, earlier: Self) -> f64 {
        (self.micros.saturating_sub(earlier.micros).max(0)) as f64 / DAY as f64
    }

    /// Whole days since 1970 in UTC; the day of a moment before 1970 is below zero.
    pub const fn utc_day(self) -> i32 {
        // The whole range of microseconds is 213 million days.
        self.micros.div_euclid(DAY) as i32
    }

    /// The value in a time zone, for people and calendars.
    pub fn zoned(self, zone: &jiff::tz::TimeZone) -> jiff::Zoned {
        self.to_jiff().to_zoned(zone.clone())
    }

    fn to_jiff(self) -> jiff::Timestamp {
        let micros = self.micros.clamp(-MICROS_MAX, MICROS_MAX);
        jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl ops::Add<Micros> for Timestamp {
    type Output = Self;
    fn add(self, span: Micros) -> Self {
        Self { micros: self.micros.saturating_add(span) }
    }
}

impl ops::Sub<Micros> for Timestamp {
    type Output = Self;
    fn sub(self, span: Micros) -> Self {
        Self { micros: self.micros.saturating_sub(span) }
    }
}

impl ops::Sub for Timestamp {
    type Output = Micros;
    fn sub(self, earlier: Self) -> Micros {
        self.micros.saturating_sub(earlier.micros)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_jiff(), f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    /// RFC 3339 with an offset, or a whole number of seconds (up to 11 digits), milliseconds (12 to 14) or microseconds.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let error = || TimeError { got: text.chars().take(64).collect() };
        if let Ok(number) = text.parse::<i64>() {
            return Self::from_number(number).ok_or_else(error);
        }
        text.parse::<jiff::Timestamp>().map(|t| Self::from_micros(t.as_microsecond())).map_err(|_| error())
    }
}

impl Timestamp {
    fn from_number(number: i64) -> Option<Self> {
        let micros = match number.unsigned_abs() {
            0..100_000_000_000 => number.checked_mul(1_000_000)?,
            100_000_000_000..100_000_000_000_000 => number.checked_mul(1_000)?,
            _ => number,
        };
        (-MICROS_MAX..=MICROS_MAX).contains(&micros).then_some(Self { micros })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.micros)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Human;
        impl serde::de::Visitor<'_> for Human {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time, or seconds or milliseconds since 1970")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Timestamp, E> {
                Timestamp::from_number(number)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Signed(number), &self))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Timestamp, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Human)
        } else {
            i64::deserialize(deserializer).map(Self::from_micros)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_notations_that_shops_send() {
        let expected = Timestamp::from_seconds(1_785_250_800);
        for text in
            ["2026-07-28T10:00:00-05:00", "2026-07-28T15:00:00Z", "1785250800", "1785250800000", "1785250800000000"]
        {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in
            ["", "-9223372036854775808", "yesterday", "2026-13-01T00:00:00Z", "99999999999999999999", "2026-07-28"]
        {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn days_go_on_before_1970_and_fit_at_the_ends() {
        let days = [-1, 0, DAY - 1, DAY, i64::MIN, i64::MAX].map(|micros| Timestamp::from_micros(micros).utc_day());
        assert_eq!(days, [-1, 0, 0, 1, -106_751_992, 106_751_991]);
    }

    #[test]
    fn extreme_values_are_printed_and_never_panic() {
        for micros in [i64::MIN, -1, 0, i64::MAX] {
            assert!(!Timestamp::from_micros(micros).to_string().is_empty());
        }
    }
}
