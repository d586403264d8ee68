//! Real exports of scikit-learn, PyTorch and Keras score as their frameworks do; what can't be served is refused with
//! its reason. `fixtures/README.md` says how the files were made.

use std::{fs, path::PathBuf};

use onnx::{Error, Rows, Schema, Scorer};

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(name: &str) -> String {
    String::from_utf8(fixture(name)).unwrap()
}

fn schema(name: &str) -> Schema {
    Schema::parse(&text(&format!("{name}.toml"))).unwrap()
}

fn load(name: &str) -> Result<Scorer, Error> {
    Scorer::load(&fixture(&format!("{name}.onnx")), schema(name))
}

/// The refusal of a fixture whose schema, or bytes, were changed first.
fn refusal(name: &str, change: impl FnOnce(&mut Schema, &mut Vec<u8>)) -> String {
    let (mut schema, mut bytes) = (schema(name), fixture(&format!("{name}.onnx")));
    change(&mut schema, &mut bytes);
    Scorer::load(&bytes, schema).err().unwrap_or_else(|| panic!("{name} is refused")).to_string()
}

const BROUGHT: [&str; 11] = [
    "sklearn-logistic",
    "sklearn-zipmap",
    "sklearn-mlp",
    "sklearn-gbm",
    "sklearn-forest",
    "sklearn-ridge",
    "sklearn-mlp-regressor",
    "sklearn-gbm-regressor",
    "sklearn-forest-regressor",
    "torch-mlp",
    "keras-two-inputs",
];

#[test]
fn every_export_scores_as_its_framework_did() {
    for name in BROUGHT {
        let scorer = load(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let rows = Rows::parse(&text(&format!("{name}.jsonl")), scorer.schema()).unwrap();
        let parity = scorer.parity(&rows).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(parity.n_rows, 24);
        let scores = scorer.score(&rows.values).unwrap();
        let one_by_one: Vec<f32> = rows.values.chunks(4).flat_map(|row| scorer.score(row).unwrap()).collect();
        for (batch, single) in scores.iter().zip(&one_by_one) {
            assert!(
                (batch - single).abs() <= 1e-6 * batch.abs().max(1.0),
                "{name}: {batch} in a batch, {single} alone"
            );
        }
        scorer.endure(&[[0.0, 1e6]; 4]).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_missing_value_takes_its_fill() {
    let scorer = load("torch-mlp").unwrap();
    let filled = scorer.score(&[f32::NAN, 2.0, f32::NAN, 1.0]).unwrap();
    assert_eq!(filled, scorer.score(&[0.0, 2.0, 0.0, 1.0]).unwrap());
    let mut schema = schema("torch-mlp");
    schema.inputs[0].fills.insert("product.price".to_owned(), 25.0);
    let scorer = Scorer::load(&fixture("torch-mlp.onnx"), schema).unwrap();
    let own = scorer.score(&[f32::NAN, 2.0, f32::NAN, 1.0]).unwrap();
    assert_eq!(own, scorer.score(&[25.0, 2.0, 0.0, 1.0]).unwrap());
    assert_ne!(own, filled);
}

#[test]
fn a_file_that_is_damaged_or_asks_for_too_much_is_refused() {
    let whole = fixture("sklearn-gbm.onnx");
    for length in [0, 1, 7, whole.len() / 2, whole.len() - 1] {
        let error = Scorer::load(&whole[..length], schema("sklearn-gbm")).err();
        assert!(error.is_some(), "{length} of {} bytes are refused", whole.len());
    }
    let noise = refusal("sklearn-gbm", |_, bytes| *bytes = b"PK\x03\x04 this is a zip".to_vec());
    assert!(noise.contains("no ONNX model"), "{noise}");
    let giga = refusal("hostile-gigabyte", |_, _| ());
    assert!(giga.contains("[16384, 16384]") && giga.contains("at most"), "{giga}");
    let giga = refusal("hostile-weights", |_, _| ());
    assert!(giga.contains("[16384, 16384]"), "{giga}");
    refusal("hostile-short-weights", |_, _| ());
}

#[test]
fn a_tree_that_leads_nowhere_is_refused_and_never_a_panic() {
    let whole = fixture("sklearn-gbm.onnx");
    // Every byte in turn: whatever still loads must also score, or fail with an error.
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x5a;
        if let Ok(scorer) = Scorer::load(&bytes, schema("sklearn-gbm")) {
            let _ = scorer.score(&[1.0, 2.0, 3.0, 4.0]);
        }
    }
}

#[test]
fn an_interface_that_differs_from_the_schema_is_named() {
    type Change = fn(&mut Schema, &mut Vec<u8>);
    let cases: [(&str, Change, &str); 7] = [
        ("sklearn-gbm", |s, _| s.inputs[0].name = "x".into(), r#"the input "x"; the model has: X"#),
        ("sklearn-gbm", |s, _| s.output.name = "score".into(), "the model has: label, probabilities"),
        ("sklearn-gbm", |s, _| s.inputs[0].dtype = onnx::Dtype::Float64, "FLOAT in the model, float64 in the schema"),
        ("sklearn-gbm", |s, _| s.inputs[0].shape[1] = onnx::Dim::Fixed(9), "shape [?, 4] in the model, [n, 9]"),
        ("keras-two-inputs", |s, _| drop(s.inputs.pop()), "the model also has the input"),
        ("hostile-one-row", |_, _| (), "exactly 1 rows in the model; export it with a dynamic first dimension"),
        ("hostile-strings", |_, _| (), "texts are not taken"),
    ];
    for (name, change, wanted) in cases {
        let got = refusal(name, change);
        assert!(got.contains(wanted), "{name}: {got}");
    }
}

#[test]
fn operators_that_are_missing_are_named_with_a_way_out() {
    let svc = refusal("refused-svc", |_, _| ());
    assert!(svc.contains("ai.onnx.ml.SVMClassifier") && svc.contains("Hummingbird"), "{svc}");
    let unknown = refusal("hostile-unknown-operator", |_, _| ());
    assert!(unknown.contains("Frobnicate"), "{unknown}");
}

#[test]
fn parity_says_which_row_is_farthest_off() {
    let scorer = load("sklearn-logistic").unwrap();
    let mut rows = Rows::parse(&text("sklearn-logistic.jsonl"), scorer.schema()).unwrap();
    rows.scores[4] += 0.01;
    rows.scores[9] += 0.2;
    let error = scorer.parity(&rows).unwrap_err().to_string();
    assert!(error.contains("row 10 scores") && error.contains("beyond the tolerance"), "{error}");
    // Features in another order than the model learned them.
    let mut swapped = schema("sklearn-logistic");
    swapped.inputs[0].features.reverse();
    let scorer = Scorer::load(&fixture("sklearn-logistic.onnx"), swapped.clone()).unwrap();
    let rows = Rows::parse(&text("sklearn-logistic.jsonl"), &swapped).unwrap();
    assert!(scorer.parity(&rows).unwrap_err().to_string().contains("order of the features"));
}

#[test]
fn rows_that_can_not_be_read_say_where() {
    let schema = schema("sklearn-logistic");
    let lines = text("sklearn-logistic.jsonl");
    let refused = |text: &str| Rows::parse(text, &schema).unwrap_err().to_string();
    assert!(refused(&lines.lines().take(9).collect::<Vec<_>>().join("\n")).contains("got 9, wanted 10"));
    assert!(refused(&lines.replacen("pair.n_views", "views", 1)).contains(r#"line 1 lacks "pair.n_views""#));
    assert!(refused(&lines.replacen("\"score\": ", "\"score\": \"high\", \"s\": ", 1)).contains("wanted a number"));
    let header = "product.price,pair.n_views,pair.strength,user.n_orders,score\n";
    let csv = |cell: &str| format!("{header}{}", format!("1,2,{cell},4,0.5\n").repeat(10));
    assert!(refused(&csv("x")).contains(r#"line 2 has "x" for "pair.strength""#));
    assert!(refused(&csv("1").replace("pair.n_views", "views")).contains(r#"no column "pair.n_views""#));
    let rows = Rows::parse(&csv(""), &schema).unwrap();
    assert!(rows.values[2].is_nan() && rows.values[3] == 4.0 && rows.scores == [0.5; 10]);
}

#[test]
fn what_is_no_number_is_an_error_and_never_a_score() {
    let scorer = load("hostile-nan").unwrap();
    assert!(scorer.score(&[1.0; 4]).is_ok());
    let error = scorer.score(&[1.0, 1.0, 1.0, 1.0, -9.0, 0.0, 0.0, 0.0]).unwrap_err().to_string();
    assert!(error.contains("NaN for row 2"), "{error}");
    let error = scorer.endure(&[[-1.0, 1.0]; 4]).unwrap_err().to_string();
    assert!(error.contains("with all values missing"), "{error}");
}
