//! What the catalogue's texts say about its own quality: which listings are one product, and what each lacks.
//!
//! Read from a whole [`Shelf`] at once, in seconds for tens of thousands of products, never while a request waits; a snapshot carries the last
//! reading, which may be of an older shelf. A predicted category is a suggestion to the shop: no slate and no filter goes by it, because a
//! category is the shop's promise to the shopper.

use std::sync::{Arc, Weak};

use domain::{Currency, Product, ProductId};
use rustc_hash::FxHashMap;
use text::Categories;
use text::listings::{HEAD, Listing, is_cut};
use text::words::Language;

use crate::Shelf;

/// From this calibrated confidence on a category is suggested.
const SUGGESTED: f32 = 0.8;
/// A category is suspected to be wrong when another one is this likely, and itself this unlikely, to a model that did not see the product.
const SUSPECTED: f32 = 0.9;
const DENIED: f32 = 0.02;
/// Bytes of a description that a category is read from.
const DESCRIPTION_READ: usize = 1_000;

/// A category that the text speaks of.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    pub category: String,
    /// Calibrated probability, 0 – 1.
    pub confidence: f32,
}

/// What a product's listing lacks.
#[derive(Debug, Clone, PartialEq)]
pub enum Hint {
    MissingBrand,
    MissingCategory {
        suggestion: Option<Suggestion>,
    },
    MissingPrice,
    MissingImage,
    MissingDescription,
    TitleCut,
    WrongCategory(Suggestion),
    /// Other listings of the same product.
    DuplicateListing {
        duplicates: Vec<ProductId>,
    },
}

impl Hint {
    pub const CODES: [&str; 8] = [
        "missing_brand",
        "missing_category",
        "missing_price",
        "missing_image",
        "missing_description",
        "title_cut",
        "wrong_category",
        "duplicate_listing",
    ];

    pub const fn code(&self) -> &'static str {
        let at = match self {
            Self::MissingBrand => 0,
            Self::MissingCategory { .. } => 1,
            Self::MissingPrice => 2,
            Self::MissingImage => 3,
            Self::MissingDescription => 4,
            Self::TitleCut => 5,
            Self::WrongCategory(_) => 6,
            Self::DuplicateListing { .. } => 7,
        };
        Self::CODES[at]
    }
}

/// One reading of a shelf.
#[derive(Default)]
pub struct Listings {
    of: Weak<Shelf>,
    /// Products of one group are one product; who is in none stands alone.
    group: FxHashMap<ProductId, u32>,
    /// By group.
    offers: Vec<Vec<ProductId>>,
    /// Of the products that have any, in the order of their ids.
    hints: Vec<(ProductId, Vec<Hint>)>,
}

impl Listings {
    /// Names are read in the shop's language; prices count where they are in its currency.
    pub fn read(shelf: &Arc<Shelf>, currency: Currency, language: Language) -> Self {
        let products: Vec<&Arc<Product>> = shelf.products().collect();
        let groups = groups(&products, currency, language);
        let categories = categories(&products);
        let mut duplicates: Vec<&[u32]> = vec![&[][..]; products.len()];
        groups.iter().for_each(|group| group.iter().for_each(|&place| duplicates[place as usize] = group));
        let hints_of = |place: usize| {
            let hints = hints(&products, place, duplicates[place], categories.as_ref());
            (!hints.is_empty()).then(|| (products[place].product_id.clone(), hints))
        };
        let mut hints: Vec<_> = (0..products.len()).filter_map(hints_of).collect();
        hints.sort_by(|a, b| a.0.cmp(&b.0));
        let numbered = |(number, group): (usize, &Vec<u32>)| {
            let id = |&place: &u32| (products[place as usize].product_id.clone(), number as u32);
            group.iter().map(id).collect::<Vec<_>>()
        };
        let group = groups.iter().enumerate().flat_map(numbered).collect();
        let id = |place: &u32| products[*place as usize].product_id.clone();
        let offers = groups.iter().map(|group| group.iter().map(id).collect()).collect();
        Self { of: Arc::downgrade(shelf), group, offers, hints }
    }

    /// Was it this shelf that was read?
    pub fn is_of(&self, shelf: &Arc<Shelf>) -> bool {
        std::ptr::eq(self.of.as_ptr(), Arc::as_ptr(shelf))
    }

    /// The group of a product that is listed more than once.
    pub fn group(&self, id: &ProductId) -> Option<u32> {
        self.group.get(id).copied()
    }

    /// All listings of a product that is listed more than once, itself among them.
    pub fn offers(&self, id: &ProductId) -> &[ProductId] {
        self.group(id).map_or(&[], |group| &self.offers[group as usize])
    }

    pub fn n_groups(&self) -> usize {
        self.offers.len()
    }

    /// Products with hints, in the order of their ids.
    pub fn hints(&self) -> &[(ProductId, Vec<Hint>)] {
        &self.hints
    }
}

fn groups(products: &[&Arc<Product>], currency: Currency, language: Language) -> Vec<Vec<u32>> {
    let listings: Vec<Listing> = products.iter().map(|product| listing(product, currency)).collect();
    text::listings::Listings::read(&listings, language).groups(&HEAD)
}

fn listing(product: &Product, currency: Currency) -> Listing<'_> {
    Listing {
        name: &product.name,
        brand: product.brand.as_deref(),
        seller: product.seller.as_deref(),
        price: product.price.filter(|price| price.currency == currency).map(|price| price.minor as f64),
    }
}

/// `None` where the shop's own categories are too few to learn from.
fn categories(products: &[&Arc<Product>]) -> Option<Categories> {
    let texts: Vec<String> = products.iter().map(|product| text_of(product)).collect();
    let own: Vec<Option<&str>> = products.iter().map(|product| product.category()).collect();
    Categories::fit(&texts.iter().map(String::as_str).collect::<Vec<_>>(), &own)
}

fn text_of(product: &Product) -> String {
    let description = &product.description[..product.description.floor_char_boundary(DESCRIPTION_READ)];
    format!("{}\n{description}", product.name)
}

fn hints(products: &[&Arc<Product>], place: usize, group: &[u32], categories: Option<&Categories>) -> Vec<Hint> {
    let product = products[place];
    let is_blank = |text: Option<&str>| text.is_none_or(|text| text.trim().is_empty());
    let missing = [
        (is_blank(product.brand.as_deref()), Hint::MissingBrand),
        (product.price.is_none(), Hint::MissingPrice),
        (is_blank(product.image_link.as_deref()), Hint::MissingImage),
        (is_blank(Some(&product.description)), Hint::MissingDescription),
        (is_cut(&product.name), Hint::TitleCut),
    ];
    let mut hints: Vec<Hint> = missing.into_iter().filter_map(|(is, hint)| is.then_some(hint)).collect();
    let suggestion = |prediction: text::Prediction<'_>| Suggestion {
        category: prediction.category.to_owned(),
        confidence: prediction.confidence,
    };
    if product.category().is_none() {
        let prediction = categories.map(|categories| categories.predict(&text_of(product)));
        let suggestion = prediction.filter(|prediction| prediction.confidence >= SUGGESTED).map(suggestion);
        hints.push(Hint::MissingCategory { suggestion });
    } else if let Some((prediction, own)) = categories.and_then(|categories| categories.unseen(place))
        && prediction.confidence >= SUSPECTED
        && own <= DENIED
    {
        hints.push(Hint::WrongCategory(suggestion(prediction)));
    }
    let others = group.iter().filter(|&&other| other as usize != place);
    let duplicates: Vec<ProductId> = others.map(|&other| products[other as usize].product_id.clone()).collect();
    if !duplicates.is_empty() {
        hints.push(Hint::DuplicateListing { duplicates });
    }
    hints
}
