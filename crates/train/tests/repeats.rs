//! A shop that shows purchases again learns that people buy the same things again.

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use domain::{Event, EventKind, Line, ModelVersion, ProductId, Timestamp};
use parking_lot::Mutex;
use store::{ShopStores, contract::sample, embedded};
use train::pipeline::{self, Order, Recipe, Stores};

const DAY: i64 = 86_400_000_000;
const WEEKS: u64 = 20;
const USERS: u64 = 30;

/// Each user has three products of their own, bought every week, every second and every third; and every week takes one of
/// the five of a season, which everybody has once.
fn week(week: u64, user: u64) -> Event {
    let order = week * USERS + user;
    let own = (0..3).filter(|n| week.is_multiple_of(n + 1)).map(|n| 3 * user + n);
    let season = 3 * USERS + week / 5 * 5 + (week + user) % 5;
    Event {
        kind: EventKind::OrderCompleted,
        user: sample::user(user),
        occurred_at: Timestamp::from_micros(sample::event(0).occurred_at.micros() + 7 * week as i64 * DAY),
        products: own.chain([season]).map(|n| Line::of(ProductId::new(format!("p{n}")).unwrap())).collect(),
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
    let (blend, buy_again, trending) = (ndcg("ndcg@20"), ndcg("buy-again/ndcg@20"), ndcg("trending/ndcg@20"));
    assert!(buy_again > 0.7 && blend > buy_again - 0.05, "{blend} beside {buy_again} and {trending}");
}
