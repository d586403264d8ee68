//! Product vectors from who chose what together, by skip-gram with negative sampling.
//!
//! Barkan, Koenigstein, *Item2Vec: Neural Item Embedding for Collaborative Filtering* (MLSP 2016), after Mikolov et al.,
//! *Distributed Representations of Words and Phrases and their Compositionality* (NIPS 2013). A history is a set: every
//! product of it is context to every other one, a few of them by lot in each epoch.

use pulp::Simd;
use rand::Rng;
use rand::rngs::SmallRng;

use crate::factors::nearest_by_cosine;
use crate::linalg::{Panels, dot, padded};
use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::pairwise::{self, popularity};
use crate::sgd::kernels::{Move, along, log_loss, sigmoid};
use crate::sgd::{Block, Cells, Learner, Parameters, Strata};
use crate::stopping::{Epochs, Patience};
use crate::{
    Contribution, Error, FitContext, History, Interactions, Model, Neighbour, Options, Result, Tensors, TrainingData,
};

pub const NAME: &str = "item2vec";
pub const ABOUT: &str = "product vectors from who chose what together (skip-gram with negative sampling)";

pub const OPTIONS: &[OptionSpec] = &[
    pairwise::FACTORS,
    pairwise::EPOCHS,
    pairwise::PATIENCE,
    OptionSpec::number("learning_rate", 0.01, 1e-6, 1.0, "step along the gradient").search(Range::Log(0.003, 0.1)),
    OptionSpec::count("window", 5, 1, 1000, "other products of a history that each of its products meets in an epoch")
        .search(Range::Log(2.0, 20.0)),
    OptionSpec::count("negatives", 5, 1, 100, "random products beside each product that was met")
        .search(Range::Log(2.0, 20.0)),
    pairwise::popularity_power(0.5),
    OptionSpec::number(
        "half_life_days",
        0.0,
        0.0,
        3650.0,
        "days after which a product of the history counts half; 0 means never",
    )
    .search(Range::Log(7.0, 3650.0)),
];

/// One of two vectors for each product: as it is chosen, and as it is met in the histories of others.
pub struct Item2Vec {
    options: Options,
    n_items: usize,
    width: usize,
    vectors: Vec<f32>,
    contexts: Vec<f32>,
    panels: Panels,
    context_panels: Panels,
}

struct SkipGram<'a> {
    by_user: &'a Interactions,
    by_item: &'a Interactions,
    learning_rate: f32,
    window: usize,
    n_negatives: usize,
}

impl Learner for SkipGram<'_> {
    /// Of each history that holds the product, other products by lot.
    fn cells(&self, row: u32, random: &mut SmallRng, mut found: impl FnMut(u32, f32)) {
        for &user in self.by_item.row(row as usize).items {
            let others = self.by_user.row(user as usize).items;
            for _ in 0..self.window.min(others.len() - 1) {
                let other = others[random.random_range(0..others.len() as u32) as usize];
                if other != row {
                    found(other, 1.0);
                }
            }
        }
    }

    #[inline(always)]
    fn learn<S: Simd>(
        &self,
        simd: S,
        rows: &mut Block,
        columns: &mut Block,
        cells: &Cells,
        random: &mut SmallRng,
    ) -> f64 {
        let (centers, contexts) = (&mut rows.parameters, &mut columns.parameters);
        let mut losses = 0.0;
        let mut gradient = vec![0.0; centers.width];
        for cell in &cells.shuffled {
            gradient.fill(0.0);
            for n in 0..=self.n_negatives {
                let context = if n == 0 { cell.column } else { columns.lottery.draw(random) };
                if n > 0 && context == cell.column {
                    continue;
                }
                let center = centers.row(cell.row);
                let likely = sigmoid(dot(simd, center, contexts.row(context)));
                let (error, loss) =
                    if n == 0 { (1.0 - likely, log_loss(likely)) } else { (-likely, log_loss(1.0 - likely)) };
                losses += f64::from(loss);
                let by = Move { keep: 1.0, step: self.learning_rate * error };
                along(simd, &mut gradient, by, contexts.row(context));
                along(simd, contexts.row_mut(context), by, center);
            }
            along(simd, centers.row_mut(cell.row), Move { keep: 1.0, step: 1.0 }, &gradient);
        }
        losses
    }
}

struct Fit<'a> {
    options: &'a Options,
    by_user: Interactions,
    by_item: Interactions,
    strata: Strata,
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Item2Vec> {
    let patience = Patience { max_epochs: options.count("epochs"), patience: options.count("patience") };
    patience.fit(NAME, data.interactions, context, |interactions| {
        let by_user = interactions.merged();
        let chances = popularity(&by_user, options.number("popularity_power"));
        let factors = options.count("factors");
        let deviation = 0.1 / (factors as f64).sqrt();
        let strata = Strata::new(by_user.n_items(), chances, factors, deviation, context.seed);
        Fit { options, by_item: by_user.transposed(), by_user, strata }
    })
}

impl Epochs for Fit<'_> {
    type Model = Item2Vec;

    fn epoch(&mut self) -> f64 {
        self.strata.epoch(&SkipGram {
            by_user: &self.by_user,
            by_item: &self.by_item,
            learning_rate: self.options.number("learning_rate") as f32,
            window: self.options.count("window"),
            n_negatives: self.options.count("negatives"),
        })
    }

    fn model(&self) -> Item2Vec {
        let Parameters { width, factors, .. } = self.strata.gathered_rows();
        Item2Vec::new(self.options.clone(), width, factors, self.strata.columns().factors.clone())
    }
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<Item2Vec> {
    let (shape, vectors) = tensors.f32("vectors", 2)?;
    let (context_shape, contexts) = tensors.f32("contexts", 2)?;
    let width = padded(options.count("factors"));
    if shape != context_shape || shape[1] != width {
        return Err(Error::Artifact(format!(
            "item2vec: got `vectors` {shape:?} and `contexts` {context_shape:?}, wanted [products, {width}] for both"
        )));
    }
    Ok(Item2Vec::new(options.clone(), width, vectors.to_vec(), contexts.to_vec()))
}

impl Item2Vec {
    fn new(options: Options, width: usize, vectors: Vec<f32>, contexts: Vec<f32>) -> Self {
        let (panels, context_panels) = (Panels::pack(&vectors, width), Panels::pack(&contexts, width));
        Self { options, n_items: vectors.len() / width, width, vectors, contexts, panels, context_panels }
    }

    /// Products of the history with their share in the mean.
    fn shares(&self, history: &History<'_>) -> Vec<(u32, f32)> {
        let (items, weights) = history.merged(self.n_items, self.options.number("half_life_days") as f32);
        let total: f32 = weights.iter().sum();
        items.into_iter().zip(weights).map(|(item, weight)| (item, weight / total)).collect()
    }

    fn vector(&self, item: u32) -> &[f32] {
        &self.vectors[item as usize * self.width..(item as usize + 1) * self.width]
    }

    fn context(&self, item: u32) -> &[f32] {
        &self.contexts[item as usize * self.width..(item as usize + 1) * self.width]
    }
}

impl Model for Item2Vec {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    /// How likely the mean of the history's vectors meets each product.
    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        let shares = self.shares(history);
        if shares.is_empty() {
            scores.fill(f32::NEG_INFINITY);
            return;
        }
        let mut mean = vec![0.0; self.width];
        for (item, share) in shares {
            mean.iter_mut().zip(self.vector(item)).for_each(|(m, v)| *m += share * v);
        }
        self.context_panels.product(&mean, scores);
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        if item as usize >= self.n_items {
            return Vec::new();
        }
        let product =
            |other: u32| -> f32 { self.vector(other).iter().zip(self.context(item)).map(|(x, y)| x * y).sum() };
        let shares = self.shares(history).into_iter();
        by_size(
            shares
                .map(|(other, share)| Contribution { model: NAME, item: Some(other), value: share * product(other) })
                .collect(),
        )
    }

    /// By the cosine of the vectors.
    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        if item as usize >= self.n_items {
            return Vec::new();
        }
        nearest_by_cosine(&self.panels, &self.vectors, item, n)
    }

    fn tensors(&self) -> Tensors {
        let shape = [self.n_items, self.width];
        Tensors::new(NAME, self.options.clone()).with_f32("vectors", &shape, self.vectors.clone()).with_f32(
            "contexts",
            &shape,
            self.contexts.clone(),
        )
    }
}
