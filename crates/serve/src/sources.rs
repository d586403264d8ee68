//! The sources of candidates. Each ranks products its own way; a plan says which lead and which fill up what the leading ones could not,
//! so a newcomer, a new shop and a broken model all get an answer.

use std::borrow::Cow;

use domain::{Query, Reason, Source, time::DAY};
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
        found: Vec<Neighbour<domain::ProductId>>,
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
        BuyAgain | Deals | Exploration | Rule | Search => return None,
    };
    Some(Rung { snapshot, list, next: 0 })
}

/// Looked at in the last weeks, the newest first, and not bought.
fn recently_viewed(snapshot: &Snapshot, view: &View, query: &Query) -> Vec<(u32, f32)> {
    const DAYS_MAX: f64 = 30.0;
    let history = view.profile.iter().flat_map(|profile| profile.history());
    let viewed = history.filter(|entry| entry.purchases() == 0 && query.now.days_since(entry.last_at) <= DAYS_MAX);
    let mut found: Vec<(u32, f32)> = viewed
        .filter_map(|entry| {
            let age_days = (query.now - entry.last_at).max(0) as f32 / DAY as f32;
            Some((snapshot.number(&entry.product_id)?, 1.0 / (1.0 + age_days)))
        })
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
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
