//! dunnhumby, The Complete Journey: a year of grocery baskets of 2,469 households in the United States, with discounts.
//!
//! A basket becomes one `order_completed` of its household. What the shopper paid for a line is `sales_value` less
//! manufacturer's coupons; the loyalty discount is already out of `sales_value`. So the order's subtotal is
//! Σ(sales_value − coupon_disc) to the cent, its discount Σ(retail_disc + coupon_match_disc + coupon_disc), and a
//! line's price sales_value ÷ quantity rounded to the cent (2 % of lines don't divide evenly: trust the subtotal).
//! Fuel and loose goods count thousandths as quantity: from [`MEASURED`] on a line is one unit. Lines of
//! quantity 0 are returns and notes of the till: left out. Times are UTC.

use std::path::{Path, PathBuf};

use arrow::{array::RecordBatch, datatypes::DataType};
use domain::{Currency, EventKind, Line, Money, Order, OrderId, ProductId, Timestamp};

use super::{
    Chunk, Chunks, FormatError,
    orders::{Orders, Place},
    parquet::{Batches, Column, MICROS, row_value},
};
use crate::{RawEvent, Refusal};

const COLUMNS: [&str; 9] = [
    "household_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "retail_disc",
    "coupon_disc",
    "coupon_match_disc",
    "transaction_timestamp",
];
const CURRENCY: Currency = Currency::USD;
/// Nobody buys more of one thing here, except what is measured.
const MEASURED: i64 = 100;

/// # Errors
/// When the file is not there or lacks a column.
pub fn events(path: &Path) -> Result<(PathBuf, Chunks<RawEvent>), FormatError> {
    let file = if path.is_dir() { path.join("transactions.parquet") } else { path.to_owned() };
    let batches = Batches::open(&file, Some(&COLUMNS))?;
    Ok((file, Box::new(Reader { batches, baskets: Orders::default(), rows: 0, done: false })))
}

struct Basket {
    id: i64,
    household: i64,
    at: Timestamp,
    /// Of the line that began it.
    row: u64,
    lines: Vec<Line>,
    paid: i64,
    discount: i64,
}

struct Reader {
    batches: Batches,
    baskets: Orders<Basket>,
    rows: u64,
    done: bool,
}

impl Iterator for Reader {
    type Item = Result<Chunk<RawEvent>, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.batches.next() {
            Some(Ok(batch)) => Some(self.read(&batch)),
            Some(Err(error)) => Some(Err(error)),
            None if self.done => None,
            None => {
                self.done = true;
                let mut last = Chunk::default();
                while let Some(basket) = self.baskets.close_oldest() {
                    close(basket, &mut last);
                }
                Some(Ok(last))
            }
        }
    }
}

/// What one line says, in our words.
struct Bought {
    basket: i64,
    household: i64,
    at: Timestamp,
    line: Line,
    paid: i64,
    discount: i64,
}

impl Reader {
    fn read(&mut self, batch: &RecordBatch) -> Result<Chunk<RawEvent>, FormatError> {
        let file = self.batches.file();
        let kind = |name: &str| match name {
            "transaction_timestamp" => MICROS,
            "sales_value" | "retail_disc" | "coupon_disc" | "coupon_match_disc" => DataType::Float64,
            _ => DataType::Int64,
        };
        let columns = COLUMNS.iter().map(|name| Column::of(batch, name, &kind(name), file));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut chunk = Chunk { rows: batch.num_rows() as u64, ..Chunk::default() };
        for i in 0..batch.num_rows() {
            self.rows += 1;
            match bought(&columns, i) {
                Ok(Some(bought)) => self.take(bought, &mut chunk),
                Ok(None) => chunk.skip("quantity 0"),
                Err(refusal) => chunk.refuse(self.rows, refusal, Some(row_value(batch, i))),
            }
        }
        Ok(chunk)
    }

    fn take(&mut self, bought: Bought, chunk: &mut Chunk<RawEvent>) {
        let row = self.rows;
        let Bought { basket: id, household, at, line, paid, discount } = bought;
        let begin = || Basket { id, household, at, row, lines: Vec::new(), paid: 0, discount: 0 };
        let (place, done) = self.baskets.place(&id, begin);
        match place {
            Place::Open(basket) => {
                basket.lines.push(line);
                basket.paid += paid;
                basket.discount += discount;
            }
            Place::Closed => {
                let detail = format!("basket {id} goes on long after its other lines; sort the file by it");
                chunk.refuse(row, Refusal::new("split_order", detail), None);
            }
        }
        if let Some(done) = done {
            close(done, chunk);
        }
    }
}

fn bought(columns: &[Column], row: usize) -> Result<Option<Bought>, Refusal> {
    let int = |i: usize| columns[i].int(row).ok_or_else(|| Refusal::missing(COLUMNS[i], "every line has one"));
    let cents = |i: usize| {
        let amount = columns[i].float(row).ok_or_else(|| Refusal::missing(COLUMNS[i], "every line has one"))?;
        let money = Money::from_major(amount, CURRENCY).filter(|money| money.minor >= 0);
        money.map(|money| money.minor).ok_or_else(|| Refusal::out_of_range(COLUMNS[i], amount, "zero dollars or more"))
    };
    let quantity = int(3)?;
    if quantity == 0 {
        return Ok(None);
    }
    let quantity = u32::try_from(if quantity > MEASURED { 1 } else { quantity })
        .map_err(|_| Refusal::out_of_range("quantity", quantity, "zero or more"))?;
    let (sales, retail, coupon, matched) = (cents(4)?, cents(5)?, cents(6)?, cents(7)?);
    let at = columns[8].micros(row).ok_or_else(|| Refusal::missing(COLUMNS[8], "every line has one"))?;
    let price = (sales + i64::from(quantity) / 2) / i64::from(quantity);
    let product_id = ProductId::new(int(2)?.to_string())?;
    Ok(Some(Bought {
        basket: int(1)?,
        household: int(0)?,
        at: Timestamp::from_micros(at),
        line: Line { quantity, price: Some(Money::new(price, CURRENCY)), ..Line::of(product_id) },
        paid: sales - coupon,
        discount: retail + coupon + matched,
    }))
}

fn close(basket: Basket, chunk: &mut Chunk<RawEvent>) {
    match event(&basket) {
        Ok(raw) => chunk.items.push((basket.row, raw)),
        Err(refusal) => chunk.refuse(basket.row, refusal, None),
    }
}

fn event(basket: &Basket) -> Result<RawEvent, Refusal> {
    let mut raw = RawEvent::new(EventKind::OrderCompleted, format!("complete_journey-{}", basket.id));
    raw.user_id = Some(basket.household.to_string());
    raw.timestamp = Some(basket.at);
    let paid = Money::new(basket.paid, CURRENCY);
    raw.order = Some(Order {
        subtotal: Some(paid),
        discount: Some(Money::new(basket.discount, CURRENCY)),
        total: Some(paid),
        ..Order::of(OrderId::new(basket.id.to_string())?)
    });
    raw.products = basket.lines.clone();
    Ok(raw)
}
