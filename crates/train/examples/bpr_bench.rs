//! One BPR fit with the time of each epoch, for `bench/bpr/compare.py`:
//! `bpr_bench FOLDER FACTORS EPOCHS LEARNING_RATE REGULARIZATION SEED`.

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

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, factors, epochs, learning_rate, regularization, popularity_power, seed] = args.as_slice() else {
        return Err("wanted FOLDER FACTORS EPOCHS LEARNING_RATE REGULARIZATION POPULARITY_POWER SEED".into());
    };
    let dataset = Dataset::read("lightgcn", Path::new(folder), &ReadOptions::default())?;
    let split = split(&dataset, &SplitSpec::new(SplitKind::Given, &dataset), 0)?;
    let options = [
        ("factors", factors.as_str()),
        ("epochs", epochs),
        ("patience", "0"),
        ("learning_rate", learning_rate),
        ("regularization", regularization),
        ("popularity_power", popularity_power),
    ];
    let ends = Mutex::new(vec![Instant::now()]);
    let progress = |_| ends.lock().expect("no panic while held").push(Instant::now());
    let context = FitContext { seed: seed.parse()?, progress: &progress, cancelled: &AtomicBool::new(false) };
    let model = catalogue::fit("bpr", &options, &TrainingData::new(&split.train), &context)?;
    let seconds: Vec<f64> = ends.into_inner()?.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect();
    let means = means(&judge(model.as_ref(), &split.cases, &[20]).cases);
    println!("{}", serde_json::json!({ "epoch_seconds": seconds, "recall@20": means[0], "ndcg@20": means[1] }));
    Ok(())
}
