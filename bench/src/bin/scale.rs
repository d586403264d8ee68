//! Shops of growing size, so that slopes are measured rather than one point: import, training, memory, restart, disk
//! and latency at rates the machine holds.

use std::{sync::atomic::AtomicBool, time::Duration};

use bench::{
    figures::{folder_bytes, machine, mib},
    http,
    load::{Arrivals, Plan, open_loop},
    options::{Common, Target},
    server::Server,
    shop::{self, Shop},
    synthetic::Size,
};
use clap::Parser;
use serde_json::{Value, json};

#[derive(Debug, Parser)]
#[command(
    about = "A synthetic shop of a given size: import, training, memory, restart, disk, latency",
    after_help = "Examples:\n  scale --events 1000000 --users 100000 --products 20000\n  scale --events 10000000 --users 1000000 --products 100000 --json"
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    #[arg(long, default_value_t = 100_000)]
    users: usize,
    #[arg(long, default_value_t = 20_000)]
    products: usize,
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Models to train; may be repeated
    #[arg(long = "model", default_values = ["popular", "item-knn"])]
    models: Vec<String>,
    /// Rates to try, in requests a second
    #[arg(long, value_delimiter = ',', default_value = "200,500,1000,2000")]
    rates: Vec<f64>,
    /// How long each rate is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let folder = cli.common.folder()?;
    let data = folder.path();
    let size = Size { events: cli.events, users: cli.users, products: cli.products, seed: cli.seed };
    let models: Vec<&str> = cli.models.iter().map(String::as_str).collect();
    let machine = machine();
    let shop = shop::synthetic(cli.common.vitrina()?, data, size, &models)?;

    let starts = restarts(&shop, data)?;
    let server = shop.vitrina.serve(data)?;
    let status = server.get("/v1/status")?;
    let idle_rss = server.rss_bytes();
    let target = Target::Ours(server);
    let one = one_at_a_time(&target, &shop)?;
    let requests = shop::slate_requests(&shop, 16_384, false);
    let mut ladder = Vec::new();
    let mut text = Vec::new();
    for &rate in &cli.rates {
        let plan = Plan {
            rate,
            measured: Duration::from_secs(cli.seconds),
            warmup: Duration::from_secs(2),
            connections: 32,
            arrivals: Arrivals::Poisson,
            seed: cli.seed,
        };
        let outcome = open_loop(&target, &plan, &requests, &AtomicBool::new(false));
        text.push(format!("  {rate:>6.0}/s: {outcome}"));
        ladder.push(json!({ "rate": rate, "outcome": outcome.json() }));
    }
    let loaded_rss = target.rss_bytes().unwrap_or(0);
    let peak_rss = if let Target::Ours(server) = &target { server.rss_bytes_max() } else { 0 };
    drop(target);
    let disk = disk(data);

    let import = &shop.made["import"];
    cli.common.say(
        &format!(
            "{} events, {} users, {} products; {}\nimport {:.0} events/s   train {:.1} s   restart to ready {} s\nRSS {:.0} MiB idle, {:.0} MiB after load, {:.0} MiB at most   disk {:.0} MiB, {:.0} bytes an event\none at a time {one}\n{}",
            status["events"]["total"],
            status["users"],
            status["products"],
            models.join(", "),
            import["rows_per_second"].as_f64().unwrap_or(f64::NAN),
            shop.made["train_seconds"].as_f64().unwrap_or(f64::NAN),
            starts.iter().map(|s| format!("{s:.2}")).collect::<Vec<_>>().join(" / "),
            mib(idle_rss),
            mib(loaded_rss),
            mib(peak_rss),
            mib(disk["total"].as_u64().unwrap_or(0)),
            disk["total"].as_f64().unwrap_or(0.0) / cli.events as f64,
            text.join("\n"),
        ),
        &json!({
            "program": "scale",
            "machine": machine,
            "size": { "events": cli.events, "users": cli.users, "products": cli.products, "seed": cli.seed },
            "models": models,
            "made": shop.made,
            "users_with_profile": status["users"],
            "restart_seconds": starts,
            "rss_bytes": { "idle": idle_rss, "after_load": loaded_rss, "max": peak_rss },
            "disk_bytes": disk,
            "one_at_a_time": one,
            "ladder": ladder,
        }),
    );
    Ok(())
}

/// After a clean stop, after a clean stop again (with a warm page cache), and after `kill -9`.
fn restarts(shop: &Shop, data: &std::path::Path) -> anyhow::Result<[f64; 3]> {
    let seconds = |server: &Server| server.ready_after.as_secs_f64();
    let start = || shop.vitrina.serve(data);
    let first = start()?;
    let one = seconds(&first);
    first.stop()?;
    let second = start()?;
    let two = seconds(&second);
    second.kill()?;
    let third = start()?;
    let three = seconds(&third);
    third.stop()?;
    Ok([one, two, three])
}

/// What a slate costs with nobody else asking: the slope over products without queues.
fn one_at_a_time(target: &Target, shop: &Shop) -> anyhow::Result<Value> {
    let requests = shop::slate_requests(shop, 2_000, true);
    let mut latencies = bench::figures::Latencies::default();
    let mut connection = http::Connection::open(target.addr())?;
    let cpu = target.cpu_seconds();
    for request in &requests {
        let sent = std::time::Instant::now();
        let status = connection.ask(request)?.status;
        anyhow::ensure!(status == 200, "a slate was answered {status}");
        latencies.record(sent.elapsed());
    }
    let cpu = cpu.zip(target.cpu_seconds()).map(|(before, after)| (after - before) * 1e6 / requests.len() as f64);
    Ok(json!({ "latency": latencies.json(), "server_cpu_us": cpu }))
}

/// Bytes of the shop's parts.
fn disk(data: &std::path::Path) -> Value {
    let mut parts = serde_json::Map::new();
    let shops = std::fs::read_dir(data.join("shops")).into_iter().flatten().flatten();
    for shop in shops {
        for part in std::fs::read_dir(shop.path()).into_iter().flatten().flatten() {
            let bytes =
                if part.path().is_dir() { folder_bytes(&part.path()) } else { part.metadata().map_or(0, |m| m.len()) };
            parts.insert(part.file_name().to_string_lossy().into_owned(), bytes.into());
        }
    }
    parts.insert("total".to_owned(), folder_bytes(data).into());
    parts.into()
}
