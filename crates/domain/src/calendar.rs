//! The commercial calendar of Peru: when people are paid, and what they then buy for.
//!
//! Rules that hold for any year, in the shop's wall calendar; days that somebody announces replace a rule
//! ([`Announced`]). [`Occasion`] says for each where its days come from and which are estimates.

mod holiday;
mod occasion;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use holiday::{easter, is_business_day, is_holiday};
pub use occasion::{Occasion, OccasionError, Occasions};

/// Longest announced window in days: a season, and not a year that somebody mistyped.
pub const WINDOW_DAYS_MAX: i32 = 120;
/// Most announced windows of one occasion: two pay days a month for four years.
pub const WINDOWS_MAX: usize = 96;
/// Farthest that [`upcoming`] looks ahead, in days.
pub const AHEAD_DAYS_MAX: u16 = 800;

/// Days in a row of the shop's wall calendar, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    pub first: Date,
    pub last: Date,
}

impl Window {
    pub fn contains(self, date: Date) -> bool {
        self.first <= date && date <= self.last
    }
}

/// Announced days: for each year in which a window of it begins, they replace the occasion's rule for the whole year.
/// So a year's list is sent complete; [`Occasion::windows`] has the estimates for what is not announced yet.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Announced(BTreeMap<Occasion, Vec<Window>>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnouncedError {
    #[error("{occasion}: the last day {last} is before the first, {first}; send them the other way round")]
    Reversed { occasion: Occasion, first: Date, last: Date },
    #[error("{occasion}: {first} to {last} is longer than {WINDOW_DAYS_MAX} days; send the days of one season")]
    TooLong { occasion: Occasion, first: Date, last: Date },
    #[error("{occasion} has {got} windows, at most {WINDOWS_MAX} are accepted; leave out the past ones")]
    TooMany { occasion: Occasion, got: usize },
}

impl Announced {
    pub fn new(windows: BTreeMap<Occasion, Vec<Window>>) -> Self {
        Self(windows)
    }

    /// # Errors
    /// When a window ends before it begins or is far too long, or there are too many.
    pub fn check(&self) -> Result<(), AnnouncedError> {
        for (&occasion, windows) in &self.0 {
            if windows.len() > WINDOWS_MAX {
                return Err(AnnouncedError::TooMany { occasion, got: windows.len() });
            }
            for &Window { first, last } in windows {
                if last < first {
                    return Err(AnnouncedError::Reversed { occasion, first, last });
                }
                if last > holiday::days_after(first, WINDOW_DAYS_MAX - 1) {
                    return Err(AnnouncedError::TooLong { occasion, first, last });
                }
            }
        }
        Ok(())
    }

    /// The windows of an occasion that begin in `year`, earliest first: as announced, or else by the rule.
    pub fn windows(&self, occasion: Occasion, year: i16) -> Vec<Window> {
        if !self.names(occasion, year) {
            return occasion.windows(year);
        }
        let mut named: Vec<Window> = self.of(occasion, year).collect();
        named.sort_unstable();
        named
    }

    /// Whether the days of an occasion are announced for a year.
    pub fn names(&self, occasion: Occasion, year: i16) -> bool {
        self.of(occasion, year).next().is_some()
    }

    fn of(&self, occasion: Occasion, year: i16) -> impl Iterator<Item = Window> {
        self.0.get(&occasion).into_iter().flatten().copied().filter(move |window| window.first.year() == year)
    }
}

/// The occasions that a day belongs to.
pub fn active(date: Date, announced: &Announced) -> Occasions {
    let is_active = |occasion: &Occasion| {
        // A window that crosses the new year began in the year before, and no later than September.
        let years = if date.month() <= 4 { 2 } else { 1 };
        (0..years)
            .any(|back| announced.windows(*occasion, date.year().saturating_sub(back)).iter().any(|w| w.contains(date)))
    };
    Occasion::ALL.into_iter().filter(is_active).collect()
}

/// A line of the calendar view.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Upcoming {
    pub occasion: Occasion,
    #[serde(flatten)]
    pub window: Window,
    /// By a rule that is only an estimate, and not announced.
    pub estimate: bool,
}

/// The windows that have a day among the `days` (at most [`AHEAD_DAYS_MAX`]) that begin with `from`, earliest first.
pub fn upcoming(from: Date, days: u16, announced: &Announced) -> Vec<Upcoming> {
    let after = holiday::days_after(from, i32::from(days.min(AHEAD_DAYS_MAX)));
    let mut found: Vec<Upcoming> = (from.year().saturating_sub(1)..=after.year())
        .flat_map(|year| Occasion::ALL.map(|occasion| (occasion, year)))
        .flat_map(|(occasion, year)| {
            let estimate = occasion.is_estimate() && !announced.names(occasion, year);
            let line = move |window| Upcoming { occasion, window, estimate };
            announced.windows(occasion, year).into_iter().map(line)
        })
        .filter(|line| from < after && line.window.first < after && from <= line.window.last)
        .collect();
    found.sort_unstable_by_key(|line| (line.window, line.occasion));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn on(text: &str, announced: &Announced) -> Vec<Occasion> {
        active(day(text), announced).iter().collect()
    }

    #[test]
    fn a_day_may_belong_to_several_occasions() {
        use Occasion::*;
        let none = Announced::default();
        assert_eq!(on("2026-07-14", &none), [Gratificacion, CyberWow]);
        assert_eq!(on("2026-12-15", &none), [Quincena, Gratificacion, Navidad]);
        assert_eq!(on("2026-11-30", &none), [Quincena, BlackFriday]);
        assert_eq!(on("2026-09-22", &none), []);
        // Both began in the year before.
        assert_eq!(on("2027-01-01", &none), [Quincena, AnoNuevo]);
        assert_eq!(on("2027-01-02", &none), [Quincena]);
        assert_eq!(on("2027-01-03", &none), []);
    }

    #[test]
    fn announced_days_replace_the_rule_for_their_year() {
        let announced: Announced = serde_json::from_str(
            r#"{"cyber-wow": [{"first": "2026-07-20", "last": "2026-07-23"}, {"first": "2026-04-06", "last": "2026-04-09"}]}"#,
        )
        .unwrap();
        assert_eq!(announced.check(), Ok(()));
        let is_on = |text: &str| on(text, &announced).contains(&Occasion::CyberWow);
        assert!(is_on("2026-04-06") && is_on("2026-04-09") && !is_on("2026-04-10"));
        assert!(!is_on("2026-04-13"), "the estimate went with the announcement");
        assert!(!is_on("2026-11-02"), "a year is announced as a whole");
        assert!(is_on("2027-04-12"), "the next year is still an estimate");
        assert!(on("2026-07-14", &announced).contains(&Occasion::Gratificacion));
        assert_eq!(announced.windows(Occasion::CyberWow, 2026)[0].first, day("2026-04-06"), "sorted");
        let back: Announced = serde_json::from_str(&serde_json::to_string(&announced).unwrap()).unwrap();
        assert_eq!(back, announced);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let announced = |first: &str, last: &str| {
            Announced::new([(Occasion::Navidad, vec![Window { first: day(first), last: day(last) }])].into()).check()
        };
        assert!(announced("2026-12-25", "2026-12-01").unwrap_err().to_string().contains("other way round"));
        assert!(announced("2026-12-01", "2027-12-25").unwrap_err().to_string().contains("longer than 120 days"));
        assert_eq!(announced("2026-12-01", "2026-12-01"), Ok(()));
        let one = Window { first: day("2026-12-01"), last: day("2026-12-01") };
        let many = Announced::new([(Occasion::Navidad, vec![one; WINDOWS_MAX + 1])].into());
        assert!(many.check().unwrap_err().to_string().contains("has 97 windows"));
        let typo = serde_json::from_str::<Announced>(r#"{"ciber-wow": []}"#).unwrap_err().to_string();
        assert!(typo.contains("did you mean `cyber-wow`?"), "{typo}");
    }

    #[test]
    fn the_view_is_sorted_and_has_what_is_under_way() {
        let lines = upcoming(day("2026-11-28"), 5, &Announced::default());
        let written: Vec<String> =
            lines.iter().map(|line| format!("{} {}..{}", line.occasion, line.window.first, line.window.last)).collect();
        assert_eq!(
            written,
            [
                "black-friday 2026-11-27..2026-11-30",
                "quincena 2026-11-30..2026-12-02",
                "gratificacion 2026-12-01..2026-12-15",
                "navidad 2026-12-01..2026-12-25",
            ]
        );
        assert_eq!(lines.iter().map(|line| line.estimate).collect::<Vec<_>>(), [true, true, false, true]);
        let announced = Announced::new([(Occasion::BlackFriday, vec![lines[0].window])].into());
        assert!(!upcoming(day("2026-11-28"), 5, &announced)[0].estimate, "announced is known");
        assert_eq!(upcoming(day("2027-01-01"), 1, &Announced::default()).len(), 2);
        assert_eq!(upcoming(day("2026-11-28"), 0, &Announced::default()), []);
    }

    #[test]
    fn the_ends_of_time_are_quiet() {
        for date in [Date::MIN, Date::MAX] {
            assert!(active(date, &Announced::default()).is_empty());
            assert_eq!(upcoming(date, u16::MAX, &Announced::default()), []);
        }
    }
}
