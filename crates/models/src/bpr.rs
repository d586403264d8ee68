//! Matrix factorization that learns to rank: a chosen product above a random other one.
//!
//! Rendle, Freudenthaler, Gantner, Schmidt-Thieme, *BPR: Bayesian Personalized Ranking from Implicit Feedback* (UAI 2009).

use pulp::Simd;
use rand::rngs::SmallRng;

use crate::options::OptionSpec;
use crate::pairwise::{self, Lesson, MatchUp, Opponent, PairwiseModel};
use crate::sgd::kernels::{log_loss, sigmoid};
use crate::weighting::{HALF_LIFE_DAYS, WEIGHTING};
use crate::{FitContext, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "bpr";
pub const ABOUT: &str = "matrix factorization that learns to rank a chosen product above a random other one";

pub const OPTIONS: &[OptionSpec] = &[
    pairwise::FACTORS,
    pairwise::EPOCHS,
    pairwise::PATIENCE,
    pairwise::LEARNING_RATE,
    pairwise::regularization(0.03),
    pairwise::popularity_power(0.0),
    WEIGHTING,
    HALF_LIFE_DAYS,
    pairwise::fold_in_epochs(20),
];

/// An opponent by lot; the loss is `−ln σ(lead)`.
#[derive(Clone, Copy)]
pub struct Random;

/// Draws until one is found that the user did not choose.
const MAX_DRAWS: usize = 16;

impl Opponent for Random {
    #[inline(always)]
    fn find<S: Simd>(&self, simd: S, match_up: &MatchUp<'_>, random: &mut SmallRng) -> Option<Lesson> {
        // A loop, not `find_map`: a closure would be compiled without the vectors of `simd`.
        for _ in 0..MAX_DRAWS {
            if let Some(standing) = match_up.draw(simd, random) {
                let pull = sigmoid(-standing.lead);
                return Some(Lesson { standing, pull, loss: log_loss(1.0 - pull) });
            }
        }
        None
    }
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<PairwiseModel<Random>> {
    pairwise::fit(NAME, Random, data, options, context)
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<PairwiseModel<Random>> {
    pairwise::load(NAME, Random, tensors, options)
}
