//! The API as its users meet it: a real server, real requests.

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use common::{Server, checkerboard, view};
use serde_json::{Value, json};

#[test]
fn a_new_shop_answers_learns_and_answers_better() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let empty = server.get("/api/recommendations?user_id=123");
    assert_eq!((&empty["user_id"], &empty["recommendations"]), (&json!("123"), &json!([])));

    checkerboard(&server, 40, 20);
    let cold = server.get("/api/recommendations?user_id=u1&n=5");
    assert_eq!(cold["strategy"], "content", "without a model, what resembles their products answers: {cold}");
    let nobody = server.get("/api/recommendations?user_id=nadie&n=5");
    assert_eq!(nobody["strategy"], "catalog", "without anything else the catalogue answers: {nobody}");

    let outcome = server.post("/v1/train", &json!({}));
    assert_eq!(outcome["promoted"], true, "{outcome}");
    let warm =
        server.post("/v1/recommendations", &json!({ "user_id": "u3", "n": 3, "explain": true, "preview": true }));
    assert_eq!((&warm["strategy"], &warm["personalized"]), (&json!("personal"), &json!(true)), "{warm}");
    for item in warm["items"].as_array().unwrap() {
        let number: usize = item["product_id"].as_str().unwrap()[1..].parse().unwrap();
        assert_eq!(number % 2, 1, "an odd user gets odd products: {item}");
        let parts: f64 = item["parts"].as_array().unwrap().iter().map(|part| part["value"].as_f64().unwrap()).sum();
        let score = item["score"].as_f64().unwrap();
        assert!(
            (parts - score).abs() <= 1e-3 * score.abs().max(1.0),
            "parts {parts} add up to the score {score}: {item}"
        );
        assert!(
            item["reason"]["text_es"].as_str().is_some_and(|text| text.starts_with("Porque viste Producto")),
            "{item}"
        );
        assert_eq!(item["name"], format!("Producto {number}"));
        assert_eq!(item["price"], format!("S/ {}.00", 10 + number));
    }
}

#[test]
fn an_acknowledged_event_changes_the_next_answer() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    checkerboard(&server, 40, 20);
    server.post("/v1/train", &json!({}));
    for round in 0..20 {
        let user = format!("newcomer{round}");
        let before = server.post("/v1/recommendations", &json!({ "user_id": user, "preview": true }));
        assert_eq!(before["personalized"], false);
        server.post("/v1/events", &view(&format!("first-{round}"), &user, "p4"));
        let after = server.post("/v1/recommendations", &json!({ "user_id": user, "n": 3, "preview": true }));
        assert_eq!((&after["personalized"], &after["strategy"]), (&json!(true), &json!("personal")), "{after}");
        assert!(after["items"].as_array().unwrap().iter().all(|item| item["category"] == "Par"), "{after}");
    }
}

#[test]
fn a_newcomer_is_asked_and_the_answers_shape_the_next_slate() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let untrained = server.get("/v1/onboarding?anonymous_id=cookie");
    assert_eq!((&untrained["questions"], &untrained["done"]), (&json!([]), &json!(true)), "{untrained}");
    checkerboard(&server, 60, 20);
    server.post("/v1/train", &json!({}));
    let page = server.get("/v1/onboarding?anonymous_id=cookie&n=3&lang=en");
    let first = &page["questions"][0];
    assert!(first["text"].as_str().unwrap().starts_with("Do you like "), "{page}");
    assert!(first["expected_information"].as_f64().unwrap() > 0.1, "{page}");
    let slate_of = |id: &str| {
        let body = json!({ "anonymous_id": id, "n": 5, "preview": true });
        server.post("/v1/recommendations", &body)["items"].clone()
    };
    for (who, category) in [("cookie", "Par"), ("other", "Impar")] {
        let answers = json!([{ "category": category, "answer": "like" }, { "product_id": "p0", "answer": "unknown" }]);
        let heard = server.post("/v1/onboarding", &json!({ "anonymous_id": who, "answers": answers }));
        assert_eq!(heard["accepted"], 2, "{heard}");
        let asked_again = |q: &Value| q["id"] == format!("category:{category}") || q["id"] == "product:p0";
        assert!(!heard["questions"].as_array().unwrap().iter().any(asked_again), "{heard}");
        let slate = slate_of(who);
        assert!(slate.as_array().unwrap().iter().all(|item| item["category"] == category), "{slate}");
    }
    // What one did is stronger than what one said.
    for n in [1, 3, 5, 7, 9, 11] {
        let mut event = view(&format!("v{n}"), "", &format!("p{n}"));
        event["user_id"] = json!(null);
        event["anonymous_id"] = json!("cookie");
        server.post("/v1/events", &event);
    }
    let slate = slate_of("cookie");
    assert!(slate.as_array().unwrap().iter().all(|item| item["category"] == "Impar"), "{slate}");
    let denied = json!({ "anonymous_id": "shy", "consent": { "personalization": false },
        "answers": [{ "category": "Par", "answer": "like" }] });
    server.post("/v1/onboarding", &denied);
    assert_ne!(
        server.post("/v1/recommendations", &json!({ "anonymous_id": "shy", "preview": true }))["personalized"],
        true
    );
    // A start folds the same words.
    let before = slate_of("other");
    server.kill();
    let server = Server::start(dir.path());
    let body = json!({ "anonymous_id": "other", "n": 5, "preview": true });
    assert_eq!(server.post("/v1/recommendations", &body)["items"], before);
}

#[test]
fn filters_exclusions_and_context_are_honoured_and_never_empty_a_slate() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    checkerboard(&server, 40, 20);
    server.post("/v1/train", &json!({}));
    let ask = |body: Value| {
        let mut body = body;
        body["preview"] = json!(true);
        body["user_id"] = json!("u2");
        server.post("/v1/recommendations", &body)
    };
    let ids = |answer: &Value| -> Vec<String> {
        answer["items"].as_array().unwrap().iter().map(|i| i["product_id"].as_str().unwrap().to_owned()).collect()
    };
    // An even user who asks for odd products gets them from further down the ladder.
    let odd = ask(json!({ "filters": { "categories": ["Impar"] }, "n": 10 }));
    assert_eq!(odd["items"].as_array().unwrap().len(), 10, "{odd}");
    assert!(odd["dropped"]["category"].as_u64().unwrap() > 0);
    let cheap = ask(json!({ "filters": { "price_max": 15.0 }, "n": 20 }));
    assert_eq!(cheap["items"].as_array().unwrap().len(), 6, "p0 to p5 cost at most 15: {cheap}");
    assert!(cheap["notices"].as_array().unwrap().iter().any(|n| n["code"] == "short_slate"));
    let condition = ask(json!({ "filters": { "where": "price <= 15 and not category = 'Impar'" }, "n": 20 }));
    assert_eq!(
        (ids(&condition).len(), &condition["dropped"]["category"]),
        (3, &Value::Null),
        "p0, p2, p4: {condition}"
    );
    let without = ask(json!({ "exclude": ["p4", "p6"], "n": 20 }));
    assert!(!ids(&without).iter().any(|id| id == "p4" || id == "p6"));
    let beside = ask(json!({ "placement": "product", "product_ids": ["p7"], "n": 3 }));
    assert_eq!(beside["strategy"], "item_to_item");
    assert!(
        beside["items"].as_array().unwrap().iter().all(|i| i["category"] == "Impar" && i["product_id"] != "p7"),
        "{beside}"
    );

    server.call("PUT", "/v1/products", &json!({ "product_id": "p8", "name": "Producto 8", "stock": 0 }));
    assert!(!ids(&ask(json!({ "n": 20 }))).contains(&"p8".to_owned()), "sold out a moment ago");
    assert!(ids(&ask(json!({ "n": 20, "filters": { "available": false } }))).contains(&"p8".to_owned()));
    server.call("DELETE", "/v1/products/p8", &json!({}));
    assert!(!ids(&ask(json!({ "n": 20, "filters": { "available": false } }))).contains(&"p8".to_owned()));
}

#[test]
fn a_batch_gets_a_verdict_for_each_event_and_a_retry_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let batch = json!([
        view("a", "u", "p1"),
        { "message_id": "b", "event": "product_eaten", "user_id": "u", "product_id": "p1" },
        { "message_id": "c", "event": "product_viewed", "user_id": "u" },
        7,
        view("a", "u", "p1"),
        { "messageId": "d", "type": "track", "event": "Order Completed", "userId": "u",
          "properties": { "order_id": "o1", "currency": "PEN", "total": 118.0, "tax": 18.0, "products": [{ "product_id": "p1", "price": 50, "quantity": 2 }] } },
        { "message_id": "e", "event": "order_completed", "user_id": "u", "order_id": "o1", "products": [{ "product_id": "p1" }] },
    ]);
    let verdicts = server.post("/v1/events", &batch);
    assert_eq!((&verdicts["accepted"], &verdicts["duplicates"]), (&json!(2), &json!(2)), "{verdicts}");
    let rejected: Vec<u64> =
        verdicts["rejected"].as_array().unwrap().iter().map(|r| r["index"].as_u64().unwrap()).collect();
    assert_eq!(rejected, [1, 2, 3]);
    let again = server.post("/v1/events", &batch);
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(4)), "{again}");

    let status = server.get("/v1/status");
    assert_eq!(status["events"]["total"], 2);
    assert_eq!(status["revenue_today"]["formatted"], "S/ 100.00", "{status}");
    assert_eq!(server.get("/v1/events/quarantine")["data"].as_array().unwrap().len(), 6);
    let user = server.get("/v1/users/u");
    assert_eq!((&user["purchases"], &user["history"][0]["product_id"]), (&json!(1), &json!("p1")), "{user}");
}

#[test]
fn an_erased_user_is_nowhere_left() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    checkerboard(&server, 20, 10);
    server.post("/v1/train", &json!({}));
    server.call("PUT", "/v1/users", &json!({ "user_id": "u3", "segment": "vip" }));
    let before = server.get("/v1/status")["events"]["total"].as_u64().unwrap();
    let key = server.get("/v1/users/u3")["user"].as_str().unwrap().to_owned();
    let receipt = server.call("DELETE", "/v1/users/u3", &json!({}));
    let removed = &receipt["receipts"][0]["removed"];
    assert_eq!(
        (&removed["event_log"], &removed["profiles"], &removed["user_traits"], &removed["lake"]),
        (&json!(4), &json!(1), &json!(1), &json!(4)),
        "{receipt}"
    );
    assert_eq!(server.send("GET", "/v1/users/u3", b"").problem().1, "not_found");
    assert_eq!(server.get("/v1/status")["events"]["total"].as_u64().unwrap(), before - 4);
    let events = server.get("/v1/events?after=0&limit=1000");
    assert!(!events.to_string().contains(&key));
    // A retry of an old event does not bring the person back, and neither does a restart.
    let retry = server.post("/v1/events", &view("m3-1", "u3", "p1"));
    assert_eq!(retry["duplicates"], 1);
    assert!(server.stop().success());
    let server = Server::start(dir.path());
    assert_eq!(server.send("GET", "/v1/users/u3", b"").problem().1, "not_found");
}

#[test]
fn refusals_are_problems_with_a_code() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    type Refusal = (&'static str, &'static str, &'static [u8], (u16, &'static str));
    let refusals: [Refusal; 15] = [
        ("GET", "/nothing", b"", (404, "not_found")),
        ("PATCH", "/v1/events", b"", (405, "method_not_allowed")),
        ("POST", "/v1/events", b"{", (400, "invalid_json")),
        ("POST", "/v1/events", b"\"text\"", (400, "invalid_json")),
        ("POST", "/v1/recommendations", b"{\"user\":1}", (400, "invalid_json")),
        ("POST", "/v1/recommendations", b"{\"n\":0}", (400, "invalid_parameter")),
        ("POST", "/v1/recommendations", b"{\"user_id\":\"~12\"}", (400, "invalid_parameter")),
        ("GET", "/api/recommendations", b"", (400, "invalid_parameter")),
        ("GET", "/api/recommendations?user_id=1&n=9999", b"", (400, "invalid_parameter")),
        ("PUT", "/v1/products", b"{\"product_id\":\"a\",\"name\":\"A\",\"price\":-1}", (400, "invalid_parameter")),
        ("GET", "/v1/products/none", b"", (404, "not_found")),
        ("GET", "/v1/onboarding", b"", (400, "invalid_parameter")),
        ("GET", "/v1/onboarding?user_id=1&n=99", b"", (400, "invalid_parameter")),
        (
            "POST",
            "/v1/onboarding",
            b"{\"user_id\":\"1\",\"answers\":[{\"category\":\"None\",\"answer\":\"like\"}]}",
            (400, "invalid_parameter"),
        ),
        ("POST", "/v1/train", b"{}", (409, "conflict")),
    ];
    for (method, path, body, (status, code)) in refusals {
        assert_eq!(server.send(method, path, body).problem(), (status, code.to_owned()), "{method} {path}");
    }
    let huge = vec![b' '; 5 << 20];
    assert_eq!(server.send("POST", "/v1/events", &huge).problem().0, 413);
    let document = server.get("/openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"].as_object().unwrap().len() >= 15, "every route is described");
    assert_eq!(server.send("GET", "/docs/", b"").status, 200);
}

#[test]
fn keys_are_asked_for_where_they_are_set() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir.path(), &[("VITRINA__SERVER__API_KEYS", "[\"0123456789abcdef\"]")]);
    assert_eq!(server.send("GET", "/v1/status", b"").problem(), (401, "unauthorized".to_owned()));
    let with = |name: &str, value: &str| {
        common::agent().get(server.url("/v1/status")).header(name, value).call().unwrap().status().as_u16()
    };
    assert_eq!(with("x-api-key", "0123456789abcdeX"), 401);
    assert_eq!(with("x-api-key", "0123456789abcdef"), 200);
    assert_eq!(with("authorization", "Bearer 0123456789abcdef"), 200);
    assert_eq!(server.send("GET", "/livez", b"").status, 200, "health needs no key");
}

#[test]
fn slow_clients_are_closed_and_harm_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let env = [("VITRINA__SERVER__HEADER_TIMEOUT_MS", "1000"), ("VITRINA__SERVER__BODY_TIMEOUT_MS", "1000")];
    let server = Server::start_with(dir.path(), &env);
    let mut slow: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&server.addr).unwrap()).collect();
    for (i, stream) in slow.iter_mut().enumerate() {
        // Nothing, one byte, half a head, a head without its body.
        let sent: &[u8] = [
            &b""[..],
            b"G",
            b"GET /livez HTTP/1.1\r\nHost: a\r\n",
            b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n[",
        ][i % 4];
        stream.write_all(sent).unwrap();
    }
    assert_eq!(server.get("/v1/status")["events"]["total"], 0, "others are served meanwhile");
    for (i, stream) in slow.iter_mut().enumerate() {
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        assert!(ended.is_ok(), "slow client {i} was still connected after 15 s: {ended:?}");
    }
}

#[test]
fn a_stop_finishes_what_is_in_flight_and_a_start_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    checkerboard(&server, 60, 16);
    let outcome = server.post("/v1/train", &json!({}));
    assert_eq!(outcome["promoted"], true, "{outcome}");
    let slate = server.slate("u5");
    let total = server.get("/v1/status")["events"]["total"].clone();
    let started = Instant::now();
    assert!(server.stop().success());
    assert!(started.elapsed() < Duration::from_secs(20));
    let server = Server::start(dir.path());
    let status = server.get("/v1/status");
    assert_eq!(status["events"]["total"], total);
    assert_eq!(status["model"]["version"], outcome["manifest"]["version"]);
    assert_eq!(server.slate("u5"), slate, "the same model and history make the same slate");
}

#[test]
fn a_worse_model_is_kept_out_and_a_rollback_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    checkerboard(&server, 60, 20);
    let good = server.post("/v1/train", &json!({}));
    let worse = server.post("/v1/train", &json!({ "models": ["ials"], "set": [["ials.factors", "1"], ["ials.epochs", "1"], ["ials.regularization", "1000"]] }));
    assert_eq!((&good["promoted"], &worse["promoted"]), (&json!(true), &json!(false)), "{worse}");
    let champion = |server: &Server| server.get("/v1/models")["champion"].clone();
    assert_eq!(champion(&server), good["manifest"]["version"]);
    let bad_version = worse["manifest"]["version"].as_str().unwrap();
    server.post(&format!("/v1/models/{bad_version}/promote"), &json!({}));
    assert_eq!(champion(&server), bad_version, "a person may decide otherwise");
    server.post("/v1/models/rollback", &json!({}));
    assert_eq!(server.get("/v1/status")["model"]["version"], good["manifest"]["version"]);
    assert_eq!(server.send("POST", "/v1/models/nope/promote", b"{}").problem().1, "not_found");
}

#[test]
fn one_slate_never_shows_two_listings_of_one_product() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let offer = |number: usize, name: &str, price: f64| json!({ "product_id": format!("o{number}"), "name": name, "seller": format!("Tienda {number}"), "price": price });
    let offers = json!([
        offer(0, "Freidora de aire Oster CKSTAF60 6 L", 469.0),
        offer(1, "Freidora de Aire OSTER CKSTAF60 6 litros", 475.0),
        offer(2, "Freidora de aire Oster CKSTAF40 4 L", 369.0),
        offer(3, "Aspiradora Deerma DX888 multifuncional", 229.0),
        offer(4, "Aspiradora DEERMA DX888 Multifuncional", 229.0),
        offer(5, "Casaca de alpaca baby con capu...", 229.0),
    ]);
    server.call("PUT", "/v1/products", &offers);
    let quality = server.get("/v1/catalog/quality?hint=duplicate_listing&limit=3");
    assert_eq!((&quality["products"], &quality["duplicate_groups"]), (&json!(6), &json!(2)), "{quality}");
    assert_eq!(quality["totals"]["missing_brand"], 6, "{quality}");
    assert_eq!((&quality["totals"]["title_cut"], &quality["totals"]["duplicate_listing"]), (&json!(1), &json!(4)));
    let ids: Vec<&Value> = quality["data"].as_array().unwrap().iter().map(|row| &row["product_id"]).collect();
    assert_eq!((ids, &quality["next"]), (vec![&json!("o0"), &json!("o1"), &json!("o3")], &json!("o3")), "{quality}");
    let hints = quality["data"][0]["hints"].as_array().unwrap();
    assert!(
        hints.iter().any(|hint| hint["code"] == "duplicate_listing" && hint["duplicates"] == json!(["o1"])),
        "{quality}"
    );
    let rest = server.get("/v1/catalog/quality?hint=duplicate_listing&limit=3&after=o3");
    assert_eq!((&rest["data"][0]["product_id"], &rest["next"]), (&json!("o4"), &Value::Null), "{rest}");
    assert_eq!(server.send("GET", "/v1/catalog/quality?hint=ugly", b"").problem(), (400, "invalid_parameter".into()));

    let slate = server.post("/v1/recommendations", &json!({ "user_id": "u", "n": 6, "preview": true }));
    let shown = |answer: &Value| -> Vec<String> {
        answer["items"].as_array().unwrap().iter().map(|i| i["product_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(shown(&slate), ["o0", "o2", "o3", "o5"], "{slate}");
    assert_eq!(slate["dropped"]["duplicate_listing"], 2);
    // A product that changed into another one is no duplicate any more, soon after and without being asked.
    server.call("PUT", "/v1/products", &offer(4, "Licuadora Oster Clásica 1.25 L", 349.0));
    let deadline = Instant::now() + Duration::from_secs(30);
    while shown(&server.post("/v1/recommendations", &json!({ "user_id": "u", "n": 6, "preview": true }))).len() < 5 {
        assert!(Instant::now() < deadline, "the listings are not read again: {}", server.log_tail());
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(server);
    let server = Server::start_with(dir.path(), &[("VITRINA__SERVE__HIDE_DUPLICATES", "false")]);
    server.get("/v1/catalog/quality");
    assert_eq!(
        shown(&server.post("/v1/recommendations", &json!({ "user_id": "u", "n": 6, "preview": true }))).len(),
        6
    );
}
