//! A training learns what is bought together from the log's orders, where there are any.

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use domain::{Event, EventKind, Line, ModelVersion, ProductId, Timestamp};
use models::{Tensors, bought_together, catalogue};
use parking_lot::Mutex;
use store::{ShopStores, contract::sample, embedded};
use train::pipeline::{self, Order, Outcome, Recipe, Stores, TrainError};

const DAY: i64 = 86_400_000_000;

fn line(product: u64) -> Line {
    Line::of(ProductId::new(format!("p{product}")).unwrap())
}

/// The products that user `n % 20` buys in the `n`th event, a day after the one before; with the order's name if it has
/// one.
fn purchase(n: u64, products: &[u64], order: bool) -> Event {
    let event = if order { sample::purchase(n, &format!("o{n}")) } else { sample::event(n) };
    Event {
        kind: EventKind::OrderCompleted,
        user: sample::user(n % 20),
        occurred_at: Timestamp::from_micros(sample::event(0).occurred_at.micros() + n as i64 * DAY),
        products: products.iter().copied().map(line).collect(),
        ..event
    }
}

/// The neighbours of each product with their similarities, best first.
type Together = BTreeMap<String, Vec<(String, String)>>;

fn trained(events: Vec<Event>, models: &[&str]) -> Result<(Outcome, Together), TrainError> {
    let folder = tempfile::tempdir().unwrap();
    let stores = embedded::Stores::open(folder.path(), embedded::Options::default()).unwrap();
    let ShopStores { log, lake, registry, .. } = stores.shop::<()>("shop").unwrap();
    log.append(events).wait().unwrap();
    let recipe = Recipe {
        models: models.iter().map(|name| (*name).to_owned()).collect(),
        options: vec![("bought-together.support".to_owned(), "0".to_owned())],
        seed: 1,
        recommend_purchased: true,
    };
    let order = Order {
        shop: "shop".to_owned(),
        version: ModelVersion::new("v1").unwrap(),
        now: Timestamp::from_seconds(1_800_000_000),
        code_version: "test".to_owned(),
        gate_ratio: 0.0,
    };
    let guard = Mutex::new(());
    let stores = Stores {
        log: &*log,
        lake: &*lake,
        lake_guard: &guard,
        registry: &*registry,
        carried: &|_| Ok(BTreeMap::new()),
    };
    let outcome = pipeline::run(stores, &recipe, &order, &|_| {}, &AtomicBool::new(false))?;
    let mut together = BTreeMap::new();
    if outcome.manifest.models.iter().any(|name| name == bought_together::NAME) {
        let file = |name: &str| registry.file(&outcome.manifest.version, name).unwrap();
        let items: Vec<String> = serde_json::from_slice(&file(pipeline::ITEMS_FILE)).unwrap();
        let model = catalogue::load(&Tensors::from_bytes(&file("bought-together.safetensors")).unwrap()).unwrap();
        for (item, name) in (0..).zip(&items) {
            let neighbours = model.neighbours(item, 9).into_iter();
            let neighbours = neighbours.map(|n| (items[n.item as usize].clone(), format!("{:.3}", n.similarity)));
            together.insert(name.clone(), neighbours.collect());
        }
    }
    Ok((outcome, together))
}

/// Every third order is of 1 and 2, every third of 3, 4 and 5, every third of 6 alone.
fn orders() -> Vec<Event> {
    let products = |n: u64| [&[1, 2][..], &[3, 4, 5], &[6]][n as usize % 3];
    (0..120).map(|n| purchase(n, products(n), true)).collect()
}

#[test]
fn a_version_knows_what_is_bought_together() {
    let (outcome, together) = trained(orders(), &["popular", "bought-together", "item-knn"]).unwrap();
    assert_eq!(outcome.manifest.models, ["popular", "bought-together", "item-knn"]);
    assert_eq!(outcome.manifest.facts["n_orders"], 120.0);
    let names = |product: &str| together[product].iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!((names("p1"), names("p6")), (vec!["p2"], vec![]), "users buy 6 too, but on other days");
    assert_eq!(together["p3"], [("p4".to_owned(), "1.000".to_owned()), ("p5".to_owned(), "1.000".to_owned())]);
    assert!(!outcome.verdict.contains("without"), "{}", outcome.verdict);
    let judged: Vec<&String> = outcome.manifest.metrics.keys().filter(|key| key.contains('/')).collect();
    assert!(judged.iter().all(|key| key.starts_with("popular/")), "it speaks for carts, not for shoppers: {judged:?}");
}

#[test]
fn without_orders_a_users_purchases_of_one_day_are_one() {
    // Each purchase is an event of its own, two on one day.
    let events = (0..120).map(|n| {
        let again = purchase(n / 2, &[1 + n % 2 + 2 * (n / 2 % 2)], false);
        Event { message_id: sample::event(n).message_id, ..again }
    });
    let (outcome, together) = trained(events.collect(), &["popular", "bought-together"]).unwrap();
    assert_eq!(outcome.manifest.facts["n_orders"], 60.0);
    assert_eq!(together["p1"], [("p2".to_owned(), "1.000".to_owned())]);
}

#[test]
fn a_shop_without_orders_of_two_products_is_told_so() {
    let views = || {
        let view = |n: u64| Event { kind: EventKind::ProductViewed, ..purchase(n, &[n % 7, n % 3], false) };
        let bought = |n: u64| purchase(n, &[n % 7], true);
        (0..60).map(view).chain((60..90).map(bought)).collect::<Vec<_>>()
    };
    let (outcome, _) = trained(views(), &["popular", "bought-together", "item-knn"]).unwrap();
    assert_eq!(outcome.manifest.models, ["popular", "item-knn"]);
    assert!(outcome.verdict.starts_with("without bought-together: no order has two products; "), "{}", outcome.verdict);
    let recipe: Recipe = serde_json::from_value(outcome.manifest.options).unwrap();
    assert!(recipe.models.contains(&"bought-together".to_owned()), "the next training looks again");
    let error = trained(views(), &["bought-together"]).unwrap_err().to_string();
    assert!(error.contains("no order of two products, which bought-together learns from"), "{error}");
}

#[test]
fn who_does_not_allow_it_is_not_learned_from() {
    let mut events = orders();
    events.extend((120..140).map(|n| {
        let mut event = purchase(n, &[1, 6], true);
        event.consent.personalization = domain::ConsentState::Denied;
        event
    }));
    let (outcome, together) = trained(events, &["popular", "bought-together"]).unwrap();
    assert_eq!((outcome.manifest.facts["n_orders"], together["p6"].len()), (120.0, 0));
}
