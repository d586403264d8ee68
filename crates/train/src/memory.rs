//! How much memory the process holds, and how much it may still take. Linux tells; elsewhere nothing is known.

use std::fs;

/// Most memory the process has held so far, in bytes.
pub fn peak() -> Option<u64> {
    of_process("VmHWM:")
}

/// By how many bytes a piece of work raised the memory of the process while it ran; more, where the process once held
/// more before.
pub fn growth<T>(work: impl FnOnce() -> T) -> (T, Option<u64>) {
    let before = of_process("VmRSS:");
    let done = work();
    let growth = before.zip(peak()).map(|(before, peak)| peak.saturating_sub(before));
    (done, growth)
}

/// Another run of the same work with other options may take more.
const MARGIN: u64 = 2;

/// How many pieces of work that raise memory by `growth` bytes fit side by side, from 1 to `most`; 1 if nothing is known.
pub fn n_within(growth: Option<u64>, most: usize) -> usize {
    let n = growth.zip(available()).map_or(1, |(growth, available)| available / (MARGIN * growth.max(1)));
    usize::try_from(n).unwrap_or(usize::MAX).clamp(1, most.max(1))
}

/// Bytes that the machine and the control group (version 2) still allow.
fn available() -> Option<u64> {
    let machine = kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    let group = |file: &str| fs::read_to_string(format!("/sys/fs/cgroup/memory.{file}")).ok()?.trim().parse().ok();
    let allowed = group("max").zip(group("current")).map(|(max, current): (u64, u64)| max.saturating_sub(current));
    Some(allowed.map_or(machine, |allowed| allowed.min(machine)))
}

fn of_process(field: &str) -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?, field)
}

/// `VmHWM:     1024 kB`, in bytes.
fn kibibytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_bytes() {
        assert_eq!(kibibytes("VmPeak:\t 9 kB\nVmHWM:\t    12 kB\n", "VmHWM:"), Some(12 * 1024));
        assert_eq!(kibibytes("VmPeak:\t 9 kB\n", "VmHWM:"), None);
    }

    #[test]
    fn as_many_as_fit() {
        assert_eq!(n_within(None, 8), 1, "nothing is known");
        assert_eq!(n_within(Some(u64::MAX / 4), 8), 1, "one at least");
        if available().is_some() {
            assert_eq!(n_within(Some(1), 8), 8, "and no more than asked");
        }
    }
}
