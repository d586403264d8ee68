//! What must be provable later.

use std::{path::Path, sync::Arc};

use domain::{Consent, Timestamp};
use serde_json::json;

use super::{fresh, sample::user};
use crate::{AuditEntry, ConsentRecord, Ledger, Receipt};

type Open<'a> = &'a dyn Fn(&Path) -> Arc<dyn Ledger>;

pub fn ledger(open: impl Fn(&Path) -> Arc<dyn Ledger>) {
    fresh(|path| the_newest_consent_counts(path, &open));
    fresh(|path| receipts_stay(path, &open));
    fresh(|path| the_audit_trail_chains(path, &open));
}

fn the_newest_consent_counts(path: &Path, open: Open<'_>) {
    let record = |at, consent| ConsentRecord {
        user: user(1),
        at: Timestamp::from_seconds(at),
        consent,
        source: "api".to_owned(),
        policy_version: "2026-01".to_owned(),
    };
    let ledger = open(path);
    assert_eq!(ledger.consent(user(1)).expect("the read"), None);
    ledger.record_consent(&record(10, Consent::default())).expect("the write");
    ledger.record_consent(&record(20, Consent::GRANTED)).expect("the write");
    // Arrives late and is older: it is kept, and changes nothing.
    ledger.record_consent(&record(15, Consent::default())).expect("the write");
    drop(ledger);
    let ledger = open(path);
    assert_eq!(ledger.consent(user(1)).expect("the read"), Some(record(20, Consent::GRANTED)));
    assert_eq!(ledger.consent(user(2)).expect("the read"), None);
    ledger.record_consent(&record(20, Consent::default())).expect("the write");
    let newest = ledger.consent(user(1)).expect("the read");
    assert_eq!(newest, Some(record(20, Consent::default())), "of two at one time the later one");
}

fn receipts_stay(path: &Path, open: Open<'_>) {
    let receipt = |id: &str| Receipt {
        receipt_id: id.to_owned(),
        user: user(1),
        requested_at: Timestamp::from_seconds(1),
        completed_at: Timestamp::from_seconds(2),
        removed: vec![("event_log".to_owned(), 41), ("profiles".to_owned(), 1)],
    };
    let ledger = open(path);
    ledger.issue_receipt(&receipt("r1")).expect("the write");
    ledger.issue_receipt(&receipt("r2")).expect("the write");
    assert!(ledger.issue_receipt(&receipt("r1")).is_err(), "a receipt is issued once");
    drop(ledger);
    let ledger = open(path);
    assert_eq!(ledger.receipts(user(1)).expect("the read"), [receipt("r1"), receipt("r2")]);
    assert_eq!(ledger.receipts(user(2)).expect("the read"), []);
}

fn the_audit_trail_chains(path: &Path, open: Open<'_>) {
    let entry = |n: i64| AuditEntry {
        at: Timestamp::from_seconds(n),
        actor: "cli".to_owned(),
        action: "model.promote".to_owned(),
        detail: json!({ "version": n }),
        hash: String::new(),
    };
    let ledger = open(path);
    assert_eq!(ledger.verify_audit().expect("the check"), 0);
    for n in 0..3 {
        ledger.audit(entry(n)).expect("the write");
    }
    drop(ledger);
    let ledger = open(path);
    ledger.audit(entry(3)).expect("the write");
    assert_eq!(ledger.verify_audit().expect("the check"), 4);
    let trail = ledger.audit_trail(2).expect("the read");
    assert_eq!(trail.iter().map(|entry| entry.at.seconds()).collect::<Vec<_>>(), [3, 2]);
    assert!(trail.iter().all(|entry| entry.hash.len() == 64), "64 hexadecimal digits, got {trail:?}");
    assert_ne!(trail[0].hash, trail[1].hash);
}
