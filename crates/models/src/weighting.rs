//! What the events of a user on a product count: the same in training and in a history.

use crate::options::{OptionSpec, Range};
use crate::{History, Interactions, Options, decay};

pub(crate) const WEIGHTING: OptionSpec = OptionSpec::choice(
    "weighting",
    "log",
    &["binary", "log", "weights"],
    "what a repeated or strong event counts: 1, log2(1 + weight), or its weight",
)
.search(Range::Words);

pub(crate) const HALF_LIFE_DAYS: OptionSpec = OptionSpec::number(
    "half_life_days",
    0.0,
    0.0,
    3650.0,
    "days after which an event counts half, in training and in the history; 0 means never",
)
.search(Range::Log(7.0, 3650.0));

/// What the summed weight of a user's events on a product counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weighting {
    Binary,
    Log,
    Weights,
}

impl Weighting {
    /// Words that are none of `binary` and `log` leave the weight as it is.
    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "binary" => Self::Binary,
            "log" => Self::Log,
            _ => Self::Weights,
        }
    }

    /// A plain single event counts 1 in each of them.
    pub(crate) fn apply(self, weight: f32) -> f32 {
        match self {
            Self::Binary => 1.0,
            Self::Log => (1.0 + weight).log2(),
            Self::Weights => weight,
        }
    }
}

/// Each pair once, with the weight that the model's options give it.
pub(crate) fn weighted(interactions: &Interactions, weighting: Weighting, half_life_days: f32) -> Interactions {
    let pairs = if half_life_days > 0.0 {
        let newest = interactions.newest_timestamp();
        // A pair whose events have all but faded still happened.
        interactions.merged_as(|w, t| (w * decay(newest - t, half_life_days)).max(f32::MIN_POSITIVE))
    } else {
        interactions.merged()
    };
    pairs.map_cells(|_, _, w| weighting.apply(w).max(f32::MIN_POSITIVE))
}

/// The options [`WEIGHTING`] and [`HALF_LIFE_DAYS`] of a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventWeights {
    weighting: Weighting,
    half_life_days: f32,
}

impl EventWeights {
    /// Every product of a history counts 1, however often and whenever it was touched.
    pub const NONE: Self = Self { weighting: Weighting::Binary, half_life_days: 0.0 };

    pub fn new(options: &Options) -> Self {
        Self {
            weighting: Weighting::parse(options.word(WEIGHTING.key)),
            half_life_days: options.number(HALF_LIFE_DAYS.key) as f32,
        }
    }

    /// The training data, each pair once.
    pub fn pairs(self, interactions: &Interactions) -> Interactions {
        weighted(interactions, self.weighting, self.half_life_days)
    }

    /// The known products of a history, each once, by item number.
    pub fn terms(self, history: &History<'_>, n_items: usize) -> (Vec<u32>, Vec<f32>) {
        let (items, mut weights) = history.merged(n_items, self.half_life_days);
        weights.iter_mut().for_each(|weight| *weight = self.weighting.apply(*weight));
        (items, weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighting_is_one_for_a_plain_event() {
        for weighting in [Weighting::Binary, Weighting::Log, Weighting::Weights] {
            assert_eq!(weighting.apply(1.0), 1.0);
        }
        assert_eq!(Weighting::Log.apply(3.0), 2.0);
    }
}
