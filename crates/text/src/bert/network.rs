//! The forward pass: embeddings, then layers of attention and two dense layers, each with a residual and a layer norm.

use std::path::Path;

use pulp::{Arch, Simd, WithSimd};
use rten_simd::SimdUnaryOp;
use rten_vecmath::Gelu;

use super::Precision;
use super::attention::attention;
use super::config::Config;
use super::dense::Dense;
use super::folder::{Tensor, Weights};
use crate::Result;

pub(super) struct Network {
    width: usize,
    n_heads: usize,
    /// As stored: it is two thirds of the model, and a batch reads a few hundred rows of it.
    words: Tensor,
    /// Of positions, with the embedding of the only segment added.
    positions: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

struct Layer {
    /// Queries, keys and values in one product.
    qkv: Dense,
    mixed: Dense,
    attention_norm: LayerNorm,
    wide: Dense,
    narrow: Dense,
    norm: LayerNorm,
}

impl Network {
    pub fn load(path: &Path, config: &Config, precision: Precision) -> Result<Self> {
        let weights = &mut Weights::open(path)?;
        let width = config.hidden_size;
        let words = weights.read("embeddings.word_embeddings.weight", &[config.vocab_size, width])?;
        let n_positions = config.max_position_embeddings;
        let mut positions = weights.floats("embeddings.position_embeddings.weight", &[n_positions, width])?;
        let segments = weights.floats("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, width])?;
        for position in positions.chunks_exact_mut(width) {
            position.iter_mut().zip(&segments).for_each(|(x, segment)| *x += segment);
        }
        let norm = LayerNorm::load(weights, "embeddings.LayerNorm", config)?;
        let layers = (0..config.num_hidden_layers).map(|layer| Layer::load(weights, layer, config, precision));
        let layers = layers.collect::<Result<_>>()?;
        Ok(Self { width, n_heads: config.num_attention_heads, words, positions, norm, layers })
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// The last states of all tokens, text after text.
    pub fn forward(&self, texts: &[&[u32]]) -> Vec<f32> {
        let mut x = self.embed(texts);
        for layer in &self.layers {
            x = layer.forward(x, texts, self.n_heads, self.width);
        }
        x
    }

    fn embed(&self, texts: &[&[u32]]) -> Vec<f32> {
        let n_tokens = texts.iter().map(|tokens| tokens.len()).sum::<usize>();
        let mut x = vec![0.0; n_tokens * self.width];
        let tokens = texts.iter().flat_map(|tokens| tokens.iter().zip(self.positions.chunks_exact(self.width)));
        for ((&token, position), x) in tokens.zip(x.chunks_exact_mut(self.width)) {
            self.words.row_into(token as usize, x);
            x.iter_mut().zip(position).for_each(|(x, position)| *x += position);
        }
        self.norm.apply(&mut x);
        x
    }
}

impl Layer {
    fn load(weights: &mut Weights, layer: usize, config: &Config, precision: Precision) -> Result<Self> {
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let mut dense = |parts: &[&str], n_outputs: usize, n_inputs: usize| -> Result<Dense> {
            let (mut rows, mut bias) = (Vec::new(), Vec::new());
            for part in parts {
                rows.extend(weights.floats(&name(&format!("{part}.weight")), &[n_outputs, n_inputs])?);
                bias.extend(weights.floats(&name(&format!("{part}.bias")), &[n_outputs])?);
            }
            Ok(Dense::new(&rows, bias, precision))
        };
        Ok(Self {
            qkv: dense(&["attention.self.query", "attention.self.key", "attention.self.value"], width, width)?,
            mixed: dense(&["attention.output.dense"], width, width)?,
            wide: dense(&["intermediate.dense"], wide, width)?,
            narrow: dense(&["output.dense"], width, wide)?,
            attention_norm: LayerNorm::load(weights, &name("attention.output.LayerNorm"), config)?,
            norm: LayerNorm::load(weights, &name("output.LayerNorm"), config)?,
        })
    }

    fn forward(&self, mut x: Vec<f32>, texts: &[&[u32]], n_heads: usize, width: usize) -> Vec<f32> {
        let n_rows = x.len() / width;
        let lengths = texts.iter().map(|tokens| tokens.len());
        let mixed = attention(&self.qkv.forward(&x, n_rows), lengths, width, n_heads);
        self.attention_norm.apply_to_sum(&mut x, &self.mixed.forward(&mixed, n_rows));
        let mut wide = self.wide.forward(&x, n_rows);
        Gelu {}.map_mut(&mut wide);
        self.norm.apply_to_sum(&mut x, &self.narrow.forward(&wide, n_rows));
        x
    }
}

/// Ba et al. 2016.
struct LayerNorm {
    scale: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl LayerNorm {
    fn load(weights: &mut Weights, name: &str, config: &Config) -> Result<Self> {
        let shape = [config.hidden_size];
        let scale = weights.floats(&format!("{name}.weight"), &shape)?;
        let bias = weights.floats(&format!("{name}.bias"), &shape)?;
        Ok(Self { scale, bias, epsilon: config.layer_norm_eps })
    }

    fn apply_to_sum(&self, x: &mut [f32], residual: &[f32]) {
        x.iter_mut().zip(residual).for_each(|(x, y)| *x += y);
        self.apply(x);
    }

    fn apply(&self, x: &mut [f32]) {
        Arch::new().dispatch(Normalize { norm: self, x });
    }
}

/// Rows of `x` in place.
struct Normalize<'a> {
    norm: &'a LayerNorm,
    x: &'a mut [f32],
}

impl WithSimd for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let LayerNorm { scale, bias, epsilon } = self.norm;
        let n = scale.len();
        for x in self.x.chunks_exact_mut(n) {
            let mean = sum(x, |x| x) / n as f32;
            let variance = sum(x, |x| (x - mean) * (x - mean)) / n as f32;
            let inverse = 1.0 / (variance + epsilon).sqrt();
            for ((x, scale), bias) in x.iter_mut().zip(scale).zip(bias) {
                *x = (*x - mean) * inverse * scale + bias;
            }
        }
    }
}

/// In sixteen sums side by side, since a single one may not be reordered.
#[inline(always)]
fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0f32; 16];
    let chunks = x.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().map(|&x| f(x)).sum();
    for x in chunks {
        for lane in 0..16 {
            sums[lane] += f(x[lane]);
        }
    }
    sums.iter().sum::<f32>() + rest
}
