//! Models: a folder of files each, which never changes, and an index in SQL whose row makes a version exist. So a crash
//! between the two leaves a folder without a row: no version, and the next registration of that name replaces it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use domain::ModelVersion;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{
    files::{self, check_name, io_error},
    sqlite::{Sqlite, json, raise_revision, revision},
};
use crate::{Manifest, Registry, Result, StoreError};

const STORE: &str = "model registry";
const REVISION: &str = "champion";
const MANIFEST: &str = "manifest.json";

pub struct EmbeddedRegistry {
    folder: PathBuf,
    sqlite: Sqlite,
    revision: AtomicU64,
}

impl EmbeddedRegistry {
    pub fn open(folder: &Path, sqlite: Sqlite) -> Result<Self> {
        files::create_folder(folder).map_err(|error| io_error(STORE, folder, &error))?;
        let revision = AtomicU64::new(sqlite.read(|connection| revision(connection, REVISION))?);
        Ok(Self { folder: folder.to_owned(), sqlite, revision })
    }

    fn find(&self, version: &ModelVersion) -> Result<Option<Manifest>> {
        let text: Option<String> = self.sqlite.read(|connection| {
            let mut query = connection.prepare_cached("SELECT manifest FROM models WHERE version = ?1")?;
            query.query_row([version.as_str()], |row| row.get(0)).optional()
        })?;
        text.map(|text| self.sqlite.parse(&format!("model {version}"), &text)).transpose()
    }

    fn missing(&self, version: &ModelVersion) -> StoreError {
        let known: Vec<_> = self.list().unwrap_or_default().iter().take(5).map(|m| m.version.to_string()).collect();
        let there_is = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        StoreError::NotFound(format!("there is no model {version}; the newest are: {there_is}"))
    }

    /// Complete under its final name and on disk when this returns.
    fn write_folder(&self, manifest: &Manifest, contents: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
        let version = manifest.version.as_str();
        let (building, path) = (self.folder.join(format!(".{version}.tmp")), self.folder.join(version));
        for leftover in [&building, &path] {
            if leftover.exists() {
                fs::remove_dir_all(leftover)?;
            }
        }
        fs::create_dir(&building)?;
        for (name, bytes) in contents {
            files::write_synced(&building.join(name), bytes)?;
        }
        files::write_synced(&building.join(MANIFEST), &serde_json::to_vec_pretty(manifest)?)?;
        files::sync_folder(&building)?;
        fs::rename(&building, &path)?;
        files::sync_folder(&self.folder)
    }

    /// Runs a change of the pointer; the revision grows when it moved.
    fn move_pointer<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<(T, bool)>) -> Result<T> {
        let (outcome, raised) = self.sqlite.try_write(|transaction| {
            let (outcome, moved) = change(transaction)?;
            let raised = if moved { Some(self.sql(raise_revision(transaction, REVISION))?) } else { None };
            Ok((outcome, raised))
        })?;
        if let Some(raised) = raised {
            self.revision.fetch_max(raised, Ordering::Release);
        }
        Ok(outcome)
    }

    fn sql<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| self.sqlite.error(&error))
    }
}

impl Registry for EmbeddedRegistry {
    fn register(&self, mut manifest: Manifest, contents: &BTreeMap<String, Vec<u8>>) -> Result<Manifest> {
        check_name("model version", manifest.version.as_str())?;
        for name in contents.keys() {
            check_name("model file", name)?;
            if name == MANIFEST {
                return Err(StoreError::Conflict(format!(
                    "{MANIFEST} is written by the registry; name the file otherwise"
                )));
            }
        }
        manifest.checksums = contents.iter().map(|(name, bytes)| (name.clone(), checksum(bytes))).collect();
        let text = json(&manifest)?;
        let version = manifest.version.as_str();
        self.sqlite.try_write(|transaction| {
            let sql = "INSERT INTO models VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let added = transaction.execute(sql, params![version, manifest.created_at.micros(), text]);
            if self.sql(added)? == 0 {
                return Err(StoreError::Conflict(format!(
                    "model {version} exists; models never change, choose a new version"
                )));
            }
            // Inside the transaction: a second registration of this version waits, then finds the row.
            self.write_folder(&manifest, contents).map_err(|error| io_error(STORE, &self.folder.join(version), &error))
        })?;
        Ok(manifest)
    }

    fn list(&self) -> Result<Vec<Manifest>> {
        let rows: Vec<(String, String)> = self.sqlite.read(|connection| {
            let mut query = connection
                .prepare_cached("SELECT version, manifest FROM models ORDER BY created_at DESC, version DESC")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        rows.iter().map(|(version, text)| self.sqlite.parse(&format!("model {version}"), text)).collect()
    }

    fn get(&self, version: &ModelVersion) -> Result<Manifest> {
        self.find(version)?.ok_or_else(|| self.missing(version))
    }

    fn file(&self, version: &ModelVersion, name: &str) -> Result<Vec<u8>> {
        let manifest = self.get(version)?;
        let Some(wanted) = manifest.checksums.get(name) else {
            let names = manifest.checksums.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(StoreError::NotFound(format!("model {version} has no file {name:?}; it has: {names}")));
        };
        let path = self.folder.join(version.as_str()).join(name);
        let corrupt = |detail: String| StoreError::Corrupt { store: STORE, place: path.display().to_string(), detail };
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => corrupt("the file is missing".to_owned()),
            _ => io_error(STORE, &path, &error),
        })?;
        let got = checksum(&bytes);
        if got != *wanted {
            return Err(corrupt(format!("its BLAKE3 is {got}, the manifest says {wanted}")));
        }
        Ok(bytes)
    }

    fn champion(&self) -> Result<Option<ModelVersion>> {
        let version: Option<String> =
            self.sqlite.read(|connection| connection.query_row(CHAMPION, [], |row| row.get(0)).optional())?;
        version.map(|version| self.model_version(&version)).transpose()
    }

    fn promote(&self, version: &ModelVersion) -> Result<()> {
        self.get(version)?;
        self.move_pointer(|transaction| {
            let current: Option<String> = self.sql(transaction.query_row(CHAMPION, [], |row| row.get(0)).optional())?;
            // Promoting the champion again moves nothing, so a rollback still leads to the one before it.
            let moved = current.as_deref() != Some(version.as_str());
            if moved {
                let sql = "INSERT INTO champions (version) VALUES (?1)";
                self.sql(transaction.execute(sql, [version.as_str()]))?;
            }
            Ok(((), moved))
        })
    }

    fn rollback(&self) -> Result<ModelVersion> {
        let version = self.move_pointer(|transaction| {
            let sql = "SELECT version FROM champions ORDER BY id DESC LIMIT 1 OFFSET 1";
            let before: Option<String> = self.sql(transaction.query_row(sql, [], |row| row.get(0)).optional())?;
            let Some(before) = before else {
                let detail = "there is no earlier champion to go back to; promote a version instead";
                return Err(StoreError::NotFound(detail.to_owned()));
            };
            let sql = "DELETE FROM champions WHERE id = (SELECT max(id) FROM champions)";
            self.sql(transaction.execute(sql, []))?;
            Ok((before, true))
        })?;
        self.model_version(&version)
    }

    fn delete(&self, version: &ModelVersion) -> Result<()> {
        self.get(version)?;
        self.sqlite.try_write(|transaction| {
            let current: Option<String> = self.sql(transaction.query_row(CHAMPION, [], |row| row.get(0)).optional())?;
            if current.as_deref() == Some(version.as_str()) {
                let detail = format!("model {version} is the champion; promote another one or roll back first");
                return Err(StoreError::Conflict(detail));
            }
            self.sql(transaction.execute("DELETE FROM models WHERE version = ?1", [version.as_str()]))?;
            // Two equal neighbours in the history would make a rollback lead nowhere.
            let sql = "DELETE FROM champions WHERE id IN (SELECT id FROM (
                           SELECT id, version, lag(version) OVER (ORDER BY id) AS before FROM champions
                       ) WHERE version = before)";
            self.sql(transaction.execute(sql, [])).map(drop)
        })?;
        let path = self.folder.join(version.as_str());
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(STORE, &path, &error)),
            _ => files::sync_folder(&self.folder).map_err(|error| io_error(STORE, &self.folder, &error)),
        }
    }

    fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }
}

impl EmbeddedRegistry {
    fn model_version(&self, text: &str) -> Result<ModelVersion> {
        ModelVersion::new(text).map_err(|error| self.sqlite.corrupt("the champion", error.to_string()))
    }
}

const CHAMPION: &str = "SELECT version FROM champions ORDER BY id DESC LIMIT 1";

fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
