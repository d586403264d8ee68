//! Is it a deal? A price tells only beside what the product cost before.
//!
//! The model is article 6a of directive 98/6/EC, which the Omnibus directive (EU) 2019/2161 brought: whoever announces a
//! reduction names the *prior price*, the lowest of the 30 days before it. That alone forgets a price that was raised for
//! five weeks, so a second witness is asked, the usual price:
//!
//! ```text
//! since    = when the current price began
//! low_30d  = lowest price in the 30 days before `since`
//! usual    = price at or below which the product was half of the time, of the 90 days before `since`
//! a deal:    current < min(usual, low_30d),   saving = min(usual, low_30d) − current
//! ```
//!
//! Only time counts in which the product could be bought at a known price in the current one's currency: nobody paid what
//! it was labelled while it was out of stock. Less than [`PROVEN`] of it proves nothing. A price that stood longer than
//! [`DEAL_LASTS`] is the usual price and no deal any more; one that is away and comes back begins anew, and finds itself
//! among the 30 days before.

use std::sync::Arc;

use domain::{
    Currency, Money, PricePoint, Timestamp,
    time::{DAY, Micros},
};

/// How far back the prior price is looked for.
pub const LOW_WINDOW: Micros = 30 * DAY;
/// How far back the usual price is looked for.
pub const USUAL_WINDOW: Micros = 90 * DAY;
/// Time on sale, of [`USUAL_WINDOW`], that it takes to know what is usual.
pub const PROVEN: Micros = 30 * DAY;
/// How long a lower price stays a deal.
pub const DEAL_LASTS: Micros = 30 * DAY;

/// What a product costs beside what it cost before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PriceView {
    pub current: Money,
    /// When the current price began. Times out of stock or without a price do not interrupt it.
    pub since: Timestamp,
    /// `None`: on sale for less than [`PROVEN`] in the [`USUAL_WINDOW`] before `since`.
    pub usual: Option<Money>,
    /// `None` where `usual` is, or when nobody could buy it in the [`LOW_WINDOW`] before `since`.
    pub low_30d: Option<Money>,
}

/// A price that is lower than it was: below the usual price, and below the lowest of the 30 days before.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Deal {
    pub current: Money,
    /// What the lower of `usual` and `low_30d` is above the current price.
    pub saving_minor: i64,
    /// The saving in percent of that lower one, above 0 and at most 100.
    pub percent: f64,
    pub usual: Money,
    pub low_30d: Money,
    pub since: Timestamp,
}

/// What somebody saves who waited.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PriceDrop {
    /// What it cost when they looked.
    pub from: Money,
    pub to: Money,
    /// Of `from`.
    pub percent: f64,
    pub since: Timestamp,
}

/// The offers of one product, oldest first, no two neighbours alike; 24 bytes a change. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PriceHistory(Arc<[Step]>);

/// An offer that held until the next step: a [`PricePoint`] without its product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Step {
    at: Timestamp,
    minor: i64,
    currency: Currency,
    is_priced: bool,
    available: bool,
}

impl Step {
    fn of(point: &PricePoint) -> Self {
        let Money { minor, currency } = point.price.unwrap_or(Money::zero(Currency::PEN));
        Self { at: point.at, minor, currency, is_priced: point.price.is_some(), available: point.available }
    }

    fn price(self) -> Option<Money> {
        self.is_priced.then_some(Money::new(self.minor, self.currency))
    }

    fn is_same_offer(self, other: Self) -> bool {
        (self.price(), self.available) == (other.price(), other.available)
    }
}

impl PriceHistory {
    /// Of points of one product, in any order.
    pub fn of<'a>(points: impl IntoIterator<Item = &'a PricePoint>) -> Self {
        let mut steps: Vec<Step> = points.into_iter().map(Step::of).collect();
        // Stable: of two at one moment the later to come stays the later, and corrects.
        steps.sort_by_key(|step| step.at);
        let mut kept: Vec<Step> = Vec::with_capacity(steps.len());
        for (i, step) in steps.iter().enumerate() {
            let is_corrected = steps.get(i + 1).is_some_and(|next| next.at == step.at);
            let repeats = kept.last().is_some_and(|last| last.is_same_offer(*step));
            if !is_corrected && !repeats {
                kept.push(*step);
            }
        }
        Self(kept.into())
    }

    /// Takes in a point, by the rules of the store that keeps them: repetitions leave no step.
    pub fn record(&mut self, point: &PricePoint) {
        let step = Step::of(point);
        let place = self.0.partition_point(|known| known.at < step.at);
        let mut steps = self.0[..place].to_vec();
        let after = &self.0[place..];
        let after = if after.first().is_some_and(|known| known.at == step.at) { &after[1..] } else { after };
        for step in [&step].into_iter().chain(after) {
            if !steps.last().is_some_and(|last| last.is_same_offer(*step)) {
                steps.push(*step);
            }
        }
        if *self.0 != *steps {
            self.0 = steps.into();
        }
    }

    /// Forgets what no longer held at `at`.
    pub fn forget_before(&mut self, at: Timestamp) {
        let first = self.up_to(at).len().saturating_sub(1);
        if first > 0 {
            self.0 = self.0[first..].into();
        }
    }

    /// Changes remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn up_to(&self, now: Timestamp) -> &[Step] {
        &self.0[..self.0.partition_point(|step| step.at <= now)]
    }

    /// `None`: no price is known at `now`.
    pub fn view(&self, now: Timestamp) -> Option<PriceView> {
        let (current, before, since) = current(self.up_to(now))?;
        let mut on_sale = on_sale(before, since, current.currency, USUAL_WINDOW);
        let proven = on_sale.iter().map(|span| span.lasted).sum::<Micros>() >= PROVEN;
        let money = |minor| Money::new(minor, current.currency);
        let recent = on_sale.iter().filter(|span| span.until > since - LOW_WINDOW);
        let low_30d = recent.map(|span| span.minor).min().filter(|_| proven).map(money);
        let usual = proven.then(|| median(&mut on_sale)).flatten().map(money);
        Some(PriceView { current, since, usual, low_30d })
    }

    /// `None`: it costs what it used to, or nothing is proven, or it can't be bought.
    pub fn deal(&self, now: Timestamp) -> Option<Deal> {
        let steps = self.up_to(now);
        let (_, _, since) = current(steps).filter(|_| steps.last().is_some_and(|step| step.available))?;
        // Asked before the view, which costs more: most prices have stood for long.
        if now - since > DEAL_LASTS {
            return None;
        }
        let PriceView { current, usual, low_30d, since } = self.view(now)?;
        let (usual, low_30d) = usual.zip(low_30d)?;
        let prior = usual.minor.min(low_30d.minor);
        let saving_minor = prior - current.minor;
        let percent = 100.0 * saving_minor as f64 / prior as f64;
        (saving_minor > 0).then_some(Deal { current, saving_minor, percent, usual, low_30d, since })
    }

    /// Does it cost less, and can be bought, than when somebody looked at it?
    pub fn price_drop_since(&self, seen_at: Timestamp, now: Timestamp) -> Option<PriceDrop> {
        let steps = self.up_to(now);
        let (to, _, since) = current(steps).filter(|_| steps.last().is_some_and(|step| step.available))?;
        let from = self.up_to(seen_at).last()?.price().filter(|from| from.currency == to.currency)?;
        let percent = 100.0 * (from.minor - to.minor) as f64 / from.minor as f64;
        (to.minor < from.minor && seen_at < now).then_some(PriceDrop { from, to, percent, since })
    }

    /// When it came back, if that was after somebody looked at it and it can still be bought.
    pub fn back_in_stock_since(&self, seen_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let steps = self.up_to(now);
        let out = steps.iter().rposition(|step| !step.available)?;
        steps.get(out + 1).map(|back| back.at).filter(|back| *back > seen_at)
    }
}

/// The price that holds at the end of the steps, the steps before it, and when it began.
fn current(steps: &[Step]) -> Option<(Money, &[Step], Timestamp)> {
    let current = steps.last()?.price()?;
    let holds = |step: &Step| step.price().is_none_or(|price| price == current);
    let first = steps.iter().rposition(|step| !holds(step)).map_or(0, |other| other + 1);
    // Without a price there is no beginning.
    let first = first + steps[first..].iter().position(|step| step.is_priced)?;
    Some((current, &steps[..first], steps[first].at))
}

/// A price for which the product could be bought.
struct Span {
    minor: i64,
    lasted: Micros,
    until: Timestamp,
}

/// What it was on sale for in the `window` before `end`.
fn on_sale(steps: &[Step], end: Timestamp, currency: Currency, window: Micros) -> Vec<Span> {
    let mut spans = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let until = steps.get(i + 1).map_or(end, |next| next.at);
        let lasted = until - step.at.max(end - window);
        if lasted > 0 && step.available && step.is_priced && step.currency == currency {
            spans.push(Span { minor: step.minor, lasted, until });
        }
    }
    spans
}

/// The lowest price that, with all below it, lasted for at least half of the time.
fn median(spans: &mut [Span]) -> Option<i64> {
    spans.sort_unstable_by_key(|span| span.minor);
    let total: Micros = spans.iter().map(|span| span.lasted).sum();
    let mut lasted = 0;
    let is_half = |span: &&Span| {
        lasted += span.lasted;
        2 * lasted >= total
    };
    spans.iter().find(is_half).map(|span| span.minor)
}
