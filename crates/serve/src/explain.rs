//! Why a product stands on the slate: reasons for the shopper, score parts for whoever asks "why this one?".
//! Both come from [`models::Model::explain`], the code that also made the score.

use domain::{Query, Reason, ScorePart, SlateItem, Source};
use models::{Contribution, History, HistoryItem, Model};

use features::deals::Deal;

use crate::{Snapshot, hydrate::View, sources};

/// Language of reasons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    Spanish,
    English,
}

impl Language {
    /// From a BCP 47 tag; Spanish is the house's language.
    pub fn of(locale: &str) -> Self {
        if locale.get(..2).is_some_and(|tag| tag.eq_ignore_ascii_case("en")) { Self::English } else { Self::Spanish }
    }
}

/// The sentence a shopper reads. `name` is the seed product's name, where there is a seed.
pub fn reason_text(reason: &Reason, name: Option<&str>, language: Language) -> String {
    use Language::{English, Spanish};
    let seed = |id: &domain::ProductId| name.unwrap_or(id.as_str()).to_owned();
    match (reason, language) {
        (Reason::BecauseYouViewed { seed_product_id }, Spanish) => format!("Porque viste {}", seed(seed_product_id)),
        (Reason::BecauseYouViewed { seed_product_id }, English) => {
            format!("Because you viewed {}", seed(seed_product_id))
        }
        (Reason::BecauseYouBought { seed_product_id }, Spanish) => {
            format!("Porque compraste {}", seed(seed_product_id))
        }
        (Reason::BecauseYouBought { seed_product_id }, English) => {
            format!("Because you bought {}", seed(seed_product_id))
        }
        (Reason::BecauseYouLike { seed_product_id }, Spanish) => format!("Porque te gusta {}", seed(seed_product_id)),
        (Reason::BecauseYouLike { seed_product_id }, English) => {
            format!("Because you like {}", seed(seed_product_id))
        }
        (Reason::BoughtTogether { seed_product_id }, Spanish) => {
            format!("Comprados juntos con {}", seed(seed_product_id))
        }
        (Reason::BoughtTogether { seed_product_id }, English) => {
            format!("Bought together with {}", seed(seed_product_id))
        }
        (Reason::SimilarTo { seed_product_id }, Spanish) => format!("Va con {}", seed(seed_product_id)),
        (Reason::SimilarTo { seed_product_id }, English) => format!("Goes with {}", seed(seed_product_id)),
        (Reason::Resembles { seed_product_id }, Spanish) => format!("Parecido a {}", seed(seed_product_id)),
        (Reason::Resembles { seed_product_id }, English) => format!("Similar to {}", seed(seed_product_id)),
        (Reason::ForYou, Spanish) => "Elegido para ti".to_owned(),
        (Reason::ForYou, English) => "Picked for you".to_owned(),
        (Reason::PopularInSegment, Spanish) => "Popular entre quienes eligen como tú".to_owned(),
        (Reason::PopularInSegment, English) => "Popular with people who choose like you".to_owned(),
        (Reason::PopularInCategory { category }, Spanish) => format!("Popular en {category}"),
        (Reason::PopularInCategory { category }, English) => format!("Popular in {category}"),
        (Reason::TrendingNow, Spanish) => "En tendencia".to_owned(),
        (Reason::TrendingNow, English) => "Trending now".to_owned(),
        (Reason::Popular, Spanish) => "Popular en la tienda".to_owned(),
        (Reason::Popular, English) => "Popular in the shop".to_owned(),
        (Reason::InCatalog, Spanish) => "Del catálogo".to_owned(),
        (Reason::InCatalog, English) => "From the catalogue".to_owned(),
        (Reason::NewInShop, Spanish) => "Recién llegado".to_owned(),
        (Reason::NewInShop, English) => "Just arrived".to_owned(),
        (Reason::ViewedBefore, Spanish) => "Lo viste hace poco".to_owned(),
        (Reason::ViewedBefore, English) => "You looked at it lately".to_owned(),
        (Reason::BuyAgain, Spanish) => "Ya te toca reponerlo".to_owned(),
        (Reason::BuyAgain, English) => "Time to buy it again".to_owned(),
        (Reason::RealDeal { percent }, Spanish) => format!("Oferta real: {percent} % bajo su precio habitual"),
        (Reason::RealDeal { percent }, English) => format!("Real deal: {percent}% below its usual price"),
        (Reason::PriceDropped { percent }, Spanish) => format!("Bajó {percent} % desde que lo viste"),
        (Reason::PriceDropped { percent }, English) => format!("{percent}% cheaper since you looked"),
        (Reason::BackInStock, Spanish) => "Volvió a estar disponible".to_owned(),
        (Reason::BackInStock, English) => "Back in stock".to_owned(),
        (Reason::Selected, Spanish) => "Recomendado por la tienda".to_owned(),
        (Reason::Selected, English) => "Chosen by the shop".to_owned(),
        (Reason::MatchesSearch, Spanish) => "Tiene lo que buscas".to_owned(),
        (Reason::MatchesSearch, English) => "Has what you searched for".to_owned(),
    }
}

/// Names the history or context product that speaks most for each item.
pub(crate) fn reasons(snapshot: &Snapshot, view: &View<'_>, query: &Query, items: &mut [SlateItem]) {
    let is_new = |item: &SlateItem| item.source == Source::Personal && snapshot.models.item(&item.product_id).is_none();
    let by_content =
        |item: &&mut SlateItem| matches!(item.source, Source::Content | Source::Exploration) || is_new(item);
    for item in items.iter_mut().filter(by_content) {
        let seeds = view.liked(query);
        let closest = snapshot
            .content
            .closest(&item.product_id, seeds.iter().map(|(id, _)| *id).filter(|id| **id != item.product_id));
        item.reason = closest.map_or(Reason::ForYou, |id| Reason::Resembles { seed_product_id: id.clone() });
    }
    by_item_to_item(snapshot, view, items);
    by_offers(snapshot, view, query, items);
}

/// What a price was, for products that are shown for it.
fn by_offers(snapshot: &Snapshot, view: &View<'_>, query: &Query, items: &mut [SlateItem]) {
    for item in items {
        let reason = match item.source {
            Source::Deals => {
                snapshot.offers.deal(&item.product_id).map(|deal| Reason::RealDeal { percent: below_usual(deal) })
            }
            Source::RecentlyViewed => sources::news(snapshot, view, &item.product_id, query.now),
            _ => None,
        };
        item.reason = reason.unwrap_or_else(|| item.reason.clone());
    }
}

/// Whole percent.
pub fn below_usual(deal: &Deal) -> u8 {
    let usual = deal.usual.minor.max(1) as f64;
    (100.0 * (usual - deal.current.minor as f64) / usual).floor().clamp(0.0, 100.0) as u8
}

/// By the item-to-item model: of the models that score a slate it is the one whose evidence a shopper can recognise.
fn by_item_to_item(snapshot: &Snapshot, view: &View<'_>, items: &mut [SlateItem]) {
    let Some(model) = snapshot.models.item_to_item() else { return };
    let has_seed =
        |item: &&mut SlateItem| matches!(item.source, Source::Personal | Source::ItemToItem | Source::Segment);
    for item in items.iter_mut().filter(has_seed) {
        let from_context = item.source == Source::ItemToItem && !view.context.is_empty();
        let seeds = if from_context { &view.context } else { &view.history };
        let Some(seed) = strongest_seed(snapshot, model, seeds, view.now, item) else { continue };
        let seed_product_id = snapshot.models.product_id(seed).clone();
        item.reason = match (from_context, view.bought.get(&seed)) {
            (true, _) => Reason::SimilarTo { seed_product_id },
            (false, _) if view.declared.contains(&seed) => Reason::BecauseYouLike { seed_product_id },
            (false, Some(true)) => Reason::BecauseYouBought { seed_product_id },
            (false, _) => Reason::BecauseYouViewed { seed_product_id },
        };
    }
}

fn strongest_seed(
    snapshot: &Snapshot,
    model: &dyn Model,
    seeds: &[HistoryItem],
    now: i64,
    item: &SlateItem,
) -> Option<u32> {
    let number = snapshot.models.item(&item.product_id)?;
    let contributions = model.explain(&History { items: seeds, now }, number);
    contributions.into_iter().filter(|c| c.value > 0.0).find_map(|c| c.item)
}

/// Splits each score into named parts that add up to it.
pub(crate) fn parts(snapshot: &Snapshot, view: &View<'_>, items: &mut [SlateItem]) {
    // What a scorer ranked has its part already.
    for item in items.iter_mut().filter(|item| item.parts.is_empty()) {
        let about_context = item.source == Source::ItemToItem && !view.context.is_empty();
        let (model, seeds) = match item.source {
            Source::Personal => (snapshot.models.personal(), &view.history),
            Source::ItemToItem if about_context => (snapshot.models.item_to_item(), &view.context),
            Source::ItemToItem => (snapshot.models.item_to_item(), &view.history),
            _ => (None, &view.history),
        };
        let contributions = model
            .zip(snapshot.models.item(&item.product_id))
            .map(|(model, number)| model.explain(&History { items: seeds, now: view.now }, number))
            .unwrap_or_default();
        item.parts = match contributions.is_empty() {
            false => contributions.iter().map(|c| part(snapshot, c)).collect(),
            true => vec![ScorePart { name: item.source.as_str().to_owned(), value: item.score, seed_product_id: None }],
        };
    }
}

fn part(snapshot: &Snapshot, contribution: &Contribution) -> ScorePart {
    ScorePart {
        name: contribution.model.to_owned(),
        value: contribution.value,
        seed_product_id: contribution.item.map(|item| snapshot.models.product_id(item).clone()),
    }
}
