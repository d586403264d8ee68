//! How a slate came about: what was found by which source, what kept a product off, what rules did. For whoever asks "why this one?", or "why not
//! that one?".

use domain::{ProductId, ScorePart, Slate};
use serde::{Deserialize, Serialize};

use crate::{
    Snapshot,
    filters::Refusal,
    rerank::{Candidate, part},
};

/// Candidates without a place, and refused products, that are told of.
const LEFT_MAX: usize = 100;
const REFUSED_MAX: usize = 100;

/// What the steps left behind, in the numbers of their snapshot: cheap to keep while the slate is answered.
#[derive(Debug, Default)]
pub struct Trail {
    pub(crate) chosen: Vec<Candidate>,
    pub(crate) left: Vec<Candidate>,
    pub(crate) refused: Vec<(u32, Refusal)>,
}

/// The story of one slate. It names no person: whose it was only the event log knows, until it forgets them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    pub slate: Slate,
    /// The products of the slate in its order, then the best of those that found no place.
    pub candidates: Vec<Traced>,
    /// Candidates without a place beyond those that are told of.
    pub more_candidates: usize,
    pub refused: Vec<Refused>,
}

/// A product that passed all filters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traced {
    pub product_id: ProductId,
    /// From 1; `None` for what found no place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u16>,
    pub source: String,
    pub score: f32,
    /// Named shares that add up to the score: sources, rules, value.
    pub parts: Vec<ScorePart>,
}

/// A product that a filter or a rule kept off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub product_id: ProductId,
    pub by: String,
}

/// What became of one product.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Shown {
        position: u16,
        score: f32,
    },
    /// It passed, and others were better: those that have places score down to `last_shown`.
    Outranked {
        score: f32,
        last_shown: Option<f32>,
    },
    Refused {
        by: String,
    },
    /// No source of the plan found it among its best.
    NotFound,
}

impl Trail {
    /// In words; `snapshot` is the one that the slate was made from.
    pub fn trace(self, snapshot: &Snapshot, slate: Slate) -> Trace {
        let traced = |candidate: &Candidate, position: Option<u16>| {
            let parts = candidate.parts.iter().map(|one| part(snapshot, *one));
            let own =
                ScorePart { name: candidate.source.as_str().to_owned(), value: candidate.score, seed_product_id: None };
            Traced {
                product_id: snapshot.id(candidate.number).clone(),
                position,
                source: candidate.source.as_str().to_owned(),
                score: candidate.score,
                parts: if candidate.parts.is_empty() { vec![own] } else { parts.collect() },
            }
        };
        let Self { chosen, mut left, refused } = self;
        left.sort_by(|a, b| b.score.total_cmp(&a.score));
        let places = chosen.iter().enumerate().map(|(at, candidate)| traced(candidate, Some(at as u16 + 1)));
        let others = left.iter().take(LEFT_MAX).map(|candidate| traced(candidate, None));
        let refused = refused.into_iter().take(REFUSED_MAX);
        Trace {
            slate,
            candidates: places.chain(others).collect(),
            more_candidates: left.len().saturating_sub(LEFT_MAX),
            refused: refused
                .map(|(number, why)| Refused { product_id: snapshot.id(number).clone(), by: why.name(snapshot) })
                .collect(),
        }
    }
}

impl Trace {
    /// Why this product, or why not?
    pub fn verdict(&self, id: &ProductId) -> Verdict {
        if let Some(candidate) = self.candidates.iter().find(|candidate| candidate.product_id == *id) {
            return match candidate.position {
                Some(position) => Verdict::Shown { position, score: candidate.score },
                None => Verdict::Outranked {
                    score: candidate.score,
                    last_shown: self.slate.items.last().map(|item| item.score),
                },
            };
        }
        let refused = self.refused.iter().find(|refused| refused.product_id == *id);
        refused.map_or(Verdict::NotFound, |refused| Verdict::Refused { by: refused.by.clone() })
    }
}
