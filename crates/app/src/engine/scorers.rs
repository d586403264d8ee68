//! Brought scorers: proved, then registered as a version of their own that a promote puts into service.

use std::{collections::BTreeMap, time::Instant};

use domain::ModelVersion;
use serve::scorer::{self, MODEL_FILE, PARITY_FILE, SCHEMA_FILE, Scorer};
use store::{Manifest, Registry, StoreError};

use super::{Engine, training::version_at};

/// A model as its owner brings it.
pub struct Brought<'a> {
    pub model: &'a [u8],
    /// TOML
    pub schema: &'a str,
    /// JSON lines or CSV
    pub parity: &'a str,
    /// The version whose models find what the scorer ranks; the champion where nobody says.
    pub base: Option<ModelVersion>,
}

impl Engine {
    /// Checks, proves and registers: a version with the models of its base and the scorer over them. Not promoted: that
    /// is its owner's decision.
    ///
    /// # Errors
    /// When there is no base, or the model is not what its schema and its rows say; nothing is registered then.
    pub fn import_scorer(&self, brought: &Brought<'_>, actor: &str) -> anyhow::Result<Manifest> {
        let registry = &*self.stores.registry;
        let base = match &brought.base {
            Some(version) => version.clone(),
            None => registry.champion()?.ok_or_else(|| StoreError::Conflict(NO_BASE.to_owned()))?,
        };
        let trained = registry.get(&base)?;
        let scorer = Scorer::load(brought.model, brought.schema, &trained.models)?;
        let started = Instant::now();
        let parity = scorer.prove(brought.parity).map_err(serve::ScorerError::from)?;
        let now = self.now();
        let mut facts = trained.facts.clone();
        facts.extend([
            ("parity_rows".to_owned(), parity.n_rows as f64),
            ("parity_tolerance".to_owned(), parity.tolerance.into()),
            ("parity_difference".to_owned(), parity.worst.difference.into()),
            ("parity_worst_row".to_owned(), parity.worst.row as f64),
            ("parity_seconds".to_owned(), started.elapsed().as_secs_f64()),
        ]);
        let manifest = Manifest {
            version: version_at(now)?,
            created_at: now,
            options: with_scorer(trained.options.clone(), scorer.name(), &base),
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
            facts,
            ..trained.clone()
        };
        let mut files = BTreeMap::from([
            (MODEL_FILE.to_owned(), brought.model.to_vec()),
            (SCHEMA_FILE.to_owned(), brought.schema.as_bytes().to_vec()),
            (PARITY_FILE.to_owned(), brought.parity.as_bytes().to_vec()),
        ]);
        for name in trained.checksums.keys().filter(|name| !files.contains_key(*name)).cloned().collect::<Vec<_>>() {
            let bytes = registry.file(&base, &name)?;
            files.insert(name, bytes);
        }
        let manifest = registry.register(manifest, &files)?;
        let detail =
            serde_json::json!({ "version": manifest.version.as_str(), "scorer": scorer.name(), "base": base.as_str() });
        self.audit(actor, "model.import", detail)?;
        Ok(manifest)
    }
}

const NO_BASE: &str =
    "a scorer ranks what a trained model finds, and nothing is trained yet; run `vitrina train` first";

/// The recipe of the base stays, so that trainings compare with it.
fn with_scorer(options: serde_json::Value, name: &str, base: &ModelVersion) -> serde_json::Value {
    let serde_json::Value::Object(mut options) = options else { return options };
    options.insert("scorer".to_owned(), serde_json::json!({ "name": name, "base": base.as_str() }));
    options.into()
}

/// What a training hands on: the champion's scorer, where the new models have every score that it asks for.
pub(super) fn carried(registry: &dyn Registry, models: &[String]) -> store::Result<BTreeMap<String, Vec<u8>>> {
    let Some(champion) = registry.champion()? else { return Ok(BTreeMap::new()) };
    let files = scorer::files(registry, &champion)?;
    let (Some(model), Some(schema)) = (files.get(MODEL_FILE), files.get(SCHEMA_FILE)) else {
        return Ok(BTreeMap::new());
    };
    match Scorer::load(model, &String::from_utf8_lossy(schema), models) {
        Ok(scorer) => {
            tracing::info!(scorer = scorer.name(), "the new version keeps the champion's scorer");
            Ok(files)
        }
        Err(error) => {
            tracing::warn!(%error, "the new version goes without the champion's scorer");
            Ok(BTreeMap::new())
        }
    }
}
