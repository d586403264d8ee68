//! What the catalogue says in words, ready to be asked: which products are like a product, like a taste, like a text.
//!
//! Made off the request path whenever the catalogue or the text encoder changes ([`Content::next`]), then never changed again.
//! Without an encoder all of it works on TF-IDF alone.

use domain::{Product, ProductId};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use text::{
    Embeddings, Nearest, Neighbour, TfIdf, TfIdfOptions, Vectors,
    cache::{ContentHash, content_hash},
    centred,
};

use crate::Shelf;

/// Share of the embeddings in a similarity; chosen on a sample of a Peruvian supermarket's titles (`text`, example `plazavea`).
const EMBEDDING_WEIGHT: f32 = 0.4;
/// The words of a shop are learned anew when this share of its products came or changed since.
const OUTGROWN: f64 = 0.2;
/// Bytes of a description that count; what follows repeats, or speaks of delivery and warranty.
const DESCRIPTION_BYTES: usize = 500;

/// What an encoder made of texts.
#[derive(Clone, Copy)]
pub struct Encoded<'a> {
    /// [`text::TextEncoder::id`].
    pub encoder: &'a str,
    pub width: usize,
    /// The embedding of a text, where there is one yet.
    pub embedding: &'a (dyn Fn(&str) -> Option<Vec<f32>> + Sync),
}

/// Products by their texts.
#[derive(Clone, Default)]
pub struct Content {
    fitted: Option<Fitted>,
    entries: FxHashMap<ProductId, Entry>,
}

/// What was learned from the texts of all products, and the products as it sees them.
#[derive(Clone)]
struct Fitted {
    encoder: Option<String>,
    words: TfIdf,
    /// What the embeddings of all products have in common; empty where there are none.
    mean: Vec<f32>,
    nearest: Nearest<ProductId>,
    /// Products that came or changed since the words were learned.
    n_since: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    text: ContentHash,
    encoded: bool,
}

/// What a product's similarity is asked for: name, brand where the name has it not, the beginning of the description.
pub fn text_of(product: &Product) -> String {
    let mut text = product.name.clone();
    if let Some(brand) = &product.brand
        && !product.name.to_lowercase().contains(&brand.to_lowercase())
    {
        text = format!("{text}. {brand}");
    }
    let description = &product.description[..product.description.floor_char_boundary(DESCRIPTION_BYTES)];
    if description.is_empty() { text } else { format!("{text}. {description}") }
}

/// What somebody likes, by the products they dealt with: several interests, kept apart, so that who likes shoes and
/// televisions is shown both and nothing in between.
pub struct Taste {
    interests: Vec<Interest>,
}

struct Interest {
    /// 0 – 1, 1 for the strongest.
    weight: f32,
    vectors: Vectors,
}

/// So many products of a taste count on their own; a shopper's next page has no room for more.
const INTERESTS_MAX: usize = 4;

impl Content {
    /// This content brought up to the catalogue: only products that came, changed or went cost anything, until so many
    /// did that the words are learned anew.
    #[must_use]
    pub fn next(&self, shelf: &Shelf, encoded: Option<Encoded<'_>>) -> Self {
        let listings: Vec<Listing<'_>> = shelf.products().map(|product| Listing::of(product, encoded)).collect();
        let changed: Vec<&Listing<'_>> =
            listings.iter().filter(|listing| self.entries.get(listing.id) != Some(&listing.entry)).collect();
        let fitted = match &self.fitted {
            Some(fitted) if fitted.serves(encoded, changed.len(), listings.len()) => {
                let mut fitted = fitted.clone();
                self.entries.keys().filter(|id| shelf.get(id).is_none()).for_each(|id| fitted.remove(id));
                changed.iter().for_each(|listing| fitted.insert(listing));
                Some(fitted)
            }
            _ if listings.is_empty() => None,
            _ => Some(Fitted::of(&listings, encoded)),
        };
        Self { fitted, entries: listings.iter().map(|listing| (listing.id.clone(), listing.entry)).collect() }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Products whose embeddings are in.
    pub fn n_encoded(&self) -> usize {
        self.entries.values().filter(|entry| entry.encoded).count()
    }

    /// Whose embeddings these are; `None` where words alone decide.
    pub fn encoder(&self) -> Option<&str> {
        self.fitted.as_ref()?.encoder.as_deref()
    }

    /// `product_description_keywords`: the words that tell this product from the others, best first.
    pub fn keywords(&self, product: &Product, n: usize) -> Vec<String> {
        self.fitted.as_ref().map(|fitted| fitted.words.keywords(&text_of(product), n)).unwrap_or_default()
    }

    /// The taste that these products with their weights speak of; `None` when the catalogue has none of them.
    pub fn taste<'a>(&self, liked: impl IntoIterator<Item = (&'a ProductId, f32)>) -> Option<Taste> {
        let nearest = &self.fitted.as_ref()?.nearest;
        let known = liked.into_iter().filter(|(_, weight)| *weight > 0.0);
        let mut interests: Vec<Interest> =
            known.filter_map(|(id, weight)| Some(Interest { weight, vectors: nearest.vectors(id)? })).collect();
        interests.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        interests.truncate(INTERESTS_MAX);
        let strongest = interests.first()?.weight;
        interests.iter_mut().for_each(|interest| interest.weight /= strongest);
        Some(Taste { interests })
    }

    /// The `n` products nearest to any interest of this taste that `allowed` lets pass, best first.
    pub fn near(&self, taste: &Taste, n: usize, allowed: impl Fn(&ProductId) -> bool) -> Vec<Neighbour<ProductId>> {
        let Some(fitted) = &self.fitted else { return Vec::new() };
        let mut best = FxHashMap::<ProductId, f32>::default();
        for Interest { weight, vectors } in &taste.interests {
            for Neighbour { key, similarity } in fitted.nearest.neighbours(vectors, n, &allowed) {
                let score = best.entry(key).or_insert(f32::NEG_INFINITY);
                *score = score.max(weight * similarity);
            }
        }
        let mut near: Vec<_> = best.into_iter().map(|(key, similarity)| Neighbour { key, similarity }).collect();
        near.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.key.cmp(&b.key)));
        near.truncate(n);
        near
    }

    /// Which of `seeds` a product resembles most.
    pub fn closest<'a>(&self, id: &ProductId, seeds: impl IntoIterator<Item = &'a ProductId>) -> Option<&'a ProductId> {
        let nearest = &self.fitted.as_ref()?.nearest;
        let product = nearest.vectors(id)?;
        let similarities = seeds.into_iter().filter_map(|seed| Some((seed, nearest.similarity(&product, seed)?)));
        similarities.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(seed, _)| seed)
    }
}

/// A product as its vectors are made.
struct Listing<'a> {
    id: &'a ProductId,
    text: String,
    embedding: Option<Vec<f32>>,
    entry: Entry,
}

impl<'a> Listing<'a> {
    fn of(product: &'a Product, encoded: Option<Encoded<'_>>) -> Self {
        let text = text_of(product);
        let embedding = encoded.and_then(|encoded| (encoded.embedding)(&text));
        let entry = Entry { text: content_hash(&text), encoded: embedding.is_some() };
        Self { id: &product.product_id, text, embedding, entry }
    }
}

impl Fitted {
    fn of(listings: &[Listing<'_>], encoded: Option<Encoded<'_>>) -> Self {
        let texts: Vec<&str> = listings.iter().map(|listing| listing.text.as_str()).collect();
        let embeddings = listings.iter().filter_map(|listing| listing.embedding.as_deref());
        let width = encoded.map_or(0, |encoded| encoded.width);
        let mut fitted = Self {
            encoder: encoded.map(|encoded| encoded.encoder.to_owned()),
            words: TfIdf::fit(&texts, TfIdfOptions::default()),
            mean: mean(width, embeddings),
            nearest: Nearest::new(width, EMBEDDING_WEIGHT),
            n_since: 0,
        };
        let vectors: Vec<Vectors> = listings.par_iter().map(|listing| fitted.vectors(listing)).collect();
        for (listing, vectors) in listings.iter().zip(vectors) {
            fitted.nearest.insert(listing.id.clone(), vectors);
        }
        fitted
    }

    /// Whether it still describes the catalogue when so many of so many products have changed.
    fn serves(&self, encoded: Option<Encoded<'_>>, n_changed: usize, n_products: usize) -> bool {
        self.encoder.as_deref() == encoded.map(|encoded| encoded.encoder)
            && (self.n_since + n_changed) as f64 <= OUTGROWN * n_products as f64
    }

    fn vectors(&self, listing: &Listing<'_>) -> Vectors {
        let embedding = listing.embedding.as_deref().map(|embedding| centred(embedding, &self.mean));
        Vectors { embedding: embedding.unwrap_or_default(), words: self.words.vector(&listing.text) }
    }

    fn insert(&mut self, listing: &Listing<'_>) {
        self.nearest.insert(listing.id.clone(), self.vectors(listing));
        self.n_since += 1;
    }

    fn remove(&mut self, id: &ProductId) {
        self.nearest.remove(id);
    }
}

fn mean<'a>(width: usize, rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let values = rows.flatten().copied().collect();
    if width == 0 { Vec::new() } else { Embeddings { width, values }.mean() }
}
