//! Search results in the order of this shopper's taste.
//!
//! The text decides first: what has more of the query stands above what has less, whatever the taste. Among equals in that, the best
//! [`POOL`] by text are ranked by
//!
//! ```text
//! score = tier + text + w · personal + v · popular
//! ```
//!
//! `text` is BM25 over the pool's best; `personal` is the share of the pool that the personal model ranks lower, or for products that it does
//! not know how well category, brand and price fit the profile; `popular` is the share of the pool that sells less. All three lie between 0 and
//! 1, and `tier` is large enough that no taste crosses it. What comes after the pool stands in the order of the text.

use std::cmp::Ordering;

use domain::{Notice, ProductId, Query, Reason, RecommendationId, ScorePart, Slate, SlateItem, Source};
use features::Profile;
use rustc_hash::FxHashMap;

use crate::{
    Listings, Shopper, Snapshot,
    filters::{DUPLICATE_LISTING, Gate},
    hydrate::{self, View},
    personal::Personal,
    rules::Active,
};

/// Products that taste may reorder.
pub const POOL: usize = 200;
/// Half life of what a shopper's categories and brands are weighed with.
const AFFINITY_HALF_LIFE: i64 = 90 * domain::time::DAY;

/// A product that has the words, as the text search ranks it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub product_id: &'a ProductId,
    /// How much of the query it has: 0 for some of it, 1 for all, 2 for the query being its name.
    pub tier: u8,
    /// Above zero; comparable within one search.
    pub text: f32,
}

/// What the shop decided about every search. Taste and popularity are weighed beside the text, whose best is 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    pub personal: f32,
    pub popular: f32,
    /// Does a page show one listing of a product that has several?
    pub hide_duplicates: bool,
}

/// A page of results, and how many there are in all.
pub struct Results {
    pub slate: Slate,
    pub total: usize,
}

/// The products `offset..offset + query.n` of those that pass the filters. What was bought is found too: who searches for it wants it.
pub fn rerank(
    snapshot: &Snapshot,
    shopper: &Shopper,
    query: &Query,
    candidates: &[Candidate<'_>],
    offset: usize,
    policy: Policy,
    id: RecommendationId,
) -> Results {
    let view = hydrate::view(snapshot, shopper, query);
    let rules = Active::of(snapshot, &view, query);
    let shown = crate::Policy { recommend_purchased: true, ..crate::Policy::default() };
    let mut gate = Gate::new(snapshot, &view, query, shown, None, &rules);
    // What left the catalogue since it was indexed has no number any more.
    let mut passes =
        |candidate: &&Candidate<'_>| snapshot.number(candidate.product_id).is_some_and(|number| gate.passes(number));
    let mut passed: Vec<Candidate<'_>> = candidates.iter().filter(|candidate| passes(candidate)).copied().collect();
    if policy.hide_duplicates {
        let before = passed.len();
        best_listings(&mut passed, &snapshot.listings);
        gate.count(DUPLICATE_LISTING, before - passed.len());
    }
    let dropped = gate.dropped();
    let total = passed.len();
    by_text(&mut passed, POOL.max(offset + query.n));
    let taste = Taste::of(snapshot, &view, query);
    let mut ranked = rank(snapshot, taste.as_ref(), &passed[..passed.len().min(POOL)], policy);
    ranked.extend(passed.iter().skip(POOL).map(|candidate| Ranked::by_text(candidate, policy)));
    let items: Vec<SlateItem> = ranked
        .into_iter()
        .enumerate()
        .skip(offset)
        .take(query.n)
        .map(|(at, ranked)| ranked.item(at, query.explain))
        .collect();
    let slate = Slate {
        recommendation_id: id,
        placement: query.placement.clone(),
        strategy: if items.is_empty() { "empty" } else { Source::Search.as_str() }.to_owned(),
        plan: "search".to_owned(),
        model_version: snapshot.models.version.clone(),
        rules_version: (snapshot.rules.version > 0).then_some(snapshot.rules.version),
        personalized: taste.is_some() && !items.is_empty(),
        notices: notices(snapshot, &view, query, taste.is_some()),
        dropped,
        freshest_event_at: view.freshest_event_at,
        items,
    };
    Results { slate, total }
}

/// Best first; equals by their ids, so that pages follow each other without gaps.
fn order(left: &Candidate<'_>, right: &Candidate<'_>) -> Ordering {
    right.tier.cmp(&left.tier).then(right.text.total_cmp(&left.text)).then(left.product_id.cmp(right.product_id))
}

/// Of several listings of one product, leaves the one that has most of the query.
fn best_listings(candidates: &mut Vec<Candidate<'_>>, listings: &Listings) {
    let mut best: FxHashMap<u32, Candidate<'_>> = FxHashMap::default();
    for candidate in candidates.iter() {
        if let Some(group) = listings.group(candidate.product_id) {
            let first = best.entry(group).or_insert(*candidate);
            *first = std::cmp::min_by(*first, *candidate, order);
        }
    }
    candidates.retain(|candidate| {
        let group = listings.group(candidate.product_id);
        group.is_none_or(|group| best[&group].product_id == candidate.product_id)
    });
}

/// Brings the best `n` to the front, in order; the others follow in no order and are cut off.
fn by_text(candidates: &mut Vec<Candidate<'_>>, n: usize) {
    if candidates.len() > n && n > 0 {
        candidates.select_nth_unstable_by(n - 1, order);
        candidates.truncate(n);
    }
    candidates.sort_unstable_by(order);
}

/// A candidate with the parts of its score.
struct Ranked<'a> {
    product_id: &'a ProductId,
    text: f32,
    personal: f32,
    popular: f32,
}

impl<'a> Ranked<'a> {
    /// Below everything in the pool that has as much of the query.
    fn by_text(candidate: &Candidate<'a>, policy: Policy) -> Self {
        let text = tier(candidate, policy);
        Self { product_id: candidate.product_id, text, personal: 0.0, popular: 0.0 }
    }

    fn score(&self) -> f32 {
        self.text + self.personal + self.popular
    }

    fn item(self, at: usize, explain: bool) -> SlateItem {
        let part = |name: &str, value| ScorePart { name: name.to_owned(), value, seed_product_id: None };
        let parts = [("text", self.text), ("personal", self.personal), ("popular", self.popular)];
        SlateItem {
            product_id: self.product_id.clone(),
            position: u16::try_from(at + 1).unwrap_or(u16::MAX),
            score: self.score(),
            source: Source::Search,
            reason: Reason::MatchesSearch,
            parts: if explain { parts.map(|(name, value)| part(name, value)).into() } else { Vec::new() },
        }
    }
}

/// More than text, taste and popularity together can make up for.
fn tier(candidate: &Candidate<'_>, policy: Policy) -> f32 {
    f32::from(candidate.tier) * (1.0 + policy.personal + policy.popular)
}

fn rank<'a>(snapshot: &Snapshot, taste: Option<&Taste<'_>>, pool: &[Candidate<'a>], policy: Policy) -> Vec<Ranked<'a>> {
    let best = pool.iter().map(|candidate| candidate.text).fold(f32::MIN_POSITIVE, f32::max);
    let personal = taste.map_or_else(|| vec![0.0; pool.len()], |taste| taste.shares(pool));
    let sold = |candidate: &Candidate<'_>| snapshot.models.popularity(candidate.product_id);
    let popular = shares_below(&pool.iter().map(sold).collect::<Vec<_>>());
    let parts = pool.iter().zip(personal).zip(popular);
    let mut ranked: Vec<Ranked<'a>> = parts
        .map(|((candidate, personal), popular)| Ranked {
            product_id: candidate.product_id,
            text: tier(candidate, policy) + candidate.text / best,
            personal: policy.personal * personal,
            popular: policy.popular * popular.unwrap_or(0.0),
        })
        .collect();
    ranked.sort_by(|left, right| right.score().total_cmp(&left.score()));
    ranked
}

/// For each score the share of the others, among those that have one, that lie below it.
fn shares_below(scores: &[Option<f32>]) -> Vec<Option<f32>> {
    let mut known: Vec<f32> = scores.iter().flatten().copied().collect();
    known.sort_unstable_by(f32::total_cmp);
    let others = known.len().saturating_sub(1).max(1) as f32;
    let below = |score: f32| known.partition_point(|other| *other < score) as f32 / others;
    scores.iter().map(|score| score.map(below)).collect()
}

/// What the shopper is known to like.
struct Taste<'a> {
    snapshot: &'a Snapshot,
    personal: Option<&'a Personal<'a>>,
    profile: &'a Profile,
    categories: FxHashMap<String, f64>,
    brands: FxHashMap<String, f64>,
}

impl<'a> Taste<'a> {
    /// `None` for whoever has no history.
    fn of(snapshot: &'a Snapshot, view: &'a View<'_>, query: &Query) -> Option<Self> {
        let profile = view.profile.as_deref().filter(|profile| !profile.history().is_empty())?;
        let shares = |quality: &dyn Fn(&domain::Product) -> Option<String>| {
            let of = |id: &ProductId| snapshot.shelf.get(id).and_then(|product| quality(product));
            features::affinity(profile.history(), query.now, AFFINITY_HALF_LIFE, of).into_iter().collect()
        };
        let categories = shares(&|product| product.category().map(str::to_owned));
        let brands = shares(&|product| product.brand.clone());
        Some(Self { snapshot, personal: view.personal(), profile, categories, brands })
    }

    fn shares(&self, pool: &[Candidate<'_>]) -> Vec<f32> {
        let number = |candidate: &Candidate<'_>| self.snapshot.number(candidate.product_id).unwrap_or(u32::MAX);
        let numbers: Vec<u32> = pool.iter().map(number).collect();
        let scores = match self.personal {
            Some(personal) => {
                personal.scores(&numbers).into_iter().map(|score| score.is_finite().then_some(score)).collect()
            }
            None => vec![None; pool.len()],
        };
        shares_below(&scores)
            .into_iter()
            .zip(pool)
            .map(|(share, candidate)| share.unwrap_or_else(|| self.affinity(candidate.product_id)))
            .collect()
    }

    /// The mean of what category, brand and price say, each between 0 and 1.
    fn affinity(&self, id: &ProductId) -> f32 {
        let Some(product) = self.snapshot.shelf.get(id) else { return 0.0 };
        let share = |of: &FxHashMap<String, f64>, name: Option<&str>| name.and_then(|name| of.get(name)).copied();
        let category = share(&self.categories, product.category()).unwrap_or(0.0);
        let brand = share(&self.brands, product.brand.as_deref()).unwrap_or(0.0);
        let price = product.price.and_then(|price| {
            let band = self.profile.price_band(price.currency)?;
            Some((-0.5 * band.distance(price.minor).powi(2)).exp())
        });
        ((category + brand + price.unwrap_or(0.0)) / 3.0) as f32
    }
}

fn notices(snapshot: &Snapshot, view: &View<'_>, query: &Query, is_known: bool) -> Vec<Notice> {
    let notice = |code: &str, detail: &str| Notice { code: code.to_owned(), detail: detail.to_owned() };
    let mut notices = view.notices.clone();
    if snapshot.shelf.is_empty() {
        notices.push(notice("no_catalog", "the catalogue is empty, so there is nothing to find; send products"));
    }
    if snapshot.models.version.is_none() {
        notices.push(notice("no_model", "nothing is trained yet; run `vitrina train`"));
    }
    if query.user.is_some() && !is_known {
        notices.push(notice("no_history", "nothing is known of this shopper, so the words alone decide"));
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taste_reorders_equals_and_never_crosses_what_the_text_says() {
        let ids: Vec<ProductId> = ["name", "all", "liked", "some"].map(|id| ProductId::new(id).unwrap()).into();
        let candidate = |at: usize, tier, text| Candidate { product_id: &ids[at], tier, text };
        let mut pool = vec![candidate(3, 0, 9.0), candidate(2, 1, 8.0), candidate(1, 1, 10.0), candidate(0, 2, 1.0)];
        by_text(&mut pool, 3);
        let order: Vec<&str> = pool.iter().map(|candidate| candidate.product_id.as_str()).collect();
        assert_eq!(order, ["name", "all", "liked"]);
        let policy = Policy { personal: 3.0, popular: 2.0, hide_duplicates: false };
        let liked = tier(&pool[1], policy) + 1.0 + policy.personal + policy.popular;
        assert!(liked <= tier(&pool[0], policy), "all that taste can add does not reach the next tier");
        let ranked = rank(&Snapshot::default(), None, &pool, policy);
        assert_eq!(ranked[1].product_id.as_str(), "all");
    }

    #[test]
    fn shares_count_what_lies_below_and_leave_out_what_is_unknown() {
        let shares = shares_below(&[Some(2.0), None, Some(5.0), Some(2.0), Some(-1.0)]);
        assert_eq!(shares, [Some(1.0 / 3.0), None, Some(1.0), Some(1.0 / 3.0), Some(0.0)]);
        assert_eq!(shares_below(&[Some(1.0)]), [Some(0.0)]);
    }
}
