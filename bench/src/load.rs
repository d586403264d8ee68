//! Load as an open model: when each request should go out is fixed before the first one does.
//!
//! A closed loop waits for an answer before it asks again, so a server that stalls for a second is asked less in that
//! second and its p99 looks fine ("coordinated omission"). Here a request that finds every connection busy goes out
//! late, and its latency counts from when it should have gone.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};

use crate::{figures::Latencies, http::Connection, options::Target, server::cpu_seconds};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arrivals {
    /// Independent shoppers: exponential gaps, with the bursts that come of them
    Poisson,
    /// One every 1/rate seconds
    Constant,
}

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub rate: f64,
    pub measured: Duration,
    /// Sent before, and not counted.
    pub warmup: Duration,
    pub connections: usize,
    pub arrivals: Arrivals,
    pub seed: u64,
}

/// How long after the plan's end requests may still be on their way.
const GRACE: Duration = Duration::from_secs(5);

impl Plan {
    /// When each request should go out, from the start.
    pub fn schedule(&self) -> Vec<Duration> {
        let mut rng = SmallRng::seed_from_u64(self.seed);
        let end = (self.warmup + self.measured).as_secs_f64();
        let mut at = 0.0;
        let mut times = Vec::with_capacity((end * self.rate) as usize + 1);
        loop {
            at += match self.arrivals {
                Arrivals::Constant => 1.0,
                Arrivals::Poisson => -(1.0 - rng.random::<f64>()).ln(),
            } / self.rate;
            if at >= end {
                return times;
            }
            times.push(Duration::from_secs_f64(at));
        }
    }
}

/// What came back.
#[derive(Default)]
pub struct Outcome {
    /// From when a request should have gone out to the end of its answer.
    pub latency: Latencies,
    /// How late a request went out that found its connection waiting: the generator's own share of the latency.
    pub lag: Latencies,
    pub planned: u64,
    pub ok: u64,
    /// By status or kind of failure.
    pub errors: BTreeMap<String, u64>,
    pub seconds: f64,
    pub server_cpu_seconds: Option<f64>,
    pub generator_cpu_seconds: f64,
}

impl Outcome {
    pub fn n_errors(&self) -> u64 {
        self.errors.values().sum()
    }

    pub fn rate(&self) -> f64 {
        self.ok as f64 / self.seconds
    }

    /// CPU time of the server for one request: what other load on the machine blurs least.
    pub fn server_cpu_us(&self) -> Option<f64> {
        Some(self.server_cpu_seconds? * 1e6 / self.ok as f64)
    }

    fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.lag.add(&other.lag);
        self.ok += other.ok;
        for (what, n) in &other.errors {
            *self.errors.entry(what.clone()).or_default() += n;
        }
    }

    pub fn json(&self) -> Value {
        json!({
            "planned": self.planned,
            "ok": self.ok,
            "errors": self.errors,
            "achieved_per_second": self.rate(),
            "latency": self.latency.json(),
            "generator_lag": self.lag.json(),
            "server_cpu_us_per_request": self.server_cpu_us(),
            "generator_cpu_us_per_request": self.generator_cpu_seconds * 1e6 / self.ok as f64,
        })
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}/s achieved, {} ok, {} errors   {}", self.rate(), self.ok, self.n_errors(), self.latency)?;
        if let Some(cpu) = self.server_cpu_us() {
            write!(f, "   server CPU {cpu:.0} µs a request")?;
        }
        write!(f, "   generator late by p99 {:.2} ms", self.lag.ms(0.99))?;
        if !self.errors.is_empty() {
            write!(f, "\n  errors: {:?}", self.errors)?;
        }
        Ok(())
    }
}

/// Sends `requests` in turn, as `plan` says, until its end or until `stop`.
pub fn open_loop(target: &Target, plan: &Plan, requests: &[Vec<u8>], stop: &AtomicBool) -> Outcome {
    let schedule = plan.schedule();
    let next = AtomicUsize::new(0);
    let run =
        Run { addr: target.addr(), plan, schedule: &schedule, requests, next: &next, stop, start: Instant::now() };
    let cpu = || (target.cpu_seconds(), cpu_seconds("self"));
    let mut outcome = Outcome::default();
    let before = thread::scope(|scope| {
        let connections: Vec<_> = (0..plan.connections).map(|_| scope.spawn(|| run.connection())).collect();
        thread::sleep(plan.warmup);
        let before = cpu();
        for connection in connections {
            outcome.add(&connection.join().expect("a connection's thread panicked"));
        }
        before
    });
    let after = cpu();
    outcome.planned = schedule.iter().filter(|at| **at >= plan.warmup).count() as u64;
    outcome.seconds = (run.start.elapsed() - plan.warmup).as_secs_f64();
    outcome.server_cpu_seconds = before.0.zip(after.0).map(|(before, after)| after - before);
    outcome.generator_cpu_seconds = after.1 - before.1;
    let unsent = outcome.planned.saturating_sub(outcome.ok + outcome.n_errors());
    if unsent > 0 && !stop.load(Relaxed) {
        outcome.errors.insert("never sent: every connection was busy until the end".to_owned(), unsent);
    }
    outcome
}

struct Run<'a> {
    addr: &'a str,
    plan: &'a Plan,
    schedule: &'a [Duration],
    requests: &'a [Vec<u8>],
    next: &'a AtomicUsize,
    stop: &'a AtomicBool,
    start: Instant,
}

impl Run<'_> {
    /// One connection takes the next request that nobody has taken, waits for its time, sends, and waits for the answer.
    fn connection(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let mut connection = None;
        let last = self.start + self.plan.warmup + self.plan.measured + GRACE;
        loop {
            let n = self.next.fetch_add(1, Relaxed);
            let Some(at) = self.schedule.get(n) else { return outcome };
            let intended = self.start + *at;
            let waited = intended.checked_duration_since(Instant::now());
            if let Some(wait) = waited {
                thread::sleep(wait);
            }
            if self.stop.load(Relaxed) || Instant::now() > last {
                return outcome;
            }
            let lag = intended.elapsed();
            let answer = self.ask(&mut connection, n);
            if *at < self.plan.warmup {
                continue;
            }
            if waited.is_some() {
                outcome.lag.record(lag);
            }
            match answer {
                Ok(()) => {
                    outcome.latency.record(intended.elapsed());
                    outcome.ok += 1;
                }
                Err(what) => *outcome.errors.entry(what).or_default() += 1,
            }
        }
    }

    fn ask(&self, connection: &mut Option<Connection>, n: usize) -> Result<(), String> {
        let mut open = match connection.take() {
            Some(open) => open,
            None => Connection::open(self.addr).map_err(|error| error.kind().to_string())?,
        };
        let status =
            open.ask(&self.requests[n % self.requests.len()]).map_err(|error| error.kind().to_string())?.status;
        *connection = Some(open);
        if status == 200 { Ok(()) } else { Err(format!("status {status}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arrivals: Arrivals) -> Plan {
        let second = Duration::from_secs(1);
        Plan { rate: 1000.0, measured: 9 * second, warmup: second, connections: 1, arrivals, seed: 7 }
    }

    #[test]
    fn both_arrivals_keep_the_rate() {
        let constant = plan(Arrivals::Constant).schedule();
        assert!(constant.len().abs_diff(10_000) <= 1, "{}", constant.len());
        let poisson = plan(Arrivals::Poisson).schedule();
        assert!((9_700..10_300).contains(&poisson.len()), "{}", poisson.len());
        assert!(poisson.is_sorted());
    }
}
