//! Products that go together, by who chose both.
//!
//! Sarwar et al., *Item-Based Collaborative Filtering Recommendation Algorithms* (WWW 2001); Deshpande & Karypis,
//! *Item-Based Top-N Recommendation Algorithms* (TOIS 2004), whose damping of very active users we keep as an exponent.
//! The weightings of text retrieval take products for documents and users for words: Robertson & Walker, *Some Simple
//! Effective Approximations to the 2-Poisson Model* (SIGIR 1994) for BM25. With `user_power=0 support=0` they are those
//! of the library `implicit`: `weighting=tf-idf similarity=cosine popularity_power=0.5` and `weighting=bm25
//! similarity=dot`.

use crate::item_item::{GramRow, ItemItemModel, ItemMatrix};
use crate::options::{OptionSpec, Range};
use crate::rank::Best;
use crate::weighting::{EventWeights, HALF_LIFE_DAYS};
use crate::{FitContext, Interactions, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "item-knn";
pub const ABOUT: &str = "products that go together, by who chose both";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("neighbours", 500, 1, 10_000, "products kept in each product's list")
    .search(Range::Log(50.0, 2000.0)),
    OptionSpec::choice(
        "similarity",
        "cosine",
        &["cosine", "cooccurrence", "dot"],
        "cosine: the angle between the columns of two products; cooccurrence: the share of a product's users who chose the other too; dot: no norms",
    )
    .search(Range::Words),
    OptionSpec::choice(
        "weighting",
        "log",
        &["binary", "log", "weights", "tf-idf", "bm25"],
        "what a repeated or strong event counts: 1, log2(1 + weight), its weight, or that as a term of text retrieval",
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
        "support",
        1.0,
        0.0,
        1e6,
        "similarity from n common users counts n / (n + support): few of them may be chance",
    )
    .search(Range::Linear(0.0, 20.0)),
    HALF_LIFE_DAYS,
];

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<ItemItemModel> {
    let event_weights = EventWeights::new(options);
    let pairs = event_weights.pairs(data.interactions);
    let by_user = match options.word("weighting") {
        "tf-idf" => tf_idf(pairs),
        "bm25" => bm25(pairs),
        _ => pairs,
    };
    let popularity_power = options.number("popularity_power") as f32;
    let likeness = Likeness {
        neighbours: options.count("neighbours"),
        user_power: options.number("user_power"),
        norms: match options.word("similarity") {
            "cosine" => (1.0 - popularity_power, popularity_power),
            "cooccurrence" => (1.0, 0.0),
            _ => (0.0, 0.0),
        },
        shrinkage: options.number("shrinkage") as f32,
        support: options.number("support") as f32,
        common_min: 1,
    };
    Ok(ItemItemModel::new(NAME, options, event_weights, likeness.matrix(NAME, &by_user, context)?))
}

/// How alike two products are by the rows that have both, rows being users here and orders in `bought_together`.
pub(crate) struct Likeness {
    /// Kept in each product's list.
    pub neighbours: usize,
    /// A row with n products counts n^-power.
    pub user_power: f64,
    /// Powers that the squared norm of the product whose list it is and that of its neighbour divide by.
    pub norms: (f32, f32),
    /// Added to the norms.
    pub shrinkage: f32,
    /// Similarity from n common rows counts n / (n + support).
    pub support: f32,
    /// Products with fewer common rows are no neighbours.
    pub common_min: usize,
}

impl Likeness {
    /// The neighbours of every product; `by_user` has each pair once.
    pub fn matrix(&self, model: &'static str, by_user: &Interactions, context: &FitContext<'_>) -> Result<ItemMatrix> {
        let by_item = by_user.transposed();
        let damping = damping(by_user, self.user_power);
        let measure = Measure::new(self, &squared_norms(&by_item, &damping));
        let damped = by_item.map_cells(|_, user, weight| weight * damping[user as usize]);
        let n_items = by_user.n_items();
        let asks_common = self.support > 0.0 || self.common_min > 1;
        ItemMatrix::build(
            model,
            n_items,
            context,
            || (GramRow::new(n_items), GramRow::new(n_items)),
            |(counts, users), item| {
                let is_other = |&(j, _): &(u32, f32)| j as usize != item;
                let similar =
                    counts.row(&damped, by_user, item).map(|(j, count)| (j, measure.similarity(count, item, j)));
                let best = if asks_common {
                    let common = users.n_common(&damped, by_user, item).map(|(_, n)| n);
                    let is_known = |n: f32| n >= self.common_min as f32;
                    let trusted = similar.zip(common).filter(|(_, n)| is_known(*n));
                    let trusted = trusted.map(|((j, similarity), n)| (j, similarity * n / (n + self.support)));
                    Best::of(trusted.filter(is_other), self.neighbours)
                } else {
                    Best::of(similar.filter(is_other), self.neighbours)
                };
                best.into_unsorted()
            },
        )
    }
}

/// n^-power of each user, n being the number of the user's products.
fn damping(by_user: &Interactions, power: f64) -> Vec<f32> {
    by_user.rows().map(|row| (row.items.len().max(1) as f64).powf(-power) as f32).collect()
}

/// `‖i‖² = Σ_u s_u R_ui²`.
fn squared_norms(by_item: &Interactions, damping: &[f32]) -> Vec<f32> {
    let term = |(&user, &weight): (&u32, &f32)| damping[user as usize] * weight * weight;
    by_item.rows().map(|row| row.items.iter().zip(row.weights).map(term).sum()).collect()
}

/// `√w · idf_u`.
fn tf_idf(pairs: Interactions) -> Interactions {
    let idf = inverse_document_frequencies(&pairs);
    pairs.map_cells(|user, _, weight| weight.sqrt() * idf[user])
}

/// How soon a repeated event stops to count, and how much a popular product is damped: the customary values.
const BM25_K1: f32 = 1.2;
const BM25_B: f32 = 0.75;

/// `idf_u · w (k₁ + 1) / (w + k₁ (1 − b + b · length / mean length))`, the length of a product being its summed weight.
fn bm25(pairs: Interactions) -> Interactions {
    let idf = inverse_document_frequencies(&pairs);
    let mut lengths = vec![0.0f32; pairs.n_items()];
    pairs.cells().for_each(|cell| lengths[cell.item as usize] += cell.weight);
    let mean = lengths.iter().sum::<f32>() / lengths.len().max(1) as f32;
    pairs.map_cells(|user, item, weight| {
        let length = 1.0 - BM25_B + BM25_B * lengths[item as usize] / mean;
        idf[user] * weight * (BM25_K1 + 1.0) / (weight + BM25_K1 * length)
    })
}

/// `ln(products / (1 + products of the user))`; a user of everything says next to nothing, but not less than nothing.
fn inverse_document_frequencies(pairs: &Interactions) -> Vec<f32> {
    let n_items = pairs.n_items() as f32;
    pairs.rows().map(|row| (n_items / (1.0 + row.items.len() as f32)).ln().max(1e-6)).collect()
}

/// Turns a weighted co-count into a similarity.
struct Measure {
    /// `‖i‖^2(1−p)` of the product whose list it is, and `‖j‖^2p` of its neighbour.
    sources: Vec<f32>,
    targets: Vec<f32>,
    shrinkage: f32,
}

impl Measure {
    fn new(likeness: &Likeness, squared_norms: &[f32]) -> Self {
        let (source, target) = likeness.norms;
        let to_the = |power: f32| squared_norms.iter().map(|norm| norm.powf(power)).collect();
        Self { sources: to_the(source), targets: to_the(target), shrinkage: likeness.shrinkage }
    }

    /// `sim(i, j) = c_ij / (‖i‖^2(1−p) ‖j‖^2p + shrinkage)`, `p` = ½ for the cosine and 0 for co-occurrence.
    #[inline]
    fn similarity(&self, count: f32, i: usize, j: u32) -> f32 {
        count / (self.sources[i] * self.targets[j as usize] + self.shrinkage)
    }
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<ItemItemModel> {
    Ok(ItemItemModel::new(NAME, options, EventWeights::new(options), ItemMatrix::load(tensors)?))
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
        let options = [&[("popularity_power", "0.5"), ("support", "0")], options].concat();
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
        // Two common users with 1 and one with 2: 1 · 2 / (2 + 2) and ½ · 1 / (1 + 2).
        assert_close(&neighbours_of_0(&[("user_power", "0"), ("support", "2")]), &[(1, 0.5), (2, 1.0 / 6.0)]);
        assert_eq!(neighbours_of_0(&[("neighbours", "1")]).len(), 1);
    }

    #[test]
    fn weightings_of_text_retrieval_by_hand() {
        let pairs = Interactions::new(
            2,
            4,
            &[(0, 0, 4.0), (0, 1, 1.0), (1, 0, 1.0)].map(|(user, item, weight)| Interaction {
                user,
                item,
                weight,
                timestamp: 0,
            }),
        )
        .unwrap();
        // Of four products the users know two and one: idf ln(4/3) and ln(4/2).
        let (idf_0, idf_1) = ((4.0f32 / 3.0).ln(), 2.0f32.ln());
        assert_eq!(tf_idf(pairs.clone()).row(0).weights, [2.0 * idf_0, idf_0]);
        // Lengths 5, 1, 0, 0, their mean 1.5.
        let term = |idf: f32, w: f32, length: f32| idf * w * 2.2 / (w + 1.2 * (0.25 + 0.75 * length / 1.5));
        assert_eq!(bm25(pairs.clone()).row(0).weights, [term(idf_0, 4.0, 5.0), term(idf_0, 1.0, 1.0)]);
        assert_eq!(bm25(pairs).row(1).weights, [term(idf_1, 1.0, 5.0)]);
    }
}
