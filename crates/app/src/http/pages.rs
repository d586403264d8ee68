//! Whole pages: which rows, in which order, no product twice; and the plans behind them.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use serde::{Deserialize, Serialize};
use serve::{Language, Plan, Plans, RowSlate, Snapshot};
use utoipa::{IntoParams, ToSchema};

use super::{
    Caller,
    extract::{ApiPath, ApiQuery},
    problem::{Problem, Result},
    recommend::{self, Item, NoticeBody, Request},
};
use crate::engine::{Ask, Chosen, ContentSlate, Engine};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// The shop's user id
    user_id: Option<String>,
    /// The visitor's cookie or device id
    anonymous_id: Option<String>,
    /// The product that the page is about
    product_id: Option<String>,
    /// What lies in the cart: ids, separated by commas
    cart: Option<String>,
    /// A condition on products, such as `price <= 200 and stock > 0`
    #[serde(rename = "where")]
    condition: Option<String>,
    /// Language of titles and reasons: es or en [default: the shop's]
    locale: Option<String>,
    /// Who reports what was seen: server (what was answered) or client (the page itself) [default: server]
    impression: Option<recommend::Reporter>,
    /// How long the answer is of use, in milliseconds
    timeout_ms: Option<u64>,
    /// A look, not a real visit: nothing is recorded
    #[serde(default)]
    preview: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PageAnswer {
    page: String,
    /// In the order to show them
    #[schema(value_type = Vec<RowBody>)]
    rows: Vec<AnyRow>,
    /// Did the shopper's own history shape any row?
    personalized: bool,
    model_version: Option<String>,
    notices: Vec<NoticeBody>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum AnyRow {
    Products(Box<RowBody>),
    Contents(ContentRowBody),
}

/// A place with banners, promotions or messages. Their events are `promotion_viewed` and `promotion_clicked` with `promotion_id` and the
/// `recommendation_id`
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentRowBody {
    row: String,
    /// content
    kind: &'static str,
    placement: String,
    title: String,
    title_es: String,
    title_en: String,
    recommendation_id: String,
    items: Vec<ContentItem>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ContentItem {
    content_id: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// The probability with which it was chosen
    propensity: f64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RowBody {
    #[schema(example = "because_you_viewed")]
    row: String,
    /// products
    kind: &'static str,
    placement: String,
    /// In the request's language
    #[schema(example = "Porque viste Taza roja")]
    title: String,
    title_es: String,
    title_en: String,
    recommendation_id: String,
    items: Vec<Item>,
    strategy: String,
    plan: String,
    /// Of rows that are offered together with the page's product
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<BundleBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BundleBody {
    /// The page's product first
    product_ids: Vec<String>,
    #[schema(example = "S/ 149.70")]
    price: String,
    list_price: String,
}

/// All rows of a page: home, product, cart, order-confirmation or one of the shop's own.
#[utoipa::path(get, path = "/v1/pages/{page}", tag = "slates", params(("page" = String, Path), PageQuery),
    responses((status = 200, body = PageAnswer), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    ApiPath(name): ApiPath,
    ApiQuery(request): ApiQuery<PageQuery>,
) -> Result<Json<PageAnswer>> {
    caller.may_ask_for(request.user_id.as_deref())?;
    caller.may_filter_by(recommend::condition(request.condition.as_deref(), engine.shop.currency)?.as_ref())?;
    let cart = request.cart.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|id| !id.is_empty());
    let rich = Request {
        placement: name.clone(),
        user_id: request.user_id,
        anonymous_id: request.anonymous_id,
        product_ids: request.product_id.into_iter().collect(),
        cart: cart.map(str::to_owned).collect(),
        filters: recommend::RequestFilters { condition: request.condition, ..Default::default() },
        ..Request::default()
    };
    let query = recommend::query(&engine, &rich)?;
    let timeout = recommend::timeout(request.timeout_ms)?;
    let client_reports = request.impression == Some(recommend::Reporter::Client);
    let ask = Ask { preview: request.preview, client_reports, plan: None, timeout };
    let made = engine.page(&name, query, ask).ok_or_else(|| {
        let plans = engine.snapshot().plans.clone();
        let known: Vec<&str> = plans.pages().map(|page| page.name.as_str()).collect();
        Problem::not_found(format!("no page {name:?}; there are {}", known.join(", ")))
    })?;
    let language = Language::of(request.locale.as_deref().unwrap_or(&engine.shop.locale));
    let personalized = made.rows.iter().any(|row| row.slate.personalized);
    let model_version = made.snapshot.models.version.as_ref().map(ToString::to_string);
    let notices = notices(&made.rows);
    let contents = made.contents.into_iter().map(|row| AnyRow::Contents(content(row, &name, language)));
    let products = made.rows.into_iter().map(|row| AnyRow::Products(Box::new(body(row, &made.snapshot, language))));
    let rows = contents.chain(products).collect();
    Ok(Json(PageAnswer { page: name, rows, personalized, model_version, notices }))
}

/// Those of all rows, each once; that a row is short is no news to a page.
fn notices(rows: &[RowSlate]) -> Vec<NoticeBody> {
    let mut all: Vec<&domain::Notice> = Vec::new();
    for notice in rows.iter().flat_map(|row| &row.slate.notices).filter(|notice| notice.code != "short_slate") {
        if !all.contains(&notice) {
            all.push(notice);
        }
    }
    all.into_iter().cloned().map(NoticeBody::from).collect()
}

fn content(row: ContentSlate, placement: &str, language: Language) -> ContentRowBody {
    let locale = if language == Language::English { "en" } else { "es" };
    let item = |Chosen { content, propensity }: Chosen| ContentItem {
        title: content.title.for_locale(locale).to_owned(),
        body: content.body.as_ref().map(|body| body.for_locale(locale).to_owned()),
        content_id: content.content_id.into(),
        image_link: content.image_link,
        link: content.link,
        propensity,
    };
    ContentRowBody {
        row: row.name,
        kind: "content",
        placement: placement.to_owned(),
        title: if language == Language::English { &row.title.en } else { &row.title.es }.clone(),
        title_es: row.title.es,
        title_en: row.title.en,
        recommendation_id: row.recommendation_id.into(),
        items: row.chosen.into_iter().map(item).collect(),
    }
}

fn body(row: RowSlate, snapshot: &Snapshot, language: Language) -> RowBody {
    let title = if language == Language::English { &row.title.en } else { &row.title.es }.clone();
    let slate = recommend::body(row.slate, snapshot, language);
    RowBody {
        row: row.name,
        kind: "products",
        placement: slate.placement,
        title,
        title_es: row.title.es,
        title_en: row.title.en,
        recommendation_id: slate.recommendation_id,
        items: slate.items,
        strategy: slate.strategy,
        plan: slate.plan,
        bundle: row.bundle.map(|bundle| BundleBody {
            product_ids: bundle.product_ids.into_iter().map(String::from).collect(),
            price: bundle.price.to_string(),
            list_price: bundle.list_price.to_string(),
        }),
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PlanList {
    data: Vec<PlanBody>,
    pages: Vec<PageBody>,
    /// What is wrong with the shop's own files as they are now; those before serve on
    error: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PlanBody {
    /// The placement that it is for
    name: String,
    version: String,
    description: String,
    sources: Vec<&'static str>,
    fallbacks: Vec<&'static str>,
    /// Is it the shop's own file, or does it come with the program?
    own: bool,
    /// The file
    text: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PageBody {
    name: String,
    description: String,
    rows: Vec<String>,
}

/// How the slate of each placement is built.
#[utoipa::path(get, path = "/v1/plans", tag = "merchandising", responses((status = 200, body = PlanList)))]
pub async fn plans(State(engine): State<Arc<Engine>>) -> Json<PlanList> {
    let plans = engine.snapshot().plans.clone();
    let plan = |plan: &Arc<Plan>| {
        let own = engine.own_plan(&plan.name);
        PlanBody {
            name: plan.name.clone(),
            version: plan.version.clone(),
            description: plan.description.clone(),
            sources: plan.sources.iter().map(|planned| planned.source.as_str()).collect(),
            fallbacks: plan.fallbacks.iter().map(|source| source.as_str()).collect(),
            own: own.is_some(),
            text: own.or_else(|| Plans::built_in(&plan.name).map(str::to_owned)).unwrap_or_default(),
        }
    };
    let page = |page: &Arc<serve::Page>| PageBody {
        name: page.name.clone(),
        description: page.description.clone(),
        rows: page.rows.iter().map(|row| row.name.clone()).collect(),
    };
    Json(PlanList {
        data: plans.all().map(plan).collect(),
        pages: plans.pages().map(page).collect(),
        error: engine.plans_error(),
    })
}
