//! Where a list that is read part by part goes on: what it has shown, in a text that the caller hands back.
//!
//! The cursor carries fingerprints instead of a place in an order, so that no product comes twice whatever the shopper, the shop or the models did
//! meanwhile, and no server has to remember anything.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::ProductId;

/// Products that one list can show in all its parts.
pub const SHOWN_MAX: usize = 500;
/// First byte of a cursor.
const VERSION: u8 = 1;

/// Got something that no answer gave.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the cursor is not one that an answer gave; leave it out to begin anew")]
pub struct CursorError;

/// Four bytes of BLAKE3: of 500 products shown, one in ten million others is taken for one of them.
pub(crate) fn fingerprint(id: &ProductId) -> u32 {
    let hash = blake3::hash(id.as_str().as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The fingerprints that a cursor carries, in the order in which they were shown.
///
/// # Errors
/// On a text that [`after`] did not make.
pub fn parse(cursor: &str) -> Result<Vec<u32>, CursorError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| CursorError)?;
    let (&VERSION, prints) = bytes.split_first().ok_or(CursorError)? else { return Err(CursorError) };
    let (prints, rest) = prints.as_chunks::<4>();
    let is_sound = rest.is_empty() && prints.len() <= SHOWN_MAX;
    is_sound.then(|| prints.iter().map(|print| u32::from_le_bytes(*print)).collect()).ok_or(CursorError)
}

/// The cursor of what comes after `shown` and these; `None` where the list ends.
pub fn after<'a>(shown: &[u32], ids: impl ExactSizeIterator<Item = &'a ProductId>) -> Option<String> {
    let goes_on = ids.len() > 0 && shown.len() + ids.len() <= SHOWN_MAX;
    goes_on.then(|| {
        let prints = shown.iter().copied().chain(ids.map(fingerprint));
        let bytes: Vec<u8> = std::iter::once(VERSION).chain(prints.flat_map(u32::to_le_bytes)).collect();
        URL_SAFE_NO_PAD.encode(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_says_what_was_shown() {
        let ids: Vec<ProductId> = ["a", "b", "c"].map(|id| ProductId::new(id).unwrap()).into();
        let first = after(&[], ids[..2].iter()).unwrap();
        let shown = parse(&first).unwrap();
        assert_eq!(shown, [fingerprint(&ids[0]), fingerprint(&ids[1])]);
        assert_eq!(parse(&after(&shown, ids[2..].iter()).unwrap()).unwrap().len(), 3);
        assert_eq!(after(&[0; SHOWN_MAX], ids.iter()), None);
        assert_eq!(after(&shown, [].iter()), None);
        for wrong in ["", "x", "AQ1", "AgAAAAA", "ñ", &"A".repeat(9_999)] {
            assert_eq!(parse(wrong), Err(CursorError), "{wrong}");
        }
    }
}
