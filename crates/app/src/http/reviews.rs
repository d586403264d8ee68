//! What shoppers say of products.

use std::sync::Arc;

use axum::{Json, extract::State};
use domain::{Notice, Position, ProductId};
use serde::{Deserialize, Serialize};
use text::sentiment::Head;
use utoipa::ToSchema;

use super::{
    extract::{ApiJson, ApiPath},
    models::TrainingStep,
    problem::{Problem, Result},
    recommend::NoticeBody,
};
use crate::engine::{Engine, Served};

/// What shoppers say of one product.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductReviews {
    product_id: String,
    /// Mean stars, 0 to 5; absent where nobody rated it
    average_ratings_product: Option<f64>,
    n_ratings: u32,
    /// 0 to 1: how likely a review is positive on average, drawn to the shop's mean where reviews are few; absent where no
    /// review could be scored
    sentiment_score_user_reviews: Option<f64>,
    /// Reviews that were scored
    n_reviews: u32,
    /// Only what reviews speak of
    aspects: Vec<AspectBody>,
    /// Events up to here were read
    seen_position: u64,
    /// Why something is absent
    notices: Vec<NoticeBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AspectBody {
    /// price, delivery, quality or size
    aspect: &'static str,
    /// Share of these reviews that speak well of it
    share_positive: f64,
    /// Reviews that speak of it
    n: u32,
}

/// Ratings, sentiment and aspects of a product's reviews, as of the last `vitrina reviews`.
#[utoipa::path(get, path = "/v1/products/{id}/reviews", tag = "catalogue", params(("id" = String, Path)),
    responses((status = 200, body = ProductReviews), (status = 404, body = Problem)))]
pub async fn product(State(engine): State<Arc<Engine>>, ApiPath(id): ApiPath) -> Result<Json<ProductReviews>> {
    let id = ProductId::new(id).map_err(Problem::parameter)?;
    let Served { book, opinions } = &*engine.reviews();
    let of = opinions.product(&id);
    if of.n_ratings + of.n_reviews == 0 && engine.snapshot().shelf.get(&id).is_none() {
        return Err(Problem::not_found(format!("no product {id} in the catalogue, and no review of it")));
    }
    let mut notices: Vec<NoticeBody> = book.notices.iter().cloned().map(NoticeBody::from).collect();
    if book.seen == Position::START {
        notices.push(not_read());
    } else if of.n_reviews == 0 && book.head.is_some() {
        let detail = "no review of it with text that could be read".to_owned();
        notices.push(Notice { code: "no_reviews".to_owned(), detail }.into());
    }
    let aspects = of.aspects.into_iter();
    Ok(Json(ProductReviews {
        product_id: id.to_string(),
        average_ratings_product: of.average_ratings_product,
        n_ratings: of.n_ratings,
        sentiment_score_user_reviews: of.sentiment_score_user_reviews,
        n_reviews: of.n_reviews,
        aspects: aspects
            .map(|(aspect, share_positive, n)| AspectBody { aspect: aspect.as_str(), share_positive, n })
            .collect(),
        seen_position: book.seen.0,
        notices,
    }))
}

/// What is known of the shop's reviews, and how far a run is that is under way.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewsAnswer {
    running: bool,
    step: Option<TrainingStep>,
    /// Events up to here were read
    seen_position: u64,
    /// Products that somebody rated or reviewed
    n_products: usize,
    /// Reviews that were scored
    n_reviews: u32,
    /// Mean over all reviews, 0 to 1
    sentiment: Option<f64>,
    head: Option<HeadBody>,
    notices: Vec<NoticeBody>,
}

/// What scores reviews; all measures are of reviews that it was not fitted on.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeadBody {
    /// The encoder whose embeddings it reads, or tf-idf
    reads: String,
    n_positive: usize,
    n_negative: usize,
    accuracy: f64,
    macro_f1: f64,
    /// Mean squared distance of the probability to the truth
    brier: f64,
    /// Expected calibration error
    ece: f64,
    log_loss: f64,
    /// Log loss of somebody who only knows the share of positive reviews
    base_log_loss: f64,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewsBody {
    /// A head that was fitted elsewhere, as `vitrina reviews --from FILE` does [default: fit one on the shop's reviews with stars]
    #[schema(value_type = Option<Object>)]
    head: Option<serde_json::Value>,
}

/// How well the shop's reviews are understood.
#[utoipa::path(get, path = "/v1/reviews", tag = "catalogue", responses((status = 200, body = ReviewsAnswer)))]
pub async fn get(State(engine): State<Arc<Engine>>) -> Json<ReviewsAnswer> {
    Json(answer(&engine))
}

/// Learns what good and bad reviews look like and scores every review; answers when it is done.
#[utoipa::path(post, path = "/v1/reviews", tag = "catalogue", request_body = ReviewsBody,
    responses((status = 200, body = ReviewsAnswer), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub async fn post(
    State(engine): State<Arc<Engine>>,
    ApiJson(body): ApiJson<ReviewsBody>,
) -> Result<Json<ReviewsAnswer>> {
    let head: Option<Head> = body
        .head
        .map(serde_json::from_value)
        .transpose()
        .map_err(|error| Problem::parameter(format!("head: {error}; send what `vitrina reviews` fitted")))?;
    if let Some(head) = &head {
        head.check().map_err(Problem::parameter)?;
    }
    let worker = engine.clone();
    engine.working(move || worker.read_reviews(head).map(drop)).await?;
    Ok(Json(answer(&engine)))
}

fn answer(engine: &Engine) -> ReviewsAnswer {
    let Served { book, opinions } = &*engine.reviews();
    let mut notices: Vec<NoticeBody> = book.notices.iter().cloned().map(NoticeBody::from).collect();
    notices.extend((book.seen == Position::START).then(not_read));
    ReviewsAnswer {
        running: engine.is_reading_reviews(),
        step: engine.reviews_step().map(TrainingStep::from),
        seen_position: book.seen.0,
        n_products: opinions.n_products(),
        n_reviews: opinions.n_reviews(),
        sentiment: opinions.shop_sentiment(),
        head: book.head.as_ref().map(HeadBody::of),
        notices,
    }
}

fn not_read() -> NoticeBody {
    let detail = "no reviews were read yet; run `vitrina reviews` or POST /v1/reviews".to_owned();
    Notice { code: "reviews_not_read".to_owned(), detail }.into()
}

impl HeadBody {
    fn of(head: &Head) -> Self {
        let measures = head.measures();
        Self {
            reads: head.reading().id().to_owned(),
            n_positive: measures.n_positive,
            n_negative: measures.n_negative,
            accuracy: measures.accuracy,
            macro_f1: measures.macro_f1,
            brier: measures.brier,
            ece: measures.ece,
            log_loss: measures.log_loss,
            base_log_loss: measures.base_log_loss,
        }
    }
}
