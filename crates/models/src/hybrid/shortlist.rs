//! The candidates of one list: only products in some source's upper part can reach it, the rest need no closer look.

use rayon::prelude::*;

use super::sources::shares_of;
use crate::rank::top_k;
use crate::validation::{Asked, HeldOut, ndcg};
use crate::{History, HistoryItem, Model};

/// Products with what all sources say about them.
pub(super) struct Shortlist {
    /// Sorted, each once.
    pub candidates: Vec<u32>,
    /// Candidates × sources.
    pub shares: Vec<f32>,
    n_sources: usize,
}

impl Shortlist {
    /// The `n_each` best of each source that are not in the history, and the history itself if `with_history`.
    /// `shares` has a row of all products per source.
    pub fn new(shares: &[Vec<f32>], history: &[HistoryItem], n_each: usize, with_history: bool) -> Self {
        let n_items = shares.first().map_or(0, Vec::len);
        let known: Vec<u32> = history.iter().map(|h| h.item).filter(|&item| (item as usize) < n_items).collect();
        let mut candidates: Vec<u32> = if with_history { known.clone() } else { Vec::new() };
        for shares in shares {
            let mut unseen = shares.clone();
            known.iter().for_each(|&item| unseen[item as usize] = f32::NEG_INFINITY);
            candidates.extend(top_k(&unseen, n_each).iter().map(|c| c.0));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let shares_of = |&c: &u32| shares.iter().map(move |shares| shares[c as usize]);
        Self { shares: candidates.iter().flat_map(shares_of).collect(), candidates, n_sources: shares.len() }
    }

    /// `Σ_sources weight · share` of each candidate.
    pub fn blend(&self, weights: &[f32]) -> Vec<f32> {
        let rows = self.shares.chunks_exact(self.n_sources);
        rows.map(|shares| shares.iter().zip(weights).map(|(share, weight)| share * weight).sum()).collect()
    }
}

/// A shortlist with what turned out to be wanted.
pub(super) struct Judged {
    pub shortlist: Shortlist,
    pub is_wanted: Vec<bool>,
    /// Also counts what no source proposed.
    pub n_wanted: usize,
    /// Events in the history.
    pub n_history: usize,
}

impl Judged {
    /// The shortlists of all held-out users; `inspect` also gets what they were made of and may keep something of it.
    pub fn all<T: Send>(
        sources: &[Box<dyn Model>],
        held_out: &HeldOut,
        n_each: usize,
        inspect: impl Fn(&Shortlist, &History<'_>) -> T + Sync,
    ) -> (Vec<Self>, Vec<T>) {
        let judge = |Asked { history: items, now, wanted }: &Asked| {
            let history = History { items, now: *now };
            let shares: Vec<Vec<f32>> = sources.iter().map(|source| shares_of(source.as_ref(), &history)).collect();
            let shortlist = Shortlist::new(&shares, items, n_each, held_out.with_repeats);
            let inspected = inspect(&shortlist, &history);
            let is_wanted = shortlist.candidates.iter().map(|c| wanted.binary_search(c).is_ok()).collect();
            (Self { is_wanted, n_wanted: wanted.len(), n_history: items.len(), shortlist }, inspected)
        };
        held_out.users.par_iter().map(judge).unzip()
    }

    /// NDCG at `n` of the candidates in the order of `scores`.
    pub fn ndcg(&self, scores: &[f32], n: usize) -> f64 {
        let is_wanted = top_k(scores, n).into_iter().map(|c| self.is_wanted[c.0 as usize]);
        ndcg(is_wanted, n.min(self.n_wanted))
    }
}
