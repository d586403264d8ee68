//! The best of many rows.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The `n` best so far, equals by the lower row.
pub(super) struct Best {
    n: usize,
    /// Its greatest is the worst: the one that a better row pushes out.
    heap: BinaryHeap<Candidate>,
}

impl Best {
    pub fn new(n: usize) -> Self {
        Self { n, heap: BinaryHeap::new() }
    }

    pub fn is_full(&self) -> bool {
        self.heap.len() == self.n
    }

    /// Whether a row of this score would be among the best.
    pub fn admits(&self, row: u32, score: f32) -> bool {
        self.heap.len() < self.n || self.heap.peek().is_some_and(|worst| Candidate { score, row } < *worst)
    }

    pub fn push(&mut self, row: u32, score: f32) {
        if self.admits(row, score) {
            if self.is_full() {
                self.heap.pop();
            }
            self.heap.push(Candidate { score, row });
        }
    }

    pub fn rows(&self) -> impl Iterator<Item = u32> {
        self.heap.iter().map(|candidate| candidate.row)
    }

    /// Rows with their scores, best first.
    pub fn into_ranked(self) -> Vec<(u32, f32)> {
        self.heap.into_sorted_vec().into_iter().map(|candidate| (candidate.row, candidate.score)).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    score: f32,
    row: u32,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
