//! Our metrics against those of other libraries: the `*_fixture.py` beside this file made the numbers.

use models::{Interaction, Interactions};
use serde_json::Value;
use train::beyond::Crowd;
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

#[test]
fn qualities_equal_those_of_rectools() {
    let fixture: Value = serde_json::from_str(include_str!("beyond_fixture.json")).unwrap();
    let numbers = |value: &Value| -> Vec<u32> {
        value.as_array().unwrap().iter().map(|n| u32::try_from(n.as_u64().unwrap()).unwrap()).collect()
    };
    let rows = |key: &str| fixture[key].as_array().unwrap().iter().map(numbers).collect::<Vec<_>>();
    let cell = |pair: Vec<u32>| Interaction { user: pair[0], item: pair[1], weight: 1.0, timestamp: 0 };
    let cells: Vec<Interaction> = rows("train").into_iter().map(cell).collect();
    let size = |key: &str| usize::try_from(fixture[key].as_u64().unwrap()).unwrap();
    let crowd = Crowd::new(&Interactions::new(size("n_users"), size("n_items"), &cells).unwrap());
    let lists = rows("lists");
    for (name, wanted) in fixture["wanted"].as_object().unwrap() {
        let (quality, k) = name.split_once('@').unwrap();
        let got = crowd.qualities(&[], &lists, k.parse().unwrap())[quality];
        let wanted = wanted.as_f64().unwrap();
        assert!((got - wanted).abs() < 1e-9, "{name} is {got}, RecTools says {wanted}");
    }
}
