//! What comes in at the live door, and what becomes of it.

mod common;

use collect::{Batch, Incoming, Verdicts};
use common::{Bench, at, bench, pseudonyms};
use domain::{Channel, Consent, ConsentState, Currency, Event, EventKind, Money, UserKey};
use privacy::ConsentPolicy;
use proptest::prelude::*;
use serde_json::{Value, json};

fn send_as(bench: &Bench, channel: Channel, events: Vec<Value>) -> Verdicts {
    let events = events.into_iter().map(Incoming::from).collect();
    let batch = Batch::new(events, channel, at("2026-07-28T15:00:00Z"));
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(bench.collector.accept(batch)).unwrap()
}

fn send(bench: &Bench, events: Vec<Value>) -> Verdicts {
    send_as(bench, Channel::Server, events)
}

/// The event that this JSON becomes.
fn event(json: Value) -> Event {
    let bench = bench(ConsentPolicy::Infer);
    let verdicts = send(&bench, vec![json]);
    assert_eq!(verdicts.accepted, 1, "{verdicts:?}");
    bench.log.events().remove(0)
}

/// The code with which this JSON is refused.
fn refusal(json: Value) -> &'static str {
    let bench = bench(ConsentPolicy::Infer);
    let verdicts = send_as(&bench, Channel::Browser, vec![json]);
    assert_eq!((verdicts.rejected.len(), bench.log.events().len()), (1, 0), "{verdicts:?}");
    verdicts.rejected[0].code
}

fn view(user: &str, product: &str) -> Value {
    json!({"event": "product_viewed", "message_id": format!("{user}-{product}"), "user_id": user, "product_id": product})
}

#[test]
fn a_bad_event_never_harms_the_good_ones() {
    let bench = bench(ConsentPolicy::Infer);
    let verdicts = send(
        &bench,
        vec![view("u1", "a"), json!({"event": "Product Eaten"}), view("u1", "a"), json!(7), view("u2", "b")],
    );
    assert_eq!((verdicts.accepted, verdicts.duplicates, verdicts.ignored, verdicts.withheld), (2, 1, 0, 0));
    let rejected: Vec<_> = verdicts.rejected.iter().map(|r| (r.index, r.code)).collect();
    assert_eq!(rejected, [(1, "unknown_event"), (3, "wrong_type")]);
    assert_eq!(verdicts.positions.iter().flatten().map(|p| p.0).collect::<Vec<_>>(), [1, 2]);
    let again = send(&bench, vec![view("u1", "a"), view("u2", "b")]);
    assert_eq!((again.accepted, again.duplicates), (0, 2));
}

#[test]
fn segment_s_track_call_is_understood() {
    let event = event(json!({
        "type": "track", "event": "Order Completed", "messageId": "ajs-1", "userId": "u1", "anonymousId": "a1",
        "originalTimestamp": "2026-07-28T16:59:00Z", "sentAt": "2026-07-28T17:00:00Z",
        "context": {
            "page": {"url": "https://bodega.pe/gracias?email=ana@correo.pe"},
            "consent": {"categoryPreferences": {"Advertising": false, "Analytics": true, "Functional": true}}
        },
        "properties": {
            "order_id": "o-1", "revenue": 19.9, "shipping": "10.00", "tax": 3.58, "total": 33.48, "discount": 0.1,
            "currency": "PEN",
            "products": [{"product_id": "p1", "sku": "p1-rojo", "quantity": 2, "price": 9.95, "position": 1}]
        }
    }));
    let soles = |minor| Some(Money::new(minor, Currency::PEN));
    assert_eq!(event.kind, EventKind::OrderCompleted);
    assert_eq!(event.user, pseudonyms().known("bodega", "u1"));
    assert_eq!(event.anonymous, Some(pseudonyms().anonymous("bodega", "a1")));
    assert_eq!(event.occurred_at, at("2026-07-28T14:59:00Z"), "a clock two hours ahead is put right");
    let order = event.order.unwrap();
    assert_eq!(
        (order.subtotal, order.shipping, order.tax, order.total, order.discount),
        (soles(1990), soles(1000), soles(358), soles(3348), soles(10))
    );
    let line = &event.products[0];
    assert_eq!((line.quantity, line.price, line.position), (2, soles(995), Some(1)));
    assert_eq!(line.variant_id.as_deref(), Some("p1-rojo"));
    assert_eq!(event.details.page.as_deref(), Some("https://bodega.pe/gracias?email=[hidden]"));
    let expected = Consent {
        personalization: ConsentState::Granted,
        analytics: ConsentState::Granted,
        marketing: ConsentState::Denied,
    };
    assert_eq!(event.consent, expected);
}

#[test]
fn an_analyst_s_row_is_understood() {
    let event = event(json!({
        "user_id": 17850, "product_id": 85123, "interaction_type": "view", "interaction_duration": 12.5,
        "timestamp_interaction": "2026-07-01 10:00:00"
    }));
    assert_eq!((event.kind, event.details.duration_ms), (EventKind::ProductViewed, Some(12_500)));
    assert_eq!(event.occurred_at, at("2026-07-01T10:00:00-05:00"), "a time without offset is the shop's");
    assert_eq!(event.products[0].product_id.as_str(), "85123");
    let rated =
        self::event(json!({"user_id": "u", "product_id": "p", "interaction_type": "rating", "interaction_score": "4"}));
    assert_eq!((rated.kind, rated.details.rating), (EventKind::ProductRated, Some(4.0)));
    let bought = self::event(
        json!({"user_id": "u", "product_id": "p", "interaction_type": "purchase", "timestamp": 1785250800}),
    );
    assert!(bought.order.unwrap().order_id.as_str().starts_with("row-h-"));
}

#[test]
fn ga4_s_purchase_is_understood() {
    let event = event(json!({
        "name": "purchase", "client_id": "1.2",
        "params": {"transaction_id": "T1", "value": 20, "currency": "USD", "items": [{"item_id": "x", "price": 10, "quantity": 2}]}
    }));
    assert_eq!(event.kind, EventKind::OrderCompleted);
    assert_eq!(event.order.unwrap().subtotal, Some(Money::new(2000, Currency::USD)));
    assert_eq!(event.user, pseudonyms().anonymous("bodega", "1.2"));
}

#[test]
fn refusals_have_stable_codes() {
    let with = |name: &str, value: Value| {
        let mut json = view("u", "p");
        json[name] = value;
        json
    };
    let cases = [
        (json!({}), "missing_field"),
        (json!({"event": "view", "product_id": "p"}), "missing_field"),
        (json!({"event": "view", "user_id": "u"}), "missing_field"),
        (with("user_id", json!("undefined")), "missing_field"),
        (with("user_id", json!({"id": 1})), "wrong_type"),
        (with("user_id", json!(UserKey([1; 16]).to_string())), "bad_id"),
        (with("message_id", json!("x".repeat(129))), "bad_id"),
        (with("product_id", json!("p\u{0}q")), "bad_id"),
        (with("price", json!("1990,50")), "bad_amount"),
        (with("price", json!("-1")), "out_of_range"),
        (with("price", json!("1 soles")), "bad_amount"),
        (with("quantity", json!(0)), "out_of_range"),
        (with("quantity", json!(0.35)), "out_of_range"),
        (with("quantity", json!("many")), "wrong_type"),
        (with("rating", json!(6)), "out_of_range"),
        (with("timestamp", json!("yesterday")), "bad_time"),
        (with("timestamp", json!("2026-06-01T00:00:00Z")), "too_old"),
        (with("timestamp", json!(1000)), "out_of_range"),
        (with("products", json!({"a": 1})), "wrong_type"),
        (with("products", json!([{"price": 1}])), "missing_field"),
        (with("products", json!(vec!["p"; 501])), "too_many_products"),
        (with("consent", json!("yes")), "wrong_type"),
        (with("consent", json!({"personalization": "maybe"})), "wrong_type"),
        (with("currency", json!("soles")), "bad_amount"),
    ];
    for (json, code) in cases {
        assert_eq!(refusal(json.clone()), code, "{json}");
    }
}

#[test]
fn an_event_too_large_is_refused_before_it_is_read() {
    let bench = bench(ConsentPolicy::Infer);
    let json = serde_json::value::to_raw_value(&json!({"event": "view", "x": "y".repeat(40_000)})).unwrap();
    let batch = Batch::new(vec![json.into()], Channel::Browser, at("2026-07-28T15:00:00Z"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let verdicts = runtime.block_on(bench.collector.accept(batch)).unwrap();
    assert_eq!(verdicts.rejected[0].code, "too_large");
}

#[test]
fn quarantine_names_nobody_and_can_be_replayed() {
    let bench = bench(ConsentPolicy::Infer);
    let bad = json!({
        "type": "track", "event": "Product Eaten", "userId": "ana-42", "anonymousId": "cookie-7",
        "properties": {"product_id": "p1", "email": "ana@correo.pe", "query": "llamar 987654321"},
        "context": {"ip": "190.1.2.3", "traits": {"name": "Ana"}, "page": {"url": "/p?correo=ana@correo.pe"}}
    });
    send(&bench, vec![bad]);
    let row = bench.quarantine.0.lock()[0].clone();
    assert_eq!((row.code.as_str(), row.origin.as_str()), ("unknown_event", "server[0]"));
    for secret in ["ana", "cookie-7", "987654321", "190.1", "Ana"] {
        assert!(!row.raw.contains(secret), "{secret} in {}", row.raw);
    }
    let mut mended: Value = serde_json::from_str(&row.raw).unwrap();
    mended["event"] = "Product Viewed".into();
    assert_eq!(send(&bench, vec![mended]).accepted, 1);
    assert_eq!(bench.log.events()[0].user, pseudonyms().known("bodega", "ana-42"));
}

#[test]
fn what_the_shopper_refused_is_not_kept() {
    let bench = bench(ConsentPolicy::Require);
    let consent = |granted: bool| json!({"personalization": granted, "analytics": granted});
    let search = |id: &str, consent: Value| {
        json!({
            "event": "products_searched", "message_id": id, "user_id": "u", "session_id": "s",
            "query": "regalo para ana@correo.pe", "consent": consent
        })
    };
    let order = json!({
        "event": "order_completed", "message_id": "m3", "user_id": "u", "session_id": "s", "order_id": "o1",
        "products": [{"product_id": "p", "price": "5"}], "total": "5", "consent": consent(false)
    });
    let verdicts = send(&bench, vec![search("m1", consent(true)), search("m2", consent(false)), order.clone(), order]);
    assert_eq!((verdicts.accepted, verdicts.withheld, verdicts.duplicates), (2, 1, 1));
    let events = bench.log.events();
    assert_eq!(events[0].details.query.as_deref(), Some("regalo para [email]"));
    let order = &events[1];
    assert!(order.user.is_nobody() && order.session_id.is_none() && order.message_id.as_str() != "m3");
    assert_eq!(order.order.as_ref().unwrap().total, Some(Money::new(500, Currency::PEN)));
    assert_eq!(order.products.len(), 1);
}

#[test]
fn without_a_message_id_the_content_is_the_id() {
    let bench = bench(ConsentPolicy::Infer);
    let view = |sent: &str| json!({"event": "view", "user_id": "u", "product_id": "p", "timestamp": 1785250000, "sentAt": sent});
    let verdicts = send(&bench, vec![view("2026-07-28T15:00:00Z"), view("2026-07-28T15:00:05Z")]);
    assert_eq!((verdicts.accepted, verdicts.duplicates), (1, 1));
}

#[test]
fn segment_s_identify_is_no_event() {
    let bench = bench(ConsentPolicy::Infer);
    let verdicts = send(&bench, vec![json!({"type": "identify", "userId": "u", "traits": {"email": "a@b.pe"}})]);
    assert_eq!((verdicts.ignored, verdicts.rejected.len(), bench.log.events().len()), (1, 0, 0));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("2026-07-28T15:00:00Z")),
        Just(json!("product_viewed")),
        Just(json!("99.90 PEN")),
    ];
    let name = prop_oneof![
        prop::sample::select(vec![
            "event",
            "type",
            "user_id",
            "userId",
            "anonymousId",
            "product_id",
            "products",
            "items",
            "properties",
            "context",
            "consent",
            "timestamp",
            "sentAt",
            "price",
            "quantity",
            "order_id",
            "total",
            "currency",
            "query",
            "page",
            "rating",
            "position",
            "interaction_duration",
            "categoryPreferences",
            "personalization",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,5}",
    ];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..8).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever comes in, each event gets exactly one verdict and nothing panics.
    #[test]
    fn every_event_is_counted_once(events in prop::collection::vec(any_json(), 1..6)) {
        let bench = bench(ConsentPolicy::Infer);
        let n = events.len() as u64;
        let v = send_as(&bench, Channel::Browser, events);
        prop_assert_eq!(v.accepted + v.duplicates + v.ignored + v.withheld + v.rejected.len() as u64, n);
        prop_assert_eq!(bench.log.events().len() as u64, v.accepted);
        prop_assert_eq!(bench.quarantine.0.lock().len(), v.rejected.len());
        for event in bench.log.events() {
            prop_assert!(event.check().is_ok());
        }
    }
}
