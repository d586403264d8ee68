//! Layers with parameters of their own.

use rand::rngs::StdRng;

use super::parameters::{Parameter, Parameters};
use super::tape::{Tape, Var};

#[derive(Clone, Copy)]
pub(crate) struct Norm {
    pub gain: Parameter,
    pub bias: Parameter,
}

#[derive(Clone, Copy)]
pub(crate) struct Linear {
    pub weights: Parameter,
    pub bias: Parameter,
}

impl Norm {
    pub fn new(name: &str, width: usize, parameters: &mut Parameters) -> Self {
        let gain = parameters.constant(&format!("{name}.gain"), 1, width, 1.0);
        Self { gain, bias: parameters.constant(&format!("{name}.bias"), 1, width, 0.0) }
    }

    pub fn apply(self, tape: &mut Tape<'_>, x: Var) -> Var {
        tape.layer_norm(x, self.gain, self.bias)
    }
}

impl Linear {
    pub fn new(name: &str, shape: (usize, usize), parameters: &mut Parameters, random: &mut StdRng) -> Self {
        let weights = parameters.weights(&format!("{name}.weights"), shape, random);
        Self { weights, bias: parameters.constant(&format!("{name}.bias"), 1, shape.1, 0.0) }
    }

    pub fn apply(self, tape: &mut Tape<'_>, x: Var) -> Var {
        tape.linear(x, self.weights, self.bias)
    }
}
