//! A blend of other models, its weights found on held-out interactions.

use rayon::prelude::*;

use crate::model::by_size;
use crate::options::OptionSpec;
use crate::rank::top_k;
use crate::validation::{HeldOut, ndcg};
use crate::{
    Contribution, Error, FitContext, History, HistoryItem, Interactions, Model, Options, Result, Tensors, TrainingData,
    catalogue,
};

pub const NAME: &str = "hybrid";
pub const ABOUT: &str = "a blend of other models, its weights found on held-out interactions";

const SOURCES: &[&str] = &[
    "popular",
    "trending",
    "personal-top",
    "buy-again",
    "tifu-knn",
    "item-knn",
    "rp3beta",
    "slim",
    "ease",
    "graph-filter",
    "ials",
    "bpr",
    "warp",
    "item2vec",
    "fm",
    "markov",
    "vmis-knn",
    "sasrec",
    "gru4rec",
    "mult-vae",
    "neumf",
];

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::words(
        "sources",
        "popular,trending,item-knn,ials",
        SOURCES,
        "models to blend; SOURCE.KEY=VALUE sets an option of one of them",
    ),
    OptionSpec::number(
        "validation",
        0.1,
        0.01,
        0.5,
        "share of each user's interactions held out to find the weights, the latest ones where the data has time",
    ),
    OptionSpec::count("validation_users", 2000, 10, 1_000_000, "users that the weights are found on"),
    OptionSpec::count("n", 20, 1, 1000, "length of the list whose NDCG the weights maximize"),
];

/// `score_j = Σ_sources weight · score_j / largest |score|`; a source that cannot say adds nothing.
pub struct Hybrid {
    options: Options,
    sources: Vec<Box<dyn Model>>,
    weights: Vec<f32>,
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Hybrid> {
    let names: Vec<&str> = options.word("sources").split(',').collect();
    let fit_sources = |interactions: &Interactions| -> Result<Vec<Box<dyn Model>>> {
        names.iter().map(|name| fit_source(name, options, &TrainingData::new(interactions), context)).collect()
    };
    let held_out =
        HeldOut::cut(data.interactions, options.number("validation"), options.count("validation_users"), context.seed)?
            .ok_or_else(|| {
                Error::Data(
                    "got no user with two different products, wanted some to find the weights of a hybrid".into(),
                )
            })?;
    let trial = fit_sources(&held_out.train)?;
    context.step(NAME, 1, 3)?;
    let weights = find_weights(&trial, &held_out, options.count("n"));
    context.step(NAME, 2, 3)?;
    drop(trial);
    let sources = fit_sources(data.interactions)?;
    context.step(NAME, 3, 3)?;
    Ok(Hybrid { options: options.clone(), sources, weights })
}

fn fit_source(
    name: &str,
    options: &Options,
    data: &TrainingData<'_>,
    context: &FitContext<'_>,
) -> Result<Box<dyn Model>> {
    let spec = catalogue::find(name)?;
    spec.fit(data, &source_options(name, options)?, context)
}

fn source_options(name: &str, options: &Options) -> Result<Options> {
    let pairs: Vec<(String, String)> = options.part(name).iter().map(|(k, v)| (k.to_owned(), v.to_string())).collect();
    catalogue::find(name)?.options(&pairs)
}

/// Weights on a simplex by coordinate search: from equal weights, steps of ½, ¼, … of one source at a time are kept while
/// they raise the mean NDCG at n.
fn find_weights(sources: &[Box<dyn Model>], held_out: &HeldOut, n: usize) -> Vec<f32> {
    // Only products in some source's upper part can reach a list of n: the rest need no place in memory.
    let shortlists: Vec<Shortlist> = held_out
        .users
        .par_iter()
        .map(|(history, wanted)| Shortlist::new(sources, history, wanted, held_out.now, 20 * n))
        .collect();
    let quality = |weights: &[f32]| {
        let sum: f64 = shortlists.par_iter().map(|s| s.ndcg(weights, n)).collect::<Vec<f64>>().iter().sum();
        sum / shortlists.len() as f64
    };
    let mut best = normalized(vec![1.0; sources.len()]);
    let mut best_quality = quality(&best);
    for step in [0.5f32, 0.25, 0.1, 0.05, 0.02] {
        let mut improved = true;
        while improved {
            improved = false;
            for source in 0..sources.len() {
                for change in [step, -step] {
                    let mut weights = best.clone();
                    weights[source] = (weights[source] + change).max(0.0);
                    if weights.iter().sum::<f32>() <= 0.0 {
                        continue;
                    }
                    let weights = normalized(weights);
                    let q = quality(&weights);
                    if q > best_quality + 1e-7 {
                        (best, best_quality, improved) = (weights, q, true);
                    }
                }
            }
        }
    }
    best
}

fn normalized(mut weights: Vec<f32>) -> Vec<f32> {
    let sum: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    weights
}

/// What all sources say about one validation user's candidates.
struct Shortlist {
    /// One row of shares per candidate, one number per source.
    shares: Vec<Vec<f32>>,
    is_wanted: Vec<bool>,
    n_wanted: usize,
}

impl Shortlist {
    fn new(sources: &[Box<dyn Model>], history: &[HistoryItem], wanted: &[u32], now: i64, n_candidates: usize) -> Self {
        let history_items = history;
        let history = History { items: history, now };
        let scores: Vec<Vec<f32>> = sources.iter().map(|source| shares_of(source.as_ref(), &history)).collect();
        let mut candidates: Vec<u32> = Vec::new();
        for scores in &scores {
            let mut unseen = scores.clone();
            history_items.iter().for_each(|h| unseen[h.item as usize] = f32::NEG_INFINITY);
            candidates.extend(top_k(&unseen, n_candidates).iter().map(|c| c.0));
        }
        candidates.sort_unstable();
        candidates.dedup();
        Self {
            shares: candidates.iter().map(|&c| scores.iter().map(|s| s[c as usize]).collect()).collect(),
            is_wanted: candidates.iter().map(|c| wanted.binary_search(c).is_ok()).collect(),
            n_wanted: wanted.len(),
        }
    }

    fn ndcg(&self, weights: &[f32], n: usize) -> f64 {
        let blended: Vec<f32> = self.shares.iter().map(|s| s.iter().zip(weights).map(|(s, w)| s * w).sum()).collect();
        let is_wanted = top_k(&blended, n).into_iter().map(|c| self.is_wanted[c.0 as usize]);
        ndcg(is_wanted, n.min(self.n_wanted))
    }
}

/// A source's scores as shares of its largest; 0 where it cannot say.
fn shares_of(source: &dyn Model, history: &History<'_>) -> Vec<f32> {
    let mut scores = vec![0.0; source.n_items()];
    source.score(history, &mut scores);
    let scale = scale_of(&scores);
    scores.iter_mut().for_each(|s| *s = if s.is_finite() { *s * scale } else { 0.0 });
    scores
}

/// One over the largest finite size; 0 when there is none.
fn scale_of(scores: &[f32]) -> f32 {
    let largest = scores.iter().filter(|s| s.is_finite()).fold(0.0f32, |m, s| m.max(s.abs()));
    if largest > 0.0 { 1.0 / largest } else { 0.0 }
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<Hybrid> {
    let (_, weights) = tensors.f32("weights", 1)?;
    let names: Vec<&str> = options.word("sources").split(',').collect();
    let sources = names
        .iter()
        .map(|name| catalogue::load(&tensors.part(name, name, source_options(name, options)?)))
        .collect::<Result<Vec<_>>>()?;
    let sizes_differ = sources.iter().any(|s| s.n_items() != sources[0].n_items());
    if weights.len() != sources.len() || sizes_differ {
        return Err(Error::Artifact(format!(
            "hybrid: got {} weights for {} sources, or sources of different size",
            weights.len(),
            sources.len()
        )));
    }
    Ok(Hybrid { options: options.clone(), sources, weights: weights.to_vec() })
}

impl Hybrid {
    /// The sources by name with their weights, which sum to 1.
    pub fn weights(&self) -> impl Iterator<Item = (&'static str, f32)> + '_ {
        self.sources.iter().map(|s| s.name()).zip(self.weights.iter().copied())
    }
}

impl Model for Hybrid {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.sources[0].n_items()
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        scores.fill(0.0);
        for (source, weight) in self.sources.iter().zip(&self.weights) {
            if *weight > 0.0 {
                for (score, share) in scores.iter_mut().zip(shares_of(source.as_ref(), history)) {
                    *score += weight * share;
                }
            }
        }
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        let mut contributions = Vec::new();
        for (source, weight) in self.sources.iter().zip(&self.weights).filter(|(_, weight)| **weight > 0.0) {
            let mut scores = vec![0.0; source.n_items()];
            source.score(history, &mut scores);
            let scale = weight * scale_of(&scores);
            contributions.extend(
                source.explain(history, item).into_iter().map(|c| Contribution { value: c.value * scale, ..c }),
            );
        }
        by_size(contributions)
    }

    fn neighbours(&self, item: u32, n: usize) -> Vec<crate::Neighbour> {
        self.sources.iter().map(|s| s.neighbours(item, n)).find(|list| !list.is_empty()).unwrap_or_default()
    }

    fn tensors(&self) -> Tensors {
        let mut tensors =
            Tensors::new(NAME, self.options.clone()).with_f32("weights", &[self.weights.len()], self.weights.clone());
        for source in &self.sources {
            tensors.add_part(source.name(), source.tensors());
        }
        tensors
    }
}
