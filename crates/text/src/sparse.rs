//! Vectors that are mostly zero.

use serde::{Deserialize, Serialize};

/// Numbers other than zero, by ascending index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sparse {
    entries: Vec<(u32, f32)>,
}

impl Sparse {
    /// From entries in any order, with no index twice.
    pub fn new(mut entries: Vec<(u32, f32)>) -> Self {
        entries.sort_unstable_by_key(|&(index, _)| index);
        debug_assert!(entries.is_sorted_by(|a, b| a.0 < b.0), "an index stands twice");
        Self { entries }
    }

    pub fn entries(&self) -> &[(u32, f32)] {
        &self.entries
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn norm(&self) -> f32 {
        self.entries.iter().map(|(_, value)| value * value).sum::<f32>().sqrt()
    }

    /// Of length `length`, unless all is zero.
    pub(crate) fn scaled_to(mut self, length: f32) -> Self {
        let norm = self.norm();
        if norm > 0.0 {
            self.entries.iter_mut().for_each(|(_, value)| *value *= length / norm);
        }
        self
    }

    pub fn dot(&self, other: &Self) -> f32 {
        let (mut a, mut b) = (self.entries.iter().peekable(), other.entries.iter().peekable());
        let mut sum = 0.0;
        while let (Some((i, x)), Some((j, y))) = (a.peek(), b.peek()) {
            match i.cmp(j) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => drop(b.next()),
                std::cmp::Ordering::Equal => {
                    sum += x * y;
                    a.next();
                    b.next();
                }
            }
        }
        sum
    }
}
