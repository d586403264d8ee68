//! Products as vectors, users folded in by least squares: what every model with linear factors serves with.
//!
//! A user has no row of its own. The factors of whoever asks are the exact minimizer, for that one history, of
//! Hu, Koren, Volinsky, *Collaborative Filtering for Implicit Feedback Datasets* (ICDM 2008), with the products fixed:
//! a user who came after training is no special case, and every score is a sum over the products of the history.
//! `rows` has the kernel.

mod by_norm;
mod rows;

use pulp::Arch;
use rayon::prelude::*;

use self::by_norm::{ByNorm, Dots};
pub(crate) use self::rows::{Explain, Fixed, Observed, SolveRows, Solver, Workspace};
use crate::linalg::{LANES, Panels, eigen_symmetric, gram};
use crate::model::by_size;
use crate::rank::top_k;
use crate::ranking::{DEEP, Ranking};
use crate::weighting::Weighting;
use crate::{Contribution, Error, History, Model, Neighbour, Options, Result, Tensors};

/// Product factors in the eigenbasis of their Gramian, ready to score and to fold in.
pub struct FactorModel {
    name: &'static str,
    options: Options,
    settings: FoldIn,
    n_items: usize,
    width: usize,
    /// `n_items × width`.
    item_factors: Vec<f32>,
    /// `α₀` times the eigenvalues of the Gramian of `item_factors`.
    unobserved: Vec<f32>,
    /// The same factors, arranged for products with many users.
    panels: Panels,
    by_norm: ByNorm,
}

/// The least-squares problem of a user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoldIn {
    /// Weight of a product not chosen, beside 1 for a plain event.
    pub alpha: f64,
    pub regularization: f64,
    pub regularization_power: f64,
    pub weighting: Weighting,
    pub half_life_days: f32,
}

impl FoldIn {
    /// `λ_u = λ (Σ_{i∈S} c_i + α₀ |I|)^ν`: Rendle, Krichene, Zhang, Koren, *Revisiting the Performance of iALS on Item
    /// Recommendation Benchmarks* (RecSys 2022), eq. 8, with ν = `regularization_power`.
    pub fn regularization_of(&self, weights: &[f32], n_other: usize) -> f32 {
        let observed: f64 = weights.iter().map(|&c| f64::from(c)).sum();
        (self.regularization * (observed + self.alpha * n_other as f64).powf(self.regularization_power)) as f32
    }
}

/// Replaces rows `h` by `h Q` with `HᵀH = Q diag(γ) Qᵀ`, and the rows of the other side too, so that they remain near the
/// solution. Returns `α₀ γ`.
pub(crate) fn to_eigenbasis(rows: &mut [f32], other: &mut [f32], width: usize, alpha: f64) -> Vec<f32> {
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

impl FactorModel {
    /// From factors in any basis, `width` numbers (whole vectors) per product.
    pub(crate) fn new(
        name: &'static str,
        options: Options,
        settings: FoldIn,
        mut item_factors: Vec<f32>,
        width: usize,
    ) -> Self {
        let unobserved = to_eigenbasis(&mut item_factors, &mut [], width, settings.alpha);
        Self::in_eigenbasis(name, options, settings, item_factors, unobserved)
    }

    fn in_eigenbasis(
        name: &'static str,
        options: Options,
        settings: FoldIn,
        item_factors: Vec<f32>,
        unobserved: Vec<f32>,
    ) -> Self {
        let width = unobserved.len();
        let n_items = item_factors.len() / width;
        let panels = Panels::pack(&item_factors, width);
        let by_norm = ByNorm::new(&item_factors, width);
        Self { name, options, settings, n_items, width, item_factors, unobserved, panels, by_norm }
    }

    pub(crate) fn load(name: &'static str, tensors: &Tensors, options: &Options, settings: FoldIn) -> Result<Self> {
        let (shape, item_factors) = tensors.f32("item_factors", 2)?;
        let (_, unobserved) = tensors.f32("unobserved", 1)?;
        let width = unobserved.len();
        if shape[1] != width || width == 0 || !width.is_multiple_of(LANES) {
            return Err(Error::Artifact(format!(
                "{name}: got `item_factors` {shape:?} and `unobserved` [{width}], wanted rows of whole vectors of {LANES}"
            )));
        }
        Ok(Self::in_eigenbasis(name, options.clone(), settings, item_factors.to_vec(), unobserved.to_vec()))
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Numbers in a row of factors: rounded up to whole vectors.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One row of [`width`](Self::width) numbers per product.
    pub fn item_factors(&self) -> &[f32] {
        &self.item_factors
    }

    /// The factors of a user with this history: the exact solution of the least-squares problem for that one row.
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

impl Model for FactorModel {
    fn name(&self) -> &'static str {
        self.name
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

    fn rank<'a>(&'a self, history: &History<'_>) -> Box<dyn Ranking + 'a> {
        let mut factors = vec![0.0; self.width];
        let is_known = self.fold_in_to(history, &mut factors);
        Box::new(FactorRanking { model: self, factors: Some(factors).filter(|_| is_known) })
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
                .map(|(&item, value)| Contribution { model: self.name, item: Some(item), value })
                .collect(),
        )
    }

    /// By the cosine of the factors.
    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        if item as usize >= self.n_items {
            return Vec::new();
        }
        nearest_by_cosine(&self.panels, &self.item_factors, item, n)
    }

    fn tensors(&self) -> Tensors {
        Tensors::new(self.name, self.options.clone())
            .with_f32("item_factors", &[self.n_items, self.width], self.item_factors.clone())
            .with_f32("unobserved", &[self.width], self.unobserved.clone())
    }
}

/// The products by their dot product with a user's factors; `None` where nothing is known of the user.
struct FactorRanking<'a> {
    model: &'a FactorModel,
    factors: Option<Vec<f32>>,
}

impl Ranking for FactorRanking<'_> {
    fn best(&self, n: usize) -> Vec<(u32, f32)> {
        let Some(factors) = &self.factors else { return Vec::new() };
        if n <= self.model.n_items / DEEP {
            return self.model.by_norm.best(factors, n);
        }
        let mut scores = vec![0.0; self.model.n_items];
        self.model.panels.product(factors, &mut scores);
        top_k(&scores, n.min(scores.len()))
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        let Some(factors) = &self.factors else { return vec![f32::NEG_INFINITY; items.len()] };
        Arch::new().dispatch(Dots { rows: &self.model.item_factors, x: factors, items })
    }
}

/// The `n` rows at the smallest angles to row `item`, which is not among them. `panels` holds the same rows.
pub(crate) fn nearest_by_cosine(panels: &Panels, rows: &[f32], item: u32, n: usize) -> Vec<Neighbour> {
    let width = rows.len() / panels.len();
    let own_row = &rows[item as usize * width..(item as usize + 1) * width];
    let mut cosines = vec![0.0; panels.len()];
    panels.product(own_row, &mut cosines);
    let norm = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
    let own = norm(own_row);
    for (cosine, row) in cosines.iter_mut().zip(rows.chunks_exact(width)) {
        let norms = own * norm(row);
        *cosine = if norms > 0.0 { *cosine / norms } else { f32::NEG_INFINITY };
    }
    cosines[item as usize] = f32::NEG_INFINITY;
    top_k(&cosines, n).into_iter().map(|(item, similarity)| Neighbour { item, similarity }).collect()
}
