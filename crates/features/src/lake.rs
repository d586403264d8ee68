//! The lake's tables as Arrow schemas, and how events and products become their rows.
//!
//! A user or visitor who is not to be kept (nobody, or consent for personalization denied) leaves rows without user,
//! visitor or session: they count in totals and can't be joined to anyone.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    record_batch::RecordBatch,
};
use domain::{ConsentState, Event, Line, Product, Recorded};

/// One row an event × line; an event without products has one row with `product_id` NULL.
pub const INTERACTIONS: &str = "interactions";
/// One row a product.
pub const PRODUCTS: &str = "products";

pub fn interactions_schema() -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    schema([
        ("position", DataType::Int64, REQUIRED),
        ("message_id", DataType::Utf8, REQUIRED),
        // '~' and 32 hexadecimal digits.
        ("user_id", DataType::Utf8, NULLABLE),
        ("anonymous_id", DataType::Utf8, NULLABLE),
        ("session_id", DataType::Utf8, NULLABLE),
        ("product_id", DataType::Utf8, NULLABLE),
        ("event_kind", DataType::Utf8, REQUIRED),
        ("interaction_type", DataType::Utf8, NULLABLE),
        ("interaction_score", DataType::Float64, NULLABLE),
        // Milliseconds; NULL for events about several products.
        ("interaction_duration", DataType::Int64, NULLABLE),
        ("quantity", DataType::Int64, NULLABLE),
        // Of one unit.
        ("price_minor", DataType::Int64, NULLABLE),
        ("currency", DataType::Utf8, NULLABLE),
        ("order_id", DataType::Utf8, NULLABLE),
        ("rating", DataType::Float64, NULLABLE),
        ("occurred_at_us", DataType::Int64, REQUIRED),
        ("timestamp_interaction", instant, REQUIRED),
        ("received_at_us", DataType::Int64, REQUIRED),
        ("channel", DataType::Utf8, REQUIRED),
        ("placement", DataType::Utf8, NULLABLE),
        ("recommendation_id", DataType::Utf8, NULLABLE),
        // 1-based place in the list or slate.
        ("list_position", DataType::Int64, NULLABLE),
        ("consent_personalization", DataType::Utf8, REQUIRED),
    ])
}

pub fn products_schema() -> SchemaRef {
    schema([
        ("product_id", DataType::Utf8, REQUIRED),
        ("product_name", DataType::Utf8, REQUIRED),
        // The most special category.
        ("product_category", DataType::Utf8, NULLABLE),
        // From general to special: `Hogar > Cocina`.
        ("category_path", DataType::Utf8, NULLABLE),
        ("brand", DataType::Utf8, NULLABLE),
        ("seller", DataType::Utf8, NULLABLE),
        ("price_minor", DataType::Int64, NULLABLE),
        ("currency", DataType::Utf8, NULLABLE),
        ("available", DataType::Boolean, REQUIRED),
    ])
}

const NULLABLE: bool = true;
const REQUIRED: bool = false;

fn schema<const N: usize>(fields: [(&str, DataType, bool); N]) -> SchemaRef {
    let fields: Vec<_> = fields.into_iter().map(|(name, kind, nullable)| Field::new(name, kind, nullable)).collect();
    Arc::new(Schema::new(fields))
}

/// An event with one of its lines, if it has any.
struct Row<'a> {
    recorded: &'a Recorded,
    line: Option<&'a Line>,
    /// May the row say whose it is?
    named: bool,
}

/// The events as rows of [`INTERACTIONS`], in the order given.
pub fn interaction_rows<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> RecordBatch {
    let rows: Vec<Row<'a>> = events.into_iter().flat_map(rows_of).collect();
    let of = |row: &Row<'a>| -> &'a Event { &row.recorded.event };
    let columns: Vec<ArrayRef> = vec![
        int(&rows, |row| i64::try_from(row.recorded.position.0).ok()),
        text(&rows, |row| Some(of(row).message_id.to_string())),
        text(&rows, |row| row.named.then(|| of(row).user.to_string())),
        text(&rows, |row| of(row).anonymous.filter(|key| row.named && !key.is_nobody()).map(|key| key.to_string())),
        text(&rows, |row| of(row).session_id.as_ref().filter(|_| row.named).map(|id| id.to_string())),
        text(&rows, |row| row.line.map(|line| line.product_id.to_string())),
        text(&rows, |row| Some(of(row).kind.as_str())),
        text(&rows, |row| of(row).kind.interaction().map(|kind| kind.as_str())),
        float(&rows, |row| of(row).kind.interaction().map(|kind| kind.weight().into())),
        int(&rows, |row| crate::counts::duration_ms(of(row)).and_then(|ms| i64::try_from(ms).ok())),
        int(&rows, |row| row.line.map(|line| line.quantity.into())),
        int(&rows, |row| row.line.and_then(|line| line.price).map(|price| price.minor)),
        text(&rows, |row| row.line.and_then(|line| line.price).map(|price| price.currency.to_string())),
        text(&rows, |row| of(row).order.as_ref().map(|order| order.order_id.to_string())),
        float(&rows, |row| of(row).details.rating.map(f64::from)),
        int(&rows, |row| Some(of(row).occurred_at.micros())),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| of(row).occurred_at.micros()))
                .with_timezone("UTC"),
        ),
        int(&rows, |row| Some(of(row).received_at.micros())),
        text(&rows, |row| Some(of(row).channel.as_str())),
        text(&rows, |row| of(row).placement.as_ref().map(|id| id.to_string())),
        text(&rows, |row| of(row).recommendation_id.as_ref().map(|id| id.to_string())),
        int(&rows, |row| row.line.and_then(|line| line.position).map(i64::from)),
        text(&rows, |row| Some(consent_text(of(row).consent.personalization))),
    ];
    batch(interactions_schema(), columns)
}

fn rows_of(recorded: &Recorded) -> Vec<Row<'_>> {
    let event = &recorded.event;
    let named = !event.user.is_nobody() && event.consent.allows_personalization();
    let lines: Vec<_> = match event.products.is_empty() {
        true => vec![None],
        false => event.products.iter().map(Some).collect(),
    };
    lines.into_iter().map(|line| Row { recorded, line, named }).collect()
}

fn consent_text(consent: ConsentState) -> &'static str {
    match consent {
        ConsentState::Granted => "granted",
        ConsentState::Denied => "denied",
        ConsentState::Unknown => "unknown",
    }
}

/// The products as rows of [`PRODUCTS`], in the order given.
pub fn product_rows<'a>(products: impl IntoIterator<Item = &'a Product>) -> RecordBatch {
    let rows: Vec<&'a Product> = products.into_iter().collect();
    let columns: Vec<ArrayRef> = vec![
        text(&rows, |product| Some(product.product_id.to_string())),
        text(&rows, |product| Some(product.name.clone())),
        text(&rows, |product| product.category().map(str::to_owned)),
        text(&rows, |product| (!product.categories.is_empty()).then(|| product.categories.join(" > "))),
        text(&rows, |product| product.brand.clone()),
        text(&rows, |product| product.seller.clone()),
        int(&rows, |product| product.price.map(|price| price.minor)),
        text(&rows, |product| product.price.map(|price| price.currency.to_string())),
        Arc::new(rows.iter().map(|product| Some(product.is_available())).collect::<BooleanArray>()),
    ];
    batch(products_schema(), columns)
}

fn text<R, S: AsRef<str>>(rows: &[R], value: impl Fn(&R) -> Option<S>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<StringArray>())
}

fn int<R>(rows: &[R], value: impl Fn(&R) -> Option<i64>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<Int64Array>())
}

fn float<R>(rows: &[R], value: impl Fn(&R) -> Option<f64>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<Float64Array>())
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(schema, columns).expect("the columns are written in the order of the schema above them")
}
