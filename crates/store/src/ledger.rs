//! What must be provable later: consents, erasure receipts and an audit trail whose entries chain by hash.

use domain::{Consent, Timestamp, UserKey};
use serde::{Deserialize, Serialize};

use crate::Result;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ConsentRecord {
    pub user: UserKey,
    pub at: Timestamp,
    pub consent: Consent,
    /// `api`, `event`, `cmp`, …
    pub source: String,
    pub policy_version: String,
}

/// Proof that a person was erased, without naming the person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Receipt {
    pub receipt_id: String,
    pub user: UserKey,
    pub requested_at: Timestamp,
    pub completed_at: Timestamp,
    /// What was removed, by store: `("event_log", 41)`, …
    pub removed: Vec<(String, u64)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditEntry {
    pub at: Timestamp,
    /// Who: `cli`, `api`, a key's name.
    pub actor: String,
    /// What: `model.promote`, `user.erase`, …
    pub action: String,
    pub detail: serde_json::Value,
    /// BLAKE3 over this entry and the hash before it, in hexadecimal; filled in by the ledger.
    #[serde(default)]
    pub hash: String,
}

pub trait Ledger: Send + Sync {
    fn record_consent(&self, record: &ConsentRecord) -> Result<()>;
    /// The newest record of the user.
    fn consent(&self, user: UserKey) -> Result<Option<ConsentRecord>>;
    fn issue_receipt(&self, receipt: &Receipt) -> Result<()>;
    fn receipts(&self, user: UserKey) -> Result<Vec<Receipt>>;
    fn audit(&self, entry: AuditEntry) -> Result<()>;
    /// Newest first.
    fn audit_trail(&self, limit: usize) -> Result<Vec<AuditEntry>>;
    /// Recomputes the chain; the error names the first entry that does not fit.
    fn verify_audit(&self) -> Result<u64>;
}
