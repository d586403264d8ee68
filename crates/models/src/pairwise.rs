//! Ranking by pairs: of a product that the user chose and one that the user did not, the first should score higher.
//! What `bpr` and `warp` have in common.

use pulp::{Arch, Simd, WithSimd};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::factors::nearest_by_cosine;
use crate::linalg::{Panels, add_scaled, padded};
use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::sgd::kernels::{Move, along_difference, compare, part, two_rows};
use crate::sgd::{Block, Cell, Cells, Extra, Learner, Lottery, Parameters, Strata, adagrad, shuffle};
use crate::stopping::{Epochs, Patience};
use crate::weighting::{Weighting, weighted};
use crate::{
    Contribution, Error, FitContext, History, Interactions, Model, Neighbour, Options, Result, Tensors, TrainingData,
};

pub(crate) const FACTORS: OptionSpec =
    OptionSpec::count("factors", 64, 1, 4096, "numbers per product; more are better and slower")
        .search(Range::Log(16.0, 256.0));
pub(crate) const EPOCHS: OptionSpec = OptionSpec::count("epochs", 100, 1, 10_000, "most times through the data");
pub(crate) const PATIENCE: OptionSpec = OptionSpec::count(
    "patience",
    4,
    0,
    1000,
    "judgements (every fifth epoch, on held-out events) without a better one before the fit stops; 0 goes through all epochs",
);
pub(crate) const LEARNING_RATE: OptionSpec =
    OptionSpec::number("learning_rate", 0.05, 1e-6, 10.0, "first step of AdaGrad").search(Range::Log(0.01, 0.3));
pub(crate) const fn regularization(default: f64) -> OptionSpec {
    OptionSpec::number("regularization", default, 0.0, 100.0, "pull of factors and biases towards 0 in training")
        .search(Range::Log(0.001, 1.0))
}
pub(crate) const fn popularity_power(default: f64) -> OptionSpec {
    OptionSpec::number(
        "popularity_power",
        default,
        0.0,
        2.0,
        "chance of a product to be compared with: (1 + its users)^power; 0 draws all alike",
    )
    .search(Range::Linear(0.0, 1.0))
}
pub(crate) const fn fold_in_epochs(default: usize) -> OptionSpec {
    OptionSpec::count("fold_in_epochs", default, 1, 1000, "times through a history to find the factors of its user")
}

/// Finds a product that is ranked too high beside the chosen one.
pub trait Opponent: Send + Sync + Copy {
    /// The opponent, how it stands and how hard to part the two; `None` when there is nothing to learn.
    fn find<S: Simd>(&self, simd: S, match_up: &MatchUp<'_>, random: &mut SmallRng) -> Option<Lesson>;
}

/// One user and one chosen product among the candidates of a block.
pub struct MatchUp<'a> {
    user: u32,
    item: u32,
    rows: &'a Block,
    columns: &'a Block,
    /// Which of `columns` the user chose, sorted.
    chosen: &'a [u32],
    pub n_items: usize,
}

/// How far the chosen product is ahead of an opponent.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub opponent: u32,
    pub lead: f32,
    /// `‖q_i − q_j‖²` and `‖p‖²`.
    squares: (f32, f32),
}

/// What to learn from a pair.
pub struct Lesson {
    pub standing: Standing,
    /// `−∂loss/∂lead`.
    pub pull: f32,
    pub loss: f32,
}

impl MatchUp<'_> {
    /// A product by lot, unless the user chose that one too.
    #[inline(always)]
    pub fn draw<S: Simd>(&self, simd: S, random: &mut SmallRng) -> Option<Standing> {
        let opponent = self.columns.lottery.draw(random);
        if self.chosen.binary_search(&opponent).is_ok() {
            return None;
        }
        let items = &self.columns.parameters;
        let [ahead, apart, own] =
            compare(simd, self.rows.parameters.row(self.user), items.row(self.item), items.row(opponent));
        let lead = ahead + items.extras[self.item as usize].bias - items.extras[opponent as usize].bias;
        Some(Standing { opponent, lead, squares: (apart, own) })
    }
}

struct Pairwise<'a, O> {
    opponent: O,
    by_user: &'a Interactions,
    rates: Rates,
}

impl<O: Opponent> Learner for Pairwise<'_, O> {
    fn cells(&self, row: u32, _: &mut SmallRng, mut found: impl FnMut(u32, f32)) {
        let row = self.by_user.row(row as usize);
        row.items.iter().zip(row.weights).for_each(|(&item, &weight)| found(item, weight));
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
        let mut losses = 0.0;
        for cell in &cells.shuffled {
            let match_up = MatchUp {
                user: cell.row,
                item: cell.column,
                rows,
                columns,
                chosen: cells.columns_of(cell.row),
                n_items: self.by_user.n_items(),
            };
            if let Some(lesson) = self.opponent.find(simd, &match_up, random) {
                losses += f64::from(cell.value * lesson.loss);
                self.teach(simd, &mut rows.parameters, &mut columns.parameters, cell, &lesson);
            }
        }
        losses
    }
}

impl<O> Pairwise<'_, O> {
    #[inline(always)]
    fn teach<S: Simd>(&self, simd: S, users: &mut Parameters, items: &mut Parameters, cell: &Cell, lesson: &Lesson) {
        let Standing { opponent, squares: (apart, own), .. } = lesson.standing;
        let pull = cell.value * lesson.pull;
        let (i, j) = (cell.column as usize, opponent as usize);
        self.rates.bias(&mut items.extras[i], pull);
        self.rates.bias(&mut items.extras[j], -pull);
        let moves = (
            self.rates.along(&mut users.extras[cell.row as usize], pull, apart / users.width as f32),
            self.rates.along(&mut items.extras[i], pull, own / users.width as f32),
            self.rates.along(&mut items.extras[j], pull, own / users.width as f32),
        );
        let (chosen, other) = two_rows(&mut items.factors, items.width, i, j);
        part(simd, (users.row_mut(cell.row), moves.0), (chosen, moves.1), (other, moves.2));
    }
}

struct Fit<'a, O> {
    name: &'static str,
    options: &'a Options,
    opponent: O,
    by_user: Interactions,
    strata: Strata,
}

/// Fits by pairs of chosen products and what `opponent` finds.
pub(crate) fn fit<O: Opponent>(
    name: &'static str,
    opponent: O,
    data: &TrainingData<'_>,
    options: &Options,
    context: &FitContext<'_>,
) -> Result<PairwiseModel<O>> {
    let settings = Weighing::new(options);
    let patience = Patience { max_epochs: options.count("epochs"), patience: options.count("patience") };
    patience.fit(name, data.interactions, context, |interactions| {
        let by_user = weighted(interactions, settings.weighting, settings.half_life_days);
        let factors = options.count("factors");
        let chances = popularity(&by_user, options.number("popularity_power"));
        let deviation = 0.1 / (factors as f64).sqrt();
        let strata = Strata::new(by_user.n_users(), chances, factors, deviation, context.seed);
        Fit { name, options, opponent, by_user, strata }
    })
}

/// `(1 + users who chose it)^power` of each product.
pub(crate) fn popularity(by_user: &Interactions, power: f64) -> Vec<f32> {
    let mut counts = vec![1.0f64; by_user.n_items()];
    by_user.rows().flat_map(|row| row.items).for_each(|&item| counts[item as usize] += 1.0);
    counts.into_iter().map(|count| count.powf(power) as f32).collect()
}

impl<O: Opponent> Epochs for Fit<'_, O> {
    type Model = PairwiseModel<O>;

    fn epoch(&mut self) -> f64 {
        self.strata.epoch(&Pairwise {
            opponent: self.opponent,
            by_user: &self.by_user,
            rates: Rates::new(self.options),
        })
    }

    fn model(&self) -> PairwiseModel<O> {
        PairwiseModel::new(
            self.name,
            self.options.clone(),
            self.opponent,
            self.strata.columns().clone(),
            self.strata.column_weights().to_vec(),
        )
    }
}

/// What the events of a history count.
#[derive(Debug, Clone, Copy)]
struct Weighing {
    weighting: Weighting,
    half_life_days: f32,
}

impl Weighing {
    fn new(options: &Options) -> Self {
        Self {
            weighting: Weighting::parse(options.word("weighting")),
            half_life_days: options.number("half_life_days") as f32,
        }
    }
}

/// Product factors. A user is folded in by the learning that made them, products fixed.
pub struct PairwiseModel<O> {
    name: &'static str,
    options: Options,
    opponent: O,
    weighing: Weighing,
    rates: Rates,
    items: Block,
    chances: Vec<f32>,
    panels: Panels,
}

impl<O: Opponent> PairwiseModel<O> {
    fn new(name: &'static str, options: Options, opponent: O, items: Parameters, chances: Vec<f32>) -> Self {
        let panels = Panels::pack(&items.factors, items.width);
        let (weighing, rates) = (Weighing::new(&options), Rates::new(&options));
        let items =
            Block { ids: (0..items.extras.len() as u32).collect(), parameters: items, lottery: Lottery::new(&chances) };
        Self { name, options, opponent, weighing, rates, items, chances, panels }
    }

    /// The factors of a user with these products, by the learning that made the products' own: they start at 0 and go
    /// `fold_in_epochs` times through the history; the result is their mean over the second half of the way, which takes
    /// out the noise of the draws. For `n_parts` = number of products also what each of them has in it, row by row.
    fn fold_in(&self, items: &[u32], weights: &[f32], n_parts: usize) -> (Vec<f32>, Vec<f32>) {
        Arch::new().dispatch(FoldIn { model: self, items, weights, n_parts })
    }

    fn observations(&self, history: &History<'_>) -> (Vec<u32>, Vec<f32>) {
        let (items, mut weights) = history.merged(self.items.ids.len(), self.weighing.half_life_days);
        weights.iter_mut().for_each(|w| *w = self.weighing.weighting.apply(*w));
        (items, weights)
    }
}

struct FoldIn<'a, O> {
    model: &'a PairwiseModel<O>,
    items: &'a [u32],
    weights: &'a [f32],
    n_parts: usize,
}

impl<O: Opponent> WithSimd for FoldIn<'_, O> {
    type Output = (Vec<f32>, Vec<f32>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (Vec<f32>, Vec<f32>) {
        let Self { model, items: chosen, weights, n_parts } = self;
        let items = &model.items.parameters;
        let (width, n_items) = (items.width, items.extras.len());
        let mut user = Block { ids: vec![0], parameters: Parameters::zeros(1, width), lottery: Lottery::new(&[]) };
        let mut parts = Parts { rows: vec![0.0; n_parts * width], shrunk: 1.0 };
        let (mut mean, mut mean_parts) = (vec![0.0; width], vec![0.0; n_parts * width]);
        let mut random = SmallRng::seed_from_u64(0);
        let mut order: Vec<usize> = (0..chosen.len()).collect();
        let n_epochs = model.options.count("fold_in_epochs");
        let n_averaged = n_epochs - n_epochs / 2;
        for epoch in 0..n_epochs {
            shuffle(&mut order, &mut random);
            for &at in &order {
                let item = chosen[at];
                let match_up = MatchUp { user: 0, item, rows: &user, columns: &model.items, chosen, n_items };
                let Some(lesson) = model.opponent.find(simd, &match_up, &mut random) else { continue };
                let pull = weights[at] * lesson.pull;
                let user = &mut user.parameters;
                let by = model.rates.along(&mut user.extras[0], pull, lesson.standing.squares.0 / width as f32);
                let (up, down) = (items.row(item), items.row(lesson.standing.opponent));
                along_difference(simd, &mut user.factors, by, up, down);
                if n_parts > 0 {
                    parts.step(simd, at, by, up, down);
                }
            }
            if epoch >= n_epochs - n_averaged {
                let share = 1.0 / n_averaged as f32;
                add_scaled(simd, &mut mean, share, &user.parameters.factors);
                add_scaled(simd, &mut mean_parts, share * parts.shrunk, &parts.rows);
            }
        }
        (mean, mean_parts)
    }
}

/// Who brought what into the factors of a user.
struct Parts {
    /// To be multiplied by `shrunk`: every step shrinks all rows alike.
    rows: Vec<f32>,
    shrunk: f32,
}

impl Parts {
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S, at: usize, by: Move, up: &[f32], down: &[f32]) {
        self.shrunk *= by.keep;
        if self.shrunk.abs() < 1e-6 {
            self.rows.iter_mut().for_each(|x| *x *= self.shrunk);
            self.shrunk = 1.0;
        }
        let row = &mut self.rows[at * up.len()..(at + 1) * up.len()];
        along_difference(simd, row, Move { keep: 1.0, step: by.step / self.shrunk }, up, down);
    }
}

pub(crate) fn load<O: Opponent>(
    name: &'static str,
    opponent: O,
    tensors: &Tensors,
    options: &Options,
) -> Result<PairwiseModel<O>> {
    let (shape, factors) = tensors.f32("item_factors", 2)?;
    let (_, biases) = tensors.f32("item_biases", 1)?;
    let (_, chances) = tensors.f32("chances", 1)?;
    let &[n_items, width] = shape else { unreachable!("two dimensions") };
    let is_chance = |chance: &f32| *chance > 0.0 && chance.is_finite();
    if width != padded(options.count("factors"))
        || [biases.len(), chances.len()] != [n_items; 2]
        || !chances.iter().all(is_chance)
    {
        return Err(Error::Artifact(format!(
            "{name}: `item_factors`, `item_biases` and `chances` do not fit together"
        )));
    }
    let extras = biases.iter().map(|&bias| Extra { bias, ..Extra::default() }).collect();
    let items = Parameters { width, factors: factors.to_vec(), extras };
    Ok(PairwiseModel::new(name, options.clone(), opponent, items, chances.to_vec()))
}

/// Steps of AdaGrad against a quadratic pull towards 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    learning_rate: f32,
    regularization: f32,
}

impl Rates {
    pub fn new(options: &Options) -> Self {
        Self {
            learning_rate: options.number("learning_rate") as f32,
            regularization: options.number("regularization") as f32,
        }
    }

    /// A step of `pull` along a direction with this mean square.
    #[inline(always)]
    pub fn along(self, extra: &mut Extra, pull: f32, square: f32) -> Move {
        let rate = adagrad(self.learning_rate, &mut extra.squares, pull * pull * square);
        Move { keep: (1.0 - rate * self.regularization).max(0.0), step: rate * pull }
    }

    #[inline(always)]
    pub fn bias(self, extra: &mut Extra, pull: f32) {
        let rate = adagrad(self.learning_rate, &mut extra.bias_squares, pull * pull);
        extra.bias += rate * (pull - self.regularization * extra.bias);
    }
}

impl<O: Opponent> Model for PairwiseModel<O> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn n_items(&self) -> usize {
        self.items.ids.len()
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        self.score_batch(&[*history], scores);
    }

    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        let mut users = Vec::new();
        let known: Vec<bool> = histories
            .iter()
            .map(|history| {
                let (items, weights) = self.observations(history);
                users.extend(self.fold_in(&items, &weights, 0).0);
                !items.is_empty()
            })
            .collect();
        self.panels.product(&users, scores);
        for (known, scores) in known.into_iter().zip(scores.chunks_exact_mut(self.n_items().max(1))) {
            if known {
                scores.iter_mut().zip(&self.items.parameters.extras).for_each(|(score, extra)| *score += extra.bias);
            } else {
                scores.fill(f32::NEG_INFINITY);
            }
        }
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        let (items, weights) = self.observations(history);
        if item as usize >= self.n_items() || items.is_empty() {
            return Vec::new();
        }
        let Parameters { width, extras, .. } = &self.items.parameters;
        let (_, parts) = self.fold_in(&items, &weights, items.len());
        let own = self.items.parameters.row(item);
        let bias = Contribution { model: self.name, item: None, value: extras[item as usize].bias };
        let parts = items.iter().zip(parts.chunks_exact(*width)).map(|(&source, part)| Contribution {
            model: self.name,
            item: Some(source),
            value: part.iter().zip(own).map(|(x, y)| x * y).sum(),
        });
        by_size(std::iter::once(bias).chain(parts).collect())
    }

    /// By the cosine of the factors.
    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        if item as usize >= self.n_items() {
            return Vec::new();
        }
        nearest_by_cosine(&self.panels, &self.items.parameters.factors, item, n)
    }

    fn tensors(&self) -> Tensors {
        let Parameters { width, factors, extras } = &self.items.parameters;
        Tensors::new(self.name, self.options.clone())
            .with_f32("item_factors", &[extras.len(), *width], factors.clone())
            .with_f32("item_biases", &[extras.len()], extras.iter().map(|extra| extra.bias).collect())
            .with_f32("chances", &[extras.len()], self.chances.clone())
    }
}
