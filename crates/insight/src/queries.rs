//! What shoppers search for, and what they search for in vain: counts by query and shop day, folded from `products_searched` events.
//!
//! Memory is bounded: [`DAYS_MAX`] days of [`QUERIES_MAX`] queries; on a full day a new query takes the place of the rarest one. A query is a
//! person's words, so [`Queries::report`] tells only what at least k different users asked (k-anonymity; Sweeney, 2002). To count them, a row
//! keeps 32-bit marks of (user, query), at most [`MARKS_MAX`]: enough to tell users apart, too little to find them by; [`Forget`] takes them
//! out. Contact data is gone before an event reaches the log (`privacy::redact_text`).

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use domain::{Event, EventKind, Position, Recorded, Shop, Timestamp, UserKey};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::{EventLog, Follower, Result, Settings};

use crate::tally;

/// Days that are kept, the newest by event time.
pub const DAYS_MAX: usize = 35;
/// Different queries counted of one day.
pub const QUERIES_MAX: usize = 1_000;
/// Users told apart for one query and day, and so the largest k.
pub const MARKS_MAX: usize = 16;
/// What a longer query is cut to.
const QUERY_CHARS_MAX: usize = 80;

/// One query on one day.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Row {
    searches: u64,
    /// Of these, the ones that found nothing.
    zero: u64,
    users: BTreeSet<u32>,
}

/// Folded from the log one event at a time; an event at or before `seen` changes nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Queries {
    seen: Position,
    /// By shop day, then by normalised query.
    days: BTreeMap<Date, BTreeMap<String, Row>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Queries that found nothing.
    Zero,
    /// All queries.
    Top,
}

/// One query over the days asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    pub query: String,
    pub searches: u64,
    pub zero: u64,
    /// The shop's day of the last search: a time would tell more about a person than is needed.
    pub last_seen: Date,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Most frequent first.
    pub queries: Vec<Asked>,
    /// Different queries that too few users asked to be shown.
    pub withheld: usize,
}

impl Queries {
    pub fn fold(&mut self, recorded: &Recorded, zone: &TimeZone) {
        if recorded.position <= self.seen {
            return;
        }
        self.seen = recorded.position;
        let event = &recorded.event;
        if event.kind == EventKind::ProductsSearched
            && let Some(query) = event.details.query.as_deref().and_then(normalised)
        {
            self.count(query, event, event.occurred_at.zoned(zone).date());
        }
    }

    fn count(&mut self, query: String, event: &Event, date: Date) {
        let too_old =
            self.days.len() >= DAYS_MAX && self.days.first_key_value().is_some_and(|(first, _)| date < *first);
        if too_old {
            return;
        }
        let day = self.days.entry(date).or_default();
        if day.len() >= QUERIES_MAX && !day.contains_key(&query) {
            let rarest = day.iter().min_by_key(|(_, row)| row.searches).map(|(query, _)| query.clone());
            rarest.map(|rarest| day.remove(&rarest));
        }
        let mark = mark(event.user, &query);
        let row = day.entry(query).or_default();
        row.searches += 1;
        row.zero += u64::from(event.details.results == Some(0));
        if !event.user.is_nobody() && row.users.len() < MARKS_MAX {
            row.users.insert(mark);
        }
        if self.days.len() > DAYS_MAX {
            self.days.pop_first();
        }
    }

    /// The queries of the `n_days` days up to today's that at least `users_min` different users asked, at most `n`.
    pub fn report(&self, kind: Kind, today: Date, n_days: usize, users_min: usize, n: usize) -> Report {
        let first = today.saturating_sub((n_days.saturating_sub(1) as i64).days());
        let mut all: BTreeMap<&str, (Row, Date)> = BTreeMap::new();
        for (date, day) in self.days.range(first..) {
            for (query, row) in day {
                let (sum, last_seen) = all.entry(query).or_insert_with(|| (Row::default(), *date));
                sum.searches += row.searches;
                sum.zero += row.zero;
                sum.users.extend(&row.users);
                *last_seen = *date;
            }
        }
        all.retain(|_, (row, _)| kind == Kind::Top || row.zero > 0);
        let n_queries = all.len();
        all.retain(|_, (row, _)| row.users.len() >= users_min);
        let withheld = n_queries - all.len();
        let asked = |(query, (row, last_seen)): (&str, (Row, Date))| Asked {
            query: query.to_owned(),
            searches: row.searches,
            zero: row.zero,
            last_seen,
        };
        let mut queries: Vec<Asked> = all.into_iter().map(asked).collect();
        queries.sort_by_key(|asked| std::cmp::Reverse(if kind == Kind::Zero { asked.zero } else { asked.searches }));
        queries.truncate(n);
        Report { queries, withheld }
    }

    /// Takes a user's marks out, and the rows that nobody else stands behind; how many rows it was in.
    fn forget(&mut self, user: UserKey) -> u64 {
        let mut n = 0;
        for day in self.days.values_mut() {
            day.retain(|query, row| {
                let was_in = row.users.remove(&mark(user, query));
                n += u64::from(was_in);
                !was_in || !row.users.is_empty()
            });
        }
        n
    }
}

/// Lower case, single blanks, at most [`QUERY_CHARS_MAX`] letters; `None` when nothing is left.
fn normalised(query: &str) -> Option<String> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let text: String = words.join(" ").chars().filter(|c| !c.is_control()).take(QUERY_CHARS_MAX).collect();
    (!text.is_empty()).then_some(text)
}

/// The same for the same user and query in every process: `DefaultHasher::new` has fixed keys.
fn mark(user: UserKey, query: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    (user.0, query).hash(&mut hasher);
    hasher.finish() as u32
}

/// The queries of a running shop: follows the log, and is saved from time to time so that a start need not read it all.
pub struct LiveQueries {
    zone: TimeZone,
    live: Mutex<Live>,
}

struct Live {
    queries: Queries,
    saved: Position,
    counted: Position,
}

const KEY: &str = "insight.queries";

impl LiveQueries {
    /// Continues from what was saved and folds what the log has since.
    ///
    /// # Errors
    /// When the log or the settings can't be read.
    pub fn open(shop: &Shop, log: &dyn EventLog, settings: &dyn Settings) -> Result<Self> {
        let zone = shop.zone();
        let mut queries: Queries = tally::saved(settings, KEY)?.unwrap_or_default();
        let saved = queries.seen;
        tally::catch_up(log, saved, |recorded| queries.fold(recorded, &zone))?;
        let counted = queries.seen;
        Ok(Self { zone, live: Mutex::new(Live { queries, saved, counted }) })
    }

    pub fn report(&self, kind: Kind, now: Timestamp, n_days: usize, users_min: usize, n: usize) -> Report {
        self.live.lock().queries.report(kind, now.zoned(&self.zone).date(), n_days, users_min, n)
    }

    /// # Errors
    /// When the settings can't be written.
    pub fn save(&self, settings: &dyn Settings) -> Result<()> {
        let queries = {
            let live = self.live.lock();
            // The log grows by other events all the time; those are read again at a start.
            if live.saved >= live.counted {
                return Ok(());
            }
            live.queries.clone()
        };
        tally::put(settings, KEY, &queries)?;
        self.live.lock().saved = queries.seen;
        Ok(())
    }

    /// Forgets a user now and on disk; how many rows the user was in.
    ///
    /// # Errors
    /// When the settings can't be written.
    pub fn forget(&self, user: UserKey, settings: &dyn Settings) -> Result<u64> {
        let n = {
            let mut live = self.live.lock();
            live.counted = live.queries.seen;
            live.saved = Position::START;
            live.queries.forget(user)
        };
        self.save(settings)?;
        Ok(n)
    }
}

impl Follower for LiveQueries {
    fn committed(&self, events: &[Recorded]) {
        let mut live = self.live.lock();
        for recorded in events {
            live.queries.fold(recorded, &self.zone);
            if recorded.event.kind == EventKind::ProductsSearched {
                live.counted = recorded.position;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::*;

    fn search(position: u64, user: u8, at: &str, query: &str, results: u32) -> Recorded {
        let at: Timestamp = at.parse().unwrap();
        let event = Event {
            message_id: MessageId::new(format!("m{position}")).unwrap(),
            kind: EventKind::ProductsSearched,
            user: UserKey([user; 16]),
            anonymous: None,
            session_id: None,
            occurred_at: at,
            received_at: at,
            channel: Channel::Server,
            consent: Consent::default(),
            placement: None,
            recommendation_id: None,
            products: Vec::new(),
            order: None,
            details: event::Details { query: Some(query.into()), results: Some(results), ..Default::default() },
        };
        Recorded { position: Position(position), event }
    }

    fn folded(events: &[Recorded]) -> Queries {
        let mut queries = Queries::default();
        events.iter().for_each(|event| queries.fold(event, &TimeZone::UTC));
        queries
    }

    const TODAY: Date = jiff::civil::date(2026, 7, 29);

    #[test]
    fn only_what_several_users_asked_is_told() {
        let mut events = vec![
            search(1, 1, "2026-07-28T12:00:00Z", "  Yerba   MATE ", 0),
            search(2, 2, "2026-07-29T12:00:00Z", "yerba mate", 0),
            search(3, 2, "2026-07-29T12:00:01Z", "yerba mate", 0),
            search(4, 1, "2026-07-29T12:00:02Z", "mi vecina rosa", 0),
            search(5, 1, "2026-07-29T12:00:03Z", "leche", 9),
        ];
        let told = |events: &[Recorded], users| folded(events).report(Kind::Zero, TODAY, 7, users, 10);
        assert_eq!(told(&events, 3), Report { queries: Vec::new(), withheld: 2 }, "two users are too few");
        events.push(search(6, 3, "2026-07-29T13:00:00Z", "yerba mate", 0));
        let yerba = Asked { query: "yerba mate".into(), searches: 4, zero: 4, last_seen: TODAY };
        assert_eq!(told(&events, 3), Report { queries: vec![yerba.clone()], withheld: 1 });
        events.push(search(7, 1, "2026-07-27T13:00:00Z", "yerba mate", 5));
        let found_once = Asked { searches: 5, ..yerba };
        assert_eq!(told(&events, 3).queries, [found_once], "days on which it was found count, too");
        events.pop();
        assert_eq!(folded(&events).report(Kind::Zero, TODAY, 1, 2, 10).queries[0].zero, 3, "of today alone");

        let mut forgetful = folded(&events);
        assert_eq!(forgetful.forget(UserKey([1; 16])), 3);
        assert_eq!(
            forgetful.report(Kind::Top, TODAY, 7, 0, 10).queries.len(),
            1,
            "whom nobody shares words with is gone"
        );
    }

    #[test]
    fn a_saved_half_and_the_rest_is_the_whole_and_repeats_change_nothing() {
        let events: Vec<Recorded> =
            (0..40).map(|i| search(i + 1, i as u8, "2026-07-29T12:00:00Z", &format!("q{}", i % 7), 0)).collect();
        let whole = folded(&events);
        let half = serde_json::to_string(&folded(&events[..20])).unwrap();
        let mut resumed: Queries = serde_json::from_str(&half).unwrap();
        events.iter().for_each(|event| resumed.fold(event, &TimeZone::UTC));
        assert_eq!(resumed, whole);
    }

    #[test]
    fn memory_is_bounded_and_frequent_queries_stay() {
        let mut position = 0;
        let mut queries = Queries::default();
        let mut ask = |queries: &mut Queries, day: i64, query: &str| {
            position += 1;
            let mut event = search(position, 1, "2026-01-01T12:00:00Z", query, 1);
            event.event.occurred_at = Timestamp::from_micros(event.event.occurred_at.micros() + day * time::DAY);
            queries.fold(&event, &TimeZone::UTC);
        };
        (0..5).for_each(|_| ask(&mut queries, 0, "leche"));
        (0..3 * QUERIES_MAX).for_each(|i| ask(&mut queries, 0, &format!("q{i}")));
        (1..DAYS_MAX as i64).for_each(|day| ask(&mut queries, day, "x"));
        let first = &queries.days.first_key_value().unwrap().1;
        assert_eq!((first.len(), first["leche"].searches), (QUERIES_MAX, 5));
        ask(&mut queries, DAYS_MAX as i64, "x");
        ask(&mut queries, 0, "too late");
        assert_eq!(queries.days.len(), DAYS_MAX);
        assert!(!queries.days.values().any(|day| day.contains_key("leche") || day.contains_key("too late")));
    }
}
