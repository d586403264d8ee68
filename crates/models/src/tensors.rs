//! A model at rest: named tensors and its options, in the open safetensors format. Bytes in, bytes out; whoever calls
//! decides where they lie.

use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use crate::{Error, Options, Result};

/// A dense array, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Tensor {
    F32 { shape: Vec<usize>, values: Vec<f32> },
    U32 { shape: Vec<usize>, values: Vec<u32> },
}

/// Named tensors with the name and options of the model they belong to.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensors {
    pub model: String,
    pub options: Options,
    pub tensors: BTreeMap<String, Tensor>,
}

const MODEL: &str = "vitrina.model";
const OPTIONS: &str = "vitrina.options";

impl Tensors {
    pub fn new(model: &str, options: Options) -> Self {
        Self { model: model.to_owned(), options, tensors: BTreeMap::new() }
    }

    pub fn with_f32(mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "shape of `{name}`");
        self.tensors.insert(name.to_owned(), Tensor::F32 { shape: shape.to_vec(), values });
        self
    }

    pub fn with_u32(mut self, name: &str, shape: &[usize], values: Vec<u32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "shape of `{name}`");
        self.tensors.insert(name.to_owned(), Tensor::U32 { shape: shape.to_vec(), values });
        self
    }

    /// The tensor's shape and values, or an error that names it.
    pub fn f32(&self, name: &str, n_dims: usize) -> Result<(&[usize], &[f32])> {
        match self.tensors.get(name) {
            Some(Tensor::F32 { shape, values }) if shape.len() == n_dims => Ok((shape, values)),
            other => Err(self.wrong(name, "f32", n_dims, other)),
        }
    }

    pub fn u32(&self, name: &str, n_dims: usize) -> Result<(&[usize], &[u32])> {
        match self.tensors.get(name) {
            Some(Tensor::U32 { shape, values }) if shape.len() == n_dims => Ok((shape, values)),
            other => Err(self.wrong(name, "u32", n_dims, other)),
        }
    }

    fn wrong(&self, name: &str, dtype: &str, n_dims: usize, got: Option<&Tensor>) -> Error {
        let got = match got {
            None => "nothing".to_owned(),
            Some(Tensor::F32 { shape, .. }) => format!("f32 {shape:?}"),
            Some(Tensor::U32 { shape, .. }) => format!("u32 {shape:?}"),
        };
        Error::Artifact(format!(
            "tensor `{name}` of {}: got {got}, wanted {dtype} with {n_dims} dimension(s)",
            self.model
        ))
    }

    /// The tensors of a part of this model, saved under `prefix.`.
    pub(crate) fn part(&self, prefix: &str, model: &str, options: Options) -> Self {
        let dotted = format!("{prefix}.");
        let tensors =
            self.tensors.iter().filter_map(|(k, v)| Some((k.strip_prefix(&dotted)?.to_owned(), v.clone()))).collect();
        Self { model: model.to_owned(), options, tensors }
    }

    pub(crate) fn add_part(&mut self, prefix: &str, part: Tensors) {
        self.tensors.extend(part.tensors.into_iter().map(|(k, v)| (format!("{prefix}.{k}"), v)));
    }

    /// The safetensors file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let raw: Vec<(&String, Dtype, &[usize], Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, tensor)| match tensor {
                Tensor::F32 { shape, values } => {
                    (name, Dtype::F32, shape.as_slice(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
                }
                Tensor::U32 { shape, values } => {
                    (name, Dtype::U32, shape.as_slice(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
                }
            })
            .collect();
        let views = raw
            .iter()
            .map(|(name, dtype, shape, bytes)| {
                Ok((name.as_str(), TensorView::new(*dtype, shape.to_vec(), bytes).map_err(artifact)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let options = serde_json::to_string(&self.options).map_err(artifact)?;
        let metadata = HashMap::from([(MODEL.to_owned(), self.model.clone()), (OPTIONS.to_owned(), options)]);
        let mut file = serialize(views, Some(metadata)).map_err(artifact)?;
        // The library writes metadata in the order of a randomly seeded map; equal models must be equal files.
        settle_header(&mut file)?;
        Ok(file)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(artifact)?;
        let metadata = header
            .metadata()
            .as_ref()
            .ok_or_else(|| Error::Artifact("got no metadata, wanted a Vitrina model".into()))?;
        let value = |key: &str| {
            metadata.get(key).ok_or_else(|| Error::Artifact(format!("metadata has no `{key}`, wanted a Vitrina model")))
        };
        let model = value(MODEL)?.clone();
        let options: Options = serde_json::from_str(value(OPTIONS)?).map_err(artifact)?;
        let file = SafeTensors::deserialize(bytes).map_err(artifact)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let shape = view.shape().to_vec();
            let words = view.data().chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
            let tensor = match view.dtype() {
                Dtype::F32 => Tensor::F32 { shape, values: words.map(f32::from_le_bytes).collect() },
                Dtype::U32 => Tensor::U32 { shape, values: words.map(u32::from_le_bytes).collect() },
                other => return Err(Error::Artifact(format!("tensor `{name}`: got {other:?}, wanted F32 or U32"))),
            };
            tensors.insert(name.to_owned(), tensor);
        }
        Ok(Self { model, options, tensors })
    }
}

fn artifact(error: impl std::fmt::Display) -> Error {
    Error::Artifact(error.to_string())
}

/// Rewrites the JSON header with sorted keys, in place: the same text in another order, so the length stays.
fn settle_header(file: &mut [u8]) -> Result<()> {
    let (length, rest) = file.split_first_chunk_mut::<8>().ok_or_else(|| artifact("file is cut"))?;
    let header = rest.get_mut(..u64::from_le_bytes(*length) as usize).ok_or_else(|| artifact("file is cut"))?;
    let sorted: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).map_err(artifact)?;
    let text = serde_json::to_vec(&sorted).map_err(artifact)?;
    if text.len() <= header.len() {
        header[..text.len()].copy_from_slice(&text);
        header[text.len()..].fill(b' ');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tensors {
        Tensors::new("popular", Options::default())
            .with_f32("scores", &[2, 2], vec![1.0, -2.5, 0.0, f32::MIN_POSITIVE])
            .with_u32("items", &[3], vec![1, 2, u32::MAX])
    }

    #[test]
    fn bytes_bring_the_same_tensors_back() {
        let bytes = sample().to_bytes().unwrap();
        assert_eq!(Tensors::from_bytes(&bytes).unwrap(), sample());
        assert_eq!(bytes, sample().to_bytes().unwrap(), "equal models are equal files");
    }

    #[test]
    fn damaged_bytes_are_an_error_not_a_crash() {
        let bytes = sample().to_bytes().unwrap();
        for cut in 0..bytes.len() {
            assert!(Tensors::from_bytes(&bytes[..cut]).is_err());
        }
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x41;
            let _ = Tensors::from_bytes(&damaged);
        }
    }

    #[test]
    fn a_missing_tensor_is_named() {
        let error = sample().f32("weights", 1).unwrap_err().to_string();
        assert!(error.contains("`weights`") && error.contains("nothing"), "{error}");
    }
}
