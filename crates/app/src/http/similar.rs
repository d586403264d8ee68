//! What is like a product.

use std::sync::Arc;

use ::text::Parts;
use axum::{Json, extract::State};
use domain::{Filters, Notice, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    extract::{ApiPath, ApiQuery},
    problem::{Problem, Result},
    recommend::{NoticeBody, condition, how_many},
};
use crate::engine::Engine;

/// Words that tell a product from the others, in an answer.
const KEYWORDS: usize = 8;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Name, brand and description
    Text,
    /// Category, brand and price
    Attributes,
    #[default]
    Both,
}

impl By {
    fn shares(self) -> Parts {
        match self {
            Self::Text => Parts::TEXT,
            Self::Attributes => Parts::ATTRIBUTES,
            Self::Both => Parts::BOTH,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SimilarQuery {
    /// text, attributes or both [default: both]
    #[serde(default)]
    by: By,
    /// How many products
    n: Option<usize>,
    /// A condition on products, such as `price <= 200 and stock > 0`
    #[serde(rename = "where")]
    condition: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SimilarAnswer {
    product_id: String,
    by: By,
    /// `product_description_keywords`: the words that tell it from the other products
    keywords: Vec<String>,
    items: Vec<SimilarItem>,
    notices: Vec<NoticeBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SimilarItem {
    product_id: String,
    name: String,
    /// 0 to 1, the sum of the parts
    similarity: f32,
    /// What text, category, brand and price add
    #[schema(value_type = Object)]
    parts: Parts,
}

/// Products like this one that can be bought now, best first; a product is known here a moment after it was sent.
#[utoipa::path(get, path = "/v1/products/{id}/similar", tag = "catalogue", params(("id" = String, Path), SimilarQuery),
    responses((status = 200, body = SimilarAnswer), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub async fn get(
    State(engine): State<Arc<Engine>>,
    ApiPath(text): ApiPath,
    ApiQuery(query): ApiQuery<SimilarQuery>,
) -> Result<Json<SimilarAnswer>> {
    let id = ProductId::new(&text).map_err(Problem::parameter)?;
    let n = how_many(&engine, query.n)?;
    let condition = condition(query.condition.as_deref(), engine.shop.currency)?;
    let filters = Filters { available: true, condition, ..Filters::default() };
    let (snapshot, now) = (engine.snapshot(), engine.now());
    let (shelf, content) = (&snapshot.shelf, &snapshot.content);
    let product = shelf.get(&id).ok_or_else(|| Problem::not_found(format!("no product {id} in the catalogue")))?;
    let allowed = |other: &ProductId| {
        shelf.get(other).is_some_and(|product| !product.hidden && filters.refuses(product, now).is_none())
    };
    let similar = content.similar(&id, query.by.shares(), n, allowed);
    let notice = match &similar {
        None => Some(not_read_yet()),
        Some(_) if content.encoder().is_none() && query.by.shares().text > 0.0 => Some(serve::no_text_model()),
        Some(_) => None,
    };
    let items = similar.unwrap_or_default().into_iter().filter_map(|found| {
        let name = shelf.get(&found.key)?.name.clone();
        let product_id = found.key.to_string();
        Some(SimilarItem { product_id, name, similarity: found.similarity, parts: found.parts })
    });
    Ok(Json(SimilarAnswer {
        product_id: id.to_string(),
        by: query.by,
        keywords: content.keywords(product, KEYWORDS),
        items: items.collect(),
        notices: notice.into_iter().map(NoticeBody::from).collect(),
    }))
}

fn not_read_yet() -> Notice {
    let detail = "the product's text is being read; ask again in a moment".to_owned();
    Notice { code: "not_read_yet".to_owned(), detail }
}
