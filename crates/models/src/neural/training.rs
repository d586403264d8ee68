//! Epochs of steps over batches, until held-out users no longer gain; the options and the schedule of such a fit.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

use super::parameters::{Adam, Parameters};
use super::tape::{Tape, Var};
use crate::options::{OptionSpec, Range};
use crate::stopping::Best;
use crate::validation::HeldOut;
use crate::{FitContext, Interactions, Loss, Model, Options, Result};

pub(crate) const fn epochs(default: usize) -> OptionSpec {
    OptionSpec::count("epochs", default, 1, 10_000, "times through the data at most")
}
pub(crate) const fn patience(default: usize) -> OptionSpec {
    OptionSpec::count(
        "patience",
        default,
        0,
        1000,
        "epochs without a better NDCG of held-out users before the fit stops; 0 goes through all",
    )
}
pub(crate) const fn learning_rate(default: f64) -> OptionSpec {
    OptionSpec::number("learning_rate", default, 1e-6, 1.0, "of Adam").search(Range::Log(3e-4, 1e-2))
}
/// `about` says what is left out.
pub(crate) const fn dropout(default: f64, about: &'static str) -> OptionSpec {
    OptionSpec::number("dropout", default, 0.0, 0.95, about).search(Range::Linear(0.0, 0.7))
}
/// `about` says what a batch is a number of.
pub(crate) const fn batch(default: usize, about: &'static str) -> OptionSpec {
    OptionSpec::count("batch", default, 1, 1_000_000, about)
}
pub(crate) const fn negatives(default: usize) -> OptionSpec {
    OptionSpec::count("negatives", default, 1, 100_000, "products drawn to compare the wanted ones with")
        .search(Range::Log(16.0, 1024.0))
}
pub(crate) const NEGATIVE_POWER: OptionSpec = OptionSpec::number(
    "negative_power",
    0.5,
    0.0,
    1.0,
    "products are drawn in proportion to their events to this power; 0 draws all alike",
)
.search(Range::Linear(0.0, 1.0));

/// A network with its data: something that has a loss.
pub(crate) trait Network: Sync {
    type Model: Model;

    /// How large each example is; batches and shards are filled by size.
    fn sizes(&self) -> Vec<usize>;

    /// The summed loss of a shard's examples, and the weight it is a sum over.
    fn loss(&self, tape: &mut Tape<'_>, shard: Shard<'_>) -> (Var, f32);

    fn model(&self, parameters: Parameters) -> Self::Model;
}

/// A part of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Shard<'a> {
    pub examples: &'a [usize],
    /// For whatever is drawn; no two shards of a fit have the same.
    pub seed: u64,
    /// Which step of the fit it belongs to, from 0.
    pub step: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub name: &'static str,
    pub epochs: usize,
    /// Epochs without a better one before the fit stops; 0 goes through all of them without judging.
    pub patience: usize,
    pub learning_rate: f32,
    /// Size of a batch and of the shards it is cut into.
    pub batch: usize,
    pub shard: usize,
}

impl Schedule {
    /// From the options that this module declares.
    pub fn new(name: &'static str, options: &Options, shard: usize) -> Self {
        Self {
            name,
            epochs: options.count("epochs"),
            patience: options.count("patience"),
            learning_rate: options.number("learning_rate") as f32,
            batch: options.count("batch"),
            shard,
        }
    }
}

/// The end of the history that judges lose, as a share of it.
const HELD_OUT: f64 = 0.1;
/// Users to judge by.
const N_JUDGES: usize = 1000;
/// Length of the lists that are judged.
const TOP: usize = 20;

/// Fits what `start` makes of the training data, and returns the model of the best epoch.
///
/// Only the judges lose the end of their histories, so the best epoch is the model: a second fit on all data would
/// double the minutes.
pub(crate) fn fit<N: Network>(
    schedule: Schedule,
    interactions: &Interactions,
    context: &FitContext<'_>,
    start: impl Fn(&Interactions) -> Result<(N, Parameters)>,
) -> Result<N::Model> {
    let held_out = match schedule.patience {
        0 => None,
        _ => HeldOut::cut_some(interactions, HELD_OUT, N_JUDGES, context.seed)?,
    };
    let (network, parameters) = start(held_out.as_ref().map_or(interactions, |held_out| &held_out.train))?;
    let mut fit = Fit::new(schedule, &network, parameters, context.seed);
    let (mut best, mut kept) = (Best::new(schedule.patience), None);
    for epoch in 1..=schedule.epochs {
        let train = fit.epoch(context)?;
        let ndcg = held_out.as_ref().map(|held_out| held_out.ndcg(&network.model(fit.parameters.clone()), TOP));
        context.epoch(schedule.name, epoch, schedule.epochs, Loss { train, validation_ndcg: ndcg })?;
        let Some(ndcg) = ndcg else { continue };
        if best.improves(epoch, ndcg) {
            kept = Some(fit.parameters.clone());
        } else if best.is_over(epoch) {
            break;
        }
    }
    Ok(network.model(kept.unwrap_or(fit.parameters)))
}

struct Fit<'a, N> {
    schedule: Schedule,
    network: &'a N,
    parameters: Parameters,
    adam: Adam,
    sizes: Vec<usize>,
    order: Vec<usize>,
    random: StdRng,
    step: usize,
}

impl<'a, N: Network> Fit<'a, N> {
    fn new(schedule: Schedule, network: &'a N, parameters: Parameters, seed: u64) -> Self {
        let sizes = network.sizes();
        let adam = Adam::new(&parameters, schedule.learning_rate);
        let order = (0..sizes.len()).collect();
        Self { schedule, network, parameters, adam, sizes, order, random: StdRng::seed_from_u64(seed), step: 0 }
    }

    /// Once through all examples in a new order; returns the mean loss.
    fn epoch(&mut self, context: &FitContext<'_>) -> Result<f64> {
        let mut order = std::mem::take(&mut self.order);
        order.shuffle(&mut self.random);
        let (mut loss, mut weight) = (0.0, 0.0);
        for batch in self.filled(&order, self.schedule.batch) {
            context.check()?;
            let of_batch = self.step(batch);
            loss += of_batch.0;
            weight += of_batch.1;
        }
        self.order = order;
        Ok(if weight > 0.0 { loss / weight } else { 0.0 })
    }

    /// One step of the optimizer; returns summed loss and weight.
    fn step(&mut self, batch: &[usize]) -> (f64, f64) {
        let seed: u64 = self.random.random();
        let (parameters, network, step) = (&self.parameters, self.network, self.step);
        let shards = self.filled(batch, self.schedule.shard);
        let results: Vec<_> = shards
            .into_par_iter()
            .enumerate()
            .map(|(number, examples)| {
                let seed = seed.wrapping_add((number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
                let mut tape = Tape::new(parameters, seed);
                let (loss, weight) = network.loss(&mut tape, Shard { examples, seed, step });
                (f64::from(tape.value(loss).values[0]), f64::from(weight), tape.gradients(loss))
            })
            .collect();
        let sums = results.iter().fold((0.0, 0.0), |sums, (loss, weight, _)| (sums.0 + loss, sums.1 + weight));
        let merged = results.into_iter().map(|(_, _, gradients)| gradients).reduce(|mut sum, gradients| {
            sum.merge(gradients);
            sum
        });
        if let Some(gradients) = merged {
            self.adam.step(&mut self.parameters, gradients);
            self.step += 1;
        }
        sums
    }

    /// Cuts examples into runs that reach `size` and no further.
    fn filled<'e>(&self, examples: &'e [usize], size: usize) -> Vec<&'e [usize]> {
        let (mut parts, mut first, mut filled) = (Vec::new(), 0, 0);
        for (position, &example) in examples.iter().enumerate() {
            filled += self.sizes[example];
            if filled >= size || position + 1 == examples.len() {
                parts.push(&examples[first..=position]);
                (first, filled) = (position + 1, 0);
            }
        }
        parts
    }
}
