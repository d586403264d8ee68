//! Matrix factorization that learns the head of the list: it looks for a product that is ranked too high, and learns more
//! the sooner it finds one.
//!
//! Weston, Bengio, Usunier, *WSABIE: Scaling Up to Large Vocabulary Image Annotation* (IJCAI 2011); for
//! recommendations as in Kula, *Metadata Embeddings for User and Item Cold-start Recommendations* (CBRecSys 2015).

use pulp::Simd;
use rand::rngs::SmallRng;

use crate::options::OptionSpec;
use crate::pairwise::{self, Lesson, MatchUp, Opponent, PairwiseModel};
use crate::weighting::{HALF_LIFE_DAYS, WEIGHTING};
use crate::{FitContext, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "warp";
pub const ABOUT: &str = "matrix factorization that learns the head of the list from products ranked too high";

pub const OPTIONS: &[OptionSpec] = &[
    pairwise::FACTORS,
    pairwise::EPOCHS,
    pairwise::PATIENCE,
    pairwise::LEARNING_RATE,
    pairwise::regularization(0.1),
    pairwise::popularity_power(0.0),
    WEIGHTING,
    HALF_LIFE_DAYS,
    pairwise::fold_in_epochs(10),
    OptionSpec::count("max_draws", 50, 1, 10_000, "products looked at to find one that is ranked too high"),
];

/// The first of some random products that is not 1 behind. How many it took says how far down the chosen product stands.
#[derive(Clone, Copy)]
pub struct Violator {
    pub max_draws: usize,
}

impl Opponent for Violator {
    #[inline(always)]
    fn find<S: Simd>(&self, simd: S, match_up: &MatchUp<'_>, random: &mut SmallRng) -> Option<Lesson> {
        for n_draws in 1..=self.max_draws {
            let Some(standing) = match_up.draw(simd, random) else { continue };
            if standing.lead < 1.0 {
                let rank = ((match_up.n_items - 1) / n_draws).max(1);
                let pull = (rank as f32).ln() / (match_up.n_items as f32).ln();
                return Some(Lesson { standing, pull, loss: pull * (1.0 - standing.lead) });
            }
        }
        None
    }
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<PairwiseModel<Violator>> {
    pairwise::fit(NAME, Violator { max_draws: options.count("max_draws") }, data, options, context)
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<PairwiseModel<Violator>> {
    pairwise::load(NAME, Violator { max_draws: options.count("max_draws") }, tensors, options)
}
