//! When something holds: from and until, on which weekdays, at which hours, on which occasions. All by the shop's wall
//! clock, so that "until Sunday" means the shop's Sunday.

use std::{fmt, str::FromStr};

use jiff::{
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    calendar::{self, Announced, Occasion, Occasions},
};

/// Conditions in time; all that are given must hold, and each is asked of the moment itself: Saturday at one in the
/// morning is a Saturday, also where the hours began on Friday evening.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// A day means from its midnight on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<WallTime>,
    /// A day means through its end; a time of day is the first moment at which it no longer holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<WallTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekdays: Option<Vec<Weekday>>,
    /// `[from, to)` in whole hours, 0 to 24: `[9, 18]` ends at 18:00, `[22, 2]` goes past midnight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<[u8; 2]>,
    /// Any of these is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occasions: Option<Vec<Occasion>>,
}

/// A day of the shop's calendar, or a day and a time of its clock: `2026-11-27`, `2026-11-27T18:00`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WallTime {
    Day(Date),
    At(DateTime),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error(
        "{got:?} is not a time of the shop's clock; send a day such as 2026-11-27 or 2026-11-27T18:00, without an offset"
    )]
    WallTime { got: String },
    #[error("schedule: from {from} is not before until {until}; send them the other way round")]
    Reversed { from: WallTime, until: WallTime },
    #[error("schedule: hours {got:?} must be two whole hours, 0 to 23 and 0 to 24, that differ, such as [9, 18]")]
    Hours { got: [u8; 2] },
    #[error("schedule: {field} is an empty list, which never holds; name at least one, or leave the field out")]
    Empty { field: &'static str },
    #[error("schedule: no moment from {from} until {until} has the weekdays and hours asked for; widen one of them")]
    Never { from: WallTime, until: WallTime },
}

/// A moment as schedules see it; made once for a request, asked of each rule.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Moment {
    /// The shop's wall clock.
    pub at: DateTime,
    pub occasions: Occasions,
}

impl Moment {
    pub fn of(at: Timestamp, zone: &TimeZone, announced: &Announced) -> Self {
        let at = at.zoned(zone).datetime();
        Self { at, occasions: calendar::active(at.date(), announced) }
    }
}

impl Schedule {
    /// For one question. Who asks for many schedules makes the [`Moment`] once.
    pub fn is_active(&self, at: Timestamp, zone: &TimeZone, announced: &Announced) -> bool {
        self.is_active_at(&Moment::of(at, zone, announced))
    }

    pub fn is_active_at(&self, moment: &Moment) -> bool {
        let at = moment.at;
        self.from.is_none_or(|from| from.begin() <= at)
            && self.until.is_none_or(|until| at < until.end())
            && self.weekdays.as_ref().is_none_or(|days| days.contains(&Weekday::of(at.date())))
            && self.hours.is_none_or(|hours| hour_mask(hours) >> at.hour() & 1 == 1)
            && self.occasions.as_ref().is_none_or(|any| any.iter().any(|&one| moment.occasions.contains(one)))
    }

    /// Whether there may be a moment at which both hold. `false` is certain; `true` may be wrong only about occasions,
    /// which announcements can move.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.extent().and(other.extent()).has_moment()
    }

    /// # Errors
    /// When it can never hold. Whether an occasion falls between from and until is not asked: announcements can move
    /// it.
    pub fn check(&self) -> Result<(), ScheduleError> {
        if let Some(got) = self.hours.filter(|&[from, to]| from > 23 || to > 24 || from == to) {
            return Err(ScheduleError::Hours { got });
        }
        if self.weekdays.as_ref().is_some_and(Vec::is_empty) {
            return Err(ScheduleError::Empty { field: "weekdays" });
        }
        if self.occasions.as_ref().is_some_and(Vec::is_empty) {
            return Err(ScheduleError::Empty { field: "occasions" });
        }
        if let (Some(from), Some(until)) = (self.from, self.until) {
            if until.end() <= from.begin() {
                return Err(ScheduleError::Reversed { from, until });
            }
            if !self.extent().has_moment() {
                return Err(ScheduleError::Never { from, until });
            }
        }
        Ok(())
    }

    fn extent(&self) -> Extent {
        Extent {
            from: self.from.map(WallTime::begin),
            until: self.until.map(WallTime::end),
            weekdays: self
                .weekdays
                .as_ref()
                .map_or(0x7f, |days| days.iter().fold(0, |mask, &day| mask | 1 << day as u8)),
            hours: self.hours.map_or(ALL_HOURS, hour_mask),
        }
    }
}

const ALL_HOURS: u32 = (1 << 24) - 1;

/// Bit h is set where the hour that begins at h belongs to `[from, to)`, past midnight where `to` is less.
fn hour_mask([from, to]: [u8; 2]) -> u32 {
    let before = |hour: u8| (1_u32 << hour.min(24)) - 1;
    if from <= to { before(to) & !before(from) } else { ALL_HOURS & !before(from) | before(to) }
}

/// Moments as an interval and two masks: what schedules have in common is again one.
struct Extent {
    from: Option<DateTime>,
    until: Option<DateTime>,
    /// Monday is bit 0.
    weekdays: u8,
    hours: u32,
}

impl Extent {
    fn and(self, other: Self) -> Self {
        let until = match (self.until, other.until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            // No beginning is the least.
            from: self.from.max(other.from),
            until,
            weekdays: self.weekdays & other.weekdays,
            hours: self.hours & other.hours,
        }
    }

    fn has_moment(&self) -> bool {
        /// Any nine days hold a full week, wherever they begin and end.
        const DAYS: i64 = 9;
        let days = |n: i64| jiff::Span::new().days(n);
        let (from, until) = match (self.from, self.until) {
            (None, None) => return self.weekdays != 0 && self.hours != 0,
            (Some(from), None) => (from, from.saturating_add(days(DAYS))),
            (None, Some(until)) => (until.saturating_sub(days(DAYS)), until),
            (Some(from), Some(until)) => (from, until.min(from.saturating_add(days(DAYS)))),
        };
        let mut date = from.date();
        while date.to_datetime(Time::midnight()) < until {
            let hours = if self.weekdays >> Weekday::of(date) as u8 & 1 == 1 { self.hours } else { 0 };
            let has = |hour: i8| {
                hours >> hour & 1 == 1 && date.at(hour, 0, 0, 0) < until && from <= date.at(hour, 59, 59, 999_999_999)
            };
            if (0..24).any(has) {
                return true;
            }
            match date.tomorrow() {
                Ok(next) => date = next,
                Err(_) => return false,
            }
        }
        false
    }
}

impl Weekday {
    pub fn of(date: Date) -> Self {
        use jiff::civil::Weekday as Jiff;
        match date.weekday() {
            Jiff::Monday => Self::Mon,
            Jiff::Tuesday => Self::Tue,
            Jiff::Wednesday => Self::Wed,
            Jiff::Thursday => Self::Thu,
            Jiff::Friday => Self::Fri,
            Jiff::Saturday => Self::Sat,
            Jiff::Sunday => Self::Sun,
        }
    }
}

impl WallTime {
    /// The first moment.
    pub fn begin(self) -> DateTime {
        match self {
            Self::Day(date) => date.to_datetime(Time::midnight()),
            Self::At(at) => at,
        }
    }

    /// The first moment after it, where it is an end.
    pub fn end(self) -> DateTime {
        match self {
            Self::Day(date) => date.tomorrow().map_or(DateTime::MAX, |next| next.to_datetime(Time::midnight())),
            Self::At(at) => at,
        }
    }
}

impl FromStr for WallTime {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let error = || ScheduleError::WallTime { got: text.chars().take(64).collect() };
        match text.split_once(['T', ' ']) {
            None => text.parse().map(Self::Day).map_err(|_| error()),
            // An offset or a zone is refused: it could contradict the shop's.
            Some((date, time)) if time.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.') => {
                let date: Date = date.parse().map_err(|_| error())?;
                time.parse().map(|time| Self::At(date.to_datetime(time))).map_err(|_| error())
            }
            Some(_) => Err(error()),
        }
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(date) => fmt::Display::fmt(date, f),
            Self::At(at) => fmt::Display::fmt(at, f),
        }
    }
}

impl TryFrom<String> for WallTime {
    type Error = ScheduleError;
    fn try_from(text: String) -> Result<Self, ScheduleError> {
        text.parse()
    }
}

impl From<WallTime> for String {
    fn from(time: WallTime) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(json: &str) -> Schedule {
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    fn at(text: &str) -> Moment {
        let at: DateTime = text.parse().unwrap();
        Moment { at, occasions: calendar::active(at.date(), &Announced::default()) }
    }

    fn is_on(json: &str, text: &str) -> bool {
        schedule(json).is_active_at(&at(text))
    }

    #[test]
    fn a_day_is_the_whole_day_of_the_shop() {
        let sale = schedule(r#"{"from": "2026-11-27", "until": "2026-11-30"}"#);
        let lima = TimeZone::get("America/Lima").unwrap();
        let is_on = |text: &str| sale.is_active(text.parse().unwrap(), &lima, &Announced::default());
        assert!(!is_on("2026-11-27T04:59:59Z") && is_on("2026-11-27T05:00:00Z"));
        assert!(is_on("2026-12-01T04:59:59Z") && !is_on("2026-12-01T05:00:00Z"));
    }

    #[test]
    fn a_time_of_day_ends_at_that_moment() {
        let json = r#"{"from": "2026-11-27T18:30", "until": "2026-11-27 20:00"}"#;
        assert!(!is_on(json, "2026-11-27T18:29:59") && is_on(json, "2026-11-27T18:30"));
        assert!(is_on(json, "2026-11-27T19:59:59") && !is_on(json, "2026-11-27T20:00"));
    }

    #[test]
    fn hours_may_go_past_midnight() {
        let evening = r#"{"hours": [22, 2]}"#;
        for (hour, wanted) in [(21, false), (22, true), (23, true), (0, true), (1, true), (2, false)] {
            assert_eq!(is_on(evening, &format!("2026-11-27T{hour:02}:30")), wanted, "{hour}");
        }
        assert!(
            is_on(r#"{"hours": [9, 18]}"#, "2026-11-27T17:59") && !is_on(r#"{"hours": [9, 18]}"#, "2026-11-27T18:00")
        );
        assert!((0..24).all(|hour| is_on(r#"{"hours": [0, 24]}"#, &format!("2026-11-27T{hour:02}:00"))));
        let friday_night = r#"{"weekdays": ["fri"], "hours": [22, 2]}"#;
        assert!(is_on(friday_night, "2026-11-27T23:00") && !is_on(friday_night, "2026-11-28T01:00"));
    }

    #[test]
    fn weekdays_and_occasions_must_both_hold() {
        let json = r#"{"weekdays": ["sat", "mon"], "occasions": ["black-friday", "navidad"]}"#;
        assert!(is_on(json, "2026-11-28T12:00") && is_on(json, "2026-12-07T12:00"));
        assert!(!is_on(json, "2026-11-27T12:00"), "a Friday");
        assert!(!is_on(json, "2026-11-21T12:00"), "no occasion");
        assert!(is_on("{}", "2026-11-21T12:00"), "no condition");
        let moved = r#"{"black-friday": [{"first": "2026-11-20", "last": "2026-11-21"}]}"#;
        let moment = Moment {
            occasions: calendar::active("2026-11-21".parse().unwrap(), &serde_json::from_str(moved).unwrap()),
            ..at("2026-11-21T12:00")
        };
        assert!(schedule(json).is_active_at(&moment), "announced days count");
    }

    #[test]
    fn what_can_never_hold_is_refused() {
        for (json, wanted) in [
            (r#"{"from": "2026-12-01", "until": "2026-11-30"}"#, "from 2026-12-01 is not before until 2026-11-30"),
            (r#"{"from": "2026-12-01T10:00", "until": "2026-12-01T10:00"}"#, "is not before"),
            (r#"{"hours": [9, 25]}"#, "hours [9, 25] must be two whole hours"),
            (r#"{"hours": [24, 6]}"#, "hours [24, 6]"),
            (r#"{"hours": [9, 9]}"#, "that differ"),
            (r#"{"weekdays": []}"#, "weekdays is an empty list"),
            (r#"{"occasions": []}"#, "occasions is an empty list"),
            // A Friday to a Monday has no Wednesday.
            (r#"{"from": "2026-11-27", "until": "2026-11-30", "weekdays": ["wed"]}"#, "no moment from 2026-11-27"),
            (r#"{"from": "2026-11-27T10:00", "until": "2026-11-27T12:00", "hours": [12, 10]}"#, "no moment"),
        ] {
            let error = schedule(json).check().unwrap_err().to_string();
            assert!(error.contains(wanted), "{json}: {error}");
        }
        for json in [
            "{}",
            r#"{"from": "2026-12-01", "until": "2026-12-01", "weekdays": ["tue"], "hours": [23, 24]}"#,
            r#"{"from": "2026-11-27T10:30", "until": "2026-11-27T12:00", "hours": [10, 11]}"#,
            r#"{"until": "9999-12-31"}"#,
            r#"{"from": "-009999-01-01", "hours": [22, 2]}"#,
        ] {
            assert_eq!(schedule(json).check(), Ok(()), "{json}");
        }
    }

    #[test]
    fn overlap_is_denied_only_where_it_is_certain() {
        let overlap = |a: &str, b: &str| {
            let (a, b) = (schedule(a), schedule(b));
            assert_eq!(a.overlaps(&b), b.overlaps(&a));
            a.overlaps(&b)
        };
        assert!(overlap("{}", r#"{"weekdays": ["mon"]}"#));
        assert!(!overlap(r#"{"weekdays": ["mon", "tue"]}"#, r#"{"weekdays": ["wed"]}"#));
        assert!(!overlap(r#"{"hours": [9, 18]}"#, r#"{"hours": [18, 9]}"#));
        assert!(overlap(r#"{"hours": [9, 18]}"#, r#"{"hours": [17, 9]}"#));
        assert!(overlap(r#"{"until": "2026-11-27"}"#, r#"{"from": "2026-11-27"}"#));
        assert!(!overlap(r#"{"until": "2026-11-27T12:00"}"#, r#"{"from": "2026-11-27T12:00"}"#));
        // Friday to Monday and Wednesdays: each is possible, both together are not.
        assert!(!overlap(r#"{"from": "2026-11-27", "until": "2026-11-30"}"#, r#"{"weekdays": ["wed"]}"#));
        assert!(!overlap(r#"{"until": "2026-11-30", "weekdays": ["wed"]}"#, r#"{"from": "2026-11-27"}"#));
        assert!(overlap(r#"{"until": "2026-11-30", "weekdays": ["wed"]}"#, r#"{"from": "2026-11-25T23:00"}"#));
        // The same weekday comes around, but earlier in the day: eight calendar days are needed.
        let early_friday = r#"{"weekdays": ["fri"], "hours": [0, 1]}"#;
        assert!(overlap(r#"{"from": "2026-11-27T18:00"}"#, early_friday));
        assert!(overlap(r#"{"from": "2026-11-27T18:00", "until": "2026-12-04T00:30"}"#, early_friday));
        assert!(!overlap(r#"{"from": "2026-11-27T18:00", "until": "2026-12-04T00:00"}"#, early_friday));
        assert!(overlap(r#"{"until": "2026-11-27T00:00"}"#, early_friday));
        assert!(
            overlap(r#"{"occasions": ["navidad"]}"#, r#"{"occasions": ["san-valentin"]}"#),
            "days can be announced"
        );
    }

    #[test]
    fn times_are_read_as_written_and_offsets_refused() {
        for text in ["2026-11-27", "2026-11-27T18:00:00"] {
            assert_eq!(text.parse::<WallTime>().unwrap().to_string(), text);
        }
        for text in ["2026-11-27T18:00-05:00", "2026-11-27T18:00Z", "2026-02-30", "27/11/2026", "", "T", "2026-11-27T"]
        {
            let error = text.parse::<WallTime>().unwrap_err().to_string();
            assert!(error.contains("such as 2026-11-27"), "{error}");
        }
        assert!(serde_json::from_str::<Schedule>(r#"{"form": "2026-11-27"}"#).is_err());
        assert!(serde_json::from_str::<Schedule>(r#"{"weekdays": ["lunes"]}"#).is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_active_at_one_moment_overlaps(
            a in any_schedule(), b in any_schedule(), hours in 0_i64..400,
        ) {
            let at = DateTime::constant(2026, 11, 20, 0, 30, 0, 0).saturating_add(jiff::Span::new().hours(hours));
            let moment = Moment { at, occasions: Occasions::default() };
            if a.is_active_at(&moment) {
                proptest::prop_assert!(a.check().is_ok());
                proptest::prop_assert!(!b.is_active_at(&moment) || a.overlaps(&b));
            }
        }
    }

    fn any_schedule() -> impl proptest::strategy::Strategy<Value = Schedule> {
        use proptest::{option::of, prelude::*};
        let time = || {
            (20_i8..30, 0_i8..24).prop_map(|(day, hour)| match hour {
                0..12 => WallTime::Day(Date::constant(2026, 11, day)),
                _ => WallTime::At(DateTime::constant(2026, 11, day, hour, 0, 0, 0)),
            })
        };
        let days = prop::sample::subsequence(
            vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun],
            1..7,
        );
        (of(time()), of(time()), of(days), of((0_u8..24, 0_u8..25).prop_map(|(from, to)| [from, to])))
            .prop_map(|(from, until, weekdays, hours)| Schedule { from, until, weekdays, hours, occasions: None })
    }
}
