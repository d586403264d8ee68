//! Models change under load and nobody notices; shops with nothing, or next to nothing, get valid answers.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use common::{Server, checkerboard, view};
use serde_json::{Value, json};

const SWAPS: usize = 50;
const SHOPPERS: usize = 4;

fn ask(server: &Server, user: &str) -> Value {
    server.post("/v1/recommendations", &json!({ "user_id": user, "n": 5, "preview": true }))
}

/// The part of an answer that a model decides.
fn decided(answer: &Value) -> (String, Vec<String>) {
    let items = answer["items"].as_array().unwrap();
    let ids = items.iter().map(|item| item["product_id"].as_str().unwrap().to_owned()).collect();
    (answer["strategy"].as_str().unwrap().to_owned(), ids)
}

#[test]
fn models_are_swapped_under_load_without_a_failed_or_mixed_answer() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    checkerboard(&server, 40, 20);
    let version = |outcome: &Value| outcome["manifest"]["version"].as_str().unwrap().to_owned();
    let personal = version(&server.post("/v1/train", &json!({ "models": ["popular", "item-knn"] })));
    let popular = version(&server.post("/v1/train", &json!({ "models": ["popular"] })));
    let promote = |version: &str| server.post(&format!("/v1/models/{version}/promote"), &json!({}));

    // What each model answers when nothing moves.
    let users: Vec<String> = (0..SHOPPERS).map(|u| format!("u{u}")).collect();
    let mut expected = BTreeMap::new();
    for version in [&personal, &popular] {
        promote(version);
        for user in &users {
            let answer = ask(&server, user);
            assert_eq!(answer["model_version"], *version);
            expected.insert((version.clone(), user.clone()), decided(&answer));
        }
    }
    assert_ne!(expected[&(personal.clone(), users[1].clone())], expected[&(popular.clone(), users[1].clone())]);

    let (is_over, ready) = (AtomicBool::new(false), Barrier::new(SHOPPERS + 1));
    let seen: Vec<(usize, BTreeSet<String>)> = thread::scope(|scope| {
        let shoppers: Vec<_> = users
            .iter()
            .map(|user| {
                let (server, is_over, ready, expected) = (&server, &is_over, &ready, &expected);
                scope.spawn(move || {
                    let (mut n, mut versions) = (0, BTreeSet::new());
                    ready.wait();
                    while !is_over.load(Relaxed) {
                        let answer = ask(server, user);
                        let version = answer["model_version"].as_str().unwrap().to_owned();
                        let key = (version.clone(), user.clone());
                        assert_eq!(Some(&decided(&answer)), expected.get(&key), "version {version} answers as it does");
                        versions.insert(version);
                        n += 1;
                    }
                    (n, versions)
                })
            })
            .collect();
        ready.wait();
        for swap in 0..SWAPS {
            let wanted = if swap % 2 == 0 { &personal } else { &popular };
            // Forward by name, back by rollback: both move the pointer.
            let champion = if swap % 2 == 0 { promote(wanted) } else { server.post("/v1/models/rollback", &json!({})) };
            assert_eq!(champion["champion"], *wanted);
            assert_eq!(ask(&server, "u0")["model_version"], *wanted, "the next request sees it");
        }
        is_over.store(true, Relaxed);
        shoppers.into_iter().map(|shopper| shopper.join().unwrap()).collect()
    });
    let versions: BTreeSet<_> = seen.iter().flat_map(|(_, versions)| versions.clone()).collect();
    println!("{} slates during {SWAPS} swaps", seen.iter().map(|(n, _)| n).sum::<usize>());
    assert_eq!(versions, BTreeSet::from([personal, popular]), "both were served");
}

/// Every way to ask for a slate, and the pages about the shop: each answers 200 with numbers for scores.
fn check_every_question(server: &Server, what: &str) -> Vec<usize> {
    let placements = ["home", "product", "cart", "checkout", "category", "search", "email", "anything"];
    let people = [json!({}), json!({ "user_id": "u0" }), json!({ "user_id": "nobody", "anonymous_id": "cookie" })];
    let mut lengths = Vec::new();
    for placement in placements {
        for person in &people {
            let mut body = person.clone();
            body["placement"] = json!(placement);
            body["product_ids"] = json!(["p0", "unknown"]);
            body["cart"] = json!(["p0"]);
            body["explain"] = json!(true);
            lengths.push(check_slate(&server.post("/v1/recommendations", &body), what));
        }
    }
    let simple = server.get("/api/recommendations?user_id=u0");
    for item in simple["recommendations"].as_array().unwrap() {
        assert!(item["score"].is_number() && item["name"].is_string(), "{what}: {item}");
    }
    for path in ["/v1/status", "/v1/users", "/v1/models", "/v1/events", "/v1/events/quarantine", "/readyz"] {
        server.get(path);
    }
    lengths
}

fn check_slate(slate: &Value, what: &str) -> usize {
    let items = slate["items"].as_array().unwrap();
    for item in items {
        // JSON has no NaN: it would have become null.
        assert!(item["score"].is_number(), "{what}: {item}");
        assert!(item["parts"].as_array().into_iter().flatten().all(|part| part["value"].is_number()), "{what}: {item}");
        assert!(item["reason"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {item}");
    }
    if items.is_empty() {
        assert_eq!(slate["strategy"], "empty", "{what}: {slate}");
        assert!(
            slate["notices"].as_array().unwrap().iter().any(|notice| notice["code"] == "short_slate"),
            "{what}: {slate}"
        );
    }
    items.len()
}

/// Learns what there is to learn: a model, or a refusal that says why not.
fn train(server: &Server, what: &str) -> bool {
    let answer = server.send("POST", "/v1/train", b"{}");
    match answer.status {
        200 => {
            let metrics = answer.json()["manifest"]["metrics"].clone();
            assert!(metrics.as_object().unwrap().values().all(Value::is_number), "{what}: {metrics}");
            true
        }
        _ => {
            assert_eq!(answer.problem(), (409, "conflict".to_owned()), "{what}");
            false
        }
    }
}

#[test]
fn an_empty_shop_answers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    assert!(check_every_question(&server, "empty").iter().all(|n| *n == 0));
    assert!(!train(&server, "empty"));
    check_every_question(&server, "empty, after a training that could not be");
}

#[test]
fn a_shop_with_one_product_answers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    server.call("PUT", "/v1/products", &json!({ "product_id": "p0", "name": "Sola" }));
    check_every_question(&server, "one product, nobody");
    assert_eq!(server.slate("u0"), ["p0"]);
    server.post("/v1/events", &view("m0", "u0", "p0"));
    check_every_question(&server, "one product, one user, one event");
    train(&server, "one product, one user, one event");
    check_every_question(&server, "one product, one user, one event, trained");
    assert_eq!(server.slate("u0"), ["p0"], "a view is no reason to hide the only product");
}

#[test]
fn a_shop_with_one_user_answers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    checkerboard(&server, 1, 20);
    train(&server, "one user");
    assert!(check_every_question(&server, "one user").iter().all(|n| *n > 0));
}

#[test]
fn a_shop_with_events_and_no_catalogue_answers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let events: Vec<Value> =
        (0..60).map(|i| view(&format!("m{i}"), &format!("u{}", i % 6), &format!("p{}", i / 6))).collect();
    server.post("/v1/events", &Value::Array(events));
    train(&server, "no catalogue");
    check_every_question(&server, "no catalogue");
}

#[test]
fn a_shop_that_has_sold_out_answers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    checkerboard(&server, 40, 20);
    assert!(train(&server, "before"));
    let gone: Vec<Value> = (0..20)
        .map(|p| json!({ "product_id": format!("p{p}"), "name": format!("Producto {p}"), "stock": 0 }))
        .collect();
    server.call("PUT", "/v1/products", &Value::Array(gone));
    assert!(check_every_question(&server, "sold out").iter().all(|n| *n == 0));
    let all = server
        .post("/v1/recommendations", &json!({ "user_id": "u0", "filters": { "available": false }, "preview": true }));
    assert!(check_slate(&all, "sold out, asked for all the same") > 0);
}
