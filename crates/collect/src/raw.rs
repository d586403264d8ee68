//! One event as integrators send it, read leniently: our names, Segment's, GA4's and the plain columns of analysts.
//!
//! Reading settles names, types, units and money; it does not decide whether the event may be kept. Everything
//! optional that is absent or `null` is simply not there; something present with a wrong type is refused by name.

use domain::{
    Consent, ConsentState, Currency, EventKind, Line, Money, Order, OrderId, Preference, ProductId, Timestamp,
    event::Details,
};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Refusal, clock::Said, content, kinds::kind_of};

/// Largest event in bytes, as Segment has it.
pub const EVENT_BYTES_MAX: usize = 32 * 1024;

/// An event whose words are understood, not yet checked, identified or permitted.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RawEvent {
    #[serde(rename = "event")]
    pub kind: EventKind,
    pub message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// When it happened, by the sender's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// When it was sent, by the same clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    pub consent: Consent,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<Line>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    #[serde(flatten)]
    pub details: Details,
}

/// What reading needs to know about the shop and the moment.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Of amounts that don't name theirs.
    pub currency: Currency,
    /// Of times that don't name their offset.
    pub zone: TimeZone,
    pub received_at: Timestamp,
}

impl RawEvent {
    pub fn new(kind: EventKind, message_id: impl Into<String>) -> Self {
        Self {
            kind,
            message_id: message_id.into(),
            user_id: None,
            anonymous_id: None,
            session_id: None,
            timestamp: None,
            sent_at: None,
            consent: Consent::default(),
            placement: None,
            recommendation_id: None,
            products: Vec::new(),
            order: None,
            details: Details::default(),
        }
    }

    pub fn said(&self) -> Said {
        Said { original: self.timestamp, sent: self.sent_at }
    }

    /// `None` for what is understood but is no event of a shopper: Segment's `identify`, `group` and `alias`.
    ///
    /// # Errors
    /// The first field that is missing or not what it should be.
    pub fn from_json(value: &Value, reading: &Reading) -> Result<Option<Self>, Refusal> {
        let Value::Object(top) = value else {
            return Err(Refusal::wrong_type("event", type_of(value), "a JSON object"));
        };
        let fields = Fields::of(top);
        let Some(kind) = read_kind(&fields)? else { return Ok(None) };
        let currency = read_currency(&fields, reading.currency)?;
        let timestamp = fields.time(ORIGINAL, reading)?.or(fields.time(TIMESTAMP, reading)?);
        let message_id = match fields.text(MESSAGE_ID)? {
            Some(id) => id,
            None => content::message_id(value, salt(timestamp, reading.received_at)),
        };
        let mut raw = Self::new(kind, message_id);
        raw.user_id = fields.person(USER_ID)?;
        raw.anonymous_id = fields.person(ANONYMOUS_ID)?;
        raw.session_id = fields.text(SESSION_ID)?;
        raw.timestamp = timestamp;
        raw.sent_at = fields.time(SENT_AT, reading)?;
        if let Some(corrected) = forwarded(&fields, reading)? {
            (raw.timestamp, raw.sent_at) = (Some(corrected), None);
        }
        raw.consent = read_consent(&fields)?;
        raw.placement = fields.text(PLACEMENT)?;
        raw.recommendation_id = fields.text(RECOMMENDATION_ID)?;
        raw.products = read_products(&fields, currency)?;
        raw.order = read_order(&fields, currency)?;
        raw.details = read_details(&fields, kind)?;
        name_row_order(&mut raw, &fields);
        Ok(Some(raw))
    }
}

/// Without a message id and without a time, two equal payloads can only be told apart by when they came: within one
/// minute they count as a retry.
fn salt(timestamp: Option<Timestamp>, received_at: Timestamp) -> i64 {
    if timestamp.is_some() { 0 } else { received_at.seconds().div_euclid(60) }
}

/// A payload that already went through Segment carries `receivedAt`: its `timestamp` is corrected, and correcting it
/// again would add the time it lay there.
fn forwarded(fields: &Fields, reading: &Reading) -> Result<Option<Timestamp>, Refusal> {
    match fields.time(RECEIVED_AT, reading)? {
        Some(_) => fields.time(TIMESTAMP, reading),
        None => Ok(None),
    }
}

/// A purchase row of an analyst's table has no order number: the row is the order.
fn name_row_order(raw: &mut RawEvent, fields: &Fields) {
    let is_row = fields.get(INTERACTION_TYPE).is_some();
    let needs_order = matches!(raw.kind, EventKind::OrderCompleted | EventKind::OrderRefunded);
    if is_row && needs_order && raw.order.is_none() {
        raw.order = OrderId::new(format!("row-{}", raw.message_id)).ok().map(Order::of);
    }
}

// The names of each field, the first one ours.
const MESSAGE_ID: &[&str] = &["message_id", "messageId", "event_id", "eventId"];
const USER_ID: &[&str] = &["user_id", "userId"];
const ANONYMOUS_ID: &[&str] = &["anonymous_id", "anonymousId", "client_id", "visitorId", "visitor_id"];
const SESSION_ID: &[&str] = &["session_id", "sessionId", "ga_session_id"];
const TIMESTAMP: &[&str] = &["timestamp", "timestamp_interaction", "timestamp_micros", "eventTime"];
const ORIGINAL: &[&str] = &["original_timestamp", "originalTimestamp"];
const SENT_AT: &[&str] = &["sent_at", "sentAt"];
const RECEIVED_AT: &[&str] = &["receivedAt", "received_at"];
const PLACEMENT: &[&str] = &["placement", "placement_id", "placementId"];
const RECOMMENDATION_ID: &[&str] = &[
    "recommendation_id",
    "recommendationId",
    "attribution_token",
    "attributionToken",
    "correlationId",
    "recommId",
    "queryID",
];
const INTERACTION_TYPE: &[&str] = &["interaction_type", "interactionType"];
const EVENT_NAME: &[&str] = &["event", "kind", "event_type", "eventType", "interaction_type", "interactionType"];
const ORDER_ID: &[&str] = &["order_id", "orderId", "transaction_id", "transactionId"];
const PRODUCTS: &[&str] = &["products", "items"];
const PRODUCT_IDS: &[&str] = &["product_ids", "productIds"];
const PRODUCT_ID: &[&str] = &["product_id", "productId", "item_id", "itemId", "sku"];
const LINE_PRODUCT_ID: &[&str] = &["product_id", "productId", "id", "item_id", "itemId", "sku"];
const VARIANT: &[&str] = &["variant_id", "variantId", "variant", "item_variant", "sku"];

/// The event's own fields and those of its `properties` (Segment) or `params` (GA4), whichever is there first.
struct Fields<'a> {
    top: &'a Map<String, Value>,
    properties: Option<&'a Map<String, Value>>,
    context: Option<&'a Map<String, Value>>,
}

impl<'a> Fields<'a> {
    fn of(top: &'a Map<String, Value>) -> Self {
        let object = |name: &str| top.get(name).and_then(Value::as_object);
        Self { top, properties: object("properties").or_else(|| object("params")), context: object("context") }
    }

    /// The fields of a line, which has no envelope.
    fn flat(top: &'a Map<String, Value>) -> Self {
        Self { top, properties: None, context: None }
    }

    /// The first of these names that is there and not `null`.
    fn get(&self, names: &'static [&'static str]) -> Option<(&'static str, &'a Value)> {
        names.iter().find_map(|name| {
            let value = self.top.get(*name).filter(|v| !v.is_null());
            let value = value.or_else(|| self.properties.and_then(|p| p.get(*name)).filter(|v| !v.is_null()));
            value.map(|value| (*name, value))
        })
    }

    /// Text, or a number as text; empty text counts as absent.
    fn text(&self, names: &'static [&'static str]) -> Result<Option<String>, Refusal> {
        let Some((name, value)) = self.get(names) else { return Ok(None) };
        as_text(name, value)
    }

    /// The id of a person; `undefined` and its like come from faulty scripts and would melt all their visitors into one.
    fn person(&self, names: &'static [&'static str]) -> Result<Option<String>, Refusal> {
        let nobody = ["null", "undefined", "nan", "none", "[object object]", "0", "-1"];
        let id = self.text(names)?;
        Ok(id.filter(|id| !nobody.iter().any(|junk| id.eq_ignore_ascii_case(junk))))
    }

    fn time(&self, names: &'static [&'static str], reading: &Reading) -> Result<Option<Timestamp>, Refusal> {
        let Some((name, value)) = self.get(names) else { return Ok(None) };
        let Some(text) = as_text(name, value)? else { return Ok(None) };
        parse_time(&text, &reading.zone)
            .map(Some)
            .ok_or_else(|| Refusal::new("bad_time", format!("`{name}`: {}", text_error(&text))))
    }

    fn number(&self, names: &'static [&'static str]) -> Result<Option<f64>, Refusal> {
        let Some((name, value)) = self.get(names) else { return Ok(None) };
        let Some(text) = as_text(name, value)? else { return Ok(None) };
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| Refusal::wrong_type(name, &quoted(&text), "a number"))
    }

    fn money(&self, names: &'static [&'static str], currency: Currency) -> Result<Option<Money>, Refusal> {
        match self.get(names) {
            Some((name, value)) => as_money(name, value, currency),
            None => Ok(None),
        }
    }
}

fn text_error(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Err(error) => error.to_string(),
        Ok(_) => format!("{} is not a time", quoted(text)),
    }
}

/// RFC 3339, a number of seconds or finer, or a time without offset, which is the shop's own.
pub fn parse_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    if let Some(seconds) = text.parse::<f64>().ok().filter(|seconds| seconds.abs() < 1e11) {
        return Some(Timestamp::from_micros((seconds * 1e6).round() as i64));
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    local_time(civil, zone)
}

/// A wall-clock time of a zone; in the hour that a clock change repeats, the first one.
pub fn local_time(civil: jiff::civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    Some(Timestamp::from_micros(zoned.as_microsecond()))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(64).collect::<String>())
}

fn as_text(name: &str, value: &Value) -> Result<Option<String>, Refusal> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)),
        Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(Refusal::wrong_type(name, type_of(other), "text or a number")),
    }
}

/// A number, text such as `99.90` or `99.90 PEN`, or our own `{"minor": 9990, "currency": "PEN"}`.
fn as_money(name: &str, value: &Value, currency: Currency) -> Result<Option<Money>, Refusal> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            parse_money(name, &number.to_string(), currency)
                .or_else(|refusal| Money::from_major(float, currency).ok_or(refusal))
                .map(Some)
        }
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => parse_money(name, text, currency).map(Some),
        Value::Object(_) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|_| Refusal::wrong_type(name, "an object", "an amount such as 99.90")),
        other => Err(Refusal::wrong_type(name, type_of(other), "an amount such as 99.90")),
    }
}

/// Exact; a comma may only group thousands, for `1990,50` is not two hundred thousand.
pub fn parse_money(name: &str, text: &str, currency: Currency) -> Result<Money, Refusal> {
    let text = text.trim();
    let bad = |why: String| Refusal::new("bad_amount", format!("`{name}`: {why}"));
    if !commas_group_thousands(text) {
        return Err(bad(format!("{} has a comma that does not group thousands; write 1990.50", quoted(text))));
    }
    Money::parse(text, currency).map_err(|error| bad(error.to_string()))
}

fn commas_group_thousands(text: &str) -> bool {
    let number = text.split([' ', '.']).next().unwrap_or_default();
    let mut groups = number.trim_start_matches('-').split(',');
    let first = groups.next().unwrap_or_default();
    let rest_is_groups = groups.clone().all(|group| group.len() == 3);
    let no_comma_later = !text[number.len()..].contains(',');
    no_comma_later && rest_is_groups && (groups.next().is_none() || (1..=3).contains(&first.len()))
}

/// Segment's `type` first: `page` and `screen` are page views, `track` names its event, the rest is no event.
fn read_kind(fields: &Fields) -> Result<Option<EventKind>, Refusal> {
    let call = fields.top.get("type").and_then(Value::as_str).unwrap_or("track");
    match call {
        "page" | "screen" => return Ok(Some(EventKind::PageViewed)),
        "identify" | "group" | "alias" => return Ok(None),
        _ => {}
    }
    // A top-level `name` beside `params` is GA4's event name.
    let ga4 = fields.top.get("params").and_then(|_| fields.top.get("name")).and_then(Value::as_str);
    let name = match ga4 {
        Some(name) => Some(name.to_owned()),
        None => fields.text(EVENT_NAME)?,
    };
    // Some name the event in `type` alone.
    let name = name.or_else(|| (call != "track").then(|| call.to_owned()));
    let name = name.ok_or_else(|| Refusal::missing("event", "name what happened, such as product_viewed"))?;
    match kind_of(&name) {
        Some(kind) => Ok(Some(kind)),
        None => Err(Refusal::new(
            "unknown_event",
            format!(
                "{} is not an event we know; send a name such as product_viewed or \"Product Viewed\"",
                quoted(&name)
            ),
        )),
    }
}

fn read_currency(fields: &Fields, default: Currency) -> Result<Currency, Refusal> {
    match fields.text(&["currency", "currency_code", "currencyCode"])? {
        Some(code) => Ok(code.to_ascii_uppercase().parse()?),
        None => Ok(default),
    }
}

fn read_products(fields: &Fields, currency: Currency) -> Result<Vec<Line>, Refusal> {
    if let Some((name, value)) = fields.get(PRODUCTS).or_else(|| fields.get(PRODUCT_IDS)) {
        let Value::Array(values) = value else {
            return Err(Refusal::wrong_type(name, type_of(value), "a list"));
        };
        if values.len() > domain::event::LINES_MAX {
            let (got, most) = (values.len(), domain::event::LINES_MAX);
            let detail = format!("`{name}` has {got} products, at most {most} are accepted; send several events");
            return Err(Refusal::new("too_many_products", detail));
        }
        return values.iter().enumerate().map(|(i, value)| read_line(name, i, value, currency)).collect();
    }
    match fields.text(PRODUCT_ID)? {
        Some(id) => Ok(vec![line(fields, &id, currency)?]),
        None => Ok(Vec::new()),
    }
}

fn read_line(list: &str, index: usize, value: &Value, currency: Currency) -> Result<Line, Refusal> {
    let placed = |refusal: Refusal| Refusal { detail: format!("{list}[{index}]: {}", refusal.detail), ..refusal };
    match value {
        Value::Object(map) => {
            let fields = Fields::flat(map);
            let id = fields
                .text(LINE_PRODUCT_ID)
                .and_then(|id| id.ok_or_else(|| Refusal::missing("product_id", "send the shop's product number")));
            let currency = read_currency(&fields, currency);
            id.and_then(|id| line(&fields, &id, currency?)).map_err(placed)
        }
        other => match as_text("product_id", other).map_err(placed)? {
            Some(id) => Ok(Line::of(ProductId::new(id).map_err(|error| placed(error.into()))?)),
            None => Err(placed(Refusal::missing("product_id", "send the shop's product number"))),
        },
    }
}

fn line(fields: &Fields, id: &str, currency: Currency) -> Result<Line, Refusal> {
    let variant_id = fields.text(VARIANT)?.filter(|variant| variant != id);
    Ok(Line {
        product_id: ProductId::new(id)?,
        variant_id,
        quantity: read_quantity(fields)?,
        price: fields.money(&["price", "product_price", "unit_price"], currency)?,
        position: fields.number(&["position", "index"])?.map(|n| n as u16).filter(|position| *position > 0),
    })
}

fn read_quantity(fields: &Fields) -> Result<u32, Refusal> {
    let Some(quantity) = fields.number(&["quantity", "qty"])? else { return Ok(1) };
    if quantity.fract() != 0.0 || !(1.0..=1_000_000.0).contains(&quantity) {
        let wanted = "a whole number from 1 to 1,000,000; for goods by weight send 1 and the price of the lot";
        return Err(Refusal::out_of_range("quantity", quantity, wanted));
    }
    Ok(quantity as u32)
}

/// Segment's `revenue` and GA4's `value` are the goods after discounts, before tax and shipping: our `subtotal`.
fn read_order(fields: &Fields, currency: Currency) -> Result<Option<Order>, Refusal> {
    let Some(id) = fields.text(ORDER_ID)? else { return Ok(None) };
    Ok(Some(Order {
        order_id: OrderId::new(id)?,
        subtotal: fields.money(&["subtotal", "revenue", "value"], currency)?,
        discount: fields.money(&["discount"], currency)?,
        tax: fields.money(&["tax", "igv"], currency)?,
        shipping: fields.money(&["shipping"], currency)?,
        total: fields.money(&["total"], currency)?,
    }))
}

fn read_details(fields: &Fields, kind: EventKind) -> Result<Details, Refusal> {
    let page = fields.context.and_then(|context| context.get("page")).and_then(Value::as_object);
    let page_url = page.and_then(|page| page.get("url").or_else(|| page.get("path"))).and_then(Value::as_str);
    let is_rating = matches!(kind, EventKind::ProductRated | EventKind::ProductReviewed);
    let rating = fields.number(if is_rating { &["rating", "interaction_score"] } else { &["rating"] })?;
    Ok(Details {
        query: fields.text(&["query", "search_term", "searchTerm", "q"])?,
        results: read_results(fields)?,
        category: fields.text(&["category", "item_category", "product_category"])?,
        list_id: fields.text(&["list_id", "listId", "item_list_id"])?,
        cart_id: fields.text(&["cart_id", "cartId"])?,
        promotion_id: fields.text(&["promotion_id", "promotionId"])?,
        propensity: read_propensity(fields)?,
        coupon: fields.text(&["coupon", "coupon_id", "couponId"])?,
        checkout_step: fields.text(&["checkout_step", "step"])?,
        page: fields.text(&["page", "url", "page_location"])?.or(page_url.map(str::to_owned)),
        rating: rating.map(|rating| rating as f32),
        review: fields.text(&["review", "review_body", "reviewBody"])?,
        preference: read_preference(fields)?,
        duration_ms: read_duration_ms(fields)?,
        depth: read_depth(fields)?,
    })
}

fn read_results(fields: &Fields) -> Result<Option<u32>, Refusal> {
    match fields.number(&["results", "n_results", "nbHits"])? {
        Some(n) if !(0.0..=f64::from(u32::MAX)).contains(&n) => {
            Err(Refusal::out_of_range("results", n, "a number of products"))
        }
        n => Ok(n.map(|n| n as u32)),
    }
}

fn read_propensity(fields: &Fields) -> Result<Option<f32>, Refusal> {
    match fields.number(&["propensity"])? {
        Some(p) if !(p > 0.0 && p <= 1.0) => {
            Err(Refusal::out_of_range("propensity", p, "a probability above 0 and up to 1"))
        }
        p => Ok(p.map(|p| p as f32)),
    }
}

fn read_preference(fields: &Fields) -> Result<Option<Preference>, Refusal> {
    let Some(text) = fields.text(&["preference"])? else { return Ok(None) };
    let preference = Preference::parse(&text);
    preference.map(Some).ok_or_else(|| Refusal::wrong_type("preference", &quoted(&text), "like, dislike or unknown"))
}

/// `interaction_duration` is in seconds, as analysts' tables have it.
fn read_duration_ms(fields: &Fields) -> Result<Option<u64>, Refusal> {
    let ms = fields.number(&["duration_ms", "durationMs", "engagement_time_msec", "interaction_duration_ms"])?;
    let ms = match ms {
        None => fields.number(&["interaction_duration", "duration"])?.map(|seconds| seconds * 1000.0),
        some => some,
    };
    match ms {
        Some(ms) if !(0.0..=1e12).contains(&ms) => Err(Refusal::out_of_range("duration_ms", ms, "zero or more")),
        ms => Ok(ms.map(|ms| ms.round() as u64)),
    }
}

fn read_depth(fields: &Fields) -> Result<Option<f32>, Refusal> {
    let percent = fields.number(&["percent_scrolled"])?.map(|percent| percent / 100.0);
    let depth = fields.number(&["depth", "scroll_depth"])?.or(percent);
    Ok(depth.map(|depth| depth as f32))
}

/// The purposes under the names of consent banners (Segment's categories, OneTrust's codes, Google's consent mode).
const PURPOSES: [(Purpose, &[&str]); 3] = [
    (
        Purpose::Personalization,
        &[
            "personalization",
            "personalisation",
            "personalizacion",
            "personalization_storage",
            "functional",
            "functionality_storage",
            "preferences",
            "c0003",
        ],
    ),
    (
        Purpose::Analytics,
        &["analytics", "analitica", "analytics_storage", "performance", "statistics", "measurement", "c0002"],
    ),
    (
        Purpose::Marketing,
        &[
            "marketing",
            "advertising",
            "publicidad",
            "ad_storage",
            "ad_user_data",
            "ad_personalization",
            "targeting",
            "c0004",
        ],
    ),
];

#[derive(Clone, Copy)]
enum Purpose {
    Personalization,
    Analytics,
    Marketing,
}

fn read_consent(fields: &Fields) -> Result<Consent, Refusal> {
    let top = fields.top.get("consent").filter(|value| !value.is_null());
    let Some(value) = top.or_else(|| fields.context.and_then(|c| c.get("consent"))).filter(|v| !v.is_null()) else {
        return Ok(Consent::default());
    };
    let Value::Object(given) = value else {
        return Err(Refusal::wrong_type("consent", type_of(value), "an object such as {\"personalization\": true}"));
    };
    let given = match given.get("categoryPreferences").or_else(|| given.get("category_preferences")) {
        Some(Value::Object(categories)) => categories,
        _ => given,
    };
    let mut consent = Consent::default();
    for (name, value) in given {
        let name_lower = name.to_ascii_lowercase();
        let Some((purpose, _)) = PURPOSES.iter().find(|(_, names)| names.contains(&name_lower.as_str())) else {
            continue;
        };
        let state = match purpose {
            Purpose::Personalization => &mut consent.personalization,
            Purpose::Analytics => &mut consent.analytics,
            Purpose::Marketing => &mut consent.marketing,
        };
        *state = stricter(*state, consent_state(name, value)?);
    }
    Ok(consent)
}

fn consent_state(name: &str, value: &Value) -> Result<ConsentState, Refusal> {
    let text = match value {
        Value::Bool(true) => return Ok(ConsentState::Granted),
        Value::Bool(false) => return Ok(ConsentState::Denied),
        Value::Null => return Ok(ConsentState::Unknown),
        Value::String(text) => text.to_ascii_lowercase(),
        other => return Err(Refusal::wrong_type(name, type_of(other), "true, false, granted or denied")),
    };
    match text.as_str() {
        "granted" | "true" | "yes" | "1" => Ok(ConsentState::Granted),
        "denied" | "false" | "no" | "0" => Ok(ConsentState::Denied),
        "unknown" | "unspecified" | "" => Ok(ConsentState::Unknown),
        _ => Err(Refusal::wrong_type(name, &quoted(&text), "true, false, granted or denied")),
    }
}

/// Two banner categories of one purpose: a refusal of either is a refusal.
fn stricter(left: ConsentState, right: ConsentState) -> ConsentState {
    use ConsentState::{Denied, Granted, Unknown};
    match (left, right) {
        (Denied, _) | (_, Denied) => Denied,
        (Granted, _) | (_, Granted) => Granted,
        (Unknown, Unknown) => Unknown,
    }
}
