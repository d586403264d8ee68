//! Events of a shop that never was: seeded, with the skew that real shops have.
//!
//! Users and products follow Zipf's law. Each user belongs to one of [`CLUSTERS`] tastes and mostly sees products of
//! it, so that there is something to learn. One row is one event, as analysts' tables have it; rows carry no message
//! id, so that an import has to tell duplicates by their content.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use arrow::{
    array::{Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Schema, TimeUnit},
};
use clap::ValueEnum;
use parquet::arrow::ArrowWriter;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::json;

pub const CLUSTERS: usize = 100;
/// How often a user stays within the own taste.
const LOYALTY: f64 = 0.7;
/// Exponents of Zipf's law; shoppers differ less than products do.
const SKEW_PRODUCTS: f64 = 1.0;
const SKEW_USERS: f64 = 0.6;
const DAYS: i64 = 180;
const BATCH_ROWS: usize = 64 << 10;

#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub events: usize,
    pub users: usize,
    pub products: usize,
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileKind {
    Parquet,
    Csv,
    Jsonl,
}

impl FileKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }
}

pub struct Row {
    pub user: usize,
    pub product: usize,
    pub kind: &'static str,
    pub at_micros: i64,
}

pub fn user_id(user: usize) -> String {
    format!("u{user:07}")
}

pub fn product_id(product: usize) -> String {
    format!("p{product:06}")
}

/// Between 1 and 200, fixed for each product.
pub fn price(product: usize) -> f64 {
    (100 + (product * 7919) % 19_900) as f64 / 100.0
}

/// The rows in the order of time, ending now.
pub fn rows(size: Size) -> impl Iterator<Item = Row> {
    let mut rng = SmallRng::seed_from_u64(size.seed);
    let users = Zipf::new(size.users, SKEW_USERS);
    let products = Zipf::new(size.products, SKEW_PRODUCTS);
    let per_cluster = size.products.div_ceil(CLUSTERS);
    let in_cluster = Zipf::new(per_cluster, SKEW_PRODUCTS);
    let span = DAYS * 24 * 3600 * 1_000_000;
    let step = span / size.events as i64;
    let start = now_micros() - span;
    (0..size.events).map(move |n| {
        // Ranks are spread over the ids, so that a user's number says nothing about how active they are.
        let user = spread(users.sample(&mut rng), size.users);
        let product = if rng.random_bool(LOYALTY) {
            (in_cluster.sample(&mut rng) * CLUSTERS + user % CLUSTERS) % size.products
        } else {
            products.sample(&mut rng)
        };
        let kind = match rng.random_range(0..100) {
            0..80 => "view",
            80..92 => "cart",
            _ => "purchase",
        };
        Row { user, product, kind, at_micros: start + n as i64 * step + rng.random_range(0..step.max(1)) }
    })
}

fn spread(rank: usize, n: usize) -> usize {
    const PRIME: usize = 1_000_000_007;
    (rank * PRIME) % n
}

pub fn now_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_micros() as i64
}

/// Ranks from 0, the first the most frequent.
pub struct Zipf(Vec<f64>);

impl Zipf {
    pub fn new(n: usize, skew: f64) -> Self {
        let mut sum = 0.0;
        let mut upto = |rank: usize| {
            sum += (rank as f64).powf(-skew);
            sum
        };
        Self((1..=n).map(&mut upto).collect())
    }

    pub fn sample(&self, rng: &mut SmallRng) -> usize {
        let at = rng.random::<f64>() * self.0.last().copied().unwrap_or(0.0);
        self.0.partition_point(|upto| *upto <= at).min(self.0.len() - 1)
    }
}

pub fn write_events(path: &Path, kind: FileKind, size: Size) -> anyhow::Result<()> {
    match kind {
        FileKind::Parquet => write_parquet(path, size),
        FileKind::Csv => write_lines(path, size, Some("user_id,product_id,interaction_type,timestamp,price"), |row| {
            format!(
                "{},{},{},{},{}",
                user_id(row.user),
                product_id(row.product),
                row.kind,
                when(row),
                price(row.product)
            )
        }),
        FileKind::Jsonl => write_lines(path, size, None, |row| {
            json!({
                "user_id": user_id(row.user),
                "product_id": product_id(row.product),
                "interaction_type": row.kind,
                "timestamp": when(row),
                "price": price(row.product),
            })
            .to_string()
        }),
    }
}

fn when(row: &Row) -> String {
    jiff::Timestamp::from_microsecond(row.at_micros).expect("within jiff's range").to_string()
}

fn write_lines(path: &Path, size: Size, header: Option<&str>, line: impl Fn(&Row) -> String) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    if let Some(header) = header {
        writeln!(file, "{header}")?;
    }
    for row in rows(size) {
        writeln!(file, "{}", line(&row))?;
    }
    Ok(file.flush()?)
}

fn write_parquet(path: &Path, size: Size) -> anyhow::Result<()> {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let field = |name: &str, kind: DataType| Field::new(name, kind, false);
    let schema = Arc::new(Schema::new(vec![
        field("user_id", DataType::Utf8),
        field("product_id", DataType::Utf8),
        field("interaction_type", DataType::Utf8),
        field("timestamp", time),
        field("price", DataType::Float64),
    ]));
    let mut writer = ArrowWriter::try_new(File::create(path)?, schema.clone(), None)?;
    let mut rows = rows(size);
    loop {
        let some: Vec<Row> = rows.by_ref().take(BATCH_ROWS).collect();
        if some.is_empty() {
            writer.close()?;
            return Ok(());
        }
        let text =
            |of: &dyn Fn(&Row) -> String| Arc::new(some.iter().map(|row| Some(of(row))).collect::<StringArray>());
        let times = TimestampMicrosecondArray::from_iter_values(some.iter().map(|row| row.at_micros));
        writer.write(&RecordBatch::try_new(
            schema.clone(),
            vec![
                text(&|row| user_id(row.user)),
                text(&|row| product_id(row.product)),
                text(&|row| row.kind.to_owned()),
                Arc::new(times.with_timezone("UTC")),
                Arc::new(Float64Array::from_iter_values(some.iter().map(|row| price(row.product)))),
            ],
        )?)?;
    }
}

/// The catalogue as CSV; one product in fifty is out of stock.
pub fn write_products(path: &Path, n: usize) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "product_id,name,category,brand,price,availability")?;
    for p in 0..n {
        let (cluster, brand) = (p % CLUSTERS, p % 997);
        let availability = if p % 50 == 49 { "out_of_stock" } else { "in_stock" };
        writeln!(file, "{},Producto {p},Rubro {cluster},Marca {brand},{},{availability}", product_id(p), price(p))?;
    }
    Ok(file.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rank_is_as_frequent_as_zipf_says() {
        let zipf = Zipf::new(3, 1.0);
        let mut rng = SmallRng::seed_from_u64(1);
        let first = (0..11_000).filter(|_| zipf.sample(&mut rng) == 0).count();
        // 1 / (1 + 1/2 + 1/3) = 6/11
        assert!((5_800..6_200).contains(&first), "{first}");
    }

    #[test]
    fn a_seed_gives_the_same_shop() {
        let size = Size { events: 1_000, users: 100, products: 200, seed: 3 };
        let of = |row: Row| (row.user, row.product, row.kind);
        assert!(rows(size).map(of).eq(rows(size).map(of)));
        assert!(rows(size).all(|row| row.user < 100 && row.product < 200));
    }
}
