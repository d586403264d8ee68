//! Slates under load, as an open model: see [`bench::load`].

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Duration,
};

use anyhow::Context;
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
    /// So many merchandising rules are on: boosts, buries, caps and exclusions of random price bands
    #[arg(long, default_value_t = 0)]
    rules: usize,
    /// The plan of the front page, such as bench/full.toml
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
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
    /// Models to train on it, more than once
    #[arg(long = "model", value_name = "MODEL", default_values = ["popular", "item-knn"])]
    models: Vec<String>,
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Online Retail, hybrid model
    Sample,
    /// Generated, with the models that --model names
    Synthetic,
}

/// Different requests; they are sent in turn.
const REQUESTS: usize = 4_096;

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let folder = cli.common.folder()?;
    let shop = make(&cli, folder.path())?;
    put_plan(&cli, folder.path())?;
    let target = match &cli.url {
        Some(addr) => Target::Theirs(addr.clone()),
        None => Target::Ours(shop.vitrina.serve(folder.path())?),
    };
    publish_rules(target.addr(), cli.rules, cli.seed)?;
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
            "rules": cli.rules,
            "plan": cli.plan,
            "slates": sources,
            "runs": runs.iter().map(|run| run.json()).collect::<Vec<_>>(),
            "p99_ms_median": p99s[p99s.len() / 2],
            "server_rss_bytes": target.rss_bytes(),
        }),
    );
    Ok(())
}

fn make(cli: &Cli, data: &Path) -> anyhow::Result<Shop> {
    let vitrina = cli.common.vitrina()?;
    match cli.shop {
        Which::Sample => shop::sample(vitrina, data, &cli.source),
        Which::Synthetic => {
            let size = Size { events: cli.events, users: cli.users, products: cli.products, seed: cli.seed };
            let models: Vec<&str> = cli.models.iter().map(String::as_str).collect();
            shop::synthetic(vitrina, data, size, &models)
        }
    }
}

/// The shop's own plan is a file in its folder; without one the built-in plan serves again.
fn put_plan(cli: &Cli, data: &Path) -> anyhow::Result<()> {
    let file = data.join("plans/home.toml");
    match &cli.plan {
        Some(plan) => {
            fs::create_dir_all(data.join("plans"))?;
            fs::copy(plan, file).with_context(|| format!("can't copy the plan {}", plan.display()))?;
        }
        None => drop(fs::remove_file(file)),
    }
    Ok(())
}

/// Rules of an earlier run are replaced.
fn publish_rules(addr: &str, n: usize, seed: u64) -> anyhow::Result<()> {
    let draft = http::call(addr, "GET", "/v1/rules", &Value::Null)?;
    let there = draft["data"].as_array().map_or(0, Vec::len);
    if there != n {
        anyhow::ensure!(there == 0, "the shop has {there} rules in its draft; take another --data folder");
        let mut state = seed;
        // An arithmetic progression that visits every price.
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for rule in 0..n {
            let from = next(200);
            let condition = format!("price >= {from} and price < {}", from + 1 + next(20));
            let action = match rule % 4 {
                0 => json!({ "kind": "boost", "factor": 1.5 }),
                1 => json!({ "kind": "bury", "factor": 0.5 }),
                2 => json!({ "kind": "cap", "max": 3 }),
                _ => json!({ "kind": "exclude" }),
            };
            // An exclusion of whole price bands would leave nothing to show.
            let condition = if rule % 4 == 3 { format!("{condition} and product_id = 'none'") } else { condition };
            http::call(
                addr,
                "POST",
                "/v1/rules",
                &json!({ "rule_id": format!("r{rule}"), "where": condition, "action": action }),
            )?;
        }
    }
    if n > 0 {
        http::call(addr, "POST", "/v1/rules/publish", &json!({}))?;
    }
    Ok(())
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
