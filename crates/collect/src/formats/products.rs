//! Catalogues: rows under Google Merchant Center's names or ours, and those of the known data sets.

use std::path::{Path, PathBuf};

use arrow::datatypes::DataType;
use domain::{Availability, Money, Product, ProductId};
use rustc_hash::FxHashSet;
use serde_json::Value;

use super::{
    Chunk, Chunks, Format, FormatError, ReadOptions,
    online_retail::{is_product, product_code},
    parquet::{Batches, Column},
    table::{self, Row, Rows, convert},
};
use crate::{
    Refusal,
    raw::{parse_money, parse_time},
};

/// Most attributes kept of one product, and the longest value of one.
const ATTRIBUTES_MAX: usize = 100;
const ATTRIBUTE_BYTES_MAX: usize = 1000;
/// Merchant Center allows 150 and 5,000 characters; others' feeds are longer.
const NAME_CHARS_MAX: usize = 1000;
const DESCRIPTION_CHARS_MAX: usize = 10_000;

// The names of each field, the first one ours.
const ID: &[&str] = &["product_id", "id", "productId", "item_id", "sku"];
const NAME: &[&str] = &["name", "product_name", "title"];
const DESCRIPTION: &[&str] = &["description", "product_description"];
const CATEGORIES: &[&str] = &["categories", "product_type", "category", "product_category", "google_product_category"];
const BRAND: &[&str] = &["brand", "product_brand"];
const SELLER: &[&str] = &["seller", "vendor", "store_name"];
const ITEM_GROUP: &[&str] = &["item_group_id", "parent_id", "parent_sku"];
const PRICE: &[&str] = &["price", "product_price", "price_pen"];
const LIST_PRICE: &[&str] = &["list_price", "original_price", "compare_at_price"];
const SALE_PRICE: &[&str] = &["sale_price"];
const COST: &[&str] = &["cost_of_goods_sold", "cost"];
const AVAILABILITY: &[&str] = &["availability", "in_stock", "available"];
const STOCK: &[&str] = &["stock", "quantity", "inventory", "inventory_quantity"];
const LINK: &[&str] = &["link", "url", "product_url"];
const IMAGE_LINK: &[&str] = &["image_link", "image_url", "image", "imageUrl"];
const LISTED_AT: &[&str] = &["listed_at", "created_at", "availability_date"];
const HIDDEN: &[&str] = &["hidden", "is_hidden"];
const CURRENCY: &[&str] = &["currency"];
const ALL: [&[&str]; 18] = [
    ID,
    NAME,
    DESCRIPTION,
    CATEGORIES,
    BRAND,
    SELLER,
    ITEM_GROUP,
    PRICE,
    LIST_PRICE,
    SALE_PRICE,
    COST,
    AVAILABILITY,
    STOCK,
    LINK,
    IMAGE_LINK,
    LISTED_AT,
    HIDDEN,
    CURRENCY,
];

pub fn from_table(rows: Rows, options: ReadOptions) -> Chunks<Product> {
    convert(rows, move |row| match product(&row, &options) {
        Ok(product) => Ok(Some(product)),
        Err(refusal) => Err((refusal, Value::Object(row))),
    })
}

/// `items.csv` beside the invoices: code, title and median price. Codes that are no products are left out, and so is
/// the second spelling of a code in another letter case.
///
/// # Errors
/// When the file can't be opened.
pub fn online_retail(path: &Path, options: &ReadOptions) -> Result<(PathBuf, Chunks<Product>), FormatError> {
    let file = if path.is_dir() { path.join("items.csv") } else { path.to_owned() };
    let mut options = options.clone();
    let names = [("StockCode", "product_id"), ("title", "name"), ("price_median", "price")];
    options.map = names.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec();
    options.reading.currency = domain::Currency::GBP;
    let rows = table::open(&file, Format::Csv, &options)?;
    let mut codes = FxHashSet::default();
    let chunks = rows.map(move |chunk| {
        let Chunk { rows, items, refused, skipped } = chunk?;
        let mut made = Chunk { rows, refused, skipped, items: Vec::with_capacity(items.len()) };
        for (number, mut row) in items {
            // How often it was sold is the events' to say.
            row.remove("n");
            let code = row.get("product_id").and_then(Value::as_str).map(product_code).unwrap_or_default();
            if !is_product(&code) {
                made.skip(&format!("not a product: {code}"));
                continue;
            }
            if !codes.insert(code.clone()) {
                made.skip("a code in another letter case");
                continue;
            }
            if let Some(Value::String(price)) = row.get_mut("price") {
                round_half_penny(price);
            }
            row.insert("product_id".to_owned(), code.into());
            match product(&row, &options) {
                Ok(product) => made.items.push((number, product)),
                Err(refusal) => made.refuse(number, refusal, Some(Value::Object(row))),
            }
        }
        Ok(made)
    });
    Ok((file, Box::new(chunks)))
}

/// A median lies between two prices: `1.455` becomes `1.46`.
fn round_half_penny(price: &mut String) {
    if let Ok(amount) = price.trim().parse::<f64>() {
        *price = format!("{:.2}", (amount * 100.0).round() / 100.0);
    }
}

/// `products.parquet` beside the transactions: a name is made of type and size, for the data set has none.
///
/// # Errors
/// When the file can't be opened.
pub fn complete_journey(path: &Path) -> Result<(PathBuf, Chunks<Product>), FormatError> {
    let columns =
        ["product_id", "manufacturer_id", "department", "brand", "product_category", "product_type", "package_size"];
    let file = if path.is_dir() { path.join("products.parquet") } else { path.to_owned() };
    let mut batches = Batches::open(&file, Some(&columns))?;
    let chunks = std::iter::from_fn(move || {
        let first = batches.rows_read;
        let batch = match batches.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error)),
        };
        let cells = columns.iter().map(|name| Column::of(&batch, name, &DataType::Utf8, batches.file()));
        let cells = match cells.collect::<Result<Vec<_>, _>>() {
            Ok(cells) => cells,
            Err(error) => return Some(Err(error)),
        };
        let mut chunk = Chunk { rows: batch.num_rows() as u64, ..Chunk::default() };
        for i in 0..batch.num_rows() {
            let row = first + 1 + i as u64;
            match journey_product(&cells, i) {
                Ok(product) => chunk.items.push((row, product)),
                Err(refusal) => chunk.refuse(row, refusal, None),
            }
        }
        Some(Ok(chunk))
    });
    Ok((file, Box::new(chunks)))
}

fn journey_product(cells: &[Column], row: usize) -> Result<Product, Refusal> {
    let cell = |i: usize| cells[i].text(row).map(str::trim).filter(|text| !text.is_empty());
    let id = cell(0).ok_or_else(|| Refusal::missing("product_id", "every product has one"))?;
    let categories: Vec<String> = [cell(2), cell(4), cell(5)].into_iter().flatten().map(str::to_owned).collect();
    let special = categories.last().map_or(id, String::as_str);
    let name = cell(6).map_or_else(|| special.to_owned(), |size| format!("{special} {size}"));
    let mut product = Product::new(ProductId::new(id)?, name);
    product.brand = cell(3).map(str::to_owned);
    product.categories = categories;
    if let Some(manufacturer) = cell(1) {
        product.attributes.insert("manufacturer_id".to_owned(), manufacturer.to_owned());
    }
    Ok(product)
}

/// One row as a product.
///
/// # Errors
/// When it has no id or name, or a field is not what it should be.
pub fn product(row: &Row, options: &ReadOptions) -> Result<Product, Refusal> {
    let currency = match text(row, CURRENCY) {
        Some(code) => code.to_ascii_uppercase().parse()?,
        None => options.reading.currency,
    };
    let money = |names: &'static [&'static str]| match text(row, names) {
        Some(amount) => parse_money(names[0], &amount, currency).map(Some),
        None => Ok(None),
    };
    let id = text(row, ID).ok_or_else(|| Refusal::missing("product_id", "map its column with COLUMN=product_id"))?;
    let name = text(row, NAME).ok_or_else(|| Refusal::missing("name", "map its column with COLUMN=name"))?;
    let mut product = Product::new(ProductId::new(id)?, cut(&name, NAME_CHARS_MAX));
    product.description = text(row, DESCRIPTION).map(|text| cut(&text, DESCRIPTION_CHARS_MAX)).unwrap_or_default();
    product.categories = categories(row);
    product.brand = text(row, BRAND);
    product.seller = text(row, SELLER);
    product.item_group_id = text(row, ITEM_GROUP);
    (product.price, product.list_price) = prices(money(PRICE)?, money(LIST_PRICE)?, money(SALE_PRICE)?)?;
    product.cost_of_goods_sold = money(COST)?;
    if let Some(negative) = product.cost_of_goods_sold.filter(|cost| cost.minor < 0) {
        return Err(Refusal::out_of_range(COST[0], negative, "zero or more"));
    }
    product.availability = text(row, AVAILABILITY).map(|text| availability(&text)).transpose()?.unwrap_or_default();
    product.stock = text(row, STOCK).map(|text| stock(&text)).transpose()?;
    product.link = text(row, LINK);
    product.image_link = text(row, IMAGE_LINK);
    product.listed_at = text(row, LISTED_AT).and_then(|text| parse_time(&text, &options.reading.zone));
    product.hidden = text(row, HIDDEN).is_some_and(|text| is_true(&text));
    product.attributes = attributes(row);
    Ok(product)
}

/// Merchant Center's `price` is the list price while there is a `sale_price`.
fn prices(
    price: Option<Money>,
    list: Option<Money>,
    sale: Option<Money>,
) -> Result<(Option<Money>, Option<Money>), Refusal> {
    let (price, list) = if sale.is_some() { (sale, list.or(price)) } else { (price, list) };
    if let Some(negative) = [price, list].into_iter().flatten().find(|money| money.minor < 0) {
        return Err(Refusal::out_of_range("price", negative, "zero or more"));
    }
    Ok((price, list.filter(|list| Some(*list) != price)))
}

fn value<'a>(row: &'a Row, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| row.get(*name).or_else(|| row.get(&format!("g:{name}"))).filter(|v| !v.is_null()))
}

fn text(row: &Row, names: &[&str]) -> Option<String> {
    cell(value(row, names)?)
}

fn cell(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bit) => Some(bit.to_string()),
        // Our own JSON of an amount.
        Value::Object(fields) => {
            let money: Money = serde_json::from_value(Value::Object(fields.clone())).ok()?;
            let digits = money.currency.digits() as usize;
            Some(format!("{:.digits$} {}", money.major(), money.currency))
        }
        Value::Null | Value::Array(_) => None,
    }
}

/// A path `A > B > C`, or a list of its steps.
fn categories(row: &Row) -> Vec<String> {
    let steps: Vec<String> = match value(row, CATEGORIES) {
        Some(Value::Array(values)) if values.len() == 1 => return split_path(&cell(&values[0]).unwrap_or_default()),
        Some(Value::Array(values)) => values.iter().filter_map(cell).collect(),
        Some(other) => split_path(&cell(other).unwrap_or_default()),
        None => Vec::new(),
    };
    steps.into_iter().take(10).collect()
}

fn split_path(path: &str) -> Vec<String> {
    path.split('>').map(str::trim).filter(|step| !step.is_empty()).take(10).map(str::to_owned).collect()
}

fn availability(text: &str) -> Result<Availability, Refusal> {
    match text.to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
        "in_stock" | "true" | "yes" | "1" | "available" => Ok(Availability::InStock),
        "out_of_stock" | "false" | "no" | "0" | "unavailable" | "sold_out" => Ok(Availability::OutOfStock),
        "preorder" | "pre_order" => Ok(Availability::Preorder),
        "backorder" | "back_order" => Ok(Availability::Backorder),
        _ => Err(Refusal::out_of_range(
            "availability",
            format!("{:?}", cut(text, 40)),
            "in_stock, out_of_stock, preorder or backorder",
        )),
    }
}

/// Shops count below zero when they oversell: nothing is left.
fn stock(text: &str) -> Result<u32, Refusal> {
    let number = text.parse::<f64>().ok().filter(|n| n.is_finite());
    number
        .map(|n| n.max(0.0) as u32)
        .ok_or_else(|| Refusal::wrong_type("stock", &format!("{:?}", cut(text, 40)), "a number"))
}

fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "1")
}

/// What has no field of its own.
fn attributes(row: &Row) -> std::collections::BTreeMap<String, String> {
    let mut kept = std::collections::BTreeMap::new();
    if let Some(Value::Object(given)) = row.get("attributes") {
        kept.extend(given.iter().filter_map(|(name, value)| Some((name.clone(), cell(value)?))));
    }
    let own = |name: &str| ALL.iter().any(|names| names.contains(&name.strip_prefix("g:").unwrap_or(name)));
    let others = row.iter().filter(|(name, _)| !own(name) && *name != "attributes" && name.len() <= 100);
    kept.extend(others.filter_map(|(name, value)| Some((name.clone(), cut(&cell(value)?, ATTRIBUTE_BYTES_MAX)))));
    kept.into_iter().take(ATTRIBUTES_MAX).collect()
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}
