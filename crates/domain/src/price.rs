//! What a product cost, and whether it could be bought, from a moment on.

use serde::{Deserialize, Serialize};

use crate::{Money, Product, ProductId, Timestamp};

/// An offer as it was seen at a moment. It holds until the next point of its product.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct PricePoint {
    pub product_id: ProductId,
    pub at: Timestamp,
    /// `None`: the shop told no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Could a shopper buy it ([`Product::is_available`])?
    pub available: bool,
}

impl PricePoint {
    /// What the catalogue says of a product at `at`.
    pub fn of(product: &Product, at: Timestamp) -> Self {
        Self { product_id: product.product_id.clone(), at, price: product.price, available: product.is_available() }
    }

    /// Would one after the other change nothing? The one definition of what is worth keeping.
    pub fn is_same_offer(&self, other: &Self) -> bool {
        (self.price, self.available) == (other.price, other.available)
    }
}
