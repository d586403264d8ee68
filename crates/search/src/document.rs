//! A product as the index sees it: its words by field.

use std::hash::{Hash, Hasher};

use domain::{Product, ProductId};
use rustc_hash::FxHasher;
use tantivy::{
    Score, TantivyDocument, Term,
    schema::{FAST, Field, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions},
    tokenizer::{PreTokenizedString, Token},
};
use text::words::{self, Language};

use crate::plan::WORDS_MAX;

/// Where words stand in a product, and what a hit there counts. Names decide; a description mentions many things.
const TEXTS: [(&str, Score); 5] =
    [("name", 3.0), ("brand", 2.0), ("category", 1.5), ("keywords", 1.0), ("description", 0.5)];

/// The product's number in the index, which hits carry instead of its id.
pub const NUMBER: &str = "number";

#[derive(Clone)]
pub struct Fields {
    pub schema: Schema,
    id: Field,
    number: Field,
    pub texts: [(Field, Score); 5],
}

impl Fields {
    pub fn new() -> Self {
        let mut builder = Schema::builder();
        let indexing = TextFieldIndexing::default().set_tokenizer("raw").set_index_option(IndexRecordOption::WithFreqs);
        let text = TextOptions::default().set_indexing_options(indexing);
        Self {
            id: builder.add_text_field("id", STRING),
            number: builder.add_u64_field(NUMBER, FAST),
            texts: TEXTS.map(|(name, boost)| (builder.add_text_field(name, text.clone()), boost)),
            schema: builder.build(),
        }
    }

    pub fn id(&self, id: &ProductId) -> Term {
        Term::from_field_text(self.id, id.as_str())
    }

    pub fn document(&self, product: &Product, number: u32, words: &Words) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_text(self.id, product.product_id.as_str());
        document.add_u64(self.number, u64::from(number));
        for ((field, _), terms) in self.texts.iter().zip(&words.by_field) {
            let token =
                |(position, word): (usize, &Word)| Token { position, text: word.stem.clone(), ..Token::default() };
            let tokens = terms.iter().enumerate().map(token).collect();
            document.add_pre_tokenized_text(*field, PreTokenizedString { text: String::new(), tokens });
        }
        document
    }
}

/// A word of a product, as it is matched and as it is shown.
pub struct Word {
    pub stem: String,
    pub surface: String,
}

/// All words of a product, in the order of [`TEXTS`].
pub struct Words {
    by_field: [Vec<Word>; 5],
}

impl Words {
    pub fn of(product: &Product, language: Language) -> Self {
        Self {
            by_field: texts(product).map(|texts| {
                let terms = texts.iter().flat_map(|text| words::terms(text, language));
                terms.map(|term| Word { stem: term.stem, surface: term.surface.into_owned() }).collect()
            }),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Word> {
        self.by_field.iter().flatten()
    }

    pub fn name_key(&self) -> u64 {
        name_key(self.by_field[0].iter().map(|word| word.stem.as_str()))
    }
}

/// Equal for names of the same terms in the same order, as far as a query is read: repeats and what follows after [`WORDS_MAX`] don't count.
pub fn name_key<'a>(stems: impl Iterator<Item = &'a str>) -> u64 {
    let mut distinct: Vec<&str> = Vec::with_capacity(WORDS_MAX);
    for stem in stems {
        if distinct.len() < WORDS_MAX && !distinct.contains(&stem) {
            distinct.push(stem);
        }
    }
    let mut hasher = FxHasher::default();
    distinct.hash(&mut hasher);
    hasher.finish()
}

/// Changes exactly when a text of the product does; prices and stock are read from the catalogue at each search.
pub fn fingerprint(product: &Product) -> u64 {
    let mut hasher = FxHasher::default();
    texts(product).hash(&mut hasher);
    hasher.finish()
}

fn texts(product: &Product) -> [Vec<&str>; 5] {
    [
        vec![&product.name],
        product.brand.as_deref().into_iter().collect(),
        product.categories.iter().map(String::as_str).collect(),
        product.attributes.values().map(String::as_str).collect(),
        vec![&product.description],
    ]
}
