//! What a shopper buys again, and what shoppers with a similar frequency of things buy.
//!
//! Hu, He, Gao, Zhang, *Modeling Personalized Item Frequency Information for Next-basket Recommendation* (SIGIR 2020):
//! TIFU-kNN. Frequencies fade with time, not from basket to basket; who is similar is found by the cosine of damped
//! frequencies with the inverse document frequency of text retrieval, not by the Euclidean distance.
//!
//! ```text
//! r_ui    = Σ_events of u on i w · 2^(−age / half life)
//! x_ui    = log2(1 + r_ui) · ln((users + 1) / (users of i + 1))
//! score_i = (1 − β) r_ui + β Σ_v cos(x_u, x_v) r_vi / Σ_v cos(x_u, x_v)      over the k most similar users v
//! ```
//!
//! A shopper who was in training is a neighbour of their own, which is as if β were smaller. Finding neighbours takes as
//! many steps as the products of a history have users.

use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::rank::top_k_of;
use crate::weighting::{Weighting, weighted};
use crate::{
    Contribution, Error, FitContext, History, HistoryItem, Interactions, Model, Options, Result, Tensors, TrainingData,
};

pub const NAME: &str = "tifu-knn";
pub const ABOUT: &str = "what a shopper buys again, and what shoppers with similar frequencies buy";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("neighbours", 100, 1, 100_000, "most similar users that vote").search(Range::Log(10.0, 1000.0)),
    OptionSpec::number("neighbours_share", 0.4, 0.0, 1.0, "β: what the neighbours say, beside the shopper's own past")
        .search(Range::Linear(0.1, 0.95)),
    OptionSpec::number(
        "half_life_days",
        90.0,
        0.0,
        3650.0,
        "days after which an event counts half, in training and in the history; 0 means never",
    )
    .search(Range::Log(7.0, 3650.0)),
];

/// Everybody's faded frequencies, and who chose what.
pub struct TifuKnn {
    options: Options,
    n_neighbours: usize,
    neighbours_share: f32,
    half_life_days: f32,
    /// `r`: users × items.
    frequencies: Interactions,
    /// `x / ‖x‖`: items × users.
    tastes: Interactions,
    /// Of each item.
    idf: Vec<f32>,
}

/// A history in the space of the users.
struct Query {
    items: Vec<u32>,
    frequencies: Vec<f32>,
    tastes: Vec<f32>,
    /// The most similar users with their similarities, which sum to 1.
    neighbours: Vec<(u32, f32)>,
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<TifuKnn> {
    let half_life_days = options.number("half_life_days") as f32;
    let frequencies = weighted(data.interactions, Weighting::Weights, half_life_days);
    context.step(NAME, 1, 2)?;
    let model = TifuKnn::new(options, frequencies);
    context.step(NAME, 2, 2)?;
    Ok(model)
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<TifuKnn> {
    let (_, n_items) = tensors.u32("n_items", 1)?;
    let (_, lengths) = tensors.u32("n_products", 1)?;
    let (_, items) = tensors.u32("items", 1)?;
    let (_, frequencies) = tensors.f32("frequencies", 1)?;
    let n_cells: usize = lengths.iter().map(|&n| n as usize).sum();
    if n_items.len() != 1 || [items.len(), frequencies.len()] != [n_cells; 2] {
        return Err(Error::Artifact(format!("{NAME}: `n_products`, `items` and `frequencies` do not fit together")));
    }
    let mut cells = items.iter().zip(frequencies);
    let cell = |(&item, &weight): (&u32, &f32)| HistoryItem { item, weight, timestamp: 0 };
    let rows = lengths.iter().map(|&n| cells.by_ref().take(n as usize).map(cell).collect());
    let frequencies = Interactions::from_rows(n_items[0] as usize, rows)
        .map_err(|error| Error::Artifact(format!("{NAME}: {error}")))?;
    Ok(TifuKnn::new(options, frequencies.merged()))
}

impl TifuKnn {
    /// `frequencies` has each pair once.
    fn new(options: &Options, frequencies: Interactions) -> Self {
        let idf = inverse_document_frequencies(&frequencies);
        Self {
            options: options.clone(),
            n_neighbours: options.count("neighbours"),
            neighbours_share: options.number("neighbours_share") as f32,
            half_life_days: options.number("half_life_days") as f32,
            tastes: tastes(&frequencies, &idf),
            frequencies,
            idf,
        }
    }

    fn query(&self, history: &History<'_>) -> Query {
        let (items, frequencies) = history.merged(self.idf.len(), self.half_life_days);
        let tastes = normalized(items.iter().zip(&frequencies).map(|(&i, &r)| taste(r, self.idf[i as usize])));
        let mut similarities = vec![0.0f32; self.frequencies.n_users()];
        for (&item, &taste) in items.iter().zip(&tastes) {
            for (user, value) in cells(&self.tastes, item) {
                similarities[user as usize] += taste * value;
            }
        }
        let similar: Vec<(u32, f32)> = (0u32..).zip(similarities).filter(|&(_, similarity)| similarity > 0.0).collect();
        let mut neighbours = top_k_of(similar, self.n_neighbours);
        let sum: f32 = neighbours.iter().map(|&(_, similarity)| similarity).sum();
        neighbours.iter_mut().for_each(|(_, similarity)| *similarity /= sum);
        Query { items, frequencies, tastes, neighbours }
    }

    /// What is left for the shopper's own past.
    fn own_share(&self) -> f32 {
        1.0 - self.neighbours_share
    }
}

fn taste(frequency: f32, idf: f32) -> f32 {
    (1.0 + frequency).log2() * idf
}

fn normalized(values: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut values: Vec<f32> = values.collect();
    let norm = values.iter().map(|x| x * x).sum::<f32>().sqrt();
    values.iter_mut().for_each(|x| *x = if norm > 0.0 { *x / norm } else { 0.0 });
    values
}

/// What everybody chose tells nobody apart: 0.
fn inverse_document_frequencies(frequencies: &Interactions) -> Vec<f32> {
    let mut n_users = vec![0u32; frequencies.n_items()];
    frequencies.cells().for_each(|cell| n_users[cell.item as usize] += 1);
    let everybody = frequencies.n_users() as f32 + 1.0;
    n_users.into_iter().map(|n| (everybody / (n as f32 + 1.0)).ln()).collect()
}

fn tastes(frequencies: &Interactions, idf: &[f32]) -> Interactions {
    let by_user = frequencies.clone().map_cells(|_, item, frequency| taste(frequency, idf[item as usize]));
    let norms: Vec<f32> = by_user.rows().map(|row| row.weights.iter().map(|x| x * x).sum::<f32>().sqrt()).collect();
    by_user.map_cells(|user, _, x| if norms[user] > 0.0 { x / norms[user] } else { 0.0 }).transposed()
}

/// Columns and values of a row; columns ascend.
fn cells(matrix: &Interactions, row: u32) -> impl Iterator<Item = (u32, f32)> + '_ {
    let row = matrix.row(row as usize);
    row.items.iter().copied().zip(row.weights.iter().copied())
}

fn cell(matrix: &Interactions, row: u32, column: u32) -> Option<f32> {
    let row = matrix.row(row as usize);
    row.items.binary_search(&column).ok().map(|position| row.weights[position])
}

impl Model for TifuKnn {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.idf.len()
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        let query = self.query(history);
        scores.fill(f32::NEG_INFINITY);
        let mut add = |item: u32, value: f32| {
            let score = &mut scores[item as usize];
            *score = if *score == f32::NEG_INFINITY { value } else { *score + value };
        };
        for (&item, &frequency) in query.items.iter().zip(&query.frequencies) {
            add(item, self.own_share() * frequency);
        }
        for (user, similarity) in query.neighbours {
            for (item, frequency) in cells(&self.frequencies, user) {
                add(item, self.neighbours_share * similarity * frequency);
            }
        }
    }

    /// A neighbour's vote comes from the products that made the neighbour similar.
    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        let query = self.query(history);
        let mut values = vec![0.0f32; query.items.len()];
        if let Ok(own) = query.items.binary_search(&item) {
            values[own] = self.own_share() * query.frequencies[own];
        }
        for (user, similarity) in query.neighbours {
            let Some(frequency) = cell(&self.frequencies, user, item) else { continue };
            let shared = query.items.iter().zip(&query.tastes).map(|(&i, taste)| {
                let theirs = cell(&self.tastes, i, user).unwrap_or(0.0);
                taste * theirs
            });
            let shared: Vec<f32> = shared.collect();
            let vote = self.neighbours_share * similarity * frequency / shared.iter().sum::<f32>();
            values.iter_mut().zip(shared).for_each(|(value, part)| *value += vote * part);
        }
        let contributions = query.items.iter().zip(values).filter(|&(_, value)| value != 0.0);
        by_size(contributions.map(|(&i, value)| Contribution { model: NAME, item: Some(i), value }).collect())
    }

    fn tensors(&self) -> Tensors {
        let matrix = &self.frequencies;
        let lengths: Vec<u32> = matrix.rows().map(|row| row.items.len() as u32).collect();
        let (items, frequencies): (Vec<u32>, Vec<f32>) = matrix.cells().map(|cell| (cell.item, cell.weight)).unzip();
        Tensors::new(NAME, self.options.clone())
            .with_u32("n_items", &[1], vec![matrix.n_items() as u32])
            .with_u32("n_products", &[lengths.len()], lengths)
            .with_u32("items", &[items.len()], items)
            .with_f32("frequencies", &[frequencies.len()], frequencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interaction, catalogue};

    #[test]
    fn own_frequencies_and_those_of_neighbours_by_hand() {
        // Users {0, 1 twice}, {0, 2}, {3}: the history {0} is a neighbour of the first two.
        let cells = [(0, 0), (0, 1), (0, 1), (1, 0), (1, 2), (2, 3)];
        let cells = cells.map(|(user, item)| Interaction { user, item, weight: 1.0, timestamp: 0 });
        let log = Interactions::new(3, 4, &cells).unwrap();
        let options = [("neighbours_share", "0.25"), ("half_life_days", "0")];
        let model = catalogue::fit(NAME, &options, &TrainingData::new(&log), &FitContext::quiet(0)).unwrap();
        let mut scores = [0.0; 4];
        model.score(&History { items: &[HistoryItem { item: 0, weight: 2.0, timestamp: 0 }], now: 0 }, &mut scores);
        // idf ln(4/3) for 0, ln(4/2) for the others; the cosine is the neighbours' share of 0 in their own taste.
        let (common, rare) = ((4.0f32 / 3.0).ln(), 2.0f32.ln());
        let a = common / (common.powi(2) + (3.0f32.log2() * rare).powi(2)).sqrt();
        let b = common / (common.powi(2) + rare.powi(2)).sqrt();
        let wanted = [0.75 * 2.0 + 0.25, 0.25 * a * 2.0 / (a + b), 0.25 * b / (a + b), f32::NEG_INFINITY];
        let close = |(got, wanted): (&f32, &f32)| got == wanted || (got - wanted).abs() < 1e-6;
        assert!(scores.iter().zip(&wanted).all(close), "got {scores:?}, wanted {wanted:?}");
    }
}
