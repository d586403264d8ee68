//! When a user was first and last here, by any event.

use domain::{Event, Timestamp};
use serde::{Deserialize, Serialize};

use crate::column::Column;

/// `(user_id, first_at_us, last_at_us)`
pub const COLUMN: Column = Column { name: "user_presence", sql: include_str!("presence.sql"), over: &[] };

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Presence(Option<(Timestamp, Timestamp)>);

impl Presence {
    pub fn fold(&mut self, event: &Event) {
        *self = self.merge(Self(Some((event.occurred_at, event.occurred_at))));
    }

    pub fn merge(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(left), Some(right)) => Self(Some((left.0.min(right.0), left.1.max(right.1)))),
            (left, right) => Self(left.or(right)),
        }
    }

    pub fn first(self) -> Option<Timestamp> {
        self.0.map(|(first, _)| first)
    }

    pub fn last(self) -> Option<Timestamp> {
        self.0.map(|(_, last)| last)
    }
}
