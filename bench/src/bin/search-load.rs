//! Search under load, as an open model: see [`bench::load`].

use std::{fs, path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use anyhow::Context;
use bench::{
    figures::{machine, mib},
    http,
    load::{Arrivals, Plan, open_loop},
    options::{Common, Target},
    shop::{self, Shop},
    synthetic::{self, Size},
};
use clap::Parser;
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use serde_json::{Value, json};

#[derive(Debug, Parser)]
#[command(
    about = "Latency of GET /v1/search with personal reranking at a fixed arrival rate, from the intended send time",
    after_help = "Example:\n  search-load products.jsonl --data /tmp/search-shop\n\nA line of the catalogue is {\"title\": …, \"category\": …}. Users, their histories and the events that the models learn from are generated."
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    /// The catalogue
    products: PathBuf,
    /// Requests a second
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// How long it is measured
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    #[arg(long, default_value_t = 3)]
    warmup: u64,
    /// Kept connections
    #[arg(long, default_value_t = 32)]
    connections: usize,
    #[arg(long, value_enum, default_value = "poisson")]
    arrivals: Arrivals,
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Don't record searches and impressions
    #[arg(long)]
    preview: bool,
    #[arg(long, default_value_t = 500_000)]
    events: usize,
    #[arg(long, default_value_t = 50_000)]
    users: usize,
    /// Write the different queries to this file, one a line, for a peer
    #[arg(long, value_name = "FILE")]
    queries_out: Option<PathBuf>,
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

/// Different requests; they are sent in turn.
const REQUESTS: usize = 8_192;
const TYPOS: f64 = 0.20;
const NONSENSE: f64 = 0.05;
const MODELS: &[&str] = &["popular", "item-knn", "ials", "hybrid"];

struct Row {
    title: String,
    category: String,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let rows = read(&cli.products)?;
    let folder = cli.common.folder()?;
    let size = Size { events: cli.events, users: cli.users, products: rows.len(), seed: cli.seed };
    let shop = shop::synthetic_over(cli.common.vitrina()?, folder.path(), size, MODELS, |file| write(file, &rows))?;
    let target = Target::Ours(shop.vitrina.serve(folder.path())?);
    let queries = queries(&rows, cli.seed);
    if let Some(file) = &cli.queries_out {
        fs::write(file, queries.join("\n"))?;
    }
    let requests = requests(&shop, &queries, cli.preview);
    let answers = answers(&target, &requests)?;

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
    let text: Vec<String> = runs.iter().map(ToString::to_string).collect();
    let memory = target.rss_bytes().map_or(String::new(), |bytes| format!("\nserver RSS {:.0} MiB", mib(bytes)));
    cli.common.say(
        &format!("{} products; asked for {}/s; answers {answers}\n{}{memory}", rows.len(), cli.rate, text.join("\n")),
        &json!({
            "program": "search-load",
            "machine": machine,
            "products": rows.len(),
            "made": shop.made,
            "rate": cli.rate,
            "seconds": cli.seconds,
            "connections": cli.connections,
            "arrivals": format!("{:?}", cli.arrivals).to_lowercase(),
            "preview": cli.preview,
            "answers": answers,
            "runs": runs.iter().map(|run| run.json()).collect::<Vec<_>>(),
            "server_rss_bytes": target.rss_bytes(),
        }),
    );
    Ok(())
}

fn read(path: &std::path::Path) -> anyhow::Result<Vec<Row>> {
    let text = fs::read_to_string(path).with_context(|| format!("can't open {}", path.display()))?;
    text.lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line)?;
            let field = |name: &str| row[name].as_str().map(str::to_owned).with_context(|| format!("{name} of {line}"));
            Ok(Row { title: field("title")?, category: field("category")? })
        })
        .collect()
}

/// The titles under the ids that the generated events speak of.
fn write(file: &std::path::Path, rows: &[Row]) -> anyhow::Result<()> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut csv = "product_id,name,category,price\n".to_owned();
    for (at, row) in rows.iter().enumerate() {
        let (id, price) = (synthetic::product_id(at), synthetic::price(at));
        csv += &format!("{id},{},{},{price}\n", quoted(&row.title), quoted(&row.category));
    }
    Ok(fs::write(file, csv)?)
}

/// One to three words of a title; a fifth with a slip in one of them, one in twenty nonsense.
fn queries(rows: &[Row], seed: u64) -> Vec<String> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut queries = Vec::with_capacity(REQUESTS);
    while queries.len() < REQUESTS {
        if rng.random_bool(NONSENSE) {
            queries.push((0..8).map(|_| rng.random_range('a'..='z')).collect());
            continue;
        }
        let Some(row) = rows.choose(&mut rng) else { return queries };
        let mut words: Vec<String> = row
            .title
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.chars().count() >= 3)
            .map(str::to_lowercase)
            .collect();
        let n = rng.random_range(1..=3);
        while words.len() > n {
            words.remove(rng.random_range(0..words.len()));
        }
        if rng.random_bool(TYPOS)
            && let Some(word) = words.iter_mut().find(|word| word.chars().count() >= 5)
        {
            *word = mistyped(word, &mut rng);
        }
        if !words.is_empty() {
            queries.push(words.join(" "));
        }
    }
    queries
}

/// Two neighbours swapped, a letter lost or doubled.
fn mistyped(word: &str, rng: &mut SmallRng) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = rng.random_range(1..letters.len() - 1);
    match rng.random_range(0..3) {
        0 => letters.swap(at, at + 1),
        1 => drop(letters.remove(at)),
        _ => letters.insert(at, letters[at]),
    }
    letters.into_iter().collect()
}

fn requests(shop: &Shop, queries: &[String], preview: bool) -> Vec<Vec<u8>> {
    let user = |i: usize| &shop.users[(i * 7919) % shop.users.len()];
    let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let path = |(i, query): (usize, &String)| {
        format!("/v1/search?q={}&user_id={}&n=10&preview={preview}", escaped(query), user(i))
    };
    queries.iter().enumerate().map(path).map(|path| http::request("GET", &path, b"")).collect()
}

/// What two hundred of the answers are: a load test of empty answers measures nothing. `took_ms` is measured one by one.
fn answers(target: &Target, requests: &[Vec<u8>]) -> anyhow::Result<Value> {
    const SAMPLE: usize = 1_000;
    let mut connection = http::Connection::open(target.addr())?;
    let (mut personalized, mut corrected, mut empty) = (0, 0, 0);
    let mut took = Vec::new();
    for request in requests.iter().take(SAMPLE) {
        let answer: Value = serde_json::from_slice(connection.ask(request)?.body)?;
        personalized += usize::from(answer["personalized"] == true);
        corrected += usize::from(answer["corrected"].as_array().is_some_and(|words| !words.is_empty()));
        empty += usize::from(answer["total"] == 0);
        took.push(answer["took_ms"].as_f64().with_context(|| format!("no took_ms: {answer}"))?);
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[(share * took.len() as f64) as usize];
    Ok(json!({ "of": SAMPLE, "personalized": personalized, "corrected": corrected, "empty": empty,
        "alone_took_ms_p50": at(0.5), "alone_took_ms_p99": at(0.99) }))
}
