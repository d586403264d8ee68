//! The shopper's own model: what it makes of the products that it knows, and of the newcomers.

use std::cell::RefCell;

use models::{History, Model, Ranking, rank::top_k_of};

use crate::Snapshot;

/// Products are numbered as the model does; behind them come the newcomers.
pub(crate) struct Personal<'a> {
    known: Box<dyn Ranking + 'a>,
    n_known: u32,
    newcomers: Vec<f32>,
    /// The longest list that was asked for: several sources read its head.
    best: RefCell<Vec<(u32, f32)>>,
}

impl<'a> Personal<'a> {
    pub fn of(snapshot: &'a Snapshot, model: &'a dyn Model, history: &History<'_>) -> Self {
        let known = model.rank(history);
        let newcomers = snapshot.newcomers.scores(known.as_ref());
        Self { known, n_known: snapshot.models.n_items() as u32, newcomers, best: RefCell::default() }
    }

    /// The best `n`, best first.
    pub fn best(&self, n: usize) -> Vec<(u32, f32)> {
        let mut best = self.best.borrow_mut();
        if best.len() < n {
            *best = match self.newcomers.is_empty() {
                true => self.known.best(n),
                false => top_k_of(self.known.best(n).into_iter().chain(self.numbered()), n),
            };
        }
        best[..n.min(best.len())].to_vec()
    }

    /// The best `n` of the newcomers alone.
    pub fn best_newcomers(&self, n: usize) -> Vec<(u32, f32)> {
        top_k_of(self.numbered(), n)
    }

    fn numbered(&self) -> impl Iterator<Item = (u32, f32)> {
        (self.n_known..).zip(self.newcomers.iter().copied())
    }

    /// `-inf` for what the model does not know or cannot score.
    pub fn scores(&self, numbers: &[u32]) -> Vec<f32> {
        let known: Vec<u32> = numbers.iter().copied().filter(|number| *number < self.n_known).collect();
        let mut scores = self.known.scores(&known).into_iter();
        let score = |&number: &u32| if number < self.n_known { scores.next() } else { None };
        numbers.iter().map(score).map(|score| score.unwrap_or(f32::NEG_INFINITY)).collect()
    }
}
