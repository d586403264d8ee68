//! The models that a hybrid asks, and their scores on one scale.

use crate::ranking::scale;
use crate::{FitContext, History, Model, Options, Result, Tensors, TrainingData, catalogue};

pub(super) fn names(options: &Options) -> Vec<&str> {
    options.word("sources").split(',').collect()
}

pub(super) fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Vec<Box<dyn Model>>> {
    let fit = |name: &str| catalogue::find(name)?.fit(data, &options_of(name, options)?, context);
    names(options).into_iter().map(fit).collect()
}

pub(super) fn load(tensors: &Tensors, options: &Options) -> Result<Vec<Box<dyn Model>>> {
    let load = |name: &str| catalogue::load(&tensors.part(name, name, options_of(name, options)?));
    names(options).into_iter().map(load).collect()
}

fn options_of(name: &str, options: &Options) -> Result<Options> {
    let pairs: Vec<(String, String)> = options.part(name).iter().map(|(k, v)| (k.to_owned(), v.to_string())).collect();
    catalogue::find(name)?.options(&pairs)
}

/// A source's scores as shares of its largest; 0 where it cannot say.
pub(super) fn shares_of(source: &dyn Model, history: &History<'_>) -> Vec<f32> {
    let mut scores = vec![0.0; source.n_items()];
    source.score(history, &mut scores);
    let scale = scale_of(&scores);
    scores.iter_mut().for_each(|s| *s = if s.is_finite() { *s * scale } else { 0.0 });
    scores
}

pub(super) fn scale_of(scores: &[f32]) -> f32 {
    one_over(scale(scores.iter().copied()))
}

/// 0 of a source that says nothing.
pub(super) fn one_over(scale: f32) -> f32 {
    if scale > 0.0 { 1.0 / scale } else { 0.0 }
}
