//! Options that several programs share.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use tempfile::TempDir;

use crate::{server::Server, shop::Vitrina};

#[derive(Debug, Args)]
pub struct Common {
    /// The binary to measure [default: `vitrina` beside this program]
    #[arg(long, value_name = "FILE")]
    pub vitrina: Option<PathBuf>,
    /// Folder for the shop; made when it is not there, used as it is when it is [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// A folder that is removed in the end unless somebody named it.
pub enum Folder {
    Named(PathBuf),
    Temporary(TempDir),
}

impl Folder {
    pub fn path(&self) -> &std::path::Path {
        match self {
            Self::Named(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

impl Common {
    pub fn vitrina(&self) -> anyhow::Result<Vitrina> {
        Vitrina::find(self.vitrina.as_deref())
    }

    pub fn folder(&self) -> anyhow::Result<Folder> {
        match &self.data {
            Some(path) => Ok(Folder::Named(path.clone())),
            None => Ok(Folder::Temporary(TempDir::new().context("no room for a temporary folder")?)),
        }
    }

    /// `text` for people, or `value` for machines.
    pub fn say(&self, text: &str, value: &Value) {
        if self.json {
            println!("{value:#}");
        } else {
            println!("{text}");
        }
    }
}

/// A server that we started, or one that runs already.
pub enum Target {
    Ours(Server),
    /// `host:port`
    Theirs(String),
}

impl Target {
    pub fn addr(&self) -> &str {
        match self {
            Self::Ours(server) => &server.addr,
            Self::Theirs(addr) => addr,
        }
    }

    /// CPU seconds that the server has used; unknown of a server elsewhere.
    pub fn cpu_seconds(&self) -> Option<f64> {
        match self {
            Self::Ours(server) => Some(server.cpu_seconds()),
            Self::Theirs(_) => None,
        }
    }

    pub fn rss_bytes(&self) -> Option<u64> {
        match self {
            Self::Ours(server) => Some(server.rss_bytes()),
            Self::Theirs(_) => None,
        }
    }
}

/// `http://127.0.0.1:7700/` as `127.0.0.1:7700`; anything but the loopback is refused.
pub fn loopback(url: &str) -> Result<String, String> {
    let addr = url.trim_start_matches("http://").trim_end_matches('/');
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
    match host {
        "127.0.0.1" | "localhost" | "[::1]" => Ok(addr.to_owned()),
        _ => Err(format!("{host} is not this machine; load is only sent over the loopback")),
    }
}
