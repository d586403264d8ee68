//! Matrix factorization of implicit feedback by alternating least squares.
//!
//! Hu, Koren, Volinsky, *Collaborative Filtering for Implicit Feedback Datasets* (ICDM 2008), with the weight of the
//! unobserved and the frequency-scaled regularization of Rendle, Krichene, Zhang, Koren, *Revisiting the Performance of
//! iALS on Item Recommendation Benchmarks* (RecSys 2022).
//!
//! The model keeps no row for any user: a user is folded in from the history at the moment of the query, with the
//! same code that solved the training rows. `rows` has the kernel, this file the alternation and the model.

mod rows;

use pulp::Arch;
use rayon::prelude::*;

use self::rows::{Explain, Fixed, Observed, SolveRows, Solver, Workspace};
use crate::linalg::{Panels, eigen_symmetric, gram, normals, padded};
use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::rank::top_k;
use crate::weighting::{HALF_LIFE_DAYS, WEIGHTING, Weighting, weighted};
use crate::{
    Contribution, Error, FitContext, History, Interactions, Model, Neighbour, Options, Result, Tensors, TrainingData,
};

pub const NAME: &str = "ials";
pub const ABOUT: &str = "matrix factorization by implicit alternating least squares, with exact fold-in of new users";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("factors", 128, 1, 4096, "numbers per product; more are better and slower")
        .search(Range::Log(32.0, 512.0)),
    OptionSpec::count("epochs", 16, 1, 1000, "times that users and products are solved")
        .search(Range::Linear(6.0, 24.0)),
    OptionSpec::number(
        "alpha",
        0.03,
        1e-6,
        1e3,
        "weight of a product not chosen, beside 1 for a plain event; smaller for sparser data",
    )
    .search(Range::Log(0.003, 1.0)),
    OptionSpec::count(
        "steps",
        3,
        0,
        100,
        "conjugate gradient steps for each user and product in an epoch; 0 solves them exactly, as new users always are",
    ),
    OptionSpec::number("regularization", 3.0, 1e-9, 1e6, "pull of all factors towards 0").search(Range::Log(0.1, 30.0)),
    OptionSpec::number(
        "regularization_power",
        0.0,
        0.0,
        2.0,
        "how much more a frequent user or product is pulled: λ (weight of its events + alpha · size of the other side)^power",
    ),
    WEIGHTING,
    HALF_LIFE_DAYS,
];

/// Product factors in the eigenbasis of their Gramian, ready to score and to fold in.
pub struct Ials {
    options: Options,
    settings: Settings,
    n_items: usize,
    width: usize,
    /// `n_items × width`.
    item_factors: Vec<f32>,
    /// `α₀` times the eigenvalues of the Gramian of `item_factors`.
    unobserved: Vec<f32>,
    /// The same factors, arranged for products with many users.
    panels: Panels,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    factors: usize,
    epochs: usize,
    solver: Solver,
    alpha: f64,
    regularization: f64,
    regularization_power: f64,
    weighting: Weighting,
    half_life_days: f32,
}

impl Settings {
    fn new(options: &Options) -> Self {
        Self {
            factors: options.count("factors"),
            epochs: options.count("epochs"),
            solver: match options.count("steps") {
                0 => Solver::Exact,
                n_steps => Solver::Steps(n_steps),
            },
            alpha: options.number("alpha"),
            regularization: options.number("regularization"),
            regularization_power: options.number("regularization_power"),
            weighting: Weighting::parse(options.word("weighting")),
            half_life_days: options.number("half_life_days") as f32,
        }
    }

    /// `λ_u = λ (Σ_{i∈S} c_i + α₀ |I|)^ν`: Rendle et al., eq. 8, with ν = `regularization_power`.
    fn regularization_of(&self, weights: &[f32], n_other: usize) -> f32 {
        let observed: f64 = weights.iter().map(|&c| f64::from(c)).sum();
        (self.regularization * (observed + self.alpha * n_other as f64).powf(self.regularization_power)) as f32
    }
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Ials> {
    let settings = Settings::new(options);
    let by_user = weighted(data.interactions, settings.weighting, settings.half_life_days);
    let by_item = by_user.transposed();
    let (n_users, n_items) = (by_user.n_users(), by_item.n_users());
    let width = padded(settings.factors);

    // The standard deviation of Rendle et al.
    let deviation = 0.1 / (settings.factors as f64).sqrt();
    let mut item_factors = normals(n_items, settings.factors, width, deviation, context.seed);
    let mut user_factors = vec![0.0; n_users * width];
    for epoch in 0..settings.epochs {
        let unobserved = to_eigenbasis(&mut item_factors, &mut user_factors, width, settings.alpha);
        let fixed = Fixed { rows: &item_factors, width, unobserved: &unobserved };
        solve_side(&settings, &by_user, &fixed, &mut user_factors);
        let unobserved = to_eigenbasis(&mut user_factors, &mut item_factors, width, settings.alpha);
        let fixed = Fixed { rows: &user_factors, width, unobserved: &unobserved };
        solve_side(&settings, &by_item, &fixed, &mut item_factors);
        context.step(NAME, epoch + 1, settings.epochs)?;
    }
    let unobserved = to_eigenbasis(&mut item_factors, &mut [], width, settings.alpha);
    Ok(Ials::new(options.clone(), item_factors, unobserved, n_items))
}

/// Replaces rows `h` by `h Q` with `HᵀH = Q diag(γ) Qᵀ`, and the rows of the other side too, so that they remain near the
/// solution. Returns `α₀ γ`.
fn to_eigenbasis(rows: &mut [f32], other: &mut [f32], width: usize, alpha: f64) -> Vec<f32> {
    let eigen = eigen_symmetric(gram(rows, width), width);
    let vectors: Vec<f32> = eigen.vectors.iter().map(|&x| x as f32).collect();
    let rotation = Panels::pack(&vectors, width);
    let rotate = |block: &mut [f32]| {
        let before = block.to_vec();
        rotation.product(&before, block);
    };
    rows.par_chunks_mut(64 * width).for_each(rotate);
    other.par_chunks_mut(64 * width).for_each(rotate);
    eigen.values.iter().map(|value| (alpha * value.max(0.0)) as f32).collect()
}

/// Rows solved as one task.
const TASK: usize = 32;

/// Solves all rows of one side, on all cores. Every row depends on the fixed side only, so threads change nothing.
fn solve_side(settings: &Settings, interactions: &Interactions, fixed: &Fixed<'_>, out: &mut [f32]) {
    let observed = |row: usize| {
        let cells = interactions.row(row);
        let regularization = settings.regularization_of(cells.weights, interactions.n_items());
        Observed { items: cells.items, weights: cells.weights, regularization }
    };
    out.par_chunks_mut(TASK * fixed.width).enumerate().for_each_init(Workspace::default, |workspace, (task, out)| {
        let rows =
            SolveRows { solver: settings.solver, fixed, workspace, first: task * TASK, observed: &observed, out };
        Arch::new().dispatch(rows);
    });
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<Ials> {
    let (shape, item_factors) = tensors.f32("item_factors", 2)?;
    let (_, unobserved) = tensors.f32("unobserved", 1)?;
    let width = padded(options.count("factors"));
    if shape[1] != width || unobserved.len() != width {
        return Err(Error::Artifact(format!(
            "ials: got `item_factors` {shape:?} and `unobserved` [{}], wanted [products, {width}] and [{width}]",
            unobserved.len()
        )));
    }
    Ok(Ials::new(options.clone(), item_factors.to_vec(), unobserved.to_vec(), shape[0]))
}

impl Ials {
    fn new(options: Options, item_factors: Vec<f32>, unobserved: Vec<f32>, n_items: usize) -> Self {
        let settings = Settings::new(&options);
        let width = padded(settings.factors);
        let panels = Panels::pack(&item_factors, width);
        Self { options, settings, n_items, width, item_factors, unobserved, panels }
    }

    /// Numbers in a row of factors: `factors` rounded up to whole vectors.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One row of [`width`](Self::width) numbers per product.
    pub fn item_factors(&self) -> &[f32] {
        &self.item_factors
    }

    /// The factors of a user with this history: the exact solution of the training problem for that one row.
    pub fn fold_in(&self, history: &History<'_>) -> Vec<f32> {
        let mut factors = vec![0.0; self.width];
        self.fold_in_to(history, &mut factors);
        factors
    }

    /// Whether there was anything to fold in.
    fn fold_in_to(&self, history: &History<'_>, factors: &mut [f32]) -> bool {
        let (items, weights) = self.observations(history);
        let observed = self.observed(&items, &weights);
        Arch::new().dispatch(SolveRows {
            solver: Solver::Exact,
            fixed: &self.fixed(),
            workspace: &mut Workspace::default(),
            first: 0,
            observed: &|_| observed,
            out: factors,
        });
        !items.is_empty()
    }

    fn observations(&self, history: &History<'_>) -> (Vec<u32>, Vec<f32>) {
        let (items, mut weights) = history.merged(self.n_items, self.settings.half_life_days);
        weights.iter_mut().for_each(|w| *w = self.settings.weighting.apply(*w).max(f32::MIN_POSITIVE));
        (items, weights)
    }

    fn observed<'a>(&self, items: &'a [u32], weights: &'a [f32]) -> Observed<'a> {
        Observed { items, weights, regularization: self.settings.regularization_of(weights, self.n_items) }
    }

    fn fixed(&self) -> Fixed<'_> {
        Fixed { rows: &self.item_factors, width: self.width, unobserved: &self.unobserved }
    }

    fn item_row(&self, item: u32) -> &[f32] {
        &self.item_factors[item as usize * self.width..(item as usize + 1) * self.width]
    }
}

impl Model for Ials {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        self.score_batch(&[*history], scores);
    }

    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        let mut factors = vec![0.0; histories.len() * self.width];
        let known: Vec<bool> = histories
            .iter()
            .zip(factors.chunks_exact_mut(self.width))
            .map(|(history, row)| self.fold_in_to(history, row))
            .collect();
        self.panels.product(&factors, scores);
        for (known, scores) in known.into_iter().zip(scores.chunks_exact_mut(self.n_items.max(1))) {
            if !known {
                scores.fill(f32::NEG_INFINITY);
            }
        }
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        if item as usize >= self.n_items {
            return Vec::new();
        }
        let (items, weights) = self.observations(history);
        let observed = self.observed(&items, &weights);
        let values = Arch::new().dispatch(Explain { fixed: &self.fixed(), observed, h: self.item_row(item) });
        by_size(
            items
                .iter()
                .zip(values)
                .map(|(&item, value)| Contribution { model: NAME, item: Some(item), value })
                .collect(),
        )
    }

    /// By the cosine of the factors.
    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        if item as usize >= self.n_items {
            return Vec::new();
        }
        let mut products = vec![0.0; self.n_items];
        self.panels.product(self.item_row(item), &mut products);
        let norm = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
        let own = norm(self.item_row(item));
        for (product, row) in products.iter_mut().zip(self.item_factors.chunks_exact(self.width)) {
            let norms = own * norm(row);
            *product = if norms > 0.0 { *product / norms } else { f32::NEG_INFINITY };
        }
        products[item as usize] = f32::NEG_INFINITY;
        top_k(&products, n).into_iter().map(|(item, similarity)| Neighbour { item, similarity }).collect()
    }

    fn tensors(&self) -> Tensors {
        Tensors::new(NAME, self.options.clone())
            .with_f32("item_factors", &[self.n_items, self.width], self.item_factors.clone())
            .with_f32("unobserved", &[self.width], self.unobserved.clone())
    }
}

#[cfg(test)]
mod tests;
