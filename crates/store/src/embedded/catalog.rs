//! Products as JSON beside the columns that people query by hand.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use domain::{Product, ProductId};
use rusqlite::{OptionalExtension, params};

use super::sqlite::{Sqlite, json, raise_revision, revision};
use crate::{Catalog, Result};

const REVISION: &str = "catalog";

pub struct EmbeddedCatalog {
    sqlite: Sqlite,
    /// The stored revision, here so that asking costs nothing.
    revision: AtomicU64,
}

impl EmbeddedCatalog {
    pub fn new(sqlite: Sqlite) -> Result<Self> {
        let revision = AtomicU64::new(sqlite.read(|connection| revision(connection, REVISION))?);
        Ok(Self { sqlite, revision })
    }

    fn parse(&self, id: &str, text: &str) -> Result<Arc<Product>> {
        self.sqlite.parse(&format!("product {id}"), text).map(Arc::new)
    }
}

impl Catalog for EmbeddedCatalog {
    fn upsert(&self, products: &[Product]) -> Result<()> {
        if products.is_empty() {
            return Ok(());
        }
        let texts = products.iter().map(json).collect::<Result<Vec<_>>>()?;
        let raised = self.sqlite.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO products VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (product_id) DO UPDATE SET
                 category = ?2, availability = ?3, hidden = ?4, product = ?5",
            )?;
            for (product, text) in products.iter().zip(&texts) {
                let availability = product.availability.as_str();
                let id = product.product_id.as_str();
                insert.execute(params![id, product.category(), availability, product.hidden, text])?;
            }
            raise_revision(transaction, REVISION)
        })?;
        self.revision.fetch_max(raised, Ordering::Release);
        Ok(())
    }

    fn get(&self, id: &ProductId) -> Result<Option<Arc<Product>>> {
        let text: Option<String> = self.sqlite.read(|connection| {
            let mut query = connection.prepare_cached("SELECT product FROM products WHERE product_id = ?1")?;
            query.query_row([id.as_str()], |row| row.get(0)).optional()
        })?;
        text.map(|text| self.parse(id.as_str(), &text)).transpose()
    }

    fn delete(&self, id: &ProductId) -> Result<bool> {
        let raised = self.sqlite.write(|transaction| {
            let removed = transaction.execute("DELETE FROM products WHERE product_id = ?1", [id.as_str()])?;
            if removed == 0 { Ok(None) } else { raise_revision(transaction, REVISION).map(Some) }
        })?;
        if let Some(raised) = raised {
            self.revision.fetch_max(raised, Ordering::Release);
        }
        Ok(raised.is_some())
    }

    fn all(&self) -> Result<Vec<Arc<Product>>> {
        let rows: Vec<(String, String)> = self.sqlite.read(|connection| {
            let mut query =
                connection.prepare_cached("SELECT product_id, product FROM products ORDER BY product_id")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        rows.iter().map(|(id, text)| self.parse(id, text)).collect()
    }

    fn len(&self) -> Result<u64> {
        self.sqlite.read(|connection| connection.query_row("SELECT count(*) FROM products", [], |row| row.get(0)))
    }

    fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }
}
