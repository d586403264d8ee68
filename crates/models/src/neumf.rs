//! Neural matrix factorization: a product of factors beside a network over them.
//!
//! He, Liao, Zhang, Nie, Hu & Chua, *Neural Collaborative Filtering* (WWW 2017). The paper learns a row for each user, so
//! it cannot serve anybody who came later. Here a user is the mean of the products of the history, in embeddings of
//! their own: He et al., *NAIS* (TKDE 2018), without its attention. A user of training is seen without the wanted product.

use rand::seq::SliceRandom;
use rand::{SeedableRng, rngs::SmallRng, rngs::StdRng};

use crate::linalg::padded;
use crate::neural::bags::{Bag, bag_of, bags, normal};
use crate::neural::items::Items;
use crate::neural::layers::Linear;
use crate::neural::matrix::Matrix;
use crate::neural::ops::{Activation, Draw};
use crate::neural::parameters::{Parameter, Parameters};
use crate::neural::sequence::lottery;
use crate::neural::tape::{Tape, Var};
use crate::neural::training::{self, Network, Schedule, Shard};
use crate::options::{OptionSpec, Range};
use crate::sgd::Lottery;
use crate::weighting::{self, Weighting};
use crate::{Contribution, FitContext, History, Model, Neighbour, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "neumf";
pub const ABOUT: &str = "matrix factorization beside a network over user and product, with fold-in of new users";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("factors", 64, 16, 1024, "numbers per product in the product of factors")
        .search(Range::Log(32.0, 256.0)),
    OptionSpec::count("network_factors", 32, 16, 1024, "numbers per product that go into the network")
        .search(Range::Log(16.0, 64.0)),
    training::epochs(200),
    training::patience(10),
    training::learning_rate(0.002),
    training::dropout(0.3, "share of a user's numbers left out at random in training"),
    training::batch(1024, "wanted products learned from in one step"),
    training::negatives(64),
    training::NEGATIVE_POWER,
    weighting::WEIGHTING,
];

/// Share of a history that is wanted while the rest is read, and how many products at most.
const WANTED: f64 = 0.2;
const MAX_WANTED: usize = 16;
/// Wanted products of a shard.
const SHARD: usize = 64;

pub(crate) struct NeuMf {
    options: Options,
    parameters: Parameters,
    net: Net,
    items: Items,
    /// What the products add to the first layer of the network.
    first_of_items: Matrix,
}

/// Both parts see a user by one table and a product by another.
struct Net {
    users: Parameter,
    items: Parameter,
    network_users: Parameter,
    network_items: Parameter,
    /// The first layer, cut into what comes from the user and what comes from the product.
    first_of_user: Linear,
    first_of_item: Linear,
    second: Linear,
    last: Linear,
}

impl Net {
    fn declare(options: &Options, n_items: usize, seed: u64) -> (Self, Parameters) {
        let (width, inner) = (padded(options.count("factors")), padded(options.count("network_factors")));
        let (mut parameters, mut random) = (Parameters::new(), StdRng::seed_from_u64(seed));
        let p = &mut parameters;
        let deviation = |width: usize| 0.5 / (width as f32).sqrt();
        let net = Self {
            users: p.normal("users", (n_items, width), deviation(width), &mut random),
            items: p.normal("items", (n_items, width), deviation(width), &mut random),
            network_users: p.normal("network_users", (n_items, inner), deviation(inner), &mut random),
            network_items: p.normal("network_items", (n_items, inner), deviation(inner), &mut random),
            first_of_user: Linear::new("first_of_user", (inner, inner), p, &mut random),
            first_of_item: Linear::new("first_of_item", (inner, inner), p, &mut random),
            second: Linear::new("second", (inner, inner / 2), p, &mut random),
            last: Linear::new("last", (inner / 2, 1), p, &mut random),
        };
        (net, parameters)
    }

    fn first_of_all(&self, parameters: &Parameters) -> Matrix {
        let mut tape = Tape::new(parameters, 0);
        let all: Vec<u32> = (0..parameters.get(self.network_items).n_rows as u32).collect();
        let all = tape.gather(self.network_items, &all);
        let first = self.first_of_item.apply(&mut tape, all);
        tape.value(first).clone()
    }

    /// What the network makes of pairs, from the sum of what both sides add to its first layer.
    fn network(&self, tape: &mut Tape<'_>, first: Var) -> Var {
        let x = tape.activation(first, Activation::Relu);
        let x = self.second.apply(tape, x);
        let x = tape.activation(x, Activation::Relu);
        self.last.apply(tape, x)
    }
}

pub(crate) fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<NeuMf> {
    let schedule = Schedule::new(NAME, options, SHARD);
    training::fit(schedule, data.interactions, context, |interactions| {
        let (net, parameters) = Net::declare(options, interactions.n_items(), context.seed);
        let bags = bags(interactions, Weighting::parse(options.word("weighting")), 0.0);
        let lottery = lottery(interactions, options);
        Ok((Learning { options, net, bags, lottery, n_items: interactions.n_items() }, parameters))
    })
}

pub(crate) fn load(tensors: &Tensors, options: &Options) -> Result<NeuMf> {
    let (shape, _) = tensors.f32("items", 2)?;
    let (net, mut parameters) = Net::declare(options, shape[0], 0);
    parameters.restore(tensors)?;
    Ok(NeuMf::new(options.clone(), net, parameters))
}

struct Learning<'o> {
    options: &'o Options,
    net: Net,
    bags: Vec<Bag>,
    lottery: Lottery,
    n_items: usize,
}

fn n_wanted(bag: &Bag) -> usize {
    ((bag.len() as f64 * WANTED).round() as usize).clamp(1, MAX_WANTED)
}

impl Network for Learning<'_> {
    type Model = NeuMf;

    fn sizes(&self) -> Vec<usize> {
        self.bags.iter().map(n_wanted).collect()
    }

    fn loss(&self, tape: &mut Tape<'_>, shard: Shard<'_>) -> (Var, f32) {
        let mut random = SmallRng::seed_from_u64(shard.seed);
        // For each wanted product its user's place in the shard.
        let (mut read, mut users, mut wanted, mut weights) = (vec![], vec![], vec![], vec![]);
        for (place, &example) in shard.examples.iter().enumerate() {
            let mut bag = self.bags[example].clone();
            bag.shuffle(&mut random);
            for (item, weight) in bag.split_off(bag.len() - n_wanted(&bag)) {
                users.push(place);
                wanted.push(item);
                weights.push(weight);
            }
            read.push(normal(bag));
        }
        let n_samples = self.options.count("negatives");
        let samples: Vec<u32> = (0..n_samples).map(|_| self.lottery.draw(&mut random)).collect();
        let dropout = self.options.number("dropout") as f32;
        let n = wanted.len();

        let of_users = tape.gather_sums(self.net.users, &read);
        let of_users = tape.dropout(of_users, dropout);
        let of_users = tape.select(of_users, users.clone());
        let (own, others) = (tape.gather(self.net.items, &wanted), tape.gather(self.net.items, &samples));
        let (positive, negative) = (tape.row_dots(of_users, own), tape.products(of_users, others));

        let inner = tape.gather_sums(self.net.network_users, &read);
        let inner = tape.dropout(inner, dropout);
        let inner = self.net.first_of_user.apply(tape, inner);
        let candidates: Vec<u32> = wanted.iter().chain(&samples).copied().collect();
        let candidates = tape.gather(self.net.network_items, &candidates);
        let candidates = self.net.first_of_item.apply(tape, candidates);
        // Each wanted product with its own user, then each user with all samples.
        let pairs = (0..n).map(|r| (r, r)).chain((0..n).flat_map(|r| (0..n_samples).map(move |k| (r, n + k))));
        let (left, right): (Vec<usize>, Vec<usize>) = pairs.map(|(r, candidate)| (users[r], candidate)).unzip();
        let (left, right) = (tape.select(inner, left), tape.select(candidates, right));
        let first = tape.add(left, right);
        let out = self.net.network(tape, first);
        let of_own = tape.select(out, (0..n).collect());
        let of_samples = tape.select(out, (n..n + n * n_samples).collect());
        let of_samples = tape.reshape(of_samples, n_samples);

        let (positive, negative) = (tape.add(positive, of_own), tape.add(negative, of_samples));
        let draw = Draw { wanted: &wanted, weights: &weights, samples: &samples };
        (tape.sampled_softmax(positive, negative, &draw), weights.iter().sum())
    }

    fn model(&self, parameters: Parameters) -> NeuMf {
        let (net, _) = Net::declare(self.options, self.n_items, 0);
        NeuMf::new(self.options.clone(), net, parameters)
    }
}

/// Products that go through the network together when all are scored.
const BLOCK: usize = 1024;

impl NeuMf {
    fn new(options: Options, net: Net, parameters: Parameters) -> Self {
        let items = Items::new(parameters.get(net.items));
        let first_of_items = net.first_of_all(&parameters);
        Self { options, parameters, net, items, first_of_items }
    }

    /// The history as both parts see it: the factors, and what it adds to the first layer of the network.
    fn queries(&self, history: &History<'_>) -> Option<(Vec<f32>, Vec<f32>)> {
        let weighting = Weighting::parse(self.options.word("weighting"));
        let bag = [normal(bag_of(history, self.n_items(), weighting, 0.0)?)];
        let mut tape = Tape::new(&self.parameters, 0);
        let factors = tape.gather_sums(self.net.users, &bag);
        let inner = tape.gather_sums(self.net.network_users, &bag);
        let first = self.net.first_of_user.apply(&mut tape, inner);
        Some((tape.value(factors).values.clone(), tape.value(first).values.clone()))
    }

    /// Adds what the network says of all products.
    fn add_network(&self, of_user: &[f32], scores: &mut [f32]) {
        let width = of_user.len();
        for (scores, of_items) in scores.chunks_mut(BLOCK).zip(self.first_of_items.values.chunks(BLOCK * width)) {
            let mut tape = Tape::new(&self.parameters, 0);
            let mut first = Matrix::from_rows(width, of_items.to_vec());
            first.rows_mut().for_each(|row| row.iter_mut().zip(of_user).for_each(|(x, u)| *x += u));
            let first = tape.constant(first);
            let out = self.net.network(&mut tape, first);
            scores.iter_mut().zip(&tape.value(out).values).for_each(|(score, x)| *score += x);
        }
    }
}

impl Model for NeuMf {
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
        let (factors, firsts): (Vec<_>, Vec<_>) = histories.iter().map(|history| self.queries(history).unzip()).unzip();
        self.items.score(&factors, scores);
        for (first, row) in firsts.iter().zip(scores.chunks_exact_mut(self.n_items().max(1))) {
            if let Some(first) = first {
                self.add_network(first, row);
            }
        }
    }

    /// A network does not add up: nothing to say.
    fn explain(&self, _history: &History<'_>, _item: u32) -> Vec<Contribution> {
        Vec::new()
    }

    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        self.items.neighbours(self.parameters.get(self.net.items), item, n)
    }

    fn tensors(&self) -> Tensors {
        self.parameters.save(Tensors::new(NAME, self.options.clone()))
    }
}
