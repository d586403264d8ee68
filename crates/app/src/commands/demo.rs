//! `vitrina demo`: a real shop in a minute. Everything but the last weeks of Online Retail is imported and learned
//! from; the last weeks are then replayed, one order after the other, as live traffic.
//!
//! The data is from 2010 and 2011, so all its times are moved by one constant: the replayed weeks begin now.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use collect::{
    Batch, RawEvent,
    formats::{Format, Source},
    import::ImportOptions,
};
use domain::{Channel, Consent, PlacementId, Position, Query, Timestamp, time::DAY};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    api::runtime,
    import::{fold, read_options, show, summary},
    progress, serve,
};
use crate::{
    config::Config,
    engine::{Engine, TrainRequest},
};

/// How much of the data's end is replayed rather than imported.
const REPLAYED: i64 = 28 * DAY;
const SETTING: &str = "demo";
/// Fitted in seconds: nobody wants to watch `auto` look for better ones before the first page.
const MODELS: [&str; 6] = ["popular", "trending", "bought-together", "item-knn", "ials", "hybrid"];

/// Where the sample shop stands; kept in its settings, so that a second start goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    /// Added to every time of the data, in microseconds.
    shift: i64,
    /// By the data's own times: earlier events are imported, later ones replayed.
    cut: Timestamp,
    /// Events of the replay that are done.
    replayed: usize,
}

pub fn run(mut config: Config, speed: f64, source: &Path) -> anyhow::Result<()> {
    if !(0.01..=1_000.0).contains(&speed) {
        anyhow::bail!("--speed must be 0.01 to 1000 orders a second, got {speed}");
    }
    // The data's own money and clock; names and reasons stay in the configured language.
    config.shop.name = "demo".to_owned();
    config.server.storefront = true;
    config.shop.currency = domain::Currency::GBP;
    config.shop.time_zone = "Europe/London".to_owned();
    if config.train.models == [train::auto::NAME] {
        config.train.models = MODELS.map(str::to_owned).to_vec();
    }
    let engine = Engine::open(config)?;
    let state = match engine.stores.settings.get(SETTING)? {
        Some(value) => {
            serde_json::from_value(value).context("the demo's state; remove its data folder to begin anew")?
        }
        None => create(&engine, source)?,
    };
    let waiting = replay_events(&engine, source, &state)?;
    runtime()?.block_on(serve::serve(engine, async |engine| {
        welcome(&engine, &waiting, &state);
        replay(engine, waiting, state, speed).await
    }))
}

/// Import, train, promote: once.
fn create(engine: &Engine, source: &Path) -> anyhow::Result<State> {
    eprintln!("making the sample shop from {} (UCI Online Retail, CC BY 4.0)", source.display());
    let options = read_options(engine);
    let products = Source::products(source, Some(Format::OnlineRetail), &options)?;
    let bar = progress::spinner("catalogue");
    let collector = engine.collector();
    let now = engine.now();
    let report = collector.import_products(products, &*engine.stores.catalog, now, &mut |report| show(&bar, report))?;
    bar.finish_and_clear();
    eprintln!("{}", summary(&report));

    let newest = newest(source, engine)?;
    let cut = newest - REPLAYED;
    let state = State { shift: now - cut, cut, replayed: 0 };
    let bar = progress::spinner("events");
    let import = ImportOptions { received_at: now, consent: Consent::default() };
    let past = shifted(events(source, engine)?, state.clone());
    engine.projector().defer();
    let report = collector.import(past, import, &mut |report| show(&bar, report))?;
    bar.finish_and_clear();
    eprintln!("{}", summary(&report));
    fold(engine)?;
    engine.refresh_shelf()?;

    let bar = progress::bar(1, "training");
    let outcome = std::thread::scope(|scope| {
        let training = scope.spawn(|| engine.train(&TrainRequest::default()));
        while !training.is_finished() {
            if let Some(step) = engine.training_step() {
                bar.set_message(step.name);
                bar.set_length(step.of);
                bar.set_position(step.done);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        training.join().unwrap_or_else(|_| anyhow::bail!("the training panicked; its message is above"))
    })?;
    bar.finish_and_clear();
    eprintln!("{}", super::train::summary(&serde_json::to_value(&outcome)?));
    engine.stores.settings.put(SETTING, &serde_json::to_value(&state)?)?;
    engine.save()?;
    Ok(state)
}

fn events(source: &Path, engine: &Engine) -> anyhow::Result<Source<RawEvent>> {
    Ok(Source::events(source, Some(Format::OnlineRetail), &read_options(engine))?)
}

fn newest(source: &Path, engine: &Engine) -> anyhow::Result<Timestamp> {
    let mut newest = None;
    for chunk in events(source, engine)?.chunks {
        newest = newest.max(chunk?.items.iter().filter_map(|(_, raw)| raw.timestamp).max());
    }
    newest.with_context(|| format!("{} holds no event", source.display()))
}

/// What lies before the cut, at its moved time.
fn shifted(source: Source<RawEvent>, state: State) -> Source<RawEvent> {
    let chunks = source.chunks.map(move |chunk| {
        chunk.map(|mut chunk| {
            chunk.items.retain(|(_, raw)| raw.timestamp.is_some_and(|at| at < state.cut));
            for (_, raw) in &mut chunk.items {
                raw.timestamp = raw.timestamp.map(|at| at + state.shift);
            }
            chunk
        })
    });
    Source { chunks: Box::new(chunks), ..source }
}

/// What lies after the cut, in order, without what was replayed already.
fn replay_events(engine: &Engine, source: &Path, state: &State) -> anyhow::Result<Vec<RawEvent>> {
    let mut waiting = Vec::new();
    for chunk in events(source, engine)?.chunks {
        waiting.extend(chunk?.items.into_iter().map(|(_, raw)| raw).filter(|raw| raw.timestamp >= Some(state.cut)));
    }
    waiting.sort_by_key(|raw| raw.timestamp);
    Ok(waiting.split_off(state.replayed.min(waiting.len())))
}

fn welcome(engine: &Engine, waiting: &[RawEvent], state: &State) {
    let addr = engine.config.server.addr;
    let user = waiting.iter().find_map(|raw| raw.user_id.clone()).unwrap_or_else(|| "17850".to_owned());
    println!("\nVitrina serves the sample shop ({} events, model {}).", engine.stores.log.len(), model(engine));
    println!("Replaying its last weeks: {} orders done, {} to come.\n", state.replayed, waiting.len());
    println!("  open   http://{addr}/          the shop's page (español, English)");
    println!("  open   http://{addr}/docs      the API");
    println!("  curl  'http://{addr}/api/recommendations?user_id={user}'");
    println!(
        "  curl   http://{addr}/v1/recommendations -d '{}'\n",
        json!({ "user_id": user, "placement": "home", "n": 3, "explain": true })
    );
    println!("Stop with Ctrl-C; the next start goes on from here.");
}

fn model(engine: &Engine) -> String {
    engine.snapshot().models.version.as_ref().map_or("none".to_owned(), ToString::to_string)
}

/// One shopper after the other opens the home page and then places the order that the data says.
async fn replay(engine: Arc<Engine>, waiting: Vec<RawEvent>, mut state: State, speed: f64) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / speed));
    for mut raw in waiting {
        tick.tick().await;
        if engine.is_stopping() {
            return Ok(());
        }
        visit_home(&engine, &raw)?;
        raw.timestamp = Some(engine.now());
        let batch = Batch { origin: "demo".to_owned(), ..Batch::new(vec![raw.into()], Channel::Server, engine.now()) };
        let before: Position = engine.stores.log.head();
        let verdicts = engine.accept_batch(batch).await?;
        tracing::debug!(?verdicts, %before, "replayed");
        state.replayed += 1;
        engine.stores.settings.put(SETTING, &serde_json::to_value(&state)?)?;
    }
    tracing::info!("the replay has reached the end of the data; the shop goes on serving");
    Ok(())
}

fn visit_home(engine: &Engine, raw: &RawEvent) -> anyhow::Result<()> {
    let who = engine
        .who(raw.user_id.as_deref(), raw.anonymous_id.as_deref())
        .map_err(|problem| anyhow::anyhow!("{problem:?}"))?;
    // To nobody in particular nothing is shown that could be recorded.
    let Some(user) = who.user else { return Ok(()) };
    let home = Query::of_user(PlacementId::new("home")?, user, engine.config.serve.n, engine.now());
    let query = Query { anonymous: who.anonymous, ..home };
    engine.recommend(query, crate::engine::Ask::default());
    Ok(())
}
