//! Files that are there complete or not at all, and names that stay inside their folder.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use crate::{Result, StoreError};

/// Turns the operating system's error into what the caller can do about it.
pub fn io_error(store: &'static str, place: &Path, error: &io::Error) -> StoreError {
    let detail = format!("{error} ({})", place.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { store, detail },
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            StoreError::Corrupt { store, place: place.display().to_string(), detail: error.to_string() }
        }
        _ => StoreError::Unavailable { store, detail },
    }
}

/// Letters, digits, `.`, `_` and `-`, not starting with `.`: a name that is one visible entry of its folder.
pub fn check_name(what: &'static str, name: &str) -> Result<()> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if (1..=128).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(StoreError::Conflict(format!(
        "{what} {name:?} can't name a file; use 1 to 128 letters, digits, '.', '_' or '-', not starting with '.'"
    )))
}

/// Creates the folder and its parents, durably.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => sync_folder(parent)?,
        }
    }
    Ok(())
}

/// Makes creations, renames and removals in the folder survive a power loss.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes a new file and its bytes to disk; the folder entry is the caller's to sync.
pub fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Replaces the file atomically: a reader or a crash sees the old bytes or the new ones, never a mixture.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("the path has no folder"))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let temporary = folder.join(format!(".{name}.tmp"));
    write_synced(&temporary, bytes)?;
    fs::rename(&temporary, path)?;
    sync_folder(folder)
}

/// `Ok(false)` when there was no such file.
pub fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_inside_its_folder() {
        for name in ["", ".", "..", "a/b", "../a", ".hidden", "a\\b", "a b", "ñ", "a\0"] {
            assert!(check_name("table", name).is_err(), "{name:?}");
        }
        for name in ["events", "part-00001.parquet", "v1.2_rc-3"] {
            assert_eq!(check_name("table", name), Ok(()));
        }
    }
}
