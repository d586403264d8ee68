//! Bad input as it came. Ids grow and are never used twice.

use domain::Timestamp;
use rusqlite::params;

use super::sqlite::Sqlite;
use crate::{Quarantine, Quarantined, Result};

pub struct EmbeddedQuarantine(pub Sqlite);

impl Quarantine for EmbeddedQuarantine {
    fn put(&self, rows: &[Quarantined]) -> Result<()> {
        self.0.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO quarantine (received_at, code, detail, origin, raw) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for row in rows {
                insert.execute(params![row.received_at.micros(), row.code, row.detail, row.origin, row.raw])?;
            }
            Ok(())
        })
    }

    fn list(&self, after: u64, limit: usize) -> Result<Vec<Quarantined>> {
        self.0.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT id, received_at, code, detail, origin, raw FROM quarantine WHERE id > ?1 ORDER BY id LIMIT ?2",
            )?;
            let rows = query.query_map(params![clamp(after), clamp(limit as u64)], |row| {
                Ok(Quarantined {
                    id: row.get(0)?,
                    received_at: Timestamp::from_micros(row.get(1)?),
                    code: row.get(2)?,
                    detail: row.get(3)?,
                    origin: row.get(4)?,
                    raw: row.get(5)?,
                })
            })?;
            rows.collect()
        })
    }

    fn remove(&self, ids: &[u64]) -> Result<u64> {
        self.0.write(|transaction| {
            let mut delete = transaction.prepare_cached("DELETE FROM quarantine WHERE id = ?1")?;
            let mut removed = 0;
            for id in ids {
                removed += delete.execute([clamp(*id)])? as u64;
            }
            Ok(removed)
        })
    }

    fn counts(&self) -> Result<Vec<(String, u64)>> {
        self.0.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT code, count(*) AS rows FROM quarantine GROUP BY code ORDER BY rows DESC, code",
            )?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }
}

/// SQLite's integers are signed.
fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
