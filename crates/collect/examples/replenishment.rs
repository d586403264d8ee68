//! Does the due date find what people buy again? `cargo run --release -p collect --example replenishment -- DATA/completejourney`
//!
//! Everything before the last four weeks is learned from; of what each household had bought then and buys again in the four
//! weeks, how much do its ten best hold? The four weeks before those are asked too: what is chosen, is chosen on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use collect::{
    RawEvent,
    formats::{Format, FormatError, complete_journey, products},
};
use domain::{
    Channel, Consent, Event, EventKind, MessageId, Position, ProductId, Recorded, Timestamp, UserKey, event::Details,
    time::DAY,
};
use features::{HistoryEntry, Profile, Replenishment};

const WEEKS: i64 = 28 * DAY;
const HALF_WAY: i64 = WEEKS / 2;
const TOP: usize = 10;

type Score = fn(&HistoryEntry, &Rhythms<'_>) -> f64;

/// Ways to rank what a household bought before; what counts alike stands in the order of the last purchase.
const SCORES: [(&str, Score); 6] = [
    ("most often bought", |entry, _| entry.purchases().into()),
    ("bought last", |_, _| 0.0),
    ("due", |entry, rhythms| rhythms.due(entry, 0)),
    ("due × times bought", |entry, rhythms| rhythms.due(entry, 0) * f64::from(entry.purchases())),
    ("due half way × times bought", |entry, rhythms| rhythms.due(entry, HALF_WAY) * f64::from(entry.purchases())),
    ("(1 + due half way) × times bought", |entry, rhythms| {
        (1.0 + rhythms.due(entry, HALF_WAY)) * f64::from(entry.purchases())
    }),
];

struct Rhythms<'a> {
    table: &'a Replenishment,
    categories: &'a BTreeMap<ProductId, String>,
    now: Timestamp,
}

impl Rhythms<'_> {
    fn due(&self, entry: &HistoryEntry, later: i64) -> f64 {
        self.table.due(entry, self.categories.get(&entry.product_id).map(String::as_str), self.now + later)
    }
}

fn main() -> Result<(), FormatError> {
    let folder = std::env::args().nth(1).expect("the folder of the data set as the only argument");
    let folder = Path::new(&folder);
    let mut categories = BTreeMap::new();
    for chunk in products::complete_journey(folder)?.1 {
        let named = chunk?
            .items
            .into_iter()
            .filter_map(|(_, product)| Some((product.product_id.clone(), product.category()?.to_owned())));
        categories.extend(named);
    }
    let mut baskets = Vec::new();
    for chunk in complete_journey::events(folder)?.1 {
        baskets.extend(chunk?.items.into_iter().map(|(_, raw)| basket(raw)));
    }
    baskets.sort_by_key(|basket| basket.occurred_at);
    let end = baskets.last().map_or(Timestamp::default(), |basket| basket.occurred_at) + 1;
    println!("{}: {} baskets", Format::CompleteJourney.as_str(), baskets.len());
    for (what, end) in [("validation", end - WEEKS), ("test", end)] {
        judge(what, &baskets, &categories, end);
    }
    Ok(())
}

fn judge(what: &str, baskets: &[Event], categories: &BTreeMap<ProductId, String>, end: Timestamp) {
    let now = end - WEEKS;
    let mut profiles: BTreeMap<UserKey, Profile> = BTreeMap::new();
    let mut bought: BTreeMap<UserKey, BTreeSet<&ProductId>> = BTreeMap::new();
    let mut again: BTreeMap<UserKey, BTreeSet<&ProductId>> = BTreeMap::new();
    for (basket, n) in baskets.iter().zip(1..).filter(|(basket, _)| basket.occurred_at < end) {
        let products = basket.products.iter().map(|line| &line.product_id);
        if basket.occurred_at < now {
            let recorded = Recorded { position: Position(n), event: basket.clone() };
            profiles.entry(basket.user).or_default().fold(&recorded);
            bought.entry(basket.user).or_default().extend(products);
        } else if let Some(known) = bought.get(&basket.user) {
            again.entry(basket.user).or_default().extend(products.filter(|id| known.contains(id)));
        }
    }
    let table = Replenishment::learn(profiles.values().map(Profile::history), now, |id| categories.get(id).cloned());
    let rhythms = Rhythms { table: &table, categories, now };
    let n_again: usize = again.values().map(BTreeSet::len).sum();
    println!("{what}: {n_again} products bought again by {} households, {} known", again.len(), table.len());
    for (name, score) in SCORES {
        let hits: usize = again.iter().map(|(user, again)| hits(&profiles[user], again, score, &rhythms)).sum();
        println!("  {name}: {:.4} of them in the top {TOP}", hits as f64 / n_again as f64);
    }
}

fn hits(profile: &Profile, again: &BTreeSet<&ProductId>, score: Score, rhythms: &Rhythms<'_>) -> usize {
    let scored = profile.history().iter().map(|entry| (score(entry, rhythms), &entry.product_id));
    let mut ranked: Vec<_> = scored.collect();
    // Stable: the history is in order of the last purchase.
    ranked.sort_by(|left, right| right.0.total_cmp(&left.0));
    ranked.iter().take(TOP).filter(|(_, id)| again.contains(id)).count()
}

/// The completed order, of a user whose key is the household's number.
fn basket(raw: RawEvent) -> Event {
    let at = raw.timestamp.expect("the format gives each basket a time");
    let household = raw.user_id.and_then(|id| id.parse::<u128>().ok()).expect("households are numbers");
    let order = raw.order.expect("the format gives each basket its number");
    Event {
        message_id: MessageId::new(order.order_id.as_str()).expect("a basket's number"),
        kind: EventKind::OrderCompleted,
        user: UserKey(household.to_be_bytes()),
        anonymous: None,
        session_id: None,
        occurred_at: at,
        received_at: at,
        channel: Channel::Import,
        consent: Consent::GRANTED,
        placement: None,
        recommendation_id: None,
        products: raw.products,
        order: Some(order),
        details: Details::default(),
    }
}
