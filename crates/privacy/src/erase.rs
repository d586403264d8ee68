//! Forgetting a person: out of the log first, so that no rebuild brings them back, then out of all that was derived.

use domain::{Timestamp, UserKey};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{AuditEntry, EventLog, Ledger, Receipt, Result, Users};

/// Something derived that can forget one user: profiles, caches, lake files, model factors.
pub trait Forget: Send + Sync {
    /// The name on the receipt: `profiles`, `slate_cache`, …
    fn name(&self) -> &str;
    /// How many things of this user were removed; zero when there is nothing (any more).
    fn forget(&self, user: UserKey) -> Result<u64>;
}

/// Who is to be forgotten, and who asked when.
#[derive(Clone, Debug)]
pub struct ErasureRequest {
    /// All keys of one person: known and anonymous.
    pub users: Vec<UserKey>,
    pub requested_at: Timestamp,
    /// For the audit trail: `cli`, `api`, a key's name.
    pub actor: String,
}

/// Where a person is to be forgotten, in this order.
pub struct Erasure<'a> {
    pub log: &'a dyn EventLog,
    pub users: &'a dyn Users,
    pub ledger: &'a dyn Ledger,
    /// All that is derived from the log.
    pub derived: Vec<&'a dyn Forget>,
}

impl Erasure<'_> {
    /// One receipt for each key. `now` is asked when a key's erasure is complete.
    ///
    /// Every step may be repeated, so after a crash or an error the same request is simply made again. The receipt's
    /// id comes from the key and the time of the request: a request that was already completed answers with the
    /// receipt it got then, having looked again. A receipt counts what its own run removed; the audit trail shows
    /// when earlier runs began.
    ///
    /// # Errors
    /// The first store that failed; what was erased before stays erased.
    pub fn erase(&self, request: &ErasureRequest, now: &dyn Fn() -> Timestamp) -> Result<Vec<Receipt>> {
        let mut users: Vec<UserKey> = request.users.iter().copied().filter(|user| !user.is_nobody()).collect();
        users.sort_unstable();
        users.dedup();
        users.into_iter().map(|user| self.erase_one(user, request, now)).collect()
    }

    fn erase_one(&self, user: UserKey, request: &ErasureRequest, now: &dyn Fn() -> Timestamp) -> Result<Receipt> {
        let receipt_id = receipt_id(user, request.requested_at);
        self.audit(request, "user.erase.started", json!({ "receipt_id": receipt_id }), now())?;
        let removed = self.remove(user)?;
        if let Some(earlier) = self.ledger.receipts(user)?.into_iter().find(|r| r.receipt_id == receipt_id) {
            return Ok(earlier);
        }
        let receipt = Receipt { receipt_id, user, requested_at: request.requested_at, completed_at: now(), removed };
        let detail = json!({ "receipt_id": receipt.receipt_id, "removed": receipt.removed });
        self.audit(request, "user.erase", detail, receipt.completed_at)?;
        self.ledger.issue_receipt(&receipt)?;
        Ok(receipt)
    }

    fn remove(&self, user: UserKey) -> Result<Vec<(String, u64)>> {
        let mut removed = vec![
            ("event_log".to_owned(), self.log.erase(user)?),
            ("user_traits".to_owned(), u64::from(self.users.delete(user)?)),
        ];
        for store in &self.derived {
            removed.push((store.name().to_owned(), store.forget(user)?));
        }
        Ok(removed)
    }

    fn audit(&self, request: &ErasureRequest, action: &str, detail: serde_json::Value, at: Timestamp) -> Result<()> {
        let (actor, action) = (request.actor.clone(), action.to_owned());
        self.ledger.audit(AuditEntry { at, actor, action, detail, hash: String::new() })
    }
}

/// The same request always gets the same id, and the id does not tell whose it is.
fn receipt_id(user: UserKey, requested_at: Timestamp) -> String {
    let digest = Sha256::new().chain_update(user.0).chain_update(requested_at.micros().to_be_bytes()).finalize();
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
