//! How often who looks at a product buys it.
//!
//! ```text
//! c   = (bought_c + 50 · all) / (looked_c + 50)     category c
//! p   = (bought_p + 20 · c) / (looked_p + 20)       product p
//! ```
//!
//! People are counted, not events: who looked ten times and bought twice looked once and bought once. Who bought has looked, whether or not that was seen.
//! Of a shop that sends purchases alone every product converts alike. Shrinkage is that of a beta prior with the weight of so many people.

use domain::{InteractionType, ProductId};
use rustc_hash::FxHashMap;

use crate::HistoryEntry;

/// People whose word the prior has.
const PRIOR_OF_PRODUCT: f64 = 20.0;
const PRIOR_OF_CATEGORY: f64 = 50.0;

#[derive(Debug, Clone, Default)]
pub struct Conversion {
    products: FxHashMap<ProductId, f64>,
    categories: FxHashMap<String, f64>,
    all: f64,
}

#[derive(Default, Clone, Copy)]
struct People {
    looked: u32,
    bought: u32,
}

impl People {
    fn add(&mut self, bought: bool) {
        self.looked += 1;
        self.bought += u32::from(bought);
    }

    fn share(self, prior: f64, weight: f64) -> f64 {
        (f64::from(self.bought) + weight * prior) / (f64::from(self.looked) + weight)
    }
}

impl Conversion {
    /// From what people did with products.
    pub fn learn<'a>(
        histories: impl Iterator<Item = &'a [HistoryEntry]>,
        category: impl Fn(&ProductId) -> Option<String>,
    ) -> Self {
        let mut all = People::default();
        let mut products: FxHashMap<&ProductId, People> = FxHashMap::default();
        for entry in histories.flatten() {
            let looks =
                [InteractionType::View, InteractionType::Click, InteractionType::Cart, InteractionType::Purchase];
            if looks.into_iter().any(|kind| entry.counts.of(kind) > 0) {
                let bought = entry.purchases() > 0;
                all.add(bought);
                products.entry(&entry.product_id).or_default().add(bought);
            }
        }
        let mut categories: FxHashMap<String, People> = FxHashMap::default();
        for (id, people) in &products {
            if let Some(category) = category(id) {
                let sum = categories.entry(category).or_default();
                *sum = People { looked: sum.looked + people.looked, bought: sum.bought + people.bought };
            }
        }
        let all = if all.looked > 0 { f64::from(all.bought) / f64::from(all.looked) } else { 0.0 };
        let categories: FxHashMap<String, f64> =
            categories.into_iter().map(|(category, people)| (category, people.share(all, PRIOR_OF_CATEGORY))).collect();
        let prior =
            |id: &ProductId| category(id).and_then(|category| categories.get(&category)).copied().unwrap_or(all);
        let products =
            products.into_iter().map(|(id, people)| (id.clone(), people.share(prior(id), PRIOR_OF_PRODUCT))).collect();
        Self { products, categories, all }
    }

    /// P(bought | looked at), 0 – 1; of a product that nobody looked at, its category's. 0 where nobody bought anything.
    pub fn of(&self, id: &ProductId, category: Option<&str>) -> f64 {
        let of_category = || category.and_then(|category| self.categories.get(category)).copied();
        self.products.get(id).copied().or_else(of_category).unwrap_or(self.all)
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn entry(id: &str, kind: InteractionType) -> HistoryEntry {
        HistoryEntry::touch(ProductId::new(id).unwrap(), kind, Timestamp::from_seconds(1), None)
    }

    #[test]
    fn shares_of_people_shrink_to_those_of_their_category() {
        // Of 100 who looked at a, 40 bought it; of 100 who looked at b, nobody did.
        let a = (0..100).map(|n| entry("a", if n < 40 { InteractionType::Purchase } else { InteractionType::View }));
        let b = (0..100).map(|_| entry("b", InteractionType::View));
        let histories: Vec<Vec<HistoryEntry>> = a.chain(b).map(|entry| vec![entry]).collect();
        let category = |id: &ProductId| (id.as_str() == "a").then(|| "Tazas".to_owned());
        let conversion = Conversion::learn(histories.iter().map(Vec::as_slice), category);
        let of = |id: &str, category| conversion.of(&ProductId::new(id).unwrap(), category);
        let cups = (40.0 + 50.0 * 0.2) / 150.0;
        assert!((of("a", None) - (40.0 + 20.0 * cups) / 120.0).abs() < 1e-12);
        assert!((of("b", None) - 20.0 * 0.2 / 120.0).abs() < 1e-12);
        assert!((of("new", Some("Tazas")) - cups).abs() < 1e-12);
        assert!((of("new", None) - 0.2).abs() < 1e-12);
        assert_eq!(Conversion::default().of(&ProductId::new("a").unwrap(), None), 0.0);
    }

    #[test]
    fn what_was_taken_back_was_not_bought_and_what_was_only_shown_was_not_looked_at() {
        let mut returned = entry("a", InteractionType::Purchase);
        returned.returned = 1;
        let histories = [
            vec![returned],
            vec![entry("a", InteractionType::Impression)],
            vec![entry("b", InteractionType::Purchase)],
        ];
        let conversion = Conversion::learn(histories.iter().map(Vec::as_slice), |_| None);
        let of = |id: &str| conversion.of(&ProductId::new(id).unwrap(), None);
        assert!(of("a") < of("b"), "{} {}", of("a"), of("b"));
    }
}
