//! What a placement gets: products in order, each with its score, its source and its reason.

use serde::{Deserialize, Serialize};

use crate::{ModelVersion, PlacementId, ProductId, RecommendationId, Timestamp};

/// Where a candidate came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The learned blend over the user's history.
    Personal,
    /// Neighbours of the products in the query or the history.
    ItemToItem,
    /// Like the products in the query or the history by what their texts say.
    Content,
    /// What people buy who answered like the shopper.
    Segment,
    /// New, and shown to find out who likes it: in a place of its own, beyond those that it gets by its score.
    Exploration,
    /// Popular among products of the same category.
    Category,
    /// Rising now.
    Trending,
    /// Popular in the shop.
    Popular,
    /// The catalogue's own order: the last rung, for a shop without events.
    Catalog,
    /// The shopper's words: no rung of the ladder, but an answer to a search.
    Search,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::ItemToItem => "item_to_item",
            Self::Content => "content",
            Self::Segment => "segment",
            Self::Exploration => "exploration",
            Self::Category => "category",
            Self::Trending => "trending",
            Self::Popular => "popular",
            Self::Catalog => "catalog",
            Self::Search => "search",
        }
    }
}

/// Why a product is on the slate, for the shopper. The text is written where the reader's language is known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    BecauseYouViewed {
        seed_product_id: ProductId,
    },
    BecauseYouBought {
        seed_product_id: ProductId,
    },
    BecauseYouLike {
        seed_product_id: ProductId,
    },
    SimilarTo {
        seed_product_id: ProductId,
    },
    Resembles {
        seed_product_id: ProductId,
    },
    ForYou,
    PopularInSegment,
    PopularInCategory {
        category: String,
    },
    TrendingNow,
    Popular,
    InCatalog,
    /// It has the words that were searched for.
    MatchesSearch,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SlateItem {
    pub product_id: ProductId,
    /// 1-based.
    pub position: u16,
    pub score: f32,
    pub source: Source,
    pub reason: Reason,
    /// Named parts that add up to `score`, when the query asked for an explanation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ScorePart>,
}

/// One named share of a score.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ScorePart {
    /// The model or feature: `ials`, `item-knn`, `popular`, …
    pub name: String,
    pub value: f32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_product_id: Option<ProductId>,
}

/// Something the caller should know about a slate that was answered all the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    pub code: String,
    pub detail: String,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Slate {
    pub recommendation_id: RecommendationId,
    pub placement: PlacementId,
    pub items: Vec<SlateItem>,
    /// The highest rung of the ladder that gave a product: `personal`, `item_to_item`, `category`, `trending`, `popular`, `catalog` or `empty`; of a search, `search` or `empty`.
    pub strategy: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_version: Option<ModelVersion>,
    /// Did the shopper's own history shape it?
    pub personalized: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// How many candidates each filter dropped, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<(String, usize)>,
    /// When the newest event in the profile it used happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshest_event_at: Option<Timestamp>,
}
