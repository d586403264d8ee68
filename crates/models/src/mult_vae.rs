//! A variational autoencoder over whole histories.
//!
//! Liang, Krishnan, Hoffman & Jebara, *Variational Autoencoders for Collaborative Filtering* (WWW 2018): the history goes
//! in with norm 1 and some products left out, a multinomial over all products comes out, and the divergence is
//! annealed. Anybody's history can go in, so new users are no special case.

use rand::{Rng, SeedableRng, rngs::SmallRng, rngs::StdRng};

use crate::linalg::padded;
use crate::neural::bags::{Bag, bag_of, bags, normal};
use crate::neural::items::Items;
use crate::neural::layers::Linear;
use crate::neural::matrix::Matrix;
use crate::neural::ops::Activation;
use crate::neural::parameters::{Parameter, Parameters, truncated_normal};
use crate::neural::tape::{Tape, Var};
use crate::neural::training::{self, Network, Schedule, Shard};
use crate::options::{OptionSpec, Range};
use crate::weighting::{self, Weighting};
use crate::{Contribution, FitContext, History, Model, Neighbour, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "mult-vae";
pub const ABOUT: &str = "what else belongs to a history, by a variational autoencoder";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("hidden", 192, 16, 4096, "numbers between the history and its factors, and back")
        .search(Range::Log(64.0, 512.0)),
    OptionSpec::count("factors", 64, 16, 1024, "numbers that a history is squeezed into")
        .search(Range::Log(16.0, 256.0)),
    training::epochs(200),
    training::patience(10),
    training::learning_rate(0.001),
    training::dropout(0.5, "share of a history left out at random in training"),
    training::batch(256, "histories learned from in one step"),
    OptionSpec::number("divergence", 0.2, 0.0, 10.0, "weight that the divergence from the prior grows to")
        .search(Range::Linear(0.0, 1.0)),
    OptionSpec::count("annealing", 2000, 1, 10_000_000, "steps until it has grown"),
    weighting::WEIGHTING,
    weighting::HALF_LIFE_DAYS,
];

pub(crate) struct MultVae {
    options: Options,
    parameters: Parameters,
    net: Net,
    items: Items,
}

struct Net {
    input: Parameter,
    input_bias: Parameter,
    /// Mean and log variance of the factors, side by side.
    code: Linear,
    hidden: Linear,
    output: Parameter,
    output_bias: Parameter,
}

impl Net {
    fn declare(options: &Options, n_items: usize, seed: u64) -> (Self, Parameters) {
        let (hidden, factors) = (padded(options.count("hidden")), padded(options.count("factors")));
        let (mut parameters, mut random) = (Parameters::new(), StdRng::seed_from_u64(seed));
        let p = &mut parameters;
        let deviation = (2.0 / (n_items + hidden) as f32).sqrt();
        let net = Self {
            input: p.normal("input", (n_items, hidden), deviation, &mut random),
            input_bias: p.constant("input_bias", 1, hidden, 0.0),
            code: Linear::new("code", (hidden, 2 * factors), p, &mut random),
            hidden: Linear::new("hidden", (factors, hidden), p, &mut random),
            output: p.normal("output", (n_items, hidden), deviation, &mut random),
            output_bias: p.constant("output_bias", 1, n_items.max(1), 0.0),
        };
        (net, parameters)
    }

    /// Mean and log variance of the factors of each history.
    fn encode(&self, tape: &mut Tape<'_>, bags: &[Bag]) -> (Var, Var) {
        let x = tape.gather_sums(self.input, bags);
        let bias = tape.gather(self.input_bias, &vec![0; bags.len()]);
        let x = tape.add(x, bias);
        let x = tape.activation(x, Activation::Tanh);
        let code = self.code.apply(tape, x);
        tape.halves(code)
    }

    /// The last layer before the products.
    fn decode(&self, tape: &mut Tape<'_>, factors: Var) -> Var {
        let x = self.hidden.apply(tape, factors);
        tape.activation(x, Activation::Tanh)
    }
}

pub(crate) fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<MultVae> {
    // The last layer has a gradient as large as itself: one for the batch, not one for each shard.
    let schedule = Schedule::new(NAME, options, options.count("batch"));
    training::fit(schedule, data.interactions, context, |interactions| {
        let (net, parameters) = Net::declare(options, interactions.n_items(), context.seed);
        let weighting = Weighting::parse(options.word("weighting"));
        let bags = bags(interactions, weighting, options.number("half_life_days") as f32);
        Ok((Learning { options, net, bags, n_items: interactions.n_items() }, parameters))
    })
}

pub(crate) fn load(tensors: &Tensors, options: &Options) -> Result<MultVae> {
    let (shape, _) = tensors.f32("input", 2)?;
    let (net, mut parameters) = Net::declare(options, shape[0], 0);
    parameters.restore(tensors)?;
    Ok(MultVae::new(options.clone(), net, parameters))
}

struct Learning<'o> {
    options: &'o Options,
    net: Net,
    bags: Vec<Bag>,
    n_items: usize,
}

impl Network for Learning<'_> {
    type Model = MultVae;

    fn sizes(&self) -> Vec<usize> {
        vec![1; self.bags.len()]
    }

    fn loss(&self, tape: &mut Tape<'_>, shard: Shard<'_>) -> (Var, f32) {
        let mut random = SmallRng::seed_from_u64(shard.seed);
        let (dropout, factors) = (self.options.number("dropout"), padded(self.options.count("factors")));
        let wanted: Vec<Bag> = shard.examples.iter().map(|&example| self.bags[example].clone()).collect();
        let mut thinned =
            |bag: &Bag| -> Bag { bag.iter().copied().filter(|_| random.random::<f64>() >= dropout).collect() };
        let read: Vec<Bag> = wanted.iter().map(|bag| normal(thinned(bag))).collect();
        let noise: Vec<f32> = (0..read.len() * factors).map(|_| truncated_normal(&mut random)).collect();

        let (mean, spread) = self.net.encode(tape, &read);
        let sampled = tape.gaussian(mean, spread, Matrix::from_rows(factors, noise));
        let last = self.net.decode(tape, sampled);
        let logits = tape.against_all(last, self.net.output, self.net.output_bias);
        let likelihood = tape.multinomial(logits, &wanted);
        let divergence = self.options.number("divergence");
        let annealed = divergence * (shard.step as f64 / self.options.count("annealing") as f64).min(1.0);
        let divergence = tape.divergence(mean, spread, annealed as f32);
        (tape.add(likelihood, divergence), wanted.iter().flatten().map(|w| w.1).sum())
    }

    fn model(&self, parameters: Parameters) -> MultVae {
        let (net, _) = Net::declare(self.options, self.n_items, 0);
        MultVae::new(self.options.clone(), net, parameters)
    }
}

impl MultVae {
    fn new(options: Options, net: Net, parameters: Parameters) -> Self {
        let items = Items::new(parameters.get(net.output));
        Self { options, parameters, net, items }
    }

    fn query(&self, history: &History<'_>) -> Option<Vec<f32>> {
        let weighting = Weighting::parse(self.options.word("weighting"));
        let bag = bag_of(history, self.n_items(), weighting, self.options.number("half_life_days") as f32)?;
        let mut tape = Tape::new(&self.parameters, 0);
        let (mean, _) = self.net.encode(&mut tape, &[normal(bag)]);
        let last = self.net.decode(&mut tape, mean);
        Some(tape.value(last).values.clone())
    }
}

impl Model for MultVae {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.items.len()
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        self.score_batch(&[*history], scores);
    }

    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        self.items.score(&histories.iter().map(|history| self.query(history)).collect::<Vec<_>>(), scores);
        let bias = &self.parameters.get(self.net.output_bias).values;
        for row in scores.chunks_exact_mut(self.n_items().max(1)) {
            row.iter_mut().zip(bias).for_each(|(score, bias)| *score += bias);
        }
    }

    /// A network does not add up: nothing to say.
    fn explain(&self, _history: &History<'_>, _item: u32) -> Vec<Contribution> {
        Vec::new()
    }

    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        self.items.neighbours(self.parameters.get(self.net.output), item, n)
    }

    fn tensors(&self) -> Tensors {
        self.parameters.save(Tensors::new(NAME, self.options.clone()))
    }
}
