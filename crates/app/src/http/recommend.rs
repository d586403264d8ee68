//! What to show: the simple form that anybody guesses, and the rich one.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Json, extract::State, response::IntoResponse};
use domain::{
    Currency, Filter, Filters, Money, Notice, PlacementId, Product, ProductId, Query, Reason, Slate, Timestamp,
};
use serde::{Deserialize, Serialize};
use serve::{Language, Plan, Snapshot, below_usual, cursor, reason_text};
use utoipa::{IntoParams, ToSchema};

use super::{
    Caller,
    extract::{ApiJson, ApiQuery},
    problem::{Problem, Result},
};
use crate::engine::{Ask, Engine, Made, Who};

/// Most ids in one list of a request.
const IDS_MAX: usize = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SimpleQuery {
    /// The shop's user id
    user_id: String,
    /// Where the slate appears: home, product, cart, … [default: by what the request is about]
    placement: Option<String>,
    /// How many products
    n: Option<usize>,
    /// A product that the shopper looks at
    product_id: Option<String>,
    /// A condition on products, such as `price <= 200 and stock > 0`
    #[serde(rename = "where")]
    condition: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SimpleAnswer {
    user_id: String,
    recommendations: Vec<SimpleItem>,
    recommendation_id: String,
    strategy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_version: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SimpleItem {
    #[schema(example = "A1")]
    product_id: String,
    #[schema(example = 0.95)]
    score: f32,
    #[schema(example = "Leather Wallet")]
    name: String,
    /// As the shopper reads it
    #[schema(example = "S/ 49.99")]
    price: Option<String>,
}

/// Products for a user, in one line of curl.
#[utoipa::path(get, path = "/api/recommendations", tag = "slates", params(SimpleQuery),
    responses((status = 200, body = SimpleAnswer), (status = 400, body = Problem)))]
pub async fn simple(
    State(engine): State<Arc<Engine>>,
    ApiQuery(request): ApiQuery<SimpleQuery>,
) -> Result<Json<SimpleAnswer>> {
    let rich = Request {
        placement: request.placement.unwrap_or_default(),
        user_id: Some(request.user_id.clone()),
        product_ids: request.product_id.into_iter().collect(),
        filters: RequestFilters { condition: request.condition, ..RequestFilters::default() },
        n: request.n,
        ..Request::default()
    };
    let Made { slate, snapshot } = answer(&engine, &rich)?;
    let recommendations = slate
        .items
        .iter()
        .map(|item| {
            let product = snapshot.shelf.get(&item.product_id);
            SimpleItem {
                product_id: item.product_id.to_string(),
                score: item.score,
                name: product.map_or_else(|| item.product_id.to_string(), |p| p.name.clone()),
                price: product.and_then(|p| p.price).map(|price| price.to_string()),
            }
        })
        .collect();
    Ok(Json(SimpleAnswer {
        user_id: request.user_id,
        recommendations,
        recommendation_id: slate.recommendation_id.to_string(),
        strategy: slate.strategy,
        model_version: slate.model_version.map(|version| version.to_string()),
    }))
}

/// The rich question.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Where the slate appears: home, product, cart, … [default: by what the request is about]
    #[schema(example = "home")]
    pub placement: String,
    /// The shop's user id
    pub user_id: Option<String>,
    /// The visitor's cookie or device id; with a user id, what was browsed before the login counts too
    pub anonymous_id: Option<String>,
    /// What the shopper looks at now
    pub product_ids: Vec<String>,
    /// What lies in the cart
    pub cart: Vec<String>,
    pub filters: RequestFilters,
    /// Never these
    pub exclude: Vec<String>,
    /// `next_cursor` of the answer before: what comes after it, nothing twice
    pub cursor: Option<String>,
    pub n: Option<usize>,
    /// Show where each score comes from
    pub explain: bool,
    /// A look, not a real visit: no impression is recorded
    pub preview: bool,
    /// Who reports what was seen: server (what was answered) or client (the page itself) [default: server]
    pub impression: Option<Reporter>,
    /// How long the answer is of use, in milliseconds, 1 to 10000: what there is no time for is left out and named in a notice [default: no limit]
    pub timeout_ms: Option<u64>,
    /// A plan to look at, as TOML, instead of the placement's own; for previews alone
    pub plan: Option<String>,
    /// Language of `reason.text`: es or en [default: the shop's]
    pub locale: Option<String>,
}

/// Who says what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reporter {
    /// What was answered counts as seen.
    Server,
    /// The page sends an impression of what came into view, under the message id `impression-RECOMMENDATION_ID`.
    Client,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RequestFilters {
    /// Only what can be bought now [default: true]
    pub available: Option<bool>,
    /// At least one of these on the product's category path
    pub categories: Vec<String>,
    pub brands: Vec<String>,
    /// Decimal, in the shop's currency
    pub price_min: Option<f64>,
    pub price_max: Option<f64>,
    /// Any other condition, in the filter language
    #[serde(rename = "where")]
    #[schema(example = "discount_percent >= 10 and seller != \"x\"")]
    pub condition: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Answer {
    pub(super) recommendation_id: String,
    pub(super) placement: String,
    pub(super) items: Vec<Item>,
    /// The highest source that gave a product: personal, item_to_item, segment, content, category, trending, popular, catalog or empty; of a search, search or empty
    pub(super) strategy: String,
    /// The plan that built it, with its version
    #[schema(example = "home@5f2c90ab1234")]
    pub(super) plan: String,
    pub(super) model_version: Option<String>,
    /// The merchandising rules that had their say
    rules_version: Option<u64>,
    /// Did the shopper's own history shape it?
    personalized: bool,
    notices: Vec<NoticeBody>,
    /// How many candidates each filter dropped
    dropped: std::collections::BTreeMap<String, usize>,
    /// What the next part of the same list is asked with; absent where it ends
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// When the newest event that shaped it happened
    #[schema(value_type = Option<String>)]
    freshest_event_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Item {
    product_id: String,
    position: u16,
    /// Comparable within one source
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list_price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// Where the price is really lower than it was, whatever the list price says
    #[serde(skip_serializing_if = "Option::is_none")]
    deal: Option<DealBody>,
    source: &'static str,
    reason: ReasonBody,
    /// Named shares that add up to the score, when `explain` was set
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DealBody {
    /// Below the usual price, in whole percent of it
    percent: u8,
    /// What it cost most of the 90 days before
    usual_price: String,
    /// The lowest price of the 30 days before
    lowest_price_30d: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonBody {
    #[schema(example = "because_you_bought")]
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed_product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed_product_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    /// In the request's language
    text: String,
    text_es: String,
    text_en: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PartBody {
    name: String,
    value: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed_product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed_product_name: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct NoticeBody {
    code: String,
    detail: String,
}

impl From<Notice> for NoticeBody {
    fn from(Notice { code, detail }: Notice) -> Self {
        Self { code, detail }
    }
}

/// Products for a placement, with scores, sources and reasons.
#[utoipa::path(post, path = "/v1/recommendations", tag = "slates", request_body = Request,
    responses((status = 200, body = Answer), (status = 400, body = Problem)))]
pub async fn rich(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    ApiJson(request): ApiJson<Request>,
) -> Result<impl IntoResponse> {
    caller.may_ask_for(request.user_id.as_deref())?;
    if request.plan.is_some() {
        caller.is_the_shop("plan")?;
    }
    caller.may_filter_by(condition(request.filters.condition.as_deref(), engine.shop.currency)?.as_ref())?;
    let shown = shown(&request)?;
    let Made { slate, snapshot } = answer(&engine, &request)?;
    let next_cursor = cursor::after(&shown, slate.items.iter().map(|item| &item.product_id));
    let locale = request.locale.as_deref().unwrap_or(&engine.shop.locale);
    Ok(Json(Answer { next_cursor, ..body(slate, &snapshot, Language::of(locale)) }))
}

fn answer(engine: &Engine, request: &Request) -> Result<Made> {
    let query = query(engine, request)?;
    let plan = request.plan.as_deref().map(|text| plan(engine, request, text)).transpose()?;
    let client_reports = request.impression == Some(Reporter::Client);
    let timeout = timeout(request.timeout_ms)?;
    Ok(engine.recommend(query, Ask { preview: request.preview, client_reports, plan: plan.as_ref(), timeout }))
}

pub(super) fn timeout(millis: Option<u64>) -> Result<Option<Duration>> {
    match millis {
        Some(millis @ 1..=10_000) => Ok(Some(Duration::from_millis(millis))),
        Some(other) => Err(Problem::parameter(format!("timeout_ms must be 1 to 10000, got {other}"))),
        None => Ok(None),
    }
}

fn plan(engine: &Engine, request: &Request, text: &str) -> Result<Plan> {
    if !request.preview {
        return Err(Problem::parameter(
            "a plan in a request is for previews alone; set preview, or put it into the plans' folder",
        ));
    }
    Plan::parse("preview", text, engine.shop.currency).map_err(Problem::parameter)
}

/// Where a request that does not say belongs, by what it is about.
fn placement(request: &Request) -> &str {
    match (request.placement.as_str(), request.product_ids.is_empty(), request.cart.is_empty()) {
        ("", false, _) => "product",
        ("", true, false) => "cart",
        ("", true, true) => "home",
        (given, ..) => given,
    }
}

/// The request as a query, or the first thing that is wrong with it.
pub(super) fn query(engine: &Engine, request: &Request) -> Result<Query> {
    let Who { user, anonymous } = engine.who(request.user_id.as_deref(), request.anonymous_id.as_deref())?;
    Ok(Query {
        placement: PlacementId::new(placement(request)).map_err(Problem::parameter)?,
        user,
        anonymous,
        products: ids("product_ids", &request.product_ids)?,
        cart: ids("cart", &request.cart)?,
        filters: filters(&request.filters, engine.shop.currency)?,
        exclude: ids("exclude", &request.exclude)?,
        shown: shown(request)?,
        segments: Vec::new(),
        seller: None,
        n: how_many(engine, request.n)?,
        explain: request.explain,
        now: engine.now(),
    })
}

/// What earlier parts of the same list showed.
fn shown(request: &Request) -> Result<Vec<u32>> {
    request.cursor.as_deref().map_or(Ok(Vec::new()), cursor::parse).map_err(Problem::parameter)
}

/// So many products as the request wants, or the shop's default.
pub(super) fn how_many(engine: &Engine, n: Option<usize>) -> Result<usize> {
    let config = &engine.config.serve;
    let n = n.unwrap_or(config.n);
    let is_allowed = (1..=config.n_max).contains(&n);
    if is_allowed { Ok(n) } else { Err(Problem::parameter(format!("n must be 1 to {}, got {n}", config.n_max))) }
}

fn ids(field: &str, texts: &[String]) -> Result<Vec<ProductId>> {
    if texts.len() > IDS_MAX {
        return Err(Problem::parameter(format!("{field} has {} ids, at most {IDS_MAX} are accepted", texts.len())));
    }
    texts.iter().map(|text| ProductId::new(text).map_err(|e| Problem::parameter(format!("{field}: {e}")))).collect()
}

pub fn filters(request: &RequestFilters, currency: Currency) -> Result<Filters> {
    let money = |field: &str, amount: Option<f64>| {
        amount
            .map(|amount| {
                Money::from_major(amount, currency).filter(|money| money.minor >= 0).ok_or_else(|| {
                    Problem::parameter(format!("filters.{field} must be an amount of zero or more, got {amount}"))
                })
            })
            .transpose()
    };
    Ok(Filters {
        available: request.available.unwrap_or(true),
        categories: request.categories.clone(),
        brands: request.brands.clone(),
        price_min: money("price_min", request.price_min)?,
        price_max: money("price_max", request.price_max)?,
        condition: condition(request.condition.as_deref(), currency)?,
    })
}

/// Of `where`, in the filter language; blank is none.
pub(super) fn condition(text: Option<&str>, currency: Currency) -> Result<Option<Filter>> {
    let text = text.filter(|text| !text.trim().is_empty());
    let filter = text.map(|text| Filter::parse(text, currency)).transpose();
    filter.map_err(|error| Problem::parameter(format!("where: {error}")))
}

pub fn body(slate: Slate, snapshot: &Snapshot, language: Language) -> Answer {
    let name_of = |id: &ProductId| snapshot.shelf.get(id).map(|product| product.name.clone());
    let items = slate
        .items
        .into_iter()
        .map(|item| {
            let product = snapshot.shelf.get(&item.product_id).map(AsRef::<Product>::as_ref);
            Item {
                name: product.map(|p| p.name.clone()),
                price: product.and_then(|p| p.price).map(|m| m.to_string()),
                list_price: product.and_then(|p| p.list_price).map(|m| m.to_string()),
                category: product.and_then(|p| p.category()).map(str::to_owned),
                image_link: product.and_then(|p| p.image_link.clone()),
                link: product.and_then(|p| p.link.clone()),
                deal: snapshot.offers.deal(&item.product_id).map(|deal| DealBody {
                    percent: below_usual(deal),
                    usual_price: deal.usual.to_string(),
                    lowest_price_30d: deal.low_30d.to_string(),
                }),
                product_id: item.product_id.to_string(),
                position: item.position,
                score: item.score,
                source: item.source.as_str(),
                reason: reason(&item.reason, &name_of, language),
                parts: item
                    .parts
                    .into_iter()
                    .map(|part| PartBody {
                        name: part.name,
                        value: part.value,
                        seed_product_name: part.seed_product_id.as_ref().and_then(&name_of),
                        seed_product_id: part.seed_product_id.map(String::from),
                    })
                    .collect(),
            }
        })
        .collect();
    Answer {
        recommendation_id: slate.recommendation_id.to_string(),
        placement: slate.placement.to_string(),
        items,
        strategy: slate.strategy,
        plan: slate.plan,
        model_version: slate.model_version.map(String::from),
        rules_version: slate.rules_version,
        personalized: slate.personalized,
        notices: slate.notices.into_iter().map(NoticeBody::from).collect(),
        dropped: slate.dropped.into_iter().collect(),
        next_cursor: None,
        freshest_event_at: slate.freshest_event_at,
    }
}

fn reason(reason: &Reason, name_of: &impl Fn(&ProductId) -> Option<String>, language: Language) -> ReasonBody {
    let (code, seed, category) = match reason {
        Reason::BecauseYouViewed { seed_product_id } => ("because_you_viewed", Some(seed_product_id), None),
        Reason::BecauseYouBought { seed_product_id } => ("because_you_bought", Some(seed_product_id), None),
        Reason::BecauseYouLike { seed_product_id } => ("because_you_like", Some(seed_product_id), None),
        Reason::BoughtTogether { seed_product_id } => ("bought_together", Some(seed_product_id), None),
        Reason::SimilarTo { seed_product_id } => ("similar_to", Some(seed_product_id), None),
        Reason::Resembles { seed_product_id } => ("resembles", Some(seed_product_id), None),
        Reason::ForYou => ("for_you", None, None),
        Reason::PopularInSegment => ("popular_in_segment", None, None),
        Reason::PopularInCategory { category } => ("popular_in_category", None, Some(category.clone())),
        Reason::TrendingNow => ("trending_now", None, None),
        Reason::Popular => ("popular", None, None),
        Reason::InCatalog => ("in_catalog", None, None),
        Reason::NewInShop => ("new_in_shop", None, None),
        Reason::ViewedBefore => ("viewed_before", None, None),
        Reason::BuyAgain => ("buy_again", None, None),
        Reason::RealDeal { .. } => ("real_deal", None, None),
        Reason::PriceDropped { .. } => ("price_dropped", None, None),
        Reason::BackInStock => ("back_in_stock", None, None),
        Reason::Selected => ("selected", None, None),
        Reason::MatchesSearch => ("matches_search", None, None),
    };
    let name = seed.and_then(name_of);
    let text = |language| reason_text(reason, name.as_deref(), language);
    ReasonBody {
        code,
        seed_product_id: seed.map(ToString::to_string),
        text: text(language),
        text_es: text(Language::Spanish),
        text_en: text(Language::English),
        seed_product_name: name,
        category,
    }
}
