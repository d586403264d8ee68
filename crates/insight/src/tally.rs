//! Running totals of a shop: events by kind, orders and revenue by shop day, the funnel of each placement.

use std::collections::BTreeMap;

use domain::{Event, EventKind, Position, Recorded, Shop, Timestamp};
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::{EventLog, Follower, Result, Settings};

/// Orders and money of one day in the shop's time zone, in minor units of the shop's currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Day {
    pub orders: u64,
    /// Goods after discounts, before tax and shipping; refunds are taken off on the day they happen.
    pub revenue_minor: i64,
}

/// What became of the slates of one placement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Funnel {
    pub impressions: u64,
    pub clicks: u64,
    pub cart_adds: u64,
    pub orders: u64,
}

/// Folded from the log one event at a time; an event at or before `seen` changes nothing.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    pub seen: Position,
    pub events: u64,
    pub by_kind: BTreeMap<EventKind, u64>,
    /// Keyed by the ISO date in the shop's zone.
    pub days: BTreeMap<String, Day>,
    /// Keyed by placement, of events that carry a recommendation.
    pub funnels: BTreeMap<String, Funnel>,
    /// Orders in another currency than the shop's: counted here, in no revenue.
    pub foreign_orders: u64,
    pub newest_event_at: Option<Timestamp>,
}

impl Tally {
    pub fn fold(&mut self, recorded: &Recorded, shop: &Shop, zone: &TimeZone) {
        if recorded.position <= self.seen {
            return;
        }
        let event = &recorded.event;
        self.seen = recorded.position;
        self.events += 1;
        *self.by_kind.entry(event.kind).or_default() += 1;
        self.newest_event_at = self.newest_event_at.max(Some(event.occurred_at));
        self.fold_funnel(event);
        self.fold_money(event, shop, zone);
    }

    fn fold_funnel(&mut self, event: &Event) {
        let (Some(placement), Some(_)) = (&event.placement, &event.recommendation_id) else { return };
        let funnel = self.funnels.entry(placement.as_str().to_owned()).or_default();
        match event.kind {
            EventKind::Impression => funnel.impressions += 1,
            EventKind::ProductClicked => funnel.clicks += 1,
            EventKind::ProductAdded => funnel.cart_adds += 1,
            EventKind::OrderCompleted => funnel.orders += 1,
            _ => {}
        }
    }

    fn fold_money(&mut self, event: &Event, shop: &Shop, zone: &TimeZone) {
        let (sign, orders) = match event.kind {
            EventKind::OrderCompleted => (1, 1),
            EventKind::OrderRefunded => (-1, 0),
            _ => return,
        };
        let subtotal = event.order.as_ref().and_then(|order| order.subtotal);
        let currency = subtotal.or_else(|| event.products.iter().find_map(|line| line.price)).map(|m| m.currency);
        if currency.is_some_and(|currency| currency != shop.currency) {
            self.foreign_orders += orders;
            return;
        }
        let goods = subtotal.map_or_else(|| event.goods_minor(), |money| money.minor);
        let day = self.days.entry(event.occurred_at.zoned(zone).date().to_string()).or_default();
        day.orders += orders;
        day.revenue_minor = day.revenue_minor.saturating_add(sign * goods);
    }

    pub fn day(&self, at: Timestamp, zone: &TimeZone) -> Day {
        self.days.get(&at.zoned(zone).date().to_string()).copied().unwrap_or_default()
    }
}

/// The tally of a running shop: follows the log, and is saved from time to time so that a start need not read it all.
pub struct LiveTally {
    shop: Shop,
    zone: TimeZone,
    tally: Mutex<Tally>,
}

const KEY: &str = "insight.tally";
const CHUNK: usize = 10_000;

impl LiveTally {
    /// Continues from what was saved and folds what the log has since.
    ///
    /// # Errors
    /// When the log or the settings can't be read.
    pub fn open(shop: Shop, log: &dyn EventLog, settings: &dyn Settings) -> Result<Self> {
        let mut tally: Tally = saved(settings, KEY)?.unwrap_or_default();
        let zone = shop.zone();
        catch_up(log, tally.seen, |recorded| tally.fold(recorded, &shop, &zone))?;
        Ok(Self { shop, zone, tally: Mutex::new(tally) })
    }

    pub fn get(&self) -> Tally {
        self.tally.lock().clone()
    }

    /// # Errors
    /// When the settings can't be written.
    pub fn save(&self, settings: &dyn Settings) -> Result<()> {
        put(settings, KEY, &self.get())
    }
}

/// What was saved under a key; what can't be read is made anew from the log.
pub(crate) fn saved<T: DeserializeOwned>(settings: &dyn Settings, key: &'static str) -> Result<Option<T>> {
    Ok(settings.get(key)?.and_then(|value| {
        serde_json::from_value(value)
            .inspect_err(
                |error| tracing::warn!(%error, key, "what was saved is unreadable and is made anew from the log"),
            )
            .ok()
    }))
}

pub(crate) fn put(settings: &dyn Settings, key: &'static str, value: &impl Serialize) -> Result<()> {
    let value = serde_json::to_value(value)
        .map_err(|error| store::StoreError::Unavailable { store: key, detail: error.to_string() })?;
    settings.put(key, &value)
}

/// Folds all that the log has after `seen`.
pub(crate) fn catch_up(log: &dyn EventLog, mut seen: Position, mut fold: impl FnMut(&Recorded)) -> Result<()> {
    loop {
        let chunk = log.read(seen, CHUNK)?;
        let Some(last) = chunk.last() else { return Ok(()) };
        seen = last.position;
        chunk.iter().for_each(&mut fold);
    }
}

impl Follower for LiveTally {
    fn committed(&self, events: &[Recorded]) {
        let mut tally = self.tally.lock();
        events.iter().for_each(|recorded| tally.fold(recorded, &self.shop, &self.zone));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::*;

    fn order(position: u64, kind: EventKind, at: &str, minor: i64, currency: Currency) -> Recorded {
        let event = Event {
            message_id: MessageId::new(format!("m{position}")).unwrap(),
            kind,
            user: UserKey([1; 16]),
            anonymous: None,
            session_id: None,
            occurred_at: at.parse().unwrap(),
            received_at: at.parse().unwrap(),
            channel: Channel::Server,
            consent: Consent::default(),
            placement: PlacementId::new("home").ok(),
            recommendation_id: RecommendationId::new("r").ok(),
            products: vec![Line {
                price: Some(Money::new(minor, currency)),
                quantity: 2,
                ..Line::of(ProductId::new("a").unwrap())
            }],
            order: Some(Order::of(OrderId::new(format!("o{position}")).unwrap())),
            details: Default::default(),
        };
        Recorded { position: Position(position), event }
    }

    fn folded(events: &[Recorded]) -> Tally {
        let shop = Shop::default();
        let mut tally = Tally::default();
        events.iter().for_each(|e| tally.fold(e, &shop, &shop.zone()));
        tally
    }

    #[test]
    fn revenue_falls_on_the_shops_day_and_refunds_come_off() {
        let events = [
            order(1, EventKind::OrderCompleted, "2026-07-29T03:00:00Z", 1000, Currency::PEN),
            order(2, EventKind::OrderCompleted, "2026-07-29T12:00:00Z", 500, Currency::PEN),
            order(3, EventKind::OrderRefunded, "2026-07-29T13:00:00Z", 200, Currency::PEN),
            order(4, EventKind::OrderCompleted, "2026-07-29T14:00:00Z", 999, Currency::USD),
        ];
        let tally = folded(&events);
        assert_eq!(tally.days["2026-07-28"], Day { orders: 1, revenue_minor: 2000 });
        assert_eq!(tally.days["2026-07-29"], Day { orders: 1, revenue_minor: 600 });
        assert_eq!((tally.foreign_orders, tally.funnels["home"].orders), (1, 3));
    }

    #[test]
    fn an_event_seen_twice_counts_once() {
        let event = order(1, EventKind::OrderCompleted, "2026-07-29T03:00:00Z", 1000, Currency::PEN);
        assert_eq!(folded(&[event.clone(), event.clone()]), folded(&[event]));
    }
}
