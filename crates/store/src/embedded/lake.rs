//! The lake as a local folder of Parquet files. Beside each file a hidden note keeps the BLAKE3 of its bytes, so that
//! damage is an error and never a wrong number: Parquet itself would decode many a flipped bit.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use arrow::record_batch::RecordBatch;
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};

use super::files::{self, check_name, io_error};
use crate::{Lake, Result, StoreError};

const STORE: &str = "lake";
const SUFFIX: &str = ".parquet";

pub struct FolderLake {
    folder: PathBuf,
}

impl FolderLake {
    pub fn open(folder: &Path) -> Result<Self> {
        files::create_folder(folder).map_err(|error| io_error(STORE, folder, &error))?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn table(&self, table: &str) -> Result<PathBuf> {
        check_name("table", table)?;
        Ok(self.folder.join(table))
    }

    fn path(&self, table: &str, file: &str) -> Result<PathBuf> {
        check_name("lake file", file)?;
        if !file.ends_with(SUFFIX) {
            return Err(StoreError::Conflict(format!("lake file {file:?} must end in {SUFFIX}")));
        }
        Ok(self.table(table)?.join(file))
    }
}

impl Lake for FolderLake {
    fn write(&self, table: &str, file: &str, batches: &[RecordBatch]) -> Result<u64> {
        let path = self.path(table, file)?;
        let bytes = encode(batches)?;
        let write = || {
            files::create_folder(&self.folder.join(table))?;
            // Until the new bytes are in place both checksums are valid, so a crash in between leaves a readable file.
            let (new, old) = (blake3::hash(&bytes).to_hex().to_string(), noted(&path)?.unwrap_or_default());
            files::replace(&note(&path), format!("{new}\n{old}").as_bytes())?;
            files::replace(&path, &bytes)?;
            files::replace(&note(&path), format!("{new}\n").as_bytes())
        };
        write().map_err(|error| io_error(STORE, &path, &error))?;
        Ok(bytes.len() as u64)
    }

    fn files(&self, table: &str) -> Result<Vec<String>> {
        let folder = self.table(table)?;
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| io_error(STORE, &folder, &error))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| io_error(STORE, &folder, &error))?.file_name().into_string();
            names.extend(name.ok().filter(|name| name.ends_with(SUFFIX) && !name.starts_with('.')));
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, table: &str, file: &str) -> Result<Vec<RecordBatch>> {
        let path = self.path(table, file)?;
        let io = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                StoreError::NotFound(format!("the lake has no file {file:?} in table {table:?}"))
            }
            _ => io_error(STORE, &path, &error),
        };
        let corrupt = |detail: String| StoreError::Corrupt { store: STORE, place: path.display().to_string(), detail };
        let bytes = fs::read(&path).map_err(io)?;
        let got = blake3::hash(&bytes).to_hex().to_string();
        // A file brought by hand has no note; it is read as it is.
        if noted(&path).map_err(io)?.is_some_and(|wanted| !wanted.lines().any(|line| line == got)) {
            return Err(corrupt(format!("its BLAKE3 is {got}, which is not what was written")));
        }
        decode(bytes.into()).map_err(|error| corrupt(error.to_string()))
    }

    fn remove(&self, table: &str, file: &str) -> Result<()> {
        let path = self.path(table, file)?;
        let remove = || {
            files::remove(&path)?;
            files::remove(&note(&path))?;
            files::sync_folder(&self.folder.join(table))
        };
        match remove() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(STORE, &path, &error)),
            _ => Ok(()),
        }
    }

    fn local_path(&self, table: &str) -> Option<PathBuf> {
        self.table(table).ok()
    }
}

fn encode(batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let Some(first) = batches.first() else {
        return Err(StoreError::Conflict("a lake file needs at least one batch, which brings its schema".to_owned()));
    };
    let compression = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let write = || {
        let mut writer = ArrowWriter::try_new(Vec::new(), first.schema(), Some(properties))?;
        for batch in batches {
            writer.write(batch)?;
        }
        writer.into_inner()
    };
    write().map_err(|error: ParquetError| StoreError::Conflict(format!("the batches can't become one file: {error}")))
}

fn decode(bytes: bytes::Bytes) -> Result<Vec<RecordBatch>, Box<dyn std::error::Error>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(65_536).build()?;
    Ok(reader.collect::<Result<Vec<_>, _>>()?)
}

/// Hidden, so that SQL engines which list the folder pass over it.
fn note(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.b3"))
}

fn noted(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(note(path)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
