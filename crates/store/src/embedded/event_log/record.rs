//! One event as bytes: a version, who it is about, then MessagePack with field names.
//!
//! The users stand in front so that an erasure can scan without decoding; names make the rest self-describing, so that
//! fields can be added. The engine's blocks and journal batches carry checksums, so records need none of their own.

use domain::{Event, EventKind, UserKey};
use fjall::Slice;

use super::STORE;
use crate::{Result, StoreError};

const VERSION: u8 = 1;
/// All that is left of an erased event: its place, so that a missing row is always damage.
pub const ERASED: &[u8] = &[0];
const USER: std::ops::Range<usize> = 1..17;
const ANONYMOUS: std::ops::Range<usize> = 17..33;
const HEADER: usize = 33;

/// 128 bits of BLAKE3: with 10^12 ids the chance of any collision is about 10^-15.
pub type Key = [u8; 16];

/// An event ready to be written.
pub struct Entry {
    pub message: Key,
    /// Of a completed order, which counts once whatever its message ids are.
    pub order: Option<Key>,
    pub value: Slice,
}

impl Entry {
    /// What it occupies while it waits.
    pub fn bytes(&self) -> usize {
        self.value.len() + 64
    }
}

/// # Errors
/// When an event can't be written as MessagePack; no checked event is known to.
pub fn encode(events: &[Event]) -> Result<Vec<Entry>> {
    let mut buffer = Vec::with_capacity(512);
    events.iter().map(|event| encode_one(event, &mut buffer)).collect()
}

fn encode_one(event: &Event, buffer: &mut Vec<u8>) -> Result<Entry> {
    buffer.clear();
    buffer.push(VERSION);
    buffer.extend_from_slice(&event.user.0);
    buffer.extend_from_slice(&event.anonymous.unwrap_or(UserKey::NOBODY).0);
    rmp_serde::encode::write_named(buffer, event).map_err(|error| StoreError::Unavailable {
        store: STORE,
        detail: format!("event {} can't be encoded: {error}", event.message_id),
    })?;
    let order = event.order.as_ref().filter(|_| event.kind == EventKind::OrderCompleted);
    Ok(Entry {
        message: key(event.message_id.as_str()),
        order: order.map(|order| key(order.order_id.as_str())),
        value: Slice::from(&buffer[..]),
    })
}

/// Of a message or an order.
pub fn key(id: &str) -> Key {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(id.as_bytes()).as_bytes()[..16]);
    key
}

/// `None` for an erased event; the error says what is wrong with the bytes.
pub fn decode(value: &[u8]) -> Result<Option<Event>, String> {
    if value == ERASED {
        return Ok(None);
    }
    match value.first() {
        Some(&VERSION) if value.len() > HEADER => {
            rmp_serde::from_slice(&value[HEADER..]).map(Some).map_err(|error| error.to_string())
        }
        Some(version) if *version > VERSION => {
            Err(format!("record version {version} is newer than this program's {VERSION}"))
        }
        _ => Err("the record has no header".to_owned()),
    }
}

/// Is the record about this user, as known or anonymous visitor?
pub fn is_about(value: &[u8], user: UserKey) -> bool {
    value.len() > HEADER && (value[USER] == user.0 || value[ANONYMOUS] == user.0)
}
