//! One folded value a user, kept beside the log position it has seen. `P` is whatever `features` folds.

use std::sync::Arc;

use domain::{Position, UserKey};

use crate::Result;

pub trait Profiles<P>: Send + Sync {
    /// From memory where it is warm; `None` for somebody never seen.
    fn get(&self, user: UserKey) -> Result<Option<Arc<P>>>;

    /// Makes the profiles visible to `get` at once. They become durable later, together with `seen`: every event up
    /// to it is folded into what is saved. Calls come in log order.
    fn save(&self, profiles: Vec<(UserKey, Arc<P>)>, seen: Position) -> Result<()>;

    /// Everything up to here is durable: where a replay of the log must start after a crash.
    fn durable_position(&self) -> Position;

    /// Makes all that was saved durable now.
    fn flush(&self) -> Result<()>;

    fn erase(&self, user: UserKey) -> Result<bool>;

    /// Forgets everything, for a rebuild from the log.
    fn clear(&self) -> Result<()>;

    fn len(&self) -> u64;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Users whose profiles are durable, in the order of their keys, those behind `after`, at most `limit`.
    fn after(&self, after: Option<UserKey>, limit: usize) -> Result<Vec<UserKey>>;

    /// Some users saved lately, newest first, at most `limit`.
    fn recent(&self, limit: usize) -> Vec<UserKey>;
}
