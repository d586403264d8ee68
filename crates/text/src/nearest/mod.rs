//! The products nearest to a text or to another product: exact, by a scan over all.
//!
//! A similarity is `w · cosine of embeddings + (1 − w) · cosine of TF-IDF`; without embeddings it is TF-IDF's alone. Embeddings stand in rows
//! that a SIMD scan reads; TF-IDF goes through postings, so only products that share a term with the query cost anything.
//! Up to some 200,000 products a scan takes milliseconds and is never wrong (`docs/decisions/0006-text-encoder.md`).

mod rows;

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::Sparse;
use rows::Rows;

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
        self.words[row as usize] = vectors.words;
        self.keys[row as usize] = Some(key.clone());
        self.slots.insert(key, row);
    }

    /// `false` when there was no such product.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(row) = self.slots.remove(key) else { return false };
        self.keys[row as usize] = None;
        self.embeddings.set(row as usize, &[]);
        for (term, _) in std::mem::take(&mut self.words[row as usize]).entries() {
            self.postings[*term as usize].retain(|posting| posting.0 != row);
        }
        self.free.push(row);
        true
    }

    /// The vectors that a product was inserted with.
    pub fn vectors(&self, key: &K) -> Option<Vectors> {
        let row = *self.slots.get(key)? as usize;
        Some(Vectors { embedding: self.embeddings.get(row).to_vec(), words: self.words[row].clone() })
    }

    /// Of a text to a product; `None` when there is no such product.
    pub fn similarity(&self, query: &Vectors, key: &K) -> Option<f32> {
        let row = *self.slots.get(key)? as usize;
        let by_meaning = if query.embedding.is_empty() { 0.0 } else { self.embedding_weight };
        let cosine: f32 = query.embedding.iter().zip(self.embeddings.get(row)).map(|(a, b)| a * b).sum();
        Some(by_meaning * cosine + (1.0 - by_meaning) * query.words.dot(&self.words[row]))
    }

    /// The `n` most similar products that `allowed` lets pass, best first; equals in the order of insertion.
    ///
    /// The filter is asked inside the search, and only about products that would be among the best, so it never leaves fewer than there are.
    pub fn neighbours(&self, query: &Vectors, n: usize, allowed: impl Fn(&K) -> bool) -> Vec<Neighbour<K>> {
        let scores = self.similarities(query);
        let mut best = BinaryHeap::with_capacity(n + 1);
        for (row, key) in self.keys.iter().enumerate() {
            let candidate = Candidate { similarity: scores[row], row };
            let Some(key) = key else { continue };
            if (best.len() < n || best.peek().is_some_and(|worst| candidate < *worst)) && allowed(key) {
                best.push(candidate);
                if best.len() > n {
                    best.pop();
                }
            }
        }
        let key = |row: usize| self.keys[row].clone().expect("candidates are products");
        let ranked = best.into_sorted_vec().into_iter();
        ranked.map(|Candidate { similarity, row }| Neighbour { key: key(row), similarity }).collect()
    }

    /// One for each row.
    fn similarities(&self, query: &Vectors) -> Vec<f32> {
        let by_meaning = if query.embedding.is_empty() { 0.0 } else { self.embedding_weight };
        let mut scores = vec![0.0; self.keys.len()];
        if by_meaning > 0.0 {
            self.embeddings.dots(&query.embedding, &mut scores);
            scores.iter_mut().for_each(|score| *score *= by_meaning);
        }
        for &(term, weight) in query.words.entries() {
            for &(row, other) in self.postings.get(term as usize).into_iter().flatten() {
                scores[row as usize] += (1.0 - by_meaning) * weight * other;
            }
        }
        scores
    }
}

/// Ordered so that the greatest is the worst: the one that a better candidate pushes out of a heap.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    similarity: f32,
    row: usize,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        other.similarity.total_cmp(&self.similarity).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
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

    #[test]
    fn neighbours_are_those_of_the_definition_with_and_without_filter() {
        let products = products();
        let mut nearest = Nearest::new(20, 0.6);
        products.iter().enumerate().for_each(|(key, product)| nearest.insert(key, product.clone()));
        let all: Vec<_> = products.iter().enumerate().collect();
        let odd: Vec<_> = all.iter().copied().filter(|(key, _)| key % 2 == 1).collect();
        for query in &products[..20] {
            let keys = |found: Vec<Neighbour<usize>>| found.into_iter().map(|found| found.key).collect::<Vec<_>>();
            assert_eq!(keys(nearest.neighbours(query, 10, |_| true)), expected(&all, query, 0.6, 10));
            assert_eq!(keys(nearest.neighbours(query, 10, |key| key % 2 == 1)), expected(&odd, query, 0.6, 10));
            assert_eq!(nearest.neighbours(query, 500, |_| true).len(), 300);
            let words = Vectors { embedding: Vec::new(), ..query.clone() };
            assert_eq!(keys(nearest.neighbours(&words, 3, |_| true)), expected(&all, query, 0.0, 3));
        }
    }

    #[test]
    fn replaced_and_removed_products_leave_nothing_behind() {
        let products = products();
        let mut nearest = Nearest::new(20, 0.6);
        products.iter().enumerate().for_each(|(key, product)| nearest.insert(key, product.clone()));
        for key in 0..100 {
            assert!(nearest.remove(&key));
            assert!(!nearest.remove(&key));
        }
        for key in 100..150 {
            nearest.insert(key, products[key - 100].clone());
        }
        let mut fresh = Nearest::new(20, 0.6);
        (100..300).for_each(|key| fresh.insert(key, products[if key < 150 { key - 100 } else { key }].clone()));
        assert_eq!(nearest.len(), 200);
        for query in &products[..50] {
            assert_eq!(nearest.neighbours(query, 20, |_| true), fresh.neighbours(query, 20, |_| true));
        }
        assert_eq!(nearest.vectors(&120).as_ref(), Some(&products[20]));
    }
}
