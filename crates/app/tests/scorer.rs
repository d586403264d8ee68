//! A model brought as ONNX: proved, registered, promoted, served, handed on by a training, and refused where it must be.

mod common;

use std::{fs, path::PathBuf};

use common::{Server, checkerboard, vitrina};
use serde_json::{Value, json};

/// What a scorer ranks anew is not the question here: any model that was trained will do.
const PROMOTES: &[(&str, &str)] = &[("VITRINA__TRAIN__GATE_RATIO", "0.0")];

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../onnx/tests/fixtures").join(name)
}

/// `vitrina models import` of a fixture: what it said, and whether it went well.
fn import(server: &Server, model: &PathBuf, schema: &PathBuf, parity: &PathBuf) -> (bool, String) {
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (model, schema, parity) = (path(model), path(schema), path(parity));
    let out = vitrina(&server.data, &["models", "import", &model, "--schema", &schema, "--parity", &parity]);
    (out.status.success(), String::from_utf8_lossy(if out.status.success() { &out.stdout } else { &out.stderr }).into())
}

fn ask(server: &Server) -> Value {
    server.post("/v1/recommendations", &json!({ "user_id": "u1", "n": 4, "preview": true, "explain": true }))
}

fn ids(slate: &Value) -> Vec<&str> {
    slate["items"].as_array().unwrap().iter().map(|item| item["product_id"].as_str().unwrap()).collect()
}

fn newest(server: &Server) -> Value {
    server.get("/v1/models")["data"][0].clone()
}

#[test]
fn a_brought_model_is_proved_promoted_served_and_handed_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir.path(), PROMOTES);
    checkerboard(&server, 40, 20);
    let cheap = |ending: &str| fixture(&format!("cheap-first.{ending}"));
    let (ok, said) = import(&server, &cheap("onnx"), &cheap("toml"), &cheap("jsonl"));
    assert!(!ok && said.contains("run `vitrina train` first"), "{said}");

    let trained = server.post("/v1/train", &json!({ "models": ["popular", "item-knn", "ials"] }));
    assert_eq!(trained["promoted"], true, "{trained}");
    let before = ask(&server);
    let (ok, said) = import(&server, &cheap("onnx"), &cheap("toml"), &cheap("jsonl"));
    assert!(ok && said.contains("parity on 24 rows") && said.contains("scorer cheap-first over"), "{said}");
    // Of products that are liked alike the order may change with the second in which it is asked; what served them may not.
    assert_eq!(ask(&server)["model_version"], before["model_version"], "registered is not promoted");

    let version = newest(&server)["version"].as_str().unwrap().to_owned();
    let promoted = vitrina(&server.data, &["models", "promote", &version]);
    assert!(promoted.status.success());
    let slate = ask(&server);
    // Odd users like odd products; the scorer only looks at the price, which is 10 and the product's number.
    let cheapest: Vec<f64> = slate["items"].as_array().unwrap().iter().map(|i| i["score"].as_f64().unwrap()).collect();
    assert!(cheapest.is_sorted_by(|a, b| a >= b) && cheapest[0] >= -11.0, "{slate}");
    assert_eq!((&slate["strategy"], &slate["model_version"]), (&json!("personal"), &json!(version)));
    assert_eq!(slate["items"][0]["parts"][0]["name"], "cheap-first");
    assert_ne!(ids(&slate), ids(&before));

    // A training keeps the scorer, and a rollback leads back to where it was not.
    let trained = server.post("/v1/train", &json!({ "models": ["popular", "item-knn", "ials"] }));
    assert_eq!(trained["promoted"], true, "{trained}");
    assert_eq!(ids(&ask(&server)), ids(&slate));
    assert!(newest(&server)["checksums"]["scorer.onnx"].is_string());
    server.post("/v1/models/rollback", &json!({}));
    server.post("/v1/models/rollback", &json!({}));
    let back = ask(&server);
    assert_eq!(back["model_version"], before["model_version"]);
    assert_ne!(back["items"][0]["parts"][0]["name"], "cheap-first");

    // A damaged file is refused by its checksum, and what serves goes on.
    let file = find(dir.path(), &version).join("scorer.onnx");
    let mut bytes = fs::read(&file).unwrap();
    bytes[20] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert!(!vitrina(&server.data, &["models", "promote", &version]).status.success());
    assert_eq!(ids(&ask(&server)), ids(&before));
}

/// The registry's folder of a version.
fn find(root: &std::path::Path, version: &str) -> PathBuf {
    let entries: Vec<_> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    let here = entries.iter().find(|path| path.file_name().is_some_and(|name| name == version)).cloned();
    here.or_else(|| entries.iter().map(|path| find(path, version)).find(|path| path.is_dir())).unwrap_or_default()
}

#[test]
fn what_can_not_be_served_is_refused_with_its_reason_and_registers_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir.path(), PROMOTES);
    checkerboard(&server, 20, 10);
    server.post("/v1/train", &json!({ "models": ["popular", "item-knn"] }));
    let scratch = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let file = |name: &str| fs::read(fixture(name)).unwrap();
    let text = |name: &str| String::from_utf8(file(name)).unwrap();
    let gbm = |ending: &str| fixture(&format!("sklearn-gbm.{ending}"));

    let whole = file("sklearn-gbm.onnx");
    let half = scratch("half.onnx", &whole[..whole.len() / 2]);
    let prize = scratch("prize.toml", text("sklearn-gbm.toml").replace("product.price", "product.prize").as_bytes());
    let score = scratch("score.toml", text("sklearn-gbm.toml").replace("product.price", "score.ials").as_bytes());
    let input = scratch("input.toml", text("sklearn-gbm.toml").replace("\"X\"", "\"x\"").as_bytes());
    let differ =
        scratch("differ.jsonl", text("sklearn-gbm.jsonl").replacen("\"score\": 0", "\"score\": 1", 1).as_bytes());
    let refused = |name: &str| {
        [fixture(&format!("{name}.onnx")), fixture(&format!("{name}.toml")), fixture(&format!("{name}.jsonl"))]
    };
    let cases = [
        ([half, gbm("toml"), gbm("jsonl")], "no ONNX model, or only part of one"),
        ([gbm("onnx"), prize, gbm("jsonl")], "did you mean \"product.price\"?"),
        ([gbm("onnx"), score, gbm("jsonl")], "this version has the models popular, item-knn"),
        ([gbm("onnx"), input, gbm("jsonl")], "the model has: X"),
        ([gbm("onnx"), gbm("toml"), differ], "the largest difference"),
        (refused("refused-svc"), "ai.onnx.ml.SVMClassifier"),
        (refused("hostile-gigabyte"), "[16384, 16384]"),
        (refused("hostile-nan"), "with all values missing"),
        (refused("hostile-one-row"), "dynamic first dimension"),
    ];
    for ([model, schema, parity], wanted) in &cases {
        let (ok, said) = import(&server, model, schema, parity);
        assert!(!ok && said.contains(wanted), "{}: {said}", model.display());
    }
    let body = json!({ "model": "not base64!", "schema": "", "parity": "" });
    let answer = server.send("POST", "/v1/models/import", body.to_string().as_bytes());
    assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()));
    assert_eq!(server.get("/v1/models")["data"].as_array().unwrap().len(), 1, "nothing was registered");

    let listed = vitrina(&server.data, &["models", "features"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("pair.days_since_touch") && listed.contains("product.category:NAME"), "{listed}");
}
