//! What every model can do, and what fitting one needs.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::ranking::AllScores;
use crate::{Error, Features, History, Interactions, Ranking, Result, Tensors};

/// A fitted model. It ranks all products for a history, so a user who came after training is no special case.
pub trait Model: Send + Sync {
    /// The name in the [catalogue](crate::catalogue).
    fn name(&self) -> &'static str;

    fn n_items(&self) -> usize;

    /// One score per item; higher is better, `f32::NEG_INFINITY` means the model cannot say: such products get into no
    /// list. Whoever has no known product in the history gets nothing else from a model that goes by the history alone,
    /// never a tie that would rank by item number.
    /// Products of the history are scored like any other: whether to show them again is the caller's decision.
    ///
    /// `scores` has room for exactly [`n_items`](Model::n_items).
    fn score(&self, history: &History<'_>, scores: &mut [f32]);

    /// The same scores, up to rounding, for whoever wants the best products or single ones only. A model that can find these without scoring
    /// everything does so.
    fn rank<'a>(&'a self, history: &History<'_>) -> Box<dyn Ranking + 'a> {
        Box::new(AllScores::of(self, history))
    }

    /// Scores of many histories, one row of [`n_items`](Model::n_items) after the other; the same numbers as
    /// [`score`](Model::score), bit for bit. Works on the calling thread: whoever has many batches spreads them.
    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        assert_eq!(scores.len(), histories.len() * self.n_items(), "one row of scores per history");
        for (history, row) in histories.iter().zip(scores.chunks_exact_mut(self.n_items().max(1))) {
            self.score(history, row);
        }
    }

    /// The rating that a score predicts; `None` for models whose scores only rank.
    fn rating(&self, _score: f32) -> Option<f32> {
        None
    }

    /// Why `item` got its score: contributions that sum to it, largest first. Empty when the model cannot say.
    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution>;

    /// What a model with named features makes of each of them, most important first. Empty for all others.
    fn importance(&self) -> Vec<Importance> {
        Vec::new()
    }

    /// Products that go with `item`, best first, at most `n`. Empty when the model knows none.
    fn neighbours(&self, _item: u32, _n: usize) -> Vec<Neighbour> {
        Vec::new()
    }

    /// Everything needed to be this model again: see [`catalogue::load`](crate::catalogue::load).
    fn tensors(&self) -> Tensors;
}

/// A share of a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// The model that says so; within a hybrid, the source.
    pub model: &'static str,
    /// The history product it comes from; `None` for what does not depend on the history, such as popularity.
    pub item: Option<u32>,
    pub value: f32,
}

/// What a feature is worth to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    pub feature: String,
    /// Share of the loss that the fit took away by asking for this feature.
    pub gain: f32,
    /// Mean NDCG that is lost on held-out lists when its values are dealt out anew.
    pub permutation: f32,
}

/// A product beside another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    pub item: u32,
    pub similarity: f32,
}

/// What a model may learn from. Models take what they need.
#[derive(Clone, Copy)]
pub struct TrainingData<'a> {
    pub interactions: &'a Interactions,
    /// Explicit ratings, the rating as weight, low ones included; `None` where people rate nothing.
    pub ratings: Option<&'a Interactions>,
    /// Orders × items: a row is what was bought at once. `None` where nobody says what was.
    pub orders: Option<&'a Interactions>,
    /// What is known of each user and each product beside the interactions.
    pub user_features: Option<&'a Features>,
    pub item_features: Option<&'a Features>,
}

impl<'a> TrainingData<'a> {
    /// Interactions alone.
    pub fn new(interactions: &'a Interactions) -> Self {
        Self { interactions, ratings: None, orders: None, user_features: None, item_features: None }
    }
}

/// What fitting needs beside data and options.
#[derive(Clone, Copy)]
pub struct FitContext<'a> {
    pub seed: u64,
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// Set it from another thread to stop; the fit returns [`Error::Cancelled`] at its next step.
    pub cancelled: &'a AtomicBool,
}

/// A step of a fit is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    pub model: &'static str,
    pub step: usize,
    pub n_steps: usize,
    /// What the step came to, in models that go by epochs: the points of a loss curve.
    pub loss: Option<Loss>,
}

/// How far an iterative fit is from what it wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// Mean loss over the training data; lower is better.
    pub train: f64,
    /// NDCG at 20 on held-out interactions; higher is better. `None` where nothing is held out.
    pub validation_ndcg: Option<f64>,
}

static NEVER: AtomicBool = AtomicBool::new(false);

impl FitContext<'static> {
    /// Nobody watches, nobody cancels.
    pub fn quiet(seed: u64) -> Self {
        Self { seed, progress: &|_| {}, cancelled: &NEVER }
    }
}

impl FitContext<'_> {
    /// Reports a step and stops if asked to.
    pub(crate) fn step(&self, model: &'static str, step: usize, n_steps: usize) -> Result<()> {
        self.report(Progress { model, step, n_steps, loss: None })
    }

    /// Reports an epoch with its loss and stops if asked to.
    pub(crate) fn epoch(&self, model: &'static str, epoch: usize, n_epochs: usize, loss: Loss) -> Result<()> {
        self.report(Progress { model, step: epoch, n_steps: n_epochs, loss: Some(loss) })
    }

    fn report(&self, progress: Progress) -> Result<()> {
        (self.progress)(progress);
        self.check()
    }

    /// Stops if asked to, in the middle of a long step.
    pub(crate) fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// Largest first, as [`Model::explain`] promises.
pub(crate) fn by_size(mut contributions: Vec<Contribution>) -> Vec<Contribution> {
    contributions.sort_by(|a, b| crate::rank::compare(b.value, a.value).then(a.item.cmp(&b.item)));
    contributions
}
