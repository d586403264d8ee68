//! Pseudonyms: HMAC-SHA256 under a key that lives outside the store, so that the log alone names nobody.

use std::fmt;

use domain::UserKey;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// 32 secret bytes. Whoever has them can tell which pseudonym belongs to a known id; losing them cuts every
/// pseudonym's link to the shop's ids for ever.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    pub const BYTES: usize = 32;

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Key {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(secret)")
    }
}

/// Makes user keys. The keyed state is computed once, so a pseudonym costs two SHA-256 blocks.
#[derive(Clone)]
pub struct Pseudonyms {
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(secret)")
    }
}

impl Pseudonyms {
    pub fn new(key: impl Into<Key>) -> Self {
        // HMAC takes a key of any length, so this can't fail.
        let keyed = Hmac::new_from_slice(key.into().bytes()).expect("HMAC-SHA256 accepts 32 bytes");
        Self { keyed }
    }

    /// The key of a user whom the shop knows by its own id.
    pub fn known(&self, shop: &str, user_id: &str) -> UserKey {
        self.user_key(shop, "known", user_id)
    }

    /// The key of a visitor known only by a cookie or device.
    pub fn anonymous(&self, shop: &str, anonymous_id: &str) -> UserKey {
        self.user_key(shop, "anonymous", anonymous_id)
    }

    /// 32 hexadecimal digits in place of some other identifying text, such as the message id of an anonymised event.
    pub fn text(&self, shop: &str, text: &str) -> String {
        let UserKey(bytes) = self.user_key(shop, "text", text);
        format!("{:032x}", u128::from_be_bytes(bytes))
    }

    /// HMAC-SHA256(key, shop ‖ 0 ‖ class ‖ 0 ‖ id), first 16 bytes. Neither shop nor class holds a zero byte, so two
    /// different triples never make the same message.
    fn user_key(&self, shop: &str, class: &str, id: &str) -> UserKey {
        let mut mac = self.keyed.clone();
        for part in [shop.as_bytes(), &[0], class.as_bytes(), &[0], id.as_bytes()] {
            mac.update(part);
        }
        let digest = mac.finalize().into_bytes();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        let key = UserKey(bytes);
        // One chance in 2^128, but then a person would silently count as nobody.
        if key.is_nobody() { UserKey([0xff; 16]) } else { key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonyms() -> Pseudonyms {
        Pseudonyms::new([0x0b; 32])
    }

    #[test]
    fn matches_hmac_sha256_of_another_implementation() {
        // Python: hmac.new(b'\x0b'*32, b'shop\0known\0u1', 'sha256').hexdigest()[:32], and so on.
        assert_eq!(pseudonyms().known("shop", "u1").to_string(), "~6c895bc24085c1411975335380d406f1");
        assert_eq!(pseudonyms().anonymous("shop", "u1").to_string(), "~56a6eb40c93d7b0c2a998f1f223f15b6");
    }

    #[test]
    fn shops_classes_and_ids_never_meet() {
        let p = pseudonyms();
        let keys = [p.known("a", "bc"), p.known("ab", "c"), p.anonymous("a", "bc"), p.known("a", "bd")];
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key) && !key.is_nobody());
        }
        assert_ne!(Pseudonyms::new([1; 32]).known("a", "bc"), keys[0]);
    }

    #[test]
    fn debug_output_tells_nothing() {
        assert_eq!(format!("{:?} {:?}", pseudonyms(), Key::from([7; 32])), "Pseudonyms(secret) Key(secret)");
    }
}
