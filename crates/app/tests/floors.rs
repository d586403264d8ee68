//! Each model keeps its accuracy on the shop that ships with the project: the newest 15 % of a year of real orders, ranked
//! among all products. The floors lie below what was measured when a model's defaults were last changed, by about the half
//! width of its 95 % interval; a model that falls through has lost something.

use std::process::Command;

use models::catalogue::MODELS;
use serde_json::Value;

const NDCG_FLOORS: &[(&str, &[&str], f64)] = &[
    ("popular", &[], 0.049),
    ("trending", &[], 0.092),
    // What was bought is not in these lists.
    ("personal-top", &[], 0.049),
    ("buy-again", &[], 0.049),
    ("tifu-knn", &[], 0.055),
    ("item-knn", &[], 0.042),
    // About carts, not shoppers.
    ("bought-together", &[], 0.042),
    ("rp3beta", &[], 0.042),
    ("slim", &[], 0.063),
    ("ease", &[], 0.060),
    ("graph-filter", &[], 0.063),
    ("ials", &[], 0.051),
    ("bpr", &[], 0.051),
    ("warp", &[], 0.060),
    // The gradient models take minutes until they stop by themselves; these epochs show that they learn.
    ("item2vec", &["epochs=3"], 0.021),
    ("fm", &["epochs=10"], 0.051),
    ("markov", &[], 0.036),
    ("vmis-knn", &[], 0.046),
    ("sasrec", &["epochs=3"], 0.027),
    ("gru4rec", &["epochs=3"], 0.030),
    ("mult-vae", &["epochs=20"], 0.046),
    ("neumf", &["epochs=3"], 0.032),
    ("hybrid", &[], 0.092),
];

#[test]
fn every_model_keeps_its_accuracy_on_real_orders() {
    let names: Vec<&str> = NDCG_FLOORS.iter().map(|(name, ..)| *name).collect();
    // Nobody rates anything in this shop.
    let known: Vec<&str> = MODELS.iter().filter(|spec| !spec.suits.ratings).map(|spec| spec.name).collect();
    assert_eq!(names, known, "every model that ranks states its floor, in the catalogue's order");
    for (name, set, floor) in NDCG_FLOORS {
        let report = evaluate(name, set);
        let ndcg = report["metrics"]["ndcg@20"].as_f64().expect("a number");
        assert!(ndcg >= *floor, "{name} reaches NDCG@20 {ndcg:.4}, wanted at least {floor}");
    }
}

fn evaluate(model: &str, set: &[&str]) -> Value {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/online_retail");
    let output = Command::new(env!("CARGO_BIN_EXE_vitrina"))
        .args([
            "evaluate",
            "--data",
            data,
            "--format",
            "online-retail",
            "--split",
            "temporal",
            "--model",
            model,
            "--json",
        ])
        .args(set.iter().flat_map(|pair| ["--set", pair]))
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{model}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a report")
}
