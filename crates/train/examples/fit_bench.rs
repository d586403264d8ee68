//! Fits of one model with their times, for `bench/ease/compare.py` and `bench/item_knn/compare.py`:
//! `fit_bench FOLDER ROUNDS MODEL [KEY=VALUE…]`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use models::{FitContext, TrainingData, catalogue};
use train::dataset::{Dataset, ReadOptions};
use train::evaluate::judge;
use train::metrics::means;
use train::split::{SplitKind, SplitSpec, split};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rounds, model, options @ ..] = args.as_slice() else {
        return Err("wanted FOLDER ROUNDS MODEL [KEY=VALUE…]".into());
    };
    let options = options.iter().map(|pair| models::options::key_value(pair)).collect::<Result<Vec<_>, _>>()?;
    let dataset = Dataset::read("lightgcn", Path::new(folder), &ReadOptions::default())?;
    let split = split(&dataset, &SplitSpec::new(SplitKind::Given, &dataset), 0)?;
    let mut seconds = Vec::new();
    let mut fitted = None;
    for _ in 0..rounds.parse::<usize>()? {
        let start = Instant::now();
        fitted = Some(catalogue::fit(model, &options, &TrainingData::new(&split.train), &FitContext::quiet(1))?);
        seconds.push(start.elapsed().as_secs_f64());
    }
    let model = fitted.ok_or("wanted at least one round")?;
    // Few lists tell whether both sides solved the same problem.
    let cases = &split.cases[..split.cases.len().min(2000)];
    let means = means(&judge(model.as_ref(), cases, &[20]).cases);
    println!("{}", serde_json::json!({ "fit_seconds": seconds, "recall@20": means[0], "ndcg@20": means[1] }));
    Ok(())
}
