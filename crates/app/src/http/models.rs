//! What was learned: the registry, training, promote and rollback.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::ModelVersion;
use serde::{Deserialize, Serialize};
use store::Manifest;
use train::pipeline::Step;
use utoipa::ToSchema;

use super::{
    extract::{ApiJson, ApiPath},
    problem::{Problem, Result},
};
use crate::engine::{Brought, Engine, TrainRequest};

#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    champion: Option<String>,
    /// Newest first
    #[schema(value_type = Vec<Object>)]
    data: Vec<Manifest>,
}

/// Every version with its manifest.
#[utoipa::path(get, path = "/v1/models", tag = "models", responses((status = 200, body = ModelList)))]
pub async fn list(State(engine): State<Arc<Engine>>) -> Result<Json<ModelList>> {
    let registry = engine.stores.registry.clone();
    let (champion, data) = engine.blocking(move || Ok((registry.champion()?, registry.list()?))).await?;
    Ok(Json(ModelList { champion: champion.map(String::from), data }))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Champion {
    champion: String,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// The ONNX file in base64
    pub model: String,
    /// The schema, as TOML
    pub schema: String,
    /// Rows with the framework's own scores, as JSON lines or CSV
    pub parity: String,
    /// The version whose models find what the scorer ranks [default: the champion]
    pub base: Option<String>,
}

/// Proves an ONNX model on its framework's own outputs and registers it as a version that ranks anew what its base
/// finds.
#[utoipa::path(post, path = "/v1/models/import", tag = "models", request_body = ImportBody,
    responses((status = 200, body = Object), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub async fn import(State(engine): State<Arc<Engine>>, ApiJson(body): ApiJson<ImportBody>) -> Result<Json<Manifest>> {
    let base = body.base.map(ModelVersion::new).transpose().map_err(Problem::parameter)?;
    let model =
        STANDARD.decode(&body.model).map_err(|error| Problem::parameter(format!("model is no base64: {error}")))?;
    let worker = engine.clone();
    let import = move || {
        let brought = Brought { model: &model, schema: &body.schema, parity: &body.parity, base };
        worker.import_scorer(&brought, "api")
    };
    Ok(Json(engine.working(import).await?))
}

/// Serves this version from the next request on.
#[utoipa::path(post, path = "/v1/models/{version}/promote", tag = "models", params(("version" = String, Path)),
    responses((status = 200, body = Champion), (status = 404, body = Problem)))]
pub async fn promote(State(engine): State<Arc<Engine>>, ApiPath(version): ApiPath) -> Result<Json<Champion>> {
    let version = ModelVersion::new(version).map_err(Problem::parameter)?;
    let worker = engine.clone();
    let target = version.clone();
    engine.working(move || worker.promote(&target, "api")).await?;
    Ok(Json(Champion { champion: version.to_string() }))
}

/// Serves again what was served before the last promote.
#[utoipa::path(post, path = "/v1/models/rollback", tag = "models",
    responses((status = 200, body = Champion), (status = 409, body = Problem)))]
pub async fn rollback(State(engine): State<Arc<Engine>>) -> Result<Json<Champion>> {
    let worker = engine.clone();
    let version = engine.working(move || worker.rollback("api")).await?;
    Ok(Json(Champion { champion: version.to_string() }))
}

#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainBody {
    /// Models to fit [default: train.models of the configuration]
    pub models: Vec<String>,
    /// Options such as `["ials.factors", "128"]`
    pub set: Vec<(String, String)>,
}

/// Trains on the log as it is now and promotes what passes the gate; answers when it is done.
#[utoipa::path(post, path = "/v1/train", tag = "models", request_body = TrainBody,
    responses((status = 200, body = Object), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub async fn train(
    State(engine): State<Arc<Engine>>,
    ApiJson(body): ApiJson<TrainBody>,
) -> Result<Json<serde_json::Value>> {
    let worker = engine.clone();
    let request = TrainRequest { models: body.models, set: body.set };
    let outcome = engine.working(move || worker.train(&request)).await?;
    Ok(Json(serde_json::to_value(outcome).map_err(Problem::internal)?))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Training {
    running: bool,
    step: Option<TrainingStep>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TrainingStep {
    name: String,
    done: u64,
    of: u64,
}

impl From<Step> for TrainingStep {
    fn from(Step { name, done, of }: Step) -> Self {
        Self { name, done, of }
    }
}

/// How far the training is that is under way.
#[utoipa::path(get, path = "/v1/train", tag = "models", responses((status = 200, body = Training)))]
pub async fn training(State(engine): State<Arc<Engine>>) -> Json<Training> {
    let step = engine.training_step().map(TrainingStep::from);
    Json(Training { running: engine.is_training(), step })
}
