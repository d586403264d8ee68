//! What a brought model takes and gives, as its owner declares it (TOML).

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Most rows that one call scores while a shopper waits.
pub const CANDIDATES_MAX: usize = 500;
const COLUMNS_MAX: usize = 1_000;
const NAME_MAX: usize = 40;

/// ```
/// let schema = onnx::Schema::parse(r#"
///     name = "gbm-2026-07"
///     candidates = 100            # how many of the best candidates it ranks anew
///     tolerance = 1e-4            # of parity: |got - wanted| ≤ tolerance · max(1, |wanted|)
///
///     [[input]]
///     name = "X"
///     dtype = "float32"
///     shape = ["n", 3]
///     features = ["score.ials", "product.price", "pair.n_views"]
///     fill = 0.0                  # what stands for a missing value; nan leaves it to the model
///     fills = { "product.price" = 25.0 }
///
///     [output]
///     name = "probabilities"
///     dtype = "float32"
///     shape = ["n", 2]
///     column = 1
/// "#).unwrap();
/// assert_eq!(schema.columns().collect::<Vec<_>>(), ["score.ials", "product.price", "pair.n_views"]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// What explanations and messages call it: lower-case letters, digits and dashes.
    pub name: String,
    #[serde(default)]
    pub about: String,
    #[serde(default = "candidates")]
    pub candidates: usize,
    #[serde(default = "tolerance")]
    pub tolerance: f32,
    #[serde(rename = "input")]
    pub inputs: Vec<Input>,
    pub output: Output,
}

fn candidates() -> usize {
    100
}

fn tolerance() -> f32 {
    1e-4
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub name: String,
    pub dtype: Dtype,
    /// `["n"]` or `["n", WIDTH]`.
    pub shape: Vec<Dim>,
    /// One a column, in order.
    pub features: Vec<String>,
    /// Stands for a missing value.
    pub fill: f32,
    /// The same for single features.
    #[serde(default)]
    pub fills: BTreeMap<String, f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub name: String,
    pub dtype: Dtype,
    /// `["n"]` or `["n", WIDTH]`.
    pub shape: Vec<Dim>,
    /// Which column is the score; classifiers give one a class.
    #[serde(default)]
    pub column: usize,
}

/// The runtime computes in 32 bits: 64-bit values are narrowed, and parity shows whether that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    Float32,
    Float64,
    Int32,
    Int64,
}

impl Dtype {
    pub fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
        })
    }
}

/// A length, or a name for the number of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    Fixed(usize),
    Any(String),
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => write!(f, "{length}"),
            Self::Any(name) => f.write_str(name),
        }
    }
}

impl Schema {
    /// # Errors
    /// When the text is no TOML, lacks a key, or contradicts itself.
    pub fn parse(text: &str) -> Result<Self> {
        let schema: Self = toml::from_str(text).map_err(|error| Error::Schema(error.to_string()))?;
        schema.check().map_err(Error::Schema)?;
        Ok(schema)
    }

    /// The features of all inputs, in order: the columns of the rows that the scorer takes.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().flat_map(|input| input.features.iter().map(String::as_str))
    }

    pub fn n_columns(&self) -> usize {
        self.inputs.iter().map(|input| input.features.len()).sum()
    }

    fn check(&self) -> std::result::Result<(), String> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > NAME_MAX || !self.name.chars().all(is_plain) {
            return Err(format!(
                "got name {:?}, wanted 1 to {NAME_MAX} lower-case letters, digits and dashes",
                self.name
            ));
        }
        if !(1..=CANDIDATES_MAX).contains(&self.candidates) {
            return Err(format!("got candidates = {}, wanted 1 to {CANDIDATES_MAX}", self.candidates));
        }
        if !(self.tolerance >= 0.0 && self.tolerance <= 0.1) {
            return Err(format!("got tolerance = {}, wanted 0 to 0.1", self.tolerance));
        }
        if !(1..=COLUMNS_MAX).contains(&self.n_columns()) {
            return Err(format!("got {} features, wanted 1 to {COLUMNS_MAX}", self.n_columns()));
        }
        self.inputs.iter().try_for_each(Input::check)?;
        self.output.check()
    }
}

impl Input {
    fn check(&self) -> std::result::Result<(), String> {
        let (name, n) = (&self.name, self.features.len());
        if width(&self.shape) != Some(n) {
            return Err(format!(
                "input {name:?} has shape {} and {n} features; wanted [\"n\", {n}], or [\"n\"] for a single feature",
                shown(&self.shape)
            ));
        }
        if let Some(stray) = self.fills.keys().find(|key| !self.features.contains(key)) {
            return Err(format!("input {name:?} fills {stray:?}, which is none of its features"));
        }
        let fills = || self.fills.values().chain([&self.fill]);
        if fills().any(|fill| fill.is_infinite() || (fill.is_nan() && !self.dtype.is_float())) {
            return Err(format!("input {name:?} has a fill that {} can't hold", self.dtype));
        }
        Ok(())
    }
}

impl Output {
    fn check(&self) -> std::result::Result<(), String> {
        let Some(width) = width(&self.shape) else {
            return Err(format!("the output has shape {}; wanted [\"n\"] or [\"n\", WIDTH]", shown(&self.shape)));
        };
        if !self.dtype.is_float() {
            return Err(format!(
                "output {:?} is {}, wanted float32 or float64: a label ranks nothing; declare the output with the \
                 probabilities or the regressed value",
                self.name, self.dtype
            ));
        }
        if self.column >= width {
            return Err(format!("got output column {}, wanted 0 to {}", self.column, width - 1));
        }
        Ok(())
    }
}

/// Columns of a declared shape; `None` when it is neither `[n]` nor `[n, width]`.
pub(crate) fn width(shape: &[Dim]) -> Option<usize> {
    match shape {
        [Dim::Any(_)] => Some(1),
        [Dim::Any(_), Dim::Fixed(width)] if *width > 0 => Some(*width),
        _ => None,
    }
}

pub(crate) fn shown(shape: &[Dim]) -> String {
    format!("[{}]", shape.iter().map(Dim::to_string).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "a"
        [[input]]
        name = "X"
        dtype = "float32"
        shape = ["n", 2]
        features = ["p", "q"]
        fill = 0.0
        [output]
        name = "y"
        dtype = "float32"
        shape = ["n", 1]
    "#;

    #[test]
    fn a_schema_that_contradicts_itself_says_where() {
        assert_eq!(Schema::parse(GOOD).unwrap().candidates, 100);
        let refused = [
            (r#"name = "a""#, r#"name = "A b""#, "lower-case letters"),
            (r#"name = "a""#, "name = \"a\"\ncandidates = 501", "wanted 1 to 500"),
            (r#"name = "a""#, "name = \"a\"\ntolerance = 0.5", "wanted 0 to 0.1"),
            (r#"["n", 2]"#, r#"["n", 3]"#, "shape [n, 3] and 2 features"),
            (r#"["n", 2]"#, "[1, 2]", "shape [1, 2] and 2 features"),
            (r#""float32""#, r#""string""#, "unknown variant `string`"),
            ("fill = 0.0", "", "missing field `fill`"),
            ("fill = 0.0", "fill = inf", "can't hold"),
            ("fill = 0.0", "fill = 0.0\nfills = { r = 1.0 }", "\"r\", which is none of its features"),
            (r#"shape = ["n", 1]"#, "shape = [\"n\", 1]\ncolumn = 1", "got output column 1, wanted 0 to 0"),
            (r#"shape = ["n", 1]"#, "shape = [\"n\", 1]\nrow = 1", "unknown field `row`"),
        ];
        for (from, to, wanted) in refused {
            let error = Schema::parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(wanted), "{to}: {error}");
        }
    }
}
