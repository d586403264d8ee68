//! The ladder of sources. Each rung ranks products its own way; the next rung is asked only when the one before could
//! not fill the slate, so a newcomer, a new shop and a broken model all get an answer.

use std::borrow::Cow;

use domain::{ProductId, Query, Reason, Source};
use models::{History, HistoryItem, Model, rank};

use text::Neighbour;

use crate::{Snapshot, content::Taste, filters::Gate, hydrate::View};

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
        /// Of the products from number `first` on.
        scores: Cow<'a, [f32]>,
        first: u32,
        best: Vec<(u32, f32)>,
    },
    Catalog(&'a [ProductId]),
    /// Products near a taste, found when somebody reads on: those that pass the gate, so that a filter costs no second search.
    Near {
        taste: Taste,
        found: Vec<Neighbour<ProductId>>,
    },
}

impl<'a> List<'a> {
    fn scored(scores: Cow<'a, [f32]>) -> Self {
        Self::Scored { scores, first: 0, best: Vec::new() }
    }
}

impl<'a> Rung<'a> {
    /// The next best of those that are left; `gate` and how many are wanted in all narrow down what is searched for.
    pub fn next(&mut self, gate: &Gate<'_>, n: usize) -> Option<(&'a ProductId, f32)> {
        let at = self.next;
        self.next += 1;
        let models = &self.snapshot.models;
        match &mut self.list {
            List::Ranked(list) => list.get(at).map(|&(item, score)| (models.product_id(item), score)),
            List::Catalog(ids) => ids.get(at).map(|id| (id, 0.0)),
            List::Scored { scores, first, best } => {
                if at == best.len() && at < scores.len() {
                    *best = rank::top_k(scores, (at * 4).max(64));
                }
                let &(item, score) = best.get(at)?;
                Some((self.snapshot.product_id(*first + item), score))
            }
            List::Near { taste, found } => {
                if at == 0 {
                    *found = self.snapshot.content.near(taste, n, |id| gate.would_admit(id));
                }
                let Neighbour { key, similarity } = found.get(at)?;
                Some((&self.snapshot.shelf.get(key)?.product_id, *similarity))
            }
        }
    }

    /// The reason that holds for every product of this rung; `explain::reasons` finds better ones where a history
    /// product is behind it.
    pub fn reason(&self) -> Reason {
        match self.source {
            Source::Personal | Source::ItemToItem | Source::Content | Source::Exploration => Reason::ForYou,
            Source::Segment => Reason::PopularInSegment,
            Source::Category => Reason::PopularInCategory { category: self.category.clone().unwrap_or_default() },
            Source::Trending => Reason::TrendingNow,
            Source::Popular => Reason::Popular,
            Source::Catalog => Reason::InCatalog,
            Source::Search => Reason::MatchesSearch,
        }
    }
}

/// The rungs for this query, best first. A product page or a cart asks first what goes with what is there; elsewhere the
/// shopper's own taste comes first.
pub(crate) fn ladder<'a>(
    snapshot: &'a Snapshot,
    view: &'a View,
    query: &'a Query,
) -> impl Iterator<Item = Rung<'a>> + use<'a> {
    let category = context_category(snapshot, view, query);
    let about_context = view.about_context;
    use Source::{Catalog, Category, Content, Exploration, ItemToItem, Personal, Popular, Search, Segment, Trending};
    let order = if about_context {
        [ItemToItem, Content, Category, Personal, Segment, Trending, Popular, Catalog]
    } else if view.history.len() == view.declared.len() {
        // Of somebody who did nothing yet, the groups know more than a fold-in of a few words.
        [Segment, Personal, ItemToItem, Content, Category, Trending, Popular, Catalog]
    } else {
        [Personal, ItemToItem, Segment, Content, Category, Trending, Popular, Catalog]
    };
    order.into_iter().filter_map(move |source| {
        let list = match source {
            Personal => List::scored(Cow::Borrowed(personal(snapshot, view)?)),
            ItemToItem => {
                let seeds = if about_context { &view.context } else { &view.history };
                List::scored(scored(snapshot, snapshot.models.item_to_item()?, seeds, view.now)?.into())
            }
            Segment => expected(snapshot, view)?,
            Content => List::Near { taste: snapshot.content.taste(view.liked(query))?, found: Vec::new() },
            Category => List::Ranked(snapshot.popular_in(category.as_deref()?)),
            Trending => List::Ranked(snapshot.models.trending()),
            Popular => List::Ranked(snapshot.models.popular()),
            Catalog => List::Catalog(snapshot.shelf.order()),
            Exploration | Search => return None,
        };
        Some(Rung { source, snapshot, list, next: 0, category: category.clone() })
    })
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
fn personal<'a>(snapshot: &Snapshot, view: &'a View) -> Option<&'a [f32]> {
    let all = || {
        let mut scores = scored(snapshot, snapshot.models.personal()?, &view.history, view.now)?;
        let newcomers: Vec<f32> = snapshot.newcomers.scores(&scores).collect();
        scores.extend(newcomers);
        Some(scores)
    };
    view.personal.get_or_init(all).as_deref()
}

/// The newcomers alone, as the personal model would rank them.
pub(crate) fn newcomers<'a>(snapshot: &'a Snapshot, view: &'a View) -> Option<Rung<'a>> {
    let n_known = snapshot.models.n_items();
    let scores = Cow::Borrowed(&personal(snapshot, view)?[n_known..]);
    let list = List::Scored { scores, first: n_known as u32, best: Vec::new() };
    Some(Rung { source: Source::Exploration, snapshot, list, next: 0, category: None })
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
