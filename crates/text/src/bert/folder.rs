//! Reading a model folder: the only part that opens files.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::{Dtype, tensor::Metadata};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokenizers::{Tokenizer, TruncationParams};

use super::config::{Config, Manifest};
use crate::{Error, Result};

pub(super) const MANIFEST: &str = "model.json";
pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const WEIGHTS: &str = "model.safetensors";

pub(super) fn manifest(folder: &Path) -> Result<Manifest> {
    let manifest: Manifest = json(folder, MANIFEST)?;
    let file = folder.join(MANIFEST);
    for name in [CONFIG, TOKENIZER, WEIGHTS] {
        let sum = manifest.files.get(name).ok_or_else(|| Error::model(&file, format!("no checksum of {name}")))?;
        if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::model(&file, format!("got `{sum}` for {name}, wanted a SHA-256 in hexadecimal")));
        }
    }
    Ok(manifest)
}

/// Every file that the manifest names is the one that it means.
pub(super) fn verify(folder: &Path, manifest: &Manifest) -> Result<()> {
    for (name, wanted) in &manifest.files {
        let file = folder.join(name);
        let mut digest = Sha256::new();
        let mut bytes = open(folder, &file)?;
        io::copy(&mut bytes, &mut digest).map_err(Error::io(&file))?;
        let got: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if !got.eq_ignore_ascii_case(wanted) {
            return Err(Error::model(&file, format!("got SHA-256 {got}, wanted {wanted}; fetch the model again")));
        }
    }
    Ok(())
}

pub(super) fn config(folder: &Path) -> Result<Config> {
    let config: Config = json(folder, CONFIG)?;
    config.problem().map_or(Ok(config), |problem| Err(Error::model(&folder.join(CONFIG), problem)))
}

/// A text has at least one token between the two that stand around it.
const LEAST_TOKENS: usize = 3;

pub(super) fn tokenizer(folder: &Path, max_tokens: usize, config: &Config) -> Result<Tokenizer> {
    if max_tokens < LEAST_TOKENS {
        let problem = format!("texts are cut at {max_tokens} tokens, wanted {LEAST_TOKENS} or more");
        return Err(Error::model(&folder.join(MANIFEST), problem));
    }
    let file = folder.join(TOKENIZER);
    let mut bytes = Vec::new();
    open(folder, &file)?.read_to_end(&mut bytes).map_err(Error::io(&file))?;
    let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(|error| Error::model(&file, error))?;
    // Else a text with one of the words that are too many would end in the middle of an encoding.
    if let Some((word, number)) =
        tokenizer.get_vocab(true).into_iter().find(|(_, number)| *number as usize >= config.vocab_size)
    {
        let problem =
            format!("has word {number} (`{word}`), the model has {} words; are both of one model?", config.vocab_size);
        return Err(Error::model(&file, problem));
    }
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|error| Error::model(&file, error))?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

/// Tensors of a safetensors file, read one by one so that a file of half a gigabyte is never in memory as a whole.
pub(super) struct Weights {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    first_byte: u64,
    /// Some exports put `bert.` before every name.
    prefix: &'static str,
}

impl Weights {
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::io(path))?;
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(Error::io(path))?;
        let size = file.metadata().map_err(Error::io(path))?.len();
        let header = u64::from_le_bytes(length);
        if header > size.min(100 << 20) {
            return Err(Error::model(path, format!("a header of {header} bytes in a file of {size}")));
        }
        let mut json = vec![0; header as usize];
        file.read_exact(&mut json).map_err(Error::io(path))?;
        let metadata: Metadata = serde_json::from_slice(&json).map_err(|error| Error::model(path, error))?;
        let prefix = if metadata.info("embeddings.word_embeddings.weight").is_some() { "" } else { "bert." };
        Ok(Self { path: path.to_owned(), file, metadata, first_byte: 8 + header, prefix })
    }

    /// The numbers of a tensor of this shape, as they are stored.
    pub fn read(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let name = format!("{}{name}", self.prefix);
        let info = self.metadata.info(&name).ok_or_else(|| Error::model(&self.path, format!("no tensor `{name}`")))?;
        if info.shape != shape {
            let problem = format!("tensor `{name}`: got shape {:?}, wanted {shape:?}", info.shape);
            return Err(Error::model(&self.path, problem));
        }
        let (dtype, (start, end)) = (info.dtype, info.data_offsets);
        let n = shape.iter().product();
        let from = SeekFrom::Start(self.first_byte + start as u64);
        self.file.seek(from).map_err(Error::io(&self.path))?;
        let mut read = |bytes: &mut [u8]| {
            if bytes.len() != end - start {
                return Err(Error::model(&self.path, format!("tensor `{name}` is cut short")));
            }
            self.file.read_exact(bytes).map_err(Error::io(&self.path))
        };
        match dtype {
            Dtype::F32 => {
                let mut values = vec![0f32; n];
                read(bytemuck::cast_slice_mut(&mut values))?;
                Ok(Tensor::F32(values))
            }
            Dtype::F16 => {
                let mut values = vec![f16::ZERO; n];
                read(bytemuck::cast_slice_mut(&mut values))?;
                Ok(Tensor::F16(values))
            }
            other => Err(Error::model(&self.path, format!("tensor `{name}`: got {other:?}, wanted F32 or F16"))),
        }
    }

    pub fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        Ok(match self.read(name, shape)? {
            Tensor::F32(values) => values,
            Tensor::F16(values) => values.iter().map(|x| x.to_f32()).collect(),
        })
    }
}

/// Numbers in the precision that they are stored in.
pub(super) enum Tensor {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

impl Tensor {
    pub fn row_into(&self, row: usize, out: &mut [f32]) {
        let range = row * out.len()..(row + 1) * out.len();
        match self {
            Self::F32(values) => out.copy_from_slice(&values[range]),
            Self::F16(values) => out.iter_mut().zip(&values[range]).for_each(|(out, x)| *out = x.to_f32()),
        }
    }
}

fn json<T: DeserializeOwned>(folder: &Path, name: &'static str) -> Result<T> {
    let file = folder.join(name);
    let bytes = match fs::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NoModel { folder: folder.to_owned(), wanted: name });
        }
        bytes => bytes.map_err(Error::io(&file))?,
    };
    serde_json::from_slice(&bytes).map_err(|error| Error::model(&file, error))
}

fn open(folder: &Path, file: &Path) -> Result<File> {
    File::open(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Error::model(file, format!("missing in {}; fetch the model again", folder.display()))
        }
        _ => Error::io(file)(error),
    })
}
