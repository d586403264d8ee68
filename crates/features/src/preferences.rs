//! What the user said when asked: likes and dislikes of products and categories.
//!
//! A word is no behaviour: it is not in the history, counts nothing and rates nothing; whoever serves decides what it is
//! worth beside what the user does. Of several words about one subject the latest counts.

use domain::{Event, EventKind, Preference, ProductId, Timestamp};
use serde::{Deserialize, Serialize};

/// Subjects remembered a user: the newest by event time, exact in any order of arrival.
pub const DECLARED_MAX: usize = 200;

/// What a preference is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Product(ProductId),
    Category(String),
}

/// The latest word about one subject; of two at the same moment, the kinder.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Declared {
    pub subject: Subject,
    pub at: Timestamp,
    pub preference: Preference,
}

/// Newest first.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Preferences(Vec<Declared>);

impl Preferences {
    pub fn declared(&self) -> &[Declared] {
        &self.0
    }

    pub fn fold(&mut self, event: &Event) {
        if event.kind != EventKind::PreferenceDeclared {
            return;
        }
        let product = event.products.first().map(|line| Subject::Product(line.product_id.clone()));
        let subject = product.or_else(|| event.details.category.clone().map(Subject::Category));
        if let (Some(subject), Some(preference)) = (subject, event.details.preference) {
            self.put(Declared { subject, at: event.occurred_at, preference });
        }
    }

    fn put(&mut self, said: Declared) {
        if let Some(known) = self.0.iter().position(|other| other.subject == said.subject) {
            let other = &self.0[known];
            if (said.at, said.preference) <= (other.at, other.preference) {
                return;
            }
            self.0.remove(known);
        }
        let is_before = |other: &Declared| (said.at, &other.subject) < (other.at, &said.subject);
        let place = self.0.partition_point(is_before);
        if place < DECLARED_MAX {
            self.0.truncate(DECLARED_MAX - 1);
            self.0.insert(place, said);
        }
    }

    pub fn merge(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        other.0.iter().for_each(|said| merged.put(said.clone()));
        merged
    }
}
