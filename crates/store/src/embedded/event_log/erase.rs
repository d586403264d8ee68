//! Forgetting a person: rows are overwritten, then every file that may still hold the old bytes is written anew.
//!
//! # What is guaranteed
//! When [`erase`] answers, no file of the log's folder holds the erased records: their rows are overwritten durably, the
//! tables they were in were rewritten without them and removed, and so was the journal they came through. A crash on the
//! way leaves the rows overwritten (nobody can read them through the log); erasing again finishes the files. Positions
//! stay taken and message ids (as hashes) stay known. The device may keep freed blocks until it reuses them: whole-disk
//! encryption answers that, no file can. Backups and the lake have their own expiry.

use std::sync::{atomic::Ordering, mpsc};

use domain::UserKey;

use super::{
    EmbeddedLog, REWRITTEN, STORE, Shared,
    commit::{Command, Erase},
    record,
};
use crate::{
    Result, StoreError,
    embedded::engine::{guarded, rewrite_files},
};

/// Searches on the caller's thread while appends go on; the commit thread looks through what came meanwhile.
pub fn erase(log: &EmbeddedLog, user: UserKey) -> Result<u64> {
    // Events without a user, and the empty anonymous key of most events, belong to no one.
    if user.is_nobody() {
        return Ok(0);
    }
    let shared = &log.shared;
    let (positions, searched) = search(shared, user)?;
    let (answer, answered) = mpsc::channel();
    log.send(Command::Erase(Erase { user, positions, searched, answer }))?;
    let removed = answered.recv().map_err(|_| StoreError::Unavailable {
        store: STORE,
        detail: "it stopped before it answered; erase again".to_owned(),
    })??;
    rewrite(shared)?;
    Ok(removed)
}

/// Nothing to do when all that was erased is gone from the files already.
fn rewrite(shared: &Shared) -> Result<()> {
    let _one_at_a_time = shared.rewriting.lock();
    let (engine, folder) = (&shared.engine, shared.engine_folder());
    let erased = shared.erased.load(Ordering::Acquire).to_be_bytes();
    let rewritten = guarded(STORE, &folder, || engine.meta.get(REWRITTEN))?;
    if rewritten.map_or(erased == [0; 8], |rewritten| rewritten[..] == erased) {
        return Ok(());
    }
    rewrite_files(STORE, &folder, &engine.database, &engine.keyspaces())?;
    guarded(STORE, &folder, || engine.meta.insert(REWRITTEN, erased))
}

fn search(shared: &Shared, user: UserKey) -> Result<(Vec<u64>, u64)> {
    let head = shared.head();
    let mut positions = Vec::new();
    shared.scan(0, head, |position, value| {
        if record::is_about(value, user) {
            positions.push(position);
        }
        Ok(true)
    })?;
    Ok((positions, head))
}
