//! Review sentiment: how content the writer of a review is, as a probability, and with what.
//!
//! A [`Head`] is a logistic regression over what a [`TextEncoder`](crate::TextEncoder) makes of a review, or over TF-IDF where there is no encoder. It
//! is trained on reviews whose stars say what they mean (1 – 2 negative, 4 – 5 positive, 3 left out), calibrated (Platt 1999) and
//! measured on reviews that it was not fitted on. [`aspects`] finds the sentences that speak of price, delivery, quality or size; the
//! same head reads each of them.

pub mod aspects;
mod calibration;
mod chunks;
mod head;
mod logistic;
mod rows;

pub use aspects::Aspect;
pub use calibration::Measures;
pub use head::{Head, HeadError, Labelled, Reading, label_of};
pub use logistic::{Line, separating_line};
pub use rows::Rows;

/// Each of `n` things in one of `k` folds, as evenly as it goes, in an order drawn by `seed`.
pub fn folds(n: usize, k: usize, seed: u64) -> Vec<u32> {
    let mut folds: Vec<u32> = (0..n).map(|i| (i % k.max(1)) as u32).collect();
    let mut state = seed;
    for i in (1..n).rev() {
        folds.swap(i, (splitmix64(&mut state) % (i as u64 + 1)) as usize);
    }
    folds
}

/// Steele et al. 2014, "Fast splittable pseudorandom number generators".
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
