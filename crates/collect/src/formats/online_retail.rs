//! UCI Online Retail (Chen 2015, doi 10.24432/C5BW33): the invoice lines of a British gift shop, 2010 to 2011.
//!
//! An invoice becomes one `order_completed`, one that starts with `C` an `order_refunded`. A line without a customer
//! belongs to an anonymous visitor of that invoice alone. Postage lines become the order's shipping; other lines that
//! are no products, stock corrections and free lines are left out and counted. Product codes are folded to capitals:
//! `85123a` and `85123A` are one product. An invoice of more than [`LINES_MAX`] products is split into orders
//! `581492`, `581492/2`, …: its money and its products stay whole, and it counts as several orders.

use std::path::{Path, PathBuf};

use arrow::{array::RecordBatch, datatypes::DataType};
use domain::{Currency, EventKind, Line, Money, Order, OrderId, ProductId, Timestamp, event::LINES_MAX};
use jiff::tz::TimeZone;

use super::{
    Chunk, Chunks, FormatError,
    orders::{Orders, Place},
    parquet::{Batches, Column, MICROS, row_value},
};
use crate::{RawEvent, Refusal, raw::local_time};

const COLUMNS: [&str; 6] = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"];
const CURRENCY: Currency = Currency::GBP;

/// # Errors
/// When the file is not there or lacks a column.
pub fn events(path: &Path) -> Result<(PathBuf, Chunks<RawEvent>), FormatError> {
    let file = if path.is_dir() { path.join("online_retail.parquet") } else { path.to_owned() };
    let batches = Batches::open(&file, Some(&COLUMNS))?;
    let zone = TimeZone::get("Europe/London").map_err(|error| FormatError::columns(&file, error.to_string()))?;
    let reader = Reader { batches, zone, invoices: Orders::default(), rows: 0, done: false };
    Ok((file, Box::new(reader)))
}

/// Is it sold, and may it be recommended? Five digits with letters (`85123A`), or a party bag (`DCGS0003`).
pub fn is_product(code: &str) -> bool {
    (code.len() >= 5 && code.bytes().take(5).all(|b| b.is_ascii_digit())) || code.starts_with("DCGS")
}

pub fn product_code(code: &str) -> String {
    code.trim().to_ascii_uppercase()
}

struct Invoice {
    number: String,
    customer: Option<i64>,
    at: Timestamp,
    /// Of the line that began it.
    row: u64,
    lines: Vec<Line>,
    postage: i64,
}

struct Reader {
    batches: Batches,
    zone: TimeZone,
    invoices: Orders<Invoice>,
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
                while let Some(invoice) = self.invoices.close_oldest() {
                    close(invoice, &mut last);
                }
                Some(Ok(last))
            }
        }
    }
}

/// What one line says, in our words.
struct Sold {
    invoice: String,
    code: String,
    quantity: i64,
    at: Timestamp,
    price: Money,
    customer: Option<i64>,
}

/// A line that is not sold goods: left out with a reason, or refused.
enum Not {
    Sold(&'static str, Option<String>),
    Readable(Refusal),
}

impl Reader {
    fn read(&mut self, batch: &RecordBatch) -> Result<Chunk<RawEvent>, FormatError> {
        let file = self.batches.file();
        let types = [DataType::Utf8, DataType::Utf8, DataType::Int64, MICROS, DataType::Float64, DataType::Int64];
        let columns = COLUMNS.iter().zip(&types).map(|(name, kind)| Column::of(batch, name, kind, file));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut chunk = Chunk { rows: batch.num_rows() as u64, ..Chunk::default() };
        for i in 0..batch.num_rows() {
            self.rows += 1;
            match sold(&columns, i, &self.zone) {
                Ok(sold) => self.take(sold, &mut chunk),
                Err(Not::Sold(reason, None)) => chunk.skip(reason),
                Err(Not::Sold(reason, Some(code))) => chunk.skip(&format!("{reason}: {code}")),
                Err(Not::Readable(refusal)) => chunk.refuse(self.rows, refusal, Some(row_value(batch, i))),
            }
        }
        Ok(chunk)
    }

    fn take(&mut self, sold: Sold, chunk: &mut Chunk<RawEvent>) {
        let row = self.rows;
        let begin = || Invoice {
            number: sold.invoice.clone(),
            customer: sold.customer,
            at: sold.at,
            row,
            lines: Vec::new(),
            postage: 0,
        };
        let (place, done) = self.invoices.place(&sold.invoice, begin);
        match place {
            Place::Open(invoice) if is_postage(&sold.code) => {
                invoice.postage += sold.price.times(sold.quantity.unsigned_abs() as u32).minor;
                chunk.skip("postage, kept as the order's shipping");
            }
            Place::Open(invoice) => match ProductId::new(&sold.code) {
                Ok(product) => add(&mut invoice.lines, product, sold.quantity.unsigned_abs() as u32, sold.price),
                Err(error) => chunk.refuse(row, error.into(), None),
            },
            Place::Closed => {
                let detail =
                    format!("invoice {} goes on long after its other lines; sort the file by it", sold.invoice);
                chunk.refuse(row, Refusal::new("split_order", detail), None);
            }
        }
        if let Some(done) = done {
            close(done, chunk);
        }
    }
}

fn is_postage(code: &str) -> bool {
    matches!(code, "POST" | "DOT")
}

fn sold(columns: &[Column], row: usize, zone: &TimeZone) -> Result<Sold, Not> {
    let [invoice, code, quantity, date, price, customer] = columns else {
        return Err(Not::Readable(Refusal::missing("columns", "the file has changed while it was read")));
    };
    let missing = |field: &str| Not::Readable(Refusal::missing(field, "every invoice line has one"));
    let invoice = invoice.text(row).ok_or_else(|| missing("InvoiceNo"))?.trim().to_ascii_uppercase();
    let code = product_code(code.text(row).ok_or_else(|| missing("StockCode"))?);
    let quantity = quantity.int(row).ok_or_else(|| missing("Quantity"))?;
    let micros = date.micros(row).ok_or_else(|| missing("InvoiceDate"))?;
    let price = price.float(row).ok_or_else(|| missing("UnitPrice"))?;
    if !is_product(&code) && !is_postage(&code) {
        return Err(Not::Sold("not a product", Some(code)));
    }
    if quantity == 0 || (quantity < 0) != invoice.starts_with('C') {
        return Err(Not::Sold("stock correction", None));
    }
    if quantity.unsigned_abs() > 1_000_000 {
        return Err(Not::Readable(Refusal::out_of_range("Quantity", quantity, "at most 1,000,000")));
    }
    let price = Money::from_major(price, CURRENCY)
        .ok_or_else(|| Not::Readable(Refusal::out_of_range("UnitPrice", price, "an amount in pounds")))?;
    if price.minor <= 0 {
        return Err(Not::Sold("without a price", None));
    }
    let at = civil(micros).and_then(|civil| local_time(civil, zone));
    let at = at.ok_or_else(|| Not::Readable(Refusal::out_of_range("InvoiceDate", micros, "a wall-clock time")))?;
    Ok(Sold { invoice, code, quantity, at, price, customer: customer.int(row) })
}

/// The file keeps wall-clock times as if they were UTC.
fn civil(micros: i64) -> Option<jiff::civil::DateTime> {
    let timestamp = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(timestamp.to_zoned(TimeZone::UTC).datetime())
}

/// The same product at the same price twice on an invoice is one line.
fn add(lines: &mut Vec<Line>, product_id: ProductId, quantity: u32, price: Money) {
    let twin = lines.iter_mut().find(|line| line.product_id == product_id && line.price == Some(price));
    match twin {
        Some(line) => line.quantity = line.quantity.saturating_add(quantity),
        None => lines.push(Line { quantity, price: Some(price), ..Line::of(product_id) }),
    }
}

fn close(invoice: Invoice, chunk: &mut Chunk<RawEvent>) {
    let Invoice { number, customer, at, row, lines, postage } = invoice;
    // An invoice of nothing but postage sold nothing.
    for (i, lines) in lines.chunks(LINES_MAX).enumerate() {
        let number = if i == 0 { number.clone() } else { format!("{number}/{}", i + 1) };
        let shipping = if i == 0 { postage } else { 0 };
        match event(&number, lines, shipping) {
            Ok(mut raw) => {
                raw.timestamp = Some(at);
                raw.user_id = customer.map(|id| id.to_string());
                raw.anonymous_id = customer.is_none().then(|| format!("invoice-{number}"));
                chunk.items.push((row, raw));
            }
            Err(refusal) => chunk.refuse(row, refusal, None),
        }
    }
}

fn event(number: &str, lines: &[Line], shipping: i64) -> Result<RawEvent, Refusal> {
    let is_refund = number.starts_with('C');
    let kind = if is_refund { EventKind::OrderRefunded } else { EventKind::OrderCompleted };
    let mut raw = RawEvent::new(kind, format!("online_retail-{number}"));
    let goods = lines
        .iter()
        .filter_map(|line| line.price.map(|price| price.times(line.quantity).minor))
        .fold(0i64, i64::saturating_add);
    let money = |minor| Some(Money::new(minor, CURRENCY));
    raw.order = Some(Order {
        subtotal: money(goods),
        shipping: money(shipping).filter(|shipping| shipping.minor != 0),
        total: money(goods.saturating_add(shipping)),
        ..Order::of(OrderId::new(number)?)
    });
    raw.products = lines.to_vec();
    Ok(raw)
}
