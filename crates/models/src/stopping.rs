//! When to stop a fit that goes by epochs: [`Best`] says so to all of them, from the NDCG of held-out users.
//!
//! What is done with the best epoch differs by what an epoch costs. Gradient descent on factors is fitted again, for as
//! many epochs on all data ([`Patience`]). A network keeps the parameters of its best epoch, for a second fit would double
//! the minutes; only its judges lose the end of their histories (`neural::training`).

use crate::validation::HeldOut;
use crate::{FitContext, Interactions, Loss, Model, Result};

/// A fit that goes by epochs.
pub(crate) trait Epochs {
    type Model: Model;

    /// Goes once through the data; returns the mean loss.
    fn epoch(&mut self) -> f64;

    /// The model as it stands.
    fn model(&self) -> Self::Model;
}

/// The best judgement so far, and how long to wait for a better one.
pub(crate) struct Best {
    /// In epochs.
    patience: usize,
    epoch: usize,
    ndcg: f64,
}

impl Best {
    pub fn new(patience: usize) -> Self {
        Self { patience, epoch: 0, ndcg: f64::NEG_INFINITY }
    }

    /// Remembers a judgement that is better than all before; answers whether it is.
    pub fn improves(&mut self, epoch: usize, ndcg: f64) -> bool {
        let is_better = ndcg > self.ndcg;
        if is_better {
            (self.epoch, self.ndcg) = (epoch, ndcg);
        }
        is_better
    }

    pub fn is_over(&self, epoch: usize) -> bool {
        epoch - self.epoch >= self.patience
    }
}

/// How many epochs, and who decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub max_epochs: usize,
    /// Judgements without a better one before the fit stops; 0 goes through all epochs without judging.
    pub patience: usize,
}

/// Epochs between judgements: scoring takes about as long as a few epochs.
const EVERY: usize = 5;
/// The end of each history, kept aside to judge by.
const HELD_OUT: f64 = 0.1;
/// Users to judge by: the error of a mean NDCG over as many is about 0.005.
const N_JUDGES: usize = 2000;
/// Length of the lists that are judged.
const TOP: usize = 20;

impl Patience {
    /// Finds the best number of epochs on the held-out end of the histories, then goes through as many on all data.
    pub fn fit<E: Epochs>(
        self,
        name: &'static str,
        interactions: &Interactions,
        context: &FitContext<'_>,
        start: impl Fn(&Interactions) -> E,
    ) -> Result<E::Model> {
        let held_out = match self.patience {
            0 => None,
            _ => HeldOut::cut(interactions, HELD_OUT, N_JUDGES, context.seed, false)?,
        };
        let (judged, best) = match &held_out {
            Some(held_out) => self.best(name, held_out, context, start(&held_out.train))?,
            None => (0, self.max_epochs),
        };
        let mut fit = start(interactions);
        for epoch in 1..=best {
            let loss = Loss { train: fit.epoch(), validation_ndcg: None };
            context.epoch(name, judged + epoch, judged + best, loss)?;
        }
        Ok(fit.model())
    }

    /// Epochs gone through, and after which of them the model was best.
    fn best<E: Epochs>(
        self,
        name: &'static str,
        held_out: &HeldOut,
        context: &FitContext<'_>,
        mut fit: E,
    ) -> Result<(usize, usize)> {
        let mut best = Best::new(self.patience * EVERY);
        for epoch in 1..=self.max_epochs {
            let train = fit.epoch();
            let is_judged = epoch % EVERY == 0 || epoch == self.max_epochs;
            let validation_ndcg = is_judged.then(|| held_out.ndcg(&fit.model(), TOP));
            context.epoch(name, epoch, 2 * self.max_epochs, Loss { train, validation_ndcg })?;
            if let Some(ndcg) = validation_ndcg
                && !best.improves(epoch, ndcg)
                && best.is_over(epoch)
            {
                return Ok((epoch, best.epoch));
            }
        }
        Ok((self.max_epochs, best.epoch))
    }
}
