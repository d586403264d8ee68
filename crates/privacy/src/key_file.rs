//! The key on disk: 32 random bytes in a file that only its owner may read, beside the store folder and never in it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use crate::Key;

/// What can go wrong with the key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("key file {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "key file {path} has {got} bytes, wanted {wanted}; restore it from a backup: a new key would cut every user off \
         from their history",
        wanted = Key::BYTES
    )]
    Damaged { path: PathBuf, got: u64 },
    #[error("key file {path} can be read by others (mode {mode:03o}); run `chmod 600` on it")]
    Exposed { path: PathBuf, mode: u32 },
    #[error("no random bytes from the operating system for a new key: {0}")]
    Random(getrandom::Error),
}

/// Opens the pseudonym key, or makes it on the first start.
pub struct KeyFile;

impl KeyFile {
    /// A file of any other length, all zeros, or readable by others is refused and left as it is.
    ///
    /// # Errors
    /// When the file can't be read or made, or is not a key.
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Key, KeyFileError> {
        let path = path.as_ref();
        match File::open(path) {
            Ok(file) => read(path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
            Err(source) => Err(failed(path, source)),
        }
    }
}

fn failed(path: &Path, source: io::Error) -> KeyFileError {
    KeyFileError::Io { path: path.to_owned(), source }
}

fn read(path: &Path, mut file: File) -> Result<Key, KeyFileError> {
    let meta = file.metadata().map_err(|e| failed(path, e))?;
    refuse_exposed(path, &meta)?;
    let damaged = || KeyFileError::Damaged { path: path.to_owned(), got: meta.len() };
    if meta.len() != Key::BYTES as u64 {
        return Err(damaged());
    }
    let mut bytes = [0; Key::BYTES];
    file.read_exact(&mut bytes).map_err(|e| failed(path, e))?;
    if bytes == [0; Key::BYTES] {
        return Err(damaged());
    }
    Ok(Key::from(bytes))
}

/// Writes a neighbour and links it into place, so that a crash leaves a whole key or none, and two processes that
/// start together agree on one.
fn create(path: &Path) -> Result<Key, KeyFileError> {
    let mut bytes = [0; Key::BYTES];
    getrandom::fill(&mut bytes).map_err(KeyFileError::Random)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let written = fs::create_dir_all(folder).and_then(|()| write_private(&draft, &bytes));
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match linked {
        Ok(()) => {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| failed(folder, e))?;
            Ok(Key::from(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path, File::open(path).map_err(|e| failed(path, e))?)
        }
        Err(source) => Err(failed(path, source)),
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, meta: &fs::Metadata) -> Result<(), KeyFileError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_exposed(_: &Path, _: &fs::Metadata) -> Result<(), KeyFileError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pseudonyms;

    #[test]
    fn the_second_start_finds_the_key_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/pseudonyms.key");
        let user = |key| Pseudonyms::new(key).known("shop", "u1");
        let first = user(KeyFile::open_or_create(&path).unwrap());
        assert_eq!(user(KeyFile::open_or_create(&path).unwrap()), first);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_damaged_key_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("short", vec![1; 31]), ("long", vec![1; 33]), ("empty", vec![]), ("zeros", vec![0; 32])]
        {
            let path = folder.path().join(name);
            write_private(&path, &bytes).unwrap();
            let error = KeyFile::open_or_create(&path).unwrap_err();
            assert!(matches!(error, KeyFileError::Damaged { .. }), "{name}: {error}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        KeyFile::open_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(KeyFile::open_or_create(&path), Err(KeyFileError::Exposed { mode: 0o644, .. })));
    }
}
