//! One row a change of a product's offer. No two neighbours in time say the same; [`record`](Prices::record) sees to it.

use domain::{Money, PricePoint, ProductId, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::sqlite::Sqlite;
use crate::{Prices, Result};

const COLUMNS: &str = "product_id, at, price_minor, currency, available";

/// A product's newest row at or before a moment, which ended what came before it.
const HELD: &str = "SELECT max(h.at) FROM prices h WHERE h.product_id = prices.product_id AND h.at <= ?1";

pub struct EmbeddedPrices(pub Sqlite);

/// An offer as its row has it: what is compared.
type Offer = (Option<i64>, Option<String>, bool);

impl Prices for EmbeddedPrices {
    fn record(&self, points: &[PricePoint]) -> Result<()> {
        if points.is_empty() {
            return Ok(());
        }
        // In the order of the table's pages; stable, so that the later of two corrections stays the later.
        let mut points: Vec<&PricePoint> = points.iter().collect();
        points.sort_by(|left, right| (&left.product_id, left.at).cmp(&(&right.product_id, right.at)));
        self.0.write(|transaction| points.iter().try_for_each(|point| put(transaction, point)))
    }

    fn since(&self, at: Timestamp) -> Result<Vec<PricePoint>> {
        self.read(&format!("WHERE at >= coalesce(({HELD}), ?1)"), &[&at.micros()])
    }

    fn all(&self) -> Result<Vec<PricePoint>> {
        self.read("", &[])
    }

    fn forget_before(&self, at: Timestamp) -> Result<u64> {
        let sql = format!("DELETE FROM prices WHERE at < ({HELD})");
        self.0.write(|transaction| transaction.execute(&sql, [at.micros()]).map(|n| n as u64))
    }
}

impl EmbeddedPrices {
    fn read(&self, condition: &str, parameters: &[&dyn rusqlite::ToSql]) -> Result<Vec<PricePoint>> {
        let sql = format!("SELECT {COLUMNS} FROM prices {condition} ORDER BY product_id, at");
        let rows: Vec<(String, i64, Offer)> = self.0.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            query.query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?, offer(row, 2)?)))?.collect()
        })?;
        let mut points: Vec<PricePoint> = Vec::with_capacity(rows.len());
        for (id, at, (minor, currency, available)) in rows {
            let corrupt = |detail: String| self.0.corrupt(&format!("price of {id}"), detail);
            // Neighbours share the id's text.
            let product_id = match points.last() {
                Some(before) if before.product_id.as_str() == id => before.product_id.clone(),
                _ => ProductId::new(&id).map_err(|error| corrupt(error.to_string()))?,
            };
            let currency = currency.map(|code| code.parse()).transpose();
            let currency = currency.map_err(|error: domain::MoneyError| corrupt(error.to_string()))?;
            let price = minor.zip(currency).map(|(minor, currency)| Money::new(minor, currency));
            points.push(PricePoint { product_id, at: Timestamp::from_micros(at), price, available });
        }
        Ok(points)
    }
}

fn offer(row: &Row<'_>, first: usize) -> rusqlite::Result<Offer> {
    Ok((row.get(first)?, row.get(first + 1)?, row.get(first + 2)?))
}

fn put(transaction: &Transaction<'_>, point: &PricePoint) -> rusqlite::Result<()> {
    let id = point.product_id.as_str();
    let at = point.at.micros();
    let currency = point.price.map(|price| price.currency.to_string());
    let wanted: Offer = (point.price.map(|price| price.minor), currency, point.available);
    let mut newest = transaction.prepare_cached(
        "SELECT price_minor, currency, available, at FROM prices WHERE product_id = ?1 AND at <= ?2
         ORDER BY at DESC LIMIT 2",
    )?;
    let mut rows = newest.query_map(params![id, at], |row| Ok((offer(row, 0)?, row.get::<_, i64>(3)?)))?;
    let mut before = rows.next().transpose()?;
    if before.as_ref().is_some_and(|(known, _)| *known == wanted) {
        return Ok(());
    }
    let corrects = before.as_ref().is_some_and(|(_, known_at)| *known_at == at);
    if corrects {
        before = rows.next().transpose()?;
    }
    if before.is_some_and(|(known, _)| known == wanted) {
        transaction.prepare_cached("DELETE FROM prices WHERE product_id = ?1 AND at = ?2")?.execute(params![id, at])?;
    } else {
        let (minor, currency, available) = &wanted;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO prices VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![id, at, minor, currency, available])?;
    }
    let mut oldest = transaction.prepare_cached(
        "SELECT price_minor, currency, available, at FROM prices WHERE product_id = ?1 AND at > ?2
         ORDER BY at LIMIT 1",
    )?;
    let after = oldest.query_row(params![id, at], |row| Ok((offer(row, 0)?, row.get::<_, i64>(3)?))).optional()?;
    if let Some((_, needless)) = after.filter(|(known, _)| *known == wanted) {
        let mut delete = transaction.prepare_cached("DELETE FROM prices WHERE product_id = ?1 AND at = ?2")?;
        delete.execute(params![id, needless])?;
    }
    Ok(())
}
