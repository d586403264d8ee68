//! Identifiers as types, so that a product can't be passed where an order was meant.
//! The text ones are cheap to clone (`Arc<str>`) and checked once, when they are made.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest accepted identifier in bytes. Segment allows 100 for `messageId`, Google Merchant Center 50 for products.
pub const ID_BYTES_MAX: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("{what} is empty; send 1 to {ID_BYTES_MAX} bytes of text")]
    Empty { what: &'static str },
    #[error("{what} has {got} bytes, at most {ID_BYTES_MAX} are accepted; send a shorter one or its hash")]
    TooLong { what: &'static str, got: usize },
    #[error("{what} contains a control character; send printable text")]
    Control { what: &'static str },
    #[error("{got:?} is not a user key; a user key is '~' and 32 hexadecimal digits")]
    UserKey { got: String },
}

pub(crate) fn check(what: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong { what, got: text.len() });
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::Control { what });
    }
    Ok(())
}

/// An identifier that is a checked text.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// # Errors
            /// When the text is empty, longer than [`ID_BYTES_MAX`] or holds control characters.
            pub fn new(text: impl AsRef<str>) -> Result<Self, $crate::IdError> {
                let text = text.as_ref().trim();
                $crate::id::check($what, text)?;
                Ok(Self(text.into()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::IdError;
            fn from_str(text: &str) -> Result<Self, $crate::IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::IdError;
            fn try_from(text: String) -> Result<Self, $crate::IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

pub(crate) use text_id;

text_id!(
    /// What is recommended: the shop's own product number (`id` in Merchant Center, `product_id` in Segment).
    ProductId,
    "product_id"
);
text_id!(
    /// Chosen by the sender before it sends, the same on every retry: the key of exact deduplication.
    MessageId,
    "message_id"
);
text_id!(
    /// One visit.
    SessionId,
    "session_id"
);
text_id!(
    /// One order; completed once, for ever.
    OrderId,
    "order_id"
);
text_id!(
    /// Where a slate appears: `home`, `product`, `cart`, …
    PlacementId,
    "placement"
);
text_id!(
    /// One answered query; impressions and clicks carry it back.
    RecommendationId,
    "recommendation_id"
);
text_id!(
    /// One banner, promotion or message.
    ContentId,
    "content_id"
);
text_id!(
    /// One trained model in the registry.
    ModelVersion,
    "model_version"
);

/// A person as the engine knows one: a keyed hash of the shop's user id or of an anonymous id.
///
/// The key lives outside the store, so the log alone names nobody (`privacy::Pseudonyms` makes these).
/// Written as `~` and 32 hexadecimal digits, which no accepted plain id may start with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey(pub [u8; 16]);

impl UserKey {
    pub const PREFIX: char = '~';

    /// Who acted is not to be kept: the event counts in totals, and no profile or model ever sees it.
    pub const NOBODY: Self = Self([0; 16]);

    pub fn is_nobody(self) -> bool {
        self == Self::NOBODY
    }
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey({self})")
    }
}

impl FromStr for UserKey {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(Self::PREFIX)
            .filter(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u128::from_str_radix(hex, 16).ok())
            .map(|n| Self(n.to_be_bytes()))
            .ok_or_else(|| IdError::UserKey { got: text.chars().take(64).collect() })
    }
}

impl Serialize for UserKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for UserKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = UserKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("'~' and 32 hexadecimal digits, or 16 bytes")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<UserKey, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<UserKey, E> {
                bytes.try_into().map(UserKey).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Visitor)
        } else {
            deserializer.deserialize_bytes(Visitor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_what_is_wrong() {
        assert_eq!(ProductId::new("  "), Err(IdError::Empty { what: "product_id" }));
        assert_eq!(ProductId::new("a\u{7}"), Err(IdError::Control { what: "product_id" }));
        assert_eq!(OrderId::new("x".repeat(129)), Err(IdError::TooLong { what: "order_id", got: 129 }));
        assert_eq!(ProductId::new(" 85123A ").map(|id| id.to_string()), Ok("85123A".to_owned()));
    }

    #[test]
    fn user_keys_read_back_as_written() {
        let key = UserKey([0xa1; 16]);
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(serde_json::from_str::<UserKey>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
        assert!("~12".parse::<UserKey>().is_err());
        assert!(format!("~{}", "+1".repeat(16)).parse::<UserKey>().is_err());
    }
}
