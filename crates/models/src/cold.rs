//! New products among the known ones of a fitted model, by their content, so that they find their shoppers at once.
//!
//! Nobody dealt with a cold product, so nothing can be learned of it. But products of like content have like buyers: what a model would say of it
//! is a kernel regression (Nadaraya, *On Estimating Regression*, 1964; Watson, *Smooth Regression Analysis*, 1964) on what the model says of
//! the known products that an index of contents finds nearest:
//!
//! ```text
//! score = Σ_i w_i score_i,    w_i = s · k_i / √(Σ_j k_j),    k_i = max(0, similarity_i)^p
//! ```
//!
//! The root stands between a sum, which favours crowded shelves, and a mean, which trusts one distant neighbour as much as fifty near ones. `p` and
//! `s` are learned from known products, each asked as if it were new. For a model of factors this places the product among them, as a sum is
//! linear: `score = (Σ_i w_i h_i)ᵀ u`. It holds for every other model just so.

use rayon::prelude::*;

use crate::{Error, History, HistoryItem, Model, Neighbour, Result};

/// From the nearest known products by content to what a model says of a product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColdMap {
    /// p: how much more the nearest say than those farther off.
    pub contrast: f32,
    /// s: what brings the scores of cold products to the height of those of known ones.
    pub scale: f32,
}

/// Contrasts tried.
const CONTRASTS: [f32; 7] = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0];
/// Histories of one product each, by whose scores products are told apart.
const N_PROBES: usize = 256;

impl ColdMap {
    /// Learns from known products: each with its nearest other products by content, itself not among them. A few thousand, drawn at random, are
    /// enough. For each contrast the scale is the least-squares one in closed form; the contrast that leaves the least squared error of the
    /// scores is kept. Scores are those of `N_PROBES` histories that have one product each.
    ///
    /// # Errors
    /// When none of the products has a score and like products that have some: there is nothing to learn from.
    pub fn fit(model: &dyn Model, known: &[(u32, Vec<Neighbour>)]) -> Result<Self> {
        let probes = Probes::of(model);
        let maps: Vec<(f64, Self)> =
            CONTRASTS.par_iter().filter_map(|&contrast| Self::with_contrast(&probes, known, contrast)).collect();
        let best = maps.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        best.map(|(_, map)| map).ok_or_else(|| {
            Error::Data(format!("got {} known products, wanted some that are like others by content", known.len()))
        })
    }

    /// `min_s Σ ‖h − s ĥ‖² = Σ ‖h‖² − (Σ hᵀĥ)² / Σ ‖ĥ‖²` at `s = Σ hᵀĥ / Σ ‖ĥ‖²`: what is taken away, and the map.
    fn with_contrast(probes: &Probes, known: &[(u32, Vec<Neighbour>)], contrast: f32) -> Option<(f64, Self)> {
        let unscaled = Self { contrast, scale: 1.0 };
        let (mut product, mut square) = (0.0, 0.0);
        for (item, neighbours) in known.iter().filter(|(item, _)| (*item as usize) < probes.n_items) {
            let Some(weights) = unscaled.weights(neighbours, probes.n_items) else { continue };
            let guess = probes.weighted(&weights);
            product += dot(probes.of_item(*item), &guess);
            square += dot(&guess, &guess);
        }
        let scale = (product / square) as f32;
        (product > 0.0 && scale.is_finite()).then_some((product * product / square, Self { contrast, scale }))
    }

    /// The weights of the known products nearest to a product by content, of `n_items` that the model has; `None` when none is like it, for
    /// then nothing is known of it.
    pub fn weights(&self, neighbours: &[Neighbour], n_items: usize) -> Option<Vec<(u32, f32)>> {
        // Not true of NaN either.
        let like = |near: &&Neighbour| near.similarity > 0.0 && (near.item as usize) < n_items;
        let kernel = |near: &Neighbour| (near.item, near.similarity.min(1.0).powf(self.contrast));
        let mut weights: Vec<(u32, f32)> = neighbours.iter().filter(like).map(kernel).collect();
        let scale = self.scale / weights.iter().map(|(_, k)| k).sum::<f32>().sqrt();
        weights.iter_mut().for_each(|(_, k)| *k *= scale);
        scale.is_finite().then_some(weights)
    }
}

/// What the model says of a product with these weights to a history of which it says `scores`; `-inf` where it can say nothing of any neighbour.
pub fn score(weights: &[(u32, f32)], scores: &[f32]) -> f32 {
    let known = weights.iter().map(|&(item, weight)| weight * scores[item as usize]).filter(|score| score.is_finite());
    known.reduce(|sum, score| sum + score).unwrap_or(f32::NEG_INFINITY)
}

/// For each product a row of its scores in the probes.
struct Probes {
    n_items: usize,
    width: usize,
    values: Vec<f32>,
}

impl Probes {
    fn of(model: &dyn Model) -> Self {
        let n_items = model.n_items();
        let width = n_items.min(N_PROBES);
        let scored: Vec<Vec<f32>> = (0..width)
            .into_par_iter()
            .map(|probe| {
                let item = (probe * n_items / width) as u32;
                let mut scores = vec![0.0; n_items];
                model
                    .score(&History { items: &[HistoryItem { item, weight: 1.0, timestamp: 0 }], now: 0 }, &mut scores);
                scores
            })
            .collect();
        let row =
            |item: usize| scored.iter().map(move |scores| if scores[item].is_finite() { scores[item] } else { 0.0 });
        Self { n_items, width, values: (0..n_items).flat_map(row).collect() }
    }

    fn of_item(&self, item: u32) -> &[f32] {
        &self.values[item as usize * self.width..][..self.width]
    }

    fn weighted(&self, weights: &[(u32, f32)]) -> Vec<f32> {
        let mut sum = vec![0.0; self.width];
        for &(item, weight) in weights {
            sum.iter_mut().zip(self.of_item(item)).for_each(|(sum, x)| *sum += weight * x);
        }
        sum
    }
}

fn dot(x: &[f32], y: &[f32]) -> f64 {
    x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank::top_k;
    use crate::{FitContext, Interaction, Interactions, TrainingData, catalogue};

    const N_STYLES: u32 = 6;
    const N_USERS: u32 = 60;
    const N_KNOWN: u32 = 120;

    /// A user likes one style and buys two of three of its products. Products 0, 6, 12, … are of style 0.
    fn log() -> Interactions {
        let pairs = (0..N_USERS).flat_map(|user| (0..N_KNOWN).map(move |item| (user, item)));
        let bought = pairs.filter(|(user, item)| user % N_STYLES == item % N_STYLES && (user / 6 + item / 6) % 3 > 0);
        let cells: Vec<_> = bought.map(|(user, item)| Interaction { user, item, weight: 1.0, timestamp: 0 }).collect();
        Interactions::new(N_USERS as usize, N_KNOWN as usize, &cells).unwrap()
    }

    const IALS: (&str, &[(&str, &str)]) = ("ials", &[("factors", "8"), ("regularization", "0.1")]);
    const OTHERS: [(&str, &[(&str, &str)]); 3] =
        [("item-knn", &[]), ("ease", &[]), ("hybrid", &[("sources", "popular,item-knn")])];

    fn model((name, options): (&str, &[(&str, &str)])) -> Box<dyn Model> {
        catalogue::fit(name, options, &TrainingData::new(&log()), &FitContext::quiet(1)).unwrap()
    }

    /// Contents are near within a style and, less so, between a style and the next.
    fn neighbours(product: u32) -> Vec<Neighbour> {
        let similarity = |item: u32| match (item + N_STYLES - product % N_STYLES) % N_STYLES {
            0 => 0.8,
            1 => 0.5,
            _ => 0.0,
        };
        let others = (0..N_KNOWN).filter(|&item| item != product);
        others.map(|item| Neighbour { item, similarity: similarity(item) }).collect()
    }

    fn learned(model: &dyn Model) -> ColdMap {
        ColdMap::fit(model, &(0..N_KNOWN).map(|item| (item, neighbours(item))).collect::<Vec<_>>()).unwrap()
    }

    fn scores(model: &dyn Model, item: u32) -> Vec<f32> {
        let mut scores = vec![f32::NAN; N_KNOWN as usize];
        model.score(&History { items: &[HistoryItem { item, weight: 1.0, timestamp: 0 }], now: 0 }, &mut scores);
        scores
    }

    #[test]
    fn a_cold_product_finds_those_who_like_its_style_whatever_the_model() {
        for named in OTHERS.into_iter().chain([IALS]) {
            let model = model(named);
            let map = learned(&*model);
            assert!(map.contrast > 1.0, "the next style is half as like, its buyers are not: {named:?} {map:?}");
            for user in 0..N_STYLES {
                let known = scores(&*model, user);
                let cold = (0..4 * N_STYLES).map(|product| {
                    score(&map.weights(&neighbours(N_KNOWN + product), N_KNOWN as usize).unwrap(), &known)
                });
                let best = top_k(&cold.collect::<Vec<f32>>(), 4);
                assert!(best.iter().all(|(item, _)| item % N_STYLES == user), "{named:?}, style {user}: {best:?}");
            }
        }
    }

    #[test]
    fn scores_stand_beside_those_of_known_products() {
        let model = model(IALS);
        let weights = learned(&*model).weights(&neighbours(N_KNOWN), N_KNOWN as usize).unwrap();
        let known = scores(&*model, 0);
        let cold = score(&weights, &known);
        assert!((cold / known[6] - 1.0).abs() < 0.3, "cold {cold}, of the same style {}", known[6]);
    }

    #[test]
    fn weighs_neighbours_by_hand() {
        let map = ColdMap { contrast: 2.0, scale: 3.0 };
        let near = |item, similarity| Neighbour { item, similarity };
        // 3 · (1 · 5 + ¼ · 8) / √(1 + ¼)
        let weights = map.weights(&[near(0, 1.0), near(1, 0.5)], 2).unwrap();
        assert!((score(&weights, &[5.0, 8.0]) - 21.0 / 1.25f32.sqrt()).abs() < 1e-5);
        let half = score(&weights, &[5.0, f32::NEG_INFINITY]);
        assert!((half - 15.0 / 1.25f32.sqrt()).abs() < 1e-5, "who can't be scored says nothing: {half}");
        assert_eq!(score(&weights, &[f32::NEG_INFINITY; 2]), f32::NEG_INFINITY);
    }

    #[test]
    fn of_what_is_like_nothing_nothing_is_known_and_nothing_is_ever_nan() {
        let model = model(IALS);
        let near = |item, similarity| Neighbour { item, similarity };
        let map = learned(&*model);
        let n_items = N_KNOWN as usize;
        let nothing = [vec![], vec![near(0, 0.0), near(1, -0.5)], vec![near(0, f32::NAN)], vec![near(9999, 1.0)]];
        for neighbours in nothing {
            assert_eq!(map.weights(&neighbours, n_items), None, "{neighbours:?}");
        }
        let strange = [near(0, f32::MIN_POSITIVE), near(1, f32::INFINITY), near(2, 1e-20), near(3, f32::NAN)];
        assert!(map.weights(&strange, n_items).unwrap().iter().all(|(_, weight)| weight.is_finite()));
        let faint = map.weights(&[near(0, 1e-20)], n_items);
        assert!(faint.is_none_or(|weights| weights.iter().all(|(_, weight)| weight.is_finite())));
        let error = ColdMap::fit(&*model, &[(0, vec![])]).unwrap_err().to_string();
        assert!(error.contains("wanted some that are like others"), "{error}");
    }
}
