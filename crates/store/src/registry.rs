//! Trained models: artifacts that never change, a manifest each, and one pointer to the champion.

use std::collections::BTreeMap;

use domain::{ModelVersion, Position, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Result;

/// Where a fit stood after an epoch.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct CurvePoint {
    pub epoch: u32,
    /// Mean loss over the training data; lower is better.
    pub train_loss: f64,
    /// NDCG at 20 on what the fit held out; higher is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_ndcg: Option<f64>,
}

/// What a feature is worth to a model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FeatureImportance {
    pub feature: String,
    /// Share of the loss that the fit took away by asking for this feature.
    pub gain: f32,
    /// Mean NDCG that is lost on held-out lists when its values are dealt out anew.
    pub permutation: f32,
}

/// How a model came to be: enough to make it again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    pub version: ModelVersion,
    pub created_at: Timestamp,
    /// Model names in it, such as `["item-knn", "ials"]`.
    pub models: Vec<String>,
    /// Every event up to here was in the training data's reach.
    pub log_position: Position,
    pub options: serde_json::Value,
    pub seed: u64,
    /// Of the program that trained it.
    pub code_version: String,
    pub metrics: BTreeMap<String, f64>,
    /// n_users, n_items, n_interactions, fit_seconds, …
    pub facts: BTreeMap<String, f64>,
    /// Loss curves of the models that go by epochs, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub curves: BTreeMap<String, Vec<CurvePoint>>,
    /// Features of the models that have some, by model, most important first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub importance: BTreeMap<String, Vec<FeatureImportance>>,
    /// File name → BLAKE3 in hexadecimal, filled in by the registry.
    #[serde(default)]
    pub checksums: BTreeMap<String, String>,
}

pub trait Registry: Send + Sync {
    /// Stores the files and the manifest; durable and complete, or not there at all. Conflict when the version exists.
    fn register(&self, manifest: Manifest, files: &BTreeMap<String, Vec<u8>>) -> Result<Manifest>;
    /// Newest first.
    fn list(&self) -> Result<Vec<Manifest>>;
    fn get(&self, version: &ModelVersion) -> Result<Manifest>;
    /// The bytes of one file, verified against the manifest's checksum.
    fn file(&self, version: &ModelVersion, name: &str) -> Result<Vec<u8>>;
    fn champion(&self) -> Result<Option<ModelVersion>>;
    /// Moves the pointer; remembers where it was.
    fn promote(&self, version: &ModelVersion) -> Result<()>;
    /// Moves the pointer back to where it was before the last promote; answers the version it now names.
    fn rollback(&self) -> Result<ModelVersion>;
    /// Removes a version that is not the champion.
    fn delete(&self, version: &ModelVersion) -> Result<()>;
    /// Grows whenever the pointer moves: a cheap answer to "is my snapshot still current?".
    fn revision(&self) -> u64;
}
