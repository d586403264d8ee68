//! What the shop wants shown: rules from draft to rollback, plans that are read again, pages, and the story behind a slate.

mod common;

use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use common::Server;
use serde_json::{Value, json};

fn shop(server: &Server) {
    let product = |n: usize| {
        let (category, brand) = if n.is_multiple_of(2) { ("Tazas", "Inca") } else { ("Zapatos", "Andina") };
        json!({ "product_id": format!("p{n}"), "name": format!("Producto {n}"), "category": format!("Todo > {category}"),
            "brand": brand, "price": 10.0 * n as f64 + 5.0, "cost_of_goods_sold": 4.0 })
    };
    server.call("PUT", "/v1/products", &json!((0..12).map(product).collect::<Vec<_>>()));
    let kinds = |user: usize| (0..12).filter(move |n| n % 2 == user % 2);
    let view = |user: usize, n: usize| common::view(&format!("{user}-{n}"), &format!("u{user}"), &format!("p{n}"));
    let events: Vec<Value> = (0..20).flat_map(|user| kinds(user).map(move |n| view(user, n))).collect();
    let verdicts = server.post("/v1/events", &json!(events));
    assert_eq!(verdicts["accepted"], 120, "{verdicts}");
}

fn ids(slate: &Value) -> Vec<String> {
    slate["items"].as_array().unwrap().iter().map(|item| item["product_id"].as_str().unwrap().to_owned()).collect()
}

fn ask(server: &Server, more: Value) -> Value {
    let mut request = json!({ "user_id": "somebody", "n": 4, "preview": true });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.post("/v1/recommendations", &request)
}

fn etag_of(server: &Server, path: &str) -> String {
    let mut answer = common::agent().get(server.url(path)).call().unwrap();
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let _ = answer.body_mut().read_to_string();
    etag
}

fn send(server: &Server, method: &str, path: &str, if_match: Option<&str>, body: &Value) -> (u16, Value) {
    let mut request = ureq::http::Request::builder().method(method).uri(server.url(path));
    if let Some(etag) = if_match {
        request = request.header("If-Match", etag);
    }
    let mut answer = common::agent().run(request.body(body.to_string()).unwrap()).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[test]
fn a_rule_goes_from_draft_over_dry_run_to_published_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    shop(&server);
    let plain = ids(&ask(&server, json!({})));

    let rule = json!({ "rule_id": "sin-tazas", "where": "category = 'Tazas'", "action": { "kind": "exclude" } });
    assert_eq!(send(&server, "POST", "/v1/rules", None, &rule).0, 201);
    assert_eq!(send(&server, "POST", "/v1/rules", None, &rule).0, 409, "it is there");
    assert_eq!(ids(&ask(&server, json!({}))), plain, "a draft is not served");

    let run = server.post("/v1/rules/dry-run", &json!({ "shoppers": 20, "n": 4 }));
    assert_eq!((run["shoppers"].as_u64(), run["conflicts"].as_array().unwrap().len()), (Some(20), 0), "{run}");
    assert_eq!(run["touched"]["sin-tazas"], 20, "{run}");
    assert!(run["changed"].as_u64().unwrap() > 0 && !run["products"].as_array().unwrap().is_empty(), "{run}");

    let list = server.get("/v1/rules");
    assert_eq!((list["served_version"].as_u64(), list["changed"].as_bool()), (Some(0), Some(true)));
    let etag = list["etag"].as_str().unwrap().to_owned();
    assert_eq!(send(&server, "POST", "/v1/rules/publish", Some("\"other\""), &json!({})).0, 412);
    assert_eq!(
        send(&server, "POST", "/v1/rules/publish", Some(&etag), &json!({})),
        (200, json!({ "served_version": 1 }))
    );
    let slate = ask(&server, json!({}));
    assert!(ids(&slate).iter().all(|id| id[1..].parse::<usize>().unwrap() % 2 == 1), "{slate}");
    assert_eq!(slate["rules_version"], 1);

    // Changed by who has seen it, and by nobody else.
    let boost = json!({ "where": "category = 'Tazas'", "action": { "kind": "boost", "factor": 3.0 } });
    assert_eq!(send(&server, "PUT", "/v1/rules/sin-tazas", None, &boost).0, 428);
    assert_eq!(send(&server, "PUT", "/v1/rules/sin-tazas", Some("\"0\""), &boost).0, 412);
    let seen = etag_of(&server, "/v1/rules/sin-tazas");
    assert_eq!(send(&server, "PUT", "/v1/rules/sin-tazas", Some(&seen), &boost).0, 200);
    assert_eq!(send(&server, "POST", "/v1/rules/publish", None, &json!({})).1["served_version"], 2);
    assert!(ids(&ask(&server, json!({}))).iter().any(|id| id[1..].parse::<usize>().unwrap() % 2 == 0));

    // What is served survives a restart; so does the way back.
    drop(server);
    let server = Server::start(folder.path());
    assert_eq!(ask(&server, json!({}))["rules_version"], 2);
    assert_eq!(server.post("/v1/rules/rollback", &json!({}))["served_version"], 1);
    assert_eq!(ids(&ask(&server, json!({}))), ids(&slate));
    assert_eq!(server.post("/v1/rules/rollback", &json!({}))["served_version"], 0);
    assert_eq!(ids(&ask(&server, json!({}))), plain);
    assert_eq!(send(&server, "POST", "/v1/rules/rollback", None, &json!({})).0, 409);
    let versions = server.get("/v1/rules/versions");
    assert_eq!(versions["data"].as_array().unwrap().len(), 2);
    let seen = etag_of(&server, "/v1/rules/sin-tazas");
    assert_eq!(send(&server, "DELETE", "/v1/rules/sin-tazas", Some(&seen), &json!({})).0, 204);
    assert_eq!(send(&server, "GET", "/v1/rules/sin-tazas", None, &json!({})).0, 404);
}

#[test]
fn a_list_is_read_part_by_part_and_a_look_that_asks_why_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    shop(&server);
    let first = ask(&server, json!({ "explain": true }));
    let second = ask(&server, json!({ "cursor": first["next_cursor"] }));
    let third = ask(&server, json!({ "cursor": second["next_cursor"] }));
    let all: BTreeSet<String> = [&first, &second, &third].into_iter().flat_map(ids).collect();
    assert_eq!((all.len(), second["items"][0]["position"].as_u64()), (12, Some(5)), "{first} {second} {third}");
    let end = ask(&server, json!({ "cursor": third["next_cursor"] }));
    assert!(ids(&end).is_empty() && end["next_cursor"].is_null(), "{end}");
    let wrong = json!({ "user_id": "somebody", "cursor": "x" });
    let (status, problem) = send(&server, "POST", "/v1/recommendations", None, &wrong);
    assert_eq!((status, problem["detail"].as_str().unwrap().contains("leave it out")), (400, true), "{problem}");

    let trace = |slate: &Value| {
        let id = slate["recommendation_id"].as_str().unwrap();
        send(&server, "GET", &format!("/v1/recommendations/{id}/trace"), None, &json!({})).0
    };
    assert_eq!(trace(&first), 200);
    assert_eq!(trace(&second), 404, "a look leaves nothing unless it wants to know why");
}

#[test]
fn a_wrong_rule_is_refused_with_the_character() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    for (body, wanted) in [
        (json!({ "where": "precio > 3", "action": { "kind": "exclude" } }), "did you mean `price`?"),
        (json!({ "action": { "kind": "boost", "factor": 2 } }), "`where` must say to which"),
        (json!({ "action": { "kind": "bost" } }), "unknown variant `bost`"),
        (json!({ "where": "stock > 0", "action": { "kind": "exclude" }, "targets": {} }), "unknown field `targets`"),
        (json!([]), "expected struct Rule"),
    ] {
        let (status, problem) = send(&server, "POST", "/v1/rules", None, &body);
        assert_eq!(status, 400, "{body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(wanted), "{body}: {problem}");
    }
}

#[test]
fn the_shops_own_plan_is_read_when_it_changes_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    shop(&server);
    assert!(ask(&server, json!({}))["plan"].as_str().unwrap().starts_with("home@"));
    let plans = folder.path().join("plans");
    fs::create_dir_all(&plans).unwrap();
    let until = |holds: &dyn Fn(&Value) -> bool| {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let list = server.get("/v1/plans");
            if holds(&list) {
                return list;
            }
            assert!(Instant::now() < deadline, "{list}\n{}", server.log_tail());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let own = |list: &Value| {
        list["data"].as_array().unwrap().iter().any(|plan| plan["name"] == "home" && plan["own"] == true)
    };
    fs::write(plans.join("home.toml"), "[[sources]]\nname = \"catalog\"\n[filters]\nwhere = \"price < 40\"").unwrap();
    until(&own);
    let slate = ask(&server, json!({}));
    assert_eq!(
        (ids(&slate), &slate["dropped"]["plan"]),
        (vec!["p0".into(), "p1".into(), "p2".into(), "p3".into()], &json!(2))
    );
    fs::write(plans.join("home.toml"), "[[sources]]\nname = \"catalogue\"").unwrap();
    let list = until(&|list| list["error"].is_string());
    assert!(list["error"].as_str().unwrap().contains("unknown variant `catalogue`"), "{list}");
    assert_eq!(ids(&ask(&server, json!({}))), ids(&slate), "the plan before it serves on");
    fs::remove_file(plans.join("home.toml")).unwrap();
    until(&|list| list["error"].is_null() && !own(list));

    // A look at a plan, which no visit gets.
    let text = "[[sources]]\nname = \"catalog\"\n[rerank]\ncaps = { brand = 1 }";
    let slate = ask(&server, json!({ "plan": text, "n": 2 }));
    assert_eq!(
        (ids(&slate), slate["plan"].as_str().unwrap().starts_with("preview@")),
        (vec!["p0".into(), "p1".into()], true)
    );
    let (status, problem) =
        send(&server, "POST", "/v1/recommendations", None, &json!({ "user_id": "a", "plan": text }));
    assert_eq!((status, problem["detail"].as_str().unwrap().contains("for previews alone")), (400, true));
}

#[test]
fn a_page_answers_its_rows_and_the_story_of_each_can_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    shop(&server);
    let pin = json!({ "rule_id": "arriba", "target": { "placements": ["home"] },
        "action": { "kind": "pin", "product_ids": ["p7"], "position": 1 } });
    let out = json!({ "rule_id": "fuera", "where": "product_id = 'p5'", "action": { "kind": "exclude" } });
    assert_eq!(send(&server, "POST", "/v1/rules", None, &pin).0, 201);
    assert_eq!(send(&server, "POST", "/v1/rules", None, &out).0, 201);
    server.post("/v1/rules/publish", &json!({}));
    let page = server.get("/v1/pages/home?user_id=u1&locale=en");
    let rows = page["rows"].as_array().unwrap();
    assert_eq!(
        (rows[0]["row"].as_str(), rows[0]["title"].as_str()),
        (Some("for_you"), Some("Picked for you")),
        "{page}"
    );
    assert_eq!(rows[0]["items"][0]["product_id"], "p7");
    let mut shown: Vec<String> = rows.iter().flat_map(ids).collect();
    let n = shown.len();
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), n, "no product twice: {page}");

    let id = rows[0]["recommendation_id"].as_str().unwrap();
    let trace = |product: &str| server.get(&format!("/v1/recommendations/{id}/trace?product_id={product}"));
    assert_eq!(trace("p7")["verdict"], json!({ "verdict": "shown", "position": 1, "score": 0.0 }));
    assert_eq!(trace("p5")["verdict"], json!({ "verdict": "refused", "by": "rule:fuera" }));
    let unheard = trace("nothing");
    assert_eq!((&unheard["verdict"]["verdict"], &unheard["now"]), (&json!("not_found"), &json!("not_in_catalog")));
    let whole = server.get(&format!("/v1/recommendations/{id}/trace"));
    assert_eq!(whole["rules_version"], 1);
    let parts = whole["candidates"][0]["parts"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["name"] == "rule:arriba"), "{whole}");
    for path in
        ["/v1/recommendations/01ARZ3NDEKTSV4RRFFQ69G5FAV/trace", "/v1/recommendations/x/trace", "/v1/pages/nowhere"]
    {
        assert_eq!(server.send("GET", path, b"").problem().0, 404, "{path}");
    }
}

#[test]
fn a_price_that_falls_becomes_a_deal_only_beside_its_history() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    shop(&server);
    // A list price proves nothing.
    server.call(
        "PUT",
        "/v1/products",
        &json!({ "product_id": "p2", "name": "Producto 2", "price": 5.0, "list_price": 100.0 }),
    );
    let slate = ask(&server, json!({ "placement": "deals" }));
    assert_eq!(ids(&slate), Vec::<String>::new(), "{slate}");
    let slate = ask(&server, json!({ "n": 12 }));
    assert!(slate["items"].as_array().unwrap().iter().all(|item| item.get("deal").is_none()), "{slate}");
}

#[test]
fn a_batch_has_the_slates_of_the_api_and_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    shop(&server);
    let users = folder.path().join("users.csv");
    fs::write(&users, "user_id,name\nu1,Ana\nu2,Luis\n\"nadie\",?\n").unwrap();
    let out = folder.path().join("correo.jsonl");
    let run = |out: &std::path::Path, more: &[&str]| {
        let (users, out) = (users.display().to_string(), out.display().to_string());
        let args = [&["batch", "--users", &users, "--out", &out, "-n", "3"], more].concat();
        let done = common::vitrina(folder.path(), &args);
        (done.status.success(), String::from_utf8(done.stderr).unwrap())
    };
    assert!(run(&out, &[]).0);
    let whole = fs::read_to_string(&out).unwrap();
    let lines: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["user_id"].as_str().unwrap()).collect::<Vec<_>>(), ["u1", "u2", "nadie"]);
    for line in &lines {
        let online = ask(&server, json!({ "user_id": line["user_id"], "placement": "email", "n": 3 }));
        assert_eq!(ids(line), ids(&online), "{line}");
    }
    assert_eq!(
        fs::read_dir(folder.path())
            .unwrap()
            .filter(|f| { f.as_ref().unwrap().file_name().to_string_lossy().starts_with("correo.jsonl.") })
            .count(),
        0,
        "nothing is left beside it"
    );

    // Stopped in the middle of the second shopper's line: that line is written again, the first is not.
    let first = whole.lines().next().unwrap();
    let half = folder.path().join("half.jsonl");
    let asked = json!({ "placement": "email", "n": 3, "segment": null, "locale": null, "users": users });
    let progress =
        json!({ "asked": asked, "bytes": first.len() + 1, "shoppers": 1, "slates": 1, "ids": 1, "after": null });
    fs::write(folder.path().join("half.jsonl.progress"), progress.to_string()).unwrap();
    fs::write(folder.path().join("half.jsonl.partial"), format!("{first}\n{{\"user_id\": \"u2\", ")).unwrap();
    let (refused, why) = run(&half, &["--segment", "vip"]);
    assert!(!refused && why.contains("is of another batch"), "{why}");
    let (done, said) = run(&half, &[]);
    assert!(done && said.contains("going on after 1 shoppers"), "{said}");
    let again: Vec<Value> =
        fs::read_to_string(&half).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(again[0], lines[0]);
    assert_eq!(again.iter().map(ids).collect::<Vec<_>>(), lines.iter().map(ids).collect::<Vec<_>>());

    let csv = folder.path().join("correo.csv");
    assert!(run(&csv, &["--segment", "new"]).0);
    let rows = fs::read_to_string(&csv).unwrap();
    assert!(rows.starts_with("user_id,recommendation_id,position,product_id,") && rows.contains("\nnadie,"), "{rows}");
    assert!(!rows.contains("\nu1,"), "who has looked at six products is no newcomer: {rows}");
    let parquet = folder.path().join("correo.parquet");
    assert!(run(&parquet, &[]).0);
    assert!(fs::read(&parquet).unwrap().starts_with(b"PAR1"));
    let (refused, why) = run(&folder.path().join("correo.xls"), &[]);
    assert!(!refused && why.contains("say --format"), "{why}");

    // All whom the shop knows, page by page, each once.
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = server.post("/v1/batch", &json!({ "after": after, "limit": 7, "n": 1 }));
        seen.extend(page["slates"].as_array().unwrap().iter().map(|slate| slate["user_id"].to_string()));
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    let n = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((n, seen.len()), (20, 20));
}

#[test]
fn a_public_key_gets_slates_of_visitors_and_nothing_that_is_the_shops() {
    let folder = tempfile::tempdir().unwrap();
    let keys = [
        ("VITRINA__SERVER__API_KEYS", r#"["la-clave-de-la-tienda"]"#),
        ("VITRINA__SERVER__PUBLIC_KEYS", r#"["la-clave-publica-x"]"#),
        ("VITRINA__SERVER__ORIGINS", r#"["https://tienda.pe"]"#),
    ];
    let server = Server::start_with(folder.path(), &keys);
    let ask = |key: &str, method: &str, path: &str, body: &Value| {
        let request = ureq::http::Request::builder().method(method).uri(server.url(path)).header("X-API-Key", key);
        let mut answer = common::agent().run(request.body(body.to_string()).unwrap()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str::<Value>(&text).unwrap_or(Value::Null))
    };
    let product = json!({ "product_id": "p1", "name": "Taza", "price": 10, "cost_of_goods_sold": 4 });
    assert_eq!(ask("la-clave-de-la-tienda", "PUT", "/v1/products", &product).0, 200);
    let public = |method: &str, path: &str, body: Value| ask("la-clave-publica-x", method, path, &body);
    assert_eq!(public("POST", "/v1/recommendations", json!({ "anonymous_id": "cookie" })).0, 200);
    assert_eq!(public("GET", "/v1/pages/home?anonymous_id=cookie", json!({})).0, 200);
    let (status, told) = public("GET", "/v1/products/p1", json!({}));
    assert_eq!(
        (status, &told["price"], &told["cost_of_goods_sold"]),
        (200, &json!("10.00 PEN"), &Value::Null),
        "{told}"
    );
    for (method, path, body) in [
        ("POST", "/v1/recommendations", json!({ "user_id": "u1" })),
        ("POST", "/v1/recommendations", json!({ "anonymous_id": "c", "filters": { "where": "margin_percent > 50" } })),
        ("POST", "/v1/recommendations", json!({ "anonymous_id": "c", "preview": true, "plan": "" })),
        ("GET", "/v1/pages/home?user_id=u1", json!({})),
        ("GET", "/v1/search?q=taza&user_id=u1", json!({})),
        ("GET", "/v1/users/u1", json!({})),
        ("GET", "/v1/rules", json!({})),
        ("PUT", "/v1/products", product.clone()),
        ("DELETE", "/v1/products/p1", json!({})),
        ("POST", "/v1/batch", json!({ "limit": 1 })),
    ] {
        assert_eq!(public(method, path, body.clone()).0, 403, "{method} {path} {body}");
    }
    assert_eq!(ask("no-such-key-at-all", "GET", "/v1/pages/home", &json!({})).0, 401);

    // A browser asks before it sends a key; pages of other origins are not let in.
    let preflight = |origin: &str| {
        let request = ureq::http::Request::builder().method("OPTIONS").uri(server.url("/v1/recommendations"));
        let request = request.header("Origin", origin).header("Access-Control-Request-Method", "POST");
        let request = request.header("Access-Control-Request-Headers", "x-api-key");
        let answer = common::agent().run(request.body(String::new()).unwrap()).unwrap();
        answer.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap().to_owned())
    };
    assert_eq!(
        (preflight("https://tienda.pe").as_deref(), preflight("https://otra.pe")),
        (Some("https://tienda.pe"), None)
    );
    assert_eq!(server.send("GET", "/tienda", b"").status, 404, "a shop in production has its own storefront");
}

#[test]
fn contents_are_shown_within_their_targets_and_budgets_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    shop(&server);
    let banner = |id: &str, more: Value| {
        let mut content = json!({ "content_id": id, "kind": "banner", "title": { "es": id, "en": format!("{id} (en)") },
            "image_link": "/b.jpg", "link": "/ofertas" });
        content.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        send(&server, "POST", "/v1/content", None, &content).0
    };
    assert_eq!(banner("cyber", json!({ "budget": { "per_user_per_day": 1 } })), 201);
    assert_eq!(banner("cyber", json!({})), 409);
    assert_eq!(banner("vip", json!({ "target": { "segments": ["vip"] } })), 201);
    assert_eq!(banner("apagado", json!({ "active": false })), 201);
    assert_eq!(banner("mal", json!({ "link": "javascript:alert(1)" })), 400);
    server.call("PUT", "/v1/users", &json!({ "user_id": "u2", "segment": "vip" }));
    let shown = |user: &str, more: &str| -> Vec<(String, f64, String)> {
        let page = server.get(&format!("/v1/pages/home?user_id={user}&locale=en{more}"));
        let rows = page["rows"].as_array().unwrap().iter().filter(|row| row["kind"] == "content");
        rows.flat_map(|row| {
            let id = row["recommendation_id"].as_str().unwrap().to_owned();
            let item = move |item: &Value| {
                (item["title"].as_str().unwrap().to_owned(), item["propensity"].as_f64().unwrap(), id.clone())
            };
            row["items"].as_array().unwrap().iter().map(item).collect::<Vec<_>>()
        })
        .collect()
    };
    let titles = |shown: &[(String, f64, String)]| {
        let mut titles: Vec<String> = shown.iter().map(|(title, ..)| title.clone()).collect();
        titles.sort();
        titles
    };
    assert_eq!(titles(&shown("u1", "&preview=true")), ["cyber (en)"]);
    let first = shown("u2", "");
    assert_eq!(titles(&first), ["cyber (en)", "vip (en)"]);
    assert!(first.iter().all(|(_, propensity, _)| *propensity > 0.0 && *propensity <= 1.0));
    assert_eq!(titles(&shown("u2", "")), ["vip (en)"], "cyber was shown once today");
    // Seen by the page itself: the same message twice counts once.
    let (_, _, choice) = &shown("u3", "&impression=client")[0];
    let event = |kind: &str, id: &str| {
        json!({ "message_id": id, "event": kind, "user_id": "u3", "placement": "home",
        "recommendation_id": choice, "promotion_id": "cyber" })
    };
    let seen = event("promotion_viewed", &format!("impression-{choice}-1"));
    server.post("/v1/events", &json!([seen, seen, event("promotion_clicked", "c1")]));
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let list = server.get("/v1/content");
        let of = |id: &str| {
            list["data"].as_array().unwrap().iter().find(|content| content["content_id"] == id).unwrap().clone()
        };
        if (of("cyber")["impressions"].as_u64(), of("vip")["impressions"].as_u64()) == (Some(2), Some(2)) {
            assert_eq!((of("cyber")["clicks"].as_u64(), of("apagado")["impressions"].as_u64()), (Some(1), Some(0)));
            break;
        }
        assert!(Instant::now() < deadline, "{list}");
        std::thread::sleep(Duration::from_millis(50));
    }
    // Counts are folded from the log, so a crash loses none.
    server.kill();
    let server = Server::start(folder.path());
    let list = server.get("/v1/content");
    assert_eq!(list["data"][0]["impressions"], 2, "{list}");
}

#[test]
fn rules_are_published_under_load_without_a_failed_or_mixed_answer() {
    const SWAPS: u64 = 60;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    shop(&server);
    // Odd versions leave out the even products, even versions the odd ones.
    let brand = |version: u64| if version % 2 == 1 { "Inca" } else { "Andina" };
    let rule = |version: u64| json!({ "rule_id": "fuera", "where": format!("brand = '{}'", brand(version)), "action": { "kind": "exclude" } });
    assert_eq!(send(&server, "POST", "/v1/rules", None, &rule(1)).0, 201);
    server.post("/v1/rules/publish", &json!({}));
    let is_over = AtomicBool::new(false);
    let seen: Vec<BTreeSet<u64>> = thread::scope(|scope| {
        let ask_on = || {
            let mut versions = BTreeSet::new();
            while !is_over.load(Relaxed) {
                let slate = ask(&server, json!({ "n": 12 }));
                let version = slate["rules_version"].as_u64().unwrap();
                let kept = if version % 2 == 1 { 1 } else { 0 };
                let ids = ids(&slate);
                assert_eq!(ids.len(), 6, "{slate}");
                assert!(ids.iter().all(|id| id[1..].parse::<u64>().unwrap() % 2 == kept), "{slate}");
                versions.insert(version);
            }
            versions
        };
        let shoppers: Vec<_> = (0..3).map(|_| scope.spawn(ask_on)).collect();
        for version in 2..=SWAPS {
            assert_eq!(send(&server, "PUT", "/v1/rules/fuera", Some("*"), &rule(version)).0, 200);
            assert_eq!(server.post("/v1/rules/publish", &json!({}))["served_version"], version);
            assert_eq!(ask(&server, json!({}))["rules_version"], version, "the next request sees it");
        }
        is_over.store(true, Relaxed);
        shoppers.into_iter().map(|shopper| shopper.join().unwrap()).collect()
    });
    assert!(seen.iter().all(|versions| versions.len() > 1), "asked while versions changed: {seen:?}");
}
