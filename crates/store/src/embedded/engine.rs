//! The log-structured engine (fjall) as both of its users open it, with its errors in our words.

use std::{
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions};

use super::files::io_error;
use crate::{Result, StoreError};

pub struct EngineOptions {
    /// Blocks of all keyspaces kept in memory.
    pub cache_bytes: u64,
    pub worker_threads: usize,
}

pub fn open(store: &'static str, folder: &Path, options: &EngineOptions) -> Result<Database> {
    guarded(store, folder, || {
        Database::builder(folder)
            .cache_size(options.cache_bytes)
            .worker_threads(options.worker_threads)
            // The engine seals a journal at 64 MiB; two of them are at most replayed when it opens.
            .max_journaling_size(128 << 20)
            // Journals are checked byte by byte before they are opened (`journal.rs`), which wants them plain.
            .journal_compression(CompressionType::None)
            .open()
    })
}

/// Runs one call of the engine. Damaged files may make it panic; that becomes `Corrupt` like any other damage.
pub fn guarded<T>(store: &'static str, folder: &Path, call: impl FnOnce() -> fjall::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| engine_error(store, folder, &error)),
        Err(panic) => Err(StoreError::Corrupt {
            store,
            place: folder.display().to_string(),
            detail: format!("the engine stopped: {}", panic_text(&*panic)),
        }),
    }
}

pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "unknown panic".to_owned())
}

fn engine_error(store: &'static str, folder: &Path, error: &fjall::Error) -> StoreError {
    use fjall::{Error, LsmError};
    match error {
        Error::Io(error) | Error::Storage(LsmError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            corrupt(store, folder, format!("a file is missing: {error}"))
        }
        Error::Io(error) | Error::Storage(LsmError::Io(error)) => io_error(store, folder, error),
        Error::Locked => {
            StoreError::Conflict(format!("{} is open already; close the other {store} first", folder.display()))
        }
        Error::Poisoned => StoreError::Unavailable { store, detail: "an earlier write failed; reopen it".to_owned() },
        other => corrupt(store, folder, other.to_string()),
    }
}

fn corrupt(store: &'static str, folder: &Path, detail: String) -> StoreError {
    StoreError::Corrupt { store, place: folder.display().to_string(), detail }
}

/// The engine seals its journal at the first flush after this many bytes.
const JOURNAL_BYTES: usize = 64_000_000;
const PADDING: &str = "padding";
/// Writing out full buffers takes a second or two; a minute without an end means that the engine has stopped.
const PATIENCE: Duration = Duration::from_secs(60);

/// Removes overwritten and deleted values from disk: writes memory out, rewrites the tables of `keyspaces` (all that the
/// database has, beside our padding), and waits until the journals in use when it was called are gone.
pub fn rewrite_files(store: &'static str, folder: &Path, database: &Database, keyspaces: &[&Keyspace]) -> Result<()> {
    let journals = journal_names(folder);
    flush(store, folder, keyspaces)?;
    for keyspace in keyspaces {
        guarded(store, folder, || keyspace.major_compact())?;
    }
    replace_journals(store, folder, database, keyspaces, &journals)
}

fn flush(store: &'static str, folder: &Path, keyspaces: &[&Keyspace]) -> Result<()> {
    for keyspace in keyspaces {
        guarded(store, folder, || keyspace.rotate_memtable())?;
    }
    wait_until(store, || keyspaces.iter().all(|keyspace| keyspace.sealed_memtable_count() == 0))
}

/// The engine has no call to begin a new journal; it does so by itself at a flush, once the journal is long enough. So the
/// journal is filled up from a keyspace made for that, and memory is flushed until the old journals are removed.
fn replace_journals(
    store: &'static str,
    folder: &Path,
    database: &Database,
    keyspaces: &[&Keyspace],
    journals: &[OsString],
) -> Result<()> {
    let padding = guarded(store, folder, || database.keyspace(PADDING, KeyspaceCreateOptions::default))?;
    let block = vec![0; 8 << 20];
    guarded(store, folder, || (0..=JOURNAL_BYTES / block.len()).try_for_each(|_| padding.insert([0], &block)))?;
    let all: Vec<&Keyspace> = keyspaces.iter().copied().chain([&padding]).collect();
    wait_until(store, || {
        // A little something in each, or there would be nothing to flush and no reason to let go of the journal.
        let round = guarded(store, folder, || padding.insert([0], [0])).and_then(|()| flush(store, folder, &all));
        round.is_ok() && !journal_names(folder).iter().any(|name| journals.contains(name))
    })
}

fn journal_names(folder: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names.filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "jnl")).collect()
}

fn wait_until(store: &'static str, mut done: impl FnMut() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > PATIENCE {
            let detail = "its files were not rewritten within a minute; reopen it and ask again".to_owned();
            return Err(StoreError::Unavailable { store, detail });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
