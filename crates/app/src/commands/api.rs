//! Commands speak to the shop through its API: to the server that has the folder open, else to one made for the
//! occasion inside this process. So there is one way to do each thing.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use axum::body::Body;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use super::progress;
use crate::{config::Config, engine::Engine, http};

pub enum Api {
    Here { engine: Arc<Engine>, runtime: Runtime },
    There { base: String, key: Option<String> },
}

/// Written by a server into its data folder, so that commands find it.
#[derive(Serialize, Deserialize)]
pub struct Beacon {
    pub addr: String,
    pub pid: u32,
}

impl Beacon {
    pub fn path(config: &Config) -> PathBuf {
        config.server.data.join("server.json")
    }
}

impl Api {
    /// # Errors
    /// When the folder can't be opened, and no server is found that has it.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        match Engine::open(config.clone()) {
            Ok(engine) => Ok(Self::Here { engine, runtime: runtime()? }),
            Err(error) if is_in_use(&error) => {
                let beacon =
                    fs::read(Beacon::path(config)).ok().and_then(|bytes| serde_json::from_slice::<Beacon>(&bytes).ok());
                let Some(beacon) = beacon else { return Err(error) };
                Ok(Self::There {
                    base: format!("http://{}", beacon.addr),
                    key: config.server.api_keys.first().cloned(),
                })
            }
            Err(error) => Err(error),
        }
    }

    /// What a server does in the background: takes in what the catalogue's texts say.
    pub fn read_catalog(&self) -> anyhow::Result<()> {
        let Self::Here { engine, .. } = self else { return Ok(()) };
        match engine.open_encoder() {
            Ok(_) | Err(text::Error::NoModel { .. }) => {}
            Err(error) => eprintln!("{error}"),
        }
        let bar = progress::bar(0, "reading the catalogue");
        engine.read_catalog(&|done, of| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call("POST", path, Some(body))
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let (status, bytes) = match self {
            Self::Here { engine, runtime } => runtime.block_on(here(engine, method, path, body))?,
            Self::There { base, key } => there(base, key.as_deref(), method, path, body)?,
        };
        let value: Value =
            serde_json::from_slice(&bytes).with_context(|| format!("{method} {path} did not answer JSON"))?;
        if status >= 400 {
            bail!("{}", value["detail"].as_str().unwrap_or("the server refused without saying why"));
        }
        Ok(value)
    }
}

pub fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("could not start the async runtime")
}

fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<store::StoreError>(), Some(store::StoreError::Conflict(_)))
}

async fn here(engine: &Arc<Engine>, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut request = axum::http::Request::builder().method(method).uri(path);
    if let Some(key) = engine.config.server.api_keys.first() {
        request = request.header("x-api-key", key);
    }
    let body = body.map_or_else(Body::empty, |value| Body::from(value.to_string()));
    let response = http::router(engine.clone()).oneshot(request.body(body)?).await?;
    let status = response.status().as_u16();
    Ok((status, axum::body::to_bytes(response.into_body(), usize::MAX).await?.to_vec()))
}

fn there(
    base: &str,
    key: Option<&str>,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<(u16, Vec<u8>)> {
    // A training may take an hour; a server that is gone refuses at once.
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(2)))
        .timeout_global(Some(Duration::from_secs(24 * 3600)))
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("{base}{path}"));
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    let request = request.body(body.map(Value::to_string).unwrap_or_default())?;
    let mut response =
        agent.run(request).with_context(|| format!("the server at {base} has the folder open but does not answer"))?;
    let status = response.status().as_u16();
    Ok((status, response.body_mut().with_config().limit(1 << 30).read_to_vec()?))
}
