//! What is sold.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, Json, extract::State};
use domain::{Availability, Currency, Money, Product, ProductId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Caller,
    extract::{ApiJson, ApiPath},
    problem::{Problem, Result},
};
use crate::engine::Engine;

/// One product as the API speaks of it; names follow Google Merchant Center.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductBody {
    #[schema(example = "A1")]
    product_id: String,
    #[schema(example = "Billetera de cuero")]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    /// A path from general to special, as a list or as `Hogar > Cocina`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    category: Option<Category>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    brand: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seller: Option<String>,
    /// What variants of one product have in common, such as sizes and colours: a slate shows one of them
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item_group_id: Option<String>,
    /// A number, or text such as `49.99 PEN`; numbers are in the shop's currency
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price: Option<Amount>,
    /// The price before a discount
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list_price: Option<Amount>,
    /// What one costs the shop; rules and plans can go by the margin, shoppers never see it
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost_of_goods_sold: Option<Amount>,
    /// in_stock, out_of_stock, preorder or backorder
    #[serde(default)]
    #[schema(value_type = String)]
    availability: Availability,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stock: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image_link: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    listed_at: Option<Timestamp>,
    /// Never recommended while true
    #[serde(default)]
    hidden: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Category {
    Path(Vec<String>),
    Text(String),
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Amount {
    Number(f64),
    Text(String),
}

impl Amount {
    fn money(&self, field: &str, currency: Currency) -> Result<Money> {
        let money = match self {
            Self::Number(number) => Money::from_major(*number, currency)
                .ok_or_else(|| Problem::parameter(format!("{field} must be an amount, got {number}")))?,
            Self::Text(text) => {
                Money::parse(text, currency).map_err(|e| Problem::parameter(format!("{field}: {e}")))?
            }
        };
        if money.minor < 0 {
            return Err(Problem::parameter(format!("{field} must be zero or more, got {money}")));
        }
        Ok(money)
    }
}

/// Longest accepted name; Google Retail allows as much.
const NAME_BYTES_MAX: usize = 1_000;
const DESCRIPTION_BYTES_MAX: usize = 20_000;
/// Brand, seller, links, a step of the category path, an attribute: what is kept in memory for every product.
const FIELD_BYTES_MAX: usize = 2_000;
const CATEGORIES_MAX: usize = 10;
const ATTRIBUTES_MAX: usize = 100;

impl ProductBody {
    fn into_product(self, currency: Currency) -> Result<Product> {
        let product_id = ProductId::new(&self.product_id).map_err(Problem::parameter)?;
        let named = |problem: &str| Problem::parameter(format!("product {product_id}: {problem}"));
        if self.name.trim().is_empty() || self.name.len() > NAME_BYTES_MAX {
            return Err(named(&format!("name must have 1 to {NAME_BYTES_MAX} bytes, got {}", self.name.len())));
        }
        if self.description.len() > DESCRIPTION_BYTES_MAX {
            return Err(named(&format!("description must have at most {DESCRIPTION_BYTES_MAX} bytes")));
        }
        let categories = match self.category {
            None => Vec::new(),
            Some(Category::Path(path)) => path,
            Some(Category::Text(text)) => text.split('>').map(|part| part.trim().to_owned()).collect(),
        };
        let texts =
            [&self.brand, &self.seller, &self.item_group_id, &self.link, &self.image_link].into_iter().flatten();
        let attributes = self.attributes.iter().flat_map(|(name, value)| [name, value]);
        if texts.chain(&categories).chain(attributes).any(|text| text.len() > FIELD_BYTES_MAX) {
            return Err(named(&format!(
                "brand, seller, links, categories and attributes must have at most {FIELD_BYTES_MAX} bytes each"
            )));
        }
        if categories.len() > CATEGORIES_MAX || self.attributes.len() > ATTRIBUTES_MAX {
            return Err(named(&format!(
                "got {} categories and {} attributes; at most {CATEGORIES_MAX} and {ATTRIBUTES_MAX} are accepted",
                categories.len(),
                self.attributes.len()
            )));
        }
        let amount = |field: &str, amount: Option<Amount>| amount.map(|a| a.money(field, currency)).transpose();
        Ok(Product {
            name: self.name.trim().to_owned(),
            description: self.description,
            categories: categories.into_iter().filter(|c| !c.is_empty()).collect(),
            brand: self.brand,
            seller: self.seller,
            item_group_id: self.item_group_id,
            price: amount("price", self.price)?,
            list_price: amount("list_price", self.list_price)?,
            cost_of_goods_sold: amount("cost_of_goods_sold", self.cost_of_goods_sold)?,
            availability: self.availability,
            stock: self.stock,
            link: self.link,
            image_link: self.image_link,
            attributes: self.attributes,
            listed_at: self.listed_at,
            hidden: self.hidden,
            product_id,
        })
    }

    fn of(product: &Product) -> Self {
        let amount = |money: Option<Money>| {
            money.map(|m| Amount::Text(format!("{:.*} {}", m.currency.digits() as usize, m.major(), m.currency)))
        };
        Self {
            product_id: product.product_id.to_string(),
            name: product.name.clone(),
            description: product.description.clone(),
            category: (!product.categories.is_empty()).then(|| Category::Path(product.categories.clone())),
            brand: product.brand.clone(),
            seller: product.seller.clone(),
            item_group_id: product.item_group_id.clone(),
            price: amount(product.price),
            list_price: amount(product.list_price),
            cost_of_goods_sold: amount(product.cost_of_goods_sold),
            availability: product.availability,
            stock: product.stock,
            link: product.link.clone(),
            image_link: product.image_link.clone(),
            attributes: product.attributes.clone(),
            listed_at: product.listed_at,
            hidden: product.hidden,
        }
    }
}

/// One product or several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "documents the body; the handler reads it by hand for better errors")]
pub enum ProductsBody {
    One(Box<ProductBody>),
    Many(Vec<ProductBody>),
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Stored {
    /// Inserted or replaced; durable, and part of the next slate
    stored: usize,
}

/// Inserts or replaces products: all of them, or none when one is wrong.
#[utoipa::path(put, path = "/v1/products", tag = "catalogue", request_body = ProductsBody,
    responses((status = 200, body = Stored), (status = 400, body = Problem)))]
pub async fn put(State(engine): State<Arc<Engine>>, ApiJson(body): ApiJson<serde_json::Value>) -> Result<Json<Stored>> {
    // Read by hand rather than through the untagged enum, whose errors name no field.
    let bodies: Vec<ProductBody> = if body.is_array() { parse(body)? } else { vec![parse(body)?] };
    let currency = engine.shop.currency;
    let products = bodies.into_iter().map(|body| body.into_product(currency)).collect::<Result<Vec<_>>>()?;
    let stored = products.len();
    let worker = engine.clone();
    engine.blocking(move || worker.upsert_products(&products)).await?;
    Ok(Json(Stored { stored }))
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Problem::parameter(format!("{error}; see /docs for the fields")))
}

fn id(text: &str) -> Result<ProductId> {
    ProductId::new(text).map_err(Problem::parameter)
}

/// One product.
#[utoipa::path(get, path = "/v1/products/{id}", tag = "catalogue", params(("id" = String, Path)),
    responses((status = 200, body = ProductBody), (status = 404, body = Problem)))]
pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    ApiPath(text): ApiPath,
) -> Result<Json<ProductBody>> {
    let id = id(&text)?;
    let snapshot = engine.snapshot();
    let product =
        snapshot.shelf.get(&id).ok_or_else(|| Problem::not_found(format!("no product {id} in the catalogue")))?;
    let mut body = ProductBody::of(product);
    body.cost_of_goods_sold = body.cost_of_goods_sold.filter(|_| caller == Caller::Shop);
    Ok(Json(body))
}

/// Takes a product out of the catalogue, and so out of every slate.
#[utoipa::path(delete, path = "/v1/products/{id}", tag = "catalogue", params(("id" = String, Path)),
    responses((status = 200, body = Stored), (status = 404, body = Problem)))]
pub async fn delete(State(engine): State<Arc<Engine>>, ApiPath(text): ApiPath) -> Result<Json<serde_json::Value>> {
    let id = id(&text)?;
    let worker = engine.clone();
    let target = id.clone();
    if engine.blocking(move || worker.delete_product(&target)).await? {
        Ok(Json(serde_json::json!({ "deleted": 1 })))
    } else {
        Err(Problem::not_found(format!("no product {id} in the catalogue")))
    }
}
