//! A shop that shows purchases again learns that people buy the same things again.

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use domain::{Event, EventKind, Line, ModelVersion, ProductId, Timestamp};
use parking_lot::Mutex;
use store::{ShopStores, contract::sample, embedded};
use train::pipeline::{self, Order, Recipe, Stores};

const DAY: i64 = 86_400_000_000;
const WEEKS: u64 = 20;
const USERS: u64 = 30;

/// Every week each user buys their own three products, and what everybody buys that week and never again.
fn week(week: u64, user: u64) -> Event {
    let order = week * USERS + user;
    let products = [3 * user, 3 * user + 1, 3 * user + 2, 3 * USERS + week];
    Event {
        kind: EventKind::OrderCompleted,
        user: sample::user(user),
        occurred_at: Timestamp::from_micros(sample::event(0).occurred_at.micros() + 7 * week as i64 * DAY),
        products: products.iter().map(|n| Line::of(ProductId::new(format!("p{n}")).unwrap())).collect(),
        ..sample::purchase(order, &format!("o{order}"))
    }
}

#[test]
fn a_blend_trusts_what_finds_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let stores = embedded::Stores::open(folder.path(), embedded::Options::default()).unwrap();
    let ShopStores { log, lake, registry, .. } = stores.shop::<()>("shop").unwrap();
    let events = (0..WEEKS).flat_map(|n| (0..USERS).map(move |user| week(n, user)));
    log.append(events.collect()).wait().unwrap();
    let recipe = Recipe {
        models: ["trending", "buy-again", "hybrid"].map(str::to_owned).to_vec(),
        options: vec![("hybrid.sources".to_owned(), "buy-again,trending".to_owned())],
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
    let manifest = pipeline::run(stores, &recipe, &order, &|_| {}, &AtomicBool::new(false)).unwrap().manifest;
    let ndcg = |name: &str| manifest.metrics[name];
    // Of what the last weeks hold, what is in nobody's past cannot be found.
    assert!(ndcg("buy-again/ndcg@20") > 0.6, "{:?}", manifest.metrics);
    assert!(ndcg("ndcg@20") > 0.6, "the blend: {:?}", manifest.metrics);
    assert!(ndcg("trending/ndcg@20") < 0.3, "{:?}", manifest.metrics);
}
