//! What the catalogue says in words, ready to be asked: which products are like a product, like a taste, like a text.
//!
//! Made off the request path whenever the catalogue or the text encoder changes ([`Content::next`]), then never changed again.
//! Without an encoder all of it works on TF-IDF alone.

use std::sync::Arc;

use domain::{Product, ProductId};
use rustc_hash::FxHashMap;
use text::{
    Attributes, Embeddings, InterestOptions, Liked, Neighbour, Parts, Similar, SimilarProduct, Space, Vectors,
    cache::{ContentHash, content_hash},
    interests,
    nearest::EXACT_UP_TO,
};

use crate::Shelf;

/// The space of a shop's texts is fitted anew when this share of its products came or changed since.
const OUTGROWN: f64 = 0.2;
/// Bytes of a description that count; what follows repeats, or speaks of delivery and warranty.
const DESCRIPTION_BYTES: usize = 500;
/// Nearest products whose texts join a product's own.
const EXPANDED_BY: usize = 5;

/// What an encoder made of texts.
#[derive(Clone, Copy)]
pub struct Encoded<'a> {
    /// [`text::TextEncoder::id`].
    pub encoder: &'a str,
    pub width: usize,
    /// The embedding of a text, where there is one yet.
    pub embedding: &'a (dyn Fn(&str) -> Option<Vec<f32>> + Sync),
}

/// Products by their texts and attributes.
#[derive(Clone, Default)]
pub struct Content {
    fitted: Option<Fitted>,
    entries: FxHashMap<ProductId, Entry>,
}

/// What was learned from the texts of all products, and the products as it sees them.
#[derive(Clone)]
struct Fitted {
    encoder: Option<String>,
    space: Arc<Space>,
    similar: Similar<ProductId>,
    /// Products that came or changed since the space was fitted.
    n_since: usize,
}

/// What a product's vectors and attributes were made of.
#[derive(Clone, PartialEq)]
struct Entry {
    text: ContentHash,
    encoded: bool,
    attributes: Attributes,
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

/// What somebody likes, as several interests kept apart, each with its importance: who likes shoes and televisions is shown
/// both, and nothing in between.
pub struct Taste(Vec<(f32, Vectors, Attributes)>);

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
                fitted.n_since += changed.len();
                Some(fitted)
            }
            _ if listings.is_empty() => None,
            _ => Some(Fitted::of(&listings, encoded)),
        };
        Self { fitted, entries: listings.into_iter().map(|listing| (listing.id.clone(), listing.entry)).collect() }
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

    /// Has the encoder read this product?
    pub(crate) fn is_encoded(&self, id: &ProductId) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.encoded)
    }

    /// Whose embeddings these are; `None` where words alone decide.
    pub fn encoder(&self) -> Option<&str> {
        self.fitted.as_ref()?.encoder.as_deref()
    }

    /// `product_description_keywords`: the words that tell this product from the others, best first.
    pub fn keywords(&self, product: &Product, n: usize) -> Vec<String> {
        self.fitted.as_ref().map(|fitted| fitted.space.words().keywords(&text_of(product), n)).unwrap_or_default()
    }

    /// The taste that these products speak of; `None` when the catalogue has none of them.
    pub fn taste<'a>(&self, liked: impl IntoIterator<Item = (&'a ProductId, Liked)>) -> Option<Taste> {
        let nearest = self.fitted.as_ref()?.similar.nearest();
        let known = liked.into_iter().filter(|(_, liked)| liked.weight > 0.0);
        let known = known.filter_map(|(id, liked)| Some((id, liked, nearest.vectors(id)?)));
        let known: Vec<(&ProductId, Liked, Vectors)> = known.collect();
        let liked: Vec<Liked> = known.iter().map(|(_, liked, _)| *liked).collect();
        let similarity = |a: usize, b: usize| nearest.similarity(&known[a].2, known[b].0).unwrap_or(0.0);
        let interests = interests(&liked, similarity, &InterestOptions::default());
        let interests = interests.iter().map(|interest| {
            let (id, _, vectors) = &known[interest.medoid];
            (interest.importance, vectors.clone(), self.entries[*id].attributes.clone())
        });
        Some(Taste(interests.collect())).filter(|taste| !taste.0.is_empty())
    }

    /// The `n` products nearest to a taste by texts and attributes that `allowed` lets pass, best first.
    ///
    /// Places are dealt to the interests by their importance, as seats to parties by D'Hondt: the next place goes to the
    /// highest `importance · similarity / (1 + places so far)`.
    pub fn near(&self, taste: &Taste, n: usize, allowed: impl Fn(&ProductId) -> bool) -> Vec<Neighbour<ProductId>> {
        let Some(fitted) = &self.fitted else { return Vec::new() };
        let found = taste.0.iter().map(|(importance, vectors, attributes)| {
            let similar = fitted.similar.similar((vectors, attributes), Parts::BOTH, n, &allowed);
            (*importance, 0.0, similar.into_iter().peekable())
        });
        let mut interests: Vec<_> = found.collect();
        let mut near: Vec<Neighbour<ProductId>> = Vec::new();
        while near.len() < n {
            let bids = interests.iter_mut().enumerate().filter_map(|(interest, (importance, places, similar))| {
                let bid = *importance * similar.peek()?.similarity / (1.0 + *places);
                Some((interest, bid))
            });
            let Some((highest, bid)) = bids.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))) else { break };
            let (_, places, similar) = &mut interests[highest];
            let Some(SimilarProduct { key, .. }) = similar.next() else { break };
            *places += 1.0;
            if near.iter().all(|other| other.key != key) {
                near.push(Neighbour { key, similarity: bid });
            }
        }
        near
    }

    /// The `n` products most like this one by text, by attributes or by both, as `shares` say; `None` when it is not known. The text is the
    /// middle of the product's own and those of its nearest, which finds more of its kind than its own alone (docs/decisions/0006).
    pub fn similar(
        &self,
        id: &ProductId,
        shares: Parts,
        n: usize,
        allowed: impl Fn(&ProductId) -> bool,
    ) -> Option<Vec<SimilarProduct<ProductId>>> {
        let similar = &self.fitted.as_ref()?.similar;
        let (vectors, entry) = (similar.nearest().vectors(id)?, self.entries.get(id)?);
        let vectors = match shares.text > 0.0 {
            true => similar.nearest().expanded(&vectors, EXPANDED_BY, |other| other != id),
            false => vectors,
        };
        Some(similar.similar((&vectors, &entry.attributes), shares, n, |other| other != id && allowed(other)))
    }

    /// The `n` products nearest to this one alone by text and attributes, for whom a product in the middle would not do.
    pub(crate) fn nearest(
        &self,
        id: &ProductId,
        n: usize,
        allowed: impl Fn(&ProductId) -> bool,
    ) -> Vec<SimilarProduct<ProductId>> {
        let Some(similar) = self.fitted.as_ref().map(|fitted| &fitted.similar) else { return Vec::new() };
        let known = similar.nearest().vectors(id).zip(self.entries.get(id));
        known.map_or_else(Vec::new, |(vectors, entry)| {
            similar.similar((&vectors, &entry.attributes), Parts::BOTH, n, |other| other != id && allowed(other))
        })
    }

    /// Which of `seeds` a product resembles most.
    pub fn closest<'a>(&self, id: &ProductId, seeds: impl IntoIterator<Item = &'a ProductId>) -> Option<&'a ProductId> {
        let nearest = self.fitted.as_ref()?.similar.nearest();
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
        let attributes = Attributes {
            category: product.categories.clone(),
            brand: product.brand.clone(),
            price: product.price.map(|price| price.major()),
        };
        let entry = Entry { text: content_hash(&text), encoded: embedding.is_some(), attributes };
        Self { id: &product.product_id, text, embedding, entry }
    }
}

impl Fitted {
    fn of(listings: &[Listing<'_>], encoded: Option<Encoded<'_>>) -> Self {
        let texts: Vec<&str> = listings.iter().map(|listing| listing.text.as_str()).collect();
        let embeddings = listings.iter().filter_map(|listing| listing.embedding.as_deref());
        let width = encoded.map_or(0, |encoded| encoded.width);
        let space = Space::fit(&texts, &Embeddings { width, values: embeddings.flatten().copied().collect() });
        let mut fitted = Self {
            encoder: encoded.map(|encoded| encoded.encoder.to_owned()),
            space: Arc::new(space),
            similar: Similar::new(width, Space::EMBEDDING_WEIGHT),
            n_since: 0,
        };
        listings.iter().for_each(|listing| fitted.insert(listing));
        if listings.len() > EXACT_UP_TO {
            fitted.similar.partition();
        }
        fitted
    }

    /// Whether it still describes the catalogue when so many of so many products have changed.
    fn serves(&self, encoded: Option<Encoded<'_>>, n_changed: usize, n_products: usize) -> bool {
        self.encoder.as_deref() == encoded.map(|encoded| encoded.encoder)
            && (self.n_since + n_changed) as f64 <= OUTGROWN * n_products as f64
    }

    fn insert(&mut self, listing: &Listing<'_>) {
        let vectors = self.space.vectors(&listing.text, listing.embedding.as_deref().unwrap_or_default());
        self.similar.insert(listing.id.clone(), vectors, listing.entry.attributes.clone());
    }

    fn remove(&mut self, id: &ProductId) {
        self.similar.remove(id);
    }
}
