//! A brought scorer in serving: its columns bound to what is known here, and the candidates that it ranks anew.

use std::collections::BTreeMap;

use domain::{ModelVersion, Query};
use features::ranking::{self, Asked};
use models::{History, Ranking, catalogue};
use onnx::{Parity, Rows, Schema};
use store::{Registry, StoreError};

use crate::{
    Snapshot, SnapshotError,
    hydrate::View,
    rerank::{self, Candidate, Part, PartOf},
};

/// The files of a registry version that has a scorer.
pub const MODEL_FILE: &str = "scorer.onnx";
pub const SCHEMA_FILE: &str = "scorer.toml";
pub const PARITY_FILE: &str = "scorer.parity";
/// What stands before the name of a model whose score is a column.
const SCORE: &str = "score.";
/// Scores of models are of no known scale; a scorer must stay finite within this.
const SCORE_RANGE: [f32; 2] = [-1e4, 1e4];

/// Why a model is not taken as a scorer.
#[derive(Debug, thiserror::Error)]
pub enum ScorerError {
    #[error(transparent)]
    Model(#[from] onnx::Error),
    #[error("the schema: the feature {name:?} is not known{hint}; `vitrina models features` lists them")]
    Feature { name: String, hint: String },
    #[error("the schema: the scorer is named {name:?} like a model of the catalogue; give it a name of its own")]
    Name { name: String },
}

pub struct Scorer {
    model: onnx::Scorer,
    /// As the schema's columns.
    columns: Vec<Column>,
}

enum Column {
    Feature(Asked),
    /// The score of a model of the same version.
    Score(String),
}

impl Scorer {
    /// Binds a brought model to `models`, those whose scores are there.
    ///
    /// # Errors
    /// When the model can't be served, or a feature is not known.
    pub fn load(model: &[u8], schema: &str, models: &[String]) -> Result<Self, ScorerError> {
        let schema = Schema::parse(schema)?;
        if catalogue::MODELS.iter().any(|spec| spec.name == schema.name) {
            return Err(ScorerError::Name { name: schema.name });
        }
        let columns = schema.columns().map(|name| bind(name, models)).collect::<Result<_, _>>()?;
        Ok(Self { model: onnx::Scorer::load(model, schema)?, columns })
    }

    pub fn name(&self) -> &str {
        &self.model.schema().name
    }

    /// How many candidates it wants to see.
    pub fn candidates(&self) -> usize {
        self.model.schema().candidates
    }

    /// Proves the model on the rows of its framework, and on rows at the edges of what can happen.
    ///
    /// # Errors
    /// When it says something else here, or no number.
    pub fn prove(&self, rows: &str) -> Result<Parity, onnx::Error> {
        let rows = Rows::parse(rows, self.model.schema())?;
        let ranges: Vec<[f32; 2]> = self.columns.iter().map(Column::range).collect();
        self.model.endure(&ranges)?;
        self.model.parity(&rows)
    }

    /// Ranks the candidates anew in one call, best first; equals keep their order. On an error they stay as they are.
    ///
    /// # Errors
    /// When the model fails.
    pub(crate) fn rerank(
        &self,
        snapshot: &Snapshot,
        view: &View<'_>,
        query: &Query,
        candidates: &mut [Candidate],
    ) -> Result<(), onnx::Error> {
        let rows = self.rows(snapshot, view, query, candidates);
        let scores = self.model.score(&rows)?;
        for (candidate, score) in candidates.iter_mut().zip(scores) {
            candidate.score = score;
            candidate.parts = vec![Part { of: PartOf::Scorer, value: score }];
        }
        rerank::sort(candidates);
        Ok(())
    }

    /// One row of columns a candidate, NaN where a value is missing.
    fn rows(&self, snapshot: &Snapshot, view: &View<'_>, query: &Query, candidates: &[Candidate]) -> Vec<f32> {
        let product = |id: &_| snapshot.shelf.get(id).map(AsRef::as_ref);
        let shopper = ranking::Shopper::new(view.profile.as_deref(), query.now, product);
        let scores = self.rankings(snapshot, view);
        let mut rows = Vec::with_capacity(candidates.len() * self.columns.len());
        for item in candidates {
            let product_id = snapshot.id(item.number);
            let candidate = ranking::Candidate { product_id, product: product(product_id) };
            rows.extend(self.columns.iter().map(|column| match column {
                Column::Feature(asked) => asked.value(&shopper, &candidate).map_or(f32::NAN, |value| value as f32),
                Column::Score(model) => {
                    let number = snapshot.models.item(product_id);
                    let score = number.zip(scores.get(model.as_str())).map(|(item, ranking)| ranking.score(item));
                    score.filter(|score| score.is_finite()).unwrap_or(f32::NAN)
                }
            }));
        }
        rows
    }

    /// What each model that is a column makes of the shopper.
    fn rankings<'a>(&self, snapshot: &'a Snapshot, view: &View<'_>) -> BTreeMap<&str, Box<dyn Ranking + 'a>> {
        let asked = self.columns.iter().filter_map(|column| match column {
            Column::Score(name) => Some(name.as_str()),
            Column::Feature(_) => None,
        });
        asked
            .filter_map(|name| snapshot.models.model(name).map(|model| (name, model)))
            .map(|(name, model)| (name, model.rank(&History { items: &view.history, now: view.now })))
            .collect()
    }
}

impl Column {
    fn range(&self) -> [f32; 2] {
        match self {
            Self::Feature(asked) => asked.range(),
            Self::Score(_) => SCORE_RANGE,
        }
    }
}

fn bind(name: &str, models: &[String]) -> Result<Column, ScorerError> {
    if let Some(model) = name.strip_prefix(SCORE).filter(|model| models.iter().any(|known| known == model)) {
        return Ok(Column::Score(model.to_owned()));
    }
    Asked::parse(name).map(Column::Feature).ok_or_else(|| {
        let scores = models.iter().map(|model| format!("{SCORE}{model}"));
        let known = ranking::ALL.iter().map(|feature| feature.name.to_owned()).chain(scores);
        let nearest = known
            .map(|known| (strsim::damerau_levenshtein(name, &known), known))
            .filter(|(distance, _)| *distance <= 5)
            .min();
        let hint = match name.strip_prefix(SCORE) {
            Some(_) => format!("; this version has the models {}", models.join(", ")),
            None => nearest.map_or_else(String::new, |(_, known)| format!("; did you mean {known:?}?")),
        };
        ScorerError::Feature { name: name.to_owned(), hint }
    })
}

/// The scorer's files of a version; empty when it has none.
///
/// # Errors
/// When the registry can't be read or a checksum differs.
pub fn files(registry: &dyn Registry, version: &ModelVersion) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
    let manifest = registry.get(version)?;
    let own = [MODEL_FILE, SCHEMA_FILE, PARITY_FILE].into_iter().filter(|name| manifest.checksums.contains_key(*name));
    own.map(|name| Ok((name.to_owned(), registry.file(version, name)?))).collect()
}

/// The scorer of a version, where it has one.
pub(crate) fn of_version(registry: &dyn Registry, version: &ModelVersion) -> Result<Option<Scorer>, SnapshotError> {
    let files = files(registry, version)?;
    let Some(model) = files.get(MODEL_FILE) else { return Ok(None) };
    let broken = |detail: String| SnapshotError::Model { version: version.clone(), detail };
    let schema = files.get(SCHEMA_FILE).ok_or_else(|| broken(format!("{MODEL_FILE} without {SCHEMA_FILE}")))?;
    let schema = std::str::from_utf8(schema).map_err(|error| broken(error.to_string()))?;
    let models = registry.get(version)?.models;
    Scorer::load(model, schema, &models).map(Some).map_err(|error| broken(format!("its scorer: {error}")))
}
