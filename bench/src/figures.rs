//! What a measurement came to: latencies and their quantiles, and the machine at that moment.

use std::{fs, time::Duration};

use serde_json::{Value, json};

/// Every latency in microseconds: a run is bounded, so quantiles are exact and need no buckets.
#[derive(Debug, Default, Clone)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    pub fn record(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn add(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    pub fn n(&self) -> usize {
        self.0.len()
    }

    /// The smallest latency that at least this share of all does not exceed, in milliseconds.
    pub fn ms(&self, quantile: f64) -> f64 {
        self.all_ms([quantile])[0]
    }

    fn all_ms<const N: usize>(&self, quantiles: [f64; N]) -> [f64; N] {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = |quantile: f64| ((quantile * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
        quantiles.map(|quantile| sorted.get(rank(quantile)).map_or(f64::NAN, |us| f64::from(*us) / 1e3))
    }

    pub fn json(&self) -> Value {
        let [p50, p90, p99, p999, max] = self.all_ms(SHOWN);
        json!({ "n": self.n(), "p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "p999_ms": p999, "max_ms": max })
    }
}

const SHOWN: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p90, p99, p999, max] = self.all_ms(SHOWN);
        write!(f, "p50 {p50:.2}  p90 {p90:.2}  p99 {p99:.2}  p99.9 {p999:.2}  max {max:.2} ms")
    }
}

/// The machine, and how busy it was: figures of a shared machine mean little without it.
pub fn machine() -> Value {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory_gib": kib.map(|kib| (kib as f64 / f64::from(1 << 20)).round()),
        "load_1m": load.split_whitespace().next().and_then(|text| text.parse::<f64>().ok()),
    })
}

/// Bytes below a folder.
pub fn folder_bytes(path: &std::path::Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_nearest_rank() {
        let mut latencies = Latencies::default();
        (1..=1_000).rev().for_each(|ms| latencies.record(Duration::from_millis(ms)));
        assert_eq!(latencies.all_ms(SHOWN), [500.0, 900.0, 990.0, 999.0, 1_000.0]);
        assert!(Latencies::default().ms(0.5).is_nan());
    }
}
