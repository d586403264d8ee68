//! The one order in which scores rank, and picking the best of many.

use std::cmp::Ordering;

/// Total order of scores, worse first: a NaN loses to everything, the two zeros are equal.
pub fn compare(a: f32, b: f32) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.partial_cmp(&b).expect("neither is NaN"),
    }
}

/// Better first; among equal scores the smaller item number, so that a ranking never depends on chance.
fn better(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    compare(b.1, a.1).then(a.0.cmp(&b.0))
}

/// The best `k` items by score, best first. Items that cannot be scored (`-inf`, NaN) are never among them.
pub fn top_k(scores: &[f32], k: usize) -> Vec<(u32, f32)> {
    let mut best = Best::new(k);
    // Scan in blocks and look closer only where something beats the worst kept so far: on a long list that is rare.
    const BLOCK: usize = 64;
    for (block, chunk) in scores.chunks(BLOCK).enumerate() {
        let above = chunk.iter().fold(0u32, |n, &s| n + u32::from(s > best.threshold));
        if above == 0 {
            continue;
        }
        for (offset, &score) in chunk.iter().enumerate() {
            // Items come by number, so an equal score comes too late.
            if score > best.threshold {
                best.push((block * BLOCK + offset) as u32, score);
            }
        }
    }
    best.into_sorted()
}

/// The best `k` of candidates, best first; each candidate is an item and its score.
pub fn top_k_of(mut candidates: Vec<(u32, f32)>, k: usize) -> Vec<(u32, f32)> {
    candidates.retain(|c| c.1 > f32::NEG_INFINITY);
    keep(&mut candidates, k);
    candidates.sort_unstable_by(better);
    candidates
}

/// The best `k` of candidates that come one by one, in any order, each item at most once.
pub struct Best {
    kept: Vec<(u32, f32)>,
    k: usize,
    /// The score of the k-th so far: what is below cannot get in.
    threshold: f32,
}

impl Best {
    pub fn new(k: usize) -> Self {
        // Nothing is above infinity: a list of no places takes nobody.
        let threshold = if k == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        Self { kept: Vec::with_capacity(2 * k.min(1024)), k, threshold }
    }

    pub fn push(&mut self, item: u32, score: f32) {
        if score >= self.threshold && score > f32::NEG_INFINITY && self.k > 0 {
            self.kept.push((item, score));
            if self.kept.len() == 2 * self.k {
                keep(&mut self.kept, self.k);
                self.threshold = self.kept[self.k - 1].1;
            }
        }
    }

    /// Best first.
    pub fn into_sorted(mut self) -> Vec<(u32, f32)> {
        keep(&mut self.kept, self.k);
        self.kept.sort_unstable_by(better);
        self.kept
    }
}

/// Cuts to the best `k`, the k-th at position k − 1.
fn keep(candidates: &mut Vec<(u32, f32)>, k: usize) {
    if k == 0 {
        candidates.clear();
    } else if candidates.len() > k {
        candidates.select_nth_unstable_by(k - 1, better);
        candidates.truncate(k);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_loses_to_everything() {
        let mut scores = [1.0, f32::NAN, f32::NEG_INFINITY, -0.0, f32::INFINITY, 0.0];
        scores.sort_by(|a, b| compare(*b, *a));
        assert_eq!(scores[..5], [f32::INFINITY, 1.0, -0.0, 0.0, f32::NEG_INFINITY]);
        assert!(scores[5].is_nan());
    }

    #[test]
    fn top_k_equals_a_full_sort_with_ties_by_item() {
        let scores: Vec<f32> = (0..1000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as f32).collect();
        let mut all: Vec<(u32, f32)> = scores.iter().enumerate().map(|(i, &s)| (i as u32, s)).collect();
        all.sort_by(better);
        for k in [0, 1, 7, 20, 999, 1000, 2000] {
            assert_eq!(top_k(&scores, k), all[..k.min(1000)]);
            assert_eq!(top_k_of(all.clone(), k), all[..k.min(1000)]);
            let mut best = Best::new(k);
            all.iter().rev().for_each(|&(item, score)| best.push(item, score));
            assert_eq!(best.into_sorted(), all[..k.min(1000)]);
        }
    }

    #[test]
    fn what_cannot_be_scored_is_never_recommended() {
        assert_eq!(top_k(&[f32::NAN, f32::NEG_INFINITY, -3.0], 3), [(2, -3.0)]);
    }
}
