//! Random shoppers for tests, from a seed: a few users and products that meet often, every kind of event about products,
//! disorder in time, refunds before their orders, nobody, denied consent.

#![allow(dead_code, reason = "each test uses its part")]

use domain::{
    Channel, Consent, ConsentState, Currency, Event, EventKind, Line, MessageId, Money, Order, OrderId, Position,
    Preference, Product, ProductId, Recorded, SessionId, Timestamp, UserKey,
    event::Details,
    time::{DAY, HOUR, MINUTE, SECOND},
};

/// 2026-07-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_seconds(1_782_864_000);

/// Splitmix64 (Steele, Lea, Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            values.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

pub fn user(n: u8) -> UserKey {
    UserKey([n; 16])
}

pub fn product_id(n: u64) -> ProductId {
    ProductId::new(format!("p{n}")).unwrap()
}

/// An event of user 1 at [`START`].
pub fn event(kind: EventKind, products: &[u64]) -> Event {
    Event {
        message_id: MessageId::new("m").unwrap(),
        kind,
        user: user(1),
        anonymous: None,
        session_id: None,
        occurred_at: START,
        received_at: START + SECOND,
        channel: Channel::Server,
        consent: Consent::default(),
        placement: None,
        recommendation_id: None,
        products: products.iter().map(|n| Line::of(product_id(*n))).collect(),
        order: None,
        details: Details::default(),
    }
}

pub fn order(n: u64) -> Option<Order> {
    Some(Order::of(OrderId::new(format!("o{n}")).unwrap()))
}

/// The events in the log, in the order given.
pub fn recorded(events: impl IntoIterator<Item = Event>) -> Vec<Recorded> {
    events.into_iter().zip(1..).map(|(event, position)| Recorded { position: Position(position), event }).collect()
}

/// Checked events of five users (`user(0)` is nobody) about `n_products` products within six weeks.
pub fn random_events(seed: u64, n: usize, n_products: u64) -> Vec<Event> {
    let mut random = Random(seed);
    let mut events = Vec::new();
    while events.len() < n {
        let mut event = random_event(&mut random, n_products);
        event.message_id = MessageId::new(format!("m{}", events.len())).unwrap();
        // An order is completed once, as the log sees to.
        let completes = |other: &Event| other.kind == EventKind::OrderCompleted && other.order == event.order;
        if event.kind == EventKind::OrderCompleted && events.iter().any(completes) {
            continue;
        }
        assert_eq!(event.check(), Ok(()));
        events.push(event);
    }
    events
}

fn random_event(random: &mut Random, n_products: u64) -> Event {
    use EventKind as K;
    const KINDS: [EventKind; 26] = [
        K::PageViewed,
        K::Impression,
        K::Impression,
        K::ProductClicked,
        K::ProductViewed,
        K::ProductViewed,
        K::ProductViewed,
        K::ProductAdded,
        K::ProductAdded,
        K::ProductRemoved,
        K::ProductAddedToWishlist,
        K::ProductShared,
        K::ProductRated,
        K::ProductRated,
        K::ProductReviewed,
        K::ProductDwelled,
        K::ProductDwelled,
        K::OrderCompleted,
        K::OrderCompleted,
        K::OrderCompleted,
        K::OrderCompleted,
        K::OrderRefunded,
        K::OrderRefunded,
        K::OrderCancelled,
        K::PreferenceDeclared,
        K::PreferenceDeclared,
    ];
    let kind = KINDS[random.below(KINDS.len() as u64) as usize];
    let n_lines = match kind {
        K::PageViewed | K::OrderCancelled => 0,
        K::PreferenceDeclared => random.below(2),
        K::Impression | K::OrderCompleted => 1 + random.below(4),
        K::OrderRefunded => random.below(3),
        _ => 1,
    };
    let mut event = event(kind, &(0..n_lines).map(|_| random.below(n_products)).collect::<Vec<_>>());
    let who = random.below(6);
    event.user = if who == 0 { UserKey::NOBODY } else { user(who as u8) };
    event.occurred_at =
        START + random.below(42) as i64 * DAY + random.below(24) as i64 * HOUR + random.below(60) as i64 * MINUTE;
    event.received_at = event.occurred_at + SECOND;
    event.session_id = (random.below(3) > 0).then(|| SessionId::new(format!("s{}", random.below(9))).unwrap());
    event.consent.personalization =
        [ConsentState::Granted, ConsentState::Unknown, ConsentState::Unknown, ConsentState::Denied]
            [random.below(4) as usize];
    let currency = if random.below(8) == 0 { Currency::USD } else { Currency::PEN };
    let priced = random.below(4) > 0;
    for line in &mut event.products {
        line.quantity = 1 + random.below(3) as u32;
        line.price = (priced && random.below(9) > 0).then(|| Money::new(random.below(30_000) as i64, currency));
    }
    // Each order number belongs to one user, and its news may come in any order.
    event.order = matches!(kind, K::OrderCompleted | K::OrderRefunded | K::OrderCancelled)
        .then(|| order(who * 1_000 + random.below(12)))
        .flatten();
    event.details.rating = match kind {
        K::ProductRated => Some(random.below(11) as f32 / 2.0),
        K::ProductReviewed if random.below(2) == 0 => Some(4.3),
        _ => None,
    };
    if kind == K::PreferenceDeclared {
        event.details.preference = Some(Preference::ALL[random.below(3) as usize]);
        event.details.category = event.products.is_empty().then(|| format!("c{}", random.below(4)));
    }
    event.details.duration_ms = match kind {
        K::ProductDwelled => Some(random.below(60_000)),
        K::PageViewed | K::Impression if random.below(2) == 0 => Some(random.below(9_000)),
        _ => None,
    };
    event
}

/// A catalogue that lacks some of the products and some qualities of others.
pub fn catalog(n_products: u64) -> Vec<Product> {
    let with_qualities = |n: u64| {
        let mut product = Product::new(product_id(n), format!("Producto {n}"));
        if n % 5 != 4 {
            product.categories = vec!["Todo".to_owned(), format!("c{}", n % 3)];
        }
        product.brand = (n.is_multiple_of(2)).then(|| format!("b{}", n % 7));
        product
    };
    (0..n_products).filter(|n| n % 11 != 7).map(with_qualities).collect()
}
