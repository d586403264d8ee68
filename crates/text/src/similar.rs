//! Similar products by text, by attributes, or by both, with the parts of each similarity.

use std::hash::Hash;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::{Nearest, Vectors};

/// Prices this far apart, as a factor, have nothing in common.
const PRICE_FACTOR: f64 = 3.0;

/// What is known of a product besides its text; what is unknown resembles nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributes {
    /// From the widest to the narrowest: `["Hogar", "Cocina", "Ollas"]`.
    pub category: Vec<String>,
    pub brand: Option<String>,
    /// In any currency, the same for all products.
    pub price: Option<f64>,
}

/// One number 0 – 1 for each thing that products can have in common.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Cosine of the texts; opposite texts have 0.
    pub text: f32,
    /// Steps from the root that both paths share, beside the steps of both (Wu and Palmer 1994).
    pub category: f32,
    /// 1 for the same brand, whatever its case.
    pub brand: f32,
    /// 1 for the same price, falling with the logarithm of their ratio to 0 at three times the price.
    pub price: f32,
}

impl Parts {
    /// By the text alone.
    pub const TEXT: Self = Self { text: 1.0, category: 0.0, brand: 0.0, price: 0.0 };
    /// By category, brand and price alone.
    pub const ATTRIBUTES: Self = Self { text: 0.0, category: 0.6, brand: 0.25, price: 0.15 };
    /// By both.
    pub const BOTH: Self = Self { text: 0.7, category: 0.2, brand: 0.05, price: 0.05 };

    fn of(text: f32, a: &Attributes, b: &Attributes) -> Self {
        Self { text: text.max(0.0), category: category(a, b), brand: brand(a, b), price: price(a, b) }
    }

    /// The parts each times its share of these.
    fn times(self, shares: Self) -> Self {
        Self {
            text: self.text * shares.text,
            category: self.category * shares.category,
            brand: self.brand * shares.brand,
            price: self.price * shares.price,
        }
    }

    pub fn sum(self) -> f32 {
        self.text + self.category + self.brand + self.price
    }
}

fn category(a: &Attributes, b: &Attributes) -> f32 {
    let shared = a.category.iter().zip(&b.category).take_while(|(x, y)| x == y).count();
    let steps = a.category.len() + b.category.len();
    if steps == 0 { 0.0 } else { 2.0 * shared as f32 / steps as f32 }
}

fn brand(a: &Attributes, b: &Attributes) -> f32 {
    let same = a.brand.as_ref().zip(b.brand.as_ref()).is_some_and(|(a, b)| a.to_lowercase() == b.to_lowercase());
    f32::from(u8::from(same))
}

fn price(a: &Attributes, b: &Attributes) -> f32 {
    match (a.price, b.price) {
        (Some(a), Some(b)) if a > 0.0 && b > 0.0 => (1.0 - (a / b).ln().abs() / PRICE_FACTOR.ln()).max(0.0) as f32,
        _ => 0.0,
    }
}

/// A product and why it is similar.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarProduct<K> {
    pub key: K,
    /// 0 – 1, the sum of `parts`.
    pub similarity: f32,
    /// What each thing in common adds.
    pub parts: Parts,
}

/// [`Nearest`] with the attributes of its products.
#[derive(Clone)]
pub struct Similar<K> {
    nearest: Nearest<K>,
    attributes: FxHashMap<K, Attributes>,
}

impl<K: Clone + Eq + Hash> Similar<K> {
    /// Of no products, in an index of none.
    pub fn new(width: usize, embedding_weight: f32) -> Self {
        Self { nearest: Nearest::new(width, embedding_weight), attributes: FxHashMap::default() }
    }

    pub fn nearest(&self) -> &Nearest<K> {
        &self.nearest
    }

    /// [`Nearest::partition`].
    pub fn partition(&mut self) {
        self.nearest.partition();
    }

    /// Inserts or replaces.
    pub fn insert(&mut self, key: K, vectors: Vectors, attributes: Attributes) {
        self.nearest.insert(key.clone(), vectors);
        self.attributes.insert(key, attributes);
    }

    /// `false` when there was no such product.
    pub fn remove(&mut self, key: &K) -> bool {
        self.attributes.remove(key);
        self.nearest.remove(key)
    }

    /// The `n` products most similar to one that may or may not be among them, best first; `shares` add up to 1.
    pub fn similar(
        &self,
        (vectors, attributes): (&Vectors, &Attributes),
        shares: Parts,
        n: usize,
        allowed: impl Fn(&K) -> bool,
    ) -> Vec<SimilarProduct<K>> {
        let rest = |key: &K| Parts::of(0.0, attributes, &self.attributes[key]).times(shares).sum();
        let found = self.nearest.neighbours_by(vectors, shares.text, n, |key| allowed(key).then(|| rest(key)));
        let explained = found.into_iter().map(|found| {
            let text = self.nearest.similarity(vectors, &found.key).expect("a neighbour is a product");
            let parts = Parts::of(text, attributes, &self.attributes[&found.key]).times(shares);
            SimilarProduct { key: found.key, similarity: parts.sum(), parts }
        });
        explained.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Embeddings, Space};

    fn attributes(category: &[&str], brand: &str, price: f64) -> Attributes {
        let category = category.iter().map(|step| step.to_string()).collect();
        Attributes { category, brand: Some(brand.to_owned()), price: Some(price) }
    }

    #[test]
    fn attributes_have_in_common_what_the_definition_says() {
        let pot = attributes(&["Hogar", "Cocina", "Ollas"], "Oster", 100.0);
        let same = Parts::of(0.5, &pot, &attributes(&["Hogar", "Cocina", "Ollas"], "OSTER", 100.0));
        assert_eq!(same, Parts { text: 0.5, category: 1.0, brand: 1.0, price: 1.0 });
        let lamp = Parts::of(-0.5, &pot, &attributes(&["Hogar", "Luz"], "Philips", 300f64.sqrt() * 10.0));
        assert_eq!((lamp.text, lamp.category, lamp.brand), (0.0, 0.4, 0.0));
        assert!((lamp.price - 0.5).abs() < 1e-6, "half way to three times the price: {}", lamp.price);
        let unknown = Parts::of(0.5, &Attributes::default(), &Attributes::default());
        assert_eq!(unknown.sum(), 0.5);
        for shares in [Parts::TEXT, Parts::ATTRIBUTES, Parts::BOTH] {
            assert!((shares.sum() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn shares_decide_who_is_similar_and_parts_say_why() {
        let titles = ["olla roja grande", "olla roja chica", "sartén negra", "taza roja"];
        let space = Space::fit(&titles, &Embeddings::default());
        let kitchen = |brand, price| attributes(&["Hogar", "Cocina"], brand, price);
        let known = [
            kitchen("Oster", 100.0),
            attributes(&["Juguetes"], "Fisher", 20.0),
            kitchen("Oster", 100.0),
            kitchen("Otra", 90.0),
        ];
        let mut similar = Similar::new(0, Space::EMBEDDING_WEIGHT);
        let vectors: Vec<Vectors> = titles.iter().map(|title| space.vectors(title, &[])).collect();
        for (key, (vectors, attributes)) in vectors.iter().zip(&known).enumerate() {
            similar.insert(key, vectors.clone(), attributes.clone());
        }
        let first = |shares, allowed: fn(&usize) -> bool| {
            let found = similar.similar((&vectors[0], &known[0]), shares, 4, |key| *key != 0 && allowed(key));
            assert!(found.is_sorted_by(|a, b| a.similarity >= b.similarity));
            assert!(found.iter().all(|found| (found.parts.sum() - found.similarity).abs() < 1e-6));
            found.into_iter().next().unwrap()
        };
        assert_eq!(first(Parts::TEXT, |_| true).key, 1);
        assert_eq!(first(Parts::ATTRIBUTES, |_| true).key, 2);
        assert_eq!(first(Parts::ATTRIBUTES, |key| *key != 2).key, 3);
        assert_eq!(first(Parts::ATTRIBUTES, |_| true).parts, Parts { text: 0.0, ..Parts::ATTRIBUTES });
        assert_eq!(first(Parts::BOTH, |key| *key != 1).key, 3);
        assert!(similar.remove(&2) && !similar.remove(&2));
        assert_eq!(similar.nearest().len(), 3);
    }
}
