//! What people choose now: popularity in which an event counts half after every half life.

use crate::options::{OptionSpec, Range};
use crate::popular::{explain_popularity, load_popularity, relative_to_largest};
use crate::ranking::Ranked;
use crate::{Contribution, FitContext, History, Model, Options, Ranking, Result, Tensors, TrainingData, decay};

pub const NAME: &str = "trending";
pub const ABOUT: &str = "what people choose now: popularity that halves with every half life";

pub const OPTIONS: &[OptionSpec] = &[OptionSpec::number(
    "half_life_days",
    14.0,
    0.01,
    3650.0,
    "days after which an event counts half, seen from the newest event",
)
.search(Range::Log(1.0, 365.0))];

/// The same score for everyone, from 0 to 1 (the most trending product).
pub struct Trending {
    options: Options,
    popularity: Ranked,
}

/// `popularity_i = Σ_events w · 2^(−age / half life)`, with age before the newest event of the data.
pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Trending> {
    let half_life_days = options.number("half_life_days") as f32;
    let newest = data.interactions.newest_timestamp();
    let mut popularity = vec![0.0f64; data.interactions.n_items()];
    for cell in data.interactions.cells() {
        popularity[cell.item as usize] +=
            f64::from(cell.weight) * f64::from(decay(newest - cell.timestamp, half_life_days));
    }
    context.step(NAME, 1, 1)?;
    Ok(Trending { options: options.clone(), popularity: Ranked::new(relative_to_largest(&popularity)) })
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<Trending> {
    Ok(Trending { options: options.clone(), popularity: Ranked::new(load_popularity(tensors)?) })
}

impl Model for Trending {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.popularity.all().len()
    }

    fn score(&self, _history: &History<'_>, scores: &mut [f32]) {
        scores.copy_from_slice(self.popularity.all());
    }

    fn rank<'a>(&'a self, _history: &History<'_>) -> Box<dyn Ranking + 'a> {
        Box::new(&self.popularity)
    }

    fn explain(&self, _history: &History<'_>, item: u32) -> Vec<Contribution> {
        explain_popularity(NAME, self.popularity.all(), item)
    }

    fn tensors(&self) -> Tensors {
        Tensors::new(NAME, self.options.clone()).with_f32(
            "popularity",
            &[self.popularity.all().len()],
            self.popularity.all().to_vec(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interaction, Interactions, catalogue};

    #[test]
    fn an_old_crowd_loses_to_a_fresh_few() {
        let day = 86_400i64;
        let cell = |user, item, days| Interaction { user, item, weight: 1.0, timestamp: days * day };
        // Three views 14 days ago weigh 3/4; one view now weighs 1.
        let log = Interactions::new(3, 2, &[cell(0, 0, 0), cell(1, 0, 0), cell(2, 0, 0), cell(0, 1, 14)]).unwrap();
        let model =
            catalogue::fit(NAME, &[("half_life_days", "7")], &TrainingData::new(&log), &FitContext::quiet(0)).unwrap();
        let mut scores = vec![0.0; 2];
        model.score(&History { items: &[], now: 0 }, &mut scores);
        assert_eq!(scores, [0.75, 1.0]);
        assert_eq!(model.explain(&History { items: &[], now: 0 }, 0)[0].value, 0.75);
    }
}
