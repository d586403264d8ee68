//! multilingual-e5-small from the Hugging Face Hub: which files of which revision, and what they must be.
//!
//! Wang et al., *Multilingual E5 Text Embeddings* (2024); 118 M parameters, MIT.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{hexadecimal, write_manifest};
use crate::{Error, Manifest, Pooling, Result};

/// The Hub itself; mirrors have other addresses.
pub const HUB: &str = "https://huggingface.co";
const REPOSITORY: &str = "intfloat/multilingual-e5-small";
const REVISION: &str = "614241f622f53c4eeff9890bdc4f31cfecc418b3";

/// A file of the model.
#[derive(Debug, Clone, Copy)]
pub struct HubFile {
    pub name: &'static str,
    pub bytes: u64,
    sha256: &'static str,
}

/// Smallest first, so that a wrong address shows at once.
pub const FILES: [HubFile; 3] = [
    HubFile {
        name: "config.json",
        bytes: 655,
        sha256: "69137736cab8b8903a07fe8afaafdda25aac55415a12a55d1bffa9f581abf959",
    },
    HubFile {
        name: "tokenizer.json",
        bytes: 17_082_730,
        sha256: "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
    },
    HubFile {
        name: "model.safetensors",
        bytes: 470_641_600,
        sha256: "1a55775f53449dac10a2bcbc312469fac40b96d53198c407081a831f81c98477",
    },
];

impl HubFile {
    pub fn url(&self, hub: &str) -> String {
        format!("{}/{REPOSITORY}/resolve/{REVISION}/{}", hub.trim_end_matches('/'), self.name)
    }

    /// Whether the folder has it already, whole and right.
    pub fn is_in(&self, folder: &Path) -> bool {
        File::open(folder.join(self.name))
            .and_then(|mut file| {
                let mut digest = Sha256::new();
                std::io::copy(&mut file, &mut digest)?;
                Ok(hexadecimal(&digest.finalize()) == self.sha256)
            })
            .unwrap_or(false)
    }

    /// Writes what `bytes` yields into the folder; there it is only when it is the file that was meant. `progress` hears how
    /// many bytes have come.
    pub fn receive(&self, mut bytes: impl Read, folder: &Path, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let (file, part) = (folder.join(self.name), folder.join(format!("{}.part", self.name)));
        let mut digest = Sha256::new();
        let mut copy = || {
            fs::create_dir_all(folder)?;
            let mut out = File::create(&part)?;
            let (mut buffer, mut done) = (vec![0; 1 << 16], 0);
            loop {
                let n = bytes.read(&mut buffer)?;
                if n == 0 {
                    return out.sync_all();
                }
                digest.update(&buffer[..n]);
                out.write_all(&buffer[..n])?;
                done += n as u64;
                progress(done);
            }
        };
        copy().map_err(Error::io(&part))?;
        let got = hexadecimal(&digest.finalize());
        if got != self.sha256 {
            fs::remove_file(&part).map_err(Error::io(&part))?;
            let problem = format!("got SHA-256 {got}, wanted {}; fetch again, or from elsewhere", self.sha256);
            return Err(Error::model(&file, problem));
        }
        fs::rename(&part, &file).map_err(Error::io(&file))
    }
}

/// Completes a folder that has all [`FILES`].
pub fn finish(folder: &Path) -> Result<Manifest> {
    let manifest = Manifest {
        id: "multilingual-e5-small".to_owned(),
        source: REPOSITORY.to_owned(),
        revision: REVISION.to_owned(),
        licence: "MIT".to_owned(),
        pooling: Pooling::Mean,
        prefix: "query: ".to_owned(),
        max_tokens: 128,
        files: FILES.iter().map(|file| (file.name.to_owned(), file.sha256.to_owned())).collect(),
    };
    write_manifest(folder, &manifest)?;
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_that_was_meant_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let [config, ..] = FILES;
        let mut seen = 0;
        let error = config.receive(&b"<html>sign in</html>"[..], folder.path(), &mut |n| seen = n).unwrap_err();
        assert!(error.to_string().contains("wanted 69137736"), "{error}");
        assert_eq!(seen, 20);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(!config.is_in(folder.path()));
        assert_eq!(
            config.url("https://mirror.example/"),
            "https://mirror.example/intfloat/multilingual-e5-small/resolve/614241f622f53c4eeff9890bdc4f31cfecc418b3/config.json"
        );
    }
}
