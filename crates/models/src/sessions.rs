//! Rows cut into sessions, for models to which the order within a visit matters.

use crate::options::OptionSpec;
use crate::{Interactions, Row};

pub(crate) const GAP_MINUTES: OptionSpec = OptionSpec::count(
    "gap_minutes",
    30,
    0,
    1_000_000,
    "a pause longer than this ends a session; 0 means that a user's whole row is one",
);

/// Consecutive events of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Session<'a> {
    pub row: u32,
    pub items: &'a [u32],
    /// The time of its last event.
    pub timestamp: i64,
}

/// The sessions of all rows, row by row, each in order of time. Data without time has no pauses: a row is one session.
pub(crate) fn sessions(interactions: &Interactions, gap_minutes: usize) -> impl Iterator<Item = Session<'_>> {
    let gap_seconds = if gap_minutes == 0 { i64::MAX } else { 60 * gap_minutes as i64 };
    interactions.rows().enumerate().flat_map(move |(number, row)| cut(number as u32, row, gap_seconds))
}

fn cut(number: u32, row: Row<'_>, gap_seconds: i64) -> impl Iterator<Item = Session<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let times = row.timestamps.get(start..).filter(|times| !times.is_empty())?;
        let n_items =
            times.windows(2).position(|w| w[1].saturating_sub(w[0]) > gap_seconds).map_or(times.len(), |p| p + 1);
        let items = &row.items[start..start + n_items];
        start += n_items;
        Some(Session { row: number, items, timestamp: times[n_items - 1] })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interaction;

    #[test]
    fn a_pause_ends_a_session() {
        let cell = |user, item, timestamp| Interaction { user, item, weight: 1.0, timestamp };
        let log = [cell(0, 1, 0), cell(0, 2, 60), cell(0, 3, 121), cell(2, 4, i64::MIN), cell(2, 5, i64::MAX)];
        let log = Interactions::new(3, 6, &log).unwrap();
        let of = |gap| sessions(&log, gap).map(|s| (s.row, s.items.to_vec(), s.timestamp)).collect::<Vec<_>>();
        assert_eq!(of(1), [(0, vec![1, 2], 60), (0, vec![3], 121), (2, vec![4], i64::MIN), (2, vec![5], i64::MAX)]);
        assert_eq!(of(0).len(), 2, "a row is one session");
    }
}
