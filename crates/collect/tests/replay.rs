//! Profiles are always what a fresh replay of the log gives, whatever happened on the way.

mod common;

use std::sync::Arc;

use collect::Projector;
use common::{MemoryLog, MemoryProfiles};
use domain::{
    Channel, Consent, ConsentState, Event, EventKind, Line, MessageId, Order, OrderId, Position, ProductId, Timestamp,
    UserKey, event::Details,
};
use features::Profile;
use privacy::{Erasure, ErasureRequest};
use proptest::prelude::*;
use store::{AuditEntry, ConsentRecord, EventLog, Ledger, Profiles, Receipt, Users};

fn event(message: u16, user: u8, kind: EventKind, product: u8, seconds: i64, anonymous: Option<u8>) -> Event {
    let is_order = matches!(kind, EventKind::OrderCompleted | EventKind::OrderRefunded);
    Event {
        message_id: MessageId::new(format!("m{message}")).unwrap(),
        kind,
        // User 0 is nobody.
        user: UserKey([user; 16]),
        anonymous: anonymous.map(|a| UserKey([100 + a; 16])),
        session_id: None,
        occurred_at: Timestamp::from_seconds(1_785_000_000 + seconds),
        received_at: Timestamp::from_seconds(1_785_100_000),
        channel: Channel::Server,
        consent: Consent { personalization: ConsentState::Granted, ..Consent::default() },
        placement: None,
        recommendation_id: None,
        products: vec![Line::of(ProductId::new(format!("p{product}")).unwrap())],
        order: is_order.then(|| Order::of(OrderId::new(format!("o{message}")).unwrap())),
        details: Details::default(),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Event>),
    Flush,
    FlushHalf,
    /// Stop without flushing, start again, and append before catching up.
    Crash(Vec<Event>),
    Rebuild,
}

fn any_event() -> impl Strategy<Value = Event> {
    let kinds =
        [EventKind::ProductViewed, EventKind::ProductAdded, EventKind::OrderCompleted, EventKind::OrderRefunded];
    (0u16..60, 0u8..6, prop::sample::select(kinds.to_vec()), 0u8..8, 0i64..100_000, prop::option::of(0u8..2))
        .prop_map(|(message, user, kind, product, at, anonymous)| event(message, user, kind, product, at, anonymous))
}

fn any_step() -> impl Strategy<Value = Step> {
    let events = || prop::collection::vec(any_event(), 1..8);
    prop_oneof![
        5 => events().prop_map(Step::Append),
        1 => Just(Step::Flush),
        1 => Just(Step::FlushHalf),
        2 => events().prop_map(Step::Crash),
        1 => Just(Step::Rebuild),
    ]
}

struct World {
    log: Arc<MemoryLog>,
    profiles: Arc<MemoryProfiles<Profile>>,
    projector: Arc<Projector<Profile>>,
}

impl World {
    fn start(log: Arc<MemoryLog>, profiles: Arc<MemoryProfiles<Profile>>) -> Self {
        let projector = Arc::new(Projector::new(profiles.clone() as Arc<dyn Profiles<Profile>>));
        log.follow(projector.clone());
        Self { log, profiles, projector }
    }

    fn append(&self, events: Vec<Event>) {
        self.log.append(events).wait().unwrap();
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Append(events) => self.append(events),
            Step::Flush => self.profiles.flush().unwrap(),
            Step::FlushHalf => self.profiles.flush_half(),
            Step::Crash(early) => {
                self.log.lose_followers();
                self.profiles.crash();
                *self = Self::start(self.log.clone(), self.profiles.clone());
                self.append(early);
                self.projector.catch_up(&*self.log, |_| {}).unwrap();
            }
            Step::Rebuild => drop(self.projector.rebuild(&*self.log, |_| {}).unwrap()),
        }
    }

    fn fresh_replay(&self) -> Arc<MemoryProfiles<Profile>> {
        let profiles = Arc::new(MemoryProfiles::default());
        Projector::<Profile>::new(profiles.clone()).catch_up(&*self.log, |_| {}).unwrap();
        profiles
    }
}

proptest! {
    #[test]
    fn any_history_ends_in_the_profiles_of_a_fresh_replay(steps in prop::collection::vec(any_step(), 1..20)) {
        let mut world = World::start(Arc::default(), Arc::default());
        for step in steps {
            world.take(step);
        }
        prop_assert!(!world.projector.is_behind());
        prop_assert_eq!(world.projector.folded(), world.log.head());
        prop_assert_eq!(world.profiles.all(), world.fresh_replay().all());
        prop_assert!(!world.profiles.all().contains_key(&UserKey::NOBODY));
    }
}

#[test]
fn an_event_of_a_known_user_is_folded_into_the_known_user_alone() {
    let world = World::start(Arc::default(), Arc::default());
    world.append(vec![
        event(1, 1, EventKind::ProductViewed, 1, 0, Some(1)),
        event(2, 0, EventKind::ProductViewed, 1, 0, None),
    ]);
    assert_eq!(world.profiles.all().keys().copied().collect::<Vec<_>>(), [UserKey([1; 16])]);
}

/// A ledger and users in memory, as far as an erasure needs them.
#[derive(Default)]
struct Papers {
    receipts: parking_lot::Mutex<Vec<Receipt>>,
    trail: parking_lot::Mutex<Vec<AuditEntry>>,
}

impl Ledger for Papers {
    fn record_consent(&self, _: &ConsentRecord) -> store::Result<()> {
        Ok(())
    }
    fn consent(&self, _: UserKey) -> store::Result<Option<ConsentRecord>> {
        Ok(None)
    }
    fn issue_receipt(&self, receipt: &Receipt) -> store::Result<()> {
        self.receipts.lock().push(receipt.clone());
        Ok(())
    }
    fn receipts(&self, user: UserKey) -> store::Result<Vec<Receipt>> {
        Ok(self.receipts.lock().iter().filter(|r| r.user == user).cloned().collect())
    }
    fn audit(&self, entry: AuditEntry) -> store::Result<()> {
        self.trail.lock().push(entry);
        Ok(())
    }
    fn audit_trail(&self, _: usize) -> store::Result<Vec<AuditEntry>> {
        Ok(self.trail.lock().clone())
    }
    fn verify_audit(&self) -> store::Result<u64> {
        Ok(0)
    }
}

struct NoUsers;

impl Users for NoUsers {
    fn upsert(&self, _: &[(UserKey, domain::UserTraits)]) -> store::Result<()> {
        Ok(())
    }
    fn get(&self, _: UserKey) -> store::Result<Option<domain::UserTraits>> {
        Ok(None)
    }
    fn delete(&self, _: UserKey) -> store::Result<bool> {
        Ok(false)
    }
    fn len(&self) -> store::Result<u64> {
        Ok(0)
    }
}

#[test]
fn an_erased_user_is_gone_and_stays_gone() {
    let mut world = World::start(Arc::default(), Arc::default());
    world.append(
        (0..20).map(|i| event(i, 1 + (i % 2) as u8, EventKind::ProductViewed, 1, i64::from(i), None)).collect(),
    );
    let papers = Papers::default();
    let erasure = Erasure { log: &*world.log, users: &NoUsers, ledger: &papers, derived: vec![&*world.projector] };
    let request = ErasureRequest {
        users: vec![UserKey([1; 16]), UserKey([1; 16]), UserKey::NOBODY],
        requested_at: Timestamp::from_seconds(1),
        actor: "test".to_owned(),
    };
    let now = || Timestamp::from_seconds(9);
    let receipts = erasure.erase(&request, &now).unwrap();
    assert_eq!(receipts.len(), 1);
    let removed: Vec<_> = receipts[0].removed.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    assert_eq!(removed, [("event_log", 10), ("user_traits", 0), ("profiles", 1)]);
    // Made again, as after a crash: the same answer.
    assert_eq!(erasure.erase(&request, &now).unwrap(), receipts);
    assert_eq!(papers.receipts.lock().len(), 1);
    world.take(Step::Rebuild);
    assert_eq!(world.profiles.all().keys().copied().collect::<Vec<_>>(), [UserKey([2; 16])]);
    assert_eq!(world.projector.folded(), Position(20));
}
