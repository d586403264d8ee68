//! What a user bought, kept and paid.
//!
//! An order is completed once. A refund that names products gives those units back; a refund without products, and a
//! cancellation, give back the whole order. Refunds may arrive before their order. What counts as spent is the goods'
//! price (no tax or shipping) of the units kept, in whole minor units rounded down:
//! `net = ⌊bought_minor · units kept / units bought⌋` for each product of an order.

use std::collections::BTreeMap;

use domain::{Currency, Event, EventKind, OrderId, ProductId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::column::Column;

/// `(user_id, currency, n_orders, spent_minor, avg_purchase_value_user, total_purchases_user, last_purchase_at_us)`: one row a user
/// and currency; the last two are of all currencies. `currency` is NULL where the orders had no prices.
pub const COLUMN: Column = Column { name: "spend", sql: include_str!("spend.sql"), over: &[] };

/// Orders remembered in detail, the newest. Older ones are settled: they stay in the totals as they were, and a refund
/// that comes after fifty newer orders no longer changes them.
pub const ORDERS_MAX: usize = 50;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Orders {
    recent: BTreeMap<OrderId, Record>,
    settled: Totals,
}

/// What is known of one order, from its completion and its refunds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    bought_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    returned_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    /// Given back in whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    undone: bool,
    /// One a product, in order of product id.
    lines: Vec<Bought>,
}

/// One product of an order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Bought {
    product_id: ProductId,
    /// Lines that name it; variants of a product may have a line each.
    #[serde(default)]
    n: u32,
    #[serde(default)]
    units: u64,
    #[serde(default)]
    units_returned: u64,
    #[serde(default)]
    minor: i64,
}

/// Purchases of a product that an order's news took back (or restored, when below zero).
#[derive(Clone, PartialEq, Debug)]
pub struct Returned {
    pub product_id: ProductId,
    pub n: i32,
}

/// Orders and money of which something was kept.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Totals {
    n: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    by_currency: BTreeMap<Currency, Spent>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Spent {
    pub n_orders: u32,
    pub minor: i64,
}

impl Spent {
    pub fn mean(self) -> Option<f64> {
        (self.n_orders > 0).then(|| self.minor as f64 / f64::from(self.n_orders))
    }

    fn plus(self, other: Self) -> Self {
        Self { n_orders: self.n_orders.saturating_add(other.n_orders), minor: self.minor.saturating_add(other.minor) }
    }
}

impl Bought {
    fn units_kept(&self) -> u64 {
        self.units.saturating_sub(self.units_returned)
    }

    fn minor_kept(&self) -> i64 {
        if self.units == 0 {
            return 0;
        }
        (i128::from(self.minor) * i128::from(self.units_kept()) / i128::from(self.units)) as i64
    }

    fn merge(&mut self, other: &Self) {
        self.n = self.n.saturating_add(other.n);
        self.units = self.units.saturating_add(other.units);
        self.units_returned = self.units_returned.saturating_add(other.units_returned);
        self.minor = self.minor.saturating_add(other.minor);
    }
}

impl Record {
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let at = Some(event.occurred_at);
        match event.kind {
            EventKind::OrderCompleted => {
                let currency = event.products.iter().find_map(|line| line.price).map(|price| price.currency);
                let mut record = Self { bought_at: at, currency, ..Self::default() };
                for line in &event.products {
                    record.put(Bought {
                        product_id: line.product_id.clone(),
                        n: 1,
                        units: line.quantity.into(),
                        units_returned: 0,
                        minor: line.price.map_or(0, |price| price.times(line.quantity).minor),
                    });
                }
                Some(record)
            }
            EventKind::OrderRefunded if !event.products.is_empty() => {
                let mut record = Self { returned_at: at, ..Self::default() };
                for line in &event.products {
                    let product_id = line.product_id.clone();
                    let units_returned = line.quantity.into();
                    record.put(Bought { product_id, n: 0, units: 0, units_returned, minor: 0 });
                }
                Some(record)
            }
            EventKind::OrderRefunded | EventKind::OrderCancelled => {
                Some(Self { returned_at: at, undone: true, ..Self::default() })
            }
            _ => None,
        }
    }

    /// The part of [`of`](Self::of) that one row of the lake tells: everything but the money.
    pub(crate) fn of_row(kind: EventKind, product: Option<ProductId>, units: u64, at: Timestamp) -> Option<Self> {
        let line = |n, units, units_returned| {
            let product_id = product.clone();
            product_id.map(|product_id| Bought { product_id, n, units, units_returned, minor: 0 }).into_iter().collect()
        };
        match kind {
            EventKind::OrderCompleted => {
                Some(Self { bought_at: Some(at), lines: line(1, units, 0), ..Self::default() })
            }
            EventKind::OrderRefunded if product.is_some() => {
                Some(Self { returned_at: Some(at), lines: line(0, 0, units), ..Self::default() })
            }
            EventKind::OrderRefunded | EventKind::OrderCancelled => {
                Some(Self { returned_at: Some(at), undone: true, ..Self::default() })
            }
            _ => None,
        }
    }

    fn put(&mut self, bought: Bought) {
        match self.lines.binary_search_by(|line| line.product_id.cmp(&bought.product_id)) {
            Ok(i) => self.lines[i].merge(&bought),
            Err(i) => self.lines.insert(i, bought),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.bought_at = [self.bought_at, other.bought_at].into_iter().flatten().min();
        self.returned_at = self.returned_at.max(other.returned_at);
        self.currency = self.currency.max(other.currency);
        self.undone |= other.undone;
        for line in &other.lines {
            self.put(line.clone());
        }
    }

    /// Its place in time: of two orders the older is settled first.
    fn at(&self) -> Option<Timestamp> {
        self.bought_at.or(self.returned_at)
    }

    fn kept(&self) -> impl Iterator<Item = &Bought> {
        self.lines.iter().filter(|line| !self.undone && line.units_kept() > 0)
    }

    pub(crate) fn returned(&self) -> impl Iterator<Item = Returned> + '_ {
        self.lines
            .iter()
            .filter(|line| line.n > 0 && (self.undone || line.units_kept() == 0))
            .map(|line| Returned { product_id: line.product_id.clone(), n: line.n as i32 })
    }
}

impl Totals {
    fn add(&mut self, record: &Record) {
        if record.kept().next().is_none() {
            return;
        }
        self.n = self.n.saturating_add(1);
        self.last_at = self.last_at.max(record.bought_at);
        if let Some(currency) = record.currency {
            let minor = record.kept().map(Bought::minor_kept).fold(0, i64::saturating_add);
            let spent = self.by_currency.entry(currency).or_default();
            *spent = spent.plus(Spent { n_orders: 1, minor });
        }
    }

    fn merge(&mut self, other: &Self) {
        self.n = self.n.saturating_add(other.n);
        self.last_at = self.last_at.max(other.last_at);
        for (currency, spent) in &other.by_currency {
            let sum = self.by_currency.entry(*currency).or_default();
            *sum = sum.plus(*spent);
        }
    }
}

impl Orders {
    /// What changed for the history: the purchases that this event took back.
    pub fn fold(&mut self, event: &Event) -> Vec<Returned> {
        let Some(news) = Record::of(event) else { return Vec::new() };
        let Some(order) = &event.order else { return Vec::new() };
        let returned = self.put(order.order_id.clone(), &news);
        self.settle();
        returned
    }

    fn put(&mut self, id: OrderId, news: &Record) -> Vec<Returned> {
        let record = self.recent.entry(id).or_default();
        let before: Vec<_> = record.returned().collect();
        record.merge(news);
        let restored = before.into_iter().map(|was| Returned { n: -was.n, ..was });
        record.returned().chain(restored).collect()
    }

    fn settle(&mut self) {
        while self.recent.len() > ORDERS_MAX {
            let oldest = self.recent.iter().min_by_key(|(_, record)| record.at()).map(|(id, _)| id.clone());
            if let Some(record) = oldest.and_then(|id| self.recent.remove(&id)) {
                self.settled.add(&record);
            }
        }
    }

    /// The sum of both, and what it changes for the sum of their histories: where one side knows an order and the
    /// other its refund.
    pub fn merge(&self, other: &Self) -> (Self, Vec<Returned>) {
        let mut merged = self.clone();
        let mut returned = Vec::new();
        for (id, record) in &other.recent {
            returned.extend(merged.put(id.clone(), record));
            returned.extend(record.returned().map(|was| Returned { n: -was.n, ..was }));
        }
        merged.settled.merge(&other.settled);
        merged.settle();
        (merged, returned)
    }

    fn totals(&self) -> Totals {
        let mut totals = self.settled.clone();
        self.recent.values().for_each(|record| totals.add(record));
        totals
    }

    pub fn n_kept(&self) -> u32 {
        self.totals().n
    }

    pub fn last_at(&self) -> Option<Timestamp> {
        self.totals().last_at
    }

    pub fn spent(&self, currency: Currency) -> Spent {
        self.totals().by_currency.get(&currency).copied().unwrap_or_default()
    }

    /// Products of recent orders that were kept; one of several orders comes several times.
    pub fn products(&self) -> impl Iterator<Item = &ProductId> {
        self.recent.values().flat_map(|record| record.kept().map(|line| &line.product_id))
    }

    /// Is it in a recent order, and kept?
    pub fn has(&self, product: &ProductId) -> bool {
        self.recent.values().any(|record| record.kept().any(|line| line.product_id == *product))
    }
}
