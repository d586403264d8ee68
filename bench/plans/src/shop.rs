//! The data set as a shop has it, and one part of it: what is learned, who is asked, and what they bought.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use collect::RawEvent;
use collect::formats::{complete_journey, products};
use domain::{
    Channel, Consent, Event, EventKind, Filters, MessageId, PlacementId, Position, Product, ProductId, Query,
    RecommendationId, Recorded, Timestamp, UserKey, event::Details,
};
use features::{Profile, training::Training};
use models::{FitContext, History, HistoryItem, Interactions, Model, TrainingData, catalogue, rank};
use rayon::prelude::*;
use serve::{ModelSet, Plan, Policy, Shelf, Shopper, Snapshot};

use crate::judge::{K, Lists};

pub struct Shop {
    pub products: Vec<Arc<Product>>,
    /// Oldest first.
    baskets: Vec<Recorded>,
    /// Just after the last of them.
    pub end: Timestamp,
}

/// What a history or a training holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Every line of every basket.
    Lines,
    /// The moments of each household with each product, as `vitrina train` has them.
    Training,
    /// Of these the newest, as serving hands them to a model.
    Served,
}

pub struct Part {
    items: Vec<ProductId>,
    /// One row a household, by the kind of rows.
    lines: Interactions,
    rows: Interactions,
    cases: Vec<Case>,
    from: Timestamp,
}

/// A household that comes back.
pub struct Case {
    user: UserKey,
    number: usize,
    shopper: Shopper,
    served: Vec<HistoryItem>,
    at: Timestamp,
    /// The products of its next basket, sorted; those that nobody bought before are among them.
    pub basket: Vec<ProductId>,
}

impl Shop {
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut catalogue = Vec::new();
        for chunk in products::complete_journey(folder)?.1 {
            catalogue.extend(chunk?.items.into_iter().map(|(_, product)| Arc::new(product)));
        }
        let mut events = Vec::new();
        for chunk in complete_journey::events(folder)?.1 {
            events.extend(chunk?.items.into_iter().map(|(_, raw)| basket(raw)));
        }
        events.sort_by_key(|event: &Event| event.occurred_at);
        let end = events.last().context("wanted baskets, got none")?.occurred_at + 1;
        let recorded = |(event, n)| Recorded { position: Position(n), event };
        Ok(Self { products: catalogue, baskets: events.into_iter().zip(1..).map(recorded).collect(), end })
    }

    /// Learns from what was before `from` and asks about the first basket from then on and before `end`.
    pub fn part(&self, from: Timestamp, end: Timestamp) -> anyhow::Result<Part> {
        let mut profiles: BTreeMap<UserKey, Profile> = BTreeMap::new();
        let mut next: BTreeMap<UserKey, &Event> = BTreeMap::new();
        let mut lines: BTreeMap<UserKey, Vec<(&ProductId, Timestamp)>> = BTreeMap::new();
        let mut training = Training::new(Position(u64::MAX));
        for recorded in self.baskets.iter().filter(|recorded| recorded.event.occurred_at < end) {
            let event = &recorded.event;
            if event.occurred_at >= from {
                next.entry(event.user).or_insert(event);
                continue;
            }
            profiles.entry(event.user).or_default().fold(recorded);
            training.add(recorded);
            let bought = event.products.iter().map(|line| (&line.product_id, event.occurred_at));
            lines.entry(event.user).or_default().extend(bought);
        }
        let rows = training.finish();
        let mut items: Vec<ProductId> = rows.iter().map(|row| row.product_id.clone()).collect();
        items.sort_unstable();
        items.dedup();
        let item = |id: &ProductId| items.binary_search(id).ok().map(|at| at as u32);
        let history = |entry: (&ProductId, f64, Timestamp)| {
            Some(HistoryItem { item: item(entry.0)?, weight: entry.1 as f32, timestamp: entry.2.seconds() })
        };

        let of_lines =
            lines.values().map(|lines| lines.iter().filter_map(|(id, at)| history((id, 1.0, *at))).collect());
        let of_lines = Interactions::from_rows(items.len(), of_lines.collect::<Vec<Vec<_>>>())?;
        let of_rows = rows.chunk_by(|a, b| a.user == b.user).map(|rows| {
            rows.iter()
                .filter_map(|row| history((&row.product_id, row.moment.weight, row.moment.at)))
                .collect::<Vec<_>>()
        });
        let of_rows = Interactions::from_rows(items.len(), of_rows)?;
        ensure!(of_rows.n_users() == profiles.len() && of_lines.n_users() == profiles.len(), "rows of every household");

        let mut cases = Vec::new();
        for (number, (user, profile)) in profiles.into_iter().enumerate() {
            let Some(event) = next.get(&user) else { continue };
            let newest = profile.history().iter().flat_map(|entry| entry.moments().map(move |moment| (entry, moment)));
            let mut served: Vec<HistoryItem> =
                newest.filter_map(|(entry, moment)| history((&entry.product_id, moment.weight, moment.at))).collect();
            served.reverse();
            served.sort_by_key(|item| item.timestamp);
            let mut basket: Vec<ProductId> = event.products.iter().map(|line| line.product_id.clone()).collect();
            basket.sort_unstable();
            basket.dedup();
            let (shopper, at) = (Shopper::of(profile), event.occurred_at);
            cases.push(Case { user, number, shopper, served, at, basket });
        }
        Ok(Part { items, lines: of_lines, rows: of_rows, cases, from })
    }
}

impl Part {
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    pub fn describe(&self) -> String {
        let n = self.cases.len().max(1) as f64;
        let known = self.cases.iter().map(|case| self.rows.row(case.number).items.len()).sum::<usize>() as f64 / n;
        let served = self.cases.iter().map(|case| case.served.len()).sum::<usize>() as f64 / n;
        let bought = self.cases.iter().map(|case| case.basket.len()).sum::<usize>() as f64 / n;
        format!(
            "{} households asked from {} on, {} products learned; a history has {known:.0} moments, {served:.0} of which are \
             served; the next basket has {bought:.1} products",
            self.cases.len(),
            self.from,
            self.items.len()
        )
    }

    /// `MODEL KEY=VALUE …`
    pub fn fit(&self, recipe: &str, rows: Rows, seed: u64) -> anyhow::Result<Box<dyn Model>> {
        let mut words = recipe.split_whitespace();
        let name = words.next().context("wanted MODEL KEY=VALUE …, got nothing")?;
        let options = words.map(|word| word.split_once('=').with_context(|| format!("got {word:?}, wanted KEY=VALUE")));
        let options = options.collect::<anyhow::Result<Vec<_>>>()?;
        let data = if rows == Rows::Lines { &self.lines } else { &self.rows };
        Ok(catalogue::fit(name, &options, &TrainingData::new(data), &FitContext::quiet(seed))?)
    }

    /// The first [`K`] of the model's own ranking for everybody.
    pub fn lists(&self, model: &dyn Model, rows: Rows) -> Lists {
        let list = |case: &Case| {
            let history = match rows {
                Rows::Lines => self.lines.history(case.number),
                Rows::Training => self.rows.history(case.number),
                Rows::Served => case.served.clone(),
            };
            let mut scores = vec![0.0; self.items.len()];
            model.score(&History { items: &history, now: case.at.seconds() }, &mut scores);
            rank::top_k(&scores, K).into_iter().map(|(item, _)| self.items[item as usize].clone()).collect()
        };
        self.cases.par_iter().map(list).collect()
    }

    pub fn snapshot(&self, shop: &Shop, model: Box<dyn Model>) -> Snapshot {
        let models = ModelSet::new(None, Some(self.from), self.items.clone(), vec![model]);
        Snapshot::new(Arc::new(models), Arc::new(Shelf::new(shop.products.clone())))
    }

    /// What serving answers everybody by this plan.
    pub fn slates(&self, snapshot: &Snapshot, plan: &Plan) -> Lists {
        let policy = Policy { recommend_purchased: true, plan: Some(plan), ..Policy::default() };
        let slate = |case: &Case| {
            let home = PlacementId::new("home").expect("a short name");
            let query = Query { filters: Filters::default(), ..Query::of_user(home, case.user, K, case.at) };
            let id = RecommendationId::new("r").expect("a short id");
            let slate = serve::recommend(snapshot, &case.shopper, &query, policy, id);
            slate.items.into_iter().map(|item| item.product_id).collect()
        };
        self.cases.par_iter().map(slate).collect()
    }
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
