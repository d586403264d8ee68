//! What the shop told us about its users, under their pseudonyms.

use domain::{UserKey, UserTraits};

use crate::Result;

pub trait Users: Send + Sync {
    fn upsert(&self, users: &[(UserKey, UserTraits)]) -> Result<()>;
    fn get(&self, user: UserKey) -> Result<Option<UserTraits>>;
    fn delete(&self, user: UserKey) -> Result<bool>;
    fn len(&self) -> Result<u64>;

    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }
}
