//! The sources of candidates. Each ranks products its own way; a plan says which lead and which fill up what the leading ones could not,
//! so a newcomer, a new shop and a broken model all get an answer.

use std::borrow::Cow;

use domain::{ProductId, Query, Reason, Source, Timestamp};
use features::deals::Deal;
use models::{History, HistoryItem, Model, rank};

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
    /// Scores of all items and the best of them so far sorted; sorts further only when somebody reads on.
    Scored {
        /// Of the products of the models, or of the newcomers alone.
        scores: Cow<'a, [f32]>,
        newcomers: bool,
        best: Vec<(u32, f32)>,
    },
    Catalog(&'a [u32]),
    /// Products near a taste, found when somebody reads on: those that pass the gate, so that a filter costs no second search.
    Near {
        taste: Taste,
        found: Vec<Neighbour<ProductId>>,
    },
}

impl<'a> List<'a> {
    fn scored(scores: Cow<'a, [f32]>) -> Self {
        Self::Scored { scores, newcomers: false, best: Vec::new() }
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
                List::Scored { scores, newcomers, best } => {
                    if at == best.len() && at < scores.len() {
                        *best = rank::top_k(scores, (at * 4).max(64).max(n));
                    }
                    let &(item, score) = best.get(at)?;
                    let n_items = self.snapshot.models.n_items() as u32;
                    let newcomer = if *newcomers { Some(item) } else { item.checked_sub(n_items) };
                    let product = newcomer.map_or(Some(item), |newcomer| self.snapshot.newcomer(newcomer as usize));
                    (product, score)
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
pub(crate) fn order(plan: &Plan, view: &View) -> (Vec<Source>, Vec<Source>) {
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
pub(crate) fn rung<'a>(source: Source, snapshot: &'a Snapshot, view: &'a View, query: &'a Query) -> Option<Rung<'a>> {
    use Source::*;
    let list = match source {
        Personal => List::scored(Cow::Borrowed(personal(snapshot, view)?)),
        ItemToItem => List::scored(scored(snapshot, snapshot.models.item_to_item()?, view.seeds(), view.now)?.into()),
        BoughtTogether => {
            List::scored(scored(snapshot, snapshot.models.bought_together()?, view.seeds(), view.now)?.into())
        }
        Segment => expected(snapshot, view)?,
        Content => List::Near { taste: snapshot.content.taste(view.liked(query))?, found: Vec::new() },
        RecentlyViewed => List::Found(recently_viewed(snapshot, view, query)),
        Category => List::Ranked(snapshot.popular_in(view.category.as_deref()?)),
        NewArrivals => List::Ranked(snapshot.new_arrivals()),
        Trending => List::Ranked(snapshot.models.trending()),
        Popular => List::Ranked(snapshot.models.popular()),
        Catalog => List::Catalog(snapshot.shelf_order()),
        BuyAgain => List::Found(buy_again(snapshot, view, query)),
        Deals => List::Found(deals(snapshot, view)),
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
fn recently_viewed(snapshot: &Snapshot, view: &View, query: &Query) -> Vec<(u32, f32)> {
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
pub(crate) fn news(snapshot: &Snapshot, view: &View, id: &ProductId, now: Timestamp) -> Option<Reason> {
    let entry = view.profile.as_ref()?.history().iter().find(|entry| entry.product_id == *id)?;
    let prices = snapshot.offers.prices().history(id)?;
    let drop = prices.price_drop_since(entry.last_at, now).filter(|drop| drop.percent >= DROP_PERCENT_MIN);
    let dropped = drop.map(|drop| Reason::PriceDropped { percent: drop.percent.floor().min(100.0) as u8 });
    dropped.or_else(|| prices.back_in_stock_since(entry.last_at, now).map(|_| Reason::BackInStock))
}

/// Real deals by `affinity^(1 − s) · saving^s`: to whom the price is nothing (`s` = 0) what suits them comes first, to a deal hunter (`s` = 1) what
/// saves most. `affinity` is how far the product lies between the shopper's mean and best product, or the shop's where nothing is known of them.
fn deals(snapshot: &Snapshot, view: &View) -> Vec<(u32, f32)> {
    /// What suits least is still a little something.
    const LEAST: f32 = 0.01;
    let sensitivity = snapshot.offers.sensitivity(view.profile.as_deref()) as f32;
    let affinity = Affinity::of(snapshot, view);
    let worth = |(id, deal): (&ProductId, &Deal)| {
        let number = snapshot.number(id)?;
        let affinity = affinity.of_product(number).max(LEAST);
        Some((number, affinity.powf(1.0 - sensitivity) * (deal.percent as f32 / 100.0).powf(sensitivity)))
    };
    let mut found: Vec<(u32, f32)> = snapshot.offers.deals().filter_map(worth).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found
}

/// What was bought before and is due again: by `(1 + due) · times bought`, which holds more of the next purchases than how due they are alone
/// (`crates/features/src/replenishment.rs`).
fn buy_again(snapshot: &Snapshot, view: &View, query: &Query) -> Vec<(u32, f32)> {
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

/// How well products suit the shopper, 0 – 1.
pub(crate) struct Affinity<'a> {
    scores: Option<&'a [f32]>,
    mean: f32,
    best: f32,
}

impl<'a> Affinity<'a> {
    /// By the shopper's model, else by what sells.
    pub fn of(snapshot: &'a Snapshot, view: &'a View) -> Self {
        let scores = personal(snapshot, view).map(|scores| &scores[..snapshot.models.n_items()]);
        let scores = scores.or_else(|| Some(snapshot.models.popularities()).filter(|scores| !scores.is_empty()));
        let finite = || scores.into_iter().flatten().copied().filter(|score| score.is_finite());
        let best = finite().fold(f32::MIN, f32::max);
        let mean = finite().sum::<f32>() / finite().count().max(1) as f32;
        Self { scores, mean, best }
    }

    /// How far it lies between the mean product and the best one.
    pub fn of_product(&self, number: u32) -> f32 {
        let known = self.scores.and_then(|scores| scores.get(number as usize)).filter(|score| score.is_finite());
        match known {
            Some(score) if self.best > self.mean => ((score - self.mean) / (self.best - self.mean)).clamp(0.0, 1.0),
            _ => 0.0,
        }
    }
}

/// Scores every item for these seeds; products that the model cannot score are left to the rungs below.
pub(crate) fn scored(snapshot: &Snapshot, model: &dyn Model, seeds: &[HistoryItem], now: i64) -> Option<Vec<f32>> {
    if seeds.is_empty() {
        return None;
    }
    let mut scores = vec![0.0; snapshot.models.n_items()];
    model.score(&History { items: seeds, now }, &mut scores);
    Some(scores)
}

/// Scores of the personal model for the products that it knows and, after these, for the newcomers; made once a request.
pub(crate) fn personal<'a>(snapshot: &Snapshot, view: &'a View) -> Option<&'a [f32]> {
    let all = || {
        let mut scores = scored(snapshot, snapshot.models.personal()?, &view.history, view.now)?;
        let newcomers: Vec<f32> = snapshot.newcomers.scores(&scores).collect();
        scores.extend(newcomers);
        Some(scores)
    };
    view.personal.get_or_init(all).as_deref()
}

/// These products as the shopper's model ranks them, best first; those that it does not know, and all where there is no model, by what sells.
pub(crate) fn best_of(snapshot: &Snapshot, view: &View, numbers: &[u32]) -> Vec<(u32, f32)> {
    let scores = personal(snapshot, view).map(|scores| &scores[..snapshot.models.n_items()]);
    let score = |number: u32| scores.and_then(|scores| scores.get(number as usize)).copied().filter(|s| s.is_finite());
    let sells = |number: u32| snapshot.models.popularity(snapshot.id(number)).unwrap_or(0.0);
    let mut best: Vec<(u32, f32, f32)> =
        numbers.iter().map(|&number| (number, score(number).unwrap_or(f32::MIN), sells(number))).collect();
    best.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.2.total_cmp(&a.2)));
    best.into_iter().map(|(number, score, _)| (number, if score == f32::MIN { 0.0 } else { score })).collect()
}

/// The newcomers alone, as the personal model would rank them.
pub(crate) fn newcomers<'a>(snapshot: &'a Snapshot, view: &'a View) -> Option<Rung<'a>> {
    let n_known = snapshot.models.n_items();
    let scores = Cow::Borrowed(&personal(snapshot, view)?[n_known..]);
    let list = List::Scored { scores, newcomers: true, best: Vec::new() };
    Some(Rung { snapshot, list, next: 0 })
}

/// What people have who answered like the shopper, and what goes with the products that the shopper likes: each scaled to
/// its best, which ranks better than either alone (`bench/onboarding`). For shoppers who answered.
fn expected<'a>(snapshot: &Snapshot, view: &View) -> Option<List<'a>> {
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
    Some(List::scored(scores.into()))
}

fn scale_to_best(scores: &mut [f32]) {
    let best = scores.iter().copied().fold(0.0, f32::max);
    if best > 0.0 {
        scores.iter_mut().for_each(|score| *score /= best);
    }
}
