//! One fit with its time, that of each step, the most memory and how well it ranks, for the programs in `bench`:
//! `fit_bench DATA SEED MODEL [KEY=VALUE…]`.
//!
//! `DATA` is a folder of the LightGCN repository, or `USERSxITEMSxINTERACTIONS` of generated data, which is not judged.

mod clock;
mod power_law;

use std::error::Error;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use models::{FitContext, Interactions, Model, TrainingData, catalogue};
use serde_json::{Value, json};
use train::dataset::{Dataset, ReadOptions};
use train::evaluate::judge;
use train::metrics::means;
use train::split::{SplitKind, SplitSpec, split};

use crate::clock::{Laps, memory_mib};
use crate::power_law::Size;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [data, seed, model, options @ ..] = args.as_slice() else {
        return Err("wanted DATA SEED MODEL [KEY=VALUE…]".into());
    };
    let seed = seed.parse()?;
    let options = options.iter().map(|pair| models::options::key_value(pair)).collect::<Result<Vec<_>, _>>()?;
    let fit = |interactions: &Interactions| fit(interactions, seed, model, &options);
    if let Some(size) = Size::parse(data) {
        println!("{}", fit(&size.interactions(seed)?)?.1);
        return Ok(());
    }
    let dataset = Dataset::read("lightgcn", Path::new(data), &ReadOptions::default())?;
    let split = split(&dataset, &SplitSpec::new(SplitKind::Given, &dataset), 0)?;
    let (model, mut result) = fit(&split.train)?;
    let means = means(&judge(model.as_ref(), &split.cases, &[20]).cases);
    (result["recall@20"], result["ndcg@20"]) = (json!(means[0]), json!(means[1]));
    println!("{result}");
    Ok(())
}

fn fit(
    interactions: &Interactions,
    seed: u64,
    model: &str,
    options: &[(String, String)],
) -> models::Result<(Box<dyn Model>, Value)> {
    let data_mib = memory_mib("VmRSS");
    let laps = Laps::start();
    let progress = |_| laps.end_step();
    let context = FitContext { seed, progress: &progress, cancelled: &AtomicBool::new(false) };
    let fitted = catalogue::fit(model, options, &TrainingData::new(interactions), &context)?;
    laps.end_step();
    let (mut wall, mut cpu) = laps.steps(0);
    let fit = json!({ "wall": wall.iter().sum::<f64>(), "cpu": cpu.iter().sum::<f64>() });
    // What comes after the last step is part of the fit, but no step.
    wall.pop();
    cpu.pop();
    let result = json!({
        "users": interactions.n_users(), "items": interactions.n_items(), "interactions": interactions.n_interactions(),
        "fit": fit, "step_seconds": wall, "step_cpu_seconds": cpu,
        "data_mib": data_mib, "peak_mib": memory_mib("VmHWM"),
    });
    Ok((fitted, result))
}
