//! New products among the factors of a fitted model, by their content, so that they find their shoppers at once.
//!
//! Nobody dealt with a cold product, so nothing can be solved for it. But products of like content have like buyers: its
//! factors are a kernel regression (Nadaraya, *On Estimating Regression*, 1964; Watson, *Smooth Regression Analysis*, 1964)
//! on the known products that an index of contents finds nearest:
//!
//! ```text
//! h = s · Σ_i k_i h_i / √(Σ_i k_i),    k_i = max(0, similarity_i)^p
//! ```
//!
//! The root stands between a sum, which favours crowded shelves, and a mean, which trusts one distant neighbour as much as
//! fifty near ones. `p` and `s` are learned from known products, each asked as if it were new. With its factors a cold
//! product is scored and explained like any other: [`FactorModel::score_products`], [`FactorModel::explain_factors`].

use rayon::prelude::*;

use crate::factors::FactorModel;
use crate::{Error, Model, Neighbour, Result};

/// From the nearest known products by content to factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColdMap {
    /// p: how much more the nearest say than those farther off.
    pub contrast: f32,
    /// s: what brings the scores of cold products to the height of those of known ones.
    pub scale: f32,
}

/// Contrasts tried.
const CONTRASTS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0];

impl ColdMap {
    /// Learns from known products: each with its nearest other products by content, itself not among them. A few
    /// thousand, drawn at random, are enough. For each contrast the scale is the least-squares one in closed form; the
    /// contrast that leaves the least squared error of the factors is kept.
    ///
    /// # Errors
    /// When none of the products has factors and like products that have some: there is nothing to learn from.
    pub fn fit(model: &FactorModel, known: &[(u32, Vec<Neighbour>)]) -> Result<Self> {
        let maps: Vec<(f64, Self)> =
            CONTRASTS.par_iter().filter_map(|&contrast| Self::with_contrast(model, known, contrast)).collect();
        let best = maps.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        best.map(|(_, map)| map).ok_or_else(|| {
            Error::Data(format!("got {} known products, wanted some that are like others by content", known.len()))
        })
    }

    /// `min_s Σ ‖h − s ĥ‖² = Σ ‖h‖² − (Σ hᵀĥ)² / Σ ‖ĥ‖²` at `s = Σ hᵀĥ / Σ ‖ĥ‖²`: what is taken away, and the map.
    fn with_contrast(model: &FactorModel, known: &[(u32, Vec<Neighbour>)], contrast: f32) -> Option<(f64, Self)> {
        let unscaled = Self { contrast, scale: 1.0 };
        let (mut product, mut square) = (0.0, 0.0);
        for (item, neighbours) in known.iter().filter(|(item, _)| (*item as usize) < model.n_items()) {
            let Some(guess) = unscaled.factors_of(model, neighbours) else { continue };
            product += dot(model.factors_of(*item), &guess);
            square += dot(&guess, &guess);
        }
        let scale = (product / square) as f32;
        (product > 0.0 && scale.is_finite()).then_some((product * product / square, Self { contrast, scale }))
    }

    /// The factors of a product from the known products nearest to it by content; `None` when none is like it, for then
    /// nothing is known of it. Neighbours that the model does not have say nothing.
    pub fn factors_of(&self, model: &FactorModel, neighbours: &[Neighbour]) -> Option<Vec<f32>> {
        let (mut sum, mut weights) = (vec![0.0; model.width()], 0.0);
        for &Neighbour { item, similarity } in neighbours {
            // Not true of NaN either.
            if similarity > 0.0 && (item as usize) < model.n_items() {
                let weight = similarity.min(1.0).powf(self.contrast);
                weights += weight;
                sum.iter_mut().zip(model.factors_of(item)).for_each(|(sum, x)| *sum += weight * x);
            }
        }
        let scale = self.scale / weights.sqrt();
        scale.is_finite().then(|| sum.iter().map(|x| scale * x).collect())
    }
}

fn dot(x: &[f32], y: &[f32]) -> f64 {
    x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Panels;
    use crate::rank::top_k;
    use crate::{FitContext, History, HistoryItem, Interaction, Interactions, Model, TrainingData, catalogue, ials};

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

    fn model() -> FactorModel {
        let options = catalogue::find("ials").unwrap().options(&[("factors", "8"), ("regularization", "0.1")]).unwrap();
        ials::fit(&TrainingData::new(&log()), &options, &FitContext::quiet(1)).unwrap()
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

    fn learned(model: &FactorModel) -> ColdMap {
        ColdMap::fit(model, &(0..N_KNOWN).map(|item| (item, neighbours(item))).collect::<Vec<_>>()).unwrap()
    }

    fn history(item: u32) -> [HistoryItem; 1] {
        [HistoryItem { item, weight: 1.0, timestamp: 0 }]
    }

    #[test]
    fn a_cold_product_finds_those_who_like_its_style() {
        let model = model();
        let map = learned(&model);
        assert!(map.contrast > 1.0, "the next style is half as like, its buyers are not: {map:?}");
        let cold: Vec<f32> = (0..4 * N_STYLES)
            .flat_map(|product| map.factors_of(&model, &neighbours(N_KNOWN + product)).unwrap())
            .collect();
        let cold = Panels::pack(&cold, model.width());
        for user in 0..N_STYLES {
            let items = history(user);
            let mut scores = vec![f32::NAN; cold.len()];
            model.score_products(&[History { items: &items, now: 0 }], &cold, &mut scores);
            let best = top_k(&scores, 4);
            assert!(best.iter().all(|(product, _)| product % N_STYLES == user), "user of style {user}: {best:?}");
        }
    }

    #[test]
    fn scores_stand_beside_those_of_known_products_and_explain_themselves() {
        let model = model();
        let factors = learned(&model).factors_of(&model, &neighbours(N_KNOWN)).unwrap();
        let items = [history(0)[0], history(7)[0]];
        let history = History { items: &items, now: 0 };
        let (mut cold, mut known) = ([0.0], vec![0.0; N_KNOWN as usize]);
        model.score_products(&[history], &Panels::pack(&factors, model.width()), &mut cold);
        model.score(&history, &mut known);
        assert!((cold[0] / known[6] - 1.0).abs() < 0.3, "cold {}, of the same style {}", cold[0], known[6]);
        let contributions = model.explain_factors(&history, &factors);
        assert_eq!(contributions[0].item, Some(0), "the one of the same style says most: {contributions:?}");
        let sum: f32 = contributions.iter().map(|share| share.value).sum();
        assert!((sum - cold[0]).abs() < 1e-4, "{sum} {}", cold[0]);
    }

    #[test]
    fn weighs_neighbours_by_hand() {
        let model = model();
        let map = ColdMap { contrast: 2.0, scale: 3.0 };
        let near = |item, similarity| Neighbour { item, similarity };
        let got = map.factors_of(&model, &[near(0, 1.0), near(1, 0.5)]).unwrap();
        // 3 · (1 · h₀ + ¼ · h₁) / √(1 + ¼)
        for ((got, x), y) in got.iter().zip(model.factors_of(0)).zip(model.factors_of(1)) {
            assert!((got - 3.0 * (x + 0.25 * y) / 1.25f32.sqrt()).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_like_nothing_has_no_factors_and_nothing_is_ever_nan() {
        let model = model();
        let near = |item, similarity| Neighbour { item, similarity };
        let map = learned(&model);
        let nothing = [vec![], vec![near(0, 0.0), near(1, -0.5)], vec![near(0, f32::NAN)], vec![near(9999, 1.0)]];
        for neighbours in nothing {
            assert_eq!(map.factors_of(&model, &neighbours), None, "{neighbours:?}");
        }
        let strange = [near(0, f32::MIN_POSITIVE), near(1, f32::INFINITY), near(2, 1e-20), near(3, f32::NAN)];
        assert!(map.factors_of(&model, &strange).unwrap().iter().all(|x| x.is_finite()));
        assert!(map.factors_of(&model, &[near(0, 1e-20)]).is_none_or(|factors| factors.iter().all(|x| x.is_finite())));
        let error = ColdMap::fit(&model, &[(0, vec![])]).unwrap_err().to_string();
        assert!(error.contains("wanted some that are like others"), "{error}");
    }

    #[test]
    fn a_blend_has_the_factors_of_its_source() {
        let fit = |name, sources| {
            let options: &[(&str, &str)] = &[("sources", sources)];
            catalogue::fit(name, options, &TrainingData::new(&log()), &FitContext::quiet(1)).unwrap()
        };
        assert_eq!(fit("hybrid", "popular,ials").factors().map(|factors| factors.name()), Some("ials"));
        assert!(fit("hybrid", "popular,item-knn").factors().is_none());
    }
}
