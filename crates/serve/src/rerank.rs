//! From candidates to the order of the slate: value, variety and caps, each leaving its mark on the candidate.

use std::collections::BTreeMap;

use domain::{Filter, Product, ScorePart, Source, Timestamp};
use rustc_hash::FxHashMap;

use crate::{
    Snapshot,
    filters::Refusal,
    plan::{Objective, Value},
};

/// A product on its way to the slate.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// In the snapshot's numbering.
    pub number: u32,
    /// The first source of the plan that found it.
    pub source: Source,
    pub score: f32,
    /// What the score is made of, where it is more than what one model said.
    pub parts: Vec<Part>,
}

/// A named share of a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    pub of: PartOf,
    pub value: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PartOf {
    Source(Source),
    /// A brought model that ranks anew.
    Scorer,
    /// By its place among the snapshot's rules.
    Rule(u32),
    Value,
}

/// A share as the caller reads it.
pub(crate) fn part(snapshot: &Snapshot, part: Part) -> ScorePart {
    let name = match part.of {
        PartOf::Source(source) => source.as_str().to_owned(),
        PartOf::Scorer => snapshot.models.scorer().map_or_else(String::new, |scorer| scorer.name().to_owned()),
        PartOf::Rule(rule) => Refusal::Rule(rule).name(snapshot),
        PartOf::Value => "value".to_owned(),
    };
    ScorePart { name, value: part.value, seed_product_id: None }
}

impl Candidate {
    pub fn new(number: u32, source: Source, score: f32) -> Self {
        Self { number, source, score, parts: Vec::new() }
    }

    /// Changes the score and says by what. What one source said becomes a part of its own then.
    pub fn add(&mut self, of: PartOf, value: f32) {
        if self.parts.is_empty() {
            self.parts.push(Part { of: PartOf::Source(self.source), value: self.score });
        }
        self.parts.push(Part { of, value });
        self.score += value;
    }
}

/// Best first; of equals, the one that came first stays first.
pub(crate) fn sort(pool: &mut [Candidate]) {
    pool.sort_by(|left, right| right.score.total_cmp(&left.score));
}

/// Scores above a floor just below the pool's last, so that a factor means the same to models whose scores are negative.
pub(crate) struct Scale {
    floor: f32,
    range: f32,
}

impl Scale {
    /// The last candidate keeps this share of the range.
    const LAST: f32 = 0.1;

    pub fn of(pool: &[Candidate]) -> Self {
        let (low, high) = pool
            .iter()
            .fold((f32::MAX, f32::MIN), |(low, high), candidate| (low.min(candidate.score), high.max(candidate.score)));
        let range = if high > low { (high - low) / (1.0 - Self::LAST) } else { high.abs().max(1.0) };
        Self { floor: high - range, range }
    }

    /// 0.1 – 1 within the pool, beyond 1 for who was boosted.
    pub fn relevance(&self, score: f32) -> f32 {
        (score - self.floor) / self.range
    }

    /// What `factor` times the relevance adds to the score.
    pub fn effect(&self, score: f32, factor: f32) -> f32 {
        (score - self.floor) * (factor - 1.0)
    }
}

/// What may stand on the slate only so often: products with one value of an attribute, or those that a condition admits, or both.
pub(crate) struct Cap<'a> {
    attribute: Option<&'a str>,
    among: Option<&'a Filter>,
    max: usize,
    counts: FxHashMap<&'a str, usize>,
}

impl<'a> Cap<'a> {
    pub fn of_plan(caps: &'a BTreeMap<String, usize>) -> Vec<Self> {
        caps.iter().map(|(attribute, max)| Self::of_rule(Some(attribute), *max, None)).collect()
    }

    pub fn of_rule(attribute: Option<&'a str>, max: usize, among: Option<&'a Filter>) -> Self {
        Self { attribute, among, max, counts: FxHashMap::default() }
    }

    /// What this product counts as; `None` where the cap is not about it.
    fn value(&self, product: &'a Product, now: Timestamp) -> Option<&'a str> {
        if self.among.is_some_and(|among| !among.admits(product, now)) {
            return None;
        }
        self.attribute.map_or(Some(""), |attribute| product.attribute(attribute))
    }
}

/// Counts the product in where all caps have room for it; `false` where one has not.
pub(crate) fn has_room<'a>(caps: &mut [Cap<'a>], product: &'a Product, now: Timestamp) -> bool {
    let is_full = |cap: &Cap<'a>| {
        cap.value(product, now).and_then(|value| cap.counts.get(value)).is_some_and(|count| *count >= cap.max)
    };
    if caps.iter().any(is_full) {
        return false;
    }
    for cap in caps {
        if let Some(value) = cap.value(product, now) {
            *cap.counts.entry(value).or_default() += 1;
        }
    }
    true
}

/// Takes up to `n` of the pool, the best first, as variety and `admits` have it; `pool` is sorted. What was not asked stays there.
///
/// Variety is maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998): the next product has the highest
/// `(1 − d) · relevance − d · similarity` with the most similar one that is chosen already.
pub(crate) fn choose(
    snapshot: &Snapshot,
    pool: &mut Vec<Candidate>,
    diversity: f32,
    n: usize,
    mut admits: impl FnMut(&Candidate) -> bool,
) -> Vec<Candidate> {
    let scale = Scale::of(pool);
    let mut similar = vec![0.0_f32; pool.len()];
    let mut chosen = Vec::with_capacity(n.min(pool.len()));
    while chosen.len() < n && !pool.is_empty() {
        let worth = |at: usize| (1.0 - diversity) * scale.relevance(pool[at].score) - diversity * similar[at];
        let best = match diversity > 0.0 {
            false => 0,
            true => (1..pool.len()).fold(0, |best, at| if worth(at) > worth(best) { at } else { best }),
        };
        let candidate = pool.remove(best);
        similar.remove(best);
        if !admits(&candidate) {
            continue;
        }
        if diversity > 0.0 {
            for (similar, other) in similar.iter_mut().zip(pool.iter()) {
                *similar = similar.max(snapshot.similarity(candidate.number, other.number));
            }
        }
        chosen.push(candidate);
    }
    chosen
}

/// Lifts what is bought more often and is worth more when it is, as far as the slate of `n` keeps its relevance.
///
/// The relevance stands for P(click); it is multiplied by `(P(buy | click) · value^exponent)^strength`, each beside the pool's median. The strength, 0 to 1,
/// is the largest (of sixteen) at which the discounted relevance of the first `n` stays within `relevance_loss_max` of the best there is.
pub(crate) fn weigh_value(snapshot: &Snapshot, pool: &mut [Candidate], value: Value, n: usize) {
    const STEPS: u8 = 16;
    let products: Vec<Option<&Product>> =
        pool.iter().map(|candidate| snapshot.product(candidate.number).map(AsRef::as_ref)).collect();
    let of = |what: &dyn Fn(&Product) -> Option<f32>| {
        beside_median(products.iter().map(|product| product.and_then(what)).collect())
    };
    let buys = of(&|product| snapshot.offers.conversion(product).map(|share| share as f32));
    let worths = of(&|product| worth(product, value.objective));
    let scale = Scale::of(pool);
    let relevance: Vec<f32> = pool.iter().map(|candidate| scale.relevance(candidate.score)).collect();
    let factor = |at: usize, strength: f32| (buys[at] * worths[at].powf(value.exponent)).powf(strength);
    let best = discounted(relevance.iter().copied(), n);
    let keeps = |strength: f32| {
        let mut order: Vec<usize> = (0..relevance.len()).collect();
        let weighed: Vec<f32> = order.iter().map(|&at| relevance[at] * factor(at, strength)).collect();
        order.sort_by(|&a, &b| weighed[b].total_cmp(&weighed[a]));
        discounted(order.into_iter().map(|at| relevance[at]), n) >= (1.0 - value.relevance_loss_max) * best
    };
    let strengths = (1..=STEPS).rev().map(|step| f32::from(step) / f32::from(STEPS));
    let Some(strength) = strengths.into_iter().find(|strength| keeps(*strength)) else { return };
    for (at, candidate) in pool.iter_mut().enumerate() {
        let effect = scale.effect(candidate.score, factor(at, strength));
        candidate.add(PartOf::Value, effect);
    }
    sort(pool);
}

/// Each over the median of those that are known; 1 for the others, so that they stay where they are.
fn beside_median(values: Vec<Option<f32>>) -> Vec<f32> {
    let mut known: Vec<f32> = values.iter().flatten().copied().collect();
    known.sort_by(f32::total_cmp);
    let median = known.get(known.len() / 2).copied().unwrap_or(1.0);
    values.into_iter().map(|value| value.map_or(1.0, |value| value / median)).collect()
}

/// In minor units, above zero.
fn worth(product: &Product, objective: Objective) -> Option<f32> {
    let price = product.price?;
    let minor = match objective {
        Objective::Revenue => price.minor,
        Objective::Margin => product.margin()?.minor,
    };
    (minor > 0).then_some(minor as f32)
}

/// Σ relevance / log₂(1 + place) over the first `n`.
fn discounted(relevance: impl Iterator<Item = f32>, n: usize) -> f32 {
    relevance.take(n).enumerate().map(|(at, relevance)| relevance / (at as f32 + 2.0).log2()).sum()
}
