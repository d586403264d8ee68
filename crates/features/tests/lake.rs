//! Events and products as rows of the lake.

mod events;

use arrow::{
    array::AsArray,
    datatypes::{Float64Type, Int64Type, TimestampMicrosecondType},
    record_batch::RecordBatch,
};
use domain::{ConsentState, Currency, Event, EventKind, Money, Product, UserKey};
use events::{START, event, order, product_id, recorded, user};
use features::{
    Training,
    lake::{interaction_rows, interactions_schema, product_rows, products_schema},
};

fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    batch[name].as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn ints(batch: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    batch[name].as_primitive::<Int64Type>().iter().collect()
}

#[test]
fn an_order_has_a_row_a_line_and_a_search_has_one_row() {
    let mut bought = event(EventKind::OrderCompleted, &[1, 2]);
    bought.order = order(7);
    bought.products[1].quantity = 3;
    bought.products[1].price = Some(Money::new(250, Currency::PEN));
    bought.products[1].position = Some(4);
    bought.details.duration_ms = Some(900);
    let batch = interaction_rows(&recorded([bought, event(EventKind::ProductsSearched, &[])]));
    assert_eq!(batch.schema(), interactions_schema());
    assert_eq!(ints(&batch, "position"), [Some(1), Some(1), Some(2)]);
    assert_eq!(texts(&batch, "product_id"), [Some("p1".to_owned()), Some("p2".to_owned()), None]);
    assert_eq!(texts(&batch, "interaction_type"), [Some("purchase".to_owned()), Some("purchase".to_owned()), None]);
    assert_eq!(ints(&batch, "quantity"), [Some(1), Some(3), None]);
    assert_eq!(ints(&batch, "price_minor"), [None, Some(250), None]);
    assert_eq!(ints(&batch, "list_position"), [None, Some(4), None]);
    // Of two products nobody knows which one took the time.
    assert_eq!(ints(&batch, "interaction_duration"), [None, None, None]);
    assert_eq!(batch["interaction_score"].as_primitive::<Float64Type>().value(0), 5.0);
    assert_eq!(ints(&batch, "occurred_at_us")[0], Some(START.micros()));
    assert_eq!(batch["timestamp_interaction"].as_primitive::<TimestampMicrosecondType>().value(0), START.micros());
    assert_eq!(texts(&batch, "user_id")[2], Some(user(1).to_string()));
}

#[test]
fn rows_name_nobody_who_does_not_want_it() {
    let named = Event { anonymous: Some(user(9)), ..event(EventKind::ProductViewed, &[1]) };
    let mut denied = named.clone();
    denied.consent.personalization = ConsentState::Denied;
    let nobody = Event { user: UserKey::NOBODY, ..named.clone() };
    let forgotten_visitor = Event { anonymous: Some(UserKey::NOBODY), ..named.clone() };
    let events = recorded([named, denied, nobody, forgotten_visitor]);
    let batch = interaction_rows(&events);
    let (one, nine) = (Some(user(1).to_string()), Some(user(9).to_string()));
    assert_eq!(texts(&batch, "user_id"), [one.clone(), None, None, one]);
    assert_eq!(texts(&batch, "anonymous_id"), [nine, None, None, None]);
    assert_eq!(texts(&batch, "consent_personalization")[1].as_deref(), Some("denied"));
}

#[test]
fn no_events_are_an_empty_batch() {
    assert_eq!((interaction_rows([]).num_rows(), product_rows([]).num_rows()), (0, 0));
}

#[test]
fn products_carry_the_analysts_columns() {
    let mut product = Product::new(product_id(1), "Taza");
    product.categories = vec!["Hogar".into(), "Cocina".into()];
    product.price = Some(Money::new(1_990, Currency::PEN));
    let batch = product_rows([&product, &Product::new(product_id(2), "Plato")]);
    assert_eq!(batch.schema(), products_schema());
    assert_eq!(texts(&batch, "product_category"), [Some("Cocina".to_owned()), None]);
    assert_eq!(texts(&batch, "category_path"), [Some("Hogar > Cocina".to_owned()), None]);
    assert_eq!(ints(&batch, "price_minor"), [Some(1_990), None]);
    assert!(batch["available"].as_boolean().value(0));
}

#[test]
fn a_lake_of_another_version_is_refused_by_name() {
    let batch = product_rows([&Product::new(product_id(1), "Taza")]);
    let error = Training::default().add_batch(&batch).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the interactions have no column position of type BIGINT; export the lake again with this version"
    );
}
