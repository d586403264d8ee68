//! From a position in the log to a registered, evaluated model: [`run`] is the list of the steps.

use std::{
    collections::{BTreeMap, HashSet},
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use domain::{ModelVersion, Position, Timestamp};
use models::{
    FitContext, Interactions, Model, TrainingData, bought_together,
    catalogue::{self, Suits},
    onboarding::Population,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::{CurvePoint, EventLog, FeatureImportance, Lake, Manifest, Registry, StoreError};

use crate::{
    auto,
    evaluate::judge,
    snapshot::{self, TrainingSet},
    split::Split,
    tune::Metric,
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
    /// Files that a version of these models keeps from the champion's, such as a brought scorer.
    pub carried: &'a Carried<'a>,
}

/// Of the models of a new version, files by name.
pub type Carried<'a> = dyn Fn(&[String]) -> store::Result<BTreeMap<String, Vec<u8>>> + Sync + 'a;

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
    #[error(
        "shop {shop} has no order of two products, which {models} learns from; name other models too, or wait for such an order"
    )]
    NoOrders { shop: String, models: String },
    #[error("auto: {0}")]
    Budget(String),
    #[error("auto: {0}")]
    Auto(#[from] auto::AutoError),
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
pub const POPULATION_FILE: &str = "population.safetensors";

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
    let wants_auto = wants_auto(recipe);
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
    let chosen = if wants_auto { Some(choose(recipe, &set, progress, cancelled)?) } else { None };
    let recipe = chosen.as_ref().map_or(recipe, |chosen| &chosen.recipe);
    let (fitted_recipe, left_out) = fitting(recipe, &set);
    // What was wanted is kept, so that a later training fits what this one could not.
    let (wanted, recipe) = (recipe, &fitted_recipe);
    if recipe.models.is_empty() {
        return Err(TrainError::NoOrders { shop: order.shop.clone(), models: left_out.join(", ") });
    }
    for name in &left_out {
        step(&format!("leave out {name}: no order has two products"), 1, 1);
    }
    let candidate = measure(recipe, &set.split, progress, cancelled)?;
    let rivals = rivals(stores.registry, wanted, &set.split, &candidate, progress, cancelled)?;

    let mut fitted = fit_all(recipe, &set, progress, cancelled)?;
    let facts = BTreeMap::from([
        ("n_users".to_owned(), set.n_users as f64),
        ("n_items".to_owned(), set.item_ids.len() as f64),
        ("n_interactions".to_owned(), set.all.n_interactions() as f64),
        ("n_orders".to_owned(), set.orders.as_ref().map_or(0, Interactions::n_users) as f64),
        ("n_cases".to_owned(), set.split.cases.len() as f64),
        ("fit_seconds".to_owned(), fitted.seconds),
        ("total_seconds".to_owned(), started.elapsed().as_secs_f64()),
    ]);
    let manifest = Manifest {
        version: order.version.clone(),
        created_at: order.now,
        models: recipe.models.clone(),
        log_position: position,
        options: serde_json::to_value(wanted).expect("a recipe is plain data"),
        seed: recipe.seed,
        code_version: order.code_version.clone(),
        metrics: candidate.metrics.clone(),
        facts,
        curves: fitted.curves,
        importance: fitted.importance,
        checksums: BTreeMap::new(),
    };
    step("register", 0, 1);
    fitted.files.extend((stores.carried)(&recipe.models)?);
    let manifest = stores.registry.register(manifest, &fitted.files)?;
    let (promoted, verdict) = gate(&candidate, &rivals, order.gate_ratio);
    let without = (!left_out.is_empty()).then(|| format!("without {}: no order has two products", left_out.join(", ")));
    let said = chosen.map(|chosen| chosen.said).into_iter().chain(without).chain([verdict]);
    let verdict = said.collect::<Vec<_>>().join("; ");
    if promoted {
        stores.registry.promote(&manifest.version)?;
    }
    step("register", 1, 1);
    Ok(Outcome { manifest, promoted, verdict })
}

/// What `auto` came to.
struct Chosen {
    recipe: Recipe,
    said: String,
}

/// The option of `auto` that says how long it may take, and how long it takes when nobody says.
const BUDGET: &str = "auto.budget";
const BUDGET_DEFAULT: Duration = Duration::from_secs(600);
/// What serving falls back on, whoever wins.
const BASE: [&str; 4] = ["popular", "trending", bought_together::NAME, "item-knn"];
/// What speaks for shoppers while a shop has too few events to choose on.
const UNCHOSEN: &str = "item-knn";

fn wants_auto(recipe: &Recipe) -> bool {
    recipe.models.iter().any(|name| name == auto::NAME)
}

/// What a recipe with `auto` comes to when `winner` takes its place: the models that serving falls back on, those that
/// it names itself, and the winner, which speaks for shoppers. Options of models that are not fitted go.
fn without_auto(recipe: &Recipe, winner: Option<&str>) -> Recipe {
    let named = recipe.models.iter().map(String::as_str).filter(|name| *name != auto::NAME);
    let mut models: Vec<&str> = BASE.into_iter().chain(named).filter(|name| Some(*name) != winner).collect();
    models.extend(winner);
    let mut seen = HashSet::new();
    models.retain(|name| seen.insert(*name));
    let is_fitted = |key: &str| key.split_once('.').is_none_or(|(of, _)| models.contains(&of));
    Recipe {
        options: recipe.options.iter().filter(|(key, _)| is_fitted(key)).cloned().collect(),
        models: models.iter().map(|name| (*name).to_owned()).collect(),
        ..recipe.clone()
    }
}

/// Puts the model that does best on validation in the place of `auto`.
fn choose(
    recipe: &Recipe,
    set: &TrainingSet,
    progress: &(dyn Fn(Step) + Sync),
    cancelled: &AtomicBool,
) -> Result<Chosen, TrainError> {
    let said = recipe.options.iter().rev().find(|(key, _)| key == BUDGET);
    let budget = said.map_or(Ok(BUDGET_DEFAULT), |(_, text)| auto::budget(text)).map_err(TrainError::Budget)?;
    let Some(mut validation) = set.validation.clone() else {
        let said = format!("auto has too few events to choose on, so {UNCHOSEN} stands in until there are more");
        return Ok(Chosen { recipe: without_auto(recipe, Some(UNCHOSEN)), said });
    };
    thin(&mut validation);
    let has = Suits { time: true, n_items_max: set.item_ids.len(), ..Suits::ANYTHING };
    let options: Vec<_> = shown_again(recipe).into_iter().chain(recipe.options.iter().cloned()).collect();
    let spec = auto::AutoSpec { budget, metric: Metric::NDCG_20, seed: recipe.seed, options: &options };
    let watch = |event: auto::Event<'_>| {
        if let auto::Event::Fit(p) = event {
            progress(Step { name: format!("auto {}", p.model), done: p.step as u64, of: p.n_steps as u64 });
        }
    };
    let choice = auto::choose(&[validation], &has, spec, cancelled, &watch)?;
    let winner = choice.winner().ok_or(auto::AutoError::OutOfTime { budget })?;
    let said = format!(
        "auto chose {} ({}) with {GATE_METRIC} {:.4} on validation, out of {}",
        winner.model,
        winner.stage,
        winner.value.unwrap_or(0.0),
        choice.tried.len()
    );
    Ok(Chosen { recipe: with_winner(recipe, winner), said })
}

/// The recipe without the models that need orders where the shop has none, and those models.
fn fitting(recipe: &Recipe, set: &TrainingSet) -> (Recipe, Vec<String>) {
    let needs_orders = |name: &String| catalogue::find(name).is_ok_and(|spec| spec.suits.orders);
    let is_left_out = |name: &String| set.orders.is_none() && needs_orders(name);
    let (left_out, models): (Vec<_>, Vec<_>) = recipe.models.iter().cloned().partition(is_left_out);
    let of_left_out =
        |key: &str| key.split_once('.').is_some_and(|(model, _)| left_out.iter().any(|name| name == model));
    let options = recipe.options.iter().filter(|(key, _)| !of_left_out(key)).cloned().collect();
    (Recipe { models, options, ..recipe.clone() }, left_out)
}

fn with_winner(recipe: &Recipe, winner: &auto::Tried) -> Recipe {
    let mut chosen = without_auto(recipe, Some(&winner.model));
    let own = winner.options.iter().map(|(key, value)| (format!("{}.{key}", winner.model), value.clone()));
    chosen.options.extend(own);
    chosen
}

fn check(recipe: &Recipe) -> Result<(), TrainError> {
    if recipe.models.is_empty() {
        return Err(TrainError::NoModel);
    }
    if wants_auto(recipe) {
        return check_with_auto(recipe);
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

/// Whoever may be chosen may have options.
fn check_with_auto(recipe: &Recipe) -> Result<(), TrainError> {
    for name in recipe.models.iter().filter(|name| *name != auto::NAME) {
        catalogue::find(name)?;
    }
    for (key, value) in recipe.options.iter().filter(|(key, _)| key != BUDGET) {
        match key.split_once('.') {
            Some((auto::NAME, _)) => return Err(TrainError::Budget(format!("got option {key}, wanted {BUDGET}"))),
            Some((model, option)) => drop(catalogue::find(model)?.options(&[(option, value)])?),
            None => return Err(TrainError::StrayOption { key: key.clone(), models: recipe.models.join(", ") }),
        }
    }
    Ok(())
}

/// Where purchases are shown again, a blend is found on them too, unless the recipe says otherwise.
fn shown_again(recipe: &Recipe) -> Option<(String, String)> {
    recipe.recommend_purchased.then(|| ("hybrid.repeats".to_owned(), "with".to_owned()))
}

/// The options that concern one model, checked. A hybrid passes the others' on to its sources.
fn options_of(recipe: &Recipe, name: &str) -> Result<models::Options, TrainError> {
    let spec = catalogue::find(name)?;
    let own = format!("{name}.");
    let shown_again = shown_again(recipe).filter(|(key, _)| key.starts_with(&own));
    let pairs: Vec<(&str, &str)> = shown_again
        .iter()
        .chain(&recipe.options)
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
    // The cases ask what a shopper does next, which models of orders are not for: they are judged only when alone.
    let is_asked = |name: &&String| **name == judged_name || catalogue::find(name).is_ok_and(|spec| !spec.suits.orders);
    for name in recipe.models.iter().filter(is_asked) {
        let model = fit(recipe, name, &split.training_data(), "evaluate", progress, &|_| {}, cancelled)?;
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
    let personal = catalogue::personal(recipe.models.iter().map(String::as_str));
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

/// The models on all data, as files of the registry, and how the fits went.
struct FittedAll {
    files: BTreeMap<String, Vec<u8>>,
    curves: Curves,
    importance: BTreeMap<String, Vec<FeatureImportance>>,
    seconds: f64,
}

type Curves = BTreeMap<String, Vec<CurvePoint>>;

fn fit_all(
    recipe: &Recipe,
    set: &TrainingSet,
    progress: &(dyn Fn(Step) + Sync),
    cancelled: &AtomicBool,
) -> Result<FittedAll, TrainError> {
    let started = Instant::now();
    let mut files = BTreeMap::new();
    let curves = Mutex::new(Curves::new());
    let mut importance = BTreeMap::new();
    for name in &recipe.models {
        let watch = |p| record(&mut curves.lock(), p);
        let data = TrainingData { orders: set.orders.as_ref(), ..TrainingData::new(&set.all) };
        let model = fit(recipe, name, &data, "fit", progress, &watch, cancelled)?;
        files.insert(format!("{name}.safetensors"), model.tensors().to_bytes()?);
        let of_features: Vec<FeatureImportance> = model.importance().into_iter().map(stored).collect();
        if !of_features.is_empty() {
            importance.insert(name.clone(), of_features);
        }
    }
    if let Some(population) = Population::fit(&set.all, Population::GROUPS, recipe.seed) {
        files.insert(POPULATION_FILE.to_owned(), population.to_bytes()?);
    }
    files.insert(ITEMS_FILE.to_owned(), serde_json::to_vec(&set.item_ids).expect("ids are plain text"));
    Ok(FittedAll { files, curves: curves.into_inner(), importance, seconds: started.elapsed().as_secs_f64() })
}

fn stored(models::Importance { feature, gain, permutation }: models::Importance) -> FeatureImportance {
    FeatureImportance { feature, gain, permutation }
}

/// Adds an epoch to its model's curve. A hybrid fits its sources twice: the later fit is the one that is kept.
fn record(curves: &mut Curves, progress: models::Progress) {
    let Some(loss) = progress.loss else { return };
    let curve = curves.entry(progress.model.to_owned()).or_default();
    let epoch = u32::try_from(progress.step).unwrap_or(u32::MAX);
    if curve.last().is_some_and(|last| last.epoch >= epoch) {
        curve.clear();
    }
    curve.push(CurvePoint { epoch, train_loss: loss.train, validation_ndcg: loss.validation_ndcg });
}

fn fit(
    recipe: &Recipe,
    name: &str,
    data: &TrainingData<'_>,
    stage: &str,
    progress: &(dyn Fn(Step) + Sync),
    watch: &(dyn Fn(models::Progress) + Sync),
    cancelled: &AtomicBool,
) -> Result<Box<dyn Model>, TrainError> {
    let step = |done, of| progress(Step { name: format!("{stage} {name}"), done, of });
    step(0, 1);
    let context = FitContext {
        seed: recipe.seed,
        progress: &|p| {
            watch(p);
            progress(Step { name: format!("{stage} {}", p.model), done: p.step as u64, of: p.n_steps as u64 })
        },
        cancelled,
    };
    let model = catalogue::find(name)?.fit(data, &options_of(recipe, name)?, &context)?;
    step(1, 1);
    Ok(model)
}

#[cfg(test)]
mod tests {
    use models::{Loss, Progress};

    use super::*;

    fn recipe(models: &[&str], options: &[(&str, &str)]) -> Recipe {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Recipe {
            models: models.iter().map(|name| (*name).to_owned()).collect(),
            options: options.iter().map(pair).collect(),
            seed: 1,
            recommend_purchased: false,
        }
    }

    #[test]
    fn the_winner_takes_the_place_of_auto_and_brings_its_options() {
        let winner = |model: &str, options: &[(&str, &str)]| auto::Tried {
            stage: auto::Stage::Tuned,
            model: model.to_owned(),
            options: recipe(&[], options).options,
            value: Some(0.5),
            seconds: 1.0,
            n_trials: 2,
            note: None,
        };
        let asked =
            recipe(&["auto"], &[("auto.budget", "30s"), ("bpr.factors", "9"), ("item-knn.half_life_days", "60")]);
        let ials = with_winner(&asked, &winner("ials", &[("factors", "64")]));
        let options = [("item-knn.half_life_days", "60"), ("ials.factors", "64")];
        assert_eq!(ials, recipe(&["popular", "trending", "bought-together", "item-knn", "ials"], &options));
        let knn = with_winner(&asked, &winner("item-knn", &[("neighbours", "99")]));
        assert_eq!(
            (knn.models.as_slice(), judged_model(&knn).as_str()),
            (&["popular", "trending", "bought-together", "item-knn"].map(str::to_owned)[..], "item-knn")
        );
        let filter = with_winner(&recipe(&["auto", "ials"], &[]), &winner("graph-filter", &[]));
        assert_eq!(judged_model(&filter), "graph-filter", "whoever else was named");
        let blend = with_winner(&asked, &winner("hybrid", &[("sources", "ials,item-knn"), ("ials.factors", "8")]));
        check(&blend).unwrap();
        let options = options_of(&blend, "hybrid").unwrap();
        assert_eq!((options.word("sources"), options.count("ials.factors")), ("ials,item-knn", 8));
    }

    #[test]
    fn options_of_whoever_may_be_chosen_are_checked() {
        let check = |options: &[(&str, &str)]| check(&recipe(&["auto"], options)).map_err(|error| error.to_string());
        assert_eq!(check(&[("auto.budget", "3m"), ("bpr.factors", "9"), ("hybrid.sources", "ials")]), Ok(()));
        for (options, wanted) in [
            ([("ials.factor", "9")], "did you mean `factors`?"),
            ([("auto.bugdet", "3m")], "wanted auto.budget"),
            ([("factors", "9")], "MODEL.KEY=VALUE"),
        ] {
            assert!(check(&options).unwrap_err().contains(wanted), "{options:?}: {:?}", check(&options));
        }
    }

    #[test]
    fn a_second_fit_starts_its_curve_anew() {
        let mut curves = Curves::new();
        let epoch = |step, loss: Option<f64>| Progress {
            model: "bpr",
            step,
            n_steps: 2,
            loss: loss.map(|train| Loss { train, validation_ndcg: None }),
        };
        for progress in [epoch(1, Some(0.9)), epoch(2, Some(0.8)), epoch(1, Some(0.7)), epoch(2, None)] {
            record(&mut curves, progress);
        }
        assert_eq!(curves["bpr"], [CurvePoint { epoch: 1, train_loss: 0.7, validation_ndcg: None }]);
    }
}
