//! The few layers that our networks are made of, with their gradients, for the CPU.
//!
//! A batch is cut into shards of a fixed number of examples. Each shard runs forward and back on its own [`Tape`], on
//! one thread, small enough to stay in the second cache; shards run side by side and their gradients are added in
//! order, so the number of threads changes nothing. `matrix` has the product that nearly all time goes into, `ops`
//! the layers, `parameters` the optimizer, `training` the epochs.

mod attention;
pub(crate) mod bags;
mod gru;
pub(crate) mod items;
pub(crate) mod layers;
mod math;
pub(crate) mod matrix;
pub(crate) mod ops;
pub(crate) mod parameters;
pub(crate) mod sequence;
pub(crate) mod tape;
pub(crate) mod training;

#[cfg(test)]
mod tests;
