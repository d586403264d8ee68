//! What a slate costs, in time and in allocations: `cargo run --release -p serve --example slate_cost [PRODUCTS] [EVENTS] [PLAN]`.
//!
//! A made-up shop (Zipf, a hundred tastes, a deal in twenty products), the default hybrid, and one request after the other on one thread: the
//! built-in plan of the front page, and another (`bench/full.toml`) without and with 200 rules.

use std::{alloc::System, fs, sync::Arc, time::Instant};

use domain::*;
use features::{PriceIndex, Profile, Replenishment};
use models::{FitContext, Interaction, Interactions, TrainingData, catalogue};
use serve::{ModelSet, Offers, Plan, Policy, Rules, Shelf, Shopper, Snapshot};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NOW: Timestamp = Timestamp::from_seconds(1_785_000_000);
const TASTES: usize = 100;
const MODELS: [&str; 4] = ["popular", "trending", "item-knn", "hybrid"];
const FULL: &str = include_str!("../../../bench/full.toml");
const N_RULES: u64 = 200;
const N_REQUESTS: usize = 2_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: usize| arguments.next().map_or(or, |text| text.parse().expect("a number"));
    let (n_products, n_events) = (number(100_000), number(1_000_000));
    let plan = arguments.next().map(|file| fs::read_to_string(file).expect("a plan"));
    let plan = Plan::parse("home", plan.as_deref().unwrap_or(FULL), Currency::PEN).expect("a plan");
    let started = Instant::now();
    let rows = rows(n_products, n_events);
    let shop = shop(n_products, &rows);
    println!("{n_products} products, {n_events} events: made in {:.0} s", started.elapsed().as_secs_f64());
    let shoppers = shoppers(&rows);
    let ruled = shop.clone().with_rules(Arc::new(rules()));
    measure("plan home", &shop, &shoppers, None);
    measure("the plan", &shop, &shoppers, Some(&plan));
    measure("the plan, 200 rules", &ruled, &shoppers, Some(&plan));
}

fn measure(name: &str, shop: &Snapshot, shoppers: &[Shopper], plan: Option<&Plan>) {
    let policy = Policy { plan, ..Policy::default() };
    let query = query();
    let ask = |at: usize| {
        let id = RecommendationId::new("r1").expect("a short id");
        serve::recommend_traced(shop, &shoppers[at % shoppers.len()], &query, policy, id).0.items.len()
    };
    // Rules remember what they said of a product: measured is a shop that has served for a while.
    let warm: usize = (0..N_REQUESTS).map(ask).sum();
    let (region, started) = (Region::new(ALLOCATOR), cpu_micros());
    let mut micros: Vec<f64> = (0..N_REQUESTS)
        .map(|at| {
            let started = Instant::now();
            ask(at);
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let (mean, stats) = ((cpu_micros() - started) / N_REQUESTS as f64, region.change());
    micros.sort_by(f64::total_cmp);
    println!(
        "{name:<22} {mean:>6.0} µs CPU (p50 {:.0}, p99 {:.0} by the clock), {} allocations of {} kB in all, {:.1} products",
        micros[N_REQUESTS / 2],
        micros[N_REQUESTS * 99 / 100],
        (stats.allocations + stats.reallocations) / N_REQUESTS,
        stats.bytes_allocated / N_REQUESTS / 1_000,
        warm as f64 / N_REQUESTS as f64,
    );
}

/// What this thread worked so far, by Linux's account.
fn cpu_micros() -> f64 {
    let account = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    account.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).expect("a number") / 1e3
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) of a number.
fn noise(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Ten a user, seven in ten of the user's own taste; the rank of a product is Zipf's with exponent 1.
fn rows(n_products: usize, n_events: usize) -> Vec<Interaction> {
    let zipf = |draw: u64, n: usize| ((n as f64).powf((draw >> 11) as f64 / (1u64 << 53) as f64) as usize).min(n - 1);
    let row = |at: usize| {
        let draw = |what: u64| noise(at as u64 * 4 + what);
        let user = at / 10;
        let item = match draw(0) % 10 {
            0..7 => (zipf(draw(1), n_products / TASTES) * TASTES + user % TASTES).min(n_products - 1),
            _ => zipf(draw(1), n_products),
        };
        let age = (draw(2) % (90 * 86_400)) as i64;
        Interaction { user: user as u32, item: item as u32, weight: 1.0, timestamp: NOW.seconds() - age }
    };
    (0..n_events).map(row).collect()
}

fn id(number: usize) -> ProductId {
    ProductId::new(format!("p{number:07}")).expect("a short id")
}

fn price(number: usize) -> Money {
    Money::new(100 + (number as i64 * 7_919) % 19_900, Currency::PEN)
}

fn shop(n_products: usize, rows: &[Interaction]) -> Snapshot {
    let product = |number: usize| {
        let mut product = Product::new(id(number), format!("Producto {number}"));
        product.categories = vec![format!("Rubro {}", number % TASTES)];
        product.brand = Some(format!("Marca {}", number % 997));
        product.price = Some(price(number));
        Arc::new(product)
    };
    let interactions = Interactions::new(rows.len().div_ceil(10), n_products, rows).expect("numbers in range");
    let options: [(&str, &str); 0] = [];
    let fit = |name: &str| {
        catalogue::fit(name, &options, &TrainingData::new(&interactions), &FitContext::quiet(1)).expect("a model")
    };
    let items = (0..n_products).map(id).collect();
    let version = ModelVersion::new("v1").ok();
    let models = ModelSet::new(version, Some(NOW), items, MODELS.into_iter().map(fit).collect());
    let shelf = Shelf::new((0..n_products).map(product).collect());
    let fall = |number: usize| {
        let before = price(number);
        let point = |days: i64, minor: i64| PricePoint {
            product_id: id(number),
            at: NOW - days * time::DAY,
            price: Some(Money::new(minor, before.currency)),
            available: true,
        };
        [point(90, before.minor), point(3, before.minor * (60 + number as i64 % 31) / 100)]
    };
    let points: Vec<PricePoint> = (0..n_products).step_by(20).flat_map(fall).collect();
    let people: [Arc<Profile>; 0] = [];
    let offers = Offers::new(PriceIndex::of(&points), Replenishment::default(), &shelf, people, NOW);
    Snapshot::new(Arc::new(models), Arc::new(shelf)).with_offers(Arc::new(offers))
}

/// Boosts, buries, caps and exclusions of price bands.
fn rules() -> Rules {
    let rule = |at: u64| {
        let from = noise(at) % 200;
        let band = format!("price >= {from} and price < {}", from + 1 + noise(at + 1_000) % 20);
        let (action, condition) = match at % 4 {
            0 => (r#"{"kind": "boost", "factor": 1.5}"#, band),
            1 => (r#"{"kind": "bury", "factor": 0.5}"#, band),
            2 => (r#"{"kind": "cap", "max": 3}"#, band),
            _ => (r#"{"kind": "exclude"}"#, format!("{band} and product_id = 'none'")),
        };
        let rule = format!(r#"{{"rule_id": "r{at}", "where": "{condition}", "action": {action}}}"#);
        serde_json::from_str(&rule).expect("a rule")
    };
    Rules::new(1, (0..N_RULES).map(rule).collect(), Currency::PEN, jiff::tz::TimeZone::UTC, Announced::default())
        .expect("rules without errors")
}

/// Five hundred of those who did something.
fn shoppers(rows: &[Interaction]) -> Vec<Shopper> {
    let of = |user: &[Interaction]| {
        let mut profile = Profile::default();
        user.iter().enumerate().for_each(|(at, row)| profile.fold(&view(at as u64 + 1, row)));
        Shopper::of(profile)
    };
    rows.chunks(10).take(500).map(of).collect()
}

fn view(position: u64, row: &Interaction) -> Recorded {
    let event = Event {
        message_id: MessageId::new(format!("m{position}")).expect("a short id"),
        kind: EventKind::ProductViewed,
        user: UserKey([1; 16]),
        anonymous: None,
        session_id: None,
        occurred_at: Timestamp::from_seconds(row.timestamp),
        received_at: NOW,
        channel: Channel::Server,
        consent: Consent::default(),
        placement: None,
        recommendation_id: None,
        products: vec![Line::of(id(row.item as usize))],
        order: None,
        details: Default::default(),
    };
    Recorded { position: Position(position), event }
}

fn query() -> Query {
    let home = PlacementId::new("home").expect("a short id");
    let filters = Filters { available: true, price_max: Some(Money::new(10_000, Currency::PEN)), ..Filters::default() };
    Query { filters, ..Query::of_user(home, UserKey([1; 16]), 10, NOW) }
}
