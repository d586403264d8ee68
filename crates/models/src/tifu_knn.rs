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
use crate::{Contribution, Error, FitContext, History, Interactions, Model, Options, Result, Tensors, TrainingData};

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
    frequencies: Rows,
    /// `x / ‖x‖`: items × users.
    tastes: Rows,
    /// Of each item.
    idf: Vec<f32>,
}

/// A sparse matrix in compressed rows.
struct Rows {
    indptr: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<f32>,
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
    let frequencies = Rows::new(&weighted(data.interactions, Weighting::Weights, half_life_days))?;
    context.step(NAME, 1, 2)?;
    let model = TifuKnn::new(options, data.interactions.n_items(), frequencies);
    context.step(NAME, 2, 2)?;
    Ok(model)
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<TifuKnn> {
    let (_, n_items) = tensors.u32("n_items", 1)?;
    let &[n_items] = n_items else {
        return Err(Error::Artifact(format!("{NAME}: got {} numbers of items, wanted 1", n_items.len())));
    };
    Ok(TifuKnn::new(options, n_items as usize, Rows::load(tensors, n_items)?))
}

impl TifuKnn {
    fn new(options: &Options, n_items: usize, frequencies: Rows) -> Self {
        let idf = inverse_document_frequencies(&frequencies, n_items);
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
        let mut similarities = vec![0.0f32; self.frequencies.n_rows()];
        for (&item, &taste) in items.iter().zip(&tastes) {
            for (user, value) in self.tastes.row(item) {
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
fn inverse_document_frequencies(frequencies: &Rows, n_items: usize) -> Vec<f32> {
    let mut n_users = vec![0u32; n_items];
    frequencies.columns.iter().for_each(|&item| n_users[item as usize] += 1);
    let everybody = frequencies.n_rows() as f32 + 1.0;
    n_users.into_iter().map(|n| (everybody / (n as f32 + 1.0)).ln()).collect()
}

fn tastes(frequencies: &Rows, idf: &[f32]) -> Rows {
    let of_user = |user| normalized(frequencies.row(user).map(|(item, r)| taste(r, idf[item as usize])));
    let values = (0..frequencies.n_rows() as u32).flat_map(of_user).collect();
    let by_user = Rows { indptr: frequencies.indptr.clone(), columns: frequencies.columns.clone(), values };
    by_user.transposed(idf.len())
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
            for (item, frequency) in self.frequencies.row(user) {
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
            let Some(frequency) = self.frequencies.get(user, item) else { continue };
            let shared = query.items.iter().zip(&query.tastes).map(|(&i, taste)| {
                let theirs = self.tastes.get(i, user).unwrap_or(0.0);
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
        self.frequencies.save(Tensors::new(NAME, self.options.clone()).with_u32(
            "n_items",
            &[1],
            vec![self.idf.len() as u32],
        ))
    }
}

impl Rows {
    fn new(cells: &Interactions) -> Result<Self> {
        if cells.n_interactions() > u32::MAX as usize {
            return Err(Error::Data(format!(
                "got {} products of users, wanted at most {}",
                cells.n_interactions(),
                u32::MAX
            )));
        }
        let mut rows = Self { indptr: vec![0], columns: Vec::new(), values: Vec::new() };
        for row in cells.rows() {
            rows.columns.extend_from_slice(row.items);
            rows.values.extend_from_slice(row.weights);
            rows.indptr.push(rows.columns.len() as u32);
        }
        Ok(rows)
    }

    fn n_rows(&self) -> usize {
        self.indptr.len() - 1
    }

    fn range(&self, row: u32) -> std::ops::Range<usize> {
        self.indptr[row as usize] as usize..self.indptr[row as usize + 1] as usize
    }

    fn row(&self, row: u32) -> impl Iterator<Item = (u32, f32)> + '_ {
        let range = self.range(row);
        self.columns[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }

    /// Columns ascend within a row.
    fn get(&self, row: u32, column: u32) -> Option<f32> {
        let range = self.range(row);
        let position = self.columns[range.clone()].binary_search(&column).ok()?;
        Some(self.values[range.start + position])
    }

    fn transposed(&self, n_columns: usize) -> Self {
        let mut indptr = vec![0u32; n_columns + 1];
        self.columns.iter().for_each(|&column| indptr[column as usize + 1] += 1);
        (0..n_columns).for_each(|column| indptr[column + 1] += indptr[column]);
        let mut next = indptr.clone();
        let (mut columns, mut values) = (vec![0; self.columns.len()], vec![0.0; self.columns.len()]);
        for row in 0..self.n_rows() as u32 {
            for (column, value) in self.row(row) {
                let slot = &mut next[column as usize];
                (columns[*slot as usize], values[*slot as usize]) = (row, value);
                *slot += 1;
            }
        }
        Self { indptr, columns, values }
    }

    fn save(&self, tensors: Tensors) -> Tensors {
        tensors
            .with_u32("indptr", &[self.indptr.len()], self.indptr.clone())
            .with_u32("items", &[self.columns.len()], self.columns.clone())
            .with_f32("frequencies", &[self.values.len()], self.values.clone())
    }

    fn load(tensors: &Tensors, n_items: u32) -> Result<Self> {
        let (_, indptr) = tensors.u32("indptr", 1)?;
        let (_, columns) = tensors.u32("items", 1)?;
        let (_, values) = tensors.f32("frequencies", 1)?;
        let in_order = indptr.windows(2).all(|w| w[0] <= w[1]) && indptr.first() == Some(&0);
        let complete = indptr.last().map(|&n| n as usize) == Some(columns.len()) && columns.len() == values.len();
        let known = columns.iter().all(|&item| item < n_items) && values.iter().all(|v| v.is_finite() && *v >= 0.0);
        if !(in_order && complete && known) {
            return Err(Error::Artifact(format!("{NAME}: `indptr`, `items` and `frequencies` do not fit together")));
        }
        Ok(Self { indptr: indptr.to_vec(), columns: columns.to_vec(), values: values.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HistoryItem, Interaction, catalogue};

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
