//! From a position in the log to a registered, evaluated model: [`run`] is the list of the steps.

use std::{collections::BTreeMap, sync::atomic::AtomicBool, time::Instant};

use domain::{ModelVersion, Position, Timestamp};
use models::{FitContext, Model, TrainingData, catalogue};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::{EventLog, Lake, Manifest, Registry, StoreError};

use crate::{
    evaluate::judge,
    snapshot::{self, TrainingSet},
    split::Split,
};

/// What to fit and how: kept in the manifest, so that the same model can be made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Catalogue names; the last of the list that is personal is the one that the gate judges.
    pub models: Vec<String>,
    /// `("ials.factors", "128")`; without the model's name where there is one model only.
    pub options: Vec<(String, String)>,
    pub seed: u64,
    /// Whether purchased products may be recommended again: the metrics must ask what serving does.
    pub recommend_purchased: bool,
}

/// Where a training reads and writes.
#[derive(Clone, Copy)]
pub struct Stores<'a> {
    pub log: &'a dyn EventLog,
    pub lake: &'a dyn Lake,
    /// Held while the lake is brought up to date and read: an erasure that came in between could be undone.
    pub lake_guard: &'a Mutex<()>,
    pub registry: &'a dyn Registry,
}

/// What a training is told from outside, where clocks and versions live.
#[derive(Debug, Clone)]
pub struct Order {
    pub shop: String,
    pub version: ModelVersion,
    pub now: Timestamp,
    pub code_version: String,
    /// The new model must reach this share of the better of two: the champion's recipe, and plain popularity.
    pub gate_ratio: f64,
}

/// A step of a training: its name, and how far it is where that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub name: String,
    pub done: u64,
    pub of: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    pub manifest: Manifest,
    pub promoted: bool,
    /// Why it was promoted, or why the old model stays.
    pub verdict: String,
}

#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Snapshot(#[from] features::training::TrainingError),
    #[error(transparent)]
    Model(#[from] models::Error),
    #[error(
        "shop {shop} has no interaction up to position {position} that says what somebody likes; import events, or wait for some"
    )]
    NothingToLearn { shop: String, position: Position },
    #[error("no model to fit was named; name one of: {}", known_models())]
    NoModel,
    #[error("option {key:?} names no model of this training ({models}); write MODEL.KEY=VALUE")]
    StrayOption { key: String, models: String },
}

fn known_models() -> String {
    catalogue::MODELS.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ")
}

/// The metric that decides.
pub const GATE_METRIC: &str = "ndcg@20";
const KS: [usize; 2] = [10, 20];
/// Cases that are judged; beyond it the interval is narrow enough and the time better spent.
const CASES_MAX: usize = 20_000;
pub const ITEMS_FILE: &str = "items.json";

/// Snapshot, split, fit, evaluate, register, gate, promote.
///
/// The pointer moves in the registry only; whoever serves loads the version then.
///
/// # Errors
/// Of the stores, of the options, or when there is too little to learn from. The champion stays in every case.
pub fn run(
    stores: Stores<'_>,
    recipe: &Recipe,
    order: &Order,
    progress: &(dyn Fn(Step) + Sync),
    cancelled: &AtomicBool,
) -> Result<Outcome, TrainError> {
    check(recipe)?;
    let started = Instant::now();
    let position = stores.log.head();
    let step = |name: &str, done, of| progress(Step { name: name.to_owned(), done, of });
    let mut set = {
        let _erasures_wait = stores.lake_guard.lock();
        snapshot::export(stores.log, stores.lake, position, &|at| step("snapshot", at.0, position.0))?;
        snapshot::training_set(stores.lake, &order.shop, position, recipe.recommend_purchased)?
    };
    thin(&mut set.split);
    let candidate = measure(recipe, &set.split, progress, cancelled)?;
    let rivals = rivals(stores.registry, recipe, &set.split, &candidate, progress, cancelled)?;

    let (files, fit_seconds) = fit_all(recipe, &set, progress, cancelled)?;
    let facts = BTreeMap::from([
        ("n_users".to_owned(), set.n_users as f64),
        ("n_items".to_owned(), set.item_ids.len() as f64),
        ("n_interactions".to_owned(), set.all.n_interactions() as f64),
        ("n_cases".to_owned(), set.split.cases.len() as f64),
        ("fit_seconds".to_owned(), fit_seconds),
        ("total_seconds".to_owned(), started.elapsed().as_secs_f64()),
    ]);
    let manifest = Manifest {
        version: order.version.clone(),
        created_at: order.now,
        models: recipe.models.clone(),
        log_position: position,
        options: serde_json::to_value(recipe).expect("a recipe is plain data"),
        seed: recipe.seed,
        code_version: order.code_version.clone(),
        metrics: candidate.metrics.clone(),
        facts,
        checksums: BTreeMap::new(),
    };
    step("register", 0, 1);
    let manifest = stores.registry.register(manifest, &files)?;
    let (promoted, verdict) = gate(&candidate, &rivals, order.gate_ratio);
    if promoted {
        stores.registry.promote(&manifest.version)?;
    }
    step("register", 1, 1);
    Ok(Outcome { manifest, promoted, verdict })
}

fn check(recipe: &Recipe) -> Result<(), TrainError> {
    if recipe.models.is_empty() {
        return Err(TrainError::NoModel);
    }
    for name in &recipe.models {
        options_of(recipe, name)?;
    }
    for (key, _) in &recipe.options {
        let is_for = |name: &String| key.starts_with(&format!("{name}.")) || recipe.models.len() == 1;
        let reaches_hybrid = recipe.models.iter().any(|name| name == "hybrid") && key.contains('.');
        if !recipe.models.iter().any(is_for) && !reaches_hybrid {
            return Err(TrainError::StrayOption { key: key.clone(), models: recipe.models.join(", ") });
        }
    }
    Ok(())
}

/// The options that concern one model, checked. A hybrid passes the others' on to its sources.
fn options_of(recipe: &Recipe, name: &str) -> Result<models::Options, TrainError> {
    let spec = catalogue::find(name)?;
    let own = format!("{name}.");
    let pairs: Vec<(&str, &str)> = recipe
        .options
        .iter()
        .filter_map(|(key, value)| match key.strip_prefix(&own) {
            Some(key) => Some((key, value.as_str())),
            None if spec.takes_source_options || recipe.models.len() == 1 => Some((key.as_str(), value.as_str())),
            None => None,
        })
        .collect();
    Ok(spec.options(&pairs)?)
}

/// Cases are in order of the user's key, which is as good as chance: a stride is a fair sample.
fn thin(split: &mut Split) {
    let stride = split.cases.len().div_ceil(CASES_MAX).max(1);
    split.cases = std::mem::take(&mut split.cases).into_iter().step_by(stride).collect();
}

/// What a recipe reaches on a split.
struct Measured {
    name: String,
    /// Of the judged model by plain name, of the others by `MODEL/metric`, with the interval of the gate's metric.
    metrics: BTreeMap<String, f64>,
}

impl Measured {
    fn score(&self) -> f64 {
        self.metrics.get(GATE_METRIC).copied().unwrap_or(0.0)
    }
}

fn measure(
    recipe: &Recipe,
    split: &Split,
    progress: &(dyn Fn(Step) + Sync),
    cancelled: &AtomicBool,
) -> Result<Measured, TrainError> {
    let judged_name = judged_model(recipe);
    let mut metrics = BTreeMap::new();
    for name in &recipe.models {
        let model = fit(recipe, name, &TrainingData::new(&split.train), "evaluate", progress, cancelled)?;
        let (means, intervals) = judge(model.as_ref(), &split.cases, &KS).summary(&KS, recipe.seed);
        if *name == judged_name {
            if let Some([low, high]) = intervals.get(GATE_METRIC) {
                metrics.extend([(format!("{GATE_METRIC}_low"), *low), (format!("{GATE_METRIC}_high"), *high)]);
            }
            metrics.extend(means);
        } else {
            metrics.extend(means.into_iter().map(|(metric, value)| (format!("{name}/{metric}"), value)));
        }
    }
    Ok(Measured { name: judged_name, metrics })
}

/// The model that will speak for shoppers.
fn judged_model(recipe: &Recipe) -> String {
    let personal = ["hybrid", "ials", "item-knn"].into_iter().find(|name| recipe.models.iter().any(|m| m == name));
    personal.map_or_else(|| recipe.models[recipe.models.len() - 1].clone(), str::to_owned)
}

/// What the candidate must not fall behind, measured on the same split: the champion's own recipe, fitted anew on the
/// same data (the champion itself may have learned from the held-out events), and plain popularity.
fn rivals(
    registry: &dyn Registry,
    recipe: &Recipe,
    split: &Split,
    candidate: &Measured,
    progress: &(dyn Fn(Step) + Sync),
    cancelled: &AtomicBool,
) -> Result<Vec<Measured>, TrainError> {
    let mut rivals = Vec::new();
    let popular = Recipe { models: vec!["popular".to_owned()], options: Vec::new(), ..recipe.clone() };
    rivals.push(Measured { name: "popularity".to_owned(), ..measure(&popular, split, progress, cancelled)? });
    if let Some(version) = registry.champion()? {
        let manifest = registry.get(&version)?;
        match serde_json::from_value::<Recipe>(manifest.options) {
            Ok(old) if old == *recipe => {
                rivals.push(Measured { name: version.to_string(), metrics: candidate.metrics.clone() });
            }
            Ok(mut old) => {
                let judged = judged_model(&old);
                old.models = vec![judged.clone()];
                old.options.retain(|(key, _)| judged == "hybrid" || key.starts_with(&format!("{judged}.")));
                old.recommend_purchased = recipe.recommend_purchased;
                rivals.push(Measured { name: version.to_string(), ..measure(&old, split, progress, cancelled)? });
            }
            // Registered by other means: it has no recipe to compare with, and popularity stays the floor.
            Err(_) => {}
        }
    }
    Ok(rivals)
}

fn gate(candidate: &Measured, rivals: &[Measured], ratio: f64) -> (bool, String) {
    let score = candidate.score();
    let best = rivals.iter().max_by(|a, b| a.score().total_cmp(&b.score()));
    match best {
        Some(rival) if score < ratio * rival.score() => (
            false,
            format!(
                "kept the old model: {} reaches {GATE_METRIC} {score:.4}, less than {ratio} × {:.4} of {}",
                candidate.name,
                rival.score(),
                rival.name
            ),
        ),
        Some(rival) => (
            true,
            format!(
                "promoted: {} reaches {GATE_METRIC} {score:.4}; {} reaches {:.4}",
                candidate.name,
                rival.name,
                rival.score()
            ),
        ),
        None => (true, format!("promoted: {} reaches {GATE_METRIC} {score:.4}", candidate.name)),
    }
}

/// The models on all data, as files of the registry.
fn fit_all(
    recipe: &Recipe,
    set: &TrainingSet,
    progress: &(dyn Fn(Step) + Sync),
    cancelled: &AtomicBool,
) -> Result<(BTreeMap<String, Vec<u8>>, f64), TrainError> {
    let started = Instant::now();
    let mut files = BTreeMap::new();
    for name in &recipe.models {
        let model = fit(recipe, name, &TrainingData::new(&set.all), "fit", progress, cancelled)?;
        files.insert(format!("{name}.safetensors"), model.tensors().to_bytes()?);
    }
    files.insert(ITEMS_FILE.to_owned(), serde_json::to_vec(&set.item_ids).expect("ids are plain text"));
    Ok((files, started.elapsed().as_secs_f64()))
}

fn fit(
    recipe: &Recipe,
    name: &str,
    data: &TrainingData<'_>,
    stage: &str,
    progress: &(dyn Fn(Step) + Sync),
    cancelled: &AtomicBool,
) -> Result<Box<dyn Model>, TrainError> {
    let step = |done, of| progress(Step { name: format!("{stage} {name}"), done, of });
    step(0, 1);
    let context = FitContext {
        seed: recipe.seed,
        progress: &|p| {
            progress(Step { name: format!("{stage} {}", p.model), done: p.step as u64, of: p.n_steps as u64 })
        },
        cancelled,
    };
    let model = catalogue::find(name)?.fit(data, &options_of(recipe, name)?, &context)?;
    step(1, 1);
    Ok(model)
}
