//! A real server in a temporary folder, and a plain client.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

pub const VITRINA: &str = env!("CARGO_BIN_EXE_vitrina");
/// Models that are fitted in a moment; `auto`, the default, would take its time.
const MODELS: (&str, &str) = ("VITRINA__TRAIN__MODELS", r#"["popular", "trending", "item-knn", "ials", "hybrid"]"#);

pub struct Server {
    child: Child,
    pub addr: String,
    pub data: PathBuf,
    agent: ureq::Agent,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// A refusal as it has to be: problem+json with a code and a detail.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.content_type, "application/problem+json", "{}", String::from_utf8_lossy(&self.body));
        let problem = self.json();
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        assert_eq!(problem["status"], self.status);
        (self.status, problem["code"].as_str().expect("a code").to_owned())
    }
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("bound").port()
}

impl Server {
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub fn start_with(data: &Path, env: &[(&str, &str)]) -> Self {
        let addr = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(VITRINA);
        command.args(["serve", "--addr", &addr, "--data"]).arg(data).stdout(Stdio::null()).stderr(Stdio::piped());
        command.env("VITRINA__LOG__LEVEL", "info,fjall=warn,lsm_tree=warn").env(MODELS.0, MODELS.1);
        command.envs(env.iter().copied());
        let mut child = command.spawn().expect("the binary starts");
        // A full pipe would stop the server, so somebody has to read its log; the last lines help when a test fails.
        let log = BufReader::new(child.stderr.take().expect("piped"));
        let copy = data.join("server.log");
        std::thread::spawn(move || {
            let mut copy = fs::File::create(copy).expect("the data folder is writable");
            for line in log.lines().map_while(Result::ok) {
                let _ = writeln!(copy, "{line}");
            }
        });
        let server = Self { child, addr, data: data.to_owned(), agent: agent() };
        server.await_ready();
        server
    }

    fn await_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.agent.get(self.url("/readyz")).call().is_err() {
            let log = || fs::read_to_string(self.data.join("server.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "the server does not get ready:\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the server said last, for whoever looks into a failure.
    pub fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.data.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().filter(|line| !line.starts_with("  ")).collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Memory that the server holds now.
    pub fn rss_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("it runs");
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<u64>().ok());
        kib.expect("the system tells") * 1024
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn try_send(&self, method: &str, path: &str, body: &[u8]) -> Result<Answer, ureq::Error> {
        let request = ureq::http::Request::builder().method(method).uri(self.url(path));
        let mut response = self.agent.run(request.body(body).expect("a request"))?;
        let content_type =
            response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
        let body = response.body_mut().read_to_vec()?;
        Ok(Answer { status: response.status().as_u16(), content_type, body })
    }

    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.try_send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, b"");
        assert_eq!(answer.status, 200, "GET {path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    pub fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.send(method, path, body.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{method} {path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", path, body)
    }

    /// Returns once the texts of so many products are in: they follow the catalogue by a moment.
    pub fn await_content(&self, n_products: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.get("/v1/status")["content"]["products"] != n_products {
            assert!(Instant::now() < deadline, "the catalogue is not read:\n{}", self.log_tail());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn slate(&self, user: &str) -> Vec<String> {
        let answer = self.post("/v1/recommendations", &json!({ "user_id": user, "preview": true }));
        answer["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["product_id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// `SIGKILL`: no chance to save anything.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// `SIGTERM`, and the exit it leads to.
    pub fn stop(mut self) -> std::process::ExitStatus {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(status.success());
        self.child.wait().expect("it ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the binary to its end.
pub fn vitrina(data: &Path, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(VITRINA);
    command.args(args).arg("--data").arg(data).env(MODELS.0, MODELS.1).output().expect("the binary runs")
}

pub fn view(message_id: &str, user: &str, product: &str) -> Value {
    json!({ "message_id": message_id, "event": "product_viewed", "user_id": user, "product_id": product })
}

/// Even users buy even products, odd users odd ones; each leaves one product of its kind out.
pub fn checkerboard(server: &Server, n_users: usize, n_products: usize) {
    let products: Vec<Value> = (0..n_products)
        .map(|p| json!({ "product_id": format!("p{p}"), "name": format!("Producto {p}"), "category": if p % 2 == 0 { "Par" } else { "Impar" }, "price": 10 + p }))
        .collect();
    server.call("PUT", "/v1/products", &Value::Array(products));
    server.await_content(n_products);
    let seen: Vec<(usize, usize)> = (0..n_users)
        .flat_map(|u| (0..n_products).filter(move |p| p % 2 == u % 2 && *p != u % n_products).map(move |p| (u, p)))
        .collect();
    // A second apart and in mixed order, so that the newest part holds events of many users who are known before.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as usize;
    let event = |(i, (u, p)): (usize, &(usize, usize))| {
        let mut event = view(&format!("m{u}-{p}"), &format!("u{u}"), &format!("p{p}"));
        event["timestamp"] = json!(now - seen.len() + i * 7_919 % seen.len());
        event
    };
    let events: Vec<Value> = seen.iter().enumerate().map(event).collect();
    for chunk in events.chunks(500) {
        let verdicts = server.post("/v1/events", &Value::Array(chunk.to_vec()));
        assert_eq!(verdicts["accepted"], chunk.len(), "{verdicts}");
    }
}

/// Seeded choices (splitmix64), so that what fails can be made to fail again.
#[derive(Debug, Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// How much of a test to run: a number in the environment, else the default.
pub fn amount(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
