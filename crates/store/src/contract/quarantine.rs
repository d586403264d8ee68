//! Bad input, kept as it came.

use std::{path::Path, sync::Arc};

use domain::Timestamp;

use super::fresh;
use crate::{Quarantine, Quarantined};

pub fn quarantine(open: impl Fn(&Path) -> Arc<dyn Quarantine>) {
    fresh(|path| {
        let row = |code: &str, raw: &str| Quarantined {
            id: 999,
            received_at: Timestamp::from_micros(1_785_250_800_123_456),
            code: code.to_owned(),
            detail: "price must be zero or more".to_owned(),
            origin: "api".to_owned(),
            raw: raw.to_owned(),
        };
        let quarantine = open(path);
        quarantine.put(&[row("out_of_range", "{\"a\":1}"), row("missing_field", "{}")]).expect("the write");
        quarantine.put(&[row("out_of_range", "\u{0}ñ")]).expect("the write");
        drop(quarantine);
        let quarantine = open(path);
        let rows = quarantine.list(0, 10).expect("the read");
        let ids: Vec<u64> = rows.iter().map(|row| row.id).collect();
        assert!(ids.is_sorted_by(|left, right| left < right) && ids[0] > 0, "growing ids, got {ids:?}");
        assert_eq!(rows[2], Quarantined { id: ids[2], ..row("out_of_range", "\u{0}ñ") });
        assert_eq!(quarantine.list(ids[0], 1).expect("the read"), [rows[1].clone()]);
        let counts = quarantine.counts().expect("the read");
        assert_eq!(counts, [("out_of_range".to_owned(), 2), ("missing_field".to_owned(), 1)]);
        assert_eq!(quarantine.remove(&[ids[2], 12_345]).expect("the removal"), 1);
        quarantine.put(&[row("late", "")]).expect("the write");
        let newest = quarantine.list(ids[1], 10).expect("the read");
        assert_eq!(newest.len(), 1);
        assert!(newest[0].id > ids[2], "an id is not used again");
    });
}
