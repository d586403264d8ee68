//! Encodes a JSON list of texts and says how long it took: what `bench/text/compare.py` runs beside sentence-transformers.
//!
//! ```text
//! cargo run --release -p text --example encode -- MODEL_FOLDER TEXTS.json f32|int8 [THREADS]
//! ```

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use text::{Bert, Precision, TextEncoder, Unwatched};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, texts, precision, threads @ ..] = &arguments[..] else {
        anyhow::bail!("wanted MODEL_FOLDER TEXTS.json f32|int8 [THREADS]")
    };
    let precision = match precision.as_str() {
        "f32" => Precision::Float32,
        "int8" => Precision::Int8,
        other => anyhow::bail!("got the precision `{other}`, wanted f32 or int8"),
    };
    if let [threads] = threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build_global()?;
    }
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(texts).context("reading the texts")?)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let bert = Bert::open(Path::new(model), precision)?;
    bert.encode(&texts[..texts.len().min(64)], &Unwatched)?;
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    bert.encode(&texts, &Unwatched)?;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    println!("{}", serde_json::json!({ "texts": texts.len(), "wall_s": wall, "cpu_s": cpu }));
    Ok(())
}

/// Of all threads of this process so far, as Linux counts them: in hundredths of a second.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("the CPU time is read from /proc")?;
    let (_, after_name) = stat.rsplit_once(')').context("a name in brackets")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}
