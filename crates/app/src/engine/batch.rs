//! Slates for many shoppers at once, on the threads that step back before those that answer.

use std::sync::Arc;

use domain::{PlacementId, Query, Slate, UserKey};
use rayon::prelude::*;
use serve::{Policy, Shopper, Snapshot, rules::Surroundings};
use store::StoreError;

use super::{Engine, slates};

/// For whom, and what.
pub struct BatchOf {
    pub placement: PlacementId,
    pub n: usize,
    /// The shop's own, or how active somebody is: new, casual, frequent.
    pub segment: Option<String>,
    /// As the caller names them.
    pub shoppers: Vec<(String, UserKey)>,
}

impl Engine {
    /// A page of those whom the shop knows, by pseudonym, and the one to go on after.
    #[expect(clippy::type_complexity, reason = "a page and its bookmark")]
    pub fn shoppers_after(
        &self,
        after: Option<UserKey>,
        limit: usize,
    ) -> Result<(Vec<(String, UserKey)>, Option<UserKey>), StoreError> {
        if after.is_none() {
            // Those whose profiles are in memory alone belong to the first page's order too.
            self.stores.profiles.flush()?;
        }
        let users = self.stores.profiles.after(after, limit)?;
        let next = users.last().copied().filter(|_| users.len() == limit);
        Ok((users.into_iter().map(|user| (user.to_string(), user)).collect(), next))
    }

    /// Slates in the order of the shoppers, less those who are not in the segment. Nothing is recorded: they are not shown yet.
    pub fn batch(&self, of: &BatchOf) -> (Vec<(String, Slate)>, Arc<Snapshot>) {
        let snapshot = self.snapshot();
        let slate = |(name, user): &(String, UserKey)| {
            let mut query = Query::of_user(of.placement.clone(), *user, of.n, self.now());
            let shopper = Shopper::read(&*self.stores.profiles, Some(*user), None);
            match &of.segment {
                None => self.add_segments(&snapshot, &mut query),
                Some(segment) => {
                    self.add_traits(&mut query);
                    let is_in = Surroundings::of(&snapshot, shopper.profile(), &query).segments.contains(segment);
                    is_in.then_some(())?;
                }
            }
            let policy = Policy { exploration: None, ..self.policy(&query) };
            Some((name.clone(), serve::recommend(&snapshot, &shopper, &query, policy, slates::new_id())))
        };
        let made = self.background.reading.install(|| of.shoppers.par_iter().filter_map(slate).collect());
        (made, snapshot)
    }
}
