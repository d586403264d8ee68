//! Shops to measure: the sample shop of `vitrina demo`, and synthetic ones of any size.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use arrow::{array::AsArray, compute::cast, datatypes::DataType};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};
use serde_json::{Value, json};

use crate::{
    http,
    server::{Server, cpu_seconds_of_ended_children},
    synthetic::{self, FileKind, Size},
};

/// Written into a folder once its shop is whole.
const MADE: &str = "bench-made.json";
const TRAINING_MAX: Duration = Duration::from_secs(3600);
const READY_MAX: Duration = Duration::from_secs(300);
/// Where the sample shop's data lies, from the repository's root.
pub const SAMPLE_SOURCE: &str = "data/online_retail";

/// The binary.
#[derive(Debug, Clone)]
pub struct Vitrina {
    binary: PathBuf,
    /// `VITRINA__…` for every command.
    settings: Vec<(&'static str, &'static str)>,
}

impl Vitrina {
    /// The binary that is named, or the one beside this program.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        let beside = std::env::current_exe()?.with_file_name("vitrina");
        let binary = named.map_or(beside, Path::to_owned);
        if !binary.is_file() {
            bail!(
                "{} is not there; build it with `cargo build --release -p app`, or name it with --vitrina",
                binary.display()
            );
        }
        Ok(Self { binary, settings: Vec::new() })
    }

    /// The sample shop has the money and the clock of its data.
    pub fn of_sample_shop(mut self) -> Self {
        self.settings = vec![
            ("VITRINA__SHOP__NAME", "demo"),
            ("VITRINA__SHOP__CURRENCY", "GBP"),
            ("VITRINA__SHOP__TIME_ZONE", "Europe/London"),
        ];
        self
    }

    pub fn command(&self, data: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--data").arg(data).envs(self.settings.iter().copied());
        command
    }

    /// Runs a command to its end and reads the JSON that it prints.
    pub fn run(&self, data: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.command(data, arguments).arg("--json").stderr(Stdio::piped()).output()?;
        if !output.status.success() {
            bail!("`vitrina {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`vitrina {}` printed no JSON", arguments.join(" ")))
    }

    pub fn serve(&self, data: &Path) -> anyhow::Result<Server> {
        Server::start(self, data, &["serve"], READY_MAX)
    }

    /// One file into the shop: the report of its first and only file.
    pub fn import(&self, data: &Path, kind: &str, file: &Path, format: &str) -> anyhow::Result<Value> {
        let file = file.to_str().context("a path in UTF-8")?;
        let reports = self.run(data, &["import", kind, file, "--format", format])?;
        Ok(reports[0].clone())
    }
}

/// A shop that is ready to be served.
pub struct Shop {
    pub vitrina: Vitrina,
    /// Ids as the shop sends them, each with a history.
    pub users: Vec<String>,
    pub products: Vec<String>,
    /// What making it came to; empty when it was there already.
    pub made: Value,
}

/// Everything but the last four weeks of Online Retail, with the default models, as `vitrina demo` makes it.
pub fn sample(vitrina: Vitrina, data: &Path, source: &Path) -> anyhow::Result<Shop> {
    let vitrina = vitrina.of_sample_shop();
    let marker = data.join(MADE);
    let mut made = Value::Null;
    if !marker.is_file() {
        let source = source.to_str().context("a path in UTF-8")?;
        // The slowest replay there is: one order now, the next in 100 s.
        let server = Server::start(&vitrina, data, &["demo", "--speed", "0.01", "--source", source], TRAINING_MAX)?;
        made = json!({ "ready_seconds": server.ready_after.as_secs_f64() });
        server.stop()?;
        fs::write(marker, made.to_string())?;
    }
    let file = source.join("online_retail.parquet");
    Ok(Shop { vitrina, users: column(&file, "CustomerID")?, products: column(&file, "StockCode")?, made })
}

/// The values of a column, each once, in order.
fn column(file: &Path, name: &str) -> anyhow::Result<Vec<String>> {
    let file =
        File::open(file).with_context(|| format!("can't open {}; run from the repository's root", file.display()))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), [name]);
    let mut values = std::collections::BTreeSet::new();
    for batch in builder.with_projection(mask).build()? {
        let batch = batch?;
        let array = batch.column(0);
        let array = if array.data_type().is_floating() { cast(array, &DataType::Int64)? } else { array.clone() };
        let texts = cast(&array, &DataType::Utf8)?;
        values.extend(texts.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    Ok(values.into_iter().collect())
}

/// A synthetic shop: generated, imported, trained with `models`.
pub fn synthetic(vitrina: Vitrina, data: &Path, size: Size, models: &[&str]) -> anyhow::Result<Shop> {
    synthetic_over(vitrina, data, size, models, |file| synthetic::write_products(file, size.products))
}

/// The same over a catalogue that somebody else writes as CSV: `size.products` products with the ids of [`synthetic::product_id`].
pub fn synthetic_over(
    vitrina: Vitrina,
    data: &Path,
    size: Size,
    models: &[&str],
    write_products: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<Shop> {
    let marker = data.join(MADE);
    let mut made = Value::Null;
    if !marker.is_file() {
        fs::create_dir_all(data)?;
        let (products, events) = (data.join("products.csv"), data.join("events.parquet"));
        let started = Instant::now();
        write_products(&products)?;
        synthetic::write_events(&events, FileKind::Parquet, size)?;
        let generate_seconds = started.elapsed().as_secs_f64();
        let file_bytes = fs::metadata(&events)?.len();
        let catalog = vitrina.import(data, "catalog", &products, "csv")?;
        let (started, cpu) = (Instant::now(), cpu_seconds_of_ended_children());
        let imported = vitrina.import(data, "events", &events, "parquet")?;
        let import_command_seconds = started.elapsed().as_secs_f64();
        let import_cpu_seconds = cpu_seconds_of_ended_children() - cpu;
        fs::remove_file(&events)?;
        let mut train = vec!["train"];
        train.extend(models.iter().flat_map(|model| ["--model", *model]));
        let (started, cpu) = (Instant::now(), cpu_seconds_of_ended_children());
        let trained = vitrina.run(data, &train)?;
        made = json!({
            "generate_seconds": generate_seconds,
            "file_bytes": file_bytes,
            "catalog": catalog,
            "import": imported,
            "import_command_seconds": import_command_seconds,
            "import_cpu_seconds": import_cpu_seconds,
            "models": models,
            "train_cpu_seconds": cpu_seconds_of_ended_children() - cpu,
            "train_seconds": started.elapsed().as_secs_f64(),
            "facts": trained["manifest"]["facts"],
            "metrics": trained["manifest"]["metrics"],
            "verdict": trained["verdict"],
        });
        fs::write(marker, made.to_string())?;
    }
    // Those who surely have a history: whom the first events are about.
    let some = Size { events: size.events.min(200_000), ..size };
    let mut users: Vec<usize> = synthetic::rows(some).map(|row| row.user).collect();
    users.sort_unstable();
    users.dedup();
    let users = users.into_iter().map(synthetic::user_id).collect();
    let products = (0..size.products).map(synthetic::product_id).collect();
    Ok(Shop { vitrina, users, products, made })
}

/// Requests for slates as a shop's pages send them: six in ten from the home page, three from a product's, one from
/// the cart; availability and a price limit are filtered always.
pub fn slate_requests(shop: &Shop, n: usize, preview: bool) -> Vec<Vec<u8>> {
    let user = |i: usize| &shop.users[(i * 7919) % shop.users.len()];
    let product = |i: usize| &shop.products[(i * 104_729) % shop.products.len()];
    (0..n)
        .map(|i| {
            let mut body = json!({
                "user_id": user(i),
                "placement": "home",
                "n": 10,
                "filters": { "available": true, "price_max": 100.0 },
                "preview": preview,
            });
            match i % 10 {
                0..6 => {}
                6..9 => {
                    body["placement"] = "product".into();
                    body["product_ids"] = json!([product(i)]);
                }
                _ => {
                    body["placement"] = "cart".into();
                    body["cart"] = json!([product(i), product(i + 1)]);
                }
            }
            http::request("POST", "/v1/recommendations", body.to_string().as_bytes())
        })
        .collect()
}
