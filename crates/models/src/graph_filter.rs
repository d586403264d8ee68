//! Spectral filtering of a history on the graph of products: a linear filter, an ideal low pass, and sharpening.
//!
//! Shen et al., *How Powerful is Graph Convolution for Recommendation?* (CIKM 2021), GF-CF: neighbours of a product and
//! the smoothest signals of the graph together, without training. Choi et al., *Blurring-Sharpening Process Models for
//! Collaborative Filtering* (SIGIR 2023), BSPM: what blurring has spread is then drawn together again.
//!
//! With `R̃ = D_u^(−p/2) R D_i^(−1/2)` the graph is `P = R̃ᵀR̃ = V Λ Vᵀ`, and a history r gets the scores
//! `r D_i^(−a) f(P) D_i^(a)`, `f(λ) = (λ + β [λ is among the largest]) · e^(−tλ)`.
//! P is dense, and `f(P)` denser. But f is nearly a straight line where λ is small: with `f(λ) ≈ cλ` beyond the k
//! largest eigenvalues, `f(P) ≈ c P + V_k (f(Λ_k) − c Λ_k) V_kᵀ`, which is a list of neighbours per product and k
//! factors per product. So a history costs what it costs item-kNN and a factorization, whatever the filter.

use crate::item_item::{GramRow, ItemMatrix};
use crate::linalg::{Panels, TruncatedSvd, truncated_svd};
use crate::model::by_size;
use crate::options::OptionSpec;
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
    OptionSpec::count("factors", 256, 1, 4096, "eigenvectors of the graph: more follow the filter more closely"),
    OptionSpec::number("low_pass", 0.2, 0.0, 100.0, "weight of the ideal low pass beside the linear filter"),
    OptionSpec::number("sharpening", 1.0, 0.0, 10.0, "time of the sharpening process; 0 leaves it out, as in GF-CF"),
    OptionSpec::number(
        "user_power",
        1.0,
        0.0,
        2.0,
        "damping of active users: a user with n products counts n^-user_power",
    ),
    OptionSpec::number(
        "popularity_power",
        0.35,
        0.0,
        1.0,
        "a product with n users speaks with n^-popularity_power and is heard with n^popularity_power",
    ),
    WEIGHTING,
    HALF_LIFE_DAYS,
];

/// `score = local lists + low rank`, both of the history alone.
pub struct GraphFilter {
    options: Options,
    event_weights: EventWeights,
    lists: ItemMatrix,
    width: usize,
    /// A row of `width` numbers per product: what it says, and what is said to it.
    sources: Vec<f32>,
    targets: Vec<f32>,
    target_panels: Panels,
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<GraphFilter> {
    let event_weights = EventWeights::new(options);
    let pairs = event_weights.pairs(data.interactions);
    let n_items = pairs.n_items();
    let popularity = sums(&pairs.transposed());
    let by_user = normalized(pairs, &popularity, options.number("user_power"));
    let by_item = by_user.transposed();
    // The lists are built in as many steps as blocks of products; to a watcher the factors come first.
    let svd = truncated_svd(&by_user, &by_item, options.count("factors"), context.seed, |step, n_steps| {
        context.step(NAME, step, n_steps)
    })?;
    let filter = Filter::new(options, &svd);

    let power = options.number("popularity_power");
    let heard: Vec<f32> = popularity.iter().map(|&n| f64::from(n).powf(power) as f32).collect();
    let n_neighbours = options.count("neighbours");
    let lists = ItemMatrix::build(
        NAME,
        n_items,
        context,
        || GramRow::new(n_items),
        |row, item| {
            let scale = filter.slope / heard[item];
            let mut cells = row.others(&by_item, &by_user, item);
            cells.iter_mut().for_each(|(j, value)| *value *= scale * heard[*j as usize]);
            top_k_of(cells, n_neighbours)
        },
    )?;
    let (sources, targets) = filter.factors(&svd, &heard);
    Ok(GraphFilter::new(options, lists, svd.width, sources, targets))
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

/// `f(λ) = (λ + β) e^(−tλ)` for the largest eigenvalues, the line `slope · λ` for the others.
struct Filter {
    slope: f32,
    /// `f(λ_k) − slope · λ_k`.
    corrections: Vec<f32>,
}

impl Filter {
    fn new(options: &Options, svd: &TruncatedSvd) -> Self {
        let (low_pass, time) = (options.number("low_pass") as f32, options.number("sharpening") as f32);
        let (first, last) = (svd.eigenvalues.first(), svd.eigenvalues.last());
        // λ has no unit where users are not damped to the power 1: its largest value is 1 by definition.
        let unit = first.copied().filter(|&value| value > 0.0).unwrap_or(1.0);
        let response = |value: f32| (-time * value / unit).exp();
        // Where most of what lies beyond the last eigenvalue is.
        let slope = response(0.5 * last.copied().unwrap_or(0.0));
        let correction = |&value: &f32| (value / unit + low_pass) * response(value) - slope * value / unit;
        Self { slope: slope / unit, corrections: svd.eigenvalues.iter().map(correction).collect() }
    }

    fn factors(&self, svd: &TruncatedSvd, heard: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut sources, mut targets) = (svd.vectors.clone(), svd.vectors.clone());
        let rows = sources.chunks_exact_mut(svd.width).zip(targets.chunks_exact_mut(svd.width)).zip(heard);
        for ((source, target), heard) in rows {
            source.iter_mut().for_each(|x| *x /= heard);
            target.iter_mut().zip(&self.corrections).for_each(|(x, correction)| *x *= heard * correction);
        }
        (sources, targets)
    }
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<GraphFilter> {
    let lists = ItemMatrix::load(tensors)?;
    let (shape, sources) = tensors.f32("sources", 2)?;
    let (target_shape, targets) = tensors.f32("targets", 2)?;
    if shape[0] != lists.n_items() || shape[1] == 0 || target_shape != shape {
        return Err(Error::Artifact(format!(
            "graph-filter: got `sources` {shape:?} and `targets` {target_shape:?}, wanted both [{}, factors]",
            lists.n_items()
        )));
    }
    Ok(GraphFilter::new(options, lists, shape[1], sources.to_vec(), targets.to_vec()))
}

impl GraphFilter {
    fn new(options: &Options, lists: ItemMatrix, width: usize, sources: Vec<f32>, targets: Vec<f32>) -> Self {
        let target_panels = Panels::pack(&targets, width);
        let event_weights = EventWeights::new(options);
        Self { options: options.clone(), event_weights, lists, width, sources, targets, target_panels }
    }

    fn source(&self, item: u32) -> &[f32] {
        &self.sources[item as usize * self.width..][..self.width]
    }

    fn target(&self, item: u32) -> &[f32] {
        &self.targets[item as usize * self.width..][..self.width]
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
            for (&item, weight) in items.iter().zip(weights) {
                user.iter_mut().zip(self.source(item)).for_each(|(sum, x)| *sum += weight * x);
            }
        }
        self.target_panels.product(&users, &mut smooth);
        let rows = scores.chunks_exact_mut(n_items.max(1)).zip(smooth.chunks_exact(n_items.max(1)));
        for ((items, weights), (scores, smooth)) in terms.iter().zip(rows) {
            self.lists.score(items, weights, scores);
            for (score, &smooth) in scores.iter_mut().zip(smooth) {
                if *score > f32::NEG_INFINITY {
                    *score += smooth;
                } else if smooth != 0.0 {
                    *score = smooth;
                }
            }
        }
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        if item as usize >= self.n_items() {
            return Vec::new();
        }
        let (items, weights) = self.event_weights.terms(history, self.n_items());
        let terms = items.into_iter().zip(weights).map(|(source, weight)| {
            let smooth: f32 = self.source(source).iter().zip(self.target(item)).map(|(x, y)| x * y).sum();
            let value = weight * (self.lists.get(source, item).unwrap_or(0.0) + smooth);
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
        let shape = [self.n_items(), self.width];
        self.lists
            .save(Tensors::new(NAME, self.options.clone()))
            .with_f32("sources", &shape, self.sources.clone())
            .with_f32("targets", &shape, self.targets.clone())
    }
}
