//! From a shopper's text to what is looked for.

use text::words::{self, Language};

use crate::{
    document,
    vocabulary::{Entry, Vocabulary, fold},
};

/// Longer texts are no search; the caller refuses them.
pub const QUERY_BYTES_MAX: usize = 512;
/// Further words narrow nothing down and cost time.
pub const WORDS_MAX: usize = 12;
/// Catalogue words that one word may stand for.
const ALTERNATIVES_MAX: usize = 4;
/// A word that fewer products have may itself be mistyped there.
const RARE: u32 = 10;
/// Shorter beginnings say nothing.
const PREFIX_LETTERS_MIN: usize = 2;

/// What a word that is `edits` away counts beside the word itself; index 0 is a completed beginning.
const FAITH: [f32; 3] = [0.9, 0.6, 0.35];

/// A word that was read as another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    pub from: String,
    pub to: String,
}

/// One word of the query: any of the stems will do, each with its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub stems: Vec<(String, f32)>,
}

/// What is looked for.
#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    /// All of them, as far as the catalogue has them.
    pub words: Vec<Wanted>,
    pub corrected: Vec<Corrected>,
    /// Words that nothing in the catalogue comes near.
    pub unknown: Vec<String>,
    pub name_key: u64,
}

/// A word as it was typed.
struct Typed {
    stem: String,
    surface: String,
    /// The text may go on: the shopper is still typing this one.
    is_open: bool,
}

impl Plan {
    pub fn new(text: &str, language: Language, vocabulary: &Vocabulary) -> Self {
        let mut plan = Self::default();
        for word in typed(text, language) {
            plan.add(word, vocabulary);
        }
        plan.name_key = document::name_key(plan.words.iter().map(|wanted| wanted.stems[0].0.as_str()));
        plan
    }

    /// The word itself where the catalogue has it; else what it may be the beginning of, or a slip of.
    fn add(&mut self, word: Typed, vocabulary: &Vocabulary) {
        if vocabulary.count(&word.stem) > 0 {
            self.words.push(Wanted { stems: vec![(word.stem, 1.0)] });
            return;
        }
        let folded = fold(&word.surface);
        let completions = match word.is_open && folded.chars().count() >= PREFIX_LETTERS_MIN {
            true => vocabulary.completions(&folded, ALTERNATIVES_MAX),
            false => Vec::new(),
        };
        if !completions.is_empty() {
            self.words.push(wanted(completions.into_iter().map(|entry| (entry, FAITH[0]))));
            return;
        }
        let near = vocabulary.near(&folded, ALTERNATIVES_MAX);
        match near.first() {
            None => self.unknown.push(word.surface),
            Some((_, best)) => {
                self.corrected.push(Corrected { from: word.surface, to: best.shown.to_string() });
                self.words.push(wanted(near.iter().map(|(edits, entry)| (*entry, FAITH[usize::from(*edits)]))));
            }
        }
    }

    /// The same words, and what a rare one may be a slip of although the catalogue has it (sellers mistype too): for when few products have
    /// them all.
    pub fn widened(&self, text: &str, language: Language, vocabulary: &Vocabulary) -> Vec<Wanted> {
        let mut words = self.words.clone();
        for word in typed(text, language).into_iter().filter(|word| (1..RARE).contains(&vocabulary.count(&word.stem))) {
            let Some(known) = words.iter_mut().find(|known| known.stems[0].0 == word.stem) else { continue };
            for (edits, entry) in vocabulary.near(&fold(&word.surface), ALTERNATIVES_MAX) {
                if known.stems.iter().all(|(stem, _)| *stem != *entry.stem) {
                    known.stems.push((entry.stem.to_string(), FAITH[usize::from(edits)]));
                }
            }
        }
        words
    }
}

fn wanted<'a>(entries: impl Iterator<Item = (&'a Entry, f32)>) -> Wanted {
    let mut stems: Vec<(String, f32)> = Vec::new();
    for (entry, weight) in entries {
        if stems.iter().all(|(stem, _)| *stem != *entry.stem) {
            stems.push((entry.stem.to_string(), weight));
        }
    }
    Wanted { stems }
}

fn typed(text: &str, language: Language) -> Vec<Typed> {
    let text = &text[..text.floor_char_boundary(QUERY_BYTES_MAX)];
    let mut typed: Vec<Typed> = Vec::new();
    for term in words::terms(text, language) {
        if typed.len() < WORDS_MAX && typed.iter().all(|known| known.stem != term.stem) {
            typed.push(Typed { stem: term.stem, surface: term.surface.into_owned(), is_open: false });
        }
    }
    let open = text.chars().next_back().is_some_and(char::is_alphabetic);
    if let Some(last) = typed.last_mut().filter(|last| open && text.ends_with(&last.surface)) {
        last.is_open = true;
    } else if open && typed.is_empty() {
        // "de" is a stop word, and the beginning of "detergente".
        let last = fold(text).split(' ').next_back().unwrap_or_default().to_owned();
        typed.push(Typed { stem: String::new(), surface: last, is_open: true });
    }
    typed
}
