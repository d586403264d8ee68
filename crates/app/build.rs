//! Points the embedding at the built dashboard, or at a page that says how to build it: `cargo build` needs no Node.

use std::{env, fs, path::PathBuf};

fn main() {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let built = manifest.join("../../web/dist");
    println!("cargo:rerun-if-changed={}", built.display());
    let dist = if built.join("index.html").exists() {
        built
    } else {
        let stand_in = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("web");
        fs::create_dir_all(&stand_in).expect("OUT_DIR is writable");
        fs::write(
            stand_in.join("index.html"),
            "<!doctype html><title>Vitrina</title><p>This build has no dashboard: run <code>make web</code> and build again.\n",
        )
        .expect("OUT_DIR is writable");
        stand_in
    };
    println!("cargo:rustc-env=VITRINA_WEB_DIST={}", dist.display());
}
