//! Which language a text is in.

use serde::{Deserialize, Serialize};
use whatlang::{Detector, Lang};

/// Languages whose words are cut to stems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Spanish,
    English,
    Portuguese,
}

/// Trigrams decide seldom rightly over less; a product's name then counts as the shop's language.
const SHORTEST_TEXT: usize = 20;

/// whatlang's confidence is a margin over the second language; its own limit of 0.9 leaves most Spanish sentences undecided beside Portuguese.
const CERTAIN: f64 = 0.2;

impl Language {
    /// The language of `text` when there is no doubt. Titles of five words leave doubts, and a wrong stem hides a product:
    /// the caller falls back on the language of the shop.
    pub fn detect(text: &str) -> Option<Self> {
        if text.chars().count() < SHORTEST_TEXT {
            return None;
        }
        let found = Detector::with_allowlist(vec![Lang::Spa, Lang::Eng, Lang::Por]).detect(text)?;
        match found.lang() {
            _ if found.confidence() < CERTAIN => None,
            Lang::Spa => Some(Self::Spanish),
            Lang::Eng => Some(Self::English),
            Lang::Por => Some(Self::Portuguese),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_told_apart_and_short_names_are_not_guessed() {
        let detect = Language::detect;
        let spanish = "Refrigeradora de dos puertas con dispensador de agua y motor que gasta menos energía";
        assert_eq!(detect(spanish), Some(Language::Spanish));
        let english = "Two door refrigerator with a water dispenser and a motor which uses less energy";
        assert_eq!(detect(english), Some(Language::English));
        assert_eq!(detect("TV LG 42"), None);
        assert_eq!(detect("🎁"), None);
    }
}
