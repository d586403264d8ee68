//! Merchandising rules, as a slate asks them: which are on here and now, and which are about this product.
//!
//! Whether a rule's condition admits a product is found out once, when a slate first comes across the product, and remembered until the rules or the
//! product change ([`Matches`]); a slate then reads a short list for each candidate, however many rules there are.

mod conflicts;

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use domain::{
    Action, Announced, Currency, Filter, Moment, PlacementId, Product, ProductId, Query, Rule, RuleError, RuleId,
    Situation, Slate, Timestamp,
};
use jiff::tz::TimeZone;

use features::{Profile, segments::Activity};

use crate::{Snapshot, hydrate::View, numbering::Numbering, plan::Plan, rerank::Cap};

pub use conflicts::{Conflict, conflicts};

/// A published version of a shop's rules, checked.
#[derive(Debug, Clone)]
pub struct Rules {
    pub version: u64,
    zone: TimeZone,
    announced: Announced,
    compiled: Vec<Compiled>,
}

#[derive(Debug, Clone)]
struct Compiled {
    rule: Rule,
    /// Of the rules that are about some products.
    filter: Option<Filter>,
    depends_on_time: bool,
}

/// Which rule is wrong, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("rule {rule_id}: {error}")]
pub struct InvalidRule {
    pub rule_id: RuleId,
    pub error: RuleError,
}

impl Default for Rules {
    fn default() -> Self {
        Self { version: 0, zone: TimeZone::UTC, announced: Announced::default(), compiled: Vec::new() }
    }
}

impl Rules {
    /// Those of `rules` that are enabled. Schedules go by the wall clock of `zone` and its `announced` occasions, amounts are in `currency`.
    ///
    /// # Errors
    /// Of the first rule that is wrong.
    pub fn new(
        version: u64,
        rules: Vec<Rule>,
        currency: Currency,
        zone: TimeZone,
        announced: Announced,
    ) -> Result<Self, InvalidRule> {
        let compile = |rule: Rule| match rule.check(currency) {
            Ok(filter) => {
                let depends_on_time = filter.as_ref().is_some_and(Filter::depends_on_time);
                Ok(Compiled { rule, filter, depends_on_time })
            }
            Err(error) => Err(InvalidRule { rule_id: rule.rule_id, error }),
        };
        let compiled = rules.into_iter().filter(|rule| rule.enabled).map(compile).collect::<Result<_, _>>()?;
        Ok(Self { version, zone, announced, compiled })
    }

    pub fn is_empty(&self) -> bool {
        self.compiled.is_empty()
    }

    pub fn len(&self) -> usize {
        self.compiled.len()
    }

    /// Does any of them go by the shop's own segments?
    pub fn want_segments(&self) -> bool {
        self.compiled.iter().any(|compiled| !compiled.rule.target.segments.is_empty())
    }

    fn moment(&self, now: Timestamp) -> Moment {
        Moment::of(now, &self.zone, &self.announced)
    }

    pub(crate) fn id(&self, rule: u32) -> &RuleId {
        &self.compiled[rule as usize].rule.rule_id
    }
}

/// What rules and contents are targeted by: who asks, about what, when.
pub struct Surroundings {
    /// The shop's own, and how active the shopper is: new, casual, frequent.
    pub segments: Vec<String>,
    /// Those of the request, and of the products that the page is about.
    categories: Vec<String>,
    moment: Moment,
}

impl Surroundings {
    pub fn of(snapshot: &Snapshot, profile: Option<&Profile>, query: &Query) -> Self {
        let activity = profile.map_or(Activity::New, |profile| Activity::of(profile.n_interactions()));
        let paths = looked_at(snapshot, query).flat_map(|product| product.categories.iter().cloned());
        Self {
            segments: query.segments.iter().cloned().chain([activity.as_str().to_owned()]).collect(),
            categories: query.filters.categories.iter().cloned().chain(paths).collect(),
            moment: snapshot.rules.moment(query.now),
        }
    }

    pub fn situation<'a>(&'a self, placement: &'a PlacementId) -> Situation<'a> {
        Situation { placement, segments: &self.segments, categories: &self.categories, moment: &self.moment }
    }
}

/// The products that the page is about, as far as the catalogue has them.
fn looked_at<'a>(snapshot: &'a Snapshot, query: &'a Query) -> impl Iterator<Item = &'a Arc<Product>> {
    query.products.iter().chain(&query.cart).filter_map(|id| snapshot.shelf.get(id))
}

/// The rules that did something to a slate that was made with `explain`.
pub fn touched(slate: &Slate) -> Vec<RuleId> {
    let dropped = slate.dropped.iter().map(|(name, _)| name.as_str());
    let parts = slate.items.iter().flat_map(|item| &item.parts).map(|part| part.name.as_str());
    let names = dropped.chain(parts).filter_map(|name| name.strip_prefix(RULE));
    let mut ids: Vec<RuleId> = names.filter_map(|id| RuleId::new(id).ok()).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// What stands before a rule's id where rules and other things are named side by side.
pub(crate) const RULE: &str = "rule:";

/// What is remembered of rules and products.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// By product: the rules whose condition admits it, but those that time may change.
    rows: Vec<OnceLock<Box<[u32]>>>,
    /// By rule: the products that it admits, in the numbering's order. Made for the rules that look for products.
    products: Vec<OnceLock<Box<[u32]>>>,
}

impl Matches {
    pub fn new(n_products: usize, n_rules: usize) -> Self {
        let empty = |n| std::iter::repeat_with(OnceLock::new).take(n).collect();
        Self { rows: empty(n_products), products: empty(n_rules) }
    }

    /// For another catalogue and the same rules: what is known of unchanged products stays known.
    pub fn next(&self, before: &Numbering, after: &Numbering) -> Self {
        let next = Self::new(after.len(), self.products.len());
        for number in 0..after.len() as u32 {
            let Some(old) = before.number(after.id(number)) else { continue };
            let is_same = match (before.product(old), after.product(number)) {
                (Some(before), Some(after)) => Arc::ptr_eq(before, after),
                _ => false,
            };
            if let Some(row) = self.rows[old as usize].get().filter(|_| is_same) {
                // Empty until now: it was made a moment ago.
                let _ = next.rows[number as usize].set(row.clone());
            }
        }
        next
    }
}

/// The rules that are on for one query.
pub(crate) struct Active<'a> {
    snapshot: &'a Snapshot,
    now: Timestamp,
    is_on: Vec<bool>,
    on: Vec<u32>,
    /// The rules among them whose answers are not remembered.
    timed: Vec<u32>,
    /// What products must have in common with the one that is looked at.
    same: Vec<(u32, &'a str, &'a str)>,
}

impl<'a> Active<'a> {
    pub fn of(snapshot: &'a Snapshot, view: &View<'_>, query: &'a Query) -> Self {
        let rules = &snapshot.rules;
        let mut active =
            Self { snapshot, now: query.now, is_on: Vec::new(), on: Vec::new(), timed: Vec::new(), same: Vec::new() };
        if rules.is_empty() {
            return active;
        }
        let surroundings = Surroundings::of(snapshot, view.profile.as_deref(), query);
        let situation = surroundings.situation(&query.placement);
        active.is_on = rules.compiled.iter().map(|compiled| compiled.rule.target.admits(&situation)).collect();
        active.on = (0..rules.len() as u32).filter(|rule| active.is_on[*rule as usize]).collect();
        let compiled = |rule: &u32| &rules.compiled[*rule as usize];
        active.timed = active.on.iter().copied().filter(|rule| compiled(rule).depends_on_time).collect();
        let same = active.on.iter().filter_map(|rule| match &compiled(rule).rule.action {
            Action::Same { attribute } => Some((
                *rule,
                attribute.as_str(),
                looked_at(snapshot, query).find_map(|product| product.attribute(attribute))?,
            )),
            _ => None,
        });
        active.same = same.collect();
        active
    }

    /// Those that are on, in their order.
    fn actions(&self) -> impl Iterator<Item = (u32, &'a Action)> {
        let rules = &self.snapshot.rules;
        self.on.iter().map(|rule| (*rule, &rules.compiled[*rule as usize].rule.action))
    }

    /// Do any look for an order other than that of the scores?
    pub fn rerank(&self) -> bool {
        let reranks = |action: &Action| {
            matches!(action, Action::Boost { .. } | Action::Bury { .. } | Action::Cap { .. } | Action::Diversify { .. })
        };
        self.actions().any(|(_, action)| reranks(action))
    }

    /// The rules that are on and whose condition admits this product.
    fn about(&self, number: u32) -> impl Iterator<Item = u32> {
        let timed = self.timed.iter().copied().filter(move |rule| self.admits(*rule, number));
        let row = if self.on.is_empty() { &[][..] } else { self.row(number) };
        row.iter().copied().filter(|rule| self.is_on[*rule as usize]).chain(timed)
    }

    fn row(&self, number: u32) -> &'a [u32] {
        let snapshot = self.snapshot;
        snapshot.matches.rows[number as usize].get_or_init(|| {
            let Some(product) = snapshot.product(number) else { return Box::default() };
            let admits = |compiled: &Compiled| {
                !compiled.depends_on_time
                    && compiled.filter.as_ref().is_some_and(|filter| filter.admits(product, self.now))
            };
            let rules = snapshot.rules.compiled.iter().enumerate().filter(|(_, compiled)| admits(compiled));
            rules.map(|(rule, _)| rule as u32).collect()
        })
    }

    /// Asked anew: does this rule's condition admit this product?
    pub fn admits(&self, rule: u32, number: u32) -> bool {
        let filter = self.snapshot.rules.compiled[rule as usize].filter.as_ref();
        self.snapshot.product(number).zip(filter).is_some_and(|(product, filter)| filter.admits(product, self.now))
    }

    /// The rule that keeps this product off the slate.
    pub fn excludes(&self, number: u32) -> Option<u32> {
        let rules = &self.snapshot.rules;
        let excludes = |rule: &u32| rules.compiled[*rule as usize].rule.action == Action::Exclude;
        self.about(number).find(excludes).or_else(|| {
            let product = self.snapshot.product(number);
            let differs =
                |attribute: &str, value: &str| product.and_then(|product| product.attribute(attribute)) != Some(value);
            self.same.iter().find(|(_, attribute, value)| differs(attribute, value)).map(|(rule, ..)| *rule)
        })
    }

    /// By what the relevance of this product is multiplied.
    pub fn factors(&self, number: u32) -> impl Iterator<Item = (u32, f32)> {
        self.about(number).filter_map(|rule| match self.snapshot.rules.compiled[rule as usize].rule.action {
            Action::Boost { factor } | Action::Bury { factor } => Some((rule, factor)),
            _ => None,
        })
    }

    /// Rules and plan together: what may stand on the slate only so often.
    pub fn caps(&self, plan: &'a Plan) -> Vec<Cap<'a>> {
        let mut caps = Cap::of_plan(&plan.rerank.caps);
        caps.extend(self.actions().filter_map(|(rule, action)| match action {
            Action::Cap { attribute, max } => {
                let filter = self.snapshot.rules.compiled[rule as usize].filter.as_ref();
                Some(Cap::of_rule(attribute.as_deref(), *max, filter))
            }
            _ => None,
        }));
        caps
    }

    /// The plan's variety, or more.
    pub fn diversity(&self, plan: &Plan) -> f32 {
        let strengths = self.actions().filter_map(|(_, action)| match action {
            Action::Diversify { strength } => Some(*strength),
            _ => None,
        });
        strengths.fold(plan.rerank.diversity, f32::max)
    }

    /// Places that a rule wants for its products.
    pub fn includes(&self) -> impl Iterator<Item = (u32, usize)> {
        self.actions().filter_map(|(rule, action)| match action {
            Action::Include { places } => Some((rule, *places)),
            _ => None,
        })
    }

    /// All products of the catalogue that a rule is about; found anew where time may change them.
    pub fn products(&self, rule: u32) -> Cow<'a, [u32]> {
        let snapshot = self.snapshot;
        let find = || -> Vec<u32> {
            snapshot.shelf_order().iter().copied().filter(|number| self.admits(rule, *number)).collect()
        };
        match snapshot.rules.compiled[rule as usize].depends_on_time {
            true => Cow::Owned(find()),
            false => Cow::Borrowed(snapshot.matches.products[rule as usize].get_or_init(|| find().into_boxed_slice())),
        }
    }

    /// Products with their places, the first place first.
    pub fn pins(&self) -> Vec<(usize, u32, &'a ProductId)> {
        let mut pins: Vec<(usize, u32, &ProductId)> = Vec::new();
        for (rule, action) in self.actions() {
            if let Action::Pin { product_ids, position } = action {
                pins.extend(product_ids.iter().enumerate().map(|(at, id)| (position + at, rule, id)));
            }
        }
        pins.sort_by_key(|(position, ..)| *position);
        pins
    }
}
