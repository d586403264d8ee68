//! Search that knows who asks, and what is searched for in vain.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use domain::{PlacementId, Query};
use insight::queries::{DAYS_MAX, Kind};
use search::QUERY_BYTES_MAX;
use serde::{Deserialize, Serialize};
use serve::Language;
use utoipa::{IntoParams, ToSchema};

use super::{
    Caller,
    extract::ApiQuery,
    problem::{Problem, Result},
    recommend::{self, Answer, RequestFilters},
};
use crate::engine::{Engine, Searched, Who};

/// Nobody turns so many pages, and each costs as much as all before it.
const OFFSET_MAX: usize = 10_000;
const QUERIES_LISTED_MAX: usize = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What the shopper typed, at most 512 bytes. It is plain text: there are no operators
    q: String,
    /// The shop's user id
    user_id: Option<String>,
    /// The visitor's cookie or device id; with a user id, what was browsed before the login counts too
    anonymous_id: Option<String>,
    /// How many products
    n: Option<usize>,
    /// How many to pass over: for the next page
    offset: Option<usize>,
    /// A condition on products, such as `price <= 200 and stock > 0`
    #[serde(rename = "where")]
    condition: Option<String>,
    /// Only what can be bought now [default: true]
    available: Option<bool>,
    /// Show where each score comes from: text, personal, popular
    explain: Option<bool>,
    /// Language of `reason.text`: es or en [default: the shop's]
    lang: Option<String>,
    /// A look, or a shopper still typing: nothing is recorded
    preview: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SearchAnswer {
    /// As it was asked
    q: String,
    /// Products that match and pass the filters
    total: usize,
    /// Words that were read as others ("quisiste decir")
    corrected: Vec<CorrectedBody>,
    /// Words that nothing in the catalogue comes near; they were left out
    unknown: Vec<String>,
    took_ms: f64,
    /// For each item, the words of its name that were looked for
    highlights: Vec<Vec<String>>,
    #[serde(flatten)]
    slate: Answer,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CorrectedBody {
    #[schema(example = "zapatilas")]
    from: String,
    #[schema(example = "zapatillas")]
    to: String,
}

/// Products for a shopper's words, in the order of their taste.
#[utoipa::path(get, path = "/v1/search", tag = "slates", params(Request),
    responses((status = 200, body = SearchAnswer), (status = 400, body = Problem)))]
pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    ApiQuery(request): ApiQuery<Request>,
) -> Result<Json<SearchAnswer>> {
    caller.may_ask_for(request.user_id.as_deref())?;
    let (query, offset) = query(&engine, &request)?;
    caller.may_filter_by(query.filters.condition.as_ref())?;
    engine.search_ready().await?;
    let searched = engine
        .search(&request.q, &query, offset, request.preview.unwrap_or(false))
        .map_err(|error| Problem::internal(error.to_string()))?;
    let language = request.lang.as_deref().unwrap_or(&engine.shop.locale);
    Ok(Json(answer(request.q, searched, Language::of(language))))
}

/// The request as a query, or the first thing that is wrong with it.
fn query(engine: &Engine, request: &Request) -> Result<(Query, usize)> {
    let length = request.q.len();
    if request.q.trim().is_empty() || length > QUERY_BYTES_MAX {
        let what = if length > QUERY_BYTES_MAX { format!("{length} bytes") } else { "nothing".to_owned() };
        return Err(Problem::parameter(format!("q must be 1 to {QUERY_BYTES_MAX} bytes of text, got {what}")));
    }
    let offset = request.offset.unwrap_or(0);
    if offset > OFFSET_MAX {
        return Err(Problem::parameter(format!("offset must be 0 to {OFFSET_MAX}, got {offset}; narrow the search")));
    }
    let Who { user, anonymous } = engine.who(request.user_id.as_deref(), request.anonymous_id.as_deref())?;
    let filters = RequestFilters {
        available: request.available,
        condition: request.condition.clone(),
        ..RequestFilters::default()
    };
    let query = Query {
        placement: PlacementId::new("search").expect("a valid name"),
        user,
        anonymous,
        products: Vec::new(),
        cart: Vec::new(),
        filters: recommend::filters(&filters, engine.shop.currency)?,
        exclude: Vec::new(),
        shown: Vec::new(),
        segments: Vec::new(),
        seller: None,
        n: recommend::how_many(engine, request.n)?,
        explain: request.explain.unwrap_or(false),
        now: engine.now(),
    };
    Ok((query, offset))
}

fn answer(q: String, searched: Searched, language: Language) -> SearchAnswer {
    let corrected = searched.corrected.into_iter().map(|word| CorrectedBody { from: word.from, to: word.to });
    SearchAnswer {
        q,
        total: searched.results.total,
        corrected: corrected.collect(),
        unknown: searched.unknown,
        took_ms: searched.took.as_secs_f64() * 1e3,
        highlights: searched.highlights,
        slate: recommend::body(searched.results.slate, &searched.snapshot, language),
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindParameter {
    /// Queries that found nothing, most frequent first
    #[default]
    Zero,
    /// All queries, most frequent first
    Top,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct QueriesRequest {
    /// zero or top [default: zero]
    #[serde(default)]
    kind: KindParameter,
    /// Of the last so many shop days, at most 35 [default: 7]
    days: Option<usize>,
    /// How many queries, at most 500 [default: 50]
    n: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct QueriesAnswer {
    queries: Vec<QueryBody>,
    /// Different queries that fewer than `users_min` users asked: people's own words are not shown
    withheld: usize,
    /// search.queries_users_min of the configuration
    users_min: usize,
    days: usize,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct QueryBody {
    query: String,
    searches: u64,
    /// Of these, the ones that found nothing
    zero_results: u64,
    /// The shop's day of the last one
    #[schema(example = "2026-07-29")]
    last_seen: String,
}

/// What is searched for, and what in vain; only what several users asked.
#[utoipa::path(get, path = "/v1/search/queries", tag = "operation", params(QueriesRequest),
    responses((status = 200, body = QueriesAnswer), (status = 400, body = Problem)))]
pub async fn queries(
    State(engine): State<Arc<Engine>>,
    ApiQuery(request): ApiQuery<QueriesRequest>,
) -> Result<Json<QueriesAnswer>> {
    let (days, n) = (request.days.unwrap_or(7), request.n.unwrap_or(50));
    let range = |name: &str, got: usize, max: usize| match got {
        got if (1..=max).contains(&got) => Ok(()),
        got => Err(Problem::parameter(format!("{name} must be 1 to {max}, got {got}"))),
    };
    range("days", days, DAYS_MAX)?;
    range("n", n, QUERIES_LISTED_MAX)?;
    let users_min = engine.config.search.queries_users_min;
    let kind = match request.kind {
        KindParameter::Zero => Kind::Zero,
        KindParameter::Top => Kind::Top,
    };
    let report = engine.queries(kind, days, users_min, n);
    let queries = report.queries.into_iter().map(|asked| QueryBody {
        query: asked.query,
        searches: asked.searches,
        zero_results: asked.zero,
        last_seen: asked.last_seen.to_string(),
    });
    Ok(Json(QueriesAnswer { queries: queries.collect(), withheld: report.withheld, users_min, days }))
}
