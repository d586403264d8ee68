//! Sessions of clicks, and two servers that learned from them: ours and Serenade's.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context;
use serde_json::{Value, json};

use crate::{
    http,
    server::{Server, free_addr},
    shop::Vitrina,
};

/// Serenade leaves the longest half percent of sessions out, which these are.
const SESSION_MAX: usize = 30;
/// The first session; each later one begins a minute later, and its clicks lie a second apart.
const FIRST: i64 = 1_430_438_400;
const READY_MAX: Duration = Duration::from_secs(300);
const PLACEMENT: &str = "session";
const MADE: &str = "bench-made.json";

/// The different products of a session, in order, by number.
pub type Session = Vec<u64>;

/// Sessions to learn from, and others to ask about.
pub struct Sessions {
    pub train: Vec<Session>,
    pub test: Vec<Session>,
}

impl Sessions {
    /// Reads a folder with `train_sessions.txt` and `test_prefix_target.tsv`: products as numbers, a session a line.
    ///
    /// # Errors
    /// When a file is not there or holds something else.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let text = |name: &str| {
            let file = folder.join(name);
            fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))
        };
        let train = text("train_sessions.txt")?.lines().map(distinct).collect::<anyhow::Result<Vec<_>>>()?;
        let prefixes = text("test_prefix_target.tsv")?;
        let mut longest: Vec<&str> = Vec::new();
        for prefix in prefixes.lines().filter_map(|line| Some(line.split_once('\t')?.0)) {
            // The shorter prefixes of a session follow the longest.
            let is_within = |last: &&str| last.strip_prefix(prefix).is_some_and(|rest| rest.starts_with([' ']));
            if !longest.last().is_some_and(is_within) {
                longest.push(prefix);
            }
        }
        let test = longest.into_iter().map(distinct).collect::<anyhow::Result<Vec<_>>>()?;
        let short = |sessions: Vec<Session>| sessions.into_iter().filter(|s| s.len() <= SESSION_MAX).collect();
        Ok(Self { train: short(train), test: short(test) })
    }

    /// What was clicked up to each click of the test sessions, as a shop sees it: a thousand sessions go on at once.
    pub fn clicks(&self) -> impl Iterator<Item = (usize, &[u64])> {
        const AT_ONCE: usize = 1_000;
        self.test.chunks(AT_ONCE).enumerate().flat_map(|(block, sessions)| {
            (1..=SESSION_MAX).flat_map(move |n| {
                let going_on = sessions.iter().enumerate().filter(move |(_, session)| session.len() >= n);
                going_on.map(move |(number, session)| (block * AT_ONCE + number, &session[..n]))
            })
        })
    }

    fn write(&self, file: &Path, head: &str, row: impl Fn(usize, u64, i64) -> String) -> anyhow::Result<()> {
        let mut file = BufWriter::new(File::create(file)?);
        writeln!(file, "{head}")?;
        for (number, session) in self.train.iter().enumerate() {
            for (step, product) in session.iter().enumerate() {
                writeln!(file, "{}", row(number, *product, FIRST + 60 * number as i64 + step as i64))?;
            }
        }
        Ok(file.flush()?)
    }
}

fn distinct(line: &str) -> anyhow::Result<Session> {
    let mut products = Session::new();
    for word in line.split_ascii_whitespace() {
        let product = word.parse().with_context(|| format!("wanted the number of a product, got {word:?}"))?;
        if !products.contains(&product) {
            products.push(product);
        }
    }
    Ok(products)
}

/// What both sides are told, by Serenade's names.
#[derive(Debug, Clone, Copy)]
pub struct Parameters {
    /// Most recent sessions with a product of the history that are looked at.
    pub m: usize,
    /// Most similar ones of them that vote.
    pub k: usize,
    /// Latest clicks of a session that count.
    pub history: usize,
    /// Products in an answer.
    pub n: usize,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Vitrina,
    Serenade,
}

impl Side {
    pub const BOTH: [Self; 2] = [Self::Vitrina, Self::Serenade];

    pub fn name(self) -> &'static str {
        match self {
            Self::Vitrina => "vitrina",
            Self::Serenade => "serenade",
        }
    }

    /// A server that learned from the sessions, in a folder that is made when it is not there.
    pub fn serve(
        self,
        programs: &Programs,
        folder: &Path,
        sessions: &Sessions,
        parameters: Parameters,
    ) -> anyhow::Result<Server> {
        let folder = folder.join(self.name());
        fs::create_dir_all(&folder)?;
        match self {
            Self::Vitrina => vitrina(&programs.vitrina, &folder, sessions, parameters),
            Self::Serenade => serenade(&programs.serenade, &folder, sessions, parameters),
        }
    }

    /// The question for what goes on after `clicks`, or, without the name of a session, after the last of them alone.
    /// Serenade keeps sessions by name and is told the newest click; we are told all that count.
    pub fn request(self, session: Option<&str>, clicks: &[u64], parameters: Parameters) -> Vec<u8> {
        let Parameters { history, n, .. } = parameters;
        match self {
            Self::Vitrina => {
                let history = if session.is_some() { history } else { 1 };
                let latest = &clicks[clicks.len().saturating_sub(history)..];
                let products: Vec<String> = latest.iter().map(u64::to_string).collect();
                let body = json!({ "placement": PLACEMENT, "product_ids": products, "n": n, "preview": true });
                http::request("POST", "/v1/recommendations", body.to_string().as_bytes())
            }
            Self::Serenade => {
                let last = clicks.last().copied().unwrap_or_default();
                let (name, keep) = (session.unwrap_or("nobody"), session.is_some());
                let path = format!("/v1/recommend?session_id={name}&user_consent={keep}&item_id={last}");
                http::request("GET", &path, &[])
            }
        }
    }

    /// The products of an answer, best first.
    pub fn products(self, answer: &[u8]) -> anyhow::Result<Vec<u64>> {
        let answer: Value = serde_json::from_slice(answer)?;
        let products = match self {
            Self::Vitrina => answer["items"].as_array(),
            Self::Serenade => answer.as_array(),
        };
        let products = products.with_context(|| format!("{} answered without products: {answer}", self.name()))?;
        let number = |item: &Value| match self {
            Self::Vitrina => item["product_id"].as_str()?.parse().ok(),
            Self::Serenade => item.as_u64(),
        };
        products.iter().map(|item| number(item).with_context(|| format!("wanted a product, got {item}"))).collect()
    }
}

/// The binaries of both sides.
pub struct Programs {
    pub vitrina: Vitrina,
    pub serenade: PathBuf,
}

/// A shop of one model, with Serenade's weights; it has no catalogue, as Serenade has none.
fn vitrina(program: &Vitrina, folder: &Path, sessions: &Sessions, parameters: Parameters) -> anyhow::Result<Server> {
    let made = json!({ "sessions": sessions.train.len(), "parameters": format!("{parameters:?}") }).to_string();
    if fs::read_to_string(folder.join(MADE)).ok().as_ref() != Some(&made) {
        let clicks = folder.join("clicks.csv");
        sessions.write(&clicks, "user_id,product_id,interaction_type,timestamp", |session, product, at| {
            let at = jiff::Timestamp::from_second(at).expect("within jiff's range");
            format!("s{session},{product},view,{at}")
        })?;
        program.import(folder, "events", &clicks, "csv")?;
        fs::remove_file(&clicks)?;
        let Parameters { m, k, history, .. } = parameters;
        let options = [
            format!("sessions={m}"),
            format!("neighbours={k}"),
            format!("history_length={history}"),
            "position=linear".to_owned(),
            "match_slope=0.1".to_owned(),
            "distance_scale=0".to_owned(),
            "match_idf=0".to_owned(),
            "returns=neighbours".to_owned(),
        ];
        let mut train = vec!["train", "--model", "vmis-knn"];
        train.extend(options.iter().flat_map(|option| ["--set", option]));
        let trained = program.run(folder, &train)?;
        // The gate asks about people, of whom each has one session here: nobody in its test was there before.
        let version = trained["manifest"]["version"].as_str().context("a trained model has a version")?;
        program.run(folder, &["models", "promote", version])?;
        fs::create_dir_all(folder.join("plans"))?;
        fs::write(
            folder.join("plans").join(PLACEMENT).with_extension("toml"),
            "description = \"What sessions like this one go on to.\"\nfallbacks = []\n\n[[sources]]\nname = \"item_to_item\"\n",
        )?;
        fs::write(folder.join(MADE), made)?;
    }
    program.serve(folder)
}

fn serenade(program: &Path, folder: &Path, sessions: &Sessions, parameters: Parameters) -> anyhow::Result<Server> {
    let Parameters { m, k, history, n } = parameters;
    let clicks = folder.join("clicks.tsv");
    sessions.write(&clicks, "SessionId\tItemId\tTime", |session, product, at| format!("{session}\t{product}\t{at}"))?;
    let addr = free_addr()?;
    let (host, port) = addr.split_once(':').context("an address has a port")?;
    let config = format!(
        "[server]\nhost = \"{host}\"\nport = {port}\n[data]\ntraining_data_path = \"clicks.tsv\"\n\
         [model]\nm_most_recent_sessions = {m}\nneighborhood_size_k = {k}\nmax_items_in_session = {history}\n\
         num_items_to_recommend = {n}\nidf_weighting = 1\n[logic]\nenable_business_logic = false\n{UNUSED}"
    );
    fs::write(folder.join("serenade.toml"), config)?;
    let mut command = Command::new(fs::canonicalize(program)?);
    // It keeps the sessions that go on in ./sessions.db.
    command.current_dir(folder).arg("serenade.toml");
    let ready = "/v1/recommend?session_id=ready&user_consent=false&item_id=1";
    Server::spawn(command, addr, folder, ready, READY_MAX)
}

/// Serenade does not start without these, which only its search for parameters reads.
const UNUSED: &str = "[hyperparam]\ntraining_data_path = \"\"\ntest_data_path = \"\"\nvalidation_data_path = \"\"\n\
    num_iterations = 1\nsave_records = false\nout_path = \"\"\nenable_business_logic = false\n\
    n_most_recent_sessions_range = [1, 1]\nneighborhood_size_k_range = [1, 1]\nlast_items_in_session_range = [1, 1]\n\
    idf_weighting_range = [1, 1]\n";
