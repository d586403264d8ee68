//! The occasions and the rule of each.

use std::{fmt, str::FromStr};

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use super::{
    Window,
    holiday::{business_day_after, business_day_before, days_after, easter},
};

/// Why people in Peru buy more than on other days. The names are stable: `fiestas-patrias`.
///
/// A window of the law or of the calendar is exact. Where a date is custom, or somebody's to announce, the rule is an
/// estimate, and says so; [`super::Announced`] replaces it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Occasion {
    /// Pay days: the 15th and the last day of the month, or the business day before where that is none; three days,
    /// in which pay is spent. Custom, not law: an estimate, since the law asks only for regular pay.
    Quincena,
    /// Two extra salaries a year, paid in the first half of July and of December: law 27735, article 5.
    Gratificacion,
    /// Severance savings, put on account within the first 15 days of May and November, or by the next business day:
    /// supreme decree 001-97-TR, article 22. What is above four salaries, or more by passing laws, may be spent.
    Cts,
    /// The online sale of IAB Peru: four days from a Monday in April, July and November. The organiser announces the
    /// days, so second Monday of April, second of July, first of November is an estimate (3 November in 2025).
    CyberWow,
    /// Independence, 28 and 29 July. From the 16th, when the gratificación has been paid: an estimate.
    FiestasPatrias,
    /// School supplies and uniforms, 15 January until classes begin. The ministry sets that day each year; the Monday
    /// between 11 and 17 March is an estimate that held from 2023 to 2026.
    CampanaEscolar,
    /// Second Sunday of May and the two weeks before it, in which presents are bought: their length is an estimate.
    DiaDeLaMadre,
    /// Third Sunday of June and the two weeks before it: their length is an estimate.
    DiaDelPadre,
    /// 1 to 25 December; the beginning is an estimate.
    Navidad,
    /// The day after the fourth Thursday of November until the Monday after it. Shops choose how long: an estimate.
    BlackFriday,
    /// 14 February and the week before it, whose length is an estimate.
    SanValentin,
    /// Third Sunday of August, the Peruvian children's day, and the week before it, whose length is an estimate.
    DiaDelNino,
    /// Palm Sunday to Easter Sunday; Thursday and Friday are public holidays.
    SemanaSanta,
    /// 26 December to 1 January of the next year; counted in the year in which it begins. The beginning is an estimate.
    AnoNuevo,
    /// Halloween and the day of the criollo song, 31 October, and the week before it, whose length is an estimate.
    Halloween,
}

/// The years that the rules hold for: the Gregorian calendar, and room for a day after the last.
const YEARS: std::ops::RangeInclusive<i16> = 1583..=9998;

impl Occasion {
    pub const ALL: [Self; 15] = [
        Self::Quincena,
        Self::Gratificacion,
        Self::Cts,
        Self::CyberWow,
        Self::FiestasPatrias,
        Self::CampanaEscolar,
        Self::DiaDeLaMadre,
        Self::DiaDelPadre,
        Self::Navidad,
        Self::BlackFriday,
        Self::SanValentin,
        Self::DiaDelNino,
        Self::SemanaSanta,
        Self::AnoNuevo,
        Self::Halloween,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Quincena => "quincena",
            Self::Gratificacion => "gratificacion",
            Self::Cts => "cts",
            Self::CyberWow => "cyber-wow",
            Self::FiestasPatrias => "fiestas-patrias",
            Self::CampanaEscolar => "campana-escolar",
            Self::DiaDeLaMadre => "dia-de-la-madre",
            Self::DiaDelPadre => "dia-del-padre",
            Self::Navidad => "navidad",
            Self::BlackFriday => "black-friday",
            Self::SanValentin => "san-valentin",
            Self::DiaDelNino => "dia-del-nino",
            Self::SemanaSanta => "semana-santa",
            Self::AnoNuevo => "ano-nuevo",
            Self::Halloween => "halloween",
        }
    }

    /// The days by the rule, earliest first: those of all windows that begin in `year`. None before 1583 and after 9998.
    pub fn windows(self, year: i16) -> Vec<Window> {
        if !YEARS.contains(&year) {
            return Vec::new();
        }
        let day = |month: i8, day: i8| Date::new(year, month, day).unwrap_or(Date::MIN);
        let days = |first: Date, last: Date| vec![Window { first, last }];
        let until = |last: Date, days_before: i32| days(days_after(last, -days_before), last);
        match self {
            Self::Quincena => (1..=12)
                .flat_map(|month| [day(month, 15), day(month, 1).last_of_month()])
                .map(business_day_before)
                .map(|paid| Window { first: paid, last: days_after(paid, 2) })
                .collect(),
            Self::Gratificacion => [7, 12].map(|month| Window { first: day(month, 1), last: day(month, 15) }).to_vec(),
            Self::Cts => {
                [5, 11].map(|month| Window { first: day(month, 1), last: business_day_after(day(month, 15)) }).to_vec()
            }
            Self::CyberWow => [(4, 2), (7, 2), (11, 1)]
                .map(|(month, nth)| nth_weekday(day(month, 1), nth, Weekday::Monday))
                .map(|first| Window { first, last: days_after(first, 3) })
                .to_vec(),
            Self::FiestasPatrias => days(day(7, 16), day(7, 29)),
            Self::CampanaEscolar => days(day(1, 15), nth_weekday(day(3, 11), 1, Weekday::Monday)),
            Self::DiaDeLaMadre => until(nth_weekday(day(5, 1), 2, Weekday::Sunday), 14),
            Self::DiaDelPadre => until(nth_weekday(day(6, 1), 3, Weekday::Sunday), 14),
            Self::Navidad => days(day(12, 1), day(12, 25)),
            Self::BlackFriday => {
                let friday = days_after(nth_weekday(day(11, 1), 4, Weekday::Thursday), 1);
                days(friday, days_after(friday, 3))
            }
            Self::SanValentin => until(day(2, 14), 7),
            Self::DiaDelNino => until(nth_weekday(day(8, 1), 3, Weekday::Sunday), 7),
            Self::SemanaSanta => until(easter(year), 7),
            Self::AnoNuevo => days(day(12, 26), days_after(day(12, 31), 1)),
            Self::Halloween => until(day(10, 31), 7),
        }
    }

    /// Whether the rule is custom or a guess at what somebody will announce, rather than law or calendar.
    pub fn is_estimate(self) -> bool {
        !matches!(self, Self::Gratificacion | Self::Cts | Self::SemanaSanta)
    }

    /// Its place in [`Occasions`].
    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// The `nth` (from 1) such weekday on or after `from`.
fn nth_weekday(from: Date, nth: i32, weekday: Weekday) -> Date {
    let ahead = weekday.since(from.weekday());
    days_after(from, i32::from(ahead) + 7 * (nth - 1))
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no occasion; {hint}")]
pub struct OccasionError {
    got: String,
    hint: String,
}

impl FromStr for Occasion {
    type Err = OccasionError;

    fn from_str(text: &str) -> Result<Self, OccasionError> {
        Self::ALL.into_iter().find(|occasion| occasion.name() == text).ok_or_else(|| {
            let got: String = text.chars().take(64).collect();
            let near = Self::ALL.into_iter().map(|known| (strsim::jaro_winkler(&got, known.name()), known));
            let hint = match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
                Some((likeness, known)) if likeness > 0.8 => format!("did you mean `{known}`?"),
                _ => format!("send one of {}", Self::ALL.map(Self::name).join(", ")),
            };
            OccasionError { got, hint }
        })
    }
}

impl TryFrom<String> for Occasion {
    type Error = OccasionError;
    fn try_from(text: String) -> Result<Self, OccasionError> {
        text.parse()
    }
}

impl From<Occasion> for String {
    fn from(occasion: Occasion) -> Self {
        occasion.name().to_owned()
    }
}

/// A set of occasions in one word, because it is asked of every rule on every request.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Occasions(u32);

impl Occasions {
    pub fn contains(self, occasion: Occasion) -> bool {
        self.0 & occasion.bit() != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Occasion> {
        Occasion::ALL.into_iter().filter(move |&occasion| self.contains(occasion))
    }
}

impl FromIterator<Occasion> for Occasions {
    fn from_iter<I: IntoIterator<Item = Occasion>>(occasions: I) -> Self {
        Self(occasions.into_iter().fold(0, |set, occasion| set | occasion.bit()))
    }
}

impl fmt::Debug for Occasions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows as `first..last` without the year.
    fn written(occasion: Occasion, year: i16) -> Vec<String> {
        occasion
            .windows(year)
            .iter()
            .map(|w| format!("{}..{}", w.first.strftime("%m-%d"), w.last.strftime("%m-%d")))
            .collect()
    }

    #[test]
    fn dates_checked_by_hand() {
        use Occasion::*;
        for (occasion, year, wanted) in [
            (Gratificacion, 2026, "07-01..07-15 12-01..12-15"),
            // 15 November 2026 is a Sunday: the bank's next day counts.
            (Cts, 2026, "05-01..05-15 11-01..11-16"),
            (Cts, 2027, "05-01..05-17 11-01..11-15"),
            (CyberWow, 2025, "04-14..04-17 07-14..07-17 11-03..11-06"),
            (CyberWow, 2026, "04-13..04-16 07-13..07-16 11-02..11-05"),
            (CyberWow, 2027, "04-12..04-15 07-12..07-15 11-01..11-04"),
            (FiestasPatrias, 2028, "07-16..07-29"),
            (CampanaEscolar, 2024, "01-15..03-11"),
            (CampanaEscolar, 2025, "01-15..03-17"),
            (CampanaEscolar, 2026, "01-15..03-16"),
            (DiaDeLaMadre, 2025, "04-27..05-11"),
            (DiaDeLaMadre, 2026, "04-26..05-10"),
            (DiaDeLaMadre, 2027, "04-25..05-09"),
            (DiaDeLaMadre, 2028, "04-30..05-14"),
            (DiaDeLaMadre, 2029, "04-29..05-13"),
            (DiaDelPadre, 2025, "06-01..06-15"),
            (DiaDelPadre, 2026, "06-07..06-21"),
            (DiaDelPadre, 2029, "06-03..06-17"),
            (Navidad, 2026, "12-01..12-25"),
            (BlackFriday, 2025, "11-28..12-01"),
            (BlackFriday, 2026, "11-27..11-30"),
            (BlackFriday, 2027, "11-26..11-29"),
            (BlackFriday, 2028, "11-24..11-27"),
            (BlackFriday, 2029, "11-23..11-26"),
            (SanValentin, 2027, "02-07..02-14"),
            (DiaDelNino, 2025, "08-10..08-17"),
            (DiaDelNino, 2026, "08-09..08-16"),
            (SemanaSanta, 2026, "03-29..04-05"),
            (SemanaSanta, 2029, "03-25..04-01"),
            (AnoNuevo, 2026, "12-26..01-01"),
            (Halloween, 2026, "10-24..10-31"),
        ] {
            assert_eq!(written(occasion, year).join(" "), wanted, "{occasion} {year}");
        }
    }

    #[test]
    fn pay_days_move_before_weekends_and_holidays() {
        let paid = |year, month: usize| {
            let windows = Occasion::Quincena.windows(year);
            windows[2 * (month - 1)..2 * month]
                .iter()
                .map(|w| w.first.strftime("%a %m-%d").to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(paid(2026, 11), ["Fri 11-13", "Mon 11-30"]);
        assert_eq!(paid(2025, 6), ["Fri 06-13", "Mon 06-30"]);
        assert_eq!(paid(2026, 2), ["Fri 02-13", "Fri 02-27"]);
        assert_eq!(paid(2028, 2), ["Tue 02-15", "Tue 02-29"]);
        // The 31st is the Saturday after Good Friday.
        assert_eq!(paid(2029, 3), ["Thu 03-15", "Wed 03-28"]);
        // The 15th was Good Friday.
        assert_eq!(paid(2022, 4), ["Wed 04-13", "Fri 04-29"]);
        assert_eq!(written(Occasion::Quincena, 2026)[23], "12-31..01-02");
        assert!((2025..2030).all(|year| Occasion::Quincena.windows(year).len() == 24));
    }

    #[test]
    fn windows_begin_in_their_year_and_stand_in_order() {
        for occasion in Occasion::ALL {
            for year in [1583, 1999, 2000, 2025, 2100, 9998] {
                let windows = occasion.windows(year);
                assert!(!windows.is_empty());
                assert!(windows.iter().all(|w| w.first.year() == year && w.first <= w.last), "{occasion} {year}");
                assert!(windows.is_sorted_by_key(|w| w.first), "{occasion} {year}");
            }
            for year in [i16::MIN, -9999, 0, 1582, 9999, i16::MAX] {
                assert_eq!(occasion.windows(year), []);
            }
        }
    }

    #[test]
    fn names_are_read_as_written_and_slips_are_named() {
        for occasion in Occasion::ALL {
            assert_eq!(occasion.to_string().parse(), Ok(occasion));
            assert_eq!(serde_json::to_string(&occasion).unwrap(), format!("{:?}", occasion.name()));
        }
        let error = |text: &str| text.parse::<Occasion>().unwrap_err().to_string();
        assert!(error("cyberwow").contains("did you mean `cyber-wow`?"), "{}", error("cyberwow"));
        assert!(error("ramadan").contains("send one of quincena, gratificacion, cts"), "{}", error("ramadan"));
    }
}
