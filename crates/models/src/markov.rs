//! What people look at next, by the products they saw last.
//!
//! First-order transitions as in Rendle, Freudenthaler & Schmidt-Thieme, *Factorizing Personalized Markov Chains for
//! Next-Basket Recommendation* (WWW 2010), counted without factors. Steps that skip products count less, and so do the
//! history's older products, as in the sequential rules of Ludewig & Jannach, *Evaluation of Session-based
//! Recommendation Algorithms* (UMUAI 2018); where the last product is rarely seen, the older ones decide.

use crate::item_item::ItemMatrix;
use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::rank::top_k_of;
use crate::sessions::{GAP_MINUTES, sessions};
use crate::{
    Contribution, FitContext, History, Interactions, Model, Neighbour, Options, Ranking, Result, Tensors, TrainingData,
};

pub const NAME: &str = "markov";
pub const ABOUT: &str = "what people look at next, by the products they saw last";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count(
        "order",
        5,
        1,
        50,
        "steps that a transition may take, and latest events of the history that count",
    )
    .search(Range::Linear(1.0, 10.0)),
    OptionSpec::number(
        "decay",
        0.7,
        0.0,
        1.0,
        "what a transition counts for each product it skips, and the history for each step back",
    )
    .search(Range::Linear(0.3, 1.0)),
    OptionSpec::number(
        "backward",
        0.1,
        0.0,
        1.0,
        "what a transition counts in the other direction: people go back and forth",
    )
    .search(Range::Linear(0.0, 0.5)),
    OptionSpec::number("smoothing", 5.0, 0.0, 1e6, "added to a product's events: chances from few events count less")
        .search(Range::Linear(0.0, 20.0)),
    OptionSpec::count("neighbours", 500, 1, 10_000, "transitions kept for each product, the likeliest"),
    GAP_MINUTES,
];

/// For each product the chances of the next one; a history is scored by those of its latest products.
pub struct Markov {
    options: Options,
    order: usize,
    decay: f32,
    /// Row i has the chances of what comes after product i.
    chances: ItemMatrix,
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Markov> {
    let log = Log::new(data.interactions, options.count("gap_minutes"));
    let steps = Steps::new(options);
    let n_items = data.interactions.n_items();
    let n_kept = options.count("neighbours");
    let chances = ItemMatrix::build(
        NAME,
        n_items,
        context,
        || vec![0.0; n_items],
        |counts, item| top_k_of(steps.chances(&log, item, counts), n_kept),
    )?;
    Ok(Markov::new(options, chances))
}

/// All sessions in one row, and where each product and each session stands in it.
struct Log {
    items: Vec<u32>,
    /// Of each event, the session's.
    sessions: Vec<std::ops::Range<u32>>,
    session_of: Vec<u32>,
    /// Of product i the events are `events[starts[i]..starts[i + 1]]`.
    starts: Vec<usize>,
    events: Vec<u32>,
}

impl Log {
    fn new(interactions: &Interactions, gap_minutes: usize) -> Self {
        let (mut items, mut ranges, mut session_of) = (Vec::new(), Vec::new(), Vec::new());
        for session in sessions(interactions, gap_minutes) {
            session_of.resize(items.len() + session.items.len(), ranges.len() as u32);
            ranges.push(items.len() as u32..(items.len() + session.items.len()) as u32);
            items.extend_from_slice(session.items);
        }
        let mut starts = vec![0usize; interactions.n_items() + 1];
        items.iter().for_each(|&item| starts[item as usize + 1] += 1);
        (1..starts.len()).for_each(|item| starts[item] += starts[item - 1]);
        let mut next = starts.clone();
        let mut events = vec![0; items.len()];
        for (event, &item) in items.iter().enumerate() {
            events[next[item as usize]] = event as u32;
            next[item as usize] += 1;
        }
        Self { items, sessions: ranges, session_of, starts, events }
    }

    /// The events of a product, each with what came before it in its session, latest first, and what came after.
    fn surroundings(
        &self,
        item: usize,
    ) -> impl Iterator<Item = (impl Iterator<Item = u32>, impl Iterator<Item = u32>)> {
        self.events[self.starts[item]..self.starts[item + 1]].iter().map(|&event| {
            let session = &self.sessions[self.session_of[event as usize] as usize];
            let before = &self.items[session.start as usize..event as usize];
            let after = &self.items[event as usize + 1..session.end as usize];
            (before.iter().rev().copied(), after.iter().copied())
        })
    }
}

/// How transitions are counted.
struct Steps {
    /// By how many products are skipped.
    weights: Vec<f32>,
    backward: f32,
    smoothing: f32,
}

impl Steps {
    fn new(options: &Options) -> Self {
        let decay = options.number("decay") as f32;
        Self {
            weights: (0..options.count("order")).map(|skipped| decay.powi(skipped as i32)).collect(),
            backward: options.number("backward") as f32,
            smoothing: options.number("smoothing") as f32,
        }
    }

    /// `P(j | i) = Σ weights of steps from i to j / (events of i + smoothing)`. `counts` is all 0 before and after.
    fn chances(&self, log: &Log, item: usize, counts: &mut [f32]) -> Vec<(u32, f32)> {
        let mut touched = Vec::new();
        let mut n_events = 0;
        let mut count = |other: u32, weight: f32| {
            if weight > 0.0 {
                if counts[other as usize] == 0.0 {
                    touched.push(other);
                }
                counts[other as usize] += weight;
            }
        };
        for (before, after) in log.surroundings(item) {
            n_events += 1;
            after.zip(&self.weights).for_each(|(other, weight)| count(other, *weight));
            let others = before.zip(&self.weights).filter(|(other, _)| *other as usize != item);
            others.for_each(|(other, weight)| count(other, self.backward * weight));
        }
        let n = n_events as f32 + self.smoothing;
        touched.into_iter().map(|other| (other, std::mem::take(&mut counts[other as usize]) / n)).collect()
    }
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<Markov> {
    Ok(Markov::new(options, ItemMatrix::load(tensors)?))
}

impl Markov {
    fn new(options: &Options, chances: ItemMatrix) -> Self {
        let (order, decay) = (options.count("order"), options.number("decay") as f32);
        Self { options: options.clone(), order, decay, chances }
    }

    /// The history's latest products, latest first, each with its weight.
    fn steps<'a>(&'a self, history: &History<'a>) -> impl Iterator<Item = (u32, f32)> + 'a {
        let known = history.items.iter().rev().filter(|h| (h.item as usize) < self.n_items() && h.weight > 0.0);
        known.take(self.order).enumerate().map(|(step, h)| (h.item, self.decay.powi(step as i32)))
    }
}

impl Model for Markov {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.chances.n_items()
    }

    /// `score_j = Σ_steps decay^step · P(j | product of the step)`; products that never came next cannot be scored.
    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        let (items, weights): (Vec<u32>, Vec<f32>) = self.steps(history).unzip();
        self.chances.score(&items, &weights, scores);
    }

    fn rank<'a>(&'a self, history: &History<'_>) -> Box<dyn Ranking + 'a> {
        let (items, weights): (Vec<u32>, Vec<f32>) = self.steps(history).unzip();
        Box::new(self.chances.rank(&items, &weights))
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        let steps = self.steps(history).filter_map(|(seen, weight)| {
            let value = weight * self.chances.get(seen, item)?;
            Some(Contribution { model: NAME, item: Some(seen), value })
        });
        by_size(steps.collect())
    }

    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        let next = self.chances.best(item, n.saturating_add(1));
        next.into_iter().filter(|next| next.item != item).take(n).collect()
    }

    fn tensors(&self) -> Tensors {
        self.chances.save(Tensors::new(NAME, self.options.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interaction, catalogue};

    fn next_of_0(options: &[(&str, &str)]) -> Vec<(u32, f32)> {
        // Sessions 0 1 2, 0 1, 0 0 and 3 0.
        let sessions = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (2, 0), (3, 3), (3, 0)];
        let cells = sessions.map(|(user, item)| Interaction { user, item, weight: 1.0, timestamp: 0 });
        let log = Interactions::new(4, 4, &cells).unwrap();
        let options = [&[("decay", "0.5"), ("smoothing", "0"), ("backward", "0")], options].concat();
        let model = catalogue::fit(NAME, &options, &TrainingData::new(&log), &FitContext::quiet(0)).unwrap();
        let seen = [crate::HistoryItem { item: 0, weight: 1.0, timestamp: 0 }];
        let mut scores = vec![0.0; 4];
        model.score(&History { items: &seen, now: 0 }, &mut scores);
        crate::rank::top_k(&scores, 4)
    }

    #[test]
    fn chances_by_hand() {
        // 0 happened five times; 1 followed twice, 0 once, and 2 once behind 1.
        assert_eq!(next_of_0(&[("order", "1")]), [(1, 2.0 / 5.0), (0, 1.0 / 5.0)]);
        assert_eq!(next_of_0(&[]), [(1, 2.0 / 5.0), (0, 1.0 / 5.0), (2, 0.5 / 5.0)]);
        assert_eq!(next_of_0(&[("order", "1"), ("smoothing", "5")])[0], (1, 2.0 / 10.0));
        assert_eq!(next_of_0(&[("order", "1"), ("backward", "0.5")])[2], (3, 0.5 / 5.0));
        assert_eq!(next_of_0(&[("neighbours", "1")]).len(), 1);
    }
}
