//! The first Ctrl-C asks long work to stop at its next step, the second ends the program.

use std::{
    process,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::api::runtime;

static CANCELLED: AtomicBool = AtomicBool::new(false);

/// A flag that Ctrl-C sets.
///
/// # Errors
/// When the system gives no thread to wait on.
pub fn watched() -> anyhow::Result<&'static AtomicBool> {
    let runtime = runtime()?;
    thread::spawn(move || {
        let interrupt = || runtime.block_on(tokio::signal::ctrl_c()).is_ok();
        if interrupt() {
            CANCELLED.store(true, Ordering::Relaxed);
            eprintln!("stopping at the next step; once more ends at once");
        }
        if interrupt() {
            process::exit(130);
        }
    });
    Ok(&CANCELLED)
}
