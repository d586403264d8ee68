//! A walk of three steps over the graph of users and products, damped where it ends at what everybody knows.
//!
//! Paudel, Christoffel, Newell, Bernstein, *Updatable, Accurate, Diverse, and Scalable Recommendations for Interactive
//! Applications* (TiiS 2016), RP³β; the exponent α on the probabilities is that of Cooper et al., *Random Walks in
//! Recommender Systems* (WWW 2014 companion).

use crate::item_item::{GramRow, ItemItemModel, ItemMatrix};
use crate::options::{OptionSpec, Range};
use crate::rank::top_k_of;
use crate::weighting::{EventWeights, HALF_LIFE_DAYS, WEIGHTING};
use crate::{FitContext, Interactions, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "rp3beta";
pub const ABOUT: &str = "random walks from the history's products over their users to other products";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("neighbours", 500, 1, 10_000, "products kept in each product's list"),
    OptionSpec::number("alpha", 1.0, 0.0, 4.0, "exponent of each step's probability").search(Range::Linear(0.5, 1.5)),
    OptionSpec::number("beta", 0.3, 0.0, 2.0, "damping of popular products: one with n users counts n^-beta")
        .search(Range::Linear(0.0, 0.9)),
    WEIGHTING,
    HALF_LIFE_DAYS,
];

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<ItemItemModel> {
    let event_weights = EventWeights::new(options);
    let by_user = event_weights.pairs(data.interactions);
    let by_item = by_user.transposed();
    let n_items = by_user.n_items();
    let beta = options.number("beta");
    let damping: Vec<f32> =
        by_item.rows().map(|row| f64::from(row.weights.iter().sum::<f32>()).powf(-beta) as f32).collect();
    let alpha = options.number("alpha");
    let (to_users, to_items) = (probabilities(by_item, alpha), probabilities(by_user, alpha));
    let n_neighbours = options.count("neighbours");
    let matrix = ItemMatrix::build(
        NAME,
        n_items,
        context,
        || GramRow::new(n_items),
        |walk, item| {
            let mut cells = walk.others(&to_users, &to_items, item);
            cells.iter_mut().for_each(|(j, value)| *value *= damping[*j as usize]);
            top_k_of(cells, n_neighbours)
        },
    )?;
    Ok(ItemItemModel::new(NAME, options, event_weights, matrix))
}

/// Each row's weights as shares of their sum, to the power alpha.
fn probabilities(rows: Interactions, alpha: f64) -> Interactions {
    let sums: Vec<f32> = rows.rows().map(|row| row.weights.iter().sum()).collect();
    rows.map_cells(|row, _, weight| f64::from(weight / sums[row]).powf(alpha).max(f64::from(f32::MIN_POSITIVE)) as f32)
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<ItemItemModel> {
    Ok(ItemItemModel::new(NAME, options, EventWeights::new(options), ItemMatrix::load(tensors)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interaction, catalogue};

    #[test]
    fn a_walk_by_hand() {
        // Users: {0, 1}, {0, 1, 2}, {2}. From 0 to either user with ½, on to 1 with ½ and ⅓, to 2 with ⅓.
        let cells = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2)];
        let cells = cells.map(|(user, item)| Interaction { user, item, weight: 1.0, timestamp: 0 });
        let log = Interactions::new(3, 3, &cells).unwrap();
        let options = [("beta", "1")];
        let model = catalogue::fit(NAME, &options, &TrainingData::new(&log), &FitContext::quiet(0)).unwrap();
        let list: Vec<(u32, f32)> = model.neighbours(0, 9).iter().map(|n| (n.item, n.similarity)).collect();
        let wanted = [(1, (0.25 + 0.5 / 3.0) / 2.0), (2, 0.5 / 3.0 / 2.0)];
        assert!(list.len() == 2 && list.iter().zip(wanted).all(|(g, w)| g.0 == w.0 && (g.1 - w.1).abs() < 1e-6));
    }
}
