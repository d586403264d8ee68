//! Small events, products and manifests, alike wherever they are made.

use std::collections::BTreeMap;

use domain::{
    Channel, Consent, Event, EventKind, Line, MessageId, ModelVersion, Order, OrderId, Position, Product, ProductId,
    Timestamp, UserKey,
};

use crate::{CurvePoint, FeatureImportance, Manifest};

pub fn user(n: u64) -> UserKey {
    UserKey((u128::from(n) + 1).to_be_bytes())
}

/// A product view: event `n`, of one of a hundred users.
pub fn event(n: u64) -> Event {
    event_of(n, user(n % 100))
}

pub fn event_of(n: u64, user: UserKey) -> Event {
    let at = Timestamp::from_seconds(1_785_250_800 + n as i64);
    Event {
        message_id: MessageId::new(format!("message-{n:012}")).expect("a short id"),
        kind: EventKind::ProductViewed,
        user,
        anonymous: None,
        session_id: None,
        occurred_at: at,
        received_at: at,
        channel: Channel::Browser,
        consent: Consent::GRANTED,
        placement: None,
        recommendation_id: None,
        products: vec![Line::of(ProductId::new(format!("product-{}", n % 1_000)).expect("a short id"))],
        order: None,
        details: Default::default(),
    }
}

/// The completion of an order, under a message id of its own.
pub fn purchase(n: u64, order: &str) -> Event {
    Event {
        kind: EventKind::OrderCompleted,
        order: Some(Order::of(OrderId::new(order).expect("a short id"))),
        ..event(n)
    }
}

pub fn product(id: &str, name: &str) -> Product {
    Product::new(ProductId::new(id).expect("a short id"), name)
}

pub fn manifest(version: &str, seconds: i64) -> Manifest {
    Manifest {
        version: ModelVersion::new(version).expect("a short id"),
        created_at: Timestamp::from_seconds(seconds),
        models: vec!["popular".to_owned()],
        log_position: Position(7),
        options: serde_json::json!({ "factors": 8 }),
        seed: 42,
        code_version: "test".to_owned(),
        metrics: BTreeMap::from([("ndcg@10".to_owned(), 0.25)]),
        facts: BTreeMap::from([("n_users".to_owned(), 3.0)]),
        curves: BTreeMap::from([(
            "bpr".to_owned(),
            vec![CurvePoint { epoch: 1, train_loss: 0.5, validation_ndcg: Some(0.1) }],
        )]),
        importance: BTreeMap::from([(
            "hybrid".to_owned(),
            vec![FeatureImportance { feature: "popular score".to_owned(), gain: 0.5, permutation: 0.1 }],
        )]),
        checksums: BTreeMap::new(),
    }
}
