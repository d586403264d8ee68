//! Slates for many shoppers at once: what e-mails are made of. The same walk as a single slate; nothing counts as shown until it is.

use std::sync::Arc;

use axum::{Json, extract::State};
use domain::{PlacementId, UserKey};
use serde::{Deserialize, Serialize};
use serve::Language;
use utoipa::ToSchema;

use super::{
    extract::ApiJson,
    problem::{Problem, Result},
    recommend::{self, Item},
};
use crate::engine::{BatchOf, Engine};

/// Shoppers of one request.
const SHOPPERS: usize = 500;
const SHOPPERS_MAX: usize = 5_000;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchBody {
    /// Where [default: email]
    placement: Option<String>,
    /// Products of a slate
    n: Option<usize>,
    /// The shop's own ids; without them, all whom the shop knows, by pseudonym, page by page
    user_ids: Option<Vec<String>>,
    /// The `next` of the page before
    after: Option<String>,
    /// Shoppers of a page [default: 500, at most 5000]
    limit: Option<usize>,
    /// Only this segment: the shop's own, or new, casual, frequent
    segment: Option<String>,
    /// Language of reasons: es or en [default: the shop's]
    locale: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BatchAnswer {
    slates: Vec<BatchSlate>,
    /// Ask for the next page with it; none at the end
    next: Option<String>,
    /// Shoppers of the page who are not in the segment
    passed_over: usize,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BatchSlate {
    user_id: String,
    recommendation_id: String,
    strategy: String,
    plan: String,
    model_version: Option<String>,
    items: Vec<Item>,
}

/// Slates for a page of shoppers.
#[utoipa::path(post, path = "/v1/batch", tag = "slates", request_body = BatchBody,
    responses((status = 200, body = BatchAnswer), (status = 400, body = Problem)))]
pub async fn post(State(engine): State<Arc<Engine>>, ApiJson(body): ApiJson<BatchBody>) -> Result<Json<BatchAnswer>> {
    let placement = PlacementId::new(body.placement.as_deref().unwrap_or("email")).map_err(Problem::parameter)?;
    let n = recommend::how_many(&engine, body.n)?;
    let limit = body.limit.unwrap_or(SHOPPERS);
    let given = body.user_ids.as_ref().map_or(limit, Vec::len);
    if !(1..=SHOPPERS_MAX).contains(&limit) || given > SHOPPERS_MAX {
        return Err(Problem::parameter(format!("a page has 1 to {SHOPPERS_MAX} shoppers, got {}", limit.max(given))));
    }
    let after: Option<UserKey> = body.after.map(|after| after.parse()).transpose().map_err(Problem::parameter)?;
    let named: Option<Vec<(String, UserKey)>> = body
        .user_ids
        .map(|ids| ids.into_iter().map(|id| engine.user_key(&id).map(|key| (id, key))).collect())
        .transpose()?;
    let language = Language::of(body.locale.as_deref().unwrap_or(&engine.shop.locale));
    let segment = body.segment;
    let worker = engine.clone();
    let made = tokio::task::spawn_blocking(move || -> Result<BatchAnswer> {
        let (shoppers, next) = match named {
            Some(named) => (named, None),
            None => worker.shoppers_after(after, limit)?,
        };
        let all = shoppers.len();
        let (made, snapshot) = worker.batch(&BatchOf { placement, n, segment, shoppers });
        let slates: Vec<BatchSlate> = made
            .into_iter()
            .map(|(user_id, slate)| {
                let answer = recommend::body(slate, &snapshot, language);
                BatchSlate {
                    user_id,
                    recommendation_id: answer.recommendation_id,
                    strategy: answer.strategy,
                    plan: answer.plan,
                    model_version: answer.model_version,
                    items: answer.items,
                }
            })
            .collect();
        let passed_over = all - slates.len();
        Ok(BatchAnswer { slates, next: next.map(|key| key.to_string()), passed_over })
    });
    made.await.map_err(Problem::internal)?.map(Json)
}
