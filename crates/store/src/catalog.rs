//! The products of a shop.

use std::sync::Arc;

use domain::{Product, ProductId};

use crate::Result;

pub trait Catalog: Send + Sync {
    /// Inserts or replaces, all or none; durable when it returns.
    fn upsert(&self, products: &[Product]) -> Result<()>;
    fn get(&self, id: &ProductId) -> Result<Option<Arc<Product>>>;
    /// `false` when there was no such product.
    fn delete(&self, id: &ProductId) -> Result<bool>;
    /// Every product, ordered by id.
    fn all(&self) -> Result<Vec<Arc<Product>>>;
    fn len(&self) -> Result<u64>;

    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Grows with every change: a cheap answer to "is my view still current?".
    fn revision(&self) -> u64;
}
