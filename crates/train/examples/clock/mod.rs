//! What the benchmarks measure by: the clock on the wall, the time of all cores, the most memory.

use std::sync::Mutex;
use std::time::Instant;

/// Time that all threads of the process have run: on a shared machine it says more than the clock on the wall. Linux
/// counts it in hundredths of a second.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_ascii_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap_or(0.0));
    ticks.sum::<f64>() / 100.0
}

/// `VmRSS` (memory in use now) or `VmHWM` (the most so far) of the process, in MiB; Linux only.
pub fn memory_mib(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// Moments of a fit: its start, and the end of each step.
pub struct Laps(Mutex<Vec<(Instant, f64)>>);

impl Laps {
    pub fn start() -> Self {
        Self(Mutex::new(vec![(Instant::now(), cpu_seconds())]))
    }

    pub fn end_step(&self) {
        self.0.lock().expect("no panic while held").push((Instant::now(), cpu_seconds()));
    }

    /// Seconds of each step but the first `n_warm`, on the clock and of all cores.
    pub fn steps(&self, n_warm: usize) -> (Vec<f64>, Vec<f64>) {
        let moments = self.0.lock().expect("no panic while held");
        let steps = moments.windows(2).skip(n_warm).map(|w| ((w[1].0 - w[0].0).as_secs_f64(), w[1].1 - w[0].1));
        steps.unzip()
    }
}
