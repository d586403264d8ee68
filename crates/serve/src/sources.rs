//! The ladder of sources. Each rung ranks products its own way; the next rung is asked only when the one before could
//! not fill the slate, so a newcomer, a new shop and a broken model all get an answer.

use domain::{ProductId, Query, Reason, Source};
use models::{History, HistoryItem, Model, rank};

use crate::{Snapshot, hydrate::View};

/// A ranked list of products, read lazily from the best down.
pub(crate) struct Rung<'a> {
    pub source: Source,
    snapshot: &'a Snapshot,
    list: List<'a>,
    next: usize,
    category: Option<String>,
}

enum List<'a> {
    Ranked(&'a [(u32, f32)]),
    /// Scores of all items and the best of them so far sorted; sorts further only when somebody reads on.
    Scored {
        scores: Vec<f32>,
        best: Vec<(u32, f32)>,
    },
    Catalog(&'a [ProductId]),
}

impl<'a> Rung<'a> {
    pub fn next(&mut self) -> Option<(&'a ProductId, f32)> {
        let at = self.next;
        self.next += 1;
        let models = &self.snapshot.models;
        match &mut self.list {
            List::Ranked(list) => list.get(at).map(|&(item, score)| (models.product_id(item), score)),
            List::Catalog(ids) => ids.get(at).map(|id| (id, 0.0)),
            List::Scored { scores, best } => {
                if at == best.len() && at < scores.len() {
                    *best = rank::top_k(scores, (at * 4).max(64));
                }
                best.get(at).map(|&(item, score)| (models.product_id(item), score))
            }
        }
    }

    /// The reason that holds for every product of this rung; `explain::reasons` finds better ones where a history
    /// product is behind it.
    pub fn reason(&self) -> Reason {
        match self.source {
            Source::Personal | Source::ItemToItem => Reason::ForYou,
            Source::Segment => Reason::PopularInSegment,
            Source::Category => Reason::PopularInCategory { category: self.category.clone().unwrap_or_default() },
            Source::Trending => Reason::TrendingNow,
            Source::Popular => Reason::Popular,
            Source::Catalog => Reason::InCatalog,
        }
    }
}

/// The rungs for this query, best first. A product page or a cart asks first what goes with what is there; elsewhere the
/// shopper's own taste comes first.
pub(crate) fn ladder<'a>(
    snapshot: &'a Snapshot,
    view: &'a View,
    query: &Query,
) -> impl Iterator<Item = Rung<'a>> + use<'a> {
    let category = context_category(snapshot, view, query);
    let about_context = !view.context.is_empty();
    use Source::{Catalog, Category, ItemToItem, Personal, Popular, Segment, Trending};
    let order: [Source; 7] = if about_context {
        [ItemToItem, Category, Personal, Segment, Trending, Popular, Catalog]
    } else if view.history.len() == view.declared.len() {
        // Of somebody who did nothing yet, the groups know more than a fold-in of a few words.
        [Segment, Personal, ItemToItem, Category, Trending, Popular, Catalog]
    } else {
        [Personal, ItemToItem, Segment, Category, Trending, Popular, Catalog]
    };
    order.into_iter().filter_map(move |source| {
        let list = match source {
            Source::Personal => scored(snapshot, snapshot.models.personal()?, &view.history, view.now)?,
            Source::ItemToItem => {
                let seeds = if about_context { &view.context } else { &view.history };
                scored(snapshot, snapshot.models.item_to_item()?, seeds, view.now)?
            }
            Source::Segment => expected(snapshot, view)?,
            Source::Category => List::Ranked(snapshot.popular_in(category.as_deref()?)),
            Source::Trending => List::Ranked(snapshot.models.trending()),
            Source::Popular => List::Ranked(snapshot.models.popular()),
            Source::Catalog => List::Catalog(snapshot.shelf.order()),
        };
        Some(Rung { source, snapshot, list, next: 0, category: category.clone() })
    })
}

/// Scores every item for these seeds; products that the model cannot score are left to the rungs below.
fn scored<'a>(snapshot: &Snapshot, model: &dyn Model, seeds: &[HistoryItem], now: i64) -> Option<List<'a>> {
    if seeds.is_empty() {
        return None;
    }
    let mut scores = vec![0.0; snapshot.models.n_items()];
    model.score(&History { items: seeds, now }, &mut scores);
    Some(List::Scored { scores, best: Vec::new() })
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
    Some(List::Scored { scores, best: Vec::new() })
}

fn scale_to_best(scores: &mut [f32]) {
    let best = scores.iter().copied().fold(0.0, f32::max);
    if best > 0.0 {
        scores.iter_mut().for_each(|score| *score /= best);
    }
}

/// The category of what is looked at, else of the newest product in the history, else the newest that was said to be liked.
fn context_category(snapshot: &Snapshot, view: &View, query: &Query) -> Option<String> {
    let newest = view.history.last().map(|h| snapshot.models.product_id(h.item));
    query
        .products
        .iter()
        .chain(&query.cart)
        .chain(newest)
        .find_map(|id| snapshot.shelf.get(id).and_then(|product| product.category().map(str::to_owned)))
        .or_else(|| view.words.liked_categories.first().cloned())
}
