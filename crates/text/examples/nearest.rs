//! The exact scan beside the search through lists: recall, time, with a filter and without, on perturbed embeddings of a real catalogue.
//!
//! ```text
//! cargo run --release -p text --example nearest -- EMBEDDINGS_FOLDER N [N …]
//! ```
//!
//! EMBEDDINGS_FOLDER is the cache that the example `plazavea` filled, with the encoder's name. Up to as many products as there are embeddings N
//! takes the first ones; beyond, each comes again with as much noise as a third of its length. Queries are 200 products under more noise.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use safetensors::SafeTensors;
use text::{Embeddings, Nearest, Neighbour, Space, Sparse, Vectors};

const QUERIES: usize = 200;
const NEIGHBOURS: usize = 10;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let embeddings = read(Path::new(&arguments.next().context("wanted EMBEDDINGS_FOLDER N [N …]")?))?;
    let space = Space::fit(&[""; 0], &embeddings);
    let rows: Vec<Vec<f32>> = embeddings.rows().map(|row| space.vectors("", row).embedding).collect();
    println!(
        "| products | build s | insert µs | remove µs | scan ms | lists ms | recall | 10 % scan | lists | recall | 1 % scan | lists | recall |"
    );
    println!("|{}", " --- |".repeat(13));
    for n in arguments {
        measure(&rows, n.parse().context("a number of products")?);
    }
    Ok(())
}

fn measure(rows: &[Vec<f32>], n: usize) {
    let mut noise = Noise(n as u64);
    let mut product = |i: usize| {
        let amount = if i < rows.len() { 0.0 } else { 0.33 };
        Vectors { embedding: noise.near(&rows[i % rows.len()], amount), words: Sparse::default() }
    };
    let width = rows[0].len();
    let mut scanned = Nearest::new(width, 1.0);
    (0..n).for_each(|key| scanned.insert(key, product(key)));
    let start = Instant::now();
    let mut filed = scanned;
    filed.partition();
    let build = start.elapsed().as_secs_f64();
    let mut noise = Noise(7);
    let queries: Vec<Vectors> = (0..QUERIES)
        .map(|i| Vectors { embedding: noise.near(&rows[i * 7919 % rows.len()], 0.2), words: Sparse::default() })
        .collect();
    let start = Instant::now();
    (0..QUERIES).for_each(|i| filed.insert(n + i, queries[i].clone()));
    let insert = start.elapsed().as_secs_f64() / QUERIES as f64 * 1e6;
    let start = Instant::now();
    let removed = (0..QUERIES).filter(|i| filed.remove(&(n + i))).count();
    assert_eq!(removed, QUERIES);
    let remove = start.elapsed().as_secs_f64() / QUERIES as f64 * 1e6;

    let filters: [&dyn Fn(&usize) -> bool; 3] =
        [&|_| true, &|key| key.wrapping_mul(2_654_435_761) % 1000 < 100, &|key| {
            key.wrapping_mul(2_654_435_761) % 1000 < 10
        }];
    let through_lists: Vec<_> = filters.iter().map(|filter| search(&filed, &queries, filter)).collect();
    filed.scan_only();
    let exact: Vec<_> = filters.iter().map(|filter| search(&filed, &queries, filter)).collect();
    print!("| {n} | {build:.1} | {insert:.0} | {remove:.0} |");
    for ((found, ms), (wanted, exact_ms)) in through_lists.iter().zip(&exact) {
        assert!(found.iter().all(|found| found.len() == NEIGHBOURS), "a filter leaves no list short");
        print!(" {exact_ms:.1} | {ms:.1} | {:.3} |", recall(found, wanted));
    }
    println!();
}

/// The neighbours of each query, and how many milliseconds one took.
fn search(
    nearest: &Nearest<usize>,
    queries: &[Vectors],
    allowed: &dyn Fn(&usize) -> bool,
) -> (Vec<Vec<Neighbour<usize>>>, f64) {
    let start = Instant::now();
    let found = queries.iter().map(|query| nearest.neighbours(query, NEIGHBOURS, allowed)).collect();
    (found, start.elapsed().as_secs_f64() * 1000.0 / queries.len() as f64)
}

fn recall(found: &[Vec<Neighbour<usize>>], wanted: &[Vec<Neighbour<usize>>]) -> f64 {
    let hit = |(found, wanted): (&Vec<Neighbour<usize>>, &Vec<Neighbour<usize>>)| {
        wanted.iter().filter(|wanted| found.iter().any(|found| found.key == wanted.key)).count()
    };
    found.iter().zip(wanted).map(hit).sum::<usize>() as f64 / (found.len() * NEIGHBOURS) as f64
}

/// A linear congruential generator.
struct Noise(u64);

impl Noise {
    /// `row` and noise of length `amount`, of length 1.
    fn near(&mut self, row: &[f32], amount: f32) -> Vec<f32> {
        // Uniform numbers in −1 – 1 have variance 1/3.
        let scale = amount * (3.0 / row.len() as f32).sqrt();
        let mut near: Vec<f32> = row.iter().map(|x| x + scale * self.uniform()).collect();
        let norm = near.iter().map(|x| x * x).sum::<f32>().sqrt();
        near.iter_mut().for_each(|x| *x /= norm);
        near
    }

    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

fn read(folder: &Path) -> Result<Embeddings> {
    let mut all = Embeddings::default();
    for entry in std::fs::read_dir(folder).context("reading the folder of embeddings")? {
        let bytes = std::fs::read(entry?.path())?;
        let tensors = SafeTensors::deserialize(&bytes)?;
        let rows = tensors.tensor("embeddings")?;
        all.width = rows.shape()[1];
        all.values.extend(rows.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
    }
    Ok(all)
}
