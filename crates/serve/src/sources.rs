//! The sources of candidates. Each ranks products its own way; a plan says which lead and which fill up what the leading ones could not,
//! so a newcomer, a new shop and a broken model all get an answer.

use domain::{ProductId, Query, Reason, Source, Timestamp};
use models::{History, HistoryItem, Model, rank};
use rustc_hash::{FxHashMap, FxHashSet};

use text::Neighbour;

use crate::{Plan, Snapshot, content::Taste, filters::Gate, hydrate::View};

/// A ranked list of products, read lazily from the best down.
pub(crate) struct Rung<'a> {
    snapshot: &'a Snapshot,
    list: List<'a>,
    next: usize,
}

enum List<'a> {
    Ranked(&'a [(u32, f32)]),
    Found(Vec<(u32, f32)>),
    /// The best of all so far; more are found only when somebody reads on.
    Best {
        find: Box<Find<'a>>,
        best: Vec<(Option<u32>, f32)>,
        is_whole: bool,
    },
    Catalog(&'a [u32]),
    /// Products near a taste, found when somebody reads on: those that pass the gate, so that a filter costs no second search.
    Near {
        taste: Taste,
        found: Vec<Neighbour<ProductId>>,
    },
}

/// As many as are wanted, best first, fewer when there are no more; `None` stands for what left the catalogue.
type Find<'a> = dyn Fn(usize) -> Vec<(Option<u32>, f32)> + 'a;

impl<'a> List<'a> {
    fn best(find: impl Fn(usize) -> Vec<(u32, f32)> + 'a) -> Self {
        let numbered = move |n| find(n).into_iter().map(|(number, score)| (Some(number), score)).collect();
        Self::Best { find: Box::new(numbered), best: Vec::new(), is_whole: false }
    }

    /// Of products as [`Personal`] numbers them.
    fn personal(snapshot: &'a Snapshot, find: impl Fn(usize) -> Vec<(u32, f32)> + 'a) -> Self {
        let n_known = snapshot.models.n_items() as u32;
        let number = move |item: u32| {
            item.checked_sub(n_known).map_or(Some(item), |newcomer| snapshot.newcomer(newcomer as usize))
        };
        let numbered = move |n| find(n).into_iter().map(|(item, score)| (number(item), score)).collect();
        Self::Best { find: Box::new(numbered), best: Vec::new(), is_whole: false }
    }

    /// What a model makes of these seeds; products that it cannot score are left to the rungs below.
    fn ranked_by(model: &'a dyn Model, seeds: &[HistoryItem], now: i64) -> Option<Self> {
        let ranking = (!seeds.is_empty()).then(|| model.rank(&History { items: seeds, now }))?;
        Some(Self::best(move |n| ranking.best(n)))
    }
}

impl Rung<'_> {
    /// The next best of those that are left; `gate` and how many are wanted in all narrow down what is searched for.
    pub fn next(&mut self, gate: &Gate<'_>, n: usize) -> Option<(u32, f32)> {
        loop {
            let at = self.next;
            self.next += 1;
            let (product, score) = match &mut self.list {
                List::Ranked(list) => list.get(at).map(|&(item, score)| (Some(item), score))?,
                List::Found(list) => list.get(at).map(|&(number, score)| (Some(number), score))?,
                List::Catalog(numbers) => numbers.get(at).map(|&number| (Some(number), 0.0))?,
                List::Best { find, best, is_whole } => {
                    if at == best.len() && !*is_whole {
                        // Filters take some of them.
                        let wanted = (2 * at).max(n + n / 2).max(16);
                        let found = find(wanted);
                        *is_whole = found.len() < wanted;
                        // Of a longer list, rounding may have changed the order.
                        let given: FxHashSet<Option<u32>> = best.iter().map(|(number, _)| *number).collect();
                        best.extend(found.into_iter().filter(|(number, _)| !given.contains(number)));
                    }
                    *best.get(at)?
                }
                List::Near { taste, found } => {
                    if at == 0 {
                        *found = self.snapshot.content.near(taste, n, |id| gate.would_admit(id));
                    }
                    let Neighbour { key, similarity } = found.get(at)?;
                    (self.snapshot.number(key), *similarity)
                }
            };
            // What left the catalogue since its text was read is passed over.
            if let Some(product) = product {
                return Some((product, score));
            }
        }
    }
}

/// The reason that holds for every product of a source; `explain::reasons` finds better ones where a history product is behind it.
pub(crate) fn reason(source: Source, category: Option<&str>) -> Reason {
    match source {
        Source::Personal | Source::ItemToItem | Source::BoughtTogether | Source::Content | Source::Exploration => {
            Reason::ForYou
        }
        Source::Segment => Reason::PopularInSegment,
        Source::BuyAgain => Reason::BuyAgain,
        Source::RecentlyViewed => Reason::ViewedBefore,
        Source::Deals => Reason::ForYou,
        Source::Rule => Reason::Selected,
        Source::Category => Reason::PopularInCategory { category: category.unwrap_or_default().to_owned() },
        Source::NewArrivals => Reason::NewInShop,
        Source::Trending => Reason::TrendingNow,
        Source::Popular => Reason::Popular,
        Source::Catalog => Reason::InCatalog,
        Source::Search => Reason::MatchesSearch,
    }
}

/// The sources of a plan that lead, and those that fill up. Of somebody who did nothing yet but say what they like, the taste groups know
/// more than a fold-in of a few words: they lead where the plan has them.
pub(crate) fn order(plan: &Plan, view: &View<'_>) -> (Vec<Source>, Vec<Source>) {
    let mut leading: Vec<Source> = plan.sources.iter().map(|planned| planned.source).collect();
    let mut filling = plan.fallbacks.clone();
    let did_nothing = view.history.len() == view.declared.len();
    if did_nothing && leading == [Source::Personal] && filling.contains(&Source::Segment) {
        filling.retain(|source| *source != Source::Segment);
        filling.insert(0, Source::Personal);
        leading = vec![Source::Segment];
    }
    (leading, filling)
}

/// Is it ranked before anybody asks, so that it costs next to nothing?
pub(crate) fn is_ready(source: Source) -> bool {
    matches!(source, Source::Category | Source::NewArrivals | Source::Trending | Source::Popular | Source::Catalog)
}

/// What a source has for this query; `None` where it has nothing to go by.
pub(crate) fn rung<'a>(
    source: Source,
    snapshot: &'a Snapshot,
    view: &'a View<'_>,
    query: &'a Query,
) -> Option<Rung<'a>> {
    use Source::*;
    let list = match source {
        Personal => {
            let personal = view.personal()?;
            List::personal(snapshot, |n| personal.best(n))
        }
        ItemToItem => List::ranked_by(snapshot.models.item_to_item()?, view.seeds(), view.now)?,
        BoughtTogether => List::ranked_by(snapshot.models.bought_together()?, view.seeds(), view.now)?,
        Segment => expected(snapshot, view)?,
        Content => List::Near { taste: snapshot.content.taste(view.liked(query))?, found: Vec::new() },
        RecentlyViewed => List::Found(recently_viewed(snapshot, view, query)),
        Category => List::Ranked(snapshot.popular_in(view.category.as_deref()?)),
        NewArrivals => List::Ranked(snapshot.new_arrivals()),
        Trending => List::Ranked(snapshot.models.trending()),
        Popular => List::Ranked(snapshot.models.popular()),
        Catalog => List::Catalog(snapshot.shelf_order()),
        BuyAgain => List::Found(buy_again(snapshot, view, query)),
        Deals => List::best(deals(snapshot, view)),
        Exploration | Rule | Search => return None,
    };
    Some(Rung { snapshot, list, next: 0 })
}

/// Days back that products that were looked at are shown again; longer where there is news of them.
const VIEWED_DAYS: f64 = 30.0;
const NEWS_DAYS: f64 = 90.0;
/// A drop below this is no news.
const DROP_PERCENT_MIN: f64 = 5.0;

/// Looked at lately and not bought: first those that are cheaper or back since, then the newest.
fn recently_viewed(snapshot: &Snapshot, view: &View<'_>, query: &Query) -> Vec<(u32, f32)> {
    let history = view.profile.iter().flat_map(|profile| profile.history());
    let viewed = history.filter(|entry| entry.purchases() == 0 && query.now.days_since(entry.last_at) <= NEWS_DAYS);
    let mut found: Vec<(u32, f32)> = viewed
        .filter_map(|entry| {
            let has_news = news(snapshot, view, &entry.product_id, query.now).is_some();
            let age_days = query.now.days_since(entry.last_at);
            let is_fresh = has_news || age_days <= VIEWED_DAYS;
            let score = f32::from(u8::from(has_news)) + 1.0 / (1.0 + age_days as f32);
            Some((snapshot.number(&entry.product_id)?, score)).filter(|_| is_fresh)
        })
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}

/// What changed since the shopper looked at a product: its price, or that it can be had again.
pub(crate) fn news(snapshot: &Snapshot, view: &View<'_>, id: &ProductId, now: Timestamp) -> Option<Reason> {
    let entry = view.profile.as_ref()?.history().iter().find(|entry| entry.product_id == *id)?;
    let prices = snapshot.offers.prices().history(id)?;
    let drop = prices.price_drop_since(entry.last_at, now).filter(|drop| drop.percent >= DROP_PERCENT_MIN);
    let dropped = drop.map(|drop| Reason::PriceDropped { percent: drop.percent.floor().min(100.0) as u8 });
    dropped.or_else(|| prices.back_in_stock_since(entry.last_at, now).map(|_| Reason::BackInStock))
}

/// Real deals by `affinity^(1 − s) · saving^s`: to whom the price is nothing (`s` = 0) what suits them comes first, to a deal hunter (`s` = 1) what
/// saves most. `affinity` is how far the product lies between the mean deal and the shopper's best product, or the shop's where nothing is known of them.
fn deals(snapshot: &Snapshot, view: &View<'_>) -> impl Fn(usize) -> Vec<(u32, f32)> + use<> {
    /// What suits least is still a little something.
    const LEAST: f32 = 0.01;
    /// Deals of the greatest saving, and of the shopper's best products, whose affinity is looked up; all others suit least.
    const LOOKED_UP: usize = 500;
    const HEAD: usize = 100;
    let sensitivity = snapshot.offers.sensitivity(view.profile.as_deref()) as f32;
    let head = view.personal().map(|personal| personal.best(HEAD)).unwrap_or_default();
    let first = snapshot.deals().iter().take(LOOKED_UP);
    let numbers: Vec<u32> = first.chain(&head).map(|(number, _)| *number).collect();
    let affinities: FxHashMap<u32, f32> = numbers.iter().copied().zip(affinities(snapshot, view, &numbers)).collect();
    // By the logarithm: thousands of deals are compared for a few that are shown.
    let worths = snapshot.deals().iter().map(|(number, saving)| {
        let affinity = affinities.get(number).copied().unwrap_or(LEAST).max(LEAST);
        (*number, (1.0 - sensitivity) * affinity.ln() + sensitivity * saving)
    });
    let worths: Vec<(u32, f32)> = worths.collect();
    move |n| {
        let best = rank::top_k_of(worths.iter().copied(), n.min(worths.len()));
        best.into_iter().map(|(number, worth)| (number, worth.exp())).collect()
    }
}

/// What was bought before and is due again: by `(1 + due) · times bought`, which holds more of the next purchases than how due they are alone
/// (`crates/features/src/replenishment.rs`).
fn buy_again(snapshot: &Snapshot, view: &View<'_>, query: &Query) -> Vec<(u32, f32)> {
    let history = view.profile.iter().flat_map(|profile| profile.history());
    let due = history.filter_map(|entry| {
        let number = snapshot.number(&entry.product_id)?;
        let category = snapshot.product(number).and_then(|product| product.category());
        let due = snapshot.offers.due(entry, category, query.now)?;
        Some((number, (1.0 + due as f32) * entry.purchases() as f32))
    });
    let mut found: Vec<(u32, f32)> = due.collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}

/// How well these products suit the shopper, 0 – 1: how far each lies between the mean product and the best one, by the shopper's model, else by what
/// sells.
pub(crate) fn affinities(snapshot: &Snapshot, view: &View<'_>, numbers: &[u32]) -> Vec<f32> {
    /// Products that the mean is taken of.
    const SAMPLE: usize = 256;
    let scores = |numbers: &[u32]| match view.personal() {
        Some(personal) => personal.scores(numbers),
        None => popularities(snapshot, numbers),
    };
    let best = match view.personal() {
        Some(personal) => personal.best(1).first().map(|(_, score)| *score),
        None => snapshot.models.popular().first().map(|(_, score)| *score),
    };
    let n_items = snapshot.models.n_items();
    let sample: Vec<u32> = (0..n_items as u32).step_by(n_items.div_ceil(SAMPLE).max(1)).collect();
    let known: Vec<f32> = scores(&sample).into_iter().filter(|score| score.is_finite()).collect();
    let mean = known.iter().sum::<f32>() / known.len().max(1) as f32;
    let range = best.map_or(0.0, |best| best - mean);
    let affinity = |score: f32| if range > 0.0 { ((score - mean) / range).clamp(0.0, 1.0) } else { 0.0 };
    scores(numbers).into_iter().map(affinity).collect()
}

fn popularities(snapshot: &Snapshot, numbers: &[u32]) -> Vec<f32> {
    let all = snapshot.models.popularities();
    numbers.iter().map(|&number| all.get(number as usize).copied().unwrap_or(f32::NEG_INFINITY)).collect()
}

/// These products as the shopper's model ranks them, best first; those that it does not know, and all where there is no model, by what sells.
pub(crate) fn best_of(snapshot: &Snapshot, view: &View<'_>, numbers: &[u32]) -> Vec<(u32, f32)> {
    let scores = view.personal().map(|personal| personal.scores(numbers));
    let scores = scores.unwrap_or_else(|| vec![f32::NEG_INFINITY; numbers.len()]);
    let sells = popularities(snapshot, numbers);
    let mut best: Vec<(u32, f32, f32)> =
        numbers.iter().zip(scores).zip(sells).map(|((&number, score), sells)| (number, score, sells)).collect();
    best.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.2.total_cmp(&a.2)));
    best.into_iter().map(|(number, score, _)| (number, if score.is_finite() { score } else { 0.0 })).collect()
}

/// The newcomers alone, as the personal model would rank them.
pub(crate) fn newcomers<'a>(snapshot: &'a Snapshot, view: &'a View<'_>) -> Option<Rung<'a>> {
    let personal = view.personal()?;
    Some(Rung { snapshot, list: List::personal(snapshot, |n| personal.best_newcomers(n)), next: 0 })
}

/// What people have who answered like the shopper, and what goes with the products that the shopper likes: each scaled to
/// its best, which ranks better than either alone (`bench/onboarding`). For shoppers who answered.
fn expected<'a>(snapshot: &Snapshot, view: &View<'_>) -> Option<List<'a>> {
    let population = snapshot.models.population()?;
    let profile = view.profile.as_ref().filter(|profile| !profile.declared().is_empty())?;
    let interview = snapshot.questionnaire.interview(population, profile);
    let mut scores = vec![0.0; snapshot.models.n_items()];
    population.expect(interview.belief(), &mut scores);
    scale_to_best(&mut scores);
    if let Some(model) = snapshot.models.item_to_item().filter(|_| !view.history.is_empty()) {
        let mut related = vec![0.0; scores.len()];
        model.score(&History { items: &view.history, now: view.now }, &mut related);
        scale_to_best(&mut related);
        scores.iter_mut().zip(related).for_each(|(score, related)| *score += related.max(0.0));
    }
    Some(List::best(move |n| rank::top_k(&scores, n)))
}

fn scale_to_best(scores: &mut [f32]) {
    let best = scores.iter().copied().fold(0.0, f32::max);
    if best > 0.0 {
        scores.iter_mut().for_each(|score| *score /= best);
    }
}
