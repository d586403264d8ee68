//! How good the catalogue itself is.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use domain::ProductId;
use serde::{Deserialize, Serialize};
use serve::Hint;
use utoipa::{IntoParams, ToSchema};

use super::{
    extract::ApiQuery,
    problem::{Problem, Result},
};
use crate::engine::Engine;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Only products with this hint, such as `title_cut`
    hint: Option<String>,
    /// Only products behind this id, in the order of ids
    after: Option<String>,
    /// How many products [default: 100, at most 1000]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Quality {
    /// Products in the catalogue
    products: usize,
    /// Of these, with at least one hint
    products_with_hints: usize,
    /// Products that are listed more than once
    duplicate_groups: usize,
    /// Products for each hint: missing_brand, missing_category, missing_price, missing_image, missing_description, title_cut,
    /// wrong_category, duplicate_listing
    totals: BTreeMap<&'static str, usize>,
    data: Vec<ProductHints>,
    /// For `after` of the next page; absent on the last one
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ProductHints {
    product_id: String,
    name: String,
    hints: Vec<HintBody>,
}

/// A hint by its code, with what it knows.
#[derive(Debug, Serialize, ToSchema)]
pub struct HintBody {
    code: &'static str,
    /// Of missing_category and wrong_category: what the text speaks of
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    /// How likely that category is, 0 to 1
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<f32>,
    /// Of duplicate_listing: the other listings of the product
    #[serde(skip_serializing_if = "Vec::is_empty")]
    duplicates: Vec<String>,
}

impl From<&Hint> for HintBody {
    fn from(hint: &Hint) -> Self {
        let suggestion = match hint {
            Hint::MissingCategory { suggestion } => suggestion.as_ref(),
            Hint::WrongCategory(suggestion) => Some(suggestion),
            _ => None,
        };
        let duplicates = match hint {
            Hint::DuplicateListing { duplicates } => duplicates.as_slice(),
            _ => &[],
        };
        Self {
            code: hint.code(),
            category: suggestion.map(|suggestion| suggestion.category.clone()),
            confidence: suggestion.map(|suggestion| suggestion.confidence),
            duplicates: duplicates.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What the products lack, and which are listed more than once. Read anew when the catalogue changed, which takes seconds for
/// tens of thousands of products.
#[utoipa::path(get, path = "/v1/catalog/quality", tag = "catalogue", params(Page),
    responses((status = 200, body = Quality), (status = 400, body = Problem)))]
pub async fn quality(State(engine): State<Arc<Engine>>, ApiQuery(page): ApiQuery<Page>) -> Result<Json<Quality>> {
    if let Some(hint) = &page.hint
        && !Hint::CODES.contains(&hint.as_str())
    {
        let known = Hint::CODES.join(", ");
        return Err(Problem::parameter(format!("hint must be one of {known}; got {hint:?}")));
    }
    let after = page.after.as_deref().map(ProductId::new).transpose().map_err(Problem::parameter)?;
    let limit = page.limit.unwrap_or(100).clamp(1, 1000);
    let worker = engine.clone();
    let listings = engine.working(move || Ok(worker.listings()?)).await?;
    let shelf = engine.snapshot().shelf.clone();

    let mut totals: BTreeMap<&'static str, usize> = Hint::CODES.iter().map(|code| (*code, 0)).collect();
    for (_, hints) in listings.hints() {
        hints.iter().for_each(|hint| *totals.entry(hint.code()).or_default() += 1);
    }
    let start = after.map_or(0, |after| listings.hints().partition_point(|(id, _)| *id <= after));
    let asked = |hints: &[Hint]| page.hint.as_deref().is_none_or(|code| hints.iter().any(|hint| hint.code() == code));
    let mut found = listings.hints()[start..].iter().filter(|(_, hints)| asked(hints));
    let data: Vec<ProductHints> = found
        .by_ref()
        .take(limit)
        .map(|(id, hints)| ProductHints {
            product_id: id.to_string(),
            name: shelf.get(id).map_or_else(String::new, |product| product.name.clone()),
            hints: hints.iter().map(HintBody::from).collect(),
        })
        .collect();
    let next = found.next().and(data.last()).map(|last| last.product_id.clone());
    Ok(Json(Quality {
        products: shelf.len(),
        products_with_hints: listings.hints().len(),
        duplicate_groups: listings.n_groups(),
        totals,
        data,
        next,
    }))
}
