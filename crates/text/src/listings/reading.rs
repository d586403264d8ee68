//! What a name says besides its plain words.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use rustc_hash::FxHashSet;

use crate::words::{self, Language};

#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Stems that tell products of a family apart, of each [`Kind`].
    particulars: [BTreeSet<String>; Kind::N],
    /// Words as they are written, in lower case without accents.
    words: BTreeSet<String>,
    /// What a cut left of the last word.
    fragment: Option<String>,
}

impl Reading {
    pub fn of(name: &str, stems: &[String]) -> Self {
        let mut reading = Self::default();
        for stem in stems {
            if let Some(kind) = Kind::of(stem) {
                reading.particulars[kind as usize].insert(stem.clone());
            }
        }
        let whole = uncut(name);
        reading.words = words::plain(whole).split(' ').map(str::to_owned).collect();
        let fragment = words::plain(&name[whole.len()..]);
        reading.fragment = fragment.split(' ').next().filter(|fragment| !fragment.is_empty()).map(str::to_owned);
        reading
    }

    /// Do both have numbers, or both codes, or both variants, that the other lacks? `1.5 L` and `3 L` do.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.particulars.iter().zip(&other.particulars).any(|(a, b)| !a.is_subset(b) && !b.is_subset(a))
    }

    /// Do both names end in the middle of a word that the other does not have?
    pub fn is_cut_apart(&self, other: &Self) -> bool {
        let (Some(a), Some(b)) = (&self.fragment, &other.fragment) else { return false };
        let begins =
            |fragment: &str, a: &Self, b: &Self| b.words.difference(&a.words).any(|word| word.starts_with(fragment));
        !(a.starts_with(b.as_str()) || b.starts_with(a.as_str()) || begins(a, self, other) || begins(b, other, self))
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A quantity, measure or size: `1500ml`, `42in`, `38`, `40x33x11`.
    Number,
    /// Of a model: `cn9678`, `390849`.
    Code,
    /// A colour, a size, or whom it is for.
    Variant,
}

/// Digits from which on a bare number is a model's.
const CODE_DIGITS: usize = 4;

impl Kind {
    const N: usize = 3;

    fn of(stem: &str) -> Option<Self> {
        let digits = stem.chars().filter(char::is_ascii_digit).count();
        let is_dimension = stem.starts_with(|c: char| c.is_ascii_digit())
            && stem.chars().all(|c| c.is_ascii_digit() || matches!(c, 'x' | '.' | ','));
        if digits == 0 {
            VARIANTS.contains(stem).then_some(Self::Variant)
        } else if digits == stem.len() {
            Some(if digits >= CODE_DIGITS { Self::Code } else { Self::Number })
        } else if is_dimension || words::is_measure(stem) || stem.len() < CODE_DIGITS {
            Some(Self::Number)
        } else {
            Some(Self::Code)
        }
    }
}

/// Of two names that differ in one of these, each is another variant.
static VARIANTS: LazyLock<FxHashSet<String>> = LazyLock::new(|| {
    const WORDS: &str = "negro negra blanco blanca rojo roja azul verde amarillo amarilla rosado rosada rosa gris plomo plomizo marrón beige
        morado morada lila naranja anaranjado celeste turquesa dorado dorada plateado plateada multicolor crema fucsia vino guinda camel
        nude coral mostaza marino aqua menta acero champagne cobre grafito melange transparente palo
        black white red blue green yellow pink grey gray brown purple orange silver gold navy ivory
        xs s m l xl xxl xxxl small medium large pequeño pequeña mediano mediana grande chico chica
        hombre mujer niño niña bebé dama caballero varón unisex adulto cachorro junior kids men women izquierdo derecho";
    stems(WORDS, Language::Spanish).into_iter().collect()
});

/// One language for all: names that differ in a word must not be stemmed by two rules.
pub(super) fn stems(name: &str, language: Language) -> Vec<String> {
    words::terms(name, language).into_iter().map(|term| term.stem).collect()
}

/// Does the name end where a feed cut it?
pub fn is_cut(name: &str) -> bool {
    let name = name.trim_end();
    name.ends_with("...") || name.ends_with('…')
}

/// Without the dots and the word that they cut.
pub fn uncut(name: &str) -> &str {
    if !is_cut(name) {
        return name;
    }
    let whole = name.trim_end().trim_end_matches(['.', '…']);
    whole.rfind(' ').map_or(whole, |space| &whole[..space])
}
