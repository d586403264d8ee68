//! A causal transformer over the history.
//!
//! Kang & McAuley, *Self-Attentive Sequential Recommendation* (ICDM 2018), with many sampled negatives and either
//! gSASRec's loss (Petrov & Macdonald, RecSys 2023) or a sampled softmax, and norms before the layers rather than behind.

use rand::rngs::StdRng;

use crate::neural::layers::{Linear, Norm};
use crate::neural::ops::Activation;
use crate::neural::parameters::{Parameter, Parameters};
use crate::neural::sequence::{self, Encoder, NextItem};
use crate::neural::tape::{Tape, Var};
use crate::neural::training;
use crate::options::{OptionSpec, Range};
use crate::{FitContext, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "sasrec";
pub const ABOUT: &str = "what comes next, by a transformer that reads the history in order";

pub const OPTIONS: &[OptionSpec] = &[
    sequence::FACTORS,
    OptionSpec::count("blocks", 2, 1, 16, "layers of attention").search(Range::Linear(1.0, 3.0)),
    OptionSpec::count("heads", 2, 1, 16, "places that a layer attends to; divides the factors"),
    sequence::MAX_LENGTH,
    sequence::EPOCHS,
    sequence::PATIENCE,
    sequence::LEARNING_RATE,
    sequence::DROPOUT,
    sequence::BATCH,
    sequence::NEGATIVES,
    training::NEGATIVE_POWER,
    sequence::LOSS,
    sequence::CALIBRATION,
    sequence::WEIGHTING,
];

pub(crate) type SasRec = NextItem<Transformer>;

pub(crate) fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<SasRec> {
    sequence::fit(data, options, context)
}

pub(crate) fn load(tensors: &Tensors, options: &Options) -> Result<SasRec> {
    sequence::load(tensors, options)
}

/// Blocks of attention and of a layer that looks at each product alone.
pub(crate) struct Transformer {
    n_heads: usize,
    positions: Parameter,
    blocks: Vec<Block>,
    norm: Norm,
}

struct Block {
    before_attention: Norm,
    qkv: Linear,
    attended: Linear,
    before_inner: Norm,
    inner: Linear,
    outer: Linear,
}

impl Block {
    fn new(number: usize, width: usize, parameters: &mut Parameters, random: &mut StdRng) -> Self {
        let name = |part: &str| format!("blocks.{number}.{part}");
        Self {
            before_attention: Norm::new(&name("before_attention"), width, parameters),
            qkv: Linear::new(&name("qkv"), (width, 3 * width), parameters, random),
            attended: Linear::new(&name("attended"), (width, width), parameters, random),
            before_inner: Norm::new(&name("before_inner"), width, parameters),
            inner: Linear::new(&name("inner"), (width, width), parameters, random),
            outer: Linear::new(&name("outer"), (width, width), parameters, random),
        }
    }

    /// `x + attention(norm(x))`, then `x + feed-forward(norm(x))`.
    fn apply(&self, tape: &mut Tape<'_>, x: Var, lengths: &[usize], n_heads: usize, dropout: f32) -> Var {
        let normal = self.before_attention.apply(tape, x);
        let qkv = self.qkv.apply(tape, normal);
        let attended = tape.causal_attention(qkv, lengths, n_heads);
        let attended = self.attended.apply(tape, attended);
        let attended = tape.dropout(attended, dropout);
        let x = tape.add(x, attended);

        let normal = self.before_inner.apply(tape, x);
        let inner = self.inner.apply(tape, normal);
        let inner = tape.activation(inner, Activation::Gelu);
        let outer = self.outer.apply(tape, inner);
        let outer = tape.dropout(outer, dropout);
        tape.add(x, outer)
    }
}

impl Encoder for Transformer {
    const NAME: &'static str = NAME;

    fn new(options: &Options, width: usize, parameters: &mut Parameters, random: &mut StdRng) -> Self {
        // The nearest number of heads that divides the factors.
        let n_heads = (1..=options.count("heads")).rev().find(|n| width.is_multiple_of(*n)).unwrap_or(1);
        let positions = parameters.normal("positions", (options.count("max_length"), width), 0.02, random);
        let blocks = (0..options.count("blocks")).map(|n| Block::new(n, width, parameters, random)).collect();
        Self { n_heads, positions, blocks, norm: Norm::new("norm", width, parameters) }
    }

    fn encode(&self, tape: &mut Tape<'_>, x: Var, lengths: &[usize], dropout: f32) -> Var {
        let places: Vec<u32> = lengths.iter().flat_map(|&length| 0..length as u32).collect();
        let places = tape.gather(self.positions, &places);
        let x = tape.add(x, places);
        let x = self.blocks.iter().fold(x, |x, block| block.apply(tape, x, lengths, self.n_heads, dropout));
        self.norm.apply(tape, x)
    }
}
