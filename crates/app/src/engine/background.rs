//! Threads for what no request waits for. They step back before the threads that answer: a catalogue of tens of thousands of products that is
//! read anew, or a training, must not be felt in a slate.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// The kernel then gives an answering thread about ten times the time of one of these, where both want a core.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Two pools, so that a thread that waits for a part of one job never takes up a long job of the other kind meanwhile. Only computations go in:
/// a thread that waits may take up another job of its pool, so none may hold a lock.
pub(super) struct Background {
    pub reading: ThreadPool,
    pub training: ThreadPool,
}

impl Background {
    pub fn new() -> Result<Self, ThreadPoolBuildError> {
        let pool = |name: &'static str| {
            let named = ThreadPoolBuilder::new().thread_name(move |thread| format!("{name}-{thread}"));
            named.start_handler(|_| step_back()).build()
        };
        Ok(Self { reading: pool("reading")?, training: pool("training")? })
    }
}

/// On Linux a thread has a priority of its own; elsewhere the whole process would step back.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "background work can't step back before requests");
    }
}
