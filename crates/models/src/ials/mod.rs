//! Matrix factorization of implicit feedback by alternating least squares.
//!
//! Hu, Koren, Volinsky, *Collaborative Filtering for Implicit Feedback Datasets* (ICDM 2008), with the weight of the
//! unobserved and the frequency-scaled regularization of Rendle, Krichene, Zhang, Koren, *Revisiting the Performance of
//! iALS on Item Recommendation Benchmarks* (RecSys 2022).
//!
//! The model keeps no row for any user: a user is folded in from the history at the moment of the query, with the
//! same code that solved the training rows. `factors` has that code and the model, this file the alternation.

use pulp::Arch;
use rayon::prelude::*;

use crate::factors::{FactorModel, Fixed, FoldIn, Observed, SolveRows, Solver, Workspace, to_eigenbasis};
use crate::linalg::{normals, padded};
use crate::options::{OptionSpec, Range};
use crate::weighting::{HALF_LIFE_DAYS, WEIGHTING, Weighting, weighted};
use crate::{Error, FitContext, Interactions, Model, Options, Result, Tensors, TrainingData};

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

/// Product factors; users are folded in with the code that solved the training rows.
pub type Ials = FactorModel;

fn fold_in(options: &Options) -> FoldIn {
    FoldIn {
        alpha: options.number("alpha"),
        regularization: options.number("regularization"),
        regularization_power: options.number("regularization_power"),
        weighting: Weighting::parse(options.word("weighting")),
        half_life_days: options.number("half_life_days") as f32,
    }
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Ials> {
    let factors = options.count("factors");
    // The standard deviation of Rendle et al.
    let deviation = 0.1 / (factors as f64).sqrt();
    let start = normals(data.interactions.n_items(), factors, padded(factors), deviation, context.seed);
    let solver = match options.count("steps") {
        0 => Solver::Exact,
        n_steps => Solver::Steps(n_steps),
    };
    alternate(start, data.interactions, options, solver, options.count("epochs"), context)
}

/// The model after some more interactions, for the price of `epochs` instead of a whole fit; one is enough for a day's
/// worth. `interactions` is everything so far, users and products may have come: each user is folded in from the whole
/// history, then each product is solved against its users, the new ones like the old.
pub fn update(model: &Ials, interactions: &Interactions, epochs: usize, context: &FitContext<'_>) -> Result<Ials> {
    if interactions.n_items() < model.n_items() {
        return Err(Error::Data(format!(
            "update: got interactions with {} products, wanted at least the {} of the model",
            interactions.n_items(),
            model.n_items()
        )));
    }
    let mut start = model.item_factors().to_vec();
    // A product without factors says nothing about its users until it is solved.
    start.resize(interactions.n_items() * model.width(), 0.0);
    // Nothing is known of the users yet that steps could start from.
    alternate(start, interactions, model.options(), Solver::Exact, epochs, context)
}

/// Solves users and products in turns, from these product factors on.
fn alternate(
    mut item_factors: Vec<f32>,
    interactions: &Interactions,
    options: &Options,
    solver: Solver,
    epochs: usize,
    context: &FitContext<'_>,
) -> Result<Ials> {
    let settings = fold_in(options);
    let by_user = weighted(interactions, settings.weighting, settings.half_life_days);
    let by_item = by_user.transposed();
    let width = padded(options.count("factors"));
    let mut user_factors = vec![0.0; by_user.n_users() * width];
    for epoch in 0..epochs {
        let unobserved = to_eigenbasis(&mut item_factors, &mut user_factors, width, settings.alpha);
        let fixed = Fixed { rows: &item_factors, width, unobserved: &unobserved };
        solve_side(&settings, solver, &by_user, &fixed, &mut user_factors);
        let unobserved = to_eigenbasis(&mut user_factors, &mut item_factors, width, settings.alpha);
        let fixed = Fixed { rows: &user_factors, width, unobserved: &unobserved };
        solve_side(&settings, solver, &by_item, &fixed, &mut item_factors);
        context.step(NAME, epoch + 1, epochs)?;
    }
    Ok(FactorModel::new(NAME, options.clone(), settings, item_factors, width))
}

/// Rows solved as one task.
const TASK: usize = 32;

/// Solves all rows of one side, on all cores. Every row depends on the fixed side only, so threads change nothing.
fn solve_side(settings: &FoldIn, solver: Solver, interactions: &Interactions, fixed: &Fixed<'_>, out: &mut [f32]) {
    let observed = |row: usize| {
        let cells = interactions.row(row);
        let regularization = settings.regularization_of(cells.weights, interactions.n_items());
        Observed { items: cells.items, weights: cells.weights, regularization }
    };
    out.par_chunks_mut(TASK * fixed.width).enumerate().for_each_init(Workspace::default, |workspace, (task, out)| {
        let rows = SolveRows { solver, fixed, workspace, first: task * TASK, observed: &observed, out };
        Arch::new().dispatch(rows);
    });
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<Ials> {
    FactorModel::load(NAME, tensors, options, fold_in(options))
}

#[cfg(test)]
mod tests;
