//! What shoppers say of products: from the log's ratings and reviews to one [`Opinion`] each in the lake, and from these to a summary of
//! every product.
//!
//! Stars are a fold and a column like every feature. What a text says needs the encoder, which neither the fold (it runs while a shopper's
//! event is committed) nor SQL has: so [`run`] writes it down once for each review, as the lake's table [`REVIEWS`]. From there it is a column like any
//! other: `sentiment_score_user_reviews` is one aggregate of these rows, in Rust ([`Opinions`]) and in SQL ([`SENTIMENT`]).

use std::collections::HashSet;
use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Float32Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Float32Type, Int64Type, Schema, SchemaRef},
};
use domain::{InteractionType, Notice, Position, ProductId, Recorded};
use features::{column::Column, rating::Ratings};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use store::{EventLog, Lake, Settings, StoreError};
use text::sentiment::{Aspect, Head, HeadError, Labelled, aspects, label_of};
use text::{TextEncoder, Watch, words::Language};

use crate::pipeline::Step;

/// One row a rating or review.
pub const REVIEWS: &str = "reviews";
const FILE: &str = "reviews.parquet";
/// The setting under which the [`Book`] is kept.
const BOOK: &str = "reviews";
const CHUNK: usize = 10_000;
/// A product's score is drawn to the shop's mean as if it had this many more reviews of that mean: one angry review is not yet a
/// bad product.
const PRIOR_REVIEWS: f64 = 5.0;

/// `(product_id, n_reviews, sentiment_score_user_reviews)`
pub const SENTIMENT: Column =
    Column { name: "sentiment_score_user_reviews", sql: include_str!("reviews.sql"), over: &[] };

/// A rating or review as it stands in the log.
struct Review {
    position: Position,
    product_id: ProductId,
    /// Known and anonymous, where the row may say whose it is.
    users: [Option<String>; 2],
    rating: Option<f32>,
    /// Only where its writer may be learned from.
    text: Option<String>,
}

/// What a rating or review says.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    pub position: Position,
    pub product_id: ProductId,
    /// Known and anonymous, so that a person's rows can be found and forgotten.
    pub users: [Option<String>; 2],
    /// Stars, 0 to 5.
    pub rating: Option<f32>,
    /// The probability that the text is positive, 0 to 1; none without a text, a readable word or a head.
    pub sentiment: Option<f32>,
    /// The same of what it says about each of [`Aspect::ALL`].
    pub aspects: [Option<f32>; Aspect::ALL.len()],
}

/// What [`run`] learned and how far it read: durable, so that a start need not run it again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Book {
    /// Events up to here were read.
    pub seen: Position,
    pub head: Option<Head>,
    /// Why there is no head, or why it is not the one that was wanted.
    pub notices: Vec<Notice>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Head(#[from] HeadError),
}

impl From<text::Error> for ReviewError {
    fn from(error: text::Error) -> Self {
        Self::Head(error.into())
    }
}

type Result<T, E = ReviewError> = std::result::Result<T, E>;

/// Where reviews are read and opinions written.
#[derive(Clone, Copy)]
pub struct Stores<'a> {
    pub log: &'a dyn EventLog,
    pub lake: &'a dyn Lake,
    /// Held while opinions are written: an erasure that came in between could be undone.
    pub lake_guard: &'a Mutex<()>,
    pub settings: &'a dyn Settings,
}

/// What reads the texts.
pub struct Reader<'a> {
    pub encoder: Option<&'a dyn TextEncoder>,
    /// Of texts whose own is in doubt.
    pub language: Language,
    /// Fitted elsewhere; goes before the shop's own.
    pub head: Option<Head>,
}

/// Reads the log, chooses a head, judges every review with it, writes the opinions down. Without a head there are ratings alone, and the
/// book says why.
///
/// # Errors
/// Of the stores, of the encoder, or when the head that was brought does not fit it; what was written before stays then.
pub fn run(stores: Stores<'_>, reader: Reader<'_>, progress: &(dyn Fn(Step) + Sync)) -> Result<Book> {
    let seen = stores.log.head();
    let reviews = read(stores.log, seen, progress)?;
    let (head, notices) = head(&reviews, &reader, stores.settings, progress)?;
    let opinions = judge(reviews, head.as_ref(), &reader, progress)?;
    let book = Book { seen, head, notices };
    write(stores, opinions, &book)?;
    Ok(book)
}

fn read(log: &dyn EventLog, up_to: Position, progress: &(dyn Fn(Step) + Sync)) -> Result<Vec<Review>, StoreError> {
    let (mut reviews, mut last) = (Vec::new(), Position::START);
    loop {
        let mut events = log.read(last, CHUNK)?;
        events.retain(|recorded| recorded.position <= up_to);
        let Some(newest) = events.last() else { return Ok(reviews) };
        last = newest.position;
        reviews.extend(events.into_iter().filter_map(review));
        progress(Step { name: "reading reviews".to_owned(), done: last.0, of: up_to.0 });
    }
}

fn review(recorded: Recorded) -> Option<Review> {
    let Recorded { position, event } = recorded;
    if event.kind.interaction() != Some(InteractionType::Rating) {
        return None;
    }
    let named = !event.user.is_nobody() && event.consent.allows_personalization();
    let key = |key: Option<domain::UserKey>| key.filter(|key| named && !key.is_nobody()).map(|key| key.to_string());
    Some(Review {
        position,
        product_id: event.products.into_iter().next()?.product_id,
        users: [key(Some(event.user)), key(event.anonymous)],
        rating: event.details.rating,
        text: event.details.review.filter(|_| named),
    })
}

/// The head that was brought, else one of the shop's own reviews with stars, else the one from last time; and what is to be said about it.
fn head(
    reviews: &[Review],
    reader: &Reader<'_>,
    settings: &dyn Settings,
    progress: &(dyn Fn(Step) + Sync),
) -> Result<(Option<Head>, Vec<Notice>)> {
    let without_model = || Notice {
        code: "no_text_model".to_owned(),
        detail:
            "sentiment is read by TF-IDF words, since no text model is installed; it misses more than the encoder does"
                .to_owned(),
    };
    let mut notices: Vec<Notice> = reader.encoder.is_none().then(without_model).into_iter().collect();
    if let Some(head) = &reader.head {
        head.check_reader(reader.encoder)?;
        return Ok((Some(head.clone()), notices));
    }
    let fitted = Head::fit(&labelled(reviews), reader.encoder, reader.language, &Steps("learning sentiment", progress));
    let detail = match fitted {
        Ok(head) => return Ok((Some(head), notices)),
        Err(HeadError::Text(error)) => return Err(error.into()),
        Err(unfit) => unfit.to_string(),
    };
    let kept = load_book(settings)?.head.filter(|head| head.check_reader(reader.encoder).is_ok());
    let (code, then) = match kept {
        Some(_) => ("sentiment_head_kept", "the head from before goes on"),
        None => (
            "no_sentiment_head",
            "reviews are not scored; `vitrina reviews --from FILE` learns from reviews of elsewhere",
        ),
    };
    notices.push(Notice { code: code.to_owned(), detail: format!("{detail}; {then}") });
    Ok((kept, notices))
}

/// The shop's own reviews, labelled by their stars.
fn labelled(reviews: &[Review]) -> Labelled {
    let mut labelled = Labelled::default();
    for review in reviews {
        if let (Some(text), Some(positive)) = (&review.text, review.rating.and_then(label_of)) {
            labelled.push(text.clone(), positive);
        }
    }
    labelled
}

fn judge(
    reviews: Vec<Review>,
    head: Option<&Head>,
    reader: &Reader<'_>,
    progress: &(dyn Fn(Step) + Sync),
) -> Result<Vec<Opinion>> {
    let texts: Vec<&str> = reviews.iter().map(|review| review.text.as_deref().unwrap_or_default()).collect();
    let mentions: Vec<Vec<(String, Vec<Aspect>)>> =
        texts.iter().map(|text| aspects::mentions(text, reader.language)).collect();
    let clauses: Vec<&str> = mentions.iter().flatten().map(|(clause, _)| clause.as_str()).collect();
    let probabilities = |texts: &[&str], name| match head {
        Some(head) => head.probabilities(texts, reader.encoder, &Steps(name, progress)),
        None => Ok(vec![None; texts.len()]),
    };
    let whole = probabilities(&texts, "judging reviews")?;
    let mut of_clauses = probabilities(&clauses, "judging aspects")?.into_iter();
    let by_aspect: Vec<_> = mentions
        .iter()
        .map(|clauses| {
            mean_by_aspect(clauses.iter().flat_map(|(_, aspects)| of_clauses.next().map(|p| (&aspects[..], p))))
        })
        .collect();
    let opinion = |((review, sentiment), aspects): ((Review, _), _)| {
        let Review { position, product_id, users, rating, .. } = review;
        Opinion { position, product_id, users, rating, sentiment, aspects }
    };
    Ok(reviews.into_iter().zip(whole).zip(by_aspect).map(opinion).collect())
}

fn mean_by_aspect<'a>(clauses: impl Iterator<Item = (&'a [Aspect], Option<f32>)>) -> [Option<f32>; Aspect::ALL.len()] {
    let mut sums = [(0.0, 0.0); Aspect::ALL.len()];
    for (aspects, p) in clauses.filter_map(|(aspects, p)| Some((aspects, p?))) {
        for &aspect in aspects {
            sums[aspect as usize].0 += p;
            sums[aspect as usize].1 += 1.0;
        }
    }
    sums.map(|(sum, n)| (n > 0.0).then(|| sum / n))
}

/// What the log has lost meanwhile was erased, and is not written.
fn write(stores: Stores<'_>, mut opinions: Vec<Opinion>, book: &Book) -> Result<(), StoreError> {
    let _one_at_a_time = stores.lake_guard.lock();
    let left: HashSet<Position> =
        read(stores.log, book.seen, &|_| {})?.into_iter().map(|review| review.position).collect();
    opinions.retain(|opinion| left.contains(&opinion.position));
    stores.lake.write(REVIEWS, FILE, &[rows(&opinions)])?;
    let book = serde_json::to_value(book)
        .map_err(|error| StoreError::Unavailable { store: "reviews", detail: error.to_string() })?;
    stores.settings.put(BOOK, &book)
}

/// What the last run left; an empty book before the first.
///
/// # Errors
/// When it can't be read.
pub fn load_book(settings: &dyn Settings) -> Result<Book, StoreError> {
    let Some(value) = settings.get(BOOK)? else { return Ok(Book::default()) };
    let damaged = |detail: String| StoreError::Corrupt { store: "settings", place: BOOK.to_owned(), detail };
    let book: Book = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
    book.head.iter().try_for_each(|head| head.check().map_err(|error| damaged(error.to_string())))?;
    Ok(book)
}

/// # Errors
/// When the lake can't be read.
pub fn load_opinions(lake: &dyn Lake) -> Result<Opinions, StoreError> {
    let mut opinions = Opinions::default();
    for file in lake.files(REVIEWS)? {
        for batch in lake.read(REVIEWS, &file)? {
            opinions_of(&batch)?.iter().for_each(|opinion| opinions.add(opinion));
        }
    }
    Ok(opinions)
}

// ---- the table ----

pub fn schema() -> SchemaRef {
    let fixed = [
        ("position", DataType::Int64, false),
        ("product_id", DataType::Utf8, false),
        ("user_id", DataType::Utf8, true),
        ("anonymous_id", DataType::Utf8, true),
        ("rating", DataType::Float32, true),
        ("sentiment", DataType::Float32, true),
    ];
    let aspects = Aspect::ALL.map(|aspect| Field::new(aspect.as_str(), DataType::Float32, true));
    let fixed = fixed.map(|(name, kind, nullable)| Field::new(name, kind, nullable));
    Arc::new(Schema::new(fixed.into_iter().chain(aspects).collect::<Vec<_>>()))
}

fn rows(opinions: &[Opinion]) -> RecordBatch {
    let texts = |of: &dyn Fn(&Opinion) -> Option<String>| -> ArrayRef {
        Arc::new(opinions.iter().map(of).collect::<StringArray>())
    };
    let numbers = |of: &dyn Fn(&Opinion) -> Option<f32>| -> ArrayRef {
        Arc::new(opinions.iter().map(of).collect::<Float32Array>())
    };
    let positions = opinions.iter().map(|opinion| opinion.position.0 as i64);
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(positions)),
        texts(&|opinion| Some(opinion.product_id.to_string())),
        texts(&|opinion| opinion.users[0].clone()),
        texts(&|opinion| opinion.users[1].clone()),
        numbers(&|opinion| opinion.rating),
        numbers(&|opinion| opinion.sentiment),
    ];
    columns.extend((0..Aspect::ALL.len()).map(|aspect| numbers(&|opinion| opinion.aspects[aspect])));
    RecordBatch::try_new(schema(), columns).expect("the columns are written in the order of the schema above them")
}

fn opinions_of(batch: &RecordBatch) -> Result<Vec<Opinion>, StoreError> {
    let damaged = |detail: String| StoreError::Corrupt { store: "lake", place: REVIEWS.to_owned(), detail };
    if batch.schema() != schema() {
        return Err(damaged("its columns are those of another version; run `vitrina reviews` again".to_owned()));
    }
    let positions = batch.column(0).as_primitive::<Int64Type>();
    let text = |column: usize, row: usize| {
        let column = batch.column(column).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let number = |column: usize, row: usize| {
        let column = batch.column(column).as_primitive::<Float32Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    let opinion = |row: usize| {
        let product = batch.column(1).as_string::<i32>().value(row);
        Ok(Opinion {
            position: Position(positions.value(row) as u64),
            product_id: ProductId::new(product).map_err(|error| damaged(error.to_string()))?,
            users: [text(2, row), text(3, row)],
            rating: number(4, row),
            sentiment: number(5, row),
            aspects: std::array::from_fn(|aspect| number(6 + aspect, row)),
        })
    };
    (0..batch.num_rows()).map(opinion).collect()
}

// ---- summaries ----

/// What a shop's opinions come to, product by product.
#[derive(Debug, Clone, Default)]
pub struct Opinions {
    products: FxHashMap<ProductId, Summary>,
    shop: Mean,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    n: u32,
}

impl Mean {
    fn add(&mut self, x: f64) {
        self.sum += x;
        self.n += 1;
    }

    fn get(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / f64::from(self.n))
    }
}

#[derive(Debug, Clone, Default)]
struct Summary {
    ratings: Ratings,
    sentiment: Mean,
    /// Of 1 for a review that speaks well of it and 0 for one that does not.
    aspects: [Mean; Aspect::ALL.len()],
}

/// What shoppers say of one product.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OfProduct {
    pub n_ratings: u32,
    /// Stars, 0 to 5.
    pub average_ratings_product: Option<f64>,
    /// Reviews whose text was read.
    pub n_reviews: u32,
    /// 0 to 1: the mean probability that a review is positive, drawn to the shop's mean where reviews are few.
    pub sentiment_score_user_reviews: Option<f64>,
    /// Share of the reviews speaking of it that speak well of it, and how many speak of it; only what is spoken of.
    pub aspects: Vec<(Aspect, f64, u32)>,
}

impl Opinions {
    pub fn add(&mut self, opinion: &Opinion) {
        let product = self.products.entry(opinion.product_id.clone()).or_default();
        opinion.rating.into_iter().for_each(|stars| product.ratings.add(stars));
        if let Some(p) = opinion.sentiment {
            product.sentiment.add(p.into());
            self.shop.add(p.into());
        }
        for (mean, p) in product.aspects.iter_mut().zip(opinion.aspects) {
            p.into_iter().for_each(|p| mean.add(if p >= 0.5 { 1.0 } else { 0.0 }));
        }
    }

    /// Products that somebody rated or reviewed.
    pub fn n_products(&self) -> usize {
        self.products.len()
    }

    /// Reviews that were read, of all products.
    pub fn n_reviews(&self) -> u32 {
        self.shop.n
    }

    /// The mean over all reviews, 0 to 1.
    pub fn shop_sentiment(&self) -> Option<f64> {
        self.shop.get()
    }

    pub fn product(&self, id: &ProductId) -> OfProduct {
        let Some(summary) = self.products.get(id) else { return OfProduct::default() };
        let aspects = Aspect::ALL.into_iter().zip(&summary.aspects);
        let sentiment = self.shop.get().filter(|_| summary.sentiment.n > 0).map(|shop| {
            (summary.sentiment.sum + PRIOR_REVIEWS * shop) / (f64::from(summary.sentiment.n) + PRIOR_REVIEWS)
        });
        OfProduct {
            n_ratings: summary.ratings.n(),
            average_ratings_product: summary.ratings.mean(),
            n_reviews: summary.sentiment.n,
            sentiment_score_user_reviews: sentiment,
            aspects: aspects.filter_map(|(aspect, mean)| Some((aspect, mean.get()?, mean.n))).collect(),
        }
    }
}

/// Progress of an encoding as steps of the job.
struct Steps<'a>(&'static str, &'a (dyn Fn(Step) + Sync));

impl Watch for Steps<'_> {
    fn progress(&self, done: usize, of: usize) {
        (self.1)(Step { name: self.0.to_owned(), done: done as u64, of: of as u64 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opinion(position: u64, product: &str, rating: Option<f32>, sentiment: Option<f32>) -> Opinion {
        let aspects = [sentiment, None, None, Some(0.2)];
        let users = [Some(format!("u{position}")), None];
        Opinion {
            position: Position(position),
            product_id: ProductId::new(product).unwrap(),
            users,
            rating,
            sentiment,
            aspects,
        }
    }

    fn of(opinions: &[Opinion]) -> Opinions {
        let mut all = Opinions::default();
        opinions.iter().for_each(|opinion| all.add(opinion));
        all
    }

    #[test]
    fn few_reviews_are_drawn_to_the_shops_mean() {
        let mut opinions: Vec<Opinion> = (0..19).map(|i| opinion(i, "many", Some(5.0), Some(0.75))).collect();
        opinions.push(opinion(19, "one", Some(1.0), Some(0.25)));
        opinions.push(opinion(20, "silent", Some(2.0), None));
        let all = of(&opinions);
        let shop = (19.0 * 0.75 + 0.25) / 20.0;
        assert!((all.shop_sentiment().unwrap() - shop).abs() < 1e-9);
        let one = all.product(&ProductId::new("one").unwrap());
        assert!((one.sentiment_score_user_reviews.unwrap() - (0.25 + 5.0 * shop) / 6.0).abs() < 1e-9);
        assert_eq!(one.aspects, [(Aspect::Price, 0.0, 1), (Aspect::Size, 0.0, 1)]);
        let silent = all.product(&ProductId::new("silent").unwrap());
        assert_eq!((silent.average_ratings_product, silent.sentiment_score_user_reviews), (Some(2.0), None));
        assert_eq!(all.product(&ProductId::new("unknown").unwrap()), OfProduct::default());
    }

    #[test]
    fn opinions_come_back_from_their_rows() {
        let opinions = [opinion(1, "a", Some(4.5), None), opinion(2, "b", None, Some(0.9))];
        assert_eq!(opinions_of(&rows(&opinions)).unwrap(), opinions);
        assert_eq!(opinions_of(&rows(&[])).unwrap(), []);
    }
}
