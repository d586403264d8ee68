//! Which options to try next.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::str::FromStr;

use super::space::{Dimension, Point, Space};
use crate::metrics::SplitMix;

/// How a search goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// Even steps in every dimension, as many as the trials allow, in an order by lot.
    Grid,
    /// Places by lot: Bergstra & Bengio, *Random Search for Hyper-Parameter Optimization* (JMLR 2012).
    Random,
    /// Where good trials were denser than the others: Bergstra et al., *Algorithms for Hyper-Parameter Optimization*
    /// (NeurIPS 2011); each option by itself.
    Tpe,
}

impl Search {
    pub const NAMES: [&str; 3] = ["grid", "random", "tpe"];

    pub fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Random => "random",
            Self::Tpe => "tpe",
        }
    }
}

impl FromStr for Search {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "grid" => Ok(Self::Grid),
            "random" => Ok(Self::Random),
            "tpe" => Ok(Self::Tpe),
            other => Err(format!("got search `{other}`, wanted one of {}", Self::NAMES.join(", "))),
        }
    }
}

/// Trials by lot before the estimators have something to go by.
const N_LOTS: usize = 8;
/// Draws before a space counts as used up.
const N_DRAWS: usize = 50;

/// The options of the next trial, after trials at `past` points with what each came to (higher is better); the first
/// trial has the declared defaults. It is none of the `later` trials either. `None` when there is nothing new to try.
///
/// Depends on its arguments alone, so that a search that was cut off goes on as if it had not been.
pub fn next(
    search: Search,
    space: &Space,
    past: &[(Point, f64)],
    later: &BTreeSet<&Point>,
    n_trials: usize,
    seed: u64,
) -> Option<Point> {
    let tried: BTreeSet<&Point> = past.iter().map(|(point, _)| point).collect();
    let is_new = |point: &Point| !tried.contains(point) && !later.contains(point);
    if past.is_empty() {
        return Some(space.defaults());
    }
    let mut random = SplitMix(SplitMix(seed ^ past.len() as u64).next());
    match search {
        Search::Grid => grid(space, n_trials, seed).into_iter().find(is_new),
        Search::Tpe if past.len() > N_LOTS => (0..N_DRAWS).map(|_| parzen(space, past, &mut random)).find(is_new),
        Search::Random | Search::Tpe => (0..N_DRAWS).map(|_| space.point(&by_lot(space, &mut random))).find(is_new),
    }
}

fn by_lot(space: &Space, random: &mut SplitMix) -> Vec<f64> {
    space.dimensions.iter().map(|_| random.unit()).collect()
}

/// All combinations of as many even steps per number as stay within the trials, at least two, and of all words.
fn grid(space: &Space, n_trials: usize, seed: u64) -> Vec<Point> {
    let size =
        |n_steps: usize| -> f64 { space.dimensions.iter().map(|d| d.n_words().unwrap_or(n_steps) as f64).product() };
    let has_numbers = space.dimensions.iter().any(|d| d.n_words().is_none());
    let mut n_steps = 2;
    while has_numbers && size(n_steps + 1) <= n_trials as f64 {
        n_steps += 1;
    }
    let mut random = SplitMix(seed);
    if size(n_steps) > 100_000.0 {
        // Far more than can be tried: corners by lot are as good as corners in an order by lot.
        let corner = |random: &mut SplitMix| {
            let at = |d: &Dimension| place_of_step(d, n_steps, random.below(d.n_words().unwrap_or(n_steps)));
            space.dimensions.iter().map(at).collect::<Vec<f64>>()
        };
        return (0..n_trials * 2).map(|_| space.point(&corner(&mut random))).collect();
    }
    let mut places: Vec<Vec<f64>> = vec![Vec::new()];
    for dimension in &space.dimensions {
        let steps = 0..dimension.n_words().unwrap_or(n_steps);
        let steps: Vec<f64> = steps.map(|step| place_of_step(dimension, n_steps, step)).collect();
        places =
            places.iter().flat_map(|head| steps.iter().map(move |&step| [head.as_slice(), &[step]].concat())).collect();
    }
    for last in (1..places.len()).rev() {
        places.swap(last, random.below(last + 1));
    }
    places.iter().map(|places| space.point(places)).collect()
}

/// Numbers from end to end of their range, words in their middle.
fn place_of_step(dimension: &Dimension, n_steps: usize, step: usize) -> f64 {
    match dimension.n_words() {
        Some(n) => (step as f64 + 0.5) / n as f64,
        None => step as f64 / (n_steps - 1) as f64,
    }
}

fn parzen(space: &Space, past: &[(Point, f64)], random: &mut SplitMix) -> Point {
    let places: Vec<f64> = space.dimensions.iter().map(|dimension| parzen_place(dimension, past, random)).collect();
    space.point(&places)
}

fn parzen_place(dimension: &Dimension, past: &[(Point, f64)], random: &mut SplitMix) -> f64 {
    let (estimator, n) = match dimension.n_words() {
        Some(n) => (tpe::histogram_estimator(), n as f64),
        None => (tpe::parzen_estimator(), 1.0),
    };
    let range = tpe::range(0.0, n).expect("0 to 1 or to the number of words is a range");
    let mut optimizer = tpe::TpeOptimizer::new(estimator, range);
    for (point, value) in past {
        // The end of the range is outside it; the optimizer looks for what is small.
        let place = (dimension.place(&point[&dimension.key]) * n).min(n * (1.0 - 1e-9));
        optimizer.tell(place, -value).expect("places are within the range, values are numbers");
    }
    let place = optimizer.ask(random).expect("the estimators take any number of observations");
    match dimension.n_words() {
        // The middle of the word's part.
        Some(_) => (place.floor() + 0.5) / n,
        None => place,
    }
}

impl rand_core::TryRng for SplitMix {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use models::catalogue;

    use super::*;

    fn space(model: &str) -> Space {
        let spec = catalogue::find(model).unwrap();
        Space::new(spec, &spec.options::<&str, &str>(&[]).unwrap(), |_| false, true)
    }

    /// Best at a regularization of 3 and a weighting by weights; nothing else matters.
    fn quality(point: &Point) -> f64 {
        let regularization: f64 = point["regularization"].parse().unwrap();
        let bonus = if point["weighting"] == "weights" { 0.5 } else { 0.0 };
        bonus - (regularization / 3.0).ln().powi(2)
    }

    fn searched(search: Search, space: &Space, n: usize, seed: u64) -> Vec<(Point, f64)> {
        let mut past = Vec::new();
        while past.len() < n {
            let Some(point) = next(search, space, &past, &BTreeSet::new(), n, seed) else { break };
            let value = quality(&point);
            past.push((point, value));
        }
        past
    }

    #[test]
    fn each_search_starts_with_the_defaults_and_never_repeats() {
        let space = space("ials");
        for search in [Search::Grid, Search::Random, Search::Tpe] {
            let past = searched(search, &space, 30, 1);
            assert_eq!((past.len(), &past[0].0), (30, &space.defaults()), "{search:?}");
            let distinct: BTreeSet<&Point> = past.iter().map(|(point, _)| point).collect();
            assert_eq!(distinct.len(), 30, "{search:?}");
            assert_eq!(past, searched(search, &space, 30, 1), "{search:?} follows its seed");
        }
    }

    #[test]
    fn estimators_gather_where_it_is_good() {
        let space = space("ials");
        let mean_of_late = |search| {
            let late = |seed| searched(search, &space, 60, seed).split_off(30);
            let values: Vec<f64> = (0..5).flat_map(late).map(|(_, value)| value).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let (random, tpe) = (mean_of_late(Search::Random), mean_of_late(Search::Tpe));
        assert!(tpe > random + 0.5, "the later trials of tpe come to {tpe}, by lot to {random}");
    }

    #[test]
    fn a_small_grid_is_walked_to_its_end() {
        let space = space("popular");
        assert_eq!(searched_popular(&space).len(), 2, "users and weights");
    }

    fn searched_popular(space: &Space) -> Vec<(Point, f64)> {
        let mut past = Vec::new();
        while let Some(point) = next(Search::Grid, space, &past, &BTreeSet::new(), 10, 1) {
            past.push((point, 0.0));
        }
        past
    }
}
