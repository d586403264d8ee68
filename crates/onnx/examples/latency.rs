//! How long a brought model takes for a batch of candidates:
//! `cargo run --release -p onnx --example latency -- model.onnx schema.toml`

use std::{env, fs, time::Instant};

use onnx::{Schema, Scorer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = |i| env::args().nth(i).ok_or("usage: latency MODEL.onnx SCHEMA.toml");
    let schema = Schema::parse(&fs::read_to_string(path(2)?)?)?;
    let n_columns = schema.n_columns();
    let started = Instant::now();
    let scorer = Scorer::load(&fs::read(path(1)?)?, schema)?;
    println!("load {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    for n_rows in [1, 100, 200, 500] {
        // A spread of values, so that trees take all their branches.
        let rows: Vec<f32> = (0..n_rows * n_columns).map(|i| (i * 7_919 % 1_000) as f32 / 100.0).collect();
        let mut times: Vec<f64> = (0..200)
            .map(|_| {
                let started = Instant::now();
                let scores = scorer.score(&rows);
                assert!(scores.is_ok_and(|scores| scores.len() == n_rows));
                started.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{n_rows:>4} rows: p50 {:.3} ms, p99 {:.3} ms", times[100], times[198]);
    }
    Ok(())
}
