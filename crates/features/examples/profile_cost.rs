//! What impressions cost a profile: `cargo run --release -p features --example profile_cost [SLATES] [PRODUCTS]`.
//!
//! A user sees slates of ten of a shop's products, looks at one product a slate and buys one every fifth.

use std::time::Instant;

use domain::{
    Channel, Consent, Event, EventKind, Line, MessageId, Order, OrderId, Position, ProductId, Recorded, Timestamp,
    UserKey, event::Details, time::HOUR,
};
use features::Profile;

const START: Timestamp = Timestamp::from_seconds(1_782_864_000);
const SLATE: usize = 10;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let (n_slates, n_products) = (arguments.next().unwrap_or(100), arguments.next().unwrap_or(1_000));
    for (what, with) in [("without impressions", false), ("with impressions", true)] {
        let events: Vec<_> =
            visits(n_slates, n_products).filter(|event| with || event.kind != EventKind::Impression).collect();
        let recorded: Vec<_> =
            events.into_iter().zip(1..).map(|(event, n)| Recorded { position: Position(n), event }).collect();
        let (mut profile, start) = (Profile::default(), Instant::now());
        recorded.iter().for_each(|recorded| profile.fold(recorded));
        let micros = start.elapsed().as_secs_f64() * 1e6 / recorded.len() as f64;
        let bytes = rmp_serde::to_vec_named(&profile).expect("a profile can be stored").len();
        let start = Instant::now();
        let copies: Vec<_> = (0..1_000).map(|_| profile.clone()).collect();
        let copied = start.elapsed().as_secs_f64() * 1e6 / copies.len() as f64;
        println!("{what}: {} events, {bytes} bytes, {micros:.2} µs an event, {copied:.2} µs a copy", recorded.len());
    }
}

fn visits(n_slates: usize, n_products: usize) -> impl Iterator<Item = Event> {
    (0..n_slates).flat_map(move |slate| {
        let product = move |n: usize| (slate * 7_919 + n * 104_729) % n_products;
        let shown: Vec<_> = (0..SLATE).map(product).collect();
        let touch = if slate % 5 == 4 { EventKind::OrderCompleted } else { EventKind::ProductViewed };
        [event(slate, EventKind::Impression, &shown), event(slate, touch, &shown[..1])]
    })
}

/// Eight slates a day.
fn event(slate: usize, kind: EventKind, products: &[usize]) -> Event {
    let at = START + slate as i64 * 3 * HOUR;
    let order = OrderId::new(format!("order-{slate}")).expect("a short id");
    let line = |n: &usize| Line::of(ProductId::new(format!("product-{n:05}")).expect("a short id"));
    Event {
        message_id: MessageId::new(format!("{}-{slate}", kind.as_str())).expect("a short id"),
        kind,
        user: UserKey([1; 16]),
        anonymous: None,
        session_id: None,
        occurred_at: at,
        received_at: at,
        channel: Channel::Browser,
        consent: Consent::GRANTED,
        placement: None,
        recommendation_id: None,
        products: products.iter().map(line).collect(),
        order: (kind == EventKind::OrderCompleted).then(|| Order::of(order)),
        details: Details::default(),
    }
}
