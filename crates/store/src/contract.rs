//! What every implementation of a store must do, as functions that take its constructor. Each suite opens fresh folders
//! (a remote engine may take the path as the name of a fresh namespace), and opening the same path again must find what
//! was written there before. A broken promise panics with what was expected.

pub mod catalog;
pub mod event_log;
pub mod lake;
pub mod ledger;
pub mod prices;
pub mod profiles;
pub mod quarantine;
pub mod registry;
pub mod sample;
pub mod settings;
pub mod users;

/// Runs one story in a fresh folder.
fn fresh(story: impl FnOnce(&std::path::Path)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    story(folder.path());
}
