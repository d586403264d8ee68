//! Training inside the running engine: one at a time, and the new model is served when its gate is passed.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use domain::{ModelVersion, UserKey};
use privacy::Forget;
use serde::{Deserialize, Serialize};
use serve::ModelSet;
use store::{Lake, Manifest};
use train::pipeline::{self, Recipe, Step};

use super::{Engine, scorers};

/// What the caller may choose; the rest is configuration.
#[derive(Debug, Clone, Default)]
pub struct TrainRequest {
    pub models: Vec<String>,
    pub set: Vec<(String, String)>,
}

/// What came of a training.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trained {
    pub manifest: Manifest,
    pub promoted: bool,
    pub verdict: String,
}

struct Running<'a>(&'a Engine);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.training_step.lock() = None;
        self.0.training.store(false, Ordering::Release);
    }
}

static NEVER: AtomicBool = AtomicBool::new(false);

impl Engine {
    /// # Errors
    /// When a training is under way, an option is wrong or there is nothing to learn from; the old model goes on.
    pub fn train(&self, request: &TrainRequest) -> anyhow::Result<Trained> {
        if self.training.swap(true, Ordering::AcqRel) {
            bail!(store::StoreError::Conflict("a training is under way; wait for it to end".to_owned()));
        }
        // Reset however it ends, a panic included.
        let _running = Running(self);
        self.train_alone(request, &|step| *self.training_step.lock() = Some(step))
    }

    pub fn is_training(&self) -> bool {
        self.training.load(Ordering::Acquire)
    }

    pub fn training_step(&self) -> Option<Step> {
        self.training_step.lock().clone()
    }

    /// What the order names, else what the configuration says. Where that is `auto` and a model is in service, its recipe:
    /// the choice was made, and is made anew only on order.
    fn recipe(&self, request: &TrainRequest) -> anyhow::Result<Recipe> {
        let config = &self.config.train;
        let is_auto = |models: &[String]| models.iter().any(|name| name == train::auto::NAME);
        let (models, mut options) = match self.stores.registry.champion()? {
            Some(champion) if request.models.is_empty() && is_auto(&config.models) => {
                let manifest = self.stores.registry.get(&champion)?;
                let chosen: Recipe = serde_json::from_value(manifest.options)
                    .with_context(|| format!("the recipe of {champion}; name the models with --model"))?;
                (chosen.models, chosen.options)
            }
            _ => {
                let models = if request.models.is_empty() { &config.models } else { &request.models }.clone();
                let is_fitted = |key: &str| {
                    is_auto(&models)
                        || key.split_once('.').is_some_and(|(name, _)| models.iter().any(|model| model == name))
                };
                let options = config.set.iter().filter(|(key, _)| is_fitted(key)).cloned().collect();
                (models, options)
            }
        };
        options.extend(request.set.iter().cloned());
        Ok(Recipe { models, options, seed: config.seed, recommend_purchased: self.config.serve.recommend_purchased })
    }

    fn train_alone(&self, request: &TrainRequest, progress: &(dyn Fn(Step) + Sync)) -> anyhow::Result<Trained> {
        let recipe = self.recipe(request)?;
        let now = self.now();
        let config = &self.config.train;
        let order = pipeline::Order {
            shop: self.shop.name.clone(),
            version: version_at(now)?,
            now,
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
            gate_ratio: config.gate_ratio,
        };
        let stores = pipeline::Stores {
            log: &*self.stores.log,
            lake: &*self.stores.lake,
            lake_guard: &self.lake_guard,
            registry: &*self.stores.registry,
            carried: &|models| scorers::carried(&*self.stores.registry, models),
        };
        let outcome = self.background.training.install(|| pipeline::run(stores, &recipe, &order, progress, &NEVER))?;
        let version = outcome.manifest.version.clone();
        self.audit(
            "engine",
            "model.train",
            serde_json::json!({ "version": version.as_str(), "verdict": outcome.verdict }),
        )?;
        if outcome.promoted {
            let models = ModelSet::load(&*self.stores.registry, &version)?;
            self.serve_models(models)?;
        }
        Ok(Trained { manifest: outcome.manifest, promoted: outcome.promoted, verdict: outcome.verdict })
    }
}

/// Sortable and readable: `20260728T150405.123456Z`.
pub(super) fn version_at(now: domain::Timestamp) -> anyhow::Result<ModelVersion> {
    let text = now.to_string().replace(['-', ':'], "");
    Ok(ModelVersion::new(text)?)
}

/// The lake's share of an erasure.
pub struct LakeRows<'a>(pub &'a dyn Lake);

impl Forget for LakeRows<'_> {
    fn name(&self) -> &str {
        "lake"
    }

    fn forget(&self, user: UserKey) -> store::Result<u64> {
        train::snapshot::forget(self.0, user)
    }
}
