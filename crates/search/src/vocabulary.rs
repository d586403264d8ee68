//! The words of the catalogue, and which of them a mistyped or unfinished word may stand for.
//!
//! Words are compared as shoppers type them, in lower case without accents, not by their stems: a typo changes where a stem is cut. The
//! Levenshtein automaton of a word (Schulz and Mihov, 2002; a swap of neighbours is one edit) walks the sorted list, and words with a prefix
//! that is already too far are skipped together.

use std::{cmp::Reverse, sync::LazyLock};

use levenshtein_automata::{DFA, Distance, LevenshteinAutomatonBuilder, SINK_STATE};
use rustc_hash::FxHashMap;

use crate::document::Words;

/// A word of the catalogue.
#[derive(Clone)]
pub struct Entry {
    /// Lower case, without accents.
    folded: Box<str>,
    pub stem: Box<str>,
    /// As the first product had it that brought the word, in lower case.
    pub shown: Box<str>,
    /// Products that have it.
    pub count: u32,
}

/// What is counted while the catalogue changes.
#[derive(Default)]
pub struct Counting {
    entries: Vec<Entry>,
    by_folded: FxHashMap<Box<str>, u32>,
}

impl Counting {
    /// Counts a product's words in; the answer takes them out again.
    pub fn add(&mut self, words: &Words) -> Box<[u32]> {
        let mut ids: Vec<u32> = words.iter().map(|word| self.id(&word.surface, &word.stem)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.iter().for_each(|id| self.entries[*id as usize].count += 1);
        ids.into()
    }

    pub fn remove(&mut self, ids: &[u32]) {
        ids.iter().for_each(|id| self.entries[*id as usize].count -= 1);
    }

    fn id(&mut self, surface: &str, stem: &str) -> u32 {
        let folded = fold(surface);
        if let Some(id) = self.by_folded.get(folded.as_str()) {
            return *id;
        }
        let id = self.entries.len() as u32;
        let folded: Box<str> = folded.into();
        self.entries.push(Entry {
            folded: folded.clone(),
            stem: stem.into(),
            shown: surface.to_lowercase().into(),
            count: 0,
        });
        self.by_folded.insert(folded, id);
        id
    }

    pub fn freeze(&self) -> Vocabulary {
        let mut sorted: Vec<Entry> = self.entries.iter().filter(|entry| entry.count > 0).cloned().collect();
        sorted.sort_unstable_by(|left, right| left.folded.cmp(&right.folded));
        let mut stems: FxHashMap<Box<str>, u32> = FxHashMap::default();
        for entry in &sorted {
            *stems.entry(entry.stem.clone()).or_default() += entry.count;
        }
        Vocabulary { sorted, stems }
    }
}

/// The words at one moment.
#[derive(Default)]
pub struct Vocabulary {
    sorted: Vec<Entry>,
    stems: FxHashMap<Box<str>, u32>,
}

impl Vocabulary {
    /// How often a stem stands in products; 0 when the catalogue does not have it.
    pub fn count(&self, stem: &str) -> u32 {
        self.stems.get(stem).copied().unwrap_or(0)
    }

    /// Words that begin so, the most frequent first.
    pub fn completions(&self, prefix: &str, n: usize) -> Vec<&Entry> {
        let start = self.sorted.partition_point(|entry| &*entry.folded < prefix);
        let mut found: Vec<&Entry> =
            self.sorted[start..].iter().take_while(|entry| entry.folded.starts_with(prefix)).collect();
        found.sort_by_key(|entry| Reverse(entry.count));
        found.truncate(n);
        found
    }

    /// Words at most as far from `word` as its length allows, with their distance: nearest first, then those that begin alike (people seldom
    /// mistype the first letter), then the most frequent.
    pub fn near(&self, word: &str, n: usize) -> Vec<(u8, &Entry)> {
        let Some(automaton) = automaton(word) else { return Vec::new() };
        let mut found = Walk::new(&automaton).through(&self.sorted);
        found.retain(|(distance, _)| *distance > 0);
        let begins_otherwise = |entry: &Entry| entry.folded.chars().next() != word.chars().next();
        found.sort_by_key(|(distance, entry)| (*distance, begins_otherwise(entry), Reverse(entry.count)));
        found.truncate(n);
        found
    }
}

/// As words are compared: lower case, no accents.
pub fn fold(surface: &str) -> String {
    text::words::plain(surface)
}

/// Edits that a word of this length may be from the one that was meant. Short words and numbers have too many neighbours that mean something
/// else.
fn edits(word: &str) -> u8 {
    match word.chars().count() {
        _ if word.bytes().any(|byte| byte.is_ascii_digit()) => 0,
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

/// Longer words are no words, and their automata grow with them.
const LETTERS_MAX: usize = 32;

fn automaton(word: &str) -> Option<DFA> {
    static ONE: LazyLock<LevenshteinAutomatonBuilder> = LazyLock::new(|| LevenshteinAutomatonBuilder::new(1, true));
    static TWO: LazyLock<LevenshteinAutomatonBuilder> = LazyLock::new(|| LevenshteinAutomatonBuilder::new(2, true));
    match edits(word) {
        _ if word.chars().count() > LETTERS_MAX => None,
        0 => None,
        1 => Some(ONE.build_dfa(word)),
        _ => Some(TWO.build_dfa(word)),
    }
}

/// An automaton on its way through sorted words, with its state after each byte of the current one.
struct Walk<'a> {
    automaton: &'a DFA,
    states: Vec<u32>,
}

impl<'a> Walk<'a> {
    fn new(automaton: &'a DFA) -> Self {
        Self { automaton, states: vec![automaton.initial_state()] }
    }

    fn through(mut self, sorted: &[Entry]) -> Vec<(u8, &Entry)> {
        let mut found = Vec::new();
        let mut at = 0;
        let mut before: &[u8] = &[];
        while let Some(entry) = sorted.get(at) {
            let word = entry.folded.as_bytes();
            let shared = before.iter().zip(word).take_while(|(left, right)| left == right).count();
            self.states.truncate(shared + 1);
            match self.follow(word) {
                Ok(Distance::Exact(distance)) => found.push((distance, entry)),
                Ok(Distance::AtLeast(_)) => {}
                Err(dead) => {
                    // No word with this prefix can come near any more.
                    let prefix = &word[..dead];
                    at += sorted[at..].partition_point(|other| other.folded.as_bytes().starts_with(prefix));
                    before = prefix;
                    continue;
                }
            }
            before = word;
            at += 1;
        }
        found
    }

    /// The distance of `word`, or the length of its shortest prefix that is too far already.
    fn follow(&mut self, word: &[u8]) -> Result<Distance, usize> {
        for length in self.states.len()..=word.len() {
            let state = self.automaton.transition(self.states[length - 1], word[length - 1]);
            if state == SINK_STATE {
                return Err(length);
            }
            self.states.push(state);
        }
        Ok(self.automaton.distance(self.states[word.len()]))
    }
}
