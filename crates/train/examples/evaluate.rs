//! `cargo run --release -p train --example evaluate -- FORMAT PATH SPLIT MODEL [KEY=VALUE…]`
//!
//! SPLIT is given, temporal, leave-one-out, random, stratified, k-fold, rolling-window, last-days or
//! user-last-days, with `:validation` behind it to judge on the validation part.
//! `exclude=nothing`, `exclude=purchase`, `relevant=purchase`, `k=10`, `seed=1` are for the protocol, the rest for the model.

use std::error::Error;
use std::path::Path;

use models::FitContext;
use train::dataset::{Dataset, ReadOptions};
use train::evaluate::evaluate;
use train::split::{Exclude, Part, SplitSpec};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [format, path, split, model, rest @ ..] = args.as_slice() else {
        return Err("wanted FORMAT PATH SPLIT MODEL [KEY=VALUE…]".into());
    };
    let dataset = Dataset::read(format, Path::new(path), &ReadOptions::default())?;
    let (kind, part) = match split.split_once(':') {
        Some((kind, "validation")) => (kind, Part::Validation),
        _ => (split.as_str(), Part::Test),
    };
    let mut spec = SplitSpec { part, ..SplitSpec::new(kind.parse()?, &dataset) };
    let (mut ks, mut seed, mut options) = (vec![20], 1, Vec::new());
    for pair in rest {
        let (key, value) = models::options::key_value(pair)?;
        match key.as_str() {
            "k" => ks = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "seed" => seed = value.parse()?,
            "relevant" => spec.relevant_types = vec![value],
            "exclude" if value == "nothing" => spec.exclude = Exclude::Nothing,
            "exclude" if value == "seen" => spec.exclude = Exclude::Seen,
            "exclude" => spec.exclude = Exclude::Types(vec![value]),
            _ => options.push((key, value)),
        }
    }
    let report = evaluate(&dataset, &spec, model, &options, &ks, &FitContext::quiet(seed))?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
