//! Lines of receipts gathered into orders, while the file streams past.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hash, RandomState},
};

use rustc_hash::FxHashSet;

/// Receipts kept open at once. Tills print a receipt's lines together; a few files let two of them interleave.
const OPEN_MAX: usize = 64;

/// Open receipts, oldest first. A receipt is handed on when [`OPEN_MAX`] younger ones have begun.
pub struct Orders<O> {
    open: VecDeque<(u64, O)>,
    /// Hashes of the receipts handed on: 8 bytes each, the only memory that grows with the file.
    closed: FxHashSet<u64>,
    /// Keyed (SipHash), so that no file can be made whose receipts collide.
    hasher: RandomState,
}

/// Where a line belongs.
pub enum Place<'a, O> {
    Open(&'a mut O),
    /// Its receipt was handed on long before: the line comes too late.
    Closed,
}

impl<O> Default for Orders<O> {
    fn default() -> Self {
        Self { open: VecDeque::new(), closed: FxHashSet::default(), hasher: RandomState::new() }
    }
}

impl<O> Orders<O> {
    /// The receipt of this key, begun when it is new; and the one that had to give way to it.
    pub fn place(&mut self, key: &impl Hash, begin: impl FnOnce() -> O) -> (Place<'_, O>, Option<O>) {
        let hash = self.hasher.hash_one(key);
        if let Some(at) = self.open.iter().rposition(|(open, _)| *open == hash) {
            return (Place::Open(&mut self.open[at].1), None);
        }
        if self.closed.contains(&hash) {
            return (Place::Closed, None);
        }
        let done = if self.open.len() == OPEN_MAX { self.close_oldest() } else { None };
        self.open.push_back((hash, begin()));
        let newest = self.open.back_mut().map(|(_, order)| Place::Open(order));
        (newest.unwrap_or(Place::Closed), done)
    }

    pub fn close_oldest(&mut self) -> Option<O> {
        let (hash, order) = self.open.pop_front()?;
        self.closed.insert(hash);
        Some(order)
    }
}
