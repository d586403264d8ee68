//! The table of models: name, one line, options, how to fit, how to load. A new model is a new file and a new line here.

use crate::options::{OptionSpec, nearest};
use crate::{Error, FitContext, Model, Options, Result, Tensors, TrainingData};
use crate::{bpr, fm, hybrid, ials, item_knn, item2vec, popular, svd, trending, warp};

/// One model of the catalogue.
pub struct ModelSpec {
    pub name: &'static str,
    /// One line for `--help`, documentation and the dashboard.
    pub about: &'static str,
    pub options: &'static [OptionSpec],
    /// Whether `SOURCE.KEY=VALUE` reaches the options of other models.
    pub takes_source_options: bool,
    fit: fn(&TrainingData<'_>, &Options, &FitContext<'_>) -> Result<Box<dyn Model>>,
    load: fn(&Tensors, &Options) -> Result<Box<dyn Model>>,
}

/// The entry of a model whose module has `NAME`, `ABOUT`, `OPTIONS`, `fit` and `load`.
macro_rules! entry {
    ($module:ident) => {
        ModelSpec {
            name: $module::NAME,
            about: $module::ABOUT,
            options: $module::OPTIONS,
            takes_source_options: false,
            fit: |data, options, context| Ok(Box::new($module::fit(data, options, context)?)),
            load: |tensors, options| Ok(Box::new($module::load(tensors, options)?)),
        }
    };
}

/// Every model, simplest first.
pub const MODELS: &[ModelSpec] = &[
    entry!(popular),
    entry!(trending),
    entry!(item_knn),
    entry!(ials),
    entry!(bpr),
    entry!(warp),
    entry!(item2vec),
    entry!(svd),
    entry!(fm),
    ModelSpec { takes_source_options: true, ..entry!(hybrid) },
];

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

    #[test]
    fn an_unknown_model_gets_the_nearest_name() {
        let error = find("item_knn").err().unwrap().to_string();
        assert!(error.contains("did you mean `item-knn`?") && error.contains("popular"), "{error}");
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
    fn source_options_reach_their_model() {
        let hybrid = find("hybrid").unwrap();
        assert_eq!(hybrid.options(&[("ials.factors", "8")]).unwrap().part("ials").count("factors"), 8);
        assert!(hybrid.options(&[("ials.factor", "8")]).unwrap_err().to_string().contains("did you mean `factors`?"));
        assert!(find("popular").unwrap().options(&[("ials.factors", "8")]).is_err());
    }
}
