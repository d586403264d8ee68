//! `vitrina doctor`: looks at everything that has to be right, and says what to do about what is not.

use std::{fs, path::Path, time::SystemTime};

use serde::Serialize;
use text::{Bert, TextEncoder};

use super::{api::Api, say, say_json};
use crate::config::Config;

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

pub fn run(config: anyhow::Result<Config>, as_json: bool) -> anyhow::Result<()> {
    let findings = examine(config);
    let failed = findings.iter().filter(|f| f.verdict == Verdict::Fail).count();
    if as_json {
        say_json(&findings)?;
    } else {
        for Finding { check, verdict, detail } in &findings {
            let mark = match verdict {
                Verdict::Ok => "ok  ",
                Verdict::Warn => "warn",
                Verdict::Fail => "FAIL",
            };
            say(format!("{mark}  {check:<14} {detail}"))?;
        }
    }
    if failed > 0 { anyhow::bail!("{failed} of {} checks failed", findings.len()) } else { Ok(()) }
}

fn examine(config: anyhow::Result<Config>) -> Vec<Finding> {
    let config = match config {
        Ok(config) => config,
        Err(error) => return vec![finding("configuration", Verdict::Fail, format!("{error:#}"))],
    };
    let mut findings = vec![
        finding(
            "configuration",
            Verdict::Ok,
            format!("shop {}, data in {}", config.shop.name, config.server.data.display()),
        ),
        disk(&config.server.data),
        clock(),
        key(&config),
        encoder(&config),
    ];
    match Api::open(&config) {
        Ok(api) => {
            let place = match &api {
                Api::Here { .. } => "opened here; no server is running on it".to_owned(),
                Api::There { base, .. } => format!("a server has it open at {base}"),
            };
            findings.push(finding("store", Verdict::Ok, place));
            findings.extend(shop(&api));
        }
        Err(error) => findings.push(finding("store", Verdict::Fail, format!("{error:#}"))),
    }
    findings
}

fn finding(check: &'static str, verdict: Verdict, detail: impl Into<String>) -> Finding {
    Finding { check, verdict, detail: detail.into() }
}

/// Can we write there, and does it survive a read?
fn disk(data: &Path) -> Finding {
    let probe = data.join(".doctor");
    let written = fs::create_dir_all(data)
        .and_then(|()| fs::write(&probe, b"vitrina"))
        .and_then(|()| fs::read(&probe))
        .and_then(|bytes| fs::remove_file(&probe).map(|()| bytes));
    match written {
        Ok(bytes) if bytes == b"vitrina" => finding("disk", Verdict::Ok, format!("{} is writable", data.display())),
        Ok(_) => finding(
            "disk",
            Verdict::Fail,
            format!("{} reads back other bytes than were written; replace the disk", data.display()),
        ),
        Err(error) => finding(
            "disk",
            Verdict::Fail,
            format!("{}: {error}; choose a folder that this user may write", data.display()),
        ),
    }
}

/// The day this version was written; a clock before it is wrong.
const RELEASED_UNIX_SECONDS: u64 = 1_795_219_200;

fn clock() -> Finding {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    if now < RELEASED_UNIX_SECONDS {
        return finding(
            "clock",
            Verdict::Fail,
            "the clock is before this program's release; set it (NTP), or events get wrong times",
        );
    }
    finding("clock", Verdict::Ok, "after this program's release")
}

fn key(config: &Config) -> Finding {
    let path = config.key_file();
    let is_beside = path.starts_with(config.server.data.join("shops"));
    match fs::metadata(&path) {
        Ok(_) if is_beside => finding(
            "pseudonym key",
            Verdict::Warn,
            format!("{} lies inside the store; move it out (privacy.key_file)", path.display()),
        ),
        Ok(_) => finding(
            "pseudonym key",
            Verdict::Ok,
            format!("{}; keep a copy apart from backups of the store", path.display()),
        ),
        Err(_) => finding(
            "pseudonym key",
            Verdict::Warn,
            format!("{} is not there yet; the first start makes it", path.display()),
        ),
    }
}

fn encoder(config: &Config) -> Finding {
    match Bert::open(&config.text_model(), config.text.precision) {
        Ok(bert) => finding("text encoder", Verdict::Ok, bert.id()),
        Err(error @ text::Error::NoModel { .. }) => {
            finding("text encoder", Verdict::Warn, format!("{error}; `vitrina text fetch`"))
        }
        Err(error) => finding("text encoder", Verdict::Fail, format!("{error}; `vitrina text fetch`")),
    }
}

fn shop(api: &Api) -> Vec<Finding> {
    let status = match api.get("/v1/status") {
        Ok(status) => status,
        Err(error) => return vec![finding("shop", Verdict::Fail, format!("{error:#}"))],
    };
    let number = |pointer: &str| status.pointer(pointer).and_then(serde_json::Value::as_u64).unwrap_or(0);
    let (products, events, users) = (number("/products"), number("/events/total"), number("/users"));
    let lag = number("/freshness/log_head").saturating_sub(number("/freshness/folded_position"));
    let mut findings = vec![
        match products {
            0 => finding("catalogue", Verdict::Warn, "empty; `vitrina import catalog FILE` or PUT /v1/products"),
            n => finding("catalogue", Verdict::Ok, format!("{n} products")),
        },
        match events {
            0 => finding("events", Verdict::Warn, "none yet; `vitrina import events FILE` or POST /v1/events"),
            n => finding("events", Verdict::Ok, format!("{n} events, {users} users, {lag} not folded")),
        },
    ];
    findings.push(match status["model"]["version"].as_str() {
        Some(version) => finding("model", Verdict::Ok, format!("serving {version}")),
        None if events == 0 => finding("model", Verdict::Warn, "none; it needs events first"),
        None => finding("model", Verdict::Warn, "none is promoted or it does not load; `vitrina train`"),
    });
    if let Ok(page) = api.get("/v1/events/quarantine?limit=1") {
        let refused: u64 = page["counts"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
        findings.push(match refused {
            0 => finding("quarantine", Verdict::Ok, "empty"),
            n => finding(
                "quarantine",
                Verdict::Warn,
                format!("{n} refused events; `vitrina events quarantine` shows why"),
            ),
        });
    }
    findings
}
