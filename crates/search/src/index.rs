//! The index: kept in step with the catalogue by one writer, read by everybody.

use std::{cmp::Ordering, sync::Arc};

use arc_swap::ArcSwap;
use domain::{Product, ProductId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tantivy::{
    DocId, IndexReader, IndexWriter, ReloadPolicy, Score, Searcher, SegmentOrdinal, SegmentReader, Term,
    collector::{Collector, SegmentCollector},
    columnar::Column,
    query::{BooleanQuery, BoostQuery, DisjunctionMaxQuery, Query, TermQuery},
    schema::IndexRecordOption,
};
use text::words::{self, Language};

use crate::{
    Corrected, Result,
    document::{self, Fields, NUMBER, Words},
    plan::{Plan, Wanted},
    vocabulary::{Counting, Vocabulary},
};

/// Memory of the writer before it makes a segment: enough for tens of thousands of products in one.
const WRITER_BYTES: usize = 50 << 20;
/// With fewer products than this that have all words, those that have some of them, or words like them, follow.
const FEW: usize = 10;
/// What a word's further fields count beside its best one.
const TIE_BREAKER: Score = 0.2;

/// The products of a shop by their words.
pub struct Index {
    language: Language,
    fields: Fields,
    writer: Mutex<Writer>,
    state: ArcSwap<State>,
}

/// What only the one who writes touches.
struct Writer {
    tantivy: IndexWriter,
    reader: IndexReader,
    counting: Counting,
    numbers: FxHashMap<ProductId, u32>,
    indexed: Vec<Option<Indexed>>,
    /// Something was written that searches don't see yet.
    is_behind: bool,
}

/// What the index has of a product.
struct Indexed {
    id: ProductId,
    fingerprint: u64,
    name_key: u64,
    words: Box<[u32]>,
}

/// One moment of the index; a search sees the same from its first to its last step.
struct State {
    searcher: Searcher,
    vocabulary: Vocabulary,
    /// By number: the id, and the key of the name.
    products: Vec<Option<(ProductId, u64)>>,
    n: usize,
}

/// What a sync came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    pub upserted: usize,
    pub deleted: usize,
}

/// How much of the query a product has. What has more of it always stands above what has less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matched {
    /// Some of the words, or words like them.
    Some,
    All,
    /// The query is the product's name.
    Name,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    number: u32,
    pub matched: Matched,
    /// BM25: above zero, comparable within one search.
    pub score: f32,
}

/// What a search found, in no order.
pub struct Found {
    state: Arc<State>,
    pub hits: Vec<Hit>,
    pub corrected: Vec<Corrected>,
    /// Words that nothing in the catalogue comes near; they were left out.
    pub unknown: Vec<String>,
    stems: Vec<String>,
}

impl Found {
    pub fn product_id(&self, hit: &Hit) -> &ProductId {
        let (id, _) = self.state.products[hit.number as usize].as_ref().expect("a hit is a product of its state");
        id
    }

    /// Best first; equals in the order they came into the catalogue.
    pub fn order(left: &Hit, right: &Hit) -> Ordering {
        right.matched.cmp(&left.matched).then(right.score.total_cmp(&left.score)).then(left.number.cmp(&right.number))
    }

    /// The words of `text` that the search looked for, as they stand there.
    pub fn highlights(&self, text: &str, language: Language) -> Vec<String> {
        let mut highlights: Vec<String> = Vec::new();
        for term in words::terms(text, language) {
            if self.stems.contains(&term.stem) && !highlights.iter().any(|known| *known == term.surface) {
                highlights.push(term.surface.into_owned());
            }
        }
        highlights
    }
}

impl Index {
    /// An empty index. All products and queries are read in one language, the shop's: stems of two would not meet.
    ///
    /// # Errors
    /// When the writer's thread can't be started.
    pub fn new(language: Language) -> Result<Self> {
        let fields = Fields::new();
        let index = tantivy::Index::create_in_ram(fields.schema.clone());
        let tantivy = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let writer = Writer {
            tantivy,
            reader,
            counting: Counting::default(),
            numbers: FxHashMap::default(),
            indexed: Vec::new(),
            is_behind: false,
        };
        let state = ArcSwap::from_pointee(writer.freeze());
        Ok(Self { language, fields, writer: Mutex::new(writer), state })
    }

    pub fn language(&self) -> Language {
        self.language
    }

    /// Products that can be found.
    pub fn len(&self) -> usize {
        self.state.load().n
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Brings the index in step with the catalogue: only products whose words changed are read again. Searches go on with what was there
    /// before until all of it is in.
    ///
    /// # Errors
    /// When the index can't be written; searches then go on with what was there, and the next sync tries again.
    pub fn sync<'a>(&self, catalogue: impl Iterator<Item = &'a Product>) -> Result<Changes> {
        let mut writer = self.writer.lock();
        let mut changes = Changes::default();
        let mut is_listed = vec![false; writer.indexed.len()];
        for product in catalogue {
            let number = writer.number(&product.product_id);
            is_listed.resize(writer.indexed.len(), false);
            is_listed[number as usize] = true;
            changes.upserted += usize::from(writer.upsert(number, product, &self.fields, self.language)?);
        }
        for number in (0..is_listed.len()).filter(|number| !is_listed[*number]) {
            changes.deleted += usize::from(writer.delete(number as u32, &self.fields));
        }
        if writer.is_behind {
            writer.tantivy.commit()?;
            writer.reader.reload()?;
            self.state.store(Arc::new(writer.freeze()));
            writer.is_behind = false;
        }
        Ok(changes)
    }

    /// All products that have the words of `text`. Any text is a search: what is no word is passed over.
    ///
    /// # Errors
    /// When the index can't be read.
    pub fn search(&self, text: &str) -> Result<Found> {
        let state = self.state.load_full();
        let plan = Plan::new(text, self.language, &state.vocabulary);
        let mut hits = state.matching(&plan.words, plan.words.len(), &self.fields, Matched::All)?;
        let mut words = plan.words.clone();
        // A word that the catalogue does not have was wanted too: then none has them all.
        if !plan.unknown.is_empty() {
            hits.iter_mut().for_each(|hit| hit.matched = Matched::Some);
        } else {
            state.mark_names(&mut hits, plan.name_key);
        }
        if hits.len() < FEW {
            words = plan.widened(text, self.language, &state.vocabulary);
            let wanted = words.len().div_ceil(2);
            let wide = state.matching(&words, wanted, &self.fields, Matched::Some)?;
            let known: Vec<u32> = hits.iter().map(|hit| hit.number).collect();
            hits.extend(wide.into_iter().filter(|hit| !known.contains(&hit.number)));
        }
        let stems = words.into_iter().flat_map(|word| word.stems).map(|(stem, _)| stem).collect();
        Ok(Found { state, hits, corrected: plan.corrected, unknown: plan.unknown, stems })
    }
}

impl Writer {
    fn number(&mut self, id: &ProductId) -> u32 {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let number = self.indexed.len() as u32;
        self.numbers.insert(id.clone(), number);
        self.indexed.push(None);
        number
    }

    /// Whether there was anything to do.
    fn upsert(&mut self, number: u32, product: &Product, fields: &Fields, language: Language) -> Result<bool> {
        let fingerprint = document::fingerprint(product);
        let before = self.indexed[number as usize].take();
        if before.as_ref().is_some_and(|before| before.fingerprint == fingerprint) {
            self.indexed[number as usize] = before;
            return Ok(false);
        }
        self.is_behind = true;
        if let Some(before) = before {
            self.tantivy.delete_term(fields.id(&before.id));
            self.counting.remove(&before.words);
        }
        let words = Words::of(product, language);
        self.tantivy.add_document(fields.document(product, number, &words))?;
        self.indexed[number as usize] = Some(Indexed {
            id: product.product_id.clone(),
            fingerprint,
            name_key: words.name_key(),
            words: self.counting.add(&words),
        });
        Ok(true)
    }

    fn delete(&mut self, number: u32, fields: &Fields) -> bool {
        let Some(gone) = self.indexed[number as usize].take() else { return false };
        self.is_behind = true;
        self.tantivy.delete_term(fields.id(&gone.id));
        self.counting.remove(&gone.words);
        true
    }

    fn freeze(&self) -> State {
        let product = |indexed: &Option<Indexed>| indexed.as_ref().map(|it| (it.id.clone(), it.name_key));
        State {
            searcher: self.reader.searcher(),
            vocabulary: self.counting.freeze(),
            products: self.indexed.iter().map(product).collect(),
            n: self.indexed.iter().flatten().count(),
        }
    }
}

impl State {
    /// Products with at least `required` of the words.
    fn matching(&self, words: &[Wanted], required: usize, fields: &Fields, matched: Matched) -> Result<Vec<Hit>> {
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let queries: Vec<_> = words.iter().map(|word| any_field(word, fields)).collect();
        let query = match required == queries.len() {
            true => BooleanQuery::intersection(queries),
            false => BooleanQuery::union_with_minimum_required_clauses(queries, required),
        };
        let hits = self.searcher.search(&query, &AllHits)?;
        Ok(hits.into_iter().map(|(score, number)| Hit { number, matched, score }).collect())
    }

    fn mark_names(&self, hits: &mut [Hit], name_key: u64) {
        for hit in hits {
            if self.products[hit.number as usize].as_ref().is_some_and(|(_, key)| *key == name_key) {
                hit.matched = Matched::Name;
            }
        }
    }
}

/// The word in any field: its best one counts, the others a little.
fn any_field(word: &Wanted, fields: &Fields) -> Box<dyn Query> {
    let mut disjuncts: Vec<Box<dyn Query>> = Vec::with_capacity(word.stems.len() * fields.texts.len());
    for (stem, weight) in &word.stems {
        for (field, boost) in fields.texts {
            let term = TermQuery::new(Term::from_field_text(field, stem), IndexRecordOption::WithFreqs);
            disjuncts.push(Box::new(BoostQuery::new(Box::new(term), boost * weight)));
        }
    }
    Box::new(DisjunctionMaxQuery::with_tie_breaker(disjuncts, TIE_BREAKER))
}

/// Every hit with its score: filters and taste come later, so none may be left out before.
struct AllHits;

struct SegmentHits {
    numbers: Column<u64>,
    hits: Vec<(Score, u32)>,
}

impl Collector for AllHits {
    type Fruit = Vec<(Score, u32)>;
    type Child = SegmentHits;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentHits> {
        Ok(SegmentHits { numbers: segment.fast_fields().u64(NUMBER)?, hits: Vec::new() })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, segments: Vec<Self::Fruit>) -> tantivy::Result<Self::Fruit> {
        Ok(segments.concat())
    }
}

impl SegmentCollector for SegmentHits {
    type Fruit = Vec<(Score, u32)>;

    fn collect(&mut self, document: DocId, score: Score) {
        if let Some(number) = self.numbers.first(document) {
            self.hits.push((score, number as u32));
        }
    }

    fn harvest(self) -> Self::Fruit {
        self.hits
    }
}
