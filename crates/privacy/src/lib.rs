//! What a person allowed, and what a person may ask for.
//!
//! [`Pseudonyms`] turn the shop's ids into keys that name nobody; [`ConsentPolicy`] says what an event may do;
//! [`redact`] takes contact data out of free text; [`Erasure`] forgets a person everywhere and proves it. The only IO
//! here is the [`KeyFile`]: time and stores come from the caller.

pub mod consent;
pub mod erase;
pub mod key_file;
pub mod pseudonym;
pub mod redact;

pub use consent::{ConsentPolicy, Decision, anonymise};
pub use erase::{Erasure, ErasureRequest, Forget};
pub use key_file::{KeyFile, KeyFileError};
pub use pseudonym::{Key, Pseudonyms};
pub use redact::{redact_page, redact_text};
