//! `vitrina serve`: open, listen, serve, drain, save.

use std::{fs, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::net::TcpListener;

use super::api::{Beacon, runtime};
use crate::{
    config::Config,
    engine::Engine,
    http::{self, accept},
};

pub fn run(config: Config) -> anyhow::Result<()> {
    let engine = Engine::open(config)?;
    runtime()?.block_on(serve(engine, async |_| Ok(())))
}

/// Serves until a stop signal. `alongside` runs once the server listens, and ends with it.
pub async fn serve(
    engine: Arc<Engine>,
    alongside: impl AsyncFnOnce(Arc<Engine>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let server = engine.config.server.clone();
    let listener = TcpListener::bind(server.addr)
        .await
        .with_context(|| format!("can't listen on {}; stop what does, or choose another --addr", server.addr))?;
    let addr = listener.local_addr()?;
    let beacon = Beacon { addr: addr.to_string(), pid: std::process::id() };
    fs::write(Beacon::path(&engine.config), serde_json::to_vec(&beacon)?).context("can't write server.json")?;
    tracing::info!(%addr, shop = engine.shop.name, head = %engine.stores.log.head(), "listening");

    let limits = accept::Limits {
        connections_max: server.connections_max,
        header_timeout: Duration::from_millis(server.header_timeout_ms),
        drain: Duration::from_millis(server.drain_ms),
    };
    let housekeeping = tokio::spawn(engine.clone().housekeeping());
    let reading = tokio::spawn(engine.clone().keep_reading());
    let indexing = tokio::spawn(engine.clone().follow_catalogue());
    let listing = tokio::spawn(engine.clone().keep_listings());
    let offering = tokio::spawn(engine.clone().keep_offers());
    let watching = tokio::spawn(engine.clone().watch_plans());
    let stopping = engine.clone();
    let stop = async move {
        stop_signal().await;
        tracing::info!("stopping: finishing requests in flight");
        stopping.begin_stop();
    };
    let serving = accept::serve(listener, http::router(engine.clone()), limits, stop);
    tokio::pin!(serving);
    let cut = tokio::select! {
        cut = &mut serving => cut,
        done = alongside(engine.clone()) => {
            done?;
            serving.await
        }
    };
    if cut > 0 {
        tracing::warn!(connections = cut, "cut connections that did not finish in server.drain_ms");
    }
    housekeeping.await?;
    reading.await?;
    indexing.await?;
    listing.await?;
    offering.await?;
    watching.await?;
    // The file is a hint; a stale one is recognised because the folder is not locked.
    let _ = fs::remove_file(Beacon::path(&engine.config));
    tracing::info!("stopped");
    Ok(())
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("can't listen for stop signals; only kill -9 will stop this server");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
