//! How far appends were acknowledged, in a file of its own beside the engine.
//!
//! An engine's journal ends where its bytes stop making sense: after a crash that is right, after a bit flip it would
//! silently drop what follows. This one number tells the two apart. It is written after each group's fsync and is not
//! fsynced itself, so it costs no disk round trip: after a power loss it may be some seconds old, never too new.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::Path,
};

const MAGIC: [u8; 8] = *b"VTRNACK1";

pub struct Acknowledged {
    file: File,
}

impl Acknowledged {
    /// The file and the position in it: 0 when it is new, or unreadable and therefore worth nothing.
    pub fn open(path: &Path) -> io::Result<(Self, u64)> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::with_capacity(24);
        file.read_to_end(&mut bytes)?;
        let position = parse(&bytes).unwrap_or_else(|| {
            if !bytes.is_empty() {
                tracing::warn!(file = %path.display(), "the acknowledged position was unreadable; opened without it");
            }
            0
        });
        Ok((Self { file }, position))
    }

    pub fn write(&self, position: u64) -> io::Result<()> {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&position.to_le_bytes());
        bytes[16..].copy_from_slice(&checksum(position).to_le_bytes());
        self.file.write_all_at(&bytes, 0)
    }
}

fn parse(bytes: &[u8]) -> Option<u64> {
    let bytes: &[u8; 24] = bytes.try_into().ok()?;
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    (bytes[..8] == MAGIC && number(16) == checksum(number(8))).then(|| number(8))
}

fn checksum(position: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&position.to_le_bytes())
}
