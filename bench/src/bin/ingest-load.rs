//! Events over HTTP, each acknowledged once it is on disk; afterwards the log is held against what was acknowledged.
//!
//! A closed loop, on purpose: senders of events wait for the acknowledgement before they send more, and the figure is
//! what a stated number of them reaches. Latency here is the time of one request, not of an intended one.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bench::{
    figures::{Latencies, folder_bytes, machine},
    http::{Connection, request},
    options::Common,
    server::{Server, cpu_seconds},
    synthetic::{price, product_id, user_id},
};
use clap::Parser;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};

#[derive(Debug, Parser)]
#[command(
    about = "POST /v1/events: batches and single events in a closed loop, then the log against the acknowledgements",
    after_help = "Examples:\n  ingest-load\n  ingest-load --seconds 30 --batch 500 --senders 4 --json"
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    /// How long each of the two is measured
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Events of a batch
    #[arg(long, default_value_t = 100)]
    batch: usize,
    /// Connections that send batches
    #[arg(long, default_value_t = 8)]
    senders: usize,
    /// Connections that send single events
    #[arg(long, default_value_t = 64)]
    single_senders: usize,
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

const USERS: usize = 50_000;
const PRODUCTS: usize = 20_000;

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let folder = cli.common.folder()?;
    let vitrina = cli.common.vitrina()?;
    let machine = machine();
    let server = vitrina.serve(folder.path())?;
    let before = server.events_total()?;
    let measured = Duration::from_secs(cli.seconds);
    let batches = closed_loop(&server, Senders { n: cli.senders, batch: cli.batch, seed: cli.seed }, measured)?;
    let singles = closed_loop(&server, Senders { n: cli.single_senders, batch: 1, seed: cli.seed + 1 }, measured)?;

    let acknowledged = batches.accepted + singles.accepted;
    let total = server.events_total()? - before;
    server.kill()?;
    let again = vitrina.serve(folder.path())?;
    let total_after_kill = again.events_total()? - before;
    let ready_seconds = again.ready_after.as_secs_f64();
    again.stop()?;
    let bytes = folder_bytes(folder.path());

    let holds = acknowledged == total && total == total_after_kill;
    let lost = if holds { "the log holds exactly these" } else { "THE LOG HOLDS SOMETHING ELSE" };
    cli.common.say(
        &format!(
            "batches of {} over {} connections\n  {batches}\nsingle events over {} connections\n  {singles}\nacknowledged {acknowledged}, in the log {total}, after kill -9 and a restart ({ready_seconds:.1} s) {total_after_kill}: {lost}\ndisk {:.0} bytes an event",
            cli.batch,
            cli.senders,
            cli.single_senders,
            bytes as f64 / acknowledged as f64,
        ),
        &json!({
            "program": "ingest-load",
            "machine": machine,
            "batches": batches.json(cli.batch, cli.senders),
            "singles": singles.json(1, cli.single_senders),
            "acknowledged": acknowledged,
            "log_total": total,
            "log_total_after_kill": total_after_kill,
            "holds": holds,
            "restart_seconds": ready_seconds,
            "disk_bytes_per_event": bytes as f64 / acknowledged as f64,
        }),
    );
    ensure!(holds, "the log does not hold what was acknowledged");
    Ok(())
}

#[derive(Debug, Clone, Copy)]
struct Senders {
    n: usize,
    batch: usize,
    seed: u64,
}

struct Outcome {
    accepted: u64,
    seconds: f64,
    request: Latencies,
    server_cpu_seconds: f64,
    generator_cpu_seconds: f64,
}

impl Outcome {
    fn per_second(&self) -> f64 {
        self.accepted as f64 / self.seconds
    }

    fn server_cpu_us(&self) -> f64 {
        self.server_cpu_seconds * 1e6 / self.accepted as f64
    }

    fn json(&self, batch: usize, senders: usize) -> Value {
        json!({
            "batch": batch,
            "senders": senders,
            "accepted": self.accepted,
            "events_per_second": self.per_second(),
            "request": self.request.json(),
            "server_cpu_us_per_event": self.server_cpu_us(),
            "generator_cpu_us_per_event": self.generator_cpu_seconds * 1e6 / self.accepted as f64,
        })
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rate, cpu) = (self.per_second(), self.server_cpu_us());
        write!(f, "{rate:.0} events/s on disk   a request {}   server CPU {cpu:.1} µs an event", self.request)
    }
}

fn closed_loop(server: &Server, senders: Senders, measured: Duration) -> anyhow::Result<Outcome> {
    let accepted = AtomicU64::new(0);
    let started = Instant::now();
    let cpu = || (server.cpu_seconds(), cpu_seconds("self"));
    let before = cpu();
    let mut request = Latencies::default();
    thread::scope(|scope| {
        let all: Vec<_> = (0..senders.n)
            .map(|sender| {
                let accepted = &accepted;
                scope.spawn(move || send(&server.addr, senders, sender, started + measured, accepted))
            })
            .collect();
        for sender in all {
            request.add(&sender.join().expect("a sender's thread panicked")?);
        }
        anyhow::Ok(())
    })?;
    let after = cpu();
    Ok(Outcome {
        accepted: accepted.into_inner(),
        seconds: started.elapsed().as_secs_f64(),
        request,
        server_cpu_seconds: after.0 - before.0,
        generator_cpu_seconds: after.1 - before.1,
    })
}

/// One sender's requests until the end; any refusal ends the measurement.
fn send(addr: &str, senders: Senders, sender: usize, end: Instant, accepted: &AtomicU64) -> anyhow::Result<Latencies> {
    let mut rng = SmallRng::seed_from_u64(senders.seed * 1_000 + sender as u64);
    let mut connection = Connection::open(addr)?;
    let mut latencies = Latencies::default();
    let mut body = String::new();
    let mut n = 0;
    while Instant::now() < end {
        body.clear();
        body.push('[');
        for _ in 0..senders.batch {
            let comma = if body.len() > 1 { "," } else { "" };
            write!(body, "{comma}{}", event(&mut rng, format_args!("{}-{sender}-{n}", senders.seed)))?;
            n += 1;
        }
        body.push(']');
        let bytes = request("POST", "/v1/events", body.as_bytes());
        let started = Instant::now();
        let answer = connection.ask(&bytes)?;
        latencies.record(started.elapsed());
        let verdicts: Value = serde_json::from_slice(answer.body).context("verdicts are JSON")?;
        ensure!(verdicts["accepted"] == senders.batch, "a batch of new events was answered {verdicts}");
        accepted.fetch_add(senders.batch as u64, Relaxed);
    }
    Ok(latencies)
}

/// As a shop's page sends it: a view mostly, with a session, a price and the page.
fn event(rng: &mut SmallRng, message_id: std::fmt::Arguments) -> String {
    let (user, product) = (rng.random_range(0..USERS), rng.random_range(0..PRODUCTS));
    let kind = if rng.random_range(0..10) == 0 { "product_added" } else { "product_viewed" };
    format!(
        r#"{{"message_id":"{message_id}","event":"{kind}","user_id":"{}","session_id":"s{user}-{}","product_id":"{}","price":{:.2},"placement":"product"}}"#,
        user_id(user),
        user % 7,
        product_id(product),
        price(product),
    )
}
