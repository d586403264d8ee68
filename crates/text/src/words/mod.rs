//! Terms of a text as search and TF-IDF see them.
//!
//! A text becomes lower-case words by Unicode's rules (UAX 29); stop words go, the rest is cut to its Snowball stem and loses its accents, in
//! this order because Spanish stems by its accents. Numbers with a unit become one term in base units: "1.5 L", "1,5 lt" and "1500ml" are all
//! `1500ml`. Markup is left out.

mod language;
mod measures;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

pub use language::Language;

/// No product says anything new after so many bytes; what follows is not read.
pub const LONGEST_TEXT: usize = 64 << 10;

/// A term and the words that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term<'a> {
    pub stem: String,
    /// As the text has it, for showing.
    pub surface: Cow<'a, str>,
}

/// The terms of `text` in its order; `language` decides over stems and stop words.
pub fn terms(text: &str, language: Language) -> Vec<Term<'_>> {
    let text = shortened(text);
    let stemmer = stemmer(language);
    let mut terms = Vec::new();
    let mut words = text.split_word_bound_indices().filter(|(_, word)| !is_blank(word)).peekable();
    while let Some((start, word)) = words.next() {
        if word == "<" && words.peek().is_some_and(|(_, next)| opens_tag(next)) {
            words.by_ref().find(|(_, word)| *word == ">");
            continue;
        }
        if let Some((number, unit)) = measures::split(word) {
            // The unit stands in the same word ("500gr") or in the next one ("1.5 L", 42").
            let (unit, end) = match (unit, words.peek()) {
                ("", Some(&(at, next))) if measures::is_unit(next) => {
                    words.next();
                    (next, at + next.len())
                }
                _ => (unit, start + word.len()),
            };
            terms.push(Term { stem: measures::canonical(number, unit), surface: text[start..end].into() });
        } else if word.chars().any(char::is_alphanumeric) {
            let lower = word.to_lowercase();
            if !is_stop_word(&lower, language) {
                terms.push(Term { stem: fold(&stemmer.stem(&lower)), surface: word.into() });
            }
        }
    }
    terms
}

/// Is this stem a number with its unit, such as `1500ml`?
pub(crate) fn is_measure(stem: &str) -> bool {
    measures::split(stem).is_some_and(|(_, unit)| !unit.is_empty())
}

/// `text` in lower case without accents and markup, single spaces between words: what character n-grams are cut from.
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut in_tag = false;
    for word in shortened(text).split_word_bounds() {
        match word {
            "<" => in_tag = true,
            ">" => in_tag = false,
            word if !in_tag && word.chars().any(char::is_alphanumeric) => {
                if !plain.is_empty() {
                    plain.push(' ');
                }
                plain.push_str(&fold(&word.to_lowercase()));
            }
            _ => {}
        }
    }
    plain
}

/// `text` with a space in place of each tag.
pub(crate) fn without_markup(text: &str) -> Cow<'_, str> {
    let (mut clean, mut rest) = (String::new(), text);
    while let Some((start, length)) = next_tag(rest) {
        clean.push_str(&rest[..start]);
        clean.push(' ');
        rest = &rest[start + length..];
    }
    if clean.is_empty() { text.into() } else { (clean + rest).into() }
}

/// Where the first tag starts and how long it is; a `<` that no `>` follows is none.
fn next_tag(text: &str) -> Option<(usize, usize)> {
    let opens = |after: &str| after.starts_with(|c: char| c.is_alphabetic() || c == '/' || c == '!');
    let (start, _) = text.match_indices('<').find(|(at, _)| opens(&text[at + 1..]))?;
    Some((start, text[start..].find('>')? + 1))
}

/// Without accents: `ñ` becomes `n`, as shoppers type it.
fn fold(word: &str) -> String {
    if word.is_ascii() { word.to_owned() } else { word.nfd().filter(|c| !is_combining_mark(*c)).collect() }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_TEXT)]
}

fn is_blank(word: &str) -> bool {
    word.chars().all(char::is_whitespace)
}

fn opens_tag(word: &str) -> bool {
    word == "/" || word == "!" || word.starts_with(char::is_alphabetic)
}

fn stemmer(language: Language) -> &'static Stemmer {
    static SPANISH: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::Spanish));
    static ENGLISH: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));
    static PORTUGUESE: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::Portuguese));
    match language {
        Language::Spanish => &SPANISH,
        Language::English => &ENGLISH,
        Language::Portuguese => &PORTUGUESE,
    }
}

fn is_stop_word(word: &str, language: Language) -> bool {
    type Words = HashSet<&'static str>;
    static SPANISH: LazyLock<Words> = LazyLock::new(|| stop_words("es"));
    static ENGLISH: LazyLock<Words> = LazyLock::new(|| stop_words("en"));
    static PORTUGUESE: LazyLock<Words> = LazyLock::new(|| stop_words("pt"));
    match language {
        Language::Spanish => SPANISH.contains(word),
        Language::English => ENGLISH.contains(word),
        Language::Portuguese => PORTUGUESE.contains(word),
    }
}

fn stop_words(code: &str) -> HashSet<&'static str> {
    stop_words::lookup(code).expect("the three languages have stop words").iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        terms(text, Language::Spanish).into_iter().map(|term| term.stem).collect()
    }

    #[test]
    fn plurals_accents_and_stop_words_do_not_tell_texts_apart() {
        assert_eq!(stems("Camiones para los NIÑOS"), stems("camión de niño"));
        assert_eq!(stems("Zapatillas"), stems("zapatilla"));
        assert_ne!(stems("zapatillas"), stems("zapatos"));
    }

    #[test]
    fn measures_are_one_term_in_base_units() {
        for same in ["1.5 L", "1,5 lt", "1.50 litros", "1500ml", "1,500 ML"] {
            assert_eq!(stems(same), ["1500ml"], "{same}");
        }
        for same in ["42 pulg", "42\"", "42 pulgadas", "42”"] {
            assert_eq!(stems(same), ["42in"], "{same}");
        }
        assert_eq!(stems("Arroz 0.5 kg x 6 un"), ["arroz", "500g", "6un"]);
        assert_eq!(stems("iPhone 15"), ["iphon", "15"]);
        assert_eq!(terms("Leche 1.5 L", Language::Spanish)[1].surface, "1.5 L");
    }

    #[test]
    fn any_text_has_terms_or_none() {
        assert_eq!(stems(""), Vec::<String>::new());
        assert_eq!(stems("🎁🎁 !!"), Vec::<String>::new());
        assert_eq!(stems("<p class=\"x\">Mesa <b>redonda</b></p>"), stems("mesa redonda"));
        assert_eq!(plain("<p class=\"x\">Mesa <b>Ñandú</b></p>"), "mesa nandu");
        assert_eq!(stems("a < b"), stems("a b"));
        assert!(!stems("冷蔵庫 холодильник ثلاجة").is_empty());
        assert!(stems(&"ñandú ".repeat(1 << 18)).len() <= LONGEST_TEXT);
    }
}
