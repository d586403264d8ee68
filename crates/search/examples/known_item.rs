//! Known-item search: a query is made of words of one product's name, and that product is to be found again.
//!
//! ```text
//! cargo run --release -p search --example known_item -- PRODUCTS.jsonl
//! ```
//!
//! A line of PRODUCTS is `{"title": …, "category": …}`. Queries are drawn by a seed; a typo swaps, drops, doubles or replaces one letter of a word of
//! at least four. The rank of a product among equals is the middle one.

use std::time::{Duration, Instant};

use domain::{Product, ProductId};
use search::Index;
use text::words::{Language, terms};

const QUERIES: usize = 2000;

fn main() {
    let path = std::env::args().nth(1).expect("wanted PRODUCTS.jsonl");
    let products: Vec<Product> =
        std::fs::read_to_string(path).expect("a readable file").lines().enumerate().map(read).collect();
    let index = Index::new(Language::Spanish).expect("an index");
    let start = Instant::now();
    index.sync(products.iter()).expect("indexed");
    println!("{} products indexed in {:.1} s", index.len(), start.elapsed().as_secs_f64());
    let mut changed = products.clone();
    changed[7].name += " nuevo";
    let start = Instant::now();
    index.sync(changed.iter()).expect("indexed");
    println!("one changed: {:.0} ms until it is found", start.elapsed().as_secs_f64() * 1e3);
    index.sync(products.iter()).expect("indexed");

    for (n_words, typo) in [(1, false), (2, false), (3, false), (2, true), (3, true)] {
        let mut rng = Rng(42 + n_words as u64);
        let mut figures = Figures::default();
        while figures.n < QUERIES {
            let target = &products[rng.below(products.len())];
            if let Some(query) = query(&mut rng, &target.name, n_words, typo) {
                figures.ask(&index, &query, target);
            }
        }
        println!("{n_words} words{}: {figures}", if typo { ", one mistyped" } else { "" });
    }
    let mut rng = Rng(7);
    let mut figures = Figures::default();
    while figures.n < QUERIES {
        let nonsense: String = (0..8).map(|_| (b'a' + rng.below(26) as u8) as char).collect();
        figures.ask(&index, &(nonsense + " "), &products[0]);
    }
    println!("nonsense: {figures}");
}

fn read((number, line): (usize, &str)) -> Product {
    let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let text = |name: &str| row[name].as_str().unwrap_or("?").to_owned();
    let id = ProductId::new(format!("p{number}")).expect("an id");
    Product { categories: vec![text("category")], ..Product::new(id, text("title")) }
}

fn query(rng: &mut Rng, name: &str, n_words: usize, typo: bool) -> Option<String> {
    let mut words: Vec<String> =
        terms(name, Language::Spanish).into_iter().map(|term| term.surface.into_owned()).collect();
    while words.len() > n_words {
        words.remove(rng.below(words.len()));
    }
    if words.len() < n_words {
        return None;
    }
    if typo {
        let long: Vec<usize> = (0..n_words)
            .filter(|at| words[*at].chars().count() >= 4 && words[*at].chars().all(char::is_alphabetic))
            .collect();
        let at = *long.get(rng.below(long.len().max(1)))?;
        words[at] = mistyped(rng, &words[at]);
    }
    // A space behind it: this is about finished words.
    Some(words.join(" ") + " ")
}

fn mistyped(rng: &mut Rng, word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = 1 + rng.below(letters.len() - 2);
    match rng.below(4) {
        0 => letters.swap(at, at + 1),
        1 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        _ => letters[at] = (b'a' + rng.below(26) as u8) as char,
    }
    letters.into_iter().collect()
}

#[derive(Default)]
struct Figures {
    n: usize,
    reciprocal: f64,
    in_ten: usize,
    empty: usize,
    took: Vec<Duration>,
}

impl Figures {
    fn ask(&mut self, index: &Index, query: &str, target: &Product) {
        let start = Instant::now();
        let found = index.search(query).expect("searched");
        self.took.push(start.elapsed());
        self.n += 1;
        self.empty += usize::from(found.hits.is_empty());
        let Some(own) = found.hits.iter().find(|hit| *found.product_id(hit) == target.product_id) else { return };
        let key = |hit: &search::Hit| (hit.matched, hit.score);
        let above = found.hits.iter().filter(|hit| key(hit) > key(own)).count();
        let equal = found.hits.iter().filter(|hit| key(hit) == key(own)).count() - 1;
        let rank = 1.0 + above as f64 + equal as f64 / 2.0;
        self.reciprocal += 1.0 / rank;
        self.in_ten += usize::from(rank <= 10.0);
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = self.n as f64;
        let mut took: Vec<f64> = self.took.iter().map(|took| took.as_secs_f64() * 1e3).collect();
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took[((n * share) as usize).min(self.n - 1)];
        let (mrr, in_ten, empty) = (self.reciprocal / n, self.in_ten as f64 / n, self.empty as f64 / n);
        write!(f, "MRR {mrr:.3}, in the first ten {in_ten:.3}, nothing found {empty:.3}")?;
        write!(f, "; p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", at(0.5), at(0.99), at(1.0))
    }
}

/// splitmix64
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}
