//! What each product cost and whether it could be bought, over time.

use domain::{PricePoint, Timestamp};

use crate::Result;

pub trait Prices: Send + Sync {
    /// Keeps what changes, all or none; durable when it returns. A point that repeats the offer before it leaves no row, and
    /// makes a row after it that says the same needless. Points may come late, in any order and again; of two of a product
    /// at one moment the later to come corrects the other.
    ///
    /// A repetition leaves no trace: a late point between it and the change that it repeats holds until the next change.
    fn record(&self, points: &[PricePoint]) -> Result<()>;

    /// The offers that held at `at`, and every change after it; by product, then oldest first.
    fn since(&self, at: Timestamp) -> Result<Vec<PricePoint>>;

    /// Every point kept; by product, then oldest first.
    fn all(&self) -> Result<Vec<PricePoint>>;

    /// Forgets what [`since`](Self::since) `at` does not tell. Answers how many points that were.
    fn forget_before(&self, at: Timestamp) -> Result<u64>;
}
