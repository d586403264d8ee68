//! A `vitrina serve` of our own, watched through /proc.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::{http, shop::Vitrina};

/// Linux counts CPU time of processes in hundredths of a second, whatever the kernel's own tick.
const TICKS_PER_SECOND: f64 = 100.0;

pub struct Server {
    child: Child,
    pub addr: String,
    pub data: PathBuf,
    /// From the start of the process to its first answer that it is ready.
    pub ready_after: Duration,
}

impl Server {
    /// `arguments` are the command that serves: `serve`, or `demo` with its options.
    pub fn start(vitrina: &Vitrina, data: &Path, arguments: &[&str], patience: Duration) -> anyhow::Result<Self> {
        let addr = free_addr()?;
        fs::create_dir_all(data)?;
        let mut command = vitrina.command(data, arguments);
        command.args(["--addr", &addr]);
        Self::spawn(command, addr, data, "/readyz", patience)
    }

    /// Any server that will listen on `addr`, once it answers `GET ready`; its log goes into `data`.
    pub fn spawn(
        mut command: Command,
        addr: String,
        data: &Path,
        ready: &str,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let log = data.join("bench-server.log");
        let started = Instant::now();
        command.stdout(Stdio::null()).stderr(File::create(&log)?);
        let child = command.spawn().with_context(|| format!("can't start {}", command.get_program().display()))?;
        let mut server = Self { child, addr, data: data.to_owned(), ready_after: Duration::ZERO };
        while http::call(&server.addr, "GET", ready, &Value::Null).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended ({status}): {}", fs::read_to_string(&log).unwrap_or_default());
            }
            if started.elapsed() > patience {
                bail!("the server is not ready after {patience:?}; its log is {}", log.display());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        server.ready_after = started.elapsed();
        Ok(server)
    }

    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        http::call(&self.addr, "GET", path, &Value::Null)
    }

    /// Events in the log, as the server counts them.
    pub fn events_total(&self) -> anyhow::Result<u64> {
        self.get("/v1/status")?["events"]["total"].as_u64().context("the status has no events.total")
    }

    /// Keeps all its threads on one core, so that it does not share it with whoever asks.
    pub fn keep_to_core(&self, core: usize) -> anyhow::Result<()> {
        keep_to_core(self.child.id(), core)
    }

    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds(&self.child.id().to_string())
    }

    pub fn rss_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    pub fn rss_bytes_max(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
    }

    /// `SIGKILL`: no chance to save anything.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// `SIGTERM`, and its end.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status()?;
        anyhow::ensure!(asked.success(), "can't stop the server");
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time of a process, `self` for our own.
pub fn cpu_seconds(process: &str) -> f64 {
    cpu_ticks(process, 11) / TICKS_PER_SECOND
}

/// User and system time of all our children that have ended.
pub fn cpu_seconds_of_ended_children() -> f64 {
    cpu_ticks("self", 13) / TICKS_PER_SECOND
}

/// The sum of two neighbouring fields of /proc/PID/stat, counted after the name, which may hold blanks.
fn cpu_ticks(process: &str, at: usize) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    fields.skip(at).take(2).filter_map(|text| text.parse::<f64>().ok()).sum()
}

/// Keeps all threads that a process has, and those that they start, on one core.
pub fn keep_to_core(process: u32, core: usize) -> anyhow::Result<()> {
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", &core.to_string(), &process.to_string()]);
    let kept = taskset.stdout(Stdio::null()).status().context("can't start taskset, which util-linux has")?;
    anyhow::ensure!(kept.success(), "can't keep process {process} on core {core}");
    Ok(())
}

/// An address of the loopback where nobody listens.
pub fn free_addr() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
