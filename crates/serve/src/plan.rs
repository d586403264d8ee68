//! Plans: how the slate of a placement is built, as files that people read and edit.
//!
//! ```toml
//! description = "What this shopper is likeliest to want next."
//! fallbacks = ["item_to_item", "popular", "catalog"]   # asked in turn while the slate is short
//!
//! [[sources]]            # all are asked; what several find is scored by all of them
//! name = "personal"
//! quota = 100            # candidates at most
//! weight = 1.0
//!
//! [filters]
//! where = "stock > 0"    # the filter language (docs/filters.md), beside what the request asks
//!
//! [rerank]
//! diversity = 0.2        # 0 relevance alone – 1 variety alone
//! caps = { seller = 4 }  # at most so many of one seller; brand, category, attributes.color …
//! explore = true         # new products get their share of the places
//!
//! [value]                # rank by what a sale is worth too
//! objective = "revenue"  # or "margin"
//! exponent = 0.5         # 0 not at all – 1 in proportion
//! relevance_loss_max = 0.1
//! ```
//!
//! Of one source the score stays what its model said. Of several it is the weighted sum of reciprocal ranks (Cormack et al., SIGIR 2009),
//! scaled so that the best of a source with weight 1 gets 1: scores of different models have no common scale, ranks have.

use std::{collections::BTreeMap, sync::Arc};

use domain::{Currency, Filter, Query, Source, product::is_attribute};
use serde::{Deserialize, Serialize};

use crate::Page;

/// Candidates that one source may give.
const QUOTA_MAX: usize = 1_000;
/// Of sources whose plan does not say, and of fallbacks.
pub(crate) const QUOTA: usize = 100;
const SOURCES_MAX: usize = 16;

/// Where slates appear whose plans come with the program.
const BUILT_IN: [(&str, &str); 9] = [
    ("home", include_str!("../plans/home.toml")),
    ("product", include_str!("../plans/product.toml")),
    ("cart", include_str!("../plans/cart.toml")),
    ("checkout", include_str!("../plans/checkout.toml")),
    ("category", include_str!("../plans/category.toml")),
    ("search", include_str!("../plans/search.toml")),
    ("email", include_str!("../plans/email.toml")),
    ("order-confirmation", include_str!("../plans/order-confirmation.toml")),
    ("deals", include_str!("../plans/deals.toml")),
];

/// What is wrong with a plan, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {detail}")]
pub struct PlanError {
    /// `plan "home"`, `page "home"`.
    what: String,
    detail: String,
}

impl PlanError {
    pub(crate) fn new(what: String, detail: String) -> Self {
        Self { what, detail }
    }
}

/// One way to build a slate.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub name: String,
    /// Begins the BLAKE3 hash of the file: the same text is the same version.
    pub version: String,
    pub description: String,
    pub sources: Vec<PlannedSource>,
    pub fallbacks: Vec<Source>,
    pub condition: Option<Filter>,
    pub rerank: Rerank,
    pub value: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedSource {
    pub source: Source,
    pub quota: usize,
    pub weight: f32,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rerank {
    /// 0 – 1.
    pub diversity: f32,
    /// By attribute: at most so many products with one value of it.
    pub caps: BTreeMap<String, usize>,
    pub explore: bool,
}

/// Ranks by what a sale is worth too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    pub objective: Objective,
    /// 0 – 1.
    pub exponent: f32,
    /// Share of the slate's relevance that may be given for it, 0 – 1.
    pub relevance_loss_max: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The price.
    Revenue,
    /// The price less the cost of goods sold.
    Margin,
}

/// As the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    description: String,
    sources: Vec<SourceEntry>,
    #[serde(default)]
    fallbacks: Vec<Source>,
    #[serde(default)]
    filters: FilterEntry,
    #[serde(default)]
    rerank: Rerank,
    value: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceEntry {
    name: Source,
    #[serde(default = "quota")]
    quota: usize,
    #[serde(default = "weight")]
    weight: f32,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterEntry {
    #[serde(rename = "where")]
    condition: Option<String>,
}

fn quota() -> usize {
    QUOTA
}

fn weight() -> f32 {
    1.0
}

impl Plan {
    /// Reads a plan; amounts in its filter are in `currency`.
    ///
    /// # Errors
    /// Says what is wrong, with line and column where the file itself is.
    pub fn parse(name: &str, text: &str, currency: Currency) -> Result<Self, PlanError> {
        let refused = |detail: String| PlanError::new(format!("plan {name:?}"), detail);
        let file: File = toml::from_str(text).map_err(|error| refused(error.to_string().trim_end().to_owned()))?;
        let condition = file.filters.condition.map(|text| Filter::parse(&text, currency)).transpose();
        let condition = condition.map_err(|error| refused(format!("filters.where: {error}")))?;
        let sources = file.sources.iter();
        let sources =
            sources.map(|entry| PlannedSource { source: entry.name, quota: entry.quota, weight: entry.weight });
        let plan = Self {
            name: name.to_owned(),
            version: blake3::hash(text.as_bytes()).to_hex()[..12].to_owned(),
            description: file.description,
            sources: sources.collect(),
            fallbacks: file.fallbacks,
            condition,
            rerank: file.rerank,
            value: file.value,
        };
        plan.check().map_err(refused)?;
        Ok(plan)
    }

    /// A slate of one source and nothing else.
    ///
    /// # Errors
    /// When it is no source of plans.
    pub(crate) fn of_source(name: &str, source: Source, currency: Currency) -> Result<Self, PlanError> {
        Self::parse(name, &format!("[[sources]]\nname = \"{}\"", source.as_str()), currency)
    }

    fn check(&self) -> Result<(), String> {
        if self.sources.is_empty() || self.sources.len() > SOURCES_MAX {
            return Err(format!("wanted 1 to {SOURCES_MAX} [[sources]], got {}", self.sources.len()));
        }
        let all = || self.sources.iter().map(|planned| planned.source).chain(self.fallbacks.iter().copied());
        if let Some(source) = all().find(|source| matches!(source, Source::Search | Source::Rule | Source::Exploration))
        {
            return Err(format!(
                "{} is no source of a plan: searches, rules and rerank.explore bring their own",
                source.as_str()
            ));
        }
        if let Some((at, twice)) =
            all().enumerate().find(|(at, source)| all().take(*at).any(|before| before == *source))
        {
            return Err(format!("{} is named twice (number {} of sources and fallbacks)", twice.as_str(), at + 1));
        }
        for PlannedSource { source, quota, weight } in &self.sources {
            let name = source.as_str();
            if !(1..=QUOTA_MAX).contains(quota) {
                return Err(format!("the quota of {name} must be 1 to {QUOTA_MAX}, got {quota}"));
            }
            if !(*weight > 0.0 && *weight <= 100.0) {
                return Err(format!("the weight of {name} must be above 0 and at most 100, got {weight}"));
            }
        }
        let within = |name: &str, value: f32| match (0.0..=1.0).contains(&value) {
            true => Ok(()),
            false => Err(format!("{name} must be 0 to 1, got {value}")),
        };
        within("rerank.diversity", self.rerank.diversity)?;
        if let Some(attribute) = self.rerank.caps.iter().find(|(_, cap)| **cap == 0).map(|(attribute, _)| attribute) {
            return Err(format!("rerank.caps.{attribute} must be 1 or more, got 0"));
        }
        if let Some(attribute) = self.rerank.caps.keys().find(|attribute| !is_attribute(attribute)) {
            return Err(format!(
                "rerank.caps: {attribute:?} is no attribute; wanted category, brand, seller or attributes.NAME"
            ));
        }
        if let Some(value) = self.value {
            within("value.exponent", value.exponent)?;
            within("value.relevance_loss_max", value.relevance_loss_max)?;
        }
        Ok(())
    }

    /// Name and version, as slates carry them.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Does anything come after the sources that may change their order?
    pub(crate) fn reranks(&self) -> bool {
        self.sources.len() > 1 || self.rerank.diversity > 0.0 || !self.rerank.caps.is_empty() || self.value.is_some()
    }
}

/// The plans of a shop, by placement.
#[derive(Debug, Clone)]
pub struct Plans {
    plans: BTreeMap<String, Arc<Plan>>,
    pages: BTreeMap<String, Arc<Page>>,
}

impl Default for Plans {
    fn default() -> Self {
        Self::new(&[], &[], Currency::PEN).expect("the built-in plans are valid: a test says so")
    }
}

impl Plans {
    /// What comes with the program, with the shop's `own` before it: pairs of a name and a file's text.
    ///
    /// # Errors
    /// Of the first plan or page that can't be read.
    pub fn new(
        own: &[(String, String)],
        own_pages: &[(String, String)],
        currency: Currency,
    ) -> Result<Self, PlanError> {
        let built_in = BUILT_IN.into_iter();
        let own = own.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let read = |(name, text)| Ok((String::from(name), Arc::new(Plan::parse(name, text, currency)?)));
        let plans = built_in.chain(own).map(read).collect::<Result<_, _>>()?;
        let plans = Self { plans, pages: BTreeMap::new() };
        let pages = Page::all(own_pages, currency, &plans)?;
        Ok(Self { pages, ..plans })
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Plan>> {
        self.plans.get(name)
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.plans.values()
    }

    pub fn page(&self, name: &str) -> Option<&Arc<Page>> {
        self.pages.get(name)
    }

    pub fn pages(&self) -> impl Iterator<Item = &Arc<Page>> {
        self.pages.values()
    }

    /// The text of a plan that comes with the program.
    pub fn built_in(name: &str) -> Option<&'static str> {
        BUILT_IN.into_iter().find(|(known, _)| *known == name).map(|(_, text)| text)
    }

    /// The placement's plan; a placement without one gets that of what the query is about. A page about products that nobody knows
    /// (`about_context` is false) is like the front page.
    pub(crate) fn of(&self, query: &Query, about_context: bool) -> &Plan {
        let by_context = match (about_context, query.products.is_empty()) {
            (true, false) => "product",
            (true, true) => "cart",
            (false, _) => "home",
        };
        let is_about_nothing = query.products.is_empty() && query.cart.is_empty();
        let own = self.plans.get(query.placement.as_str()).filter(|_| about_context || is_about_nothing);
        own.or_else(|| self.plans.get(by_context)).expect("the built-in plans are always there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Plan, String> {
        Plan::parse("test", text, Currency::PEN).map_err(|error| error.to_string())
    }

    #[test]
    fn the_built_in_plans_are_valid_and_end_with_something_that_every_shop_has() {
        let plans = Plans::default();
        assert_eq!(plans.all().count(), BUILT_IN.len());
        for plan in plans.all().filter(|plan| plan.name != "deals") {
            assert_eq!(plan.fallbacks.last(), Some(&Source::Catalog), "{}", plan.name);
            assert!(!plan.description.is_empty(), "{}", plan.name);
        }
    }

    #[test]
    fn a_plan_says_what_it_does() {
        let plan = parse(
            "fallbacks = [\"popular\"]\n[[sources]]\nname = \"personal\"\n[[sources]]\nname = \"deals\"\nquota = 20\nweight = 0.3\n\
             [filters]\nwhere = \"price > 10\"\n[rerank]\ncaps = { seller = 2, \"attributes.color\" = 3 }",
        )
        .unwrap();
        let deals = PlannedSource { source: Source::Deals, quota: 20, weight: 0.3 };
        assert_eq!((plan.sources[1], plan.sources[0].quota, plan.fallbacks.len()), (deals, QUOTA, 1));
        assert!(plan.condition.is_some() && plan.reranks() && plan.version.len() == 12);
    }

    #[test]
    fn a_wrong_plan_is_refused_with_what_is_wrong() {
        let one = "[[sources]]\nname = \"personal\"\n";
        for (text, wanted) in [
            ("".to_owned(), "missing field `sources`"),
            ("sources = []".to_owned(), "wanted 1 to 16 [[sources]], got 0"),
            ("[[sources]]\nname = \"personnal\"".to_owned(), "unknown variant `personnal`"),
            ("[[sources]]\nname = \"search\"".to_owned(), "search is no source of a plan"),
            (format!("fallbacks = [\"personal\"]\n{one}"), "personal is named twice (number 2"),
            (format!("{one}quota = 0"), "the quota of personal must be 1 to 1000, got 0"),
            (format!("{one}weight = nan"), "the weight of personal must be above 0"),
            (format!("{one}[rerank]\ndiversity = 1.5"), "rerank.diversity must be 0 to 1, got 1.5"),
            (format!("{one}[rerank]\ncaps = {{ colour = 2 }}"), "\"colour\" is no attribute"),
            (format!("{one}[filters]\nwhere = \"price <\""), "filters.where: wanted a number"),
            (format!("{one}[rerank]\ndiversty = 1"), "unknown field `diversty`"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with("plan \"test\": ") && error.contains(wanted), "{text:?}: {error}");
        }
    }
}
