//! Slates under load, as an open model: see [`bench::load`].

use std::{path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use bench::{
    figures::{machine, mib},
    http,
    load::{Arrivals, Plan, open_loop},
    options::{Common, Target, loopback},
    shop::{self, SAMPLE_SOURCE, Shop},
    synthetic::Size,
};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

#[derive(Debug, Parser)]
#[command(
    about = "Latency of POST /v1/recommendations at a fixed arrival rate, from the intended send time",
    after_help = "Examples:\n  serve-load\n  serve-load --rate 500 --seconds 10 --arrivals constant\n  serve-load --shop synthetic --events 1000000 --rate 500 --json"
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    /// A server that runs already, on this machine, with the shop that --shop names
    #[arg(long, value_parser = loopback, value_name = "URL")]
    url: Option<String>,
    /// The shop to ask
    #[arg(long, value_enum, default_value = "sample")]
    shop: Which,
    /// Where the sample shop's data lies
    #[arg(long, default_value = SAMPLE_SOURCE, value_name = "DIR")]
    source: PathBuf,
    /// Requests a second
    #[arg(long, default_value_t = 2_000.0)]
    rate: f64,
    /// How long it is measured
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How long requests are sent before
    #[arg(long, default_value_t = 3)]
    warmup: u64,
    /// Kept connections
    #[arg(long, default_value_t = 32)]
    connections: usize,
    #[arg(long, value_enum, default_value = "poisson")]
    arrivals: Arrivals,
    /// Repetitions; the median of their p99 is reported too
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Don't record impressions
    #[arg(long)]
    preview: bool,
    /// Of the synthetic shop
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    #[arg(long, default_value_t = 100_000)]
    users: usize,
    #[arg(long, default_value_t = 20_000)]
    products: usize,
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Online Retail, hybrid model
    Sample,
    /// Generated; popular and item-knn
    Synthetic,
}

/// Different requests; they are sent in turn.
const REQUESTS: usize = 4_096;

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let folder = cli.common.folder()?;
    let shop = make(&cli, folder.path())?;
    let target = match &cli.url {
        Some(addr) => Target::Theirs(addr.clone()),
        None => Target::Ours(shop.vitrina.serve(folder.path())?),
    };
    let requests = shop::slate_requests(&shop, REQUESTS, cli.preview);
    let sources = strategies(&target, &requests)?;

    let machine = machine();
    let mut runs = Vec::new();
    for run in 0..cli.runs {
        let plan = Plan {
            rate: cli.rate,
            measured: Duration::from_secs(cli.seconds),
            warmup: Duration::from_secs(cli.warmup),
            connections: cli.connections,
            arrivals: cli.arrivals,
            seed: cli.seed + run as u64,
        };
        runs.push(open_loop(&target, &plan, &requests, &AtomicBool::new(false)));
    }
    let mut p99s: Vec<f64> = runs.iter().map(|run| run.latency.ms(0.99)).collect();
    p99s.sort_by(f64::total_cmp);
    let text: Vec<String> = runs.iter().map(ToString::to_string).collect();
    let memory = target.rss_bytes().map_or(String::new(), |bytes| format!("\nserver RSS {:.0} MiB", mib(bytes)));
    cli.common.say(
        &format!(
            "asked for {}/s over {} connections; slates {sources}\n{}{memory}",
            cli.rate,
            cli.connections,
            text.join("\n")
        ),
        &json!({
            "program": "serve-load",
            "machine": machine,
            "shop": format!("{:?}", cli.shop).to_lowercase(),
            "made": shop.made,
            "rate": cli.rate,
            "seconds": cli.seconds,
            "connections": cli.connections,
            "arrivals": format!("{:?}", cli.arrivals).to_lowercase(),
            "preview": cli.preview,
            "slates": sources,
            "runs": runs.iter().map(|run| run.json()).collect::<Vec<_>>(),
            "p99_ms_median": p99s[p99s.len() / 2],
            "server_rss_bytes": target.rss_bytes(),
        }),
    );
    Ok(())
}

fn make(cli: &Cli, data: &std::path::Path) -> anyhow::Result<Shop> {
    let vitrina = cli.common.vitrina()?;
    match cli.shop {
        Which::Sample => shop::sample(vitrina, data, &cli.source),
        Which::Synthetic => {
            let size = Size { events: cli.events, users: cli.users, products: cli.products, seed: cli.seed };
            shop::synthetic(vitrina, data, size, &["popular", "item-knn"])
        }
    }
}

/// What a hundred of the answers are: a load test of empty slates measures nothing.
fn strategies(target: &Target, requests: &[Vec<u8>]) -> anyhow::Result<Value> {
    let mut connection = http::Connection::open(target.addr())?;
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    let (mut items, mut bytes) = (0, 0);
    for request in requests.iter().take(100) {
        let answer = connection.ask(request)?;
        bytes += answer.body.len();
        let slate: Value = serde_json::from_slice(answer.body)?;
        items += slate["items"].as_array().map_or(0, Vec::len);
        *counts.entry(slate["strategy"].as_str().unwrap_or("refused").to_owned()).or_default() += 1;
    }
    Ok(
        json!({ "by_strategy_of_100": counts, "products_per_slate": items as f64 / 100.0, "bytes_per_answer": bytes / 100 }),
    )
}
