//! What a shopper chose most: the floor under every model of repeat purchases.
//!
//! `GP-TopFreq` of Li et al., *A Next Basket Recommendation Reality Check* (TOIS 2023): a shopper's own products by
//! frequency, then everybody's.

use crate::model::by_size;
use crate::options::OptionSpec;
use crate::popular::{self, load_popularity};
use crate::weighting::HALF_LIFE_DAYS;
use crate::{Contribution, FitContext, History, Model, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "personal-top";
pub const ABOUT: &str = "what this shopper chose most, then what most people chose";

pub const OPTIONS: &[OptionSpec] = &[HALF_LIFE_DAYS];

/// `score_i = Σ_events of the history on i w · 2^(−age / half life) + popularity_i`, popularity from 0 to 1: with whole
/// weights that do not fade it decides among equals only.
pub struct PersonalTop {
    options: Options,
    half_life_days: f32,
    popularity: Vec<f32>,
}

impl PersonalTop {
    fn new(options: &Options, popularity: Vec<f32>) -> Self {
        let half_life_days = options.number(HALF_LIFE_DAYS.key) as f32;
        Self { options: options.clone(), half_life_days, popularity }
    }
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<PersonalTop> {
    let popularity = popular::by_users(data.interactions);
    context.step(NAME, 1, 1)?;
    Ok(PersonalTop::new(options, popularity))
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<PersonalTop> {
    Ok(PersonalTop::new(options, load_popularity(tensors)?))
}

impl Model for PersonalTop {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.popularity.len()
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        scores.copy_from_slice(&self.popularity);
        let (items, weights) = history.merged(self.n_items(), self.half_life_days);
        items.iter().zip(weights).for_each(|(&item, weight)| scores[item as usize] += weight);
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        let Some(&popularity) = self.popularity.get(item as usize) else { return Vec::new() };
        let (items, weights) = history.merged(self.n_items(), self.half_life_days);
        let own = items.binary_search(&item).ok().map(|position| weights[position]);
        let own = own.map(|value| Contribution { model: NAME, item: Some(item), value });
        by_size(own.into_iter().chain([Contribution { model: NAME, item: None, value: popularity }]).collect())
    }

    fn tensors(&self) -> Tensors {
        let n = self.popularity.len();
        Tensors::new(NAME, self.options.clone()).with_f32("popularity", &[n], self.popularity.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HistoryItem, Interaction, Interactions, catalogue};

    #[test]
    fn own_products_by_frequency_then_everybodys() {
        let cells = [(0, 0), (1, 0), (0, 1)].map(|(user, item)| Interaction { user, item, weight: 1.0, timestamp: 0 });
        let log = Interactions::new(2, 4, &cells).unwrap();
        let model =
            catalogue::fit(NAME, &[("half_life_days", "1")], &TrainingData::new(&log), &FitContext::quiet(0)).unwrap();
        let event = |item, day: i64| HistoryItem { item, weight: 1.0, timestamp: day * 86_400 };
        let mut scores = [0.0; 4];
        model.score(&History { items: &[event(2, 1), event(3, 1), event(3, 2)], now: 2 * 86_400 }, &mut scores);
        assert_eq!(scores, [1.0, 0.5, 0.5, 1.5]);
    }
}
