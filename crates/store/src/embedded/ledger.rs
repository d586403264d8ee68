//! Consents and receipts that are only added, and an audit trail whose entries chain by hash: whoever changes or removes
//! an entry in the file must also change every later hash. Cutting off the newest entries leaves a sound chain; note the
//! newest hash elsewhere to notice that too.

use domain::{Timestamp, UserKey};
use rusqlite::{OptionalExtension, Row, params};

use super::sqlite::{Sqlite, json};
use crate::{AuditEntry, ConsentRecord, Ledger, Receipt, Result};

pub struct EmbeddedLedger(pub Sqlite);

/// An audit row as stored: `detail` is the JSON text that was hashed.
struct AuditRow {
    id: u64,
    at: Timestamp,
    actor: String,
    action: String,
    detail: String,
    hash: String,
}

impl Ledger for EmbeddedLedger {
    fn record_consent(&self, record: &ConsentRecord) -> Result<()> {
        let text = json(record)?;
        let sql = "INSERT INTO consents (user, at, record) VALUES (?1, ?2, ?3)";
        self.0.write(|transaction| transaction.execute(sql, params![record.user.0, record.at.micros(), text]).map(drop))
    }

    fn consent(&self, user: UserKey) -> Result<Option<ConsentRecord>> {
        let text: Option<String> = self.0.read(|connection| {
            let mut query = connection
                .prepare_cached("SELECT record FROM consents WHERE user = ?1 ORDER BY at DESC, id DESC LIMIT 1")?;
            query.query_row([user.0], |row| row.get(0)).optional()
        })?;
        text.map(|text| self.0.parse(&format!("consent of {user}"), &text)).transpose()
    }

    fn issue_receipt(&self, receipt: &Receipt) -> Result<()> {
        let text = json(receipt)?;
        self.0.write(|transaction| {
            transaction.execute(
                "INSERT INTO receipts VALUES (?1, ?2, ?3, ?4)",
                params![receipt.receipt_id, receipt.user.0, receipt.completed_at.micros(), text],
            )
        })?;
        Ok(())
    }

    fn receipts(&self, user: UserKey) -> Result<Vec<Receipt>> {
        let texts: Vec<String> = self.0.read(|connection| {
            let mut query = connection
                .prepare_cached("SELECT receipt FROM receipts WHERE user = ?1 ORDER BY completed_at, receipt_id")?;
            query.query_map([user.0], |row| row.get(0))?.collect()
        })?;
        texts.iter().map(|text| self.0.parse(&format!("receipt of {user}"), text)).collect()
    }

    fn audit(&self, entry: AuditEntry) -> Result<()> {
        let detail = json(&entry.detail)?;
        self.0.write(|transaction| {
            let newest = transaction
                .query_row("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", [], |row| {
                    Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?))
                })
                .optional()?;
            let (last, before) = newest.unwrap_or_default();
            let AuditEntry { at, actor, action, .. } = entry;
            let mut row = AuditRow { id: last + 1, at, actor, action, detail, hash: String::new() };
            row.hash = row.chained(&before);
            transaction.execute(
                "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![row.id, row.at.micros(), row.actor, row.action, row.detail, row.hash],
            )?;
            Ok(())
        })
    }

    fn audit_trail(&self, limit: usize) -> Result<Vec<AuditEntry>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<AuditRow> = self.0.read(|connection| {
            let mut query = connection.prepare_cached("SELECT * FROM audit ORDER BY id DESC LIMIT ?1")?;
            query.query_map([limit], AuditRow::read)?.collect()
        })?;
        rows.into_iter().map(|row| self.entry(row)).collect()
    }

    fn verify_audit(&self) -> Result<u64> {
        let broken: std::result::Result<u64, u64> = self.0.read(|connection| {
            let mut query = connection.prepare_cached("SELECT * FROM audit ORDER BY id")?;
            let (mut before, mut count) = (String::new(), 0);
            for row in query.query_map([], AuditRow::read)? {
                let row = row?;
                if row.id != count + 1 || row.hash != row.chained(&before) {
                    return Ok(Err(count + 1));
                }
                (before, count) = (row.hash, row.id);
            }
            Ok(Ok(count))
        })?;
        broken.map_err(|id| {
            self.0.corrupt(&format!("audit entry {id}"), "it was changed or removed: its hash does not fit")
        })
    }
}

impl EmbeddedLedger {
    fn entry(&self, row: AuditRow) -> Result<AuditEntry> {
        let detail = self.0.parse(&format!("audit entry {}", row.id), &row.detail)?;
        Ok(AuditEntry { at: row.at, actor: row.actor, action: row.action, detail, hash: row.hash })
    }
}

impl AuditRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            at: Timestamp::from_micros(row.get(1)?),
            actor: row.get(2)?,
            action: row.get(3)?,
            detail: row.get(4)?,
            hash: row.get(5)?,
        })
    }

    /// Each part goes in with its length, so that no two entries read alike.
    fn chained(&self, before: &str) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [before, &self.actor, &self.action, &self.detail] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.update(&self.id.to_le_bytes()).update(&self.at.micros().to_le_bytes());
        hasher.finalize().to_hex().to_string()
    }
}
