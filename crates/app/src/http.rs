//! HTTP: the routes, what wraps them all, and the document that describes them.

pub mod accept;
mod assets;
mod batch;
mod catalog;
mod contents;
mod editing;
mod events;
mod extract;
mod health;
mod models;
mod onboarding;
mod pages;
pub mod problem;
mod products;
mod recommend;
mod reviews;
mod rules;
mod search;
mod similar;
mod status;
mod stream;
mod text;
mod traces;
mod users;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use domain::Filter;
use futures::StreamExt;
use subtle::ConstantTimeEq;
use tower_http::{
    catch_panic::CatchPanicLayer, cors::CorsLayer, limit::RequestBodyLimitLayer, timeout::RequestBodyTimeoutLayer,
};
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use crate::engine::Engine;
use problem::{Code, Problem};

/// The API's description, generated from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vitrina",
        description = "Decides what each shopper sees next in an online shop, and learns from what they do.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        recommend::simple,
        recommend::rich,
        batch::post,
        contents::list,
        contents::post,
        contents::get,
        contents::put,
        contents::delete,
        traces::get,
        pages::get,
        pages::plans,
        rules::list,
        rules::post,
        rules::get,
        rules::put,
        rules::delete,
        rules::dry_run,
        rules::publish,
        rules::rollback,
        rules::versions,
        search::get,
        search::queries,
        onboarding::get,
        onboarding::post,
        events::post,
        events::list,
        events::quarantine,
        events::retry,
        events::rebuild,
        products::put,
        products::get,
        products::delete,
        similar::get,
        reviews::product,
        reviews::get,
        reviews::post,
        catalog::quality,
        users::put,
        users::get,
        users::recent,
        users::delete,
        models::list,
        models::import,
        models::promote,
        models::rollback,
        models::train,
        models::training,
        status::get,
        text::reload,
        stream::get,
        health::live,
        health::ready,
        health::metrics,
    ),
    tags(
        (name = "slates", description = "What to show"),
        (name = "merchandising", description = "What the shop wants shown"),
        (name = "events", description = "What happened"),
        (name = "catalogue", description = "What is sold"),
        (name = "users", description = "Who buys"),
        (name = "models", description = "What was learned"),
        (name = "operation", description = "How it runs")
    )
)]
pub struct ApiDoc;

pub fn router(engine: Arc<Engine>) -> Router {
    let server = engine.config.server.clone();
    let api = Router::new()
        .route("/api/recommendations", get(recommend::simple))
        .route("/v1/recommendations", post(recommend::rich))
        .route("/v1/recommendations/{id}/trace", get(traces::get))
        .route("/v1/content", get(contents::list).post(contents::post))
        .route("/v1/content/{id}", get(contents::get).put(contents::put).delete(contents::delete))
        .route("/v1/batch", post(batch::post))
        .route("/v1/pages/{page}", get(pages::get))
        .route("/v1/plans", get(pages::plans))
        .route("/v1/rules", get(rules::list).post(rules::post))
        .route("/v1/rules/{id}", get(rules::get).put(rules::put).delete(rules::delete))
        .route("/v1/rules/dry-run", post(rules::dry_run))
        .route("/v1/rules/publish", post(rules::publish))
        .route("/v1/rules/rollback", post(rules::rollback))
        .route("/v1/rules/versions", get(rules::versions))
        .route("/v1/search", get(search::get))
        .route("/v1/search/queries", get(search::queries))
        .route("/v1/onboarding", get(onboarding::get).post(onboarding::post))
        .route("/v1/events", post(events::post).get(events::list))
        .route("/v1/events/stream", get(stream::get))
        .route("/v1/events/quarantine", get(events::quarantine))
        .route("/v1/events/quarantine/retry", post(events::retry))
        .route("/v1/profiles/rebuild", post(events::rebuild))
        .route("/v1/products", put(products::put))
        .route("/v1/products/{id}", get(products::get).delete(products::delete))
        .route("/v1/products/{id}/similar", get(similar::get))
        .route("/v1/products/{id}/reviews", get(reviews::product))
        .route("/v1/reviews", get(reviews::get).post(reviews::post))
        .route("/v1/catalog/quality", get(catalog::quality))
        .route("/v1/users", put(users::put).get(users::recent))
        .route("/v1/users/{id}", get(users::get).delete(users::delete))
        .route("/v1/models", get(models::list))
        .route("/v1/models/import", post(models::import))
        .route("/v1/models/{version}/promote", post(models::promote))
        .route("/v1/models/rollback", post(models::rollback))
        .route("/v1/train", post(models::train).get(models::training))
        .route("/v1/text/reload", post(text::reload))
        .route("/v1/status", get(status::get))
        .route_layer(middleware::from_fn_with_state(engine.clone(), require_key));
    let open = Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi()));
    api.merge(open)
        .fallback(page_or_problem)
        .method_not_allowed_fallback(async || {
            Problem::new(Code::MethodNotAllowed, "see /docs for what each path answers to")
        })
        .layer(cors(&server.origins))
        .layer(RequestBodyLimitLayer::new(server.body_bytes_max))
        .layer(middleware::from_fn_with_state(server.body_bytes_max, refuse_large))
        .layer(RequestBodyTimeoutLayer::new(Duration::from_millis(server.body_timeout_ms)))
        .layer(CatchPanicLayer::custom(|_| {
            Problem::internal("a handler panicked; the panic is in the log above").into_response()
        }))
        .layer(middleware::from_fn_with_state(engine.clone(), finish))
        .with_state(engine)
}

/// Pages of these origins may call; none where none is named.
fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    const HOUR: Duration = Duration::from_secs(3_600);
    let headers = [header::CONTENT_TYPE, HeaderName::from_static("x-api-key")];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(headers)
        .max_age(HOUR)
}

pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = ApiDoc::openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    document
}

async fn page_or_problem(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    if request.method() == Method::GET && assets::has(request.uri().path(), engine.config.server.storefront) {
        return assets::serve(request.uri().path());
    }
    Problem::not_found(format!("{} {}; see /docs for every path", request.method(), request.uri().path()))
        .into_response()
}

/// Who asks: the shop's own machines, or a browser with a key that everybody can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Shop,
    Browser,
}

/// What a browser may ask: slates for its own visitor, what is sold, and to be heard.
const PUBLIC: [(Method, &str); 5] = [
    (Method::POST, "/v1/recommendations"),
    (Method::GET, "/v1/pages/{page}"),
    (Method::GET, "/v1/search"),
    (Method::GET, "/v1/products/{id}"),
    (Method::POST, "/v1/events"),
];

impl Caller {
    /// A key that everybody can read must not show what a customer looked at: whoever knows an id could ask.
    fn may_ask_for(self, user_id: Option<&str>) -> problem::Result<()> {
        match (self, user_id) {
            (Self::Browser, Some(_)) => Err(Problem::new(
                Code::Forbidden,
                "a public key asks for anonymous visitors alone; leave user_id out and send anonymous_id, or ask from the shop's server",
            )),
            _ => Ok(()),
        }
    }
}

impl Caller {
    fn is_the_shop(self, field: &str) -> problem::Result<()> {
        let refused =
            || Problem::new(Code::Forbidden, format!("a public key can't send {field}; ask from the shop's server"));
        if self == Self::Shop { Ok(()) } else { Err(refused()) }
    }

    /// What products cost the shop could be found out by filters.
    fn may_filter_by(self, condition: Option<&Filter>) -> problem::Result<()> {
        match condition.is_some_and(Filter::reads_cost) {
            true => self.is_the_shop("a condition on costs or margins"),
            false => Ok(()),
        }
    }
}

/// Asks for a key where the configuration names any. Compared in constant time, so that timing tells nothing.
async fn require_key(State(engine): State<Arc<Engine>>, mut request: Request, next: Next) -> Response {
    let (keys, public_keys) = (&engine.config.server.api_keys, &engine.config.server.public_keys);
    if keys.is_empty() {
        request.extensions_mut().insert(Caller::Shop);
        return next.run(request).await;
    }
    let headers = request.headers();
    let bearer =
        headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    let given = bearer.or_else(|| headers.get("x-api-key").and_then(|v| v.to_str().ok())).unwrap_or_default();
    let is_one_of = |keys: &[String]| {
        keys.iter().fold(false, |known, key| known | bool::from(key.as_bytes().ct_eq(given.as_bytes())))
    };
    let (is_shop, is_browser) = (is_one_of(keys), is_one_of(public_keys));
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let is_public = PUBLIC.iter().any(|(method, route)| request.method() == method && path == Some(route));
    let caller = match (is_shop, is_browser) {
        (true, _) => Caller::Shop,
        (false, true) if is_public => Caller::Browser,
        (false, true) => {
            return Problem::new(Code::Forbidden, "a public key can't do this; use one of server.api_keys")
                .into_response();
        }
        (false, false) => {
            return Problem::new(Code::Unauthorized, "send `Authorization: Bearer KEY` or `X-API-Key: KEY`")
                .into_response();
        }
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// A body that is announced as too large is read and thrown away before the refusal, within bounds: a client that is
/// still writing would otherwise see a broken connection instead of the reason.
async fn refuse_large(State(bytes_max): State<usize>, request: Request, next: Next) -> Response {
    const DRAINED_MAX: usize = 64 << 20;
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let Some(length) = length.filter(|length: &usize| *length > bytes_max) else { return next.run(request).await };
    let mut body = request.into_body().into_data_stream();
    let mut drained = 0;
    while let Some(Ok(chunk)) = body.next().await {
        drained += chunk.len();
        if drained > DRAINED_MAX {
            break;
        }
    }
    let detail =
        format!("got {length} bytes, at most {bytes_max} are accepted (server.body_bytes_max); send several requests");
    Problem::new(Code::TooLarge, detail).into_response()
}

/// Counts the answer, gives every error a problem body, and sets the security headers.
async fn finish(State(engine): State<Arc<Engine>>, request: Request<Body>, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let is_docs = request.uri().path().starts_with("/docs");
    let mut response = next.run(request).await;
    let status = response.status();
    if (status.is_client_error() || status.is_server_error()) && !is_problem(&response) {
        response = problem_for(status).into_response();
    }
    engine.metrics.request_done(route, response.status().as_u16());
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &'static str| {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    };
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "no-referrer");
    set("x-frame-options", "DENY");
    // The API browser at /docs brings inline styles; nothing else does.
    set(
        "content-security-policy",
        if is_docs {
            "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        } else {
            "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        },
    );
    response
}

fn is_problem(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes() == b"application/problem+json")
}

/// For refusals made by the layers and by axum itself.
fn problem_for(status: StatusCode) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Code::TooLarge, "send less, in several requests (server.body_bytes_max)")
        }
        StatusCode::REQUEST_TIMEOUT => {
            Problem::new(Code::Timeout, "send the whole body faster (server.body_timeout_ms)")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(Code::UnsupportedMedia, "send JSON"),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(Code::MethodNotAllowed, "see /docs for what each path answers to")
        }
        StatusCode::NOT_FOUND => Problem::not_found("see /docs for every path"),
        status if status.is_client_error() => Problem::new(Code::InvalidParameter, "see /docs for what is wanted"),
        _ => Problem::internal(format!("a layer answered {status}")),
    }
}
