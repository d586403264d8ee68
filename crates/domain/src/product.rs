//! What is sold. Field names follow Google Merchant Center, the feed that every shop already has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Money, ProductId, Timestamp};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    #[default]
    InStock,
    OutOfStock,
    Preorder,
    Backorder,
}

impl Availability {
    pub const ALL: [Self; 4] = [Self::InStock, Self::OutOfStock, Self::Preorder, Self::Backorder];

    /// As feeds write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InStock => "in_stock",
            Self::OutOfStock => "out_of_stock",
            Self::Preorder => "preorder",
            Self::Backorder => "backorder",
        }
    }
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Product {
    pub product_id: ProductId,
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// A path from general to special: `["Hogar", "Cocina"]`; written `Hogar > Cocina` in feeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller: Option<String>,
    /// What variants of one product have in common: sizes and colours, as feeds have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_group_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// The price before a discount, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_price: Option<Money>,
    /// What one costs the shop, as feeds have it; never told to shoppers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_of_goods_sold: Option<Money>,
    #[serde(default)]
    pub availability: Availability,
    /// Units on hand; `None` when the shop does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_link: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// When the shop first listed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed_at: Option<Timestamp>,
    /// Never recommended while set.
    #[serde(default)]
    pub hidden: bool,
}

/// What stands before the name of an attribute of the shop's own.
const ATTRIBUTES: &str = "attributes.";

/// Is it something that products are told apart by: `category`, `brand`, `seller` or `attributes.NAME`?
pub fn is_attribute(name: &str) -> bool {
    let own = name.strip_prefix(ATTRIBUTES);
    matches!(name, "category" | "brand" | "seller") || own.is_some_and(|name| !name.is_empty())
}

impl Product {
    pub fn new(product_id: ProductId, name: impl Into<String>) -> Self {
        Self {
            product_id,
            name: name.into(),
            description: String::new(),
            categories: Vec::new(),
            brand: None,
            seller: None,
            item_group_id: None,
            price: None,
            list_price: None,
            cost_of_goods_sold: None,
            availability: Availability::default(),
            stock: None,
            link: None,
            image_link: None,
            attributes: BTreeMap::new(),
            listed_at: None,
            hidden: false,
        }
    }

    /// Can a shopper buy it now? Pre-orders and back-orders count: the shop takes the order.
    pub fn is_available(&self) -> bool {
        !self.hidden && self.availability != Availability::OutOfStock && self.stock != Some(0)
    }

    /// How far the price lies below the list price, in percent of it; `None` when there is no list price above zero, or
    /// the two can't be compared.
    pub fn discount_percent(&self) -> Option<f64> {
        let (price, list) = (self.price?, self.list_price?);
        let comparable = price.currency == list.currency && list.minor > 0;
        comparable.then(|| 100.0 * (list.minor - price.minor) as f64 / list.minor as f64)
    }

    /// What is left of the price after the cost of goods; `None` when either is not said, or they can't be compared.
    pub fn margin(&self) -> Option<Money> {
        let (price, cost) = (self.price?, self.cost_of_goods_sold?);
        (price.currency == cost.currency).then(|| Money::new(price.minor.saturating_sub(cost.minor), price.currency))
    }

    /// The margin in percent of the price.
    pub fn margin_percent(&self) -> Option<f64> {
        let (margin, price) = (self.margin()?, self.price?);
        (price.minor > 0).then(|| 100.0 * margin.minor as f64 / price.minor as f64)
    }

    /// What it says of an [attribute](is_attribute); of its categories the most special one.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        match name {
            "category" => self.category(),
            "brand" => self.brand.as_deref(),
            "seller" => self.seller.as_deref(),
            _ => self.attributes.get(name.strip_prefix(ATTRIBUTES)?).map(String::as_str),
        }
    }

    /// The most special category.
    pub fn category(&self) -> Option<&str> {
        self.categories.last().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_and_availability_decide_together() {
        let mut product = Product::new(ProductId::new("a").unwrap(), "Taza");
        assert!(product.is_available());
        product.stock = Some(0);
        assert!(!product.is_available());
        product.stock = Some(3);
        product.availability = Availability::OutOfStock;
        assert!(!product.is_available());
    }
}
