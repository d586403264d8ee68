//! Our metrics against those of another library: `metrics_fixture.py` made the numbers.

use serde_json::Value;
use train::metrics::{NAMES, at_k};

#[test]
fn metrics_equal_those_of_ranx() {
    let fixture: Value = serde_json::from_str(include_str!("metrics_fixture.json")).unwrap();
    let items = |value: &Value| -> Vec<u64> { value.as_array().unwrap().iter().map(|i| i.as_u64().unwrap()).collect() };
    for (number, case) in fixture["cases"].as_array().unwrap().iter().enumerate() {
        let (ranking, relevant) = (items(&case["ranking"]), items(&case["relevant"]));
        let is_hit: Vec<bool> = ranking.iter().map(|item| relevant.contains(item)).collect();
        for (k, wanted) in case["wanted"].as_object().unwrap() {
            for (name, got) in NAMES.iter().zip(at_k(&is_hit, k.parse().unwrap(), relevant.len())) {
                let wanted = wanted[name].as_f64().unwrap();
                assert!((got - wanted).abs() < 1e-9, "case {number}: {name}@{k} is {got}, ranx says {wanted}");
            }
        }
    }
}
