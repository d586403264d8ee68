//! Search as its users meet it: a real server, real requests.

mod common;

use std::time::{Duration, Instant};

use common::{Server, checkerboard, vitrina};
use serde_json::{Value, json};

fn ids(answer: &Value) -> Vec<String> {
    answer["items"].as_array().unwrap().iter().map(|i| i["product_id"].as_str().unwrap().to_owned()).collect()
}

/// Asks until it is so: the index and the log follow within a moment, and a slow machine is no failure.
fn soon(server: &Server, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = server.get(path);
        if is_so(&answer) || Instant::now() > deadline {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn two_shoppers_get_the_same_products_in_their_own_order() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    checkerboard(&server, 40, 20);
    let found = |answer: &Value| answer["total"] == 20;
    let plain = soon(&server, "/v1/search?q=productos&preview=true&n=20", found);
    assert_eq!((&plain["total"], &plain["personalized"]), (&json!(20), &json!(false)), "{plain}");
    assert_eq!(plain["highlights"][0], json!(["Producto"]));
    server.post("/v1/train", &json!({}));

    let even = server.get("/v1/search?q=producto&user_id=u2&n=8&explain=true&preview=true");
    let odd = server.get("/v1/search?q=producto&user_id=u3&n=8&explain=true&preview=true");
    for (answer, category) in [(&even, "Par"), (&odd, "Impar")] {
        assert_eq!((&answer["strategy"], &answer["personalized"]), (&json!("search"), &json!(true)), "{answer}");
        for item in answer["items"].as_array().unwrap() {
            assert_eq!(item["category"], category, "{item}");
            let parts = item["parts"].as_array().unwrap();
            let names: Vec<&str> = parts.iter().map(|part| part["name"].as_str().unwrap()).collect();
            assert_eq!(names, ["text", "personal", "popular"]);
            let sum: f64 = parts.iter().map(|part| part["value"].as_f64().unwrap()).sum();
            assert!((sum - item["score"].as_f64().unwrap()).abs() < 1e-4, "{item}");
        }
    }
    // The words stay in charge, what was bought is found, pages follow each other, filters never empty what could be filled.
    assert_eq!(ids(&server.get("/v1/search?q=producto+4&user_id=u3&preview=true"))[0], "p4");
    let (first, second) = ("/v1/search?q=producto&user_id=u3&n=12&preview=true", "&offset=12");
    let mut all = ids(&server.get(first));
    all.extend(ids(&server.get(&format!("{first}{second}"))));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 20);
    let cheap = server.get("/v1/search?q=producto&user_id=u3&where=price%20%3C%3D%2015&preview=true");
    assert_eq!((&cheap["total"], ids(&cheap).len()), (&json!(6), 6), "{cheap}");

    // A change of the catalogue is found soon, a typo is told, and what is sold out or gone is not found.
    let product =
        |id: &str, name: &str, stock: u32| json!({ "product_id": id, "name": name, "stock": stock, "price": 9 });
    server.call(
        "PUT",
        "/v1/products",
        &json!([product("n1", "Ukelele soprano", 3), product("n2", "Ukelele tenor", 0)]),
    );
    let path = "/v1/search?q=ukulele%20soprano&preview=true";
    let typo = soon(&server, path, |answer| answer["total"] == 1);
    assert_eq!((ids(&typo), &typo["corrected"][0]["to"]), (vec!["n1".to_owned()], &json!("ukelele")), "{typo}");
    assert_eq!(server.get("/v1/search?q=ukelele&available=false&preview=true")["total"], 2);
    server.call("DELETE", "/v1/products/n1", &json!({}));
    assert_eq!(server.get("/v1/search?q=ukelele&preview=true")["total"], 0, "gone at once");
    let table = vitrina(dir.path(), &["search", "producto 4", "--user", "u3", "--json"]);
    let table: Value = serde_json::from_slice(&table.stdout).unwrap();
    assert_eq!(ids(&table)[0], "p4");
}

#[test]
fn searches_in_vain_are_counted_once_several_shoppers_made_them() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let empty = server.get("/v1/search?q=yerba+mate&user_id=u1");
    assert!(empty["notices"].to_string().contains("no_catalog"), "{empty}");
    checkerboard(&server, 4, 4);
    server.get("/v1/search?q=%20Yerba%20%20MATE&user_id=u2");
    server.get("/v1/search?q=mi+dni+es+45678912&user_id=u1");
    server.get("/v1/search?q=yerba+mate&user_id=u9&preview=true");
    let path = "/v1/search/queries?kind=zero&days=2";
    let two = soon(&server, path, |answer| answer["withheld"] == 2);
    assert_eq!((&two["queries"], &two["withheld"], &two["users_min"]), (&json!([]), &json!(2), &json!(3)), "{two}");
    server.get("/v1/search?q=yerba+mate&user_id=u3");
    let three = soon(&server, path, |answer| answer["queries"].as_array().is_some_and(|queries| !queries.is_empty()));
    let yerba = &three["queries"][0];
    assert_eq!(
        (&yerba["query"], &yerba["searches"], &yerba["zero_results"]),
        (&json!("yerba mate"), &json!(3), &json!(3))
    );
    assert_eq!(three["withheld"], 1, "what one person asked stays theirs: {three}");
    assert!(!server.get("/v1/events?after=0&limit=1000").to_string().contains("45678912"));

    // The log is the truth: a crash and a stop lose nothing, and an erased person is no longer counted.
    server.kill();
    let server = Server::start(dir.path());
    assert_eq!(server.get(path), three);
    assert!(server.stop().success());
    let server = Server::start(dir.path());
    assert_eq!(server.get(path), three);
    server.call("DELETE", "/v1/users/u3", &json!({}));
    assert_eq!(server.get(path)["queries"], json!([]), "two users are too few again");
}

#[test]
fn any_words_are_a_search_and_wrong_parameters_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    checkerboard(&server, 4, 4);
    soon(&server, "/v1/search?q=producto&preview=true", |answer| answer["total"] == 4);
    let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    for text in [
        "🎁",
        "\"producto",
        "name:producto AND -x",
        "(((",
        "*",
        "<script>alert(1)</script>",
        "продукт 产品",
        "\u{202e}\0",
        "de",
    ] {
        let answer = server.send("GET", &format!("/v1/search?q={}&user_id=u1", escaped(text)), b"");
        assert_eq!(answer.status, 200, "{text:?}: {}", String::from_utf8_lossy(&answer.body));
    }
    assert_eq!(server.get(&format!("/v1/search?q={}", escaped("<b>producto</b> 3")))["items"][0]["product_id"], "p3");
    // Bytes that are no text are read as the replacement character, of which no product has any.
    assert_eq!(server.get("/v1/search?q=%ff%fe")["total"], 0);
    let long = format!("/v1/search?q={}", "a".repeat(10_000));
    for path in [
        "/v1/search",
        "/v1/search?q=",
        "/v1/search?q=%20%20",
        "/v1/search?q=a&n=0",
        "/v1/search?q=a&offset=10001",
        "/v1/search?q=a&where=precio%20%3C%201",
        "/v1/search?q=a&size=3",
        "/v1/search/queries?kind=worst",
        "/v1/search/queries?days=0",
        &long,
    ] {
        assert_eq!(server.send("GET", path, b"").problem(), (400, "invalid_parameter".to_owned()), "{path}");
    }
    let huge = server.send("GET", &format!("/v1/search?q={}", "a".repeat(60_000)), b"");
    assert!((400..500).contains(&huge.status), "longer than any query: {}", huge.status);
    assert_eq!(server.send("GET", "/livez", b"").status, 200);
    assert!(server.get("/openapi.json")["paths"]["/v1/search"]["get"].is_object());
}
