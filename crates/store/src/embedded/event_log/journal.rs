//! Looks at the engine's journals before the engine does.
//!
//! When the engine opens, it replays each journal up to the first byte that makes no sense, and cuts off the rest. After a
//! crash the rest is a batch that was never acknowledged, and cutting is right. After damage in the middle it would be the
//! acknowledged events behind it. So every batch is checked first, against the engine's own checksums: whole batches behind
//! a broken place are damage, and the file is left as it was found; a broken last batch is cut, but its file is kept until
//! the log has been held against the acknowledged position.
//!
//! The layout is that of the engine's format 3: a batch is `1, items: u32, sequence: u64`, then its items
//! (`2, kind: u8, compression: u8, keyspace: u64, key: u16, value: u32, stored: u32, bytes` or `4, keyspace: u64`), then
//! `3, XXH3 of the items: u64, "FJL" 3`; numbers are little-endian, and zeros fill the file after the last batch.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::xxh3_64;

use super::STORE;
use crate::{Result, StoreError, embedded::files::io_error};

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const MAGIC: &[u8] = b"FJL\x03";
const START_BYTES: usize = 13;
const END_BYTES: usize = 13;

/// Copies of the journals that the engine will shorten.
pub struct Aside {
    copies: Vec<(PathBuf, PathBuf)>,
}

impl Aside {
    /// The log was sound: nothing acknowledged was cut.
    pub fn forget(self) {
        for (_, copy) in self.copies {
            fs::remove_file(copy).ok();
        }
    }

    /// The log was not: give back what was found.
    pub fn restore(self) {
        for (journal, copy) in self.copies {
            if let Err(error) = fs::rename(&copy, &journal) {
                tracing::error!(%error, copy = %copy.display(), "a damaged journal was not put back; its copy remains");
            }
        }
    }
}

/// # Errors
/// `Corrupt` when whole batches lie behind a broken place.
pub fn set_torn_aside(folder: &Path) -> Result<Aside> {
    let mut aside = Aside { copies: Vec::new() };
    let journals = journals(folder).map_err(|error| io_error(STORE, folder, &error))?;
    for (place, journal) in journals.iter().enumerate() {
        let io = |error: io::Error| io_error(STORE, journal, &error);
        let bytes = fs::read(journal).map_err(io)?;
        let End { at, clean } = end(&bytes);
        if clean {
            continue;
        }
        // Only the newest journal can end in the middle of a batch: the others were fsynced before the next began.
        if place + 1 < journals.len() || whole_batch_after(&bytes, at) {
            return Err(StoreError::Corrupt {
                store: STORE,
                place: format!("byte {at} of {}", journal.display()),
                detail: "acknowledged events lie behind it; restore the file from a backup".to_owned(),
            });
        }
        tracing::warn!(journal = %journal.display(), at, "the journal ended in an unfinished batch, which was dropped");
        let copy = journal.with_extension("torn");
        fs::copy(journal, &copy).map_err(io)?;
        aside.copies.push((journal.clone(), copy));
    }
    Ok(aside)
}

/// Oldest first.
fn journals(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension() == Some(OsStr::new("jnl")));
    paths.sort_by_key(|path| path.file_stem().and_then(OsStr::to_str).and_then(|id| id.parse::<u64>().ok()));
    Ok(paths)
}

/// Where the sound batches end, and whether only zeros follow.
struct End {
    at: usize,
    clean: bool,
}

fn end(bytes: &[u8]) -> End {
    let (mut at, mut sequence) = (0, None);
    while let Some(batch) = batch(&bytes[at..]) {
        // Sequence numbers are outside the engine's checksum; that they grow is all there is to check.
        if sequence.is_some_and(|before| batch.sequence <= before) {
            break;
        }
        (at, sequence) = (at + batch.bytes, Some(batch.sequence));
    }
    End { at, clean: bytes[at..].iter().all(|byte| *byte == 0) }
}

fn whole_batch_after(bytes: &[u8], broken: usize) -> bool {
    (broken + 1..bytes.len()).any(|at| bytes[at] == START && batch(&bytes[at..]).is_some())
}

struct Batch {
    bytes: usize,
    sequence: u64,
}

/// The batch at the start of the bytes, if it is whole and its checksum fits.
fn batch(bytes: &[u8]) -> Option<Batch> {
    let start = bytes.get(..START_BYTES).filter(|start| start[0] == START)?;
    let (items, sequence) = (number(start, 1, 4)?, number(start, 5, 8)?);
    let mut at = START_BYTES;
    for _ in 0..items {
        at += item_bytes(bytes.get(at..)?)?;
    }
    let end = bytes.get(at..at + END_BYTES).filter(|end| end[0] == END && &end[9..] == MAGIC)?;
    let sound = number(end, 1, 8)? == xxh3_64(&bytes[START_BYTES..at]);
    sound.then_some(Batch { bytes: at + END_BYTES, sequence })
}

fn item_bytes(bytes: &[u8]) -> Option<usize> {
    const HEADER: usize = 21;
    let length = match *bytes.first()? {
        // Our journals are not compressed, so a value is as long as it is stored.
        ITEM if bytes.get(2) == Some(&0) && number(bytes, 13, 4) == number(bytes, 17, 4) => {
            HEADER + number(bytes, 11, 2)? as usize + number(bytes, 17, 4)? as usize
        }
        CLEAR => 9,
        _ => return None,
    };
    (length <= bytes.len()).then_some(length)
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let mut number = [0; 8];
    number[..length].copy_from_slice(bytes.get(at..at + length)?);
    Some(u64::from_le_bytes(number))
}
