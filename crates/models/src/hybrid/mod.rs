//! A blend of other models, found on held-out interactions: one weight per source (`weighted`), weights by how much is
//! known of the user (`switching`), or trees that see the sources, the product and the user (`learned`).

mod features;
mod importance;
mod learned;
mod shortlist;
mod sources;
mod switching;
#[cfg(test)]
mod tests;
mod trees;
mod weighted;

use self::learned::Learned;
use self::shortlist::Judged;
use crate::model::by_size;
use crate::options::OptionSpec;
use crate::ranking::AllScores;
use crate::validation::{HeldOut, moment_at};
use crate::{
    Contribution, Error, FitContext, History, Importance, Model, Neighbour, Options, Ranking, Result, Tensors,
    TrainingData,
};

pub const NAME: &str = "hybrid";
pub const ABOUT: &str = "a blend of other models, found on held-out interactions";

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
    OptionSpec::choice(
        "blend",
        "weighted",
        &["weighted", "switching", "learned"],
        "one weight per source; weights by length of the history; or LambdaMART over the sources and over features of \
         product, user and both",
    ),
    OptionSpec::number(
        "validation",
        0.1,
        0.01,
        0.5,
        "share of interactions held out to find the blend: each user's latest, for `learned` all users' latest, by lot \
         where the data has no time",
    ),
    OptionSpec::count("validation_users", 2000, 10, 1_000_000, "users that the blend is found on"),
    OptionSpec::choice(
        "repeats",
        "without",
        &["without", "with"],
        "whether held-out products that the user had before count: with, where the shop shows them again",
    ),
    OptionSpec::count("n", 20, 1, 1000, "length of the list whose NDCG the blend maximizes"),
    OptionSpec::count("shortlist", 100, 1, 10_000, "learned: candidates of each source that the trees look at"),
    OptionSpec::count(
        "trees",
        100,
        1,
        10_000,
        "learned: most trees; as many are kept as are best on lists not learned from",
    ),
    OptionSpec::count("depth", 4, 1, 12, "learned: most questions from a tree's root to a leaf"),
    OptionSpec::number("learning_rate", 0.1, 0.001, 1.0, "learned: what each tree counts"),
    OptionSpec::number("regularization", 10.0, 0.0, 1e6, "learned: L2 weight on what a leaf says"),
];

pub struct Hybrid {
    options: Options,
    sources: Vec<Box<dyn Model>>,
    blend: Blend,
}

enum Blend {
    /// `score_j = Σ_sources weight · score_j / largest score`; a source that cannot say adds nothing.
    Weighted(Vec<f32>),
    /// The same with a row of weights per band of history length.
    Switching(Vec<Vec<f32>>),
    Learned(Box<Learned>),
}

/// Fits the sources without the held-out interactions, finds the blend on those, and fits the sources again on all.
pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Hybrid> {
    let held_out = hold_out(data, options, context)?;
    let trial = fit_trial(&held_out, data, options, context)?;
    context.step(NAME, 1, 3)?;
    let blend = find_blend(&trial, &held_out, data, options, context)?;
    context.step(NAME, 2, 3)?;
    drop(trial);
    let sources = sources::fit(&TrainingData { ratings: None, ..*data }, options, context)?;
    context.step(NAME, 3, 3)?;
    Ok(Hybrid { options: options.clone(), sources, blend })
}

/// The sources as they were before the held-out interactions; orders may hold these.
fn fit_trial(
    held_out: &HeldOut,
    data: &TrainingData<'_>,
    options: &Options,
    context: &FitContext<'_>,
) -> Result<Vec<Box<dyn Model>>> {
    sources::fit(
        &TrainingData { interactions: &held_out.train, ratings: None, orders: None, ..*data },
        options,
        context,
    )
}

fn hold_out(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<HeldOut> {
    let (share, n_users) = (options.number("validation"), options.count("validation_users"));
    let with_repeats = options.word("repeats") == "with";
    // As it will be asked: nothing that the blend is found with may know what came later, of anybody.
    let from_moment = match moment_at(data.interactions, 1.0 - share) {
        Some(moment) => HeldOut::from_moment(data.interactions, moment, n_users, context.seed, with_repeats)?,
        None => None,
    };
    let held_out = match from_moment {
        Some(held_out) => Some(held_out),
        None => HeldOut::cut(data.interactions, share, n_users, context.seed, with_repeats)?,
    };
    held_out.ok_or_else(|| {
        Error::Data("got no user with two different products, wanted some to find the blend of a hybrid".into())
    })
}

fn find_blend(
    trial: &[Box<dyn Model>],
    held_out: &HeldOut,
    data: &TrainingData<'_>,
    options: &Options,
    context: &FitContext<'_>,
) -> Result<Blend> {
    let n = options.count("n");
    let lists = || Judged::all(trial, held_out, 20 * n, |_, _| ()).0;
    Ok(match options.word("blend") {
        "learned" => Blend::Learned(Box::new(Learned::fit(trial, held_out, data, options, context)?)),
        "switching" => Blend::Switching(switching::find_bands(&lists(), trial.len(), n)),
        _ => {
            let lists = lists();
            let everybody: Vec<&Judged> = lists.iter().collect();
            Blend::Weighted(weighted::find_weights(&everybody, weighted::equal(trial.len()), n))
        }
    })
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<Hybrid> {
    let sources = sources::load(tensors, options)?;
    let n_items = sources[0].n_items();
    let blend = match options.word("blend") {
        "learned" => Blend::Learned(Box::new(Learned::load(tensors, options, n_items)?)),
        "switching" => {
            let (shape, weights) = tensors.f32("weights", 2)?;
            if shape != [switching::N_BANDS, sources.len()] {
                return Err(Error::Artifact(format!(
                    "{NAME}: got weights {shape:?}, wanted [{}, {}]",
                    switching::N_BANDS,
                    sources.len()
                )));
            }
            Blend::Switching(weights.chunks_exact(sources.len()).map(<[f32]>::to_vec).collect())
        }
        _ => Blend::Weighted(tensors.f32("weights", 1)?.1.to_vec()),
    };
    let n_weights = blend.weights(0).len();
    if n_weights != sources.len() || sources.iter().any(|source| source.n_items() != n_items) {
        return Err(Error::Artifact(format!(
            "{NAME}: got {n_weights} weights for {} sources, or sources of different size",
            sources.len()
        )));
    }
    Ok(Hybrid { options: options.clone(), sources, blend })
}

impl Blend {
    /// The weight of each source, for a history of so many events.
    fn weights(&self, n_events: usize) -> &[f32] {
        match self {
            Self::Weighted(weights) => weights,
            Self::Switching(bands) => &bands[switching::band_of(n_events)],
            Self::Learned(learned) => &learned.weights,
        }
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
        if let Blend::Learned(learned) = &self.blend {
            return learned.score(&self.sources, history, scores);
        }
        weighted::score(&self.sources, self.blend.weights(history.items.len()), history, scores);
    }

    fn rank<'a>(&'a self, history: &History<'_>) -> Box<dyn Ranking + 'a> {
        match &self.blend {
            Blend::Learned(_) => Box::new(AllScores::of(self, history)),
            blend => Box::new(weighted::WeightedRanking::new(self, blend.weights(history.items.len()), history)),
        }
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        by_size(match &self.blend {
            Blend::Learned(learned) => learned.explain(&self.sources, history, item),
            blend => weighted::explain(&self.sources, blend.weights(history.items.len()), history, item),
        })
    }

    fn importance(&self) -> Vec<Importance> {
        match &self.blend {
            Blend::Learned(learned) => learned.importance(&self.options),
            Blend::Weighted(_) | Blend::Switching(_) => Vec::new(),
        }
    }

    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        self.sources.iter().map(|s| s.neighbours(item, n)).find(|list| !list.is_empty()).unwrap_or_default()
    }

    fn tensors(&self) -> Tensors {
        let tensors = Tensors::new(NAME, self.options.clone());
        let mut tensors = match &self.blend {
            Blend::Weighted(weights) => tensors.with_f32("weights", &[weights.len()], weights.clone()),
            Blend::Switching(bands) => tensors.with_f32("weights", &[bands.len(), self.sources.len()], bands.concat()),
            Blend::Learned(learned) => learned.tensors(tensors),
        };
        for source in &self.sources {
            tensors.add_part(source.name(), source.tensors());
        }
        tensors
    }
}
