//! Whatever is sent, the answer is never a 5xx: every operation of the published document, with bodies, queries, paths
//! and headers that no client should send. Every refusal is a problem with code and detail, the connection answers, the
//! memory stays bounded, and the server serves on.
//!
//! `VITRINA_FUZZ` is the number of requests to each operation, `VITRINA_FUZZ_SEED` makes other ones, and
//! `VITRINA_FUZZ_ONLY=/v1/events` keeps to the operations whose method and path contain that.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use common::{Rng, Server, amount, checkerboard};
use serde_json::{Value, json};

const CLIENTS: usize = 6;
/// What the server holds under this fire: caches and buffers of fixed size, and what the allocator keeps of the threads'
/// peaks; it levels off at 300 to 450 MiB.
const RSS_MAX: u64 = 768 << 20;
/// Of a long run, once caches and buffers are full, hardly anything may be left behind by a request.
const LEAK_BYTES_PER_REQUEST_MAX: u64 = 1_024;
const REQUESTS_FOR_A_LEAK: u64 = 100_000;
/// Of a handler that does not read its body, the server may close without having taken a large one.
const UNREAD_BODY_BYTES_MAX: usize = 4_096;

// ---- a plain client that sends bytes as they are ----

struct Client {
    addr: String,
    stream: Option<BufReader<TcpStream>>,
}

struct Reply {
    status: u16,
    content_type: String,
    body: Vec<u8>,
}

impl Client {
    fn new(addr: &str) -> Self {
        Self { addr: addr.to_owned(), stream: None }
    }

    /// A kept connection may have been closed after its last answer; a fresh one has to answer.
    fn exchange(&mut self, request: &[u8]) -> Result<Reply, String> {
        if self.stream.is_some()
            && let Ok(reply) = self.once(request)
        {
            return Ok(reply);
        }
        let stream = TcpStream::connect(&self.addr).map_err(|error| format!("no connection: {error}"))?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        self.stream = Some(BufReader::new(stream));
        self.once(request)
    }

    fn once(&mut self, request: &[u8]) -> Result<Reply, String> {
        let mut stream = self.stream.take().expect("connected");
        let sent = stream.get_mut().write_all(request);
        let (reply, is_last) =
            read_reply(&mut stream).map_err(|error| format!("no answer: {error}; sending: {sent:?}"))?;
        if sent.is_ok() && !is_last {
            self.stream = Some(stream);
        }
        Ok(reply)
    }
}

/// The reply, and whether the connection ends with it.
fn read_reply(stream: &mut impl BufRead) -> std::io::Result<(Reply, bool)> {
    let bad = |what: &str| std::io::Error::other(what.to_owned());
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status =
        line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| bad(&format!("status line {line:?}")))?;
    let (mut content_type, mut length, mut is_chunked, mut is_last) = (String::new(), None, false, false);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-type" => content_type = value.to_owned(),
            "content-length" => length = value.parse().ok(),
            "transfer-encoding" => is_chunked = true,
            "connection" => is_last = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if is_chunked {
        read_chunks(stream, &mut body)?;
    } else {
        stream.take(length.unwrap_or(0)).read_to_end(&mut body)?;
    }
    Ok((Reply { status, content_type, body }, is_last))
}

fn read_chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
        stream.take(size).read_to_end(body)?;
        line.clear();
        stream.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn request(method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{method} {target} HTTP/1.1\r\nHost: shop\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

// ---- what may be asked ----

#[derive(Debug, Clone)]
struct Operation {
    method: String,
    path: String,
    reads_body: bool,
    parameters: Vec<String>,
}

/// Every operation that the document tells of, so that a new one can't be forgotten.
fn operations(server: &Server) -> Vec<Operation> {
    let document = server.get("/openapi.json");
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                reads_body: operation["requestBody"].is_object(),
                parameters: parameters
                    .filter(|p| p["in"] == "query")
                    .map(|p| p["name"].as_str().unwrap().to_owned())
                    .collect(),
            });
        }
    }
    assert!(operations.len() >= 24, "{operations:?}");
    operations
}

fn brought_model() -> Value {
    let fixture = |ending: &str| {
        let name = format!("{}/../onnx/tests/fixtures/cheap-first.{ending}", env!("CARGO_MANIFEST_DIR"));
        fs::read(name).expect("a fixture")
    };
    let text = |ending: &str| String::from_utf8(fixture(ending)).expect("UTF-8");
    json!({ "model": STANDARD.encode(fixture("onnx")), "schema": text("toml"), "parity": text("jsonl") })
}

/// Valid bodies to begin with.
fn seeds(operation: &Operation) -> Vec<Value> {
    if !operation.reads_body {
        return Vec::new();
    }
    match (operation.method.as_str(), operation.path.as_str()) {
        ("POST", "/v1/recommendations") => vec![
            json!({
                "placement": "home", "user_id": "u1", "anonymous_id": "cookie", "product_ids": ["p1"], "cart": ["p2"],
                "filters": { "available": true, "categories": ["Par"], "brands": ["b"], "price_min": 1.5, "price_max": 90,
                    "where": "not (price > 80 or brand in ('x', \"y\")) and attributes.color is null" },
                "exclude": ["p3"], "n": 5, "explain": true, "preview": false, "locale": "en", "impression": "client", "timeout_ms": 50
            }),
            json!({ "user_id": "u1", "n": 5, "preview": true,
                "plan": "[[sources]]\nname = \"popular\"\nquota = 20\n[[sources]]\nname = \"personal\"\n[rerank]\ndiversity = 0.5\ncaps = { brand = 2 }" }),
        ],
        ("POST", "/v1/events") => vec![
            json!({
                "message_id": "f1", "event": "product_viewed", "user_id": "u1", "anonymous_id": "a", "session_id": "s",
                "timestamp": "2026-07-28T10:00:00Z", "sent_at": 1_785_000_000, "product_id": "p1", "placement": "home",
                "recommendation_id": "r", "consent": { "personalization": true }
            }),
            json!({ "batch": [{
                "messageId": "f2", "type": "track", "event": "Order Completed", "userId": "u2", "context": { "page": { "url": "https://x/y" } },
                "properties": { "order_id": "o", "currency": "PEN", "total": 118.0, "tax": "18.00", "discount": 1, "shipping": 2,
                    "products": [{ "product_id": "p1", "price": 50, "quantity": 2 }] }
            }], "sentAt": "2026-07-28T10:00:00Z" }),
            json!([
                { "name": "view_item", "client_id": "c", "params": { "items": [{ "item_id": "p3", "price": 9.5 }] } },
                { "message_id": "f4", "event": "product_rated", "user_id": "u3", "product_id": "p3", "rating": 4.5 },
                { "message_id": "f5", "event": "products_searched", "user_id": "u3", "query": "taza azul" }
            ]),
        ],
        ("PUT", "/v1/products") => vec![
            json!({
                "product_id": "p1", "name": "Producto", "description": "d", "category": "Hogar > Cocina", "brand": "b", "seller": "s",
                "price": 49.99, "list_price": "59.99 PEN", "availability": "in_stock", "stock": 3, "link": "https://x/p",
                "image_link": "https://x/i", "attributes": { "color": "azul" }, "listed_at": "2026-01-01T00:00:00Z", "hidden": false
            }),
            json!([{ "product_id": "p2", "name": "Otro", "category": ["Par"] }]),
        ],
        ("PUT", "/v1/users") => {
            vec![json!({ "user_id": "u1", "segment": "vip", "preferences": ["Par"], "attributes": { "city": "Lima" } })]
        }
        ("POST", "/v1/train") => {
            vec![json!({ "models": ["popular", "item-knn"], "set": [["item-knn.neighbours", "5"]] })]
        }
        ("POST", "/v1/onboarding") => vec![json!({
            "user_id": "u1", "anonymous_id": "cookie", "consent": { "personalization": true }, "n": 3, "lang": "en",
            "answers": [{ "id": "category:Par", "answer": "like" }, { "product_id": "p2", "answer": "dislike" },
                { "category": "Par", "answer": "unknown" }]
        })],
        ("POST", "/v1/rules") | ("PUT", "/v1/rules/{id}") => vec![
            json!({
                "rule_id": "r1", "name": "Impulsar", "enabled": true, "where": "brand = 'b' and margin_percent > 10",
                "target": { "placements": ["home"], "segments": ["vip"], "categories": ["Par"], "schedule": {
                    "from": "2026-07-01", "until": "2026-07-31T23:00", "weekdays": ["mon", "sun"], "hours": [9, 18],
                    "occasions": ["fiestas-patrias"] } },
                "action": { "kind": "boost", "factor": 2.5 }
            }),
            json!({ "action": { "kind": "pin", "product_ids": ["p1", "p2"], "position": 1 } }),
            json!({ "where": "price > 1", "action": { "kind": "cap", "attribute": "attributes.color", "max": 2 } }),
        ],
        ("POST", "/v1/content") | ("PUT", "/v1/content/{id}") => vec![json!({
            "content_id": "c1", "kind": "banner", "title": { "es": "Cyber Wow", "en": "Cyber Wow" }, "body": { "es": "Hasta" },
            "image_link": "https://x/i.jpg", "link": "/ofertas", "target": { "placements": ["home"] },
            "budget": { "impressions": 1000, "clicks": 10, "per_user_per_day": 3 }, "priority": 5, "active": true
        })],
        ("POST", "/v1/batch") => vec![
            json!({ "placement": "email", "n": 3, "user_ids": ["u1", "u2"], "segment": "new", "locale": "en" }),
            json!({ "after": "~00000000000000000000000000000000", "limit": 3 }),
        ],
        ("POST", "/v1/rules/dry-run") => vec![json!({ "placement": "home", "shoppers": 3, "n": 4 })],
        ("POST", "/v1/models/import") => vec![brought_model()],
        ("POST", "/v1/reviews") => vec![json!({ "head": null })],
        (method, path) => panic!("give {method} {path} a valid body here"),
    }
}

/// What costs a training, a pass over the log or a rewrite of it is asked for once in so many times.
fn one_in(operation: &Operation) -> usize {
    match (operation.method.as_str(), operation.path.as_str()) {
        ("POST", "/v1/train" | "/v1/reviews" | "/v1/profiles/rebuild" | "/v1/events/quarantine/retry") => 100,
        ("DELETE", "/v1/users/{id}") | ("POST", "/v1/rules/publish" | "/v1/rules/dry-run") => 20,
        (_, "/metrics" | "/v1/models" | "/v1/events/quarantine") => 5,
        _ => 1,
    }
}

// ---- what should not be asked ----

/// Fragments of JSON that stand where something else was wanted.
const ODD: [&str; 45] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1",
    "1.5",
    "1e9",
    "1e308",
    "1e999",
    "-1e999",
    "1e-400",
    "NaN",
    "Infinity",
    "-Infinity",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775807",
    "-9223372036854775808",
    "9223372036854775807",
    "4294967296",
    "0x10",
    "01",
    "+1",
    ".5",
    "\"\"",
    "\" \"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\u202e\\u200b\"",
    "\"ñandú 🛍️\"",
    "\"' OR 1=1 --\"",
    "\"<script>alert(1)</script>\"",
    "\"../../etc/passwd\"",
    "\"~00000000000000000000000000000000\"",
    "\"~zz\"",
    "\"-1\"",
    "\"9999-99-99T99:99:99Z\"",
    "\"-9999-01-01T00:00:00Z\"",
    "\"1e309\"",
    "[]",
    "{}",
    "[[]]",
    "{\"minor\":9223372036854775807,\"currency\":\"PEN\"}",
];

const ODD_TEXTS: [&str; 30] = [
    "",
    " ",
    "0",
    "-1",
    "1",
    "5",
    "10000",
    "1e3",
    "NaN",
    "inf",
    "true",
    "null",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "\0",
    "..",
    "../..",
    "../../../../etc/passwd",
    "a/b",
    "a\\b",
    "%",
    "%25",
    "\r\nX: y",
    "~0",
    "~00000000000000000000000000000000",
    "🛍️",
    "\u{202e}abc",
    "' OR '1'='1",
];

/// A valid body with something wrong in it, or no such thing at all.
fn odd_body(rng: &mut Rng, seeds: &[Value]) -> Vec<u8> {
    if seeds.is_empty() || rng.below(20) == 0 {
        return rubbish(rng, UNREAD_BODY_BYTES_MAX);
    }
    let seed = rng.pick(seeds).clone();
    let text = seed.to_string();
    match rng.below(12) {
        0 => text.as_bytes()[..rng.below(text.len())].to_vec(),
        1 => with_wrong_bytes(rng, text.into_bytes()),
        2 => nested(rng),
        3 => {
            let twice = format!("{{{}:{},", Value::from(rng.pick(&field_names(&seed)).as_str()), rng.pick(&ODD));
            text.replacen('{', &twice, 1 + rng.below(2)).into_bytes()
        }
        4 => {
            let odd = giant(rng);
            replaced(rng, seed, &odd).into_bytes()
        }
        5 => {
            let (odd, other) = (*rng.pick(&ODD), *rng.pick(&ODD));
            format!("[{},{text},{other}]", replaced(rng, seed, odd)).into_bytes()
        }
        6 => rng.pick(&ODD).as_bytes().to_vec(),
        7 => {
            let odd = String::from_utf8(nested(rng)).expect("brackets");
            replaced(rng, seed, &odd).into_bytes()
        }
        _ => {
            let odd = *rng.pick(&ODD);
            replaced(rng, seed, odd).into_bytes()
        }
    }
}

fn rubbish(rng: &mut Rng, bytes_max: usize) -> Vec<u8> {
    (0..rng.below(bytes_max)).map(|_| rng.next() as u8).collect()
}

fn with_wrong_bytes(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len());
        match rng.below(3) {
            0 => bytes[at] = rng.next() as u8,
            1 => bytes.insert(at, rng.next() as u8),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

fn nested(rng: &mut Rng) -> Vec<u8> {
    let depth = *rng.pick(&[10, 126, 127, 128, 129, 10_000]);
    let (open, close) = *rng.pick(&[("[", "]"), ("{\"a\":", "}"), ("{\"batch\":[", "]}")]);
    let closing = if rng.below(3) == 0 { String::new() } else { close.repeat(depth) };
    format!("{}0{closing}", open.repeat(depth)).into_bytes()
}

/// Long text, a long number or a long list.
fn giant(rng: &mut Rng) -> String {
    let n = *rng.pick(&[129, 513, 1_001, 20_001, 33_000, 200_000]);
    match rng.below(4) {
        0 => format!("\"{}\"", "a".repeat(n)),
        1 => format!("\"{}\"", "ñ🛍️".repeat(n / 9)),
        2 => "9".repeat(n),
        _ => format!("[{}\"a\"]", "\"a\",".repeat(n / 4)),
    }
}

/// One value of the body, whichever, becomes `odd`; sometimes a field that nobody knows is added instead.
fn replaced(rng: &mut Rng, mut seed: Value, odd: &str) -> String {
    const HERE: &str = "\u{1}here\u{1}";
    let n_values = count(&seed);
    let target = rng.below(n_values);
    mark(&mut seed, &mut { target }, HERE);
    let text = seed.to_string();
    let marked = Value::from(HERE).to_string();
    if rng.below(10) == 0 {
        text.replacen('{', &format!("{{\"unknown\":{odd},"), 1).replace(&marked, "1")
    } else {
        text.replace(&marked, odd)
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Marks the value that comes `left` places after this one, in order of depth.
fn mark(value: &mut Value, left: &mut usize, with: &str) -> bool {
    if *left == 0 {
        *value = with.into();
        return true;
    }
    *left -= 1;
    match value {
        Value::Array(values) => values.iter_mut().any(|value| mark(value, left, with)),
        Value::Object(fields) => fields.values_mut().any(|value| mark(value, left, with)),
        _ => false,
    }
}

fn field_names(seed: &Value) -> Vec<String> {
    match seed {
        Value::Object(fields) => fields.keys().cloned().collect(),
        Value::Array(values) => values.first().map(field_names).unwrap_or_default(),
        _ => vec!["a".to_owned()],
    }
}

fn odd_text(rng: &mut Rng) -> Vec<u8> {
    match rng.below(8) {
        0 => rubbish(rng, 40),
        1 => "a".repeat(*rng.pick(&[128, 129, 512, 513, 5_000, 20_000])).into_bytes(),
        2 => format!("{}{}", rng.pick(&["u", "p", "model-"]), rng.below(50)).into_bytes(),
        _ => rng.pick(&ODD_TEXTS).as_bytes().to_vec(),
    }
}

/// Percent-encoded, mostly: a stray `%` is a part of the game, a raw control character no HTTP any more.
fn encoded(rng: &mut Rng, bytes: &[u8]) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$'()*+,;:@".contains(&byte);
    let lax = rng.below(4) == 0;
    let keeps = |byte: u8| is_plain(byte) || (lax && b"%/=&".contains(&byte));
    bytes.iter().map(|byte| if keeps(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn odd_target(rng: &mut Rng, operation: &Operation) -> String {
    let mut target = operation.path.clone();
    while let (Some(open), Some(close)) = (target.find('{'), target.find('}')) {
        let text = odd_text(rng);
        let segment = encoded(rng, &text).replace(['{', '}'], "");
        target.replace_range(open..=close, &segment);
    }
    if operation.parameters.is_empty() && rng.below(4) > 0 {
        return target;
    }
    let n = rng.below(4);
    let parts: Vec<String> = (0..n)
        .map(|_| {
            let known = operation.parameters.get(rng.below(operation.parameters.len() + 1));
            let name = known.cloned().unwrap_or_else(|| {
                let text = odd_text(rng);
                encoded(rng, &text)
            });
            let text = odd_text(rng);
            format!("{name}{}{}", rng.pick(&["=", "=", "=", "=", "", "=="]), encoded(rng, &text))
        })
        .collect();
    format!("{target}?{}", parts.join(*rng.pick(&["&", "&", "&&", ";"])))
}

fn odd_headers(rng: &mut Rng) -> String {
    let odd = [
        "",
        "Content-Type: application/json\r\n",
        "Content-Type: text/html; charset=utf-7\r\n",
        "Content-Type: multipart/form-data\r\n",
        "Content-Encoding: gzip\r\n",
        "Accept: application/xml\r\n",
        "Accept-Encoding: gzip, br, zstd, ,,;q=9\r\n",
        "Last-Event-ID: 18446744073709551615\r\n",
        "Authorization: Bearer \u{e9}\r\n",
        "X-API-Key: \r\n",
        "If-None-Match: *\r\nRange: bytes=-9999999999\r\n",
        "Expect: nothing\r\n",
    ];
    if rng.below(50) == 0 { format!("X-Long: {}\r\n", "a".repeat(9_000)) } else { (*rng.pick(&odd)).to_owned() }
}

// ---- what is wanted of every answer ----

/// What is wrong with the answer, if anything is.
fn complaint(reply: &Reply) -> Option<String> {
    let text = || String::from_utf8_lossy(&reply.body[..reply.body.len().min(500)]).into_owned();
    if reply.status >= 500 {
        return Some(format!("{} {}", reply.status, text()));
    }
    if reply.status >= 400 {
        let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let has = |name: &str| problem[name].as_str().is_some_and(|text| !text.is_empty());
        let is_problem = reply.content_type == "application/problem+json" && has("code") && has("detail");
        return (!is_problem || problem["status"] != reply.status)
            .then(|| format!("{} without a problem: {} {}", reply.status, reply.content_type, text()));
    }
    if reply.content_type == "application/json" {
        let Ok(answer) = serde_json::from_slice::<Value>(&reply.body) else {
            return Some(format!("no JSON: {}", text()));
        };
        // A NaN would have become null.
        let items = answer["items"].as_array().or(answer["recommendations"].as_array());
        let is_scored = |item: &Value| item["score"].is_number() || item["similarity"].is_number();
        if items.into_iter().flatten().any(|item| !is_scored(item)) {
            return Some(format!("a score that is no number: {}", text()));
        }
    }
    None
}

fn shown(request: &[u8]) -> String {
    let text: String =
        request.iter().take(1_500).flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect();
    if request.len() > 1_500 { format!("{text}… ({} bytes)", request.len()) } else { text }
}

/// Sends `n` requests to each operation from several clients, and answers how many were sent.
fn bombard(server: &Server, operations: &[Operation], n: usize, seed: u64) -> [usize; 5] {
    let by_class = Mutex::new([0; 5]);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let by_class = &by_class;
            scope.spawn(move || {
                let (mut rng, mut client) = (Rng(seed ^ (number as u64) << 32), Client::new(&server.addr));
                for i in (number..n).step_by(CLIENTS) {
                    for operation in operations.iter().filter(|operation| i % one_in(operation) == 0) {
                        let target = odd_target(&mut rng, operation);
                        let body = odd_body(&mut rng, &seeds(operation));
                        let bytes = request(&operation.method, &target, &odd_headers(&mut rng), &body);
                        let wrong = client.exchange(&bytes).map_or_else(Some, |reply| {
                            by_class.lock().unwrap()[reply.status as usize / 100 - 1] += 1;
                            complaint(&reply)
                        });
                        let asked = || {
                            format!(
                                "{} {}:\n{}\n{}",
                                operation.method,
                                operation.path,
                                shown(&bytes),
                                server.log_tail()
                            )
                        };
                        assert_eq!(wrong, None, "{}", asked());
                    }
                }
            });
        }
    });
    by_class.into_inner().unwrap()
}

fn only(operation: &Operation) -> bool {
    let wanted = std::env::var("VITRINA_FUZZ_ONLY").unwrap_or_default();
    format!("{} {}", operation.method, operation.path).contains(&wanted)
}

fn a_shop(server: &Server) {
    checkerboard(server, 20, 10);
    server.post("/v1/train", &json!({ "models": ["popular", "item-knn"] }));
}

fn is_edit(operation: &Operation) -> bool {
    operation.method == "PUT" && operation.path.ends_with("/{id}")
}

#[test]
fn no_request_to_any_operation_is_answered_with_a_5xx() {
    let dir = tempfile::tempdir().unwrap();
    // A brought model needs one in service, whatever that one is worth.
    let server = Server::start_with(dir.path(), &[("VITRINA__TRAIN__GATE_RATIO", "0.0")]);
    a_shop(&server);
    let n = amount("VITRINA_FUZZ", 3_000);
    let seed = amount("VITRINA_FUZZ_SEED", 1) as u64;
    // The stream never ends; it has a test of its own.
    let operations: Vec<_> = operations(&server)
        .into_iter()
        .filter(|operation| operation.path != "/v1/events/stream" && only(operation))
        .collect();
    for operation in &operations {
        for body in seeds(operation) {
            let answer = server.send(&operation.method, &operation.path, body.to_string().as_bytes());
            // What people edit is changed by who says what they have seen, which nobody here does.
            let wanted: &[u16] = if is_edit(operation) { &[400, 428] } else { &[200, 201] };
            assert!(
                wanted.contains(&answer.status),
                "the valid body of {operation:?} gets {}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
        }
    }
    bombard(&server, &operations, n / 3, seed);
    let (started, warm) = (Instant::now(), server.rss_bytes());
    let answers = bombard(&server, &operations, n - n / 3, seed + 1);
    let grown = server.rss_bytes().saturating_sub(warm);
    let n_requests = answers.iter().sum::<usize>() as u64;
    println!(
        "{n_requests} requests to {} operations in {:.0?}: 2xx {}, 3xx {}, 4xx {}; {} MiB grew by {} KiB",
        operations.len(),
        started.elapsed(),
        answers[1],
        answers[2],
        answers[3],
        warm >> 20,
        grown >> 10
    );
    assert!(warm + grown < RSS_MAX, "the server holds {} MiB", (warm + grown) >> 20);
    if n_requests >= REQUESTS_FOR_A_LEAK {
        let leaked = grown / n_requests;
        assert!(leaked < LEAK_BYTES_PER_REQUEST_MAX, "each request leaves {leaked} bytes behind");
    }
    still_serves(&server);
}

fn still_serves(server: &Server) {
    assert_eq!(server.send("GET", "/livez", b"").status, 200);
    server.call("PUT", "/v1/products", &json!({ "product_id": "last", "name": "Última" }));
    assert_eq!(server.post("/v1/events", &common::view("last", "last", "last"))["accepted"], 1);
    assert!(server.get("/api/recommendations?user_id=u1")["recommendations"].is_array());
}

/// Bodies that are cheap to send and meant to be dear to read.
#[test]
fn large_and_deep_bodies_are_refused_cheaply() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    a_shop(&server);
    let mib4 = 4 << 20;
    let fields: String = (0..250_000).map(|i| format!("\"f{i}\":0,")).collect();
    let bombs: [(&str, Vec<u8>); 9] = [
        ("a deep list", "[".repeat(mib4).into_bytes()),
        ("a deep object", "{\"a\":".repeat(mib4 / 5).into_bytes()),
        ("a deep list that ends", format!("{}{}", "[".repeat(mib4 / 2), "]".repeat(mib4 / 2)).into_bytes()),
        ("many fields", format!("{{{fields}\"last\":0}}").into_bytes()),
        ("long text", format!("\"{}\"", "a".repeat(mib4 - 2)).into_bytes()),
        ("a long number", "9".repeat(mib4).into_bytes()),
        ("a long list of numbers", format!("[{}0]", "0,".repeat(mib4 / 2 - 2)).into_bytes()),
        ("a long list of objects", format!("[{}{{}}]", "{},".repeat(mib4 / 3 - 2)).into_bytes()),
        ("spaces", " ".repeat(mib4).into_bytes()),
    ];
    let warm = server.rss_bytes();
    let mut client = Client::new(&server.addr);
    for operation in operations(&server).iter().filter(|operation| operation.reads_body) {
        for (what, body) in &bombs {
            let bytes = request(&operation.method, &operation.path, "", body);
            let started = Instant::now();
            let reply = client.exchange(&bytes).unwrap_or_else(|error| panic!("{what} to {operation:?}: {error}"));
            assert_eq!(complaint(&reply), None, "{what} to {operation:?}");
            // An object with nothing known in it is one event with something missing, and the verdict says so.
            assert!(reply.status >= 400 || operation.path == "/v1/events", "{what} to {operation:?}: {}", reply.status);
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "{what} to {operation:?} took {:?}",
                started.elapsed()
            );
        }
    }
    let grown = server.rss_bytes().saturating_sub(warm);
    println!("{} MiB grew by {} MiB", warm >> 20, grown >> 20);
    assert!(warm + grown < RSS_MAX, "the server holds {} MiB", (warm + grown) >> 20);
    still_serves(&server);
}

#[test]
fn what_is_no_http_is_refused_or_closed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut rng = Rng(3);
    let many_headers: String = (0..500).map(|i| format!("X-{i}: 1\r\n")).collect();
    let known: [Vec<u8>; 14] = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"GET \xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(),
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            .to_vec(),
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}".to_vec(),
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n".to_vec(),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(100_000)).into_bytes(),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(1 << 20)).into_bytes(),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{many_headers}\r\n").into_bytes(),
    ];
    let random = (0..300).map(|i| match i % 3 {
        0 => rubbish(&mut rng, 2_000),
        1 => with_wrong_bytes(&mut rng, request("POST", "/v1/recommendations", "", b"{}")),
        _ => [b"GET /".to_vec(), rubbish(&mut rng, 50), b" HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()].concat(),
    });
    for bytes in known.into_iter().chain(random.collect::<Vec<_>>()) {
        let mut stream = TcpStream::connect(&server.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // The server may have closed before all was sent.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        let timed_out =
            ended.is_err_and(|e| matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut));
        assert!(!timed_out, "neither answered nor closed: {}", shown(&bytes));
        assert!(!answer.starts_with(b"HTTP/1.1 5"), "{}:\n{}", shown(&bytes), shown(&answer));
    }
    assert_eq!(server.get("/v1/status")["events"]["total"], 0);
    still_serves(&server);
}

#[test]
fn the_stream_bears_odd_readers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut rng = Rng(5);
    let operation = operations(&server).into_iter().find(|operation| operation.path == "/v1/events/stream").unwrap();
    let mut open = Vec::new();
    for i in 0..200 {
        let id = String::from_utf8_lossy(&odd_text(&mut rng)).replace(|c: char| c.is_control(), "");
        let head = request("GET", &odd_target(&mut rng, &operation), &format!("Last-Event-ID: {id}\r\n"), b"");
        let mut stream = BufReader::new(TcpStream::connect(&server.addr).unwrap());
        stream.get_mut().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.get_mut().write_all(&head).unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200") || line.starts_with("HTTP/1.1 4"), "{line}: {}", shown(&head));
        // Every other reader leaves without a word; the rest reads nothing of what follows.
        if i % 2 == 0 {
            open.push(stream);
        }
    }
    let events: Vec<Value> = (0..5_000).map(|i| common::view(&format!("m{i}"), "u", "p")).collect();
    for chunk in events.chunks(1_000) {
        assert_eq!(server.post("/v1/events", &Value::Array(chunk.to_vec()))["accepted"], chunk.len());
    }
    still_serves(&server);
}
