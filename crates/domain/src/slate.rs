//! What a placement gets: products in order, each with its score, its source and its reason.

use serde::{Deserialize, Serialize};

use crate::{ModelVersion, PlacementId, ProductId, RecommendationId, Timestamp};

/// Where a candidate came from, those that know most first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The learned blend over the user's history.
    Personal,
    /// Neighbours of the products in the query or the history.
    ItemToItem,
    /// In one order with the products in the query or the history.
    BoughtTogether,
    /// Like the products in the query or the history by what their texts say.
    Content,
    /// What people buy who answered like the shopper.
    Segment,
    /// Bought before, and due again.
    BuyAgain,
    /// Looked at lately and not bought.
    RecentlyViewed,
    /// Really cheaper than usual.
    Deals,
    /// New, and shown to find out who likes it: in a place of its own, beyond those that it gets by its score.
    Exploration,
    /// Asked for by a merchandising rule.
    Rule,
    /// Popular among products of the same category.
    Category,
    /// Listed lately.
    NewArrivals,
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
    pub const ALL: [Self; 16] = [
        Self::Personal,
        Self::ItemToItem,
        Self::BoughtTogether,
        Self::Content,
        Self::Segment,
        Self::BuyAgain,
        Self::RecentlyViewed,
        Self::Deals,
        Self::Exploration,
        Self::Rule,
        Self::Category,
        Self::NewArrivals,
        Self::Trending,
        Self::Popular,
        Self::Catalog,
        Self::Search,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::ItemToItem => "item_to_item",
            Self::BoughtTogether => "bought_together",
            Self::Content => "content",
            Self::Segment => "segment",
            Self::BuyAgain => "buy_again",
            Self::RecentlyViewed => "recently_viewed",
            Self::Deals => "deals",
            Self::Exploration => "exploration",
            Self::Rule => "rule",
            Self::Category => "category",
            Self::NewArrivals => "new_arrivals",
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
    /// In one order with it.
    BoughtTogether {
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
    NewInShop,
    /// Looked at before and not bought.
    ViewedBefore,
    /// Usually bought again about now.
    BuyAgain,
    /// So far below what it usually costs, and below all of the 30 days before.
    RealDeal {
        percent: u8,
    },
    /// Looked at before, and cheaper since.
    PriceDropped {
        percent: u8,
    },
    /// Looked at before, and not to be had meanwhile.
    BackInStock,
    /// The shop's own choice.
    Selected,
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
    /// Name and version of the plan that built it, such as `home@5f2c90ab1234`.
    pub plan: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_version: Option<ModelVersion>,
    /// The rules that had their say; none where none were ever published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules_version: Option<u64>,
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
