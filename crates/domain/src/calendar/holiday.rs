//! The public holidays of Peru, on which offices and banks are closed: fixed days, and the two before Easter.

use jiff::civil::{Date, Weekday};

/// Month and day of the fixed holidays, and the first year in which each was one. Legislative Decree 713, article 6,
/// and the laws that added to it; the days that a government adds for one year ("no laborables") are made up for by
/// work and are no holidays.
const FIXED: [(i8, i8, i16); 14] = [
    (1, 1, 0),
    (5, 1, 0),
    // Battle of Arica and the flag: law 31788 of June 2023.
    (6, 7, 2024),
    (6, 29, 0),
    // Air force: law 31822 of July 2023.
    (7, 23, 2023),
    (7, 28, 0),
    (7, 29, 0),
    // Battle of Junín: law 31530 of July 2022.
    (8, 6, 2022),
    (8, 30, 0),
    (10, 8, 0),
    (11, 1, 0),
    (12, 8, 0),
    // Battle of Ayacucho: law 31381 of December 2021.
    (12, 9, 2022),
    (12, 25, 0),
];

/// Whether a day is a national public holiday of Peru, by the law as it stood in that year.
pub fn is_holiday(date: Date) -> bool {
    let fixed =
        FIXED.iter().any(|&(month, day, since)| (date.month(), date.day()) == (month, day) && date.year() >= since);
    // Holy Thursday and Good Friday lie between 19 March and 23 April.
    fixed || ((3..=4).contains(&date.month()) && (2..=3).any(|before| days_after(easter(date.year()), -before) == date))
}

/// Neither Saturday, Sunday nor public holiday.
pub fn is_business_day(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_holiday(date)
}

/// The day itself, or the last business day before it.
pub(super) fn business_day_before(date: Date) -> Date {
    nearest_business_day(date, -1)
}

/// The day itself, or the first business day after it.
pub(super) fn business_day_after(date: Date) -> Date {
    nearest_business_day(date, 1)
}

fn nearest_business_day(date: Date, step: i32) -> Date {
    // No run of days off is longer than a week.
    (0..7).map(|n| days_after(date, n * step)).find(|&day| is_business_day(day)).unwrap_or(date)
}

pub(super) fn days_after(date: Date, days: i32) -> Date {
    date.saturating_add(jiff::Span::new().days(days))
}

/// Easter Sunday of the Gregorian calendar, which is in use since 1583: Meeus, Astronomical Algorithms (1991), chapter
/// 8; also known as the Anonymous or Jones/Butcher algorithm. The letters are the book's.
pub fn easter(year: i16) -> Date {
    let year_whole = i32::from(year);
    let a = year_whole.rem_euclid(19);
    let (b, c) = (year_whole.div_euclid(100), year_whole.rem_euclid(100));
    let (d, e) = (b.div_euclid(4), b.rem_euclid(4));
    let f = (b + 8).div_euclid(25);
    let g = (b - f + 1).div_euclid(3);
    let h = (19 * a + b - d - g + 15).rem_euclid(30);
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k).rem_euclid(7);
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    // n / 31 is 3 or 4, n % 31 + 1 a day of that month.
    Date::new(year, (n / 31) as i8, (n % 31 + 1) as i8).unwrap_or(Date::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn easter_by_the_almanac() {
        // The last two are the earliest and the latest that the calendar allows.
        for text in [
            "1961-04-02",
            "2000-04-23",
            "2019-04-21",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2028-04-16",
            "2029-04-01",
            "1818-03-22",
            "2038-04-25",
        ] {
            assert_eq!(easter(day(text).year()), day(text));
        }
    }

    #[test]
    fn the_sixteen_holidays_of_2026() {
        let mut date = day("2026-01-01");
        let mut found = Vec::new();
        while date.year() == 2026 {
            if is_holiday(date) {
                found.push(date.strftime("%m-%d").to_string());
            }
            date = days_after(date, 1);
        }
        assert_eq!(
            found,
            [
                "01-01", "04-02", "04-03", "05-01", "06-07", "06-29", "07-23", "07-28", "07-29", "08-06", "08-30",
                "10-08", "11-01", "12-08", "12-09", "12-25"
            ]
        );
    }

    #[test]
    fn a_law_makes_a_holiday_from_its_year_on() {
        assert!(!is_holiday(day("2021-12-09")) && is_holiday(day("2022-12-09")));
        assert!(!is_holiday(day("2023-06-07")) && is_holiday(day("2024-06-07")));
    }

    #[test]
    fn business_days_go_around_holy_week() {
        // 31 March 2029 is the Saturday after Good Friday.
        assert_eq!(business_day_before(day("2029-03-31")), day("2029-03-28"));
        assert_eq!(business_day_after(day("2026-12-25")), day("2026-12-28"));
    }

    #[test]
    fn no_year_breaks_the_computus() {
        for year in -9999..=9999 {
            let easter = easter(year);
            assert!(year < 1583 || easter.weekday() == Weekday::Sunday, "{easter}");
        }
        assert!(!is_holiday(Date::MIN) && !is_holiday(Date::MAX));
    }
}
