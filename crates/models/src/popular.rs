//! What most people chose. The floor under every other model.

use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::ranking::Ranked;
use crate::{
    Contribution, Error, FitContext, History, Interactions, Model, Options, Ranking, Result, Tensors, TrainingData,
};

pub const NAME: &str = "popular";
pub const ABOUT: &str = "what most people chose";

pub const OPTIONS: &[OptionSpec] = &[OptionSpec::choice(
    "count",
    "users",
    &["users", "weights"],
    "what makes a product popular: distinct users, or the sum of event weights",
)
.search(Range::Words)];

/// The same score for everyone, from 0 (nobody) to 1 (the most popular product).
pub struct Popular {
    options: Options,
    popularity: Ranked,
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Popular> {
    let popularity = match options.word("count") {
        "users" => by_users(data.interactions),
        _ => by_weights(data.interactions),
    };
    context.step(NAME, 1, 1)?;
    Ok(Popular { options: options.clone(), popularity: Ranked::new(popularity) })
}

/// Distinct users of each product, over those of the most popular one.
pub(crate) fn by_users(interactions: &Interactions) -> Vec<f32> {
    let mut n_users = vec![0.0f64; interactions.n_items()];
    interactions.merged().cells().for_each(|cell| n_users[cell.item as usize] += 1.0);
    relative_to_largest(&n_users)
}

fn by_weights(interactions: &Interactions) -> Vec<f32> {
    let mut weights = vec![0.0f64; interactions.n_items()];
    interactions.cells().for_each(|cell| weights[cell.item as usize] += f64::from(cell.weight));
    relative_to_largest(&weights)
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<Popular> {
    Ok(Popular { options: options.clone(), popularity: Ranked::new(load_popularity(tensors)?) })
}

pub(crate) fn load_popularity(tensors: &Tensors) -> Result<Vec<f32>> {
    let (_, popularity) = tensors.f32("popularity", 1)?;
    if popularity.iter().any(|p| !p.is_finite()) {
        return Err(Error::Artifact("`popularity` has values that are not finite".into()));
    }
    Ok(popularity.to_vec())
}

/// Shares of the largest value. All zero when there is nothing.
pub(crate) fn relative_to_largest(values: &[f64]) -> Vec<f32> {
    let largest = values.iter().copied().fold(0.0, f64::max);
    values.iter().map(|v| if largest > 0.0 { (v / largest) as f32 } else { 0.0 }).collect()
}

/// A score that comes from everybody, not from the history.
pub(crate) fn explain_popularity(model: &'static str, popularity: &[f32], item: u32) -> Vec<Contribution> {
    let value = popularity.get(item as usize).copied();
    by_size(value.map(|value| Contribution { model, item: None, value }).into_iter().collect())
}

impl Model for Popular {
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
    use crate::{Interaction, catalogue};

    #[test]
    fn counts_users_or_weights() {
        let cell = |user, item, weight| Interaction { user, item, weight, timestamp: 0 };
        let log =
            Interactions::new(2, 3, &[cell(0, 0, 1.0), cell(0, 0, 5.0), cell(0, 1, 1.0), cell(1, 1, 2.0)]).unwrap();
        let popularity = |count| {
            let model =
                catalogue::fit(NAME, &[("count", count)], &TrainingData::new(&log), &FitContext::quiet(0)).unwrap();
            let mut scores = vec![0.0; 3];
            model.score(&History { items: &[], now: 0 }, &mut scores);
            scores
        };
        assert_eq!(popularity("users"), [0.5, 1.0, 0.0]);
        assert_eq!(popularity("weights"), [1.0, 0.5, 0.0]);
    }
}
