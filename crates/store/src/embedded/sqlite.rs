//! One SQLite file a shop: one connection that writes and one that reads, each behind a short lock. A write is durable
//! (fsync) when its call returns; what is deleted is overwritten in the file (`secure_delete`).

use std::{path::Path, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::{
    catalog::EmbeddedCatalog, files, ledger::EmbeddedLedger, prices::EmbeddedPrices, quarantine::EmbeddedQuarantine,
    settings::EmbeddedSettings, users::EmbeddedUsers,
};
use crate::{Result, StoreError};

pub const STORE: &str = "SQL store";

/// Applied in order; `user_version` counts those that a file has seen. Append, never edit.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE products (
        product_id TEXT PRIMARY KEY, category TEXT, availability TEXT NOT NULL, hidden INTEGER NOT NULL,
        product TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE users (user BLOB PRIMARY KEY, traits TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, code TEXT NOT NULL,
        detail TEXT NOT NULL, origin TEXT NOT NULL, raw TEXT NOT NULL
    ) STRICT;
    CREATE INDEX quarantine_by_code ON quarantine (code);
    CREATE TABLE consents (
        id INTEGER PRIMARY KEY AUTOINCREMENT, user BLOB NOT NULL, at INTEGER NOT NULL, record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX consents_by_user ON consents (user, at, id);
    CREATE TRIGGER consents_stay BEFORE UPDATE ON consents BEGIN SELECT RAISE(ABORT, 'consents are only added'); END;
    CREATE TABLE receipts (
        receipt_id TEXT PRIMARY KEY, user BLOB NOT NULL, completed_at INTEGER NOT NULL, receipt TEXT NOT NULL
    ) STRICT;
    CREATE INDEX receipts_by_user ON receipts (user, completed_at);
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        detail TEXT NOT NULL, hash TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit entries are only added'); END;
    CREATE TRIGGER audit_remains BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit entries are only added'); END;
    CREATE TABLE models (
        version TEXT PRIMARY KEY, created_at INTEGER NOT NULL, manifest TEXT NOT NULL
    ) STRICT;
    CREATE TABLE champions (
        id INTEGER PRIMARY KEY AUTOINCREMENT, version TEXT NOT NULL REFERENCES models (version) ON DELETE CASCADE
    ) STRICT;
    CREATE TABLE revisions (name TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO revisions VALUES ('catalog', 0), ('champion', 0);
",
    "
    CREATE TABLE prices (
        product_id TEXT NOT NULL, at INTEGER NOT NULL, price_minor INTEGER, currency TEXT,
        available INTEGER NOT NULL, PRIMARY KEY (product_id, at)
    ) STRICT, WITHOUT ROWID;
",
];

/// The open file, shared by the stores that live in it.
#[derive(Clone)]
pub struct Sqlite(Arc<Connections>);

struct Connections {
    place: String,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl Sqlite {
    /// # Errors
    /// `Conflict` when a newer program wrote the file, `Corrupt` when it is no sound SQLite file.
    pub fn open(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let failed = |error| sqlite_error(&place, &error);
        let mut writer = Connection::open(path).map_err(failed)?;
        configure(&writer).map_err(failed)?;
        migrate(&mut writer, &place)?;
        let folder = path.parent().unwrap_or(path);
        files::sync_folder(folder).map_err(|error| files::io_error(STORE, folder, &error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags).map_err(failed)?;
        reader.busy_timeout(BUSY_PATIENCE).map_err(failed)?;
        reader.set_prepared_statement_cache_capacity(64);
        Ok(Self(Arc::new(Connections { place, writer: Mutex::new(writer), reader: Mutex::new(reader) })))
    }

    pub fn catalog(&self) -> Result<EmbeddedCatalog> {
        EmbeddedCatalog::new(self.clone())
    }

    pub fn prices(&self) -> EmbeddedPrices {
        EmbeddedPrices(self.clone())
    }

    pub fn users(&self) -> EmbeddedUsers {
        EmbeddedUsers(self.clone())
    }

    pub fn settings(&self) -> EmbeddedSettings {
        EmbeddedSettings(self.clone())
    }

    pub fn quarantine(&self) -> EmbeddedQuarantine {
        EmbeddedQuarantine(self.clone())
    }

    pub fn ledger(&self) -> EmbeddedLedger {
        EmbeddedLedger(self.clone())
    }

    /// Sees everything committed before the call.
    pub fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let reader: MutexGuard<'_, Connection> = self.0.reader.lock();
        query(&reader).map_err(|error| self.error(&error))
    }

    /// All or nothing, one writer at a time, durable when it returns.
    pub fn write<T>(&self, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        self.try_write(|transaction| change(transaction).map_err(|error| self.error(&error)))
    }

    /// Like [`Self::write`], for a change that may refuse: its error undoes everything.
    pub fn try_write<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut writer = self.0.writer.lock();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(|error| self.error(&error))?;
        let outcome = change(&transaction)?;
        transaction.commit().map_err(|error| self.error(&error))?;
        Ok(outcome)
    }

    pub fn error(&self, error: &rusqlite::Error) -> StoreError {
        sqlite_error(&self.0.place, error)
    }

    pub fn corrupt(&self, row: &str, detail: impl Into<String>) -> StoreError {
        StoreError::Corrupt { store: STORE, place: format!("{row} in {}", self.0.place), detail: detail.into() }
    }

    /// Reads a JSON column back; `row` names it in the error.
    pub fn parse<T: serde::de::DeserializeOwned>(&self, row: &str, text: &str) -> Result<T> {
        serde_json::from_str(text).map_err(|error| self.corrupt(row, error.to_string()))
    }
}

const BUSY_PATIENCE: Duration = Duration::from_secs(5);

/// A value of ours as a JSON column.
pub fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Conflict(format!("the value is no JSON: {error}")))
}

/// The next value of a counter that others poll.
pub fn raise_revision(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<u64> {
    let sql = "UPDATE revisions SET revision = revision + 1 WHERE name = ?1 RETURNING revision";
    transaction.query_row(sql, [name], |row| row.get(0))
}

pub fn revision(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    connection.query_row("SELECT revision FROM revisions WHERE name = ?1", [name], |row| row.get(0))
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(connection: &mut Connection, place: &str) -> Result<()> {
    let failed = |error: rusqlite::Error| sqlite_error(place, &error);
    let seen: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    if seen > MIGRATIONS.len() {
        return Err(StoreError::Conflict(format!(
            "{place} has schema version {seen}, this program reads up to {}; use the program that wrote it or newer",
            MIGRATIONS.len()
        )));
    }
    for (version, sql) in MIGRATIONS.iter().enumerate().skip(seen) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(failed)?;
        transaction.execute_batch(sql).map_err(failed)?;
        transaction.pragma_update(None, "user_version", version + 1).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

fn sqlite_error(place: &str, error: &rusqlite::Error) -> StoreError {
    let detail = format!("{error} ({place})");
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { store: STORE, detail },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { store: STORE, place: place.to_owned(), detail: error.to_string() }
        }
        Some(ErrorCode::ConstraintViolation) => StoreError::Conflict(detail),
        None if is_wrong_type(error) => {
            StoreError::Corrupt { store: STORE, place: place.to_owned(), detail: error.to_string() }
        }
        _ => StoreError::Unavailable { store: STORE, detail },
    }
}

/// A column that STRICT tables would not have let in.
fn is_wrong_type(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    matches!(error, E::FromSqlConversionFailure(..) | E::IntegralValueOutOfRange(..) | E::InvalidColumnType(..))
}
