//! Where a search looks: one dimension per option that declares a range, each stretched to 0..1.

use std::collections::BTreeMap;

use models::Options;
use models::catalogue::ModelSpec;
use models::options::{OptionKind, OptionSpec, Range};

/// Options of a trial, as they would be typed.
pub type Point = BTreeMap<String, String>;

pub struct Space {
    pub dimensions: Vec<Dimension>,
}

/// One option to search.
pub struct Dimension {
    pub key: String,
    spec: &'static OptionSpec,
    range: Range,
}

impl Space {
    /// What the model declares, less what is fixed and, without time, less half lives, which then change nothing.
    pub fn new(model: &ModelSpec, fixed: &Options, is_fixed: impl Fn(&str) -> bool, has_time: bool) -> Self {
        let declared = model
            .search_space(fixed)
            .into_iter()
            .filter(|(key, _)| !is_fixed(key) && (has_time || !key.ends_with("half_life_days")));
        let dimension = |(key, spec): (String, &'static OptionSpec)| Some(Dimension { key, spec, range: spec.search? });
        Self { dimensions: declared.filter_map(dimension).collect() }
    }

    /// The point with these places, one per dimension.
    pub fn point(&self, places: &[f64]) -> Point {
        self.dimensions.iter().zip(places).map(|(d, &place)| (d.key.clone(), d.value(place))).collect()
    }

    /// The declared defaults.
    pub fn defaults(&self) -> Point {
        self.dimensions.iter().map(|d| (d.key.clone(), d.spec.default_value().to_string())).collect()
    }
}

impl Dimension {
    /// How many words there are to choose from; `None` for numbers.
    pub fn n_words(&self) -> Option<usize> {
        match (self.spec.kind, self.range) {
            (OptionKind::Choice { of, .. }, Range::Words) => Some(of.len()),
            _ => None,
        }
    }

    /// The value at a place from 0 to 1, with four digits: more would not be seen in the quality.
    fn value(&self, place: f64) -> String {
        let place = place.clamp(0.0, 1.0);
        let number = match (self.range, self.spec.kind) {
            (Range::Linear(low, high), _) => low + (high - low) * place,
            (Range::Log(low, high), _) => low * (high / low).powf(place),
            (Range::Words, OptionKind::Choice { of, .. }) => {
                return of[((place * of.len() as f64) as usize).min(of.len() - 1)].to_owned();
            }
            (Range::Words, _) => return self.spec.default_value().to_string(),
        };
        match self.spec.kind {
            OptionKind::Count { .. } => format!("{}", number.round()),
            _ => format!("{}", four_digits(number)),
        }
    }

    /// The place of a value; the nearest end for one outside the range, such as a default of 0 on a log scale.
    pub fn place(&self, value: &str) -> f64 {
        let number: f64 = value.parse().unwrap_or(0.0);
        let place = match (self.range, self.spec.kind) {
            (Range::Linear(low, high), _) => (number - low) / (high - low),
            (Range::Log(low, high), _) => (number.max(low) / low).ln() / (high / low).ln(),
            (Range::Words, OptionKind::Choice { of, .. }) => {
                (of.iter().position(|word| *word == value).unwrap_or(0) as f64 + 0.5) / of.len() as f64
            }
            (Range::Words, _) => 0.5,
        };
        place.clamp(0.0, 1.0)
    }
}

fn four_digits(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use models::catalogue;

    use super::*;

    fn space(model: &str, has_time: bool) -> Space {
        let spec = catalogue::find(model).unwrap();
        let fixed = spec.options::<&str, &str>(&[]).unwrap();
        Space::new(spec, &fixed, |key| key == "epochs", has_time)
    }

    #[test]
    fn every_place_is_a_valid_option_and_finds_its_way_back() {
        for model in ["item-knn", "ials", "popular", "hybrid"] {
            let space = space(model, true);
            for place in [0.0, 0.1, 0.37, 0.5, 0.99, 1.0] {
                let point = space.point(&vec![place; space.dimensions.len()]);
                let pairs: Vec<(&String, &String)> = point.iter().collect();
                catalogue::find(model).unwrap().options(&pairs).unwrap();
                for dimension in &space.dimensions {
                    let width = dimension.n_words().map_or(0.02, |n| 1.0 / n as f64);
                    let back = dimension.place(&point[&dimension.key]);
                    assert!((back - place).abs() <= width, "{model} {}: {place} became {back}", dimension.key);
                }
            }
        }
    }

    #[test]
    fn what_is_fixed_or_without_effect_is_not_searched() {
        let keys = |has_time| space("ials", has_time).dimensions.into_iter().map(|d| d.key).collect::<Vec<_>>();
        assert!(keys(true).contains(&"half_life_days".to_owned()) && !keys(true).contains(&"epochs".to_owned()));
        assert!(!keys(false).contains(&"half_life_days".to_owned()));
    }

    #[test]
    fn a_log_scale_has_its_middle_at_the_geometric_mean() {
        let space = space("ials", true);
        let regularization = space.dimensions.iter().find(|d| d.key == "regularization").unwrap();
        assert_eq!((regularization.value(0.0).as_str(), regularization.value(1.0).as_str()), ("0.1", "30"));
        assert_eq!(regularization.value(0.5), "1.732");
    }
}
