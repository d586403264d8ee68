//! Damaged files: every byte of the log's folder may be cut or flipped, and the answer is the events that were written or
//! a clear error, never a panic and never something else (reliability test R3).
//!
//! The normal run samples; `VITRINA_TEST_CUTS=65536 VITRINA_TEST_FLIPS=10000` runs it all.

use std::{
    fs,
    path::{Path, PathBuf},
};

use domain::{Position, Recorded};
use store::{
    Appended, EventLog, StoreError,
    contract::sample,
    embedded::{EmbeddedLog, Options},
};

const BATCHES: u64 = 300;
const BATCH: u64 = 4;

fn count(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// SplitMix64: the same positions in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn open(folder: &Path) -> Result<EmbeddedLog, StoreError> {
    // Small buffers, so that part of the log is in tables and part in the journal.
    EmbeddedLog::open(folder, &Options { log_write_buffer_bytes: 128 << 10, ..Options::default() })
}

fn written(folder: &Path) -> Vec<Recorded> {
    let log = open(folder).unwrap();
    for batch in 0..BATCHES {
        log.append((batch * BATCH..(batch + 1) * BATCH).map(sample::event).collect()).wait().unwrap();
    }
    log.read(Position::START, usize::MAX).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Journals are as long as the engine made them in advance; the zeros at their end are not worth copying.
fn contents(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "jnl") {
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    }
    bytes
}

/// The log's folder in memory, to be laid out again for each trial.
struct Image(Vec<(PathBuf, Vec<u8>)>);

impl Image {
    fn of(folder: &Path) -> Self {
        let relative = |path: &Path| path.strip_prefix(folder).unwrap().to_owned();
        Self(files(folder).iter().map(|path| (relative(path), contents(path))).collect())
    }

    fn lay_out(&self, folder: &Path, change: impl Fn(&Path, &mut Vec<u8>)) {
        for (path, bytes) in &self.0 {
            let mut bytes = bytes.clone();
            change(path, &mut bytes);
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    fn journal(&self) -> &(PathBuf, Vec<u8>) {
        let mut journals =
            self.0.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "jnl"));
        journals.next_back().unwrap()
    }
}

#[test]
fn a_cut_journal_is_an_error_or_a_prefix_of_whole_batches() {
    let original = tempfile::tempdir().unwrap();
    let expected = written(original.path());
    let image = Image::of(original.path());
    let (journal, bytes) = image.journal();
    let reach = bytes.len().min(64 << 10);
    let cuts = count("VITRINA_TEST_CUTS", 60).min(reach);
    let mut forgetful = 0;
    for n in 0..cuts {
        let length = bytes.len() - 1 - n * reach / cuts;
        let cut = |path: &Path, bytes: &mut Vec<u8>| {
            if path == journal {
                bytes.truncate(length);
            }
        };

        // Acknowledged events are missing, and that is known.
        let folder = tempfile::tempdir().unwrap();
        image.lay_out(folder.path(), cut);
        let refused = open(folder.path()).map(|log| log.head());
        assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "cut at {length}: got {refused:?}");
        let left = fs::metadata(folder.path().join(journal)).unwrap().len();
        assert_eq!(left, length as u64, "cut at {length}: left as it was found");

        // After a power loss the note of what was acknowledged may be older than the journal: what is whole counts.
        let folder = tempfile::tempdir().unwrap();
        image.lay_out(folder.path(), cut);
        fs::remove_file(folder.path().join("acknowledged")).unwrap();
        let log = match open(folder.path()) {
            // Rows had reached a table before what deduplicates them did.
            Err(StoreError::Corrupt { .. }) => {
                forgetful += 1;
                continue;
            }
            log => log.unwrap_or_else(|error| panic!("cut at {length}: {error}")),
        };
        let read = log.read(Position::START, usize::MAX).unwrap();
        assert!(expected.starts_with(&read), "cut at {length}: {} events that are no prefix", read.len());
        assert_eq!(read.len() as u64 % BATCH, 0, "cut at {length}: an append came back in part");
        let again = log.append(expected.iter().map(|r| r.event.clone()).collect()).wait().unwrap();
        let duplicates = again.iter().filter(|verdict| **verdict == Appended::Duplicate).count();
        assert_eq!(duplicates, read.len(), "cut at {length}: a retry adds exactly what is missing");
    }
    println!("{cuts} cuts: {} opened with a prefix, {forgetful} refused", cuts - forgetful);
    assert!(forgetful < cuts, "no cut journal could be opened");
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing() {
    let original = tempfile::tempdir().unwrap();
    let expected = written(original.path());
    let image = Image::of(original.path());
    let total: u64 = image.0.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let mut random = Random(3);
    let (mut harmless, mut refused) = (0, 0);
    for trial in 0..count("VITRINA_TEST_FLIPS", 150) {
        let (mut at, bit) = (random.below(total) as usize, 1 << random.below(8));
        let (target, _) = image
            .0
            .iter()
            .find(|(_, bytes)| {
                let here = at < bytes.len();
                at -= if here { 0 } else { bytes.len() };
                here
            })
            .unwrap();
        let place = format!("trial {trial}: bit {bit} of byte {at} of {}", target.display());
        let folder = tempfile::tempdir().unwrap();
        image.lay_out(folder.path(), |path, bytes| {
            if path == target {
                bytes[at] ^= bit;
            }
        });
        match check(folder.path(), &expected) {
            Ok(()) => harmless += 1,
            Err(StoreError::Corrupt { .. } | StoreError::Unavailable { .. }) => refused += 1,
            Err(other) => panic!("{place}: {other}"),
        }
    }
    println!("{harmless} flips were harmless, {refused} were refused");
    assert!(refused > 0, "no flip was noticed");
}

/// Opens, reads and retries everything; panics when an answer is wrong.
fn check(folder: &Path, expected: &[Recorded]) -> Result<(), StoreError> {
    let log = open(folder)?;
    let read = log.read(Position::START, usize::MAX)?;
    assert!(read == expected, "{} events came back of {}, or other ones", read.len(), expected.len());
    let again = log.append(expected.iter().map(|recorded| recorded.event.clone()).collect()).wait()?;
    assert!(again.iter().all(|verdict| *verdict == Appended::Duplicate), "a retry was taken for new");
    Ok(())
}
