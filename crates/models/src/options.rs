//! Options of models: declared once in a table, given as `KEY=VALUE`, checked at the door.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// One option of a model, as documentation and as check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptionSpec {
    pub key: &'static str,
    /// One line: what it does, its unit.
    pub about: &'static str,
    pub kind: OptionKind,
    /// Where tuning looks; `None` keeps the default.
    pub search: Option<Range>,
}

/// The values of an option that are worth trying, narrower than those that are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// From low to high, steps of the same size mattering the same.
    Linear(f64, f64),
    /// From low to high, steps by the same factor mattering the same. Low is above 0.
    Log(f64, f64),
    /// Each of the words of a choice.
    Words,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptionKind {
    /// A whole number within `min..=max`.
    Count { default: usize, min: usize, max: usize },
    /// A number within `min..=max`.
    Number { default: f64, min: f64, max: f64 },
    /// One of a few words.
    Choice { default: &'static str, of: &'static [&'static str] },
    /// Words separated by commas, each one of `of`.
    Words { default: &'static str, of: &'static [&'static str] },
}

/// A checked value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OptionValue {
    Count(usize),
    Number(f64),
    Word(String),
}

/// Checked options of one model, every key present.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Options(BTreeMap<String, OptionValue>);

impl OptionSpec {
    pub const fn count(key: &'static str, default: usize, min: usize, max: usize, about: &'static str) -> Self {
        Self { key, about, kind: OptionKind::Count { default, min, max }, search: None }
    }

    pub const fn number(key: &'static str, default: f64, min: f64, max: f64, about: &'static str) -> Self {
        Self { key, about, kind: OptionKind::Number { default, min, max }, search: None }
    }

    pub const fn choice(
        key: &'static str,
        default: &'static str,
        of: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self { key, about, kind: OptionKind::Choice { default, of }, search: None }
    }

    pub const fn words(
        key: &'static str,
        default: &'static str,
        of: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self { key, about, kind: OptionKind::Words { default, of }, search: None }
    }

    /// Declares where tuning looks.
    pub const fn search(self, range: Range) -> Self {
        Self { search: Some(range), ..self }
    }

    pub fn default_value(&self) -> OptionValue {
        match self.kind {
            OptionKind::Count { default, .. } => OptionValue::Count(default),
            OptionKind::Number { default, .. } => OptionValue::Number(default),
            OptionKind::Choice { default, .. } | OptionKind::Words { default, .. } => {
                OptionValue::Word(default.to_owned())
            }
        }
    }

    /// What a value must be, in words.
    pub fn wanted(&self) -> String {
        match self.kind {
            OptionKind::Count { min, max, .. } => format!("a whole number from {min} to {max}"),
            OptionKind::Number { min, max, .. } => format!("a number from {min} to {max}"),
            OptionKind::Choice { of, .. } => format!("one of {}", of.join(", ")),
            OptionKind::Words { of, .. } => format!("words from {} with commas between", of.join(", ")),
        }
    }

    fn parse(&self, text: &str) -> Option<OptionValue> {
        match self.kind {
            OptionKind::Count { min, max, .. } => {
                text.parse().ok().filter(|n| (min..=max).contains(n)).map(OptionValue::Count)
            }
            OptionKind::Number { min, max, .. } => {
                text.parse().ok().filter(|n| (min..=max).contains(n)).map(OptionValue::Number)
            }
            OptionKind::Choice { of, .. } => of.contains(&text).then(|| OptionValue::Word(text.to_owned())),
            OptionKind::Words { of, .. } => {
                let words: Vec<&str> = text.split(',').map(str::trim).collect();
                words.iter().all(|word| of.contains(word)).then(|| OptionValue::Word(words.join(",")))
            }
        }
    }
}

impl Options {
    /// Defaults overridden by `(key, value)` pairs; the first pair that does not fit is the error.
    pub fn checked<K: AsRef<str>, V: AsRef<str>>(
        model: &'static str,
        specs: &[OptionSpec],
        pairs: &[(K, V)],
    ) -> Result<Self> {
        let mut values: BTreeMap<String, OptionValue> =
            specs.iter().map(|s| (s.key.to_owned(), s.default_value())).collect();
        for (key, text) in pairs {
            let (key, text) = (key.as_ref().trim(), text.as_ref().trim());
            let Some(spec) = specs.iter().find(|s| s.key == key) else {
                return Err(unknown(model, specs, key, text));
            };
            let Some(value) = spec.parse(text) else {
                return Err(Error::Option {
                    model,
                    key: key.to_owned(),
                    got: format!("`{text}`"),
                    wanted: spec.wanted(),
                    hint: String::new(),
                });
            };
            values.insert(key.to_owned(), value);
        }
        Ok(Self(values))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &OptionValue)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }

    pub fn get(&self, key: &str) -> Option<&OptionValue> {
        self.0.get(key)
    }

    pub(crate) fn insert(&mut self, key: String, value: OptionValue) {
        self.0.insert(key, value);
    }

    /// The options whose keys start with `prefix.`, without it.
    pub(crate) fn part(&self, prefix: &str) -> Self {
        let dotted = format!("{prefix}.");
        Self(self.0.iter().filter_map(|(k, v)| Some((k.strip_prefix(&dotted)?.to_owned(), v.clone()))).collect())
    }

    // The getters panic on a key that the model did not declare: that is a bug in the model, not bad input.

    pub fn count(&self, key: &str) -> usize {
        match self.0.get(key) {
            Some(OptionValue::Count(n)) => *n,
            other => panic!("option `{key}` is declared as a count, got {other:?}"),
        }
    }

    pub fn number(&self, key: &str) -> f64 {
        match self.0.get(key) {
            Some(OptionValue::Number(x)) => *x,
            other => panic!("option `{key}` is declared as a number, got {other:?}"),
        }
    }

    pub fn word(&self, key: &str) -> &str {
        match self.0.get(key) {
            Some(OptionValue::Word(word)) => word,
            other => panic!("option `{key}` is declared as a word, got {other:?}"),
        }
    }
}

impl std::fmt::Display for OptionValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(n) => write!(f, "{n}"),
            Self::Number(x) => write!(f, "{x}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Splits `KEY=VALUE`.
pub fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("got `{text}`, wanted KEY=VALUE, for example `factors=64`")),
    }
}

fn unknown(model: &'static str, specs: &[OptionSpec], key: &str, text: &str) -> Error {
    let keys: Vec<&str> = specs.iter().map(|s| s.key).collect();
    Error::Option {
        model,
        key: key.to_owned(),
        got: format!("`{key}={text}`"),
        wanted: if keys.is_empty() { "no options".to_owned() } else { format!("one of {}", keys.join(", ")) },
        hint: nearest(key, &keys),
    }
}

/// `; did you mean …?` when a known name is close enough to be a slip.
pub(crate) fn nearest(got: &str, known: &[&str]) -> String {
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(got, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.75)
        .map_or(String::new(), |(_, name)| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[OptionSpec] = &[
        OptionSpec::count("factors", 64, 1, 2048, "width"),
        OptionSpec::number("regularization", 0.01, 0.0, 1e6, "λ"),
        OptionSpec::choice("similarity", "cosine", &["cosine", "cooccurrence"], "how"),
    ];

    fn error(pairs: &[(&str, &str)]) -> String {
        Options::checked("als", SPECS, pairs).unwrap_err().to_string()
    }

    #[test]
    fn defaults_fill_what_is_not_given() {
        let options = Options::checked("als", SPECS, &[("factors", "8")]).unwrap();
        assert_eq!((options.count("factors"), options.number("regularization")), (8, 0.01));
        assert_eq!(options.word("similarity"), "cosine");
    }

    #[test]
    fn errors_say_got_wanted_and_nearest() {
        assert_eq!(
            error(&[("factors", "0")]),
            "option `factors` of als: got `0`, wanted a whole number from 1 to 2048"
        );
        assert_eq!(
            error(&[("regularization", "NaN")]),
            "option `regularization` of als: got `NaN`, wanted a number from 0 to 1000000"
        );
        assert_eq!(
            error(&[("factor", "8")]),
            "option `factor` of als: got `factor=8`, wanted one of factors, regularization, similarity; did you mean `factors`?"
        );
        assert!(error(&[("similarity", "cos")]).contains("wanted one of cosine, cooccurrence"));
    }

    #[test]
    fn options_survive_json() {
        let options = Options::checked("als", SPECS, &[("regularization", "1")]).unwrap();
        let json = serde_json::to_string(&options).unwrap();
        let back: Options = serde_json::from_str(&json).unwrap();
        let pairs: Vec<(String, String)> = back.iter().map(|(k, v)| (k.to_owned(), v.to_string())).collect();
        assert_eq!(Options::checked("als", SPECS, &pairs).unwrap(), options);
    }

    #[test]
    fn key_value_wants_an_equals_sign() {
        assert_eq!(key_value("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert!(key_value("factors").unwrap_err().contains("KEY=VALUE"));
    }
}
