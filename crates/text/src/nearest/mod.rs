//! The products nearest to a text or to another product.
//!
//! A similarity is `w · cosine of embeddings + (1 − w) · cosine of TF-IDF`; without embeddings it is TF-IDF's alone. Embeddings stand in rows
//! that a SIMD scan reads; TF-IDF goes through postings, so only products that share a term with the query cost anything.
//! Up to some 200,000 products a scan takes milliseconds and is never wrong. Beyond, [`Nearest::partition`] lets a search
//! read the nearest part alone ([`lists`]; the example `nearest` measures what that costs and gains).

mod best;
mod lists;
mod rows;

use std::hash::Hash;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::Sparse;
use crate::encoder::normalize;
use best::Best;
use lists::Lists;
use rows::Rows;

/// Products up to which the exact scan is the better choice.
pub const EXACT_UP_TO: usize = 200_000;
/// Products whose embeddings a search through lists compares, all of them allowed by the filter: a rare filter reads more lists.
const COMPARED: usize = 20_000;
/// Entries of postings that a search through lists reads, those of rare terms first.
const POSTINGS_READ: usize = 200_000;
/// Candidates by meaning and as many by words, for each wanted product, before both are added up exactly.
const CANDIDATES: usize = 20;
/// Scores that a block of queries may fill: 64 MB.
const SCORES: usize = 16 << 20;

/// What is known of a text. Each of length 1, or empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vectors {
    /// Of the encoder; empty where there is none.
    pub embedding: Vec<f32>,
    pub words: Sparse,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour<K> {
    pub key: K,
    /// −1 – 1.
    pub similarity: f32,
}

/// Products by their vectors. Inserting and removing takes time in proportion to the one product.
#[derive(Clone)]
pub struct Nearest<K> {
    /// Share of the embeddings in a similarity, 0 – 1.
    embedding_weight: f32,
    slots: FxHashMap<K, u32>,
    /// Of each row; `None` where the next product goes.
    keys: Vec<Option<K>>,
    free: Vec<u32>,
    embeddings: Rows,
    words: Vec<Sparse>,
    postings: Vec<Vec<(u32, f32)>>,
    /// Of the rows with an embedding; `None` while searches are exact.
    lists: Option<Lists>,
}

impl<K: Clone + Eq + Hash> Nearest<K> {
    /// `width` numbers in an embedding, 0 where there is no encoder.
    pub fn new(width: usize, embedding_weight: f32) -> Self {
        Self {
            embedding_weight: if width == 0 { 0.0 } else { embedding_weight },
            slots: FxHashMap::default(),
            keys: Vec::new(),
            free: Vec::new(),
            embeddings: Rows::new(width),
            words: Vec::new(),
            postings: Vec::new(),
            lists: None,
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Inserts or replaces. An empty embedding is nobody's neighbour by meaning, only by words.
    pub fn insert(&mut self, key: K, vectors: Vectors) {
        self.remove(&key);
        let row = self.free.pop().unwrap_or_else(|| {
            self.keys.push(None);
            self.words.push(Sparse::default());
            self.keys.len() as u32 - 1
        });
        for &(term, weight) in vectors.words.entries() {
            if self.postings.len() <= term as usize {
                self.postings.resize_with(term as usize + 1, Vec::new);
            }
            self.postings[term as usize].push((row, weight));
        }
        self.embeddings.set(row as usize, &vectors.embedding);
        let embedded = self.has_embedding(row);
        if let Some(lists) = self.lists.as_mut().filter(|_| embedded) {
            lists.insert(row, &vectors.embedding);
        }
        self.words[row as usize] = vectors.words;
        self.keys[row as usize] = Some(key.clone());
        self.slots.insert(key, row);
    }

    /// `false` when there was no such product.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(row) = self.slots.remove(key) else { return false };
        self.keys[row as usize] = None;
        let embedded = self.has_embedding(row);
        if let Some(lists) = self.lists.as_mut().filter(|_| embedded) {
            lists.remove(row, self.embeddings.get(row as usize));
        }
        self.embeddings.set(row as usize, &[]);
        for (term, _) in std::mem::take(&mut self.words[row as usize]).entries() {
            self.postings[*term as usize].retain(|posting| posting.0 != row);
        }
        self.free.push(row);
        true
    }

    /// Files the embeddings in lists, so that searches become approximate, and faster from [`EXACT_UP_TO`] products on. Later products
    /// are filed as they come; worth doing anew when they have doubled.
    pub fn partition(&mut self) {
        let live: Vec<u32> = self.slots.values().copied().filter(|&row| self.has_embedding(row)).collect();
        self.lists = Lists::build(&self.embeddings, live);
    }

    /// Exact again.
    pub fn scan_only(&mut self) {
        self.lists = None;
    }

    fn has_embedding(&self, row: u32) -> bool {
        self.embeddings.get(row as usize).iter().any(|&x| x != 0.0)
    }

    /// The vectors that a product was inserted with.
    pub fn vectors(&self, key: &K) -> Option<Vectors> {
        let row = *self.slots.get(key)? as usize;
        Some(Vectors { embedding: self.embeddings.get(row).to_vec(), words: self.words[row].clone() })
    }

    /// Of a text and a product; `None` when there is no such product.
    pub fn similarity(&self, query: &Vectors, key: &K) -> Option<f32> {
        Some(self.similarity_to(query, *self.slots.get(key)?))
    }

    /// The middle of a text and its `n` nearest products (average query expansion, Chum et al. 2007): what is searched by it is more often of the
    /// same kind, and less often the same product, than what is searched by the text alone.
    pub fn expanded(&self, query: &Vectors, n: usize, allowed: impl Fn(&K) -> bool) -> Vectors {
        let (mut embedding, mut words) = (query.embedding.clone(), FxHashMap::<u32, f32>::default());
        words.extend(query.words.entries().iter().copied());
        for Neighbour { key, .. } in self.neighbours(query, n, allowed) {
            let row = self.slots[&key] as usize;
            embedding.iter_mut().zip(self.embeddings.get(row)).for_each(|(sum, x)| *sum += x);
            self.words[row].entries().iter().for_each(|(term, weight)| *words.entry(*term).or_default() += weight);
        }
        normalize(&mut embedding);
        Vectors { embedding, words: Sparse::new(words.into_iter().collect()).scaled_to(1.0) }
    }

    /// The `n` most similar products that `allowed` lets pass, best first; equals in the order of insertion.
    ///
    /// The filter is asked inside the search, so it never leaves fewer than there are.
    pub fn neighbours(&self, query: &Vectors, n: usize, allowed: impl Fn(&K) -> bool) -> Vec<Neighbour<K>> {
        self.neighbours_by(query, 1.0, n, |key| allowed(key).then_some(0.0))
    }

    /// As [`Nearest::neighbours`] by `share · similarity + judge(product)`; a judge gives 0 to 1 − `share`, or `None` to whom it does not let pass.
    ///
    /// A scan asks it only about products that could be among the best.
    pub fn neighbours_by(
        &self,
        query: &Vectors,
        share: f32,
        n: usize,
        judge: impl Fn(&K) -> Option<f32>,
    ) -> Vec<Neighbour<K>> {
        if n == 0 {
            return Vec::new();
        }
        let judge = |row: u32| judge(self.keys[row as usize].as_ref()?);
        let through_lists = self.lists.as_ref().filter(|_| share > 0.0 && self.embedding_share(query) > 0.0);
        let best = through_lists.map(|lists| self.search(lists, query, share, n, judge));
        // Too few near ones pass the filter: then all are asked.
        let full = best.filter(|best| best.is_full());
        self.ranked(full.unwrap_or_else(|| self.scan(&self.similarities(query), share, n, judge)))
    }

    /// The neighbours of many texts at once, exact; `allowed` is told the number of the query. Embeddings are read once for a block of queries.
    pub fn neighbours_of_many(
        &self,
        queries: &[Vectors],
        n: usize,
        allowed: impl Fn(usize, &K) -> bool + Sync,
    ) -> Vec<Vec<Neighbour<K>>>
    where
        K: Send + Sync,
    {
        if self.is_empty() {
            return vec![Vec::new(); queries.len()];
        }
        let packed = (self.embedding_weight > 0.0).then(|| self.embeddings.packed());
        let block = (SCORES / self.keys.len()).clamp(1, 256);
        let mut found = Vec::with_capacity(queries.len());
        for (number, queries) in queries.chunks(block).enumerate() {
            let mut scores = vec![0.0; queries.len() * self.keys.len()];
            if let Some(packed) = &packed {
                let padded = queries.iter().flat_map(|query| self.embeddings.padded(&query.embedding));
                packed.products(&padded.collect::<Vec<f32>>(), &mut scores);
            }
            let rows = scores.par_chunks_mut(self.keys.len()).zip(queries).enumerate();
            found.par_extend(rows.map(|(i, (scores, query))| {
                self.add_words(query, scores);
                let judge = |row: u32| allowed(number * block + i, self.keys[row as usize].as_ref()?).then_some(0.0);
                self.ranked(self.scan(scores, 1.0, n, judge))
            }));
        }
        found
    }

    /// Over all rows; `similarities` has one for each.
    fn scan(&self, similarities: &[f32], share: f32, n: usize, judge: impl Fn(u32) -> Option<f32>) -> Best {
        let mut best = Best::new(n);
        for (row, similarity) in similarities.iter().enumerate() {
            let (row, by_text) = (row as u32, share * similarity);
            if best.admits(row, by_text + (1.0 - share))
                && let Some(rest) = judge(row)
            {
                best.push(row, by_text + rest);
            }
        }
        best
    }

    /// Over the candidates by meaning and by words, each found by its part alone, then all of them by the whole.
    fn search(&self, lists: &Lists, query: &Vectors, share: f32, n: usize, judge: impl Fn(u32) -> Option<f32>) -> Best {
        let by_meaning = self.by_meaning(lists, query, share, CANDIDATES * n, &judge);
        let by_words = self.by_rare_words(query, share, CANDIDATES * n, &judge);
        let mut rows: Vec<u32> = by_meaning.rows().chain(by_words.rows()).collect();
        rows.sort_unstable();
        rows.dedup();
        let mut best = Best::new(n);
        for row in rows {
            let rest = judge(row).expect("a candidate has passed");
            best.push(row, share * self.similarity_to(query, row) + rest);
        }
        best
    }

    /// The best of the lists nearest to the query, until [`COMPARED`] rows have passed the filter.
    fn by_meaning(
        &self,
        lists: &Lists,
        query: &Vectors,
        share: f32,
        n: usize,
        judge: impl Fn(u32) -> Option<f32>,
    ) -> Best {
        let share = share * self.embedding_share(query);
        let padded = self.embeddings.padded(&query.embedding);
        let (mut best, mut n_compared, mut dots) = (Best::new(n), 0, Vec::new());
        for members in lists.nearest_first(&query.embedding) {
            let passed = members.iter().filter_map(|&row| Some((row, judge(row)?)));
            let (rows, rests): (Vec<u32>, Vec<f32>) = passed.unzip();
            self.embeddings.dots_of(&rows, &padded, &mut dots);
            rows.iter().zip(&rests).zip(&dots).for_each(|((&row, rest), dot)| best.push(row, share * dot + rest));
            n_compared += rows.len();
            if n_compared >= COMPARED {
                break;
            }
        }
        best
    }

    /// The best by the rarest terms of the query, until [`POSTINGS_READ`] entries are read.
    fn by_rare_words(&self, query: &Vectors, share: f32, n: usize, judge: impl Fn(u32) -> Option<f32>) -> Best {
        let share = share * (1.0 - self.embedding_share(query));
        let postings = |term: u32| self.postings.get(term as usize).map_or(&[][..], Vec::as_slice);
        let mut terms: Vec<(&[(u32, f32)], f32)> =
            query.words.entries().iter().map(|&(term, weight)| (postings(term), weight)).collect();
        terms.sort_by_key(|(postings, _)| postings.len());
        let (mut scores, mut n_read) = (FxHashMap::<u32, f32>::default(), 0);
        for (postings, weight) in terms {
            n_read += postings.len();
            if n_read > POSTINGS_READ {
                break;
            }
            postings.iter().for_each(|(row, other)| *scores.entry(*row).or_default() += share * weight * other);
        }
        let mut best = Best::new(n);
        for (row, score) in scores {
            if let Some(rest) = judge(row) {
                best.push(row, score + rest);
            }
        }
        best
    }

    fn ranked(&self, best: Best) -> Vec<Neighbour<K>> {
        best.into_ranked().into_iter().map(|(row, similarity)| self.neighbour(row, similarity)).collect()
    }

    fn neighbour(&self, row: u32, similarity: f32) -> Neighbour<K> {
        Neighbour { key: self.keys[row as usize].clone().expect("candidates are products"), similarity }
    }

    /// Of the embeddings in a similarity to this query.
    fn embedding_share(&self, query: &Vectors) -> f32 {
        if query.embedding.is_empty() { 0.0 } else { self.embedding_weight }
    }

    fn similarity_to(&self, query: &Vectors, row: u32) -> f32 {
        let share = self.embedding_share(query);
        let dot: f32 = self.embeddings.get(row as usize).iter().zip(&query.embedding).map(|(x, y)| x * y).sum();
        share * dot + (1.0 - share) * query.words.dot(&self.words[row as usize])
    }

    /// One for each row.
    fn similarities(&self, query: &Vectors) -> Vec<f32> {
        let mut scores = vec![0.0; self.keys.len()];
        if self.embedding_share(query) > 0.0 {
            self.embeddings.dots(&query.embedding, &mut scores);
        }
        self.add_words(query, &mut scores);
        scores
    }

    /// `scores` has the cosines of the embeddings and gets the similarities.
    fn add_words(&self, query: &Vectors, scores: &mut [f32]) {
        let share = self.embedding_share(query);
        scores.iter_mut().for_each(|score| *score *= share);
        for &(term, weight) in query.words.entries() {
            for &(row, other) in self.postings.get(term as usize).into_iter().flatten() {
                scores[row as usize] += (1.0 - share) * weight * other;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 300 products with 20 numbers and 5 of 40 terms each, pseudo-random.
    fn products() -> Vec<Vectors> {
        let mut state = 7u64;
        let mut random = move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        let unit = |mut x: Vec<f32>| {
            let norm = x.iter().map(|x| x * x).sum::<f32>().sqrt();
            x.iter_mut().for_each(|x| *x /= norm);
            x
        };
        let mut product = || Vectors {
            embedding: unit((0..20).map(|_| random() - 0.5).collect()),
            words: Sparse::new((0..5).map(|i| (i * 8 + (random() * 8.0) as u32, random())).collect()).scaled_to(1.0),
        };
        (0..300).map(|_| product()).collect()
    }

    fn similarity(a: &Vectors, b: &Vectors, weight: f32) -> f32 {
        let dot: f32 = a.embedding.iter().zip(&b.embedding).map(|(x, y)| x * y).sum();
        weight * dot + (1.0 - weight) * a.words.dot(&b.words)
    }

    /// By the definition, over all products.
    fn expected(products: &[(usize, &Vectors)], query: &Vectors, weight: f32, n: usize) -> Vec<usize> {
        let mut ranked: Vec<_> = products.iter().map(|(key, p)| (*key, similarity(query, p, weight))).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.into_iter().take(n).map(|(key, _)| key).collect()
    }

    /// An index of these products that scans and one that searches through lists: the rest of this module holds for both.
    fn both_kinds(products: &[Vectors], weight: f32) -> [Nearest<usize>; 2] {
        let mut scanned = Nearest::new(products[0].embedding.len(), weight);
        products.iter().enumerate().for_each(|(key, product)| scanned.insert(key, product.clone()));
        let mut filed = scanned.clone();
        filed.partition();
        [scanned, filed]
    }

    fn keys(found: &[Neighbour<usize>]) -> Vec<usize> {
        found.iter().map(|found| found.key).collect()
    }

    #[test]
    fn neighbours_are_those_of_the_definition_with_and_without_filter() {
        let products = products();
        let all: Vec<_> = products.iter().enumerate().collect();
        let odd: Vec<_> = all.iter().copied().filter(|(key, _)| key % 2 == 1).collect();
        for nearest in both_kinds(&products, 0.6) {
            let together = nearest.neighbours_of_many(&products[..20], 10, |_, key| key % 2 == 1);
            for (query, together) in products[..20].iter().zip(together) {
                assert_eq!(keys(&nearest.neighbours(query, 10, |_| true)), expected(&all, query, 0.6, 10));
                assert_eq!(keys(&nearest.neighbours(query, 10, |key| key % 2 == 1)), expected(&odd, query, 0.6, 10));
                assert_eq!(keys(&together), expected(&odd, query, 0.6, 10));
                assert_eq!(nearest.neighbours(query, 500, |_| true).len(), 300);
                let words = Vectors { embedding: Vec::new(), ..query.clone() };
                assert_eq!(keys(&nearest.neighbours(&words, 3, |_| true)), expected(&all, query, 0.0, 3));
            }
        }
        assert_eq!(Nearest::<usize>::new(20, 0.6).neighbours_of_many(&products[..2], 3, |_, _| true), [vec![], vec![]]);
    }

    #[test]
    fn what_a_judge_gives_is_added_and_whom_it_refuses_is_left_out() {
        let products = products();
        let rest = |key: usize| (!key.is_multiple_of(3)).then_some(if key.is_multiple_of(7) { 0.5 } else { 0.0 });
        for nearest in both_kinds(&products, 0.6) {
            for query in &products[..20] {
                let score = |key: usize| Some((key, 0.5 * similarity(query, &products[key], 0.6) + rest(key)?));
                let mut ranked: Vec<_> = (0..300).filter_map(score).collect();
                ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                let wanted: Vec<usize> = ranked[..10].iter().map(|(key, _)| *key).collect();
                assert_eq!(keys(&nearest.neighbours_by(query, 0.5, 10, |&key| rest(key))), wanted);
            }
        }
    }

    #[test]
    fn an_expanded_text_is_the_middle_of_its_neighbours() {
        let products = products();
        let [nearest, _] = both_kinds(&products, 0.6);
        let wanted = keys(&nearest.neighbours(&products[0], 3, |key| *key != 0));
        let expanded = nearest.expanded(&products[0], 3, |key| *key != 0);
        // As far from each of the four as the sum of the four is, but for its length.
        let four = || wanted.iter().chain([&0]).map(|&key| &products[key]);
        let sum: f32 = four().flat_map(|a| four().map(|b| similarity(a, b, 1.0))).sum();
        let words: f32 = four().flat_map(|a| four().map(|b| similarity(a, b, 0.0))).sum();
        let (by_meaning, by_words): (f32, f32) = four()
            .map(|a| (similarity(a, &expanded, 1.0), similarity(a, &expanded, 0.0)))
            .fold((0.0, 0.0), |s, x| (s.0 + x.0, s.1 + x.1));
        assert!((by_meaning - sum.sqrt()).abs() < 1e-4 && (by_words - words.sqrt()).abs() < 1e-4);
        assert_eq!(nearest.expanded(&products[0], 0, |_| true).embedding, products[0].embedding);
    }

    #[test]
    fn replaced_and_removed_products_leave_nothing_behind() {
        let products = products();
        let now = |key: usize| if key < 150 { key - 100 } else { key };
        let mut fresh = Nearest::new(20, 0.6);
        (100..300).for_each(|key| fresh.insert(key, products[now(key)].clone()));
        for mut nearest in both_kinds(&products, 0.6) {
            for key in 0..100 {
                assert!(nearest.remove(&key));
                assert!(!nearest.remove(&key));
            }
            (100..150).for_each(|key| nearest.insert(key, products[now(key)].clone()));
            assert_eq!(nearest.len(), 200);
            for query in &products[..50] {
                let (found, wanted) = (nearest.neighbours(query, 20, |_| true), fresh.neighbours(query, 20, |_| true));
                assert_eq!(keys(&found), keys(&wanted));
            }
            assert_eq!(nearest.vectors(&120).as_ref(), Some(&products[20]));
        }
    }

    /// More products than a search compares, in 300 groups: what lists cost, and that a rare filter costs nothing.
    #[test]
    fn lists_find_nearly_all_and_a_rare_filter_all() {
        let base = products();
        let near = |key: usize| {
            let (group, noise) = (&base[key % 300].embedding, &base[(key * 7 + key / 300) % 300].embedding);
            let mut embedding: Vec<f32> = group.iter().zip(noise).map(|(x, y)| x + 0.4 * y).collect();
            normalize(&mut embedding);
            Vectors { embedding, words: Sparse::default() }
        };
        let products: Vec<Vectors> = (0..3 * COMPARED).map(near).collect();
        let [scanned, filed] = both_kinds(&products, 1.0);
        let (mut n_found, mut n_wanted) = (0, 0);
        for query in products.iter().step_by(1999) {
            let wanted = keys(&scanned.neighbours(query, 10, |_| true));
            let found = keys(&filed.neighbours(query, 10, |_| true));
            n_wanted += wanted.len();
            n_found += found.iter().filter(|&key| wanted.contains(key)).count();
            let rare = |key: &usize| key.is_multiple_of(101);
            let (found, wanted) = (filed.neighbours(query, 10, rare), scanned.neighbours(query, 10, rare));
            assert_eq!(keys(&found), keys(&wanted));
        }
        assert!(n_found * 100 >= n_wanted * 95, "{n_found} of {n_wanted}");
    }
}
