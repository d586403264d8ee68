//! Models that read a history in order and say what comes next: everything but the network that reads.

use rand::seq::SliceRandom;
use rand::{SeedableRng, rngs::SmallRng, rngs::StdRng};

use super::items::Items;
use super::ops::Draw;
use super::parameters::{Parameter, Parameters};
use super::tape::{Tape, Var};
use super::training::{self, Network, Schedule, Shard};
use crate::linalg::padded;
use crate::options::{OptionSpec, Range};
use crate::pairwise::popularity;
use crate::sgd::Lottery;
use crate::weighting::Weighting;
use crate::{
    Contribution, FitContext, History, Interactions, Model, Neighbour, Options, Result, Tensors, TrainingData,
};

/// The network that reads. It is declared anew for each model, in the same order.
pub(crate) trait Encoder: Sized + Send + Sync {
    const NAME: &'static str;

    /// Declares its parameters; rows of its input and output have `width` numbers.
    fn new(options: &Options, width: usize, parameters: &mut Parameters, random: &mut StdRng) -> Self;

    /// What is known after each row of each sequence; sequences stand one after the other.
    fn encode(&self, tape: &mut Tape<'_>, x: Var, lengths: &[usize], dropout: f32) -> Var;
}

pub(crate) const FACTORS: OptionSpec =
    OptionSpec::count("factors", 64, 16, 1024, "numbers per product, rounded up to a multiple of 16")
        .search(Range::Log(32.0, 256.0));
pub(crate) const MAX_LENGTH: OptionSpec =
    OptionSpec::count("max_length", 50, 2, 1000, "products of a history that are read, the last ones");
pub(crate) const EPOCHS: OptionSpec = training::epochs(60);
pub(crate) const PATIENCE: OptionSpec = training::patience(5);
pub(crate) const LEARNING_RATE: OptionSpec = training::learning_rate(0.001);
pub(crate) const DROPOUT: OptionSpec = training::dropout(0.3, "share of numbers left out at random in training");
pub(crate) const BATCH: OptionSpec = training::batch(2048, "products learned from in one step");
pub(crate) const NEGATIVES: OptionSpec = training::negatives(256);
pub(crate) const LOSS: OptionSpec = OptionSpec::choice(
    "loss",
    "softmax",
    &["softmax", "gbce"],
    "softmax: cross-entropy over the wanted product and the drawn ones; gbce: gSASRec's generalised binary cross-entropy",
)
.search(Range::Words);
pub(crate) const CALIBRATION: OptionSpec =
    OptionSpec::number("calibration", 0.75, 0.0, 1.0, "gbce only: 1 for calibrated probabilities, 0 for plain BCE");
pub(crate) const WEIGHTING: OptionSpec = OptionSpec::choice(
    "weighting",
    "log",
    &["binary", "log", "weights"],
    "what a strong event counts as a wanted product: 1, log2(1 + weight), or its weight",
)
.search(Range::Words);

/// Products of a shard: long enough for the kernels, short enough for the second cache.
const SHARD: usize = 512;

/// A fitted sequence model.
pub(crate) struct NextItem<E> {
    options: Options,
    parameters: Parameters,
    net: Net<E>,
    items: Items,
}

/// Where what lies among the parameters.
struct Net<E> {
    max_length: usize,
    table: Parameter,
    encoder: E,
}

impl<E: Encoder> Net<E> {
    fn declare(options: &Options, n_items: usize, seed: u64) -> (Self, Parameters) {
        let width = padded(options.count("factors"));
        let (mut parameters, mut random) = (Parameters::new(), StdRng::seed_from_u64(seed));
        let deviation = 1.0 / (width as f32).sqrt();
        let table = parameters.normal("items", (n_items, width), deviation, &mut random);
        let encoder = E::new(options, width, &mut parameters, &mut random);
        (Self { max_length: options.count("max_length"), table, encoder }, parameters)
    }

    fn encode(&self, tape: &mut Tape<'_>, items: &[u32], lengths: &[usize], dropout: f32) -> Var {
        let x = tape.gather(self.table, items);
        let x = tape.dropout(x, dropout);
        self.encoder.encode(tape, x, lengths, dropout)
    }
}

pub(crate) fn fit<E: Encoder>(
    data: &TrainingData<'_>,
    options: &Options,
    context: &FitContext<'_>,
) -> Result<NextItem<E>> {
    let schedule = Schedule::new(E::NAME, options, SHARD);
    training::fit(schedule, data.interactions, context, |interactions| {
        let (net, parameters) = Net::<E>::declare(options, interactions.n_items(), context.seed);
        let windows = Windows::new(interactions, net.max_length, options, context.seed);
        let lottery = lottery(interactions, options);
        Ok((Learning { options, net, windows, lottery, n_items: interactions.n_items() }, parameters))
    })
}

pub(crate) fn load<E: Encoder>(tensors: &Tensors, options: &Options) -> Result<NextItem<E>> {
    let (shape, _) = tensors.f32("items", 2)?;
    let (net, mut parameters) = Net::<E>::declare(options, shape[0], 0);
    parameters.restore(tensors)?;
    Ok(NextItem::new(options.clone(), net, parameters))
}

/// Histories cut into pieces that are read at once. Each piece wants, after each product, the one behind it.
struct Windows {
    items: Vec<u32>,
    /// What each product counts when it is the wanted one.
    weights: Vec<f32>,
    /// Where each piece begins and ends.
    pieces: Vec<(usize, usize)>,
    /// Without time no order is better than another: pieces are shuffled whenever they are read.
    has_order: bool,
}

impl Windows {
    fn new(interactions: &Interactions, max_length: usize, options: &Options, seed: u64) -> Self {
        let weighting = Weighting::parse(options.word("weighting"));
        let has_order = interactions.newest_timestamp() > 0;
        let mut random = StdRng::seed_from_u64(seed);
        let mut out = Self { items: Vec::new(), weights: Vec::new(), pieces: Vec::new(), has_order };
        for row in interactions.rows() {
            let mut cells: Vec<(u32, f32)> =
                row.items.iter().zip(row.weights).map(|(&item, &w)| (item, weighting.apply(w))).collect();
            if !has_order {
                cells.shuffle(&mut random);
            }
            let first = out.items.len();
            out.items.extend(cells.iter().map(|c| c.0));
            out.weights.extend(cells.iter().map(|c| c.1));
            // From the end, so that only the oldest piece is short; neighbours share the product at the seam.
            let mut end = out.items.len();
            while end >= first + 2 {
                let begin = end.saturating_sub(max_length + 1).max(first);
                out.pieces.push((begin, end));
                end = if begin == first { first } else { begin + 1 };
            }
        }
        out
    }

    /// Products and weights of a piece.
    fn read(&self, piece: usize, random: &mut SmallRng) -> Vec<(u32, f32)> {
        let (begin, end) = self.pieces[piece];
        let mut cells: Vec<(u32, f32)> =
            self.items[begin..end].iter().copied().zip(self.weights[begin..end].iter().copied()).collect();
        if !self.has_order {
            cells.shuffle(random);
        }
        cells
    }
}

/// Draws products with a chance in proportion to (1 + their events)^power.
pub(crate) fn lottery(interactions: &Interactions, options: &Options) -> Lottery {
    Lottery::new(&popularity(interactions, options.number(training::NEGATIVE_POWER.key)))
}

struct Learning<'o, E> {
    options: &'o Options,
    net: Net<E>,
    windows: Windows,
    lottery: Lottery,
    n_items: usize,
}

impl<E: Encoder> Network for Learning<'_, E> {
    type Model = NextItem<E>;

    fn sizes(&self) -> Vec<usize> {
        self.windows.pieces.iter().map(|(begin, end)| end - begin - 1).collect()
    }

    fn loss(&self, tape: &mut Tape<'_>, shard: Shard<'_>) -> (Var, f32) {
        let mut random = SmallRng::seed_from_u64(shard.seed);
        let (mut read, mut wanted, mut weights, mut lengths) = (vec![], vec![], vec![], vec![]);
        for &piece in shard.examples {
            let cells = self.windows.read(piece, &mut random);
            lengths.push(cells.len() - 1);
            read.extend(cells[..cells.len() - 1].iter().map(|c| c.0));
            wanted.extend(cells[1..].iter().map(|c| c.0));
            weights.extend(cells[1..].iter().map(|c| c.1));
        }
        let n_samples = self.options.count("negatives");
        let samples: Vec<u32> = (0..n_samples).map(|_| self.lottery.draw(&mut random)).collect();

        let known = self.net.encode(tape, &read, &lengths, self.options.number("dropout") as f32);
        let own = tape.gather(self.net.table, &wanted);
        let others = tape.gather(self.net.table, &samples);
        let (positive, negative) = (tape.row_dots(known, own), tape.products(known, others));
        let draw = Draw { wanted: &wanted, weights: &weights, samples: &samples };
        let loss = match self.options.word("loss") {
            "gbce" => tape.generalised_bce(positive, negative, &draw, self.beta(n_samples)),
            _ => tape.sampled_softmax(positive, negative, &draw),
        };
        (loss, weights.iter().sum())
    }

    fn model(&self, parameters: Parameters) -> NextItem<E> {
        let (net, _) = Net::declare(self.options, self.n_items, 0);
        NextItem::new(self.options.clone(), net, parameters)
    }
}

impl<E: Encoder> Learning<'_, E> {
    /// `β = α (t (1 − 1/α) + 1/α)`, with α the share of negatives that is drawn: Petrov & Macdonald, eq. 13.
    fn beta(&self, n_samples: usize) -> f32 {
        let share = n_samples as f64 / self.n_items.saturating_sub(1).max(n_samples) as f64;
        let calibration = self.options.number("calibration");
        (share * (calibration * (1.0 - 1.0 / share) + 1.0 / share)) as f32
    }
}

impl<E: Encoder> NextItem<E> {
    fn new(options: Options, net: Net<E>, parameters: Parameters) -> Self {
        let items = Items::new(parameters.get(net.table));
        Self { options, parameters, net, items }
    }

    /// What is known of the user after the last product; `None` when no product of the history is known.
    fn query(&self, history: &History<'_>) -> Option<Vec<f32>> {
        let mut read: Vec<u32> =
            history.items.iter().map(|h| h.item).filter(|&item| (item as usize) < self.n_items()).collect();
        let read = read.split_off(read.len().saturating_sub(self.net.max_length));
        if read.is_empty() {
            return None;
        }
        let mut tape = Tape::new(&self.parameters, 0);
        let known = self.net.encode(&mut tape, &read, &[read.len()], 0.0);
        Some(tape.value(known).row(read.len() - 1).to_vec())
    }
}

impl<E: Encoder> Model for NextItem<E> {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn n_items(&self) -> usize {
        self.items.len()
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        self.score_batch(&[*history], scores);
    }

    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        self.items.score(&histories.iter().map(|history| self.query(history)).collect::<Vec<_>>(), scores);
    }

    /// A network does not add up: nothing to say.
    fn explain(&self, _history: &History<'_>, _item: u32) -> Vec<Contribution> {
        Vec::new()
    }

    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        self.items.neighbours(self.parameters.get(self.net.table), item, n)
    }

    fn tensors(&self) -> Tensors {
        self.parameters.save(Tensors::new(E::NAME, self.options.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interaction;

    fn windows(n: u32, max_length: usize, has_time: bool) -> Windows {
        let cell =
            |t: u32| Interaction { user: 0, item: t, weight: 1.0, timestamp: i64::from(has_time) * i64::from(t) };
        let interactions = Interactions::new(1, n as usize, &(0..n).map(cell).collect::<Vec<_>>()).unwrap();
        let options = Options::checked("test", &[WEIGHTING], &[] as &[(&str, &str)]).unwrap();
        Windows::new(&interactions, max_length, &options, 1)
    }

    #[test]
    fn every_product_but_the_first_is_wanted_once() {
        let mut random = SmallRng::seed_from_u64(1);
        for n in [2, 3, 4, 5, 9, 10, 11] {
            let windows = windows(n, 4, true);
            let read = (0..windows.pieces.len()).map(|piece| windows.read(piece, &mut random));
            let mut pairs: Vec<(u32, u32)> =
                read.flat_map(|cells| cells.windows(2).map(|w| (w[0].0, w[1].0)).collect::<Vec<_>>()).collect();
            pairs.sort_unstable();
            assert_eq!(pairs, (1..n).map(|t| (t - 1, t)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn without_time_every_reading_is_in_another_order() {
        let windows = windows(30, 50, false);
        let mut random = SmallRng::seed_from_u64(1);
        assert_ne!(windows.read(0, &mut random), windows.read(0, &mut random));
    }

    #[test]
    fn products_are_drawn_by_their_events() {
        let cells = [0, 0, 0, 1].map(|item| Interaction { user: 0, item, weight: 1.0, timestamp: 0 });
        let interactions = Interactions::new(1, 3, &cells).unwrap();
        // Each product counts one more than its events.
        assert_eq!(popularity(&interactions, 1.0), [4.0, 2.0, 1.0]);
        assert_eq!(popularity(&interactions, 0.5), [2.0, 2f32.sqrt(), 1.0]);
    }
}
