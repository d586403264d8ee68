//! What a review speaks of: families of keywords, found sentence by sentence.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::words::{self, LONGEST_TEXT, Language};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    Price,
    Delivery,
    Quality,
    Size,
}

impl Aspect {
    pub const ALL: [Self; 4] = [Self::Price, Self::Delivery, Self::Quality, Self::Size];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Delivery => "delivery",
            Self::Quality => "quality",
            Self::Size => "size",
        }
    }

    /// Words in Spanish and in English; all their forms with the same stem count.
    fn keywords(self) -> [&'static str; 2] {
        match self {
            Self::Price => [
                "precio caro cara barato barata baratísimo carísimo costo costó cuesta costoso económico oferta descuento ganga dinero plata soles",
                "price pricey expensive cheap cost costs affordable bargain discount overpriced money",
            ],
            Self::Delivery => [
                "entrega entregaron envío envio enviaron despacho despacharon delivery demora demoró demoraron tardó tardaron reparto \
                 repartidor courier paquete embalaje empaque llegó llegaron llego",
                "delivery delivered shipping shipped shipment courier package packaging arrive arrived dispatch",
            ],
            Self::Quality => [
                "calidad material materiales acabado acabados resistente durable duradero frágil defecto defectuoso falla fallado roto rota rompió \
                 rompe malogró malogrado descosió despegó original",
                "quality material sturdy durable flimsy fragile defect defective broke broken breaks faulty craftsmanship",
            ],
            Self::Size => [
                "talla tallas tamaño medida medidas grande pequeño pequeña chico chica ajustado holgado ancho angosto apretado",
                "size sizes sizing fit fits small large tight loose narrow wide",
            ],
        }
    }

    fn stems(self, language: Language) -> &'static HashSet<String> {
        type Families = [[HashSet<String>; 2]; 4];
        static STEMS: LazyLock<Families> = LazyLock::new(|| {
            Aspect::ALL.map(|aspect| {
                let [spanish, english] = aspect.keywords();
                [stems(spanish, Language::Spanish), stems(english, Language::English)]
            })
        });
        &STEMS[self as usize][usize::from(language == Language::English)]
    }
}

fn stems(text: &str, language: Language) -> HashSet<String> {
    words::terms(text, language).into_iter().map(|term| term.stem).collect()
}

/// The clauses of `text` that speak of an aspect, with the aspects that they speak of. Where a sentence turns ("bonito, pero llegó tarde"), two
/// clauses meet. `language` is that of texts whose own is in doubt; what is not English is read as Spanish.
pub fn mentions(text: &str, language: Language) -> Vec<(String, Vec<Aspect>)> {
    let text = words::without_markup(&text[..text.floor_char_boundary(LONGEST_TEXT)]);
    let language = match Language::detect(&text).unwrap_or(language) {
        Language::English => Language::English,
        Language::Spanish | Language::Portuguese => Language::Spanish,
    };
    let spoken_of = |clause: &str| {
        let stems = stems(clause, language);
        Aspect::ALL.into_iter().filter(|aspect| !aspect.stems(language).is_disjoint(&stems)).collect::<Vec<_>>()
    };
    let clauses = clauses(&text).into_iter().map(|clause| (spoken_of(&clause), clause));
    clauses.filter(|(aspects, _)| !aspects.is_empty()).map(|(aspects, clause)| (clause, aspects)).collect()
}

/// Words before which a sentence may turn against what it said.
const TURNS: [&str; 7] = ["pero", "aunque", "sino", "excepto", "but", "although", "however"];

fn clauses(text: &str) -> Vec<String> {
    let mut clauses = Vec::new();
    for sentence in text.unicode_sentences().flat_map(|sentence| sentence.split([';', '\n'])) {
        let mut clause = String::new();
        for word in sentence.split_whitespace() {
            let plain = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
            if TURNS.contains(&plain.as_str()) && !clause.is_empty() {
                clauses.push(std::mem::take(&mut clause));
            }
            clause.extend((!clause.is_empty()).then_some(' '));
            clause.push_str(word);
        }
        clauses.extend((!clause.is_empty()).then_some(clause));
    }
    clauses
}

#[cfg(test)]
mod tests {
    use super::Aspect::{Delivery, Price, Quality, Size};
    use super::*;

    fn aspects(text: &str) -> Vec<Vec<Aspect>> {
        mentions(text, Language::Spanish).into_iter().map(|(_, aspects)| aspects).collect()
    }

    #[test]
    fn each_clause_has_its_own_aspects() {
        let text = "Muy buena calidad y los precios son justos, pero el envío demoró tres semanas. Me encantó. La talla me queda chica";
        assert_eq!(aspects(text), [vec![Price, Quality], vec![Delivery], vec![Size]]);
        let found = mentions(text, Language::Spanish);
        assert_eq!(found[1].0, "pero el envío demoró tres semanas.");
    }

    #[test]
    fn spellings_and_languages() {
        assert_eq!(aspects("El envio fue rapido"), [[Delivery]], "without accents");
        assert_eq!(aspects("Baratas y BUENAS, la compra valió"), [[Price]]);
        let english = "The delivery was late and the box arrived broken, but it is cheap and the size is right for me";
        assert_eq!(aspects(english), [vec![Delivery, Quality], vec![Price, Size]]);
        for nothing in ["", "😍😍", "Me gusta mucho", "最高", "<a href='precio'>x</a>"] {
            assert!(aspects(nothing).is_empty(), "{nothing}");
        }
        assert!(aspects(&"precio ".repeat(1 << 18)).len() == 1);
    }
}
