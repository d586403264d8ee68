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

/// An item and its score in one number: what ranks higher is larger. Among equal scores that is the smaller item
/// number, so that a ranking never depends on chance. Integers are compared without a branch, which is most of a ranking.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked(u64);

impl Ranked {
    const SIGN: u32 = 1 << 31;

    /// The score is not NaN.
    #[inline(always)]
    fn new(item: u32, score: f32) -> Self {
        // Floats stand in the order of their bits, negative ones the other way round; adding 0 makes one zero of the two.
        let bits = (score + 0.0).to_bits();
        let ordered = bits ^ (((bits as i32) >> 31) as u32 | Self::SIGN);
        Self(u64::from(ordered) << 32 | u64::from(!item))
    }

    fn item_and_score(self) -> (u32, f32) {
        let ordered = (self.0 >> 32) as u32;
        let bits = if ordered & Self::SIGN == 0 { !ordered } else { ordered ^ Self::SIGN };
        (!(self.0 as u32), f32::from_bits(bits))
    }
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
pub fn top_k_of(candidates: impl IntoIterator<Item = (u32, f32)>, k: usize) -> Vec<(u32, f32)> {
    Best::of(candidates, k).into_sorted()
}

/// The best `k` of candidates that come one by one, in any order, each item at most once.
pub struct Best {
    kept: Vec<Ranked>,
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

    pub fn of(candidates: impl IntoIterator<Item = (u32, f32)>, k: usize) -> Self {
        let mut best = Self::new(k);
        candidates.into_iter().for_each(|(item, score)| best.push(item, score));
        best
    }

    #[inline]
    pub fn push(&mut self, item: u32, score: f32) {
        if score >= self.threshold && score > f32::NEG_INFINITY && self.k > 0 {
            self.kept.push(Ranked::new(item, score));
            if self.kept.len() == 2 * self.k {
                self.cut();
            }
        }
    }

    /// What is below cannot get in.
    pub(crate) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Best first.
    pub fn into_sorted(mut self) -> Vec<(u32, f32)> {
        self.cut();
        self.kept.sort_unstable_by(|a, b| b.cmp(a));
        self.kept.into_iter().map(Ranked::item_and_score).collect()
    }

    /// In any order.
    pub fn into_unsorted(mut self) -> Vec<(u32, f32)> {
        self.cut();
        self.kept.into_iter().map(Ranked::item_and_score).collect()
    }

    /// Down to the best `k`.
    fn cut(&mut self) {
        if self.kept.len() > self.k {
            let (_, last, _) = self.kept.select_nth_unstable_by(self.k - 1, |a, b| b.cmp(a));
            self.threshold = last.item_and_score().1;
            self.kept.truncate(self.k);
        }
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
        all.sort_by(|a, b| compare(b.1, a.1).then(a.0.cmp(&b.0)));
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
