//! A recurrent network over the history.
//!
//! Hidasi & Karatzoglou, *Recurrent Neural Networks with Top-k Gains for Session-based Recommendations* (CIKM 2018), with
//! the cross-entropy over sampled products and embeddings shared between input and output, the choices that its authors
//! name in *The Effect of Third Party Implementations on Reproducibility* (Hidasi & Czapp, RecSys 2023).

use rand::rngs::StdRng;

use crate::neural::layers::{Linear, Norm};
use crate::neural::parameters::Parameters;
use crate::neural::sequence::{self, Encoder, NextItem};
use crate::neural::tape::{Tape, Var};
use crate::neural::training;
use crate::options::OptionSpec;
use crate::{FitContext, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "gru4rec";
pub const ABOUT: &str = "what comes next, by a recurrent network that reads the history in order";

pub const OPTIONS: &[OptionSpec] = &[
    sequence::FACTORS,
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

pub(crate) type Gru4Rec = NextItem<Recurrent>;

pub(crate) fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Gru4Rec> {
    sequence::fit(data, options, context)
}

pub(crate) fn load(tensors: &Tensors, options: &Options) -> Result<Gru4Rec> {
    sequence::load(tensors, options)
}

/// One layer of gated recurrent units.
pub(crate) struct Recurrent {
    input: Linear,
    recurrent: Linear,
    norm: Norm,
}

impl Encoder for Recurrent {
    const NAME: &'static str = NAME;

    fn new(_options: &Options, width: usize, parameters: &mut Parameters, random: &mut StdRng) -> Self {
        Self {
            input: Linear::new("input", (width, 3 * width), parameters, random),
            recurrent: Linear::new("recurrent", (width, 3 * width), parameters, random),
            norm: Norm::new("norm", width, parameters),
        }
    }

    fn encode(&self, tape: &mut Tape<'_>, x: Var, lengths: &[usize], dropout: f32) -> Var {
        let x = self.input.apply(tape, x);
        let states = tape.gru(x, self.recurrent.weights, self.recurrent.bias, lengths);
        let states = tape.dropout(states, dropout);
        self.norm.apply(tape, states)
    }
}
