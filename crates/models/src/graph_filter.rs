//! Spectral filtering of a history on the graph of products: a linear filter, an ideal low pass, and sharpening.
//!
//! Shen et al., *How Powerful is Graph Convolution for Recommendation?* (CIKM 2021), GF-CF: neighbours of a product and
//! the smoothest signals of the graph together, without training. Choi et al., *Blurring-Sharpening Process Models for
//! Collaborative Filtering* (SIGIR 2023), BSPM: what blurring has spread is then drawn together again.
//!
//! With `R̃ = D_u^(−p/2) R D_i^(−1/2)` the graph is `P = R̃ᵀR̃ = V Λ Vᵀ`, and a history r gets the scores
//! `r D_i^(−a) f(P) D_i^(a)`, `f(λ) = (λ + β [λ is among the largest]) · e^(−tλ)`, λ in units of the largest.
//! P is dense, and `f(P)` denser. But f is nearly a straight line where λ is small: with `f(λ) ≈ cλ` beyond the k
//! largest eigenvalues, `f(P) ≈ c P + V_k (f(Λ_k) − c Λ_k) V_kᵀ`, which is a list of neighbours per product and k
//! factors per product. So a history costs what it costs item-kNN and a factorization, whatever the filter.
//! Eigenvalues that a graph of as many links between strangers would have too (Marchenko & Pastur, 1967) count as small.
//!
//! Park, Shin & Shin, *Turbo-CF: Matrix Decomposition-Free Graph Filtering for Fast Recommendation* (SIGIR 2024), take
//! each cell of P to a power before they filter it. So do we with the lists, product by product: what is beyond the
//! largest eigenvalues is many weak ties, and those that stand out among them say more than in proportion.

use crate::item_item::{GramRow, ItemMatrix};
use crate::linalg::{Panels, truncated_svd};
use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::rank::{top_k, top_k_of};
use crate::weighting::{EventWeights, HALF_LIFE_DAYS, WEIGHTING};
use crate::{
    Contribution, Error, FitContext, History, HistoryItem, Interactions, Model, Neighbour, Options, Result, Tensors,
    TrainingData,
};

pub const NAME: &str = "graph-filter";
pub const ABOUT: &str = "spectral filtering on the graph of products: neighbours, low pass and sharpening";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("neighbours", 500, 1, 10_000, "products kept in each product's list"),
    OptionSpec::count(
        "factors",
        448,
        1,
        4096,
        "eigenvectors of the graph that pass the low pass, at most; fewer where the rest is noise",
    )
    .search(Range::Log(16.0, 512.0)),
    OptionSpec::number("low_pass", 0.2, 0.0, 100.0, "weight of the ideal low pass beside the linear filter")
        .search(Range::Linear(0.0, 0.5)),
    OptionSpec::number("sharpening", 1.0, 0.0, 10.0, "time of the sharpening process; 0 leaves it out, as in GF-CF")
        .search(Range::Linear(0.0, 3.0)),
    OptionSpec::number(
        "contrast",
        1.0,
        0.1,
        10.0,
        "power of the similarities of a product, their sum kept: above 1 its nearest neighbours count more",
    )
    .search(Range::Linear(0.75, 2.5)),
    OptionSpec::number(
        "user_power",
        0.5,
        0.0,
        2.0,
        "damping of active users: a user with n products counts n^-user_power",
    )
    .search(Range::Linear(0.0, 1.2)),
    OptionSpec::number(
        "popularity_power",
        0.4,
        0.0,
        1.0,
        "a product with n users speaks with n^-popularity_power and is heard with n^popularity_power",
    )
    .search(Range::Linear(0.0, 0.6)),
    WEIGHTING,
    HALF_LIFE_DAYS,
];

/// `score = lists + low rank`, both of the history alone.
pub struct GraphFilter {
    options: Options,
    event_weights: EventWeights,
    lists: ItemMatrix,
    /// Numbers in a row of V.
    width: usize,
    /// V by rows, and the same arranged for products with many histories.
    vectors: Vec<f32>,
    panels: Panels,
    /// Diagonal of `D_i^(a)`.
    heard: Vec<f32>,
    /// `f(λ) − cλ` for each column of V.
    gains: Vec<f32>,
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<GraphFilter> {
    let event_weights = EventWeights::new(options);
    let pairs = event_weights.pairs(data.interactions);
    let n_items = pairs.n_items();
    let popularity = sums(&pairs.transposed());
    let by_user = normalized(pairs, &popularity, options.number("user_power"));
    let by_item = by_user.transposed();
    let n_factors = options.count("factors");
    let mut svd =
        truncated_svd(&by_user, &by_item, n_factors, context.seed, |step, n_steps| context.step(NAME, step, n_steps))?;
    let edge = noise_edge(&by_user);
    svd.truncate(svd.eigenvalues.iter().filter(|&&value| value > edge).count().max(1));
    let filter = Filter::new(options, &svd.eigenvalues);

    let power = options.number("popularity_power");
    let heard: Vec<f32> = popularity.iter().map(|&n| f64::from(n).powf(power) as f32).collect();
    let n_neighbours = options.count("neighbours");
    let contrast = options.number("contrast") as f32;
    let lists = ItemMatrix::build(
        NAME,
        n_items,
        context,
        || GramRow::new(n_items),
        |row, item| {
            let scale = filter.slope / heard[item];
            let mut cells = contrasted(row.others(&by_item, &by_user, item), contrast);
            cells.iter_mut().for_each(|(j, value)| *value *= scale * heard[*j as usize]);
            top_k_of(cells, n_neighbours)
        },
    )?;
    let mut gains = vec![0.0; svd.width];
    gains.iter_mut().zip(&svd.eigenvalues).for_each(|(gain, &value)| *gain = filter.gain(value));
    Ok(GraphFilter::new(options, lists, svd.vectors, heard, gains))
}

/// Takes each similarity s to `s^power`, in units of the largest, and scales them to the sum that they had.
fn contrasted(mut cells: Vec<(u32, f32)>, power: f32) -> Vec<(u32, f32)> {
    let sum = |cells: &[(u32, f32)]| cells.iter().map(|cell| cell.1).sum::<f32>();
    let largest = cells.iter().fold(0.0f32, |largest, cell| largest.max(cell.1));
    if power != 1.0 && largest > 0.0 {
        let before = sum(&cells);
        cells.iter_mut().for_each(|cell| cell.1 = (cell.1 / largest).powf(power));
        let scale = before / sum(&cells);
        cells.iter_mut().for_each(|cell| cell.1 *= scale);
    }
    cells
}

/// The summed weights of each row, 1 for an empty one.
fn sums(rows: &Interactions) -> Vec<f32> {
    rows.rows().map(|row| row.weights.iter().sum::<f32>()).map(|sum| if sum > 0.0 { sum } else { 1.0 }).collect()
}

/// `D_u^(−p/2) R D_i^(−1/2)`, the degrees of users being to the power p.
fn normalized(pairs: Interactions, popularity: &[f32], user_power: f64) -> Interactions {
    let users: Vec<f32> = sums(&pairs).iter().map(|&sum| f64::from(sum).powf(-0.5 * user_power) as f32).collect();
    pairs.map_cells(|user, item, weight| {
        (weight * users[user] / popularity[item as usize].sqrt()).max(f32::MIN_POSITIVE)
    })
}

/// The largest eigenvalue of `RᵀR` if R were noise: cells independent, each with the mean square of R.
fn noise_edge(by_user: &Interactions) -> f32 {
    let squares: f64 = by_user.rows().flat_map(|row| row.weights).map(|&w| f64::from(w).powi(2)).sum();
    let deviation = |n: usize| (squares / n.max(1) as f64).sqrt();
    (deviation(by_user.n_users()) + deviation(by_user.n_items())).powi(2) as f32
}

/// `f(λ) = (λ + β) e^(−tλ)` for the largest eigenvalues, the line `slope · λ` for the others.
struct Filter {
    /// The largest eigenvalue; 1 by definition where users are damped to the power 1.
    unit: f32,
    low_pass: f32,
    time: f32,
    slope: f32,
}

impl Filter {
    fn new(options: &Options, eigenvalues: &[f32]) -> Self {
        let (low_pass, time) = (options.number("low_pass") as f32, options.number("sharpening") as f32);
        let unit = eigenvalues.first().copied().filter(|&value| value > 0.0).unwrap_or(1.0);
        // What lies beyond the last eigenvalue lies mostly in its upper half.
        let middle = 0.65 * eigenvalues.last().copied().unwrap_or(0.0) / unit;
        Self { unit, low_pass, time, slope: (-time * middle).exp() / unit }
    }

    /// What is to be added to the line.
    fn gain(&self, value: f32) -> f32 {
        let relative = value / self.unit;
        (relative + self.low_pass) * (-self.time * relative).exp() - self.slope * value
    }
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<GraphFilter> {
    let lists = ItemMatrix::load(tensors)?;
    let (shape, vectors) = tensors.f32("vectors", 2)?;
    let (_, heard) = tensors.f32("heard", 1)?;
    let (_, gains) = tensors.f32("gains", 1)?;
    let n_items = lists.n_items();
    if shape != [n_items, gains.len()] || gains.is_empty() || heard.len() != n_items {
        return Err(Error::Artifact(format!(
            "graph-filter: got `vectors` {shape:?} and `heard` [{}], wanted [{n_items}, {}] and [{n_items}]",
            heard.len(),
            gains.len().max(1)
        )));
    }
    Ok(GraphFilter::new(options, lists, vectors.to_vec(), heard.to_vec(), gains.to_vec()))
}

impl GraphFilter {
    fn new(options: &Options, lists: ItemMatrix, vectors: Vec<f32>, heard: Vec<f32>, gains: Vec<f32>) -> Self {
        let width = gains.len();
        let panels = Panels::pack(&vectors, width);
        let event_weights = EventWeights::new(options);
        Self { options: options.clone(), event_weights, lists, width, vectors, panels, heard, gains }
    }

    fn vector(&self, item: u32) -> &[f32] {
        &self.vectors[item as usize * self.width..][..self.width]
    }

    /// `r D_i^(−a) V (f(Λ) − cΛ)`.
    fn project(&self, items: &[u32], weights: &[f32], out: &mut [f32]) {
        for (&item, weight) in items.iter().zip(weights) {
            let scale = weight / self.heard[item as usize];
            out.iter_mut().zip(self.vector(item)).for_each(|(sum, x)| *sum += scale * x);
        }
        out.iter_mut().zip(&self.gains).for_each(|(sum, gain)| *sum *= gain);
    }
}

impl Model for GraphFilter {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.lists.n_items()
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        self.score_batch(&[*history], scores);
    }

    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        let n_items = self.n_items();
        let mut users = vec![0.0; histories.len() * self.width];
        let mut smooth = vec![0.0; scores.len()];
        let terms: Vec<_> = histories.iter().map(|history| self.event_weights.terms(history, n_items)).collect();
        for ((items, weights), user) in terms.iter().zip(users.chunks_exact_mut(self.width)) {
            self.project(items, weights, user);
        }
        self.panels.product(&users, &mut smooth);
        let rows = scores.chunks_exact_mut(n_items.max(1)).zip(smooth.chunks_exact(n_items.max(1)));
        for ((items, weights), (scores, smooth)) in terms.iter().zip(rows) {
            self.lists.score(items, weights, scores);
            for ((score, &smooth), heard) in scores.iter_mut().zip(smooth).zip(&self.heard) {
                // Where neither says anything, the product cannot be scored.
                if smooth != 0.0 {
                    let listed = if *score == f32::NEG_INFINITY { 0.0 } else { *score };
                    *score = listed + heard * smooth;
                }
            }
        }
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        if item as usize >= self.n_items() {
            return Vec::new();
        }
        let (items, weights) = self.event_weights.terms(history, self.n_items());
        let mut user = vec![0.0; self.width];
        let terms = items.into_iter().zip(weights).map(|(source, weight)| {
            user.fill(0.0);
            self.project(&[source], &[weight], &mut user);
            let product: f32 = user.iter().zip(self.vector(item)).map(|(x, y)| x * y).sum();
            let listed = self.lists.get(source, item).unwrap_or(0.0);
            let value = weight * listed + self.heard[item as usize] * product;
            Contribution { model: NAME, item: Some(source), value }
        });
        by_size(terms.collect())
    }

    /// By what the product alone says for the others.
    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        if item as usize >= self.n_items() {
            return Vec::new();
        }
        let mut scores = vec![0.0; self.n_items()];
        self.score(&History { items: &[HistoryItem { item, weight: 1.0, timestamp: 0 }], now: 0 }, &mut scores);
        scores[item as usize] = f32::NEG_INFINITY;
        top_k(&scores, n).into_iter().map(|(item, similarity)| Neighbour { item, similarity }).collect()
    }

    fn tensors(&self) -> Tensors {
        self.lists
            .save(Tensors::new(NAME, self.options.clone()))
            .with_f32("vectors", &[self.n_items(), self.width], self.vectors.clone())
            .with_f32("heard", &[self.n_items()], self.heard.clone())
            .with_f32("gains", &[self.width], self.gains.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interaction, catalogue};

    /// Users: {0, 1}, {0, 1, 2}, {2}; every product has two users.
    fn neighbours_of_0(options: &[(&str, &str)]) -> Vec<(u32, f32)> {
        let cells = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2)];
        let cells = cells.map(|(user, item)| Interaction { user, item, weight: 1.0, timestamp: 0 });
        let log = Interactions::new(3, 3, &cells).unwrap();
        let options = [&[("user_power", "1")], options].concat();
        let model = catalogue::fit(NAME, &options, &TrainingData::new(&log), &FitContext::quiet(0)).unwrap();
        model.neighbours(0, 9).iter().map(|n| (n.item, n.similarity)).collect()
    }

    fn assert_close(got: &[(u32, f32)], wanted: &[(u32, f32)]) {
        let close = got.iter().zip(wanted).all(|(g, w)| g.0 == w.0 && (g.1 - w.1).abs() < 1e-5);
        assert!(close && got.len() == wanted.len(), "got {got:?}, wanted {wanted:?}");
    }

    #[test]
    fn filters_by_hand() {
        // P_01 = (1/2 + 1/3) / √(2 · 2), P_02 = (1/3) / √(2 · 2).
        let (near, far) = (5.0 / 12.0, 1.0 / 6.0);
        assert_close(&neighbours_of_0(&[("sharpening", "0"), ("low_pass", "0")]), &[(1, near), (2, far)]);
        // So small a graph has nothing above the noise but its first eigenvector: eigenvalue 1, ⅓ between any two.
        assert_close(&neighbours_of_0(&[("sharpening", "0"), ("low_pass", "0.3")]), &[(1, near + 0.1), (2, far + 0.1)]);
        // The sum of the similarities is kept, their ratio squared.
        let scale = (near + far) / (near * near + far * far);
        assert_close(
            &neighbours_of_0(&[("sharpening", "0"), ("low_pass", "0"), ("contrast", "2")]),
            &[(1, scale * near * near), (2, scale * far * far)],
        );
        // Sharpened, that eigenvalue counts e⁻¹ and the line for the others is as steep as the filter at 0.65.
        let slope = (-0.65f32).exp();
        let smooth = (1.3 * (-1.0f32).exp() - slope) / 3.0;
        assert_close(
            &neighbours_of_0(&[("sharpening", "1"), ("low_pass", "0.3")]),
            &[(1, slope * near + smooth), (2, slope * far + smooth)],
        );
    }
}
