//! The table of models: name, one line, options, how to fit, how to load. A new model is a new file and a new line here.

use crate::options::{OptionSpec, nearest};
use crate::{Error, FitContext, Model, Options, Result, Tensors, TrainingData};
use crate::{
    bought_together, bpr, buy_again, ease, fm, graph_filter, gru4rec, hybrid, ials, item_knn, item2vec, markov,
    mult_vae, neumf, personal_top, popular, rp3beta, sasrec, slim, svd, tifu_knn, trending, vmis_knn, warp,
};

/// One model of the catalogue.
pub struct ModelSpec {
    pub name: &'static str,
    /// One line for `--help`, documentation and the dashboard.
    pub about: &'static str,
    pub options: &'static [OptionSpec],
    /// What data it is for.
    pub suits: Suits,
    pub cost: Cost,
    /// Whether it may speak for shoppers: it ranks by a whole history, not for everybody alike and not for one cart.
    pub is_personal: bool,
    /// Whether `SOURCE.KEY=VALUE` reaches the options of other models.
    pub takes_source_options: bool,
    fit: fn(&TrainingData<'_>, &Options, &FitContext<'_>) -> Result<Box<dyn Model>>,
    load: fn(&Tensors, &Options) -> Result<Box<dyn Model>>,
}

/// What a fit takes, in classes that mostly lie an order of magnitude apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Goes through the data a few times and counts.
    Counting,
    /// Solves systems of equations.
    Solving,
    /// Goes down a gradient, epoch after epoch.
    Learning,
}

/// What a model can't do without; whoever picks a model for a dataset passes those by that it lacks something for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suits {
    /// Timestamps.
    pub time: bool,
    /// Explicit ratings.
    pub ratings: bool,
    /// Rows that are sessions, or at least in the order in which things happened.
    pub sessions: bool,
    /// What was bought at once.
    pub orders: bool,
    /// Products beyond which it takes too much memory or time.
    pub n_items_max: usize,
}

impl Suits {
    /// Interactions are all it takes.
    pub const ANYTHING: Self =
        Self { time: false, ratings: false, sessions: false, orders: false, n_items_max: usize::MAX };
    pub const WITH_TIME: Self = Self { time: true, ..Self::ANYTHING };
    pub const WITH_RATINGS: Self = Self { ratings: true, ..Self::ANYTHING };
    pub const SESSIONS: Self = Self { sessions: true, ..Self::ANYTHING };
    pub const ORDERS: Self = Self { orders: true, ..Self::ANYTHING };

    /// Whether data that has `has`, and `has.n_items_max` products, is enough.
    pub fn fits(&self, has: &Self) -> bool {
        let enough = |wanted: bool, has: bool| has || !wanted;
        enough(self.time, has.time)
            && enough(self.ratings, has.ratings)
            && enough(self.sessions, has.sessions)
            && enough(self.orders, has.orders)
            && has.n_items_max <= self.n_items_max
    }
}

/// The entry of a model whose module has `NAME`, `ABOUT`, `OPTIONS`, `fit` and `load`, with what a fit costs.
macro_rules! entry {
    ($module:ident, $cost:ident) => {
        ModelSpec {
            name: $module::NAME,
            about: $module::ABOUT,
            options: $module::OPTIONS,
            suits: Suits::ANYTHING,
            cost: Cost::$cost,
            is_personal: true,
            takes_source_options: false,
            fit: |data, options, context| Ok(Box::new($module::fit(data, options, context)?)),
            load: |tensors, options| Ok(Box::new($module::load(tensors, options)?)),
        }
    };
}

/// Every model, simplest first.
pub const MODELS: &[ModelSpec] = &[
    ModelSpec { is_personal: false, ..entry!(popular, Counting) },
    ModelSpec { is_personal: false, suits: Suits::WITH_TIME, ..entry!(trending, Counting) },
    entry!(personal_top, Counting),
    ModelSpec { suits: Suits::WITH_TIME, ..entry!(buy_again, Counting) },
    entry!(tifu_knn, Counting),
    entry!(item_knn, Counting),
    ModelSpec { is_personal: false, suits: Suits::ORDERS, ..entry!(bought_together, Counting) },
    entry!(rp3beta, Counting),
    entry!(slim, Solving),
    entry!(ease, Solving),
    entry!(graph_filter, Solving),
    entry!(ials, Solving),
    entry!(bpr, Learning),
    entry!(warp, Learning),
    entry!(item2vec, Learning),
    ModelSpec { suits: Suits::WITH_RATINGS, ..entry!(svd, Learning) },
    entry!(fm, Learning),
    ModelSpec { suits: Suits::SESSIONS, ..entry!(markov, Counting) },
    ModelSpec { suits: Suits::SESSIONS, ..entry!(vmis_knn, Counting) },
    ModelSpec { suits: Suits::SESSIONS, ..entry!(sasrec, Learning) },
    ModelSpec { suits: Suits::SESSIONS, ..entry!(gru4rec, Learning) },
    entry!(mult_vae, Learning),
    entry!(neumf, Learning),
    ModelSpec { takes_source_options: true, ..entry!(hybrid, Solving) },
];

/// Of models that were fitted together, the one that speaks for shoppers: the last that listens to them.
pub fn personal<'a>(names: impl DoubleEndedIterator<Item = &'a str>) -> Option<&'a str> {
    names.rev().find(|name| find(name).is_ok_and(|spec| spec.is_personal))
}

/// The model called `name`.
pub fn find(name: &str) -> Result<&'static ModelSpec> {
    MODELS.iter().find(|spec| spec.name == name).ok_or_else(|| {
        let names: Vec<&str> = MODELS.iter().map(|spec| spec.name).collect();
        Error::UnknownModel { got: name.to_owned(), known: names.join(", "), hint: nearest(name, &names) }
    })
}

impl ModelSpec {
    /// Checks `(key, value)` pairs; what is not given gets its default.
    pub fn options<K: AsRef<str>, V: AsRef<str>>(&self, pairs: &[(K, V)]) -> Result<Options> {
        let is_part = |key: &str| self.takes_source_options && key.contains('.');
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_ref().trim(), v.as_ref())).collect();
        let (parts, own): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| is_part(key));
        let mut options = Options::checked(self.name, self.options, &own)?;
        for (key, value) in parts {
            let (source, source_key) = key.split_once('.').expect("partitioned by the dot");
            let checked = find(source)?.options(&[(source_key, value)])?;
            options.insert(key.to_owned(), checked.get(source_key).expect("just checked").clone());
        }
        Ok(options)
    }

    /// The options that declare where tuning looks; those of its sources too, as `SOURCE.KEY`.
    pub fn search_space(&self, options: &Options) -> Vec<(String, &'static OptionSpec)> {
        let declared = |options: &'static [OptionSpec]| options.iter().filter(|option| option.search.is_some());
        let own = declared(self.options).map(|option| (option.key.to_owned(), option));
        let sources = options.get("sources").filter(|_| self.takes_source_options).map(ToString::to_string);
        let of_sources = sources.iter().flat_map(|names| names.split(',')).filter_map(|name| find(name).ok());
        let of_sources = of_sources.flat_map(|source| {
            declared(source.options).map(|option| (format!("{}.{}", source.name, option.key), option))
        });
        own.chain(of_sources).collect()
    }

    pub fn fit(&self, data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Box<dyn Model>> {
        (self.fit)(data, options, context)
    }
}

/// Fits the model called `name` with `KEY=VALUE` options.
pub fn fit<K: AsRef<str>, V: AsRef<str>>(
    name: &str,
    pairs: &[(K, V)],
    data: &TrainingData<'_>,
    context: &FitContext<'_>,
) -> Result<Box<dyn Model>> {
    let spec = find(name)?;
    spec.fit(data, &spec.options(pairs)?, context)
}

/// The model that [`Model::tensors`] described.
pub fn load(tensors: &Tensors) -> Result<Box<dyn Model>> {
    let spec = find(&tensors.model)?;
    let pairs: Vec<(String, String)> = tensors.options.iter().map(|(k, v)| (k.to_owned(), v.to_string())).collect();
    (spec.load)(tensors, &spec.options(&pairs)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{OptionKind, Range};

    #[test]
    fn an_unknown_model_gets_the_nearest_name() {
        let error = find("item_knn").err().unwrap().to_string();
        assert!(error.contains("did you mean `item-knn`?") && error.contains("popular"), "{error}");
    }

    #[test]
    fn the_last_that_listens_speaks() {
        assert_eq!(personal(["popular", "item-knn", "graph-filter", "trending"].into_iter()), Some("graph-filter"));
        assert_eq!(personal(["popular", "no such model"].into_iter()), None);
        assert_eq!(personal(["item-knn", "bought-together"].into_iter()), Some("item-knn"), "that is about carts");
    }

    #[test]
    fn every_default_is_within_its_own_range() {
        for spec in MODELS {
            let defaults: Vec<(String, String)> =
                spec.options.iter().map(|o| (o.key.to_owned(), o.default_value().to_string())).collect();
            spec.options(&defaults).unwrap();
        }
    }

    #[test]
    fn what_tuning_tries_is_allowed() {
        let untuned =
            MODELS.iter().filter(|spec| spec.search_space(&spec.options::<&str, &str>(&[]).unwrap()).is_empty());
        assert_eq!(untuned.map(|spec| spec.name).collect::<Vec<_>>(), [] as [&str; 0], "no range to look in");
        for option in MODELS.iter().flat_map(|spec| spec.options) {
            let Some(range) = option.search else { continue };
            let allowed = match (option.kind, range) {
                (OptionKind::Count { min, max, .. }, Range::Linear(low, high) | Range::Log(low, high)) => {
                    min as f64 <= low && low < high && high <= max as f64
                }
                (OptionKind::Number { min, max, .. }, Range::Linear(low, high) | Range::Log(low, high)) => {
                    min <= low && low < high && high <= max
                }
                (OptionKind::Choice { of, .. }, Range::Words) => of.len() > 1,
                _ => false,
            };
            assert!(allowed && !matches!(range, Range::Log(low, _) if low <= 0.0), "{}: {range:?}", option.key);
        }
    }

    #[test]
    fn a_hybrid_searches_its_sources() {
        let hybrid = find("hybrid").unwrap();
        let options = hybrid.options(&[("sources", "ials,popular")]).unwrap();
        let keys: Vec<String> = hybrid.search_space(&options).into_iter().map(|(key, _)| key).collect();
        assert!(
            keys.contains(&"ials.factors".to_owned()) && !keys.iter().any(|k| k.starts_with("item-knn")),
            "{keys:?}"
        );
    }

    #[test]
    fn a_model_is_for_data_that_has_what_it_wants() {
        let has = Suits { time: true, n_items_max: 500, ..Suits::ANYTHING };
        assert!(Suits::ANYTHING.fits(&has) && Suits::WITH_TIME.fits(&has) && !Suits::SESSIONS.fits(&has));
        assert!(!Suits { n_items_max: 499, ..Suits::ANYTHING }.fits(&has));
    }

    #[test]
    fn source_options_reach_their_model() {
        let hybrid = find("hybrid").unwrap();
        assert_eq!(hybrid.options(&[("ials.factors", "8")]).unwrap().part("ials").count("factors"), 8);
        assert!(hybrid.options(&[("ials.factor", "8")]).unwrap_err().to_string().contains("did you mean `factors`?"));
        assert!(find("popular").unwrap().options(&[("ials.factors", "8")]).is_err());
    }
}
