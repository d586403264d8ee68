//! Stores in memory that keep the traits' promises, with a crash that can be asked for.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use collect::{Collector, Setup};
use domain::{Event, EventKind, Position, Recorded, Shop, Timestamp, UserKey};
use parking_lot::Mutex;
use privacy::{ConsentPolicy, Pseudonyms};
use store::{Appended, EventLog, Follower, Pending, Profiles, Quarantine, Quarantined, Result};

#[derive(Default)]
pub struct MemoryLog {
    state: Mutex<LogState>,
    followers: Mutex<Vec<Arc<dyn Follower>>>,
}

#[derive(Default)]
struct LogState {
    events: Vec<Option<Recorded>>,
    message_ids: HashSet<String>,
    orders: HashSet<String>,
}

impl MemoryLog {
    pub fn events(&self) -> Vec<Event> {
        self.state.lock().events.iter().flatten().map(|recorded| recorded.event.clone()).collect()
    }

    /// The process dies: its followers are gone.
    pub fn lose_followers(&self) {
        self.followers.lock().clear();
    }
}

impl EventLog for MemoryLog {
    fn append(&self, events: Vec<Event>) -> Pending {
        let (sender, pending) = Pending::new();
        let mut state = self.state.lock();
        let mut new = Vec::new();
        let verdicts = events.into_iter().map(|event| {
            let order = event.order.as_ref().filter(|_| event.kind == EventKind::OrderCompleted);
            let repeated_order = order.is_some_and(|order| state.orders.contains(order.order_id.as_str()));
            if repeated_order || !state.message_ids.insert(event.message_id.to_string()) {
                return Appended::Duplicate;
            }
            if let Some(order) = order {
                state.orders.insert(order.order_id.to_string());
            }
            let position = Position(state.events.len() as u64 + 1);
            let recorded = Recorded { position, event };
            state.events.push(Some(recorded.clone()));
            new.push(recorded);
            Appended::New(position)
        });
        let verdicts = verdicts.collect();
        for follower in self.followers.lock().iter().filter(|_| !new.is_empty()) {
            follower.committed(&new);
        }
        drop(state);
        let _ = sender.send(Ok(verdicts));
        pending
    }

    fn read(&self, after: Position, limit: usize) -> Result<Vec<Recorded>> {
        let state = self.state.lock();
        Ok(state.events.iter().skip(after.0 as usize).flatten().take(limit).cloned().collect())
    }

    fn head(&self) -> Position {
        Position(self.state.lock().events.len() as u64)
    }

    fn len(&self) -> u64 {
        self.state.lock().events.iter().flatten().count() as u64
    }

    fn follow(&self, follower: Arc<dyn Follower>) {
        self.followers.lock().push(follower);
    }

    fn erase(&self, user: UserKey) -> Result<u64> {
        let mut n = 0;
        for slot in &mut self.state.lock().events {
            if slot.as_ref().is_some_and(|r| r.event.user == user || r.event.anonymous == Some(user)) {
                *slot = None;
                n += 1;
            }
        }
        Ok(n)
    }
}

#[derive(Default)]
pub struct MemoryQuarantine(pub Mutex<Vec<Quarantined>>);

impl Quarantine for MemoryQuarantine {
    fn put(&self, rows: &[Quarantined]) -> Result<()> {
        let mut kept = self.0.lock();
        for row in rows {
            let id = kept.len() as u64 + 1;
            kept.push(Quarantined { id, ..row.clone() });
        }
        Ok(())
    }

    fn list(&self, after: u64, limit: usize) -> Result<Vec<Quarantined>> {
        Ok(self.0.lock().iter().filter(|row| row.id > after).take(limit).cloned().collect())
    }

    fn remove(&self, ids: &[u64]) -> Result<u64> {
        let mut rows = self.0.lock();
        let before = rows.len();
        rows.retain(|row| !ids.contains(&row.id));
        Ok((before - rows.len()) as u64)
    }

    fn counts(&self) -> Result<Vec<(String, u64)>> {
        let mut counts = BTreeMap::new();
        for row in self.0.lock().iter() {
            *counts.entry(row.code.clone()).or_insert(0) += 1;
        }
        Ok(counts.into_iter().collect())
    }
}

pub struct MemoryProfiles<P> {
    state: Mutex<ProfilesState<P>>,
}

struct ProfilesState<P> {
    live: HashMap<UserKey, Arc<P>>,
    seen: Position,
    durable: HashMap<UserKey, Arc<P>>,
    durable_seen: Position,
}

impl<P> Default for MemoryProfiles<P> {
    fn default() -> Self {
        let (live, durable) = (HashMap::new(), HashMap::new());
        let state = ProfilesState { live, seen: Position::START, durable, durable_seen: Position::START };
        Self { state: Mutex::new(state) }
    }
}

impl<P: PartialEq + Clone> MemoryProfiles<P> {
    /// The process dies: what was not flushed is lost.
    pub fn crash(&self) {
        let mut state = self.state.lock();
        state.live = state.durable.clone();
        state.seen = state.durable_seen;
    }

    /// The disk got some profiles and not yet the position that belongs to them.
    pub fn flush_half(&self) {
        let mut state = self.state.lock();
        let half: Vec<_> =
            state.live.iter().filter(|(user, _)| user.0[0] % 2 == 0).map(|(u, p)| (*u, p.clone())).collect();
        state.durable.extend(half);
    }

    pub fn all(&self) -> BTreeMap<UserKey, P> {
        self.state.lock().live.iter().map(|(user, profile)| (*user, P::clone(profile))).collect()
    }
}

impl<P: Send + Sync> Profiles<P> for MemoryProfiles<P> {
    fn get(&self, user: UserKey) -> Result<Option<Arc<P>>> {
        Ok(self.state.lock().live.get(&user).cloned())
    }

    fn save(&self, profiles: Vec<(UserKey, Arc<P>)>, seen: Position) -> Result<()> {
        let mut state = self.state.lock();
        state.live.extend(profiles);
        state.seen = seen;
        Ok(())
    }

    fn durable_position(&self) -> Position {
        self.state.lock().durable_seen
    }

    fn flush(&self) -> Result<()> {
        let mut state = self.state.lock();
        state.durable = state.live.clone();
        state.durable_seen = state.seen;
        Ok(())
    }

    fn erase(&self, user: UserKey) -> Result<bool> {
        let mut state = self.state.lock();
        state.durable.remove(&user);
        Ok(state.live.remove(&user).is_some())
    }

    fn clear(&self) -> Result<()> {
        let mut state = self.state.lock();
        state.live.clear();
        state.durable.clear();
        (state.seen, state.durable_seen) = (Position::START, Position::START);
        Ok(())
    }

    fn len(&self) -> u64 {
        self.state.lock().live.len() as u64
    }

    fn after(&self, after: Option<UserKey>, limit: usize) -> Result<Vec<UserKey>> {
        let state = self.state.lock();
        let mut users: Vec<UserKey> = state.durable.keys().copied().filter(|user| Some(*user) > after).collect();
        users.sort();
        users.truncate(limit);
        Ok(users)
    }

    fn recent(&self, _: usize) -> Vec<UserKey> {
        Vec::new()
    }
}

/// A collector over stores in memory.
pub struct Bench {
    pub collector: Collector,
    pub log: Arc<MemoryLog>,
    pub quarantine: Arc<MemoryQuarantine>,
}

pub fn bench(policy: ConsentPolicy) -> Bench {
    let (log, quarantine) = (Arc::new(MemoryLog::default()), Arc::new(MemoryQuarantine::default()));
    let setup = Setup {
        shop: Shop { name: "bodega".to_owned(), ..Shop::default() },
        log: log.clone(),
        quarantine: quarantine.clone(),
        pseudonyms: pseudonyms(),
        policy,
        verify: None,
    };
    Bench { collector: Collector::new(setup).unwrap(), log, quarantine }
}

pub fn pseudonyms() -> Pseudonyms {
    Pseudonyms::new([5; 32])
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
