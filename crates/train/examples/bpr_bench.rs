//! One BPR fit with the time of each epoch, for `bench/bpr/compare.py`:
//! `bpr_bench FOLDER FACTORS EPOCHS LEARNING_RATE REGULARIZATION SEED`.

mod clock;

use std::error::Error;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use models::{FitContext, TrainingData, catalogue};
use train::dataset::{Dataset, ReadOptions};
use train::evaluate::judge;
use train::metrics::means;
use train::split::{SplitKind, SplitSpec, split};

use crate::clock::cpu_seconds;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, factors, epochs, learning_rate, regularization, seed] = args.as_slice() else {
        return Err("wanted FOLDER FACTORS EPOCHS LEARNING_RATE REGULARIZATION SEED".into());
    };
    let dataset = Dataset::read("lightgcn", Path::new(folder), &ReadOptions::default())?;
    let split = split(&dataset, &SplitSpec::new(SplitKind::Given, &dataset), 0)?;
    let options = [
        ("factors", factors.as_str()),
        ("epochs", epochs),
        ("patience", "0"),
        ("learning_rate", learning_rate),
        ("regularization", regularization),
    ];
    let ends = Mutex::new(vec![(Instant::now(), cpu_seconds())]);
    let progress = |_| ends.lock().expect("no panic while held").push((Instant::now(), cpu_seconds()));
    let context = FitContext { seed: seed.parse()?, progress: &progress, cancelled: &AtomicBool::new(false) };
    let model = catalogue::fit("bpr", &options, &TrainingData::new(&split.train), &context)?;
    let ends = ends.into_inner()?;
    let seconds: Vec<f64> = ends.windows(2).map(|w| (w[1].0 - w[0].0).as_secs_f64()).collect();
    let cpu_seconds: Vec<f64> = ends.windows(2).map(|w| w[1].1 - w[0].1).collect();
    let means = means(&judge(model.as_ref(), &split.cases, &[20]).cases);
    let result = serde_json::json!({
        "epoch_seconds": seconds, "cpu_seconds": cpu_seconds, "recall@20": means[0], "ndcg@20": means[1],
    });
    println!("{result}");
    Ok(())
}
