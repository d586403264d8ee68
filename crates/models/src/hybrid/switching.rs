//! Weights by how much is known of the user: what everybody does for who is new, what they did themselves for regulars.
//!
//! A band with few held-out lists shrinks to the weights of everybody: `(n · own + k · global) / (n + k)`, k = 100.

use super::shortlist::Judged;
use super::weighted::{equal, find_weights, normalized};

/// New, casual and frequent users, by events in the history; `features::Activity` names the same three.
const BANDS_FROM: [usize; 3] = [0, 5, 50];
pub(super) const N_BANDS: usize = BANDS_FROM.len();

/// Lists of a band from which on its own weights count for more than those of everybody.
const SHRINKAGE: f32 = 100.0;

pub(super) fn band_of(n_events: usize) -> usize {
    BANDS_FROM.iter().rposition(|&from| n_events >= from).expect("the first band starts at 0")
}

/// One row of weights per band.
pub(super) fn find_bands(lists: &[Judged], n_sources: usize, n: usize) -> Vec<Vec<f32>> {
    let everybody: Vec<&Judged> = lists.iter().collect();
    let global = find_weights(&everybody, equal(n_sources), n);
    (0..N_BANDS)
        .map(|band| {
            let members: Vec<&Judged> = lists.iter().filter(|list| band_of(list.n_history) == band).collect();
            if members.is_empty() {
                return global.clone();
            }
            shrunk(&find_weights(&members, global.clone(), n), &global, members.len())
        })
        .collect()
}

fn shrunk(own: &[f32], global: &[f32], n_lists: usize) -> Vec<f32> {
    let share = n_lists as f32 / (n_lists as f32 + SHRINKAGE);
    normalized(own.iter().zip(global).map(|(own, global)| share * own + (1.0 - share) * global).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_start_where_they_say() {
        assert_eq!([0, 4, 5, 49, 50, 10_000].map(band_of), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_small_band_follows_everybody() {
        assert_eq!(shrunk(&[1.0, 0.0], &[0.0, 1.0], 100), [0.5, 0.5]);
        assert!(shrunk(&[1.0, 0.0], &[0.0, 1.0], 1)[0] < 0.01);
    }
}
