//! What the catalogue's texts say, over the API: with words alone, and with the real encoder.

mod common;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use common::{Server, checkerboard, view};
use serde_json::{Value, json};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/text-model");

/// Three kinds of products; within a kind some names share no word.
fn catalogue() -> Value {
    let names = [
        ("z1", "Zapatillas para correr hombre", "Calzado"),
        ("z2", "Calzado deportivo running masculino", "Calzado"),
        ("z3", "Zapatillas urbanas mujer", "Calzado"),
        ("t1", "Televisor LED 42 pulgadas Smart", "Televisores"),
        ("t2", "Pantalla inteligente 4K de 50\"", "Televisores"),
        ("t3", "Smart TV 65 pulgadas", "Televisores"),
        ("l1", "Leche evaporada entera lata 400 g", "Lácteos"),
        ("l2", "Yogurt bebible de fresa 1 L", "Lácteos"),
        ("l3", "Leche fresca sin lactosa 1 L", "Lácteos"),
    ];
    let product = |(id, name, category): (&str, &str, &str)| json!({ "product_id": id, "name": name, "category": category, "price": 50 });
    names.into_iter().map(product).collect()
}

fn await_status(server: &Server, what: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let content = server.get("/v1/status")["content"].take();
        if what(&content) {
            return content;
        }
        assert!(Instant::now() < deadline, "still {content}:\n{}", server.log_tail());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn similar(server: &Server, id: &str, query: &str) -> Vec<String> {
    let answer = server.get(&format!("/v1/products/{id}/similar?{query}"));
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|item| item["product_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn without_an_encoder_words_serve_and_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    server.call("PUT", "/v1/products", &catalogue());
    server.await_content(9);
    let status = server.get("/v1/status")["content"].take();
    assert!(status["problem"].as_str().unwrap().contains("no text model"), "{status}");
    assert_eq!((&status["encoded"], &status["encoder"]), (&json!(0), &Value::Null));

    let answer = server.get("/v1/products/l1/similar?n=2&by=text");
    assert_eq!(answer["items"][0]["product_id"], "l3");
    assert_eq!(answer["notices"][0]["code"], "no_text_model");
    assert_eq!(answer["keywords"], json!(["Leche"]), "words that other products have too");
    assert_eq!(similar(&server, "z1", "n=2&by=attributes"), ["z2", "z3"]);
    assert_eq!(similar(&server, "z1", "n=9&where=category%20%3D%20%22Televisores%22").len(), 3);

    // A product that came a second ago shapes the slate after the first click on it.
    server.call("PUT", "/v1/products", &json!({ "product_id": "z4", "name": "Zapatillas urbanas blancas mujer" }));
    server.await_content(10);
    server.post("/v1/events", &view("m1", "nueva", "z4"));
    let slate = server.post("/v1/recommendations", &json!({ "user_id": "nueva", "n": 3 }));
    assert_eq!((&slate["strategy"], &slate["personalized"]), (&json!("content"), &json!(true)), "{slate}");
    assert_eq!(slate["items"][1]["product_id"], "z3");
    assert_eq!(slate["items"][1]["reason"]["text"], "Parecido a Zapatillas urbanas blancas mujer");
    let metrics = String::from_utf8(server.send("GET", "/metrics", b"").body).unwrap();
    assert!(metrics.contains("vitrina_content_products 10") && metrics.contains("vitrina_content_encoded 0"));

    server.send("DELETE", "/v1/products/z4", b"");
    server.await_content(9);
    assert_eq!(server.send("GET", "/v1/products/z4/similar", b"").problem(), (404, "not_found".to_owned()));
    assert_eq!(server.send("GET", "/v1/products/z1/similar?by=colour", b"").problem().0, 400);
    assert_eq!(server.send("POST", "/v1/text/reload", b"").problem(), (409, "conflict".to_owned()));
}

#[test]
fn a_product_added_a_second_ago_is_shown_to_those_who_like_its_kind_and_tried_on_others_a_few_times() {
    let dir = tempfile::tempdir().unwrap();
    let explore = [("VITRINA__SERVE__EXPLORE_SHARE", "1"), ("VITRINA__SERVE__EXPLORE_TIMES", "3")];
    let server = Server::start_with(dir.path(), &explore);
    checkerboard(&server, 40, 10);
    server.post("/v1/train", &json!({ "models": ["popular", "item-knn", "ials"] }));
    let new = json!({ "product_id": "p99", "name": "Producto 99", "category": "Par", "price": 13 });
    server.call("PUT", "/v1/products", &new);
    await_status(&server, |content| content["newcomers"] == 1);

    let slate = |server: &Server, user: &str, n: usize, preview: bool| {
        server.post("/v1/recommendations", &json!({ "user_id": user, "n": n, "preview": preview }))["items"].take()
    };
    let place = |slate: &Value, id: &str| slate.as_array().unwrap().iter().position(|item| item["product_id"] == id);
    let (even, odd) = (slate(&server, "u0", 11, true), slate(&server, "u1", 11, true));
    assert!(place(&even, "p99") < place(&even, "p3") && place(&even, "p99").is_some(), "{even}");
    assert!(place(&odd, "p99") > place(&odd, "p3"), "{odd}");
    assert_eq!(even[place(&even, "p99").unwrap()]["source"], "personal");

    let tries = |server: &Server, n: usize| -> Vec<bool> {
        (0..n).map(|_| slate(server, "u1", 3, false)[2]["source"] == "exploration").collect()
    };
    assert_eq!(slate(&server, "u1", 3, true)[2]["product_id"], "p99", "a preview costs nothing");
    assert_eq!(tries(&server, 5), [true, true, true, false, false]);
    let metrics = String::from_utf8(server.send("GET", "/metrics", b"").body).unwrap();
    assert!(metrics.contains("vitrina_explored_total 3") && metrics.contains("vitrina_newcomers 1"), "{metrics}");
    server.stop();
    let server = Server::start_with(dir.path(), &explore);
    await_status(&server, |content| content["newcomers"] == 1);
    assert_eq!(tries(&server, 1), [false], "what was spent is remembered");
}

#[test]
fn with_the_encoder_meanings_serve_and_a_damaged_model_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    fs::create_dir(&model).unwrap();
    for file in ["model.json", "config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(Path::new(MODEL).join(file), model.join(file))
            .expect("run scripts/text-model, which fetches the model");
    }
    let data = dir.path().join("data");
    let env = [("VITRINA__TEXT__MODEL", model.to_str().unwrap())];
    fs::create_dir(&data).unwrap();
    let server = Server::start_with(&data, &env);
    server.call("PUT", "/v1/products", &catalogue());
    let status = await_status(&server, |content| content["encoded"] == 9);
    let encoder = status["encoder"].as_str().unwrap().to_owned();
    assert!(encoder.starts_with("multilingual-e5-small-q4-") && status["problem"].is_null(), "{status}");
    // "Zapatillas para correr" and "calzado deportivo running" share no word.
    assert_eq!(similar(&server, "z1", "n=2&by=text").iter().filter(|id| id.starts_with('z')).count(), 2);
    assert_eq!(similar(&server, "t2", "n=2&by=text").iter().filter(|id| id.starts_with('t')).count(), 2);
    assert_eq!(server.get("/v1/products/z1/similar")["notices"], json!([]));

    let tokenizer = model.join("tokenizer.json");
    fs::write(&tokenizer, &fs::read(&tokenizer).unwrap()[1..]).unwrap();
    let refused = server.send("POST", "/v1/text/reload", b"");
    assert_eq!(refused.problem(), (409, "conflict".to_owned()));
    assert!(refused.json()["detail"].as_str().unwrap().contains("SHA-256"), "{}", refused.json());
    assert_eq!(server.get("/v1/status")["content"]["encoder"], json!(encoder));
    assert!(server.stop().success());

    // Damaged at the start, words serve; mended, the same embeddings are there without being made again.
    let server = Server::start_with(&data, &env);
    let status = await_status(&server, |content| content["products"] == 9 && !content["problem"].is_null());
    assert!(status["problem"].as_str().unwrap().contains("fetch the model again"), "{status}");
    fs::copy(Path::new(MODEL).join("tokenizer.json"), &tokenizer).unwrap();
    assert_eq!(server.post("/v1/text/reload", &json!({}))["encoder"], json!(encoder));
    await_status(&server, |content| content["encoded"] == 9);
}
