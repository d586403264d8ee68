//! Predicts ratings: mean, bias of the user, bias of the product, and the product of their factors.
//!
//! Funk, *Netflix Update: Try This at Home* (2006), with the biases of Koren, Bell, Volinsky, *Matrix Factorization
//! Techniques for Recommender Systems* (IEEE Computer 2009); the `SVD` of Surprise.

use pulp::{Arch, Simd, WithSimd};
use rand::rngs::SmallRng;

use crate::factors::nearest_by_cosine;
use crate::linalg::{Panels, dot, padded};
use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::sgd::kernels::{Move, along, meet};
use crate::sgd::{Block, Cells, Extra, Learner, Parameters, Strata};
use crate::{
    Contribution, Error, FitContext, History, HistoryItem, Interactions, Loss, Model, Neighbour, Options, Result,
    Tensors, TrainingData,
};

pub const NAME: &str = "svd";
pub const ABOUT: &str = "predicts ratings by biased matrix factorization; ranks by the predicted rating";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("factors", 100, 1, 4096, "numbers per product").search(Range::Log(8.0, 200.0)),
    OptionSpec::count("epochs", 20, 1, 10_000, "times through the ratings, in training and for a history")
        .search(Range::Log(10.0, 100.0)),
    OptionSpec::number("learning_rate", 0.005, 1e-6, 0.1, "step along the gradient").search(Range::Log(0.001, 0.02)),
    OptionSpec::number("regularization", 0.02, 0.0, 1.0, "pull of factors and biases towards 0")
        .search(Range::Log(0.005, 0.2)),
];

/// Ratings are learnt in standard deviations from their mean, so that stars and percentages need the same options.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    mean: f32,
    deviation: f32,
    min: f32,
    max: f32,
}

impl Scale {
    fn of(ratings: &Interactions) -> Self {
        let values = || ratings.rows().flat_map(|row| row.weights).map(|&r| f64::from(r));
        let n = ratings.n_interactions().max(1) as f64;
        let mean = values().sum::<f64>() / n;
        let variance = values().map(|r| (r - mean).powi(2)).sum::<f64>() / n;
        Self {
            mean: mean as f32,
            deviation: if variance > 0.0 { variance.sqrt() as f32 } else { 1.0 },
            min: values().fold(f64::INFINITY, f64::min).min(mean) as f32,
            max: values().fold(0.0, f64::max) as f32,
        }
    }

    fn standardized(self, rating: f32) -> f32 {
        (rating.clamp(self.min, self.max) - self.mean) / self.deviation
    }
}

#[derive(Debug, Clone, Copy)]
struct Step {
    learning_rate: f32,
    regularization: f32,
}

impl Step {
    fn new(options: &Options) -> Self {
        Self {
            learning_rate: options.number("learning_rate") as f32,
            regularization: options.number("regularization") as f32,
        }
    }

    fn keep(self) -> f32 {
        1.0 - self.learning_rate * self.regularization
    }

    fn bias(self, bias: &mut f32, error: f32) {
        *bias = self.keep() * *bias + self.learning_rate * error;
    }

    fn factors(self, error: f32) -> Move {
        Move { keep: self.keep(), step: self.learning_rate * error }
    }
}

struct SquaredError<'a> {
    ratings: &'a Interactions,
    scale: Scale,
    step: Step,
}

impl Learner for SquaredError<'_> {
    fn cells(&self, row: u32, _: &mut SmallRng, mut found: impl FnMut(u32, f32)) {
        let row = self.ratings.row(row as usize);
        row.items.iter().zip(row.weights).for_each(|(&item, &rating)| found(item, self.scale.standardized(rating)));
    }

    #[inline(always)]
    fn learn<S: Simd>(&self, simd: S, rows: &mut Block, columns: &mut Block, cells: &Cells, _: &mut SmallRng) -> f64 {
        let (users, items) = (&mut rows.parameters, &mut columns.parameters);
        let mut losses = 0.0;
        for cell in &cells.shuffled {
            let product = dot(simd, users.row(cell.row), items.row(cell.column));
            let user = &mut users.extras[cell.row as usize].bias;
            let item = &mut items.extras[cell.column as usize].bias;
            let error = cell.value - *user - *item - product;
            losses += f64::from(error * error);
            self.step.bias(user, error);
            self.step.bias(item, error);
            let by = self.step.factors(error);
            meet(simd, (users.row_mut(cell.row), by), (items.row_mut(cell.column), by));
        }
        losses
    }
}

/// Deviation of the normals that factors start as.
const START: f64 = 0.1;

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Svd> {
    let ratings = data.ratings.unwrap_or(data.interactions);
    let scale = Scale::of(ratings);
    let learner = SquaredError { ratings, scale, step: Step::new(options) };
    let weights = vec![1.0; ratings.n_items()];
    let mut strata = Strata::new(ratings.n_users(), weights, options.count("factors"), START, context.seed);
    let epochs = options.count("epochs");
    for epoch in 1..=epochs {
        let loss = Loss { train: strata.epoch(&learner), validation_ndcg: None };
        context.epoch(NAME, epoch, epochs, loss)?;
    }
    Ok(Svd::new(options.clone(), scale, strata.columns().clone()))
}

/// Product factors and biases; a user is folded in by the learning that made them, products fixed.
pub struct Svd {
    options: Options,
    scale: Scale,
    step: Step,
    items: Parameters,
    panels: Panels,
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<Svd> {
    let (shape, factors) = tensors.f32("item_factors", 2)?;
    let (_, biases) = tensors.f32("item_biases", 1)?;
    let (_, scale) = tensors.f32("scale", 1)?;
    let width = padded(options.count("factors"));
    let &[mean, deviation, min, max] = scale else {
        return Err(Error::Artifact(format!("svd: got a scale of {} numbers, wanted 4", scale.len())));
    };
    if shape != [biases.len(), width] || !(min <= max && deviation > 0.0) {
        return Err(Error::Artifact("svd: `item_factors`, `item_biases` and `scale` do not fit together".into()));
    }
    let extras = biases.iter().map(|&bias| Extra { bias, ..Extra::default() }).collect();
    let items = Parameters { width, factors: factors.to_vec(), extras };
    Ok(Svd::new(options.clone(), Scale { mean, deviation, min, max }, items))
}

/// A user who was folded in: `bias = Σ share`, `factors = Σ share · q` over the ratings of the history.
struct Folded {
    factors: Vec<f32>,
    bias: f32,
    shares: Vec<f32>,
}

struct FoldIn<'a> {
    svd: &'a Svd,
    ratings: &'a [HistoryItem],
}

impl WithSimd for FoldIn<'_> {
    type Output = Folded;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Folded {
        let Self { svd: Svd { options, scale, step, items, .. }, ratings } = self;
        let mut user = Folded { factors: vec![0.0; items.width], bias: 0.0, shares: vec![0.0; ratings.len()] };
        // Every step shrinks all shares alike: the shrinkage so far stands in one number and is applied now and then.
        let mut shrunk = 1.0f32;
        for _ in 0..options.count("epochs") {
            for (at, rating) in ratings.iter().enumerate() {
                let row = items.row(rating.item);
                let item_bias = items.extras[rating.item as usize].bias;
                let error = scale.standardized(rating.weight) - user.bias - item_bias - dot(simd, &user.factors, row);
                step.bias(&mut user.bias, error);
                along(simd, &mut user.factors, step.factors(error), row);
                shrunk *= step.keep();
                user.shares[at] += step.learning_rate * error / shrunk;
                if shrunk < 1e-6 {
                    user.shares.iter_mut().for_each(|share| *share *= shrunk);
                    shrunk = 1.0;
                }
            }
        }
        user.shares.iter_mut().for_each(|share| *share *= shrunk);
        user
    }
}

impl Svd {
    fn new(options: Options, scale: Scale, items: Parameters) -> Self {
        let panels = Panels::pack(&items.factors, items.width);
        Self { step: Step::new(&options), options, scale, items, panels }
    }

    /// The ratings that mean something, and what they say about their user.
    fn fold_in(&self, history: &History<'_>) -> (Vec<HistoryItem>, Folded) {
        let is_known = |h: &&HistoryItem| (h.item as usize) < self.n_items() && h.weight.is_finite();
        let ratings: Vec<HistoryItem> = history.items.iter().filter(is_known).copied().collect();
        let folded = Arch::new().dispatch(FoldIn { svd: self, ratings: &ratings });
        (ratings, folded)
    }
}

impl Model for Svd {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.items.extras.len()
    }

    /// The predicted rating, not yet cut to the scale: the order of the best would be lost.
    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        let (_, user) = self.fold_in(history);
        self.panels.product(&user.factors, scores);
        for (score, extra) in scores.iter_mut().zip(&self.items.extras) {
            *score = self.scale.mean + self.scale.deviation * (*score + user.bias + extra.bias);
        }
    }

    fn rating(&self, score: f32) -> Option<f32> {
        Some(score.clamp(self.scale.min, self.scale.max))
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        if item as usize >= self.n_items() {
            return Vec::new();
        }
        let (ratings, user) = self.fold_in(history);
        let Scale { mean, deviation, .. } = self.scale;
        let own =
            Contribution { model: NAME, item: None, value: mean + deviation * self.items.extras[item as usize].bias };
        let likeness =
            |other: u32| -> f32 { self.items.row(item).iter().zip(self.items.row(other)).map(|(x, y)| x * y).sum() };
        let shares = ratings.iter().zip(user.shares).map(|(rating, share)| Contribution {
            model: NAME,
            item: Some(rating.item),
            value: deviation * share * (1.0 + likeness(rating.item)),
        });
        by_size(std::iter::once(own).chain(shares).collect())
    }

    /// By the cosine of the factors.
    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        if item as usize >= self.n_items() {
            return Vec::new();
        }
        nearest_by_cosine(&self.panels, &self.items.factors, item, n)
    }

    fn tensors(&self) -> Tensors {
        let Parameters { width, factors, extras } = &self.items;
        let Scale { mean, deviation, min, max } = self.scale;
        Tensors::new(NAME, self.options.clone())
            .with_f32("item_factors", &[extras.len(), *width], factors.clone())
            .with_f32("item_biases", &[extras.len()], extras.iter().map(|extra| extra.bias).collect())
            .with_f32("scale", &[4], vec![mean, deviation, min, max])
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::linalg::normal;
    use crate::{Interaction, catalogue};

    const N_ITEMS: usize = 80;

    /// Stars that two hidden tastes explain, but for a little noise: the first ones of each user to learn from, the
    /// others to predict.
    fn stars() -> (Interactions, Vec<(u32, u32, f32)>) {
        let mut random = SmallRng::seed_from_u64(1);
        let mut vector = || [normal(&mut random), normal(&mut random), normal(&mut random)];
        let items: Vec<[f64; 3]> = (0..N_ITEMS).map(|_| vector()).collect();
        let users: Vec<[f64; 3]> = (0..300).map(|_| vector()).collect();
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (user, p) in (0..).zip(&users) {
            for n in 0..30 {
                let item = random.random_range(0..N_ITEMS);
                let q = items[item];
                let rating = 3.0 + 0.3 * (p[2] + q[2]) + 0.7 * (p[0] * q[0] + p[1] * q[1]) + 0.2 * normal(&mut random);
                let rating = rating.clamp(1.0, 5.0) as f32;
                match n {
                    0..25 => train.push(Interaction { user, item: item as u32, weight: rating, timestamp: n }),
                    _ => test.push((user, item as u32, rating)),
                }
            }
        }
        (Interactions::new(users.len(), N_ITEMS, &train).unwrap(), test)
    }

    fn rmse(options: &[(&str, &str)]) -> f64 {
        let (train, test) = stars();
        let likes = Interactions::new(300, N_ITEMS, &[]).unwrap();
        let data = TrainingData { ratings: Some(&train), ..TrainingData::new(&likes) };
        let model = catalogue::fit(NAME, options, &data, &FitContext::quiet(1)).unwrap();
        let mut scores = vec![0.0; N_ITEMS];
        let squares = test.iter().map(|&(user, item, rating)| {
            model.score(&History { items: &train.history(user as usize), now: 0 }, &mut scores);
            f64::from(model.rating(scores[item as usize]).unwrap() - rating).powi(2)
        });
        (squares.sum::<f64>() / test.len() as f64).sqrt()
    }

    #[test]
    fn factors_explain_what_biases_cannot() {
        let biases = rmse(&[("factors", "1"), ("epochs", "1")]);
        let factors =
            rmse(&[("factors", "8"), ("epochs", "100"), ("learning_rate", "0.02"), ("regularization", "0.05")]);
        assert!(biases > 0.9 && factors < 0.5, "biases {biases}, factors {factors}");
    }

    #[test]
    fn who_rated_nothing_gets_the_mean_and_the_bias() {
        let cell = |user, item, weight| Interaction { user, item, weight, timestamp: 0 };
        let log = Interactions::new(2, 2, &[cell(0, 0, 5.0), cell(1, 0, 4.0), cell(0, 1, 2.0)]).unwrap();
        let model = catalogue::fit(NAME, &[("factors", "2")], &TrainingData::new(&log), &FitContext::quiet(1)).unwrap();
        let mut scores = [0.0; 2];
        model.score(&History { items: &[], now: 0 }, &mut scores);
        assert!(scores[0] > 11.0 / 3.0 && scores[1] < 11.0 / 3.0, "{scores:?}");
        assert_eq!((model.rating(9.0), model.rating(0.0)), (Some(5.0), Some(2.0)));
    }
}
