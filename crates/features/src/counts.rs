//! How often, by interaction type; and for how long.

use domain::{Event, InteractionType};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

use crate::column::Column;

/// `(user_id, n_impression, n_click, …, interaction_count)`
pub const COLUMN: Column = Column { name: "user_interaction_count", sql: include_str!("counts.sql"), over: &[] };

/// `(user_id, interaction_duration)` in milliseconds.
pub const DURATION: Column = Column { name: "interaction_duration", sql: include_str!("duration.sql"), over: &[] };

const N: usize = InteractionType::ALL.len();

/// One counter an interaction type. A line of an event counts once; an event without lines counts once too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts([u32; N]);

impl Counts {
    pub fn of(&self, kind: InteractionType) -> u32 {
        self.0[kind as usize]
    }

    pub fn total(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }

    pub fn add(&mut self, kind: InteractionType, n: u32) {
        let count = &mut self.0[kind as usize];
        *count = count.saturating_add(n);
    }

    pub fn fold(&mut self, event: &Event) {
        if let Some(kind) = event.kind.interaction() {
            self.add(kind, event.products.len().max(1) as u32);
        }
    }

    pub fn merge(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].saturating_add(other.0[i])))
    }
}

/// The `interaction_duration` of an event, when it is about one thing: of several products nobody knows which one
/// held the eye.
pub fn duration_ms(event: &Event) -> Option<u64> {
    event.details.duration_ms.filter(|_| event.products.len() <= 1)
}

/// By name for people; for the store a list in the order of [`InteractionType::ALL`] that stops at the last count
/// above zero. New types go to the end of that list.
impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let mut map = serializer.serialize_map(None)?;
            for kind in InteractionType::ALL.into_iter().filter(|kind| self.of(*kind) > 0) {
                map.serialize_entry(kind.as_str(), &self.of(kind))?;
            }
            return map.end();
        }
        let len = self.0.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
        self.0[..len].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut counts = Self::default();
        if deserializer.is_human_readable() {
            for (kind, n) in std::collections::BTreeMap::<InteractionType, u32>::deserialize(deserializer)? {
                counts.add(kind, n);
            }
            return Ok(counts);
        }
        for (kind, n) in InteractionType::ALL.into_iter().zip(Vec::<u32>::deserialize(deserializer)?) {
            counts.add(kind, n);
        }
        Ok(counts)
    }
}
