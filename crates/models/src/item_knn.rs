//! Products that go together, by who chose both.
//!
//! Sarwar et al., *Item-Based Collaborative Filtering Recommendation Algorithms* (WWW 2001); Deshpande & Karypis,
//! *Item-Based Top-N Recommendation Algorithms* (TOIS 2004), whose damping of very active users we keep as an exponent.

use rayon::prelude::*;

use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::rank::top_k_of;
use crate::{
    Contribution, Error, FitContext, History, Interactions, Model, Neighbour, Options, Result, Tensors, TrainingData,
    decay,
};

pub const NAME: &str = "item-knn";
pub const ABOUT: &str = "products that go together, by who chose both";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("neighbours", 500, 1, 10_000, "products kept in each product's list")
    .search(Range::Log(50.0, 2000.0)),
    OptionSpec::choice(
        "similarity",
        "cosine",
        &["cosine", "cooccurrence"],
        "cosine: the angle between the columns of two products; cooccurrence: the share of a product's users who chose the other too",
    )
    .search(Range::Words),
    OptionSpec::choice(
        "weighting",
        "log",
        &["binary", "log", "weights"],
        "what a repeated or strong event counts: 1, log2(1 + weight), or its weight",
    )
    .search(Range::Words),
    OptionSpec::number(
        "user_power",
        1.0,
        0.0,
        2.0,
        "damping of active users: a user with n products counts n^-user_power",
    )
    .search(Range::Linear(0.0, 1.5)),
    OptionSpec::number(
        "popularity_power",
        0.3,
        0.0,
        1.0,
        "cosine only: the norm of the recommended product to 2 × this power; above 0.5 favours rare products",
    )
    .search(Range::Linear(0.0, 0.7)),
    OptionSpec::number("shrinkage", 0.0, 0.0, 1e6, "added to the norms: similarity from few users counts less")
    .search(Range::Log(0.01, 30.0)),
    OptionSpec::number(
        "half_life_days",
        0.0,
        0.0,
        3650.0,
        "days after which an event counts half, in training and in the history; 0 means never",
    )
    .search(Range::Log(7.0, 3650.0)),
];

/// For each product the most similar ones; a history is scored by adding up its products' lists.
pub struct ItemKnn {
    options: Options,
    half_life_days: f32,
    weighting: Weighting,
    indptr: Vec<u32>,
    neighbours: Vec<u32>,
    similarities: Vec<f32>,
}

/// What the summed weight of a user's events on a product counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weighting {
    Binary,
    Log,
    Weights,
}

impl Weighting {
    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "binary" => Self::Binary,
            "log" => Self::Log,
            _ => Self::Weights,
        }
    }

    /// A plain single event counts 1 in each of them.
    pub(crate) fn apply(self, weight: f32) -> f32 {
        match self {
            Self::Binary => 1.0,
            Self::Log => (1.0 + weight).log2(),
            Self::Weights => weight,
        }
    }
}

/// Each pair once, with the weight that the model's options give it.
pub(crate) fn weighted(interactions: &Interactions, weighting: Weighting, half_life_days: f32) -> Interactions {
    let newest = interactions.newest_timestamp();
    let faded = if half_life_days > 0.0 {
        // A pair whose events have all but faded still happened.
        interactions.clone().map_weights(|w, t| (w * decay(newest - t, half_life_days)).max(f32::MIN_POSITIVE)).merged()
    } else {
        interactions.merged()
    };
    faded.map_weights(|w, _| weighting.apply(w))
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<ItemKnn> {
    let half_life_days = options.number("half_life_days") as f32;
    let weighting = Weighting::parse(options.word("weighting"));
    let by_user = weighted(data.interactions, weighting, half_life_days);
    let by_item = by_user.transposed();
    let n_items = by_user.n_items();
    let user_power = options.number("user_power");
    let user_weights: Vec<f32> =
        by_user.rows().map(|row| (row.items.len().max(1) as f64).powf(-user_power) as f32).collect();
    let norms = squared_norms(&by_item, &user_weights);
    let measure = Measure::new(options, &norms);
    let n_neighbours = options.count("neighbours");

    const BLOCK: usize = 4096;
    let n_steps = n_items.div_ceil(BLOCK);
    let mut lists: Vec<Vec<(u32, f32)>> = Vec::with_capacity(n_items);
    for (step, first) in (0..n_items).step_by(BLOCK).enumerate() {
        let block: Vec<Vec<(u32, f32)>> = (first..(first + BLOCK).min(n_items))
            .into_par_iter()
            .with_min_len(16)
            .map_init(
                || CoCounts::new(n_items),
                |counts, item| {
                    let candidates = counts.row(&by_user, &by_item, &user_weights, item);
                    top_k_of(
                        candidates.map(|(j, count)| (j, measure.similarity(count, item, j as usize))).collect(),
                        n_neighbours,
                    )
                },
            )
            .collect();
        lists.extend(block);
        context.step(NAME, step + 1, n_steps)?;
    }
    Ok(ItemKnn::from_lists(options.clone(), &lists))
}

/// `‖i‖² = Σ_u s_u R_ui²`.
fn squared_norms(by_item: &Interactions, user_weights: &[f32]) -> Vec<f32> {
    by_item
        .rows()
        .map(|row| row.items.iter().zip(row.weights).map(|(&u, r)| user_weights[u as usize] * r * r).sum())
        .collect()
}

/// Turns a weighted co-count into a similarity.
struct Measure<'a> {
    norms: &'a [f32],
    /// Exponents of ‖i‖² and ‖j‖² for the product i whose list it is and its neighbour j.
    powers: (f32, f32),
    shrinkage: f32,
}

impl<'a> Measure<'a> {
    fn new(options: &Options, norms: &'a [f32]) -> Self {
        let target = options.number("popularity_power") as f32;
        let powers = match options.word("similarity") {
            "cosine" => (1.0 - target, target),
            _ => (1.0, 0.0),
        };
        Self { norms, powers, shrinkage: options.number("shrinkage") as f32 }
    }

    /// `sim(i, j) = c_ij / (‖i‖^2(1−p) ‖j‖^2p + shrinkage)`, `p` = ½ for the cosine and 0 for co-occurrence.
    fn similarity(&self, count: f32, i: usize, j: usize) -> f32 {
        let (source, target) = self.powers;
        count / (self.norms[i].powf(source) * self.norms[j].powf(target) + self.shrinkage)
    }
}

/// One row of `Rᵀ diag(s) R` at a time, in a dense row that is cleaned by the list of what was touched.
struct CoCounts {
    counts: Vec<f32>,
    touched: Vec<u32>,
}

impl CoCounts {
    fn new(n_items: usize) -> Self {
        Self { counts: vec![0.0; n_items], touched: Vec::new() }
    }

    /// `c_ij = Σ_u s_u R_ui R_uj` for all `j ≠ i` with a common user.
    fn row(
        &mut self,
        by_user: &Interactions,
        by_item: &Interactions,
        user_weights: &[f32],
        i: usize,
    ) -> impl Iterator<Item = (u32, f32)> {
        self.touched.iter().for_each(|&j| self.counts[j as usize] = 0.0);
        self.touched.clear();
        let users = by_item.row(i);
        for (&u, &r_ui) in users.items.iter().zip(users.weights) {
            let scale = user_weights[u as usize] * r_ui;
            let row = by_user.row(u as usize);
            for (&j, &r_uj) in row.items.iter().zip(row.weights) {
                let count = &mut self.counts[j as usize];
                if *count == 0.0 {
                    self.touched.push(j);
                }
                *count += scale * r_uj;
            }
        }
        self.touched.iter().filter(move |&&j| j as usize != i).map(|&j| (j, self.counts[j as usize]))
    }
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<ItemKnn> {
    let (_, indptr) = tensors.u32("indptr", 1)?;
    let (_, neighbours) = tensors.u32("neighbours", 1)?;
    let (_, similarities) = tensors.f32("similarities", 1)?;
    let n_items = indptr.len().saturating_sub(1);
    let in_order = indptr.windows(2).all(|w| w[0] <= w[1]) && indptr.first() == Some(&0);
    let complete =
        indptr.last().map(|&n| n as usize) == Some(neighbours.len()) && neighbours.len() == similarities.len();
    if !in_order || !complete || neighbours.iter().any(|&j| j as usize >= n_items) {
        return Err(Error::Artifact("item-knn: `indptr`, `neighbours` and `similarities` do not fit together".into()));
    }
    Ok(ItemKnn::new(options.clone(), indptr.to_vec(), neighbours.to_vec(), similarities.to_vec()))
}

impl ItemKnn {
    fn new(options: Options, indptr: Vec<u32>, neighbours: Vec<u32>, similarities: Vec<f32>) -> Self {
        let half_life_days = options.number("half_life_days") as f32;
        let weighting = Weighting::parse(options.word("weighting"));
        Self { options, half_life_days, weighting, indptr, neighbours, similarities }
    }

    fn from_lists(options: Options, lists: &[Vec<(u32, f32)>]) -> Self {
        let mut indptr = Vec::with_capacity(lists.len() + 1);
        indptr.push(0u32);
        let mut end = 0u32;
        for list in lists {
            end += list.len() as u32;
            indptr.push(end);
        }
        let (neighbours, similarities) = lists.iter().flatten().copied().unzip();
        Self::new(options, indptr, neighbours, similarities)
    }

    fn list(&self, item: u32) -> impl Iterator<Item = (u32, f32)> + '_ {
        let range = self.indptr[item as usize] as usize..self.indptr[item as usize + 1] as usize;
        self.neighbours[range.clone()].iter().copied().zip(self.similarities[range].iter().copied())
    }

    /// The terms of all scores: every history product with its weight.
    fn terms(&self, history: &History<'_>) -> impl Iterator<Item = (u32, f32)> {
        let (items, weights) = history.merged(self.n_items(), self.half_life_days);
        let weighting = self.weighting;
        items.into_iter().zip(weights).map(move |(item, weight)| (item, weighting.apply(weight)))
    }
}

impl Model for ItemKnn {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.indptr.len() - 1
    }

    /// `score_j = Σ_{i ∈ history} w_i sim(i, j)`; products in nobody's list cannot be scored.
    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        scores.fill(f32::NEG_INFINITY);
        for (item, weight) in self.terms(history) {
            for (neighbour, similarity) in self.list(item) {
                let score = &mut scores[neighbour as usize];
                *score = score.max(0.0) + weight * similarity;
            }
        }
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        let terms = self.terms(history).filter_map(|(source, weight)| {
            let (_, similarity) = self.list(source).find(|&(neighbour, _)| neighbour == item)?;
            Some(Contribution { model: NAME, item: Some(source), value: weight * similarity })
        });
        by_size(terms.collect())
    }

    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        if item as usize >= self.n_items() {
            return Vec::new();
        }
        self.list(item).take(n).map(|(item, similarity)| Neighbour { item, similarity }).collect()
    }

    fn tensors(&self) -> Tensors {
        Tensors::new(NAME, self.options.clone())
            .with_u32("indptr", &[self.indptr.len()], self.indptr.clone())
            .with_u32("neighbours", &[self.neighbours.len()], self.neighbours.clone())
            .with_f32("similarities", &[self.similarities.len()], self.similarities.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interaction, catalogue};

    /// Users: {0, 1}, {0, 1, 2}, {2}.
    fn log() -> Interactions {
        let cells = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2)];
        let cells: Vec<_> = cells.map(|(user, item)| Interaction { user, item, weight: 1.0, timestamp: 0 }).into();
        Interactions::new(3, 3, &cells).unwrap()
    }

    fn neighbours_of_0(options: &[(&str, &str)]) -> Vec<(u32, f32)> {
        let options = [&[("popularity_power", "0.5")], options].concat();
        let model = catalogue::fit(NAME, &options, &TrainingData::new(&log()), &FitContext::quiet(0)).unwrap();
        model.neighbours(0, 9).iter().map(|n| (n.item, n.similarity)).collect()
    }

    fn assert_close(got: &[(u32, f32)], wanted: &[(u32, f32)]) {
        assert_eq!(got.len(), wanted.len(), "{got:?}");
        let close = got.iter().zip(wanted).all(|(g, w)| g.0 == w.0 && (g.1 - w.1).abs() < 1e-6);
        assert!(close, "got {got:?}, wanted {wanted:?}");
    }

    #[test]
    fn similarities_by_hand() {
        // Columns: 0 = 1 = (1, 1, 0), 2 = (0, 1, 1). cos(0, 1) = 2/2, cos(0, 2) = 1/2.
        assert_close(&neighbours_of_0(&[("user_power", "0")]), &[(1, 1.0), (2, 0.5)]);
        // Of the two users of 0, both chose 1 and one chose 2.
        assert_close(&neighbours_of_0(&[("user_power", "0"), ("similarity", "cooccurrence")]), &[(1, 1.0), (2, 0.5)]);
        // Users count 1/2, 1/3, 1: ‖0‖² = ‖1‖² = 5/6, ‖2‖² = 4/3, c_02 = 1/3.
        let c_02 = (1.0 / 3.0) / (5.0f32 / 6.0 * 4.0 / 3.0).sqrt();
        assert_close(&neighbours_of_0(&[("user_power", "1")]), &[(1, 1.0), (2, c_02)]);
        // Shrinkage 2: 2 / (2 + 2) and 1 / (2 + 2).
        assert_close(&neighbours_of_0(&[("user_power", "0"), ("shrinkage", "2")]), &[(1, 0.5), (2, 0.25)]);
        assert_eq!(neighbours_of_0(&[("neighbours", "1")]).len(), 1);
    }

    #[test]
    fn weighting_is_one_for_a_plain_event() {
        for weighting in [Weighting::Binary, Weighting::Log, Weighting::Weights] {
            assert_eq!(weighting.apply(1.0), 1.0);
        }
        assert_eq!(Weighting::Log.apply(3.0), 2.0);
    }
}
