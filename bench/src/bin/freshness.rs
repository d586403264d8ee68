//! From the acknowledgement of an event to a slate that knows of it.
//!
//! Each trial sends one view, waits for its acknowledgement, and at once asks for that user's slate. The promise is
//! that the next slate reflects the event, so a slate that does not is counted, not asked again.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bench::{
    figures::{Latencies, machine},
    http::{Connection, request},
    load::{Arrivals, Plan, open_loop},
    options::{Common, Target},
    shop::{self, SAMPLE_SOURCE, Shop},
    synthetic::now_micros,
};
use clap::Parser;
use serde_json::{Value, json};

#[derive(Debug, Parser)]
#[command(
    about = "Time from an acknowledged event to a slate that reflects it, under light load",
    after_help = "Examples:\n  freshness\n  freshness --trials 5000 --background 500 --json"
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    /// Where the sample shop's data lies
    #[arg(long, default_value = SAMPLE_SOURCE, value_name = "DIR")]
    source: PathBuf,
    /// Half of them visitors never seen before, half customers with a history
    #[arg(long, default_value_t = 2_000)]
    trials: usize,
    /// Slates a second that others ask for meanwhile
    #[arg(long, default_value_t = 200.0)]
    background: f64,
}

/// Longest run of the background load; trials beyond it would be measured without it.
const BACKGROUND_MAX: Duration = Duration::from_secs(600);

#[derive(Default)]
struct Outcome {
    /// From sending the event to its acknowledgement.
    acknowledged: Latencies,
    /// From the acknowledgement to the slate.
    reflected: Latencies,
    stale: u64,
    new_visitors: u64,
    new_visitors_personalized: u64,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let folder = cli.common.folder()?;
    let shop = shop::sample(cli.common.vitrina()?, folder.path(), &cli.source)?;
    let target = Target::Ours(shop.vitrina.serve(folder.path())?);
    let machine = machine();
    let stop = AtomicBool::new(false);
    let plan = Plan {
        rate: cli.background,
        measured: BACKGROUND_MAX,
        warmup: Duration::ZERO,
        connections: 8,
        arrivals: Arrivals::Poisson,
        seed: 42,
    };
    let requests = shop::slate_requests(&shop, 1_024, false);
    let (outcome, background) = thread::scope(|scope| {
        let background = scope.spawn(|| open_loop(&target, &plan, &requests, &stop));
        thread::sleep(Duration::from_secs(2));
        let outcome = trials(&target, &shop, cli.trials);
        stop.store(true, Relaxed);
        (outcome, background.join().expect("the background load panicked"))
    });
    let outcome = outcome?;
    cli.common.say(
        &format!(
            "{} trials beside {:.0} slates/s\n  event → acknowledged   {}\n  acknowledged → slate   {}\n  slates that did not know the event: {}\n  new visitors personalized by their first view: {} of {}",
            cli.trials,
            background.rate(),
            outcome.acknowledged,
            outcome.reflected,
            outcome.stale,
            outcome.new_visitors_personalized,
            outcome.new_visitors,
        ),
        &json!({
            "program": "freshness",
            "machine": machine,
            "trials": cli.trials,
            "event_to_acknowledgement": outcome.acknowledged.json(),
            "acknowledgement_to_slate": outcome.reflected.json(),
            "stale": outcome.stale,
            "new_visitors": outcome.new_visitors,
            "new_visitors_personalized": outcome.new_visitors_personalized,
            "background": background.json(),
        }),
    );
    ensure!(outcome.stale == 0, "{} slates did not know an acknowledged event", outcome.stale);
    Ok(())
}

fn trials(target: &Target, shop: &Shop, n: usize) -> anyhow::Result<Outcome> {
    let mut connection = Connection::open(target.addr())?;
    let mut outcome = Outcome::default();
    let run = now_micros();
    for trial in 0..n {
        let is_new = trial % 2 == 0;
        let user = if is_new { format!("visitor-{run}-{trial}") } else { shop.users[trial % shop.users.len()].clone() };
        let happened = now_micros();
        let event = json!({
            "message_id": format!("fresh-{run}-{trial}"),
            "event": "product_viewed",
            "user_id": user,
            "product_id": shop.products[(trial * 104_729) % shop.products.len()],
            "timestamp": jiff::Timestamp::from_microsecond(happened)?.to_string(),
        });
        let ask = json!({ "user_id": user, "preview": true, "filters": { "available": true } });
        let event = request("POST", "/v1/events", event.to_string().as_bytes());
        let ask = request("POST", "/v1/recommendations", ask.to_string().as_bytes());

        let sent = Instant::now();
        let verdicts: Value = serde_json::from_slice(connection.ask(&event)?.body)?;
        let acknowledged = Instant::now();
        ensure!(verdicts["accepted"] == 1, "a new event was answered {verdicts}");
        let answer = connection.ask(&ask)?;
        outcome.reflected.record(acknowledged.elapsed());
        outcome.acknowledged.record(acknowledged - sent);

        let slate: Value = serde_json::from_slice(answer.body)?;
        if !knows(&slate, happened)? {
            outcome.stale += 1;
        }
        if is_new {
            outcome.new_visitors += 1;
            outcome.new_visitors_personalized += u64::from(slate["personalized"] == true);
        }
    }
    Ok(outcome)
}

/// The slate names the newest event that it knows of its user: it has to be this one.
fn knows(slate: &Value, happened_micros: i64) -> anyhow::Result<bool> {
    let Some(freshest) = slate["freshest_event_at"].as_str() else { return Ok(false) };
    let freshest: jiff::Timestamp = freshest.parse().context("freshest_event_at")?;
    Ok(freshest.as_microsecond() >= happened_micros)
}
