//! Random appends, readings, erasures and reopenings of the log, held against a plain list and set.

use std::collections::BTreeSet;

use domain::{Position, Recorded, UserKey};
use proptest::prelude::*;
use store::{
    Appended, EventLog,
    contract::sample,
    embedded::{EmbeddedLog, Options},
};

#[derive(Clone, Debug)]
enum Step {
    /// Events by number; the same number is the same message.
    Append(Vec<u64>),
    /// Completions of a few orders, each under a message of its own.
    Buy(Vec<u64>),
    Read(u64, usize),
    Erase(u64),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => prop::collection::vec(0..400_u64, 0..40).prop_map(Step::Append),
        4 => prop::collection::vec(0..400_u64, 0..4).prop_map(Step::Buy),
        4 => (0..300_u64, 0..60_usize).prop_map(|(after, limit)| Step::Read(after, limit)),
        1 => (0..5_u64).prop_map(Step::Erase),
        2 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..30)
}

/// What the log should be.
#[derive(Default)]
struct Model {
    /// By position; `None` is erased.
    events: Vec<Option<domain::Event>>,
    messages: BTreeSet<String>,
    orders: BTreeSet<String>,
}

impl Model {
    fn append(&mut self, event: domain::Event) -> Appended {
        let order = event.order.as_ref().map(|order| order.order_id.to_string());
        let known = self.messages.contains(event.message_id.as_str());
        if known || order.as_ref().is_some_and(|order| self.orders.contains(order)) {
            return Appended::Duplicate;
        }
        self.messages.insert(event.message_id.to_string());
        self.orders.extend(order);
        self.events.push(Some(event));
        Appended::New(Position(self.events.len() as u64))
    }

    fn read(&self, after: u64, limit: usize) -> Vec<Recorded> {
        let rows = self.events.iter().zip(1..).skip(after as usize);
        let events = rows.filter_map(|(event, n)| Some(Recorded { position: Position(n), event: event.clone()? }));
        events.take(limit).collect()
    }

    fn erase(&mut self, user: UserKey) -> u64 {
        let about = |event: &domain::Event| event.user == user || event.anonymous == Some(user);
        let mut removed = 0;
        for row in self.events.iter_mut().filter(|row| row.as_ref().is_some_and(about)) {
            *row = None;
            removed += 1;
        }
        removed
    }
}

/// Few users, some of them seen before a login too.
fn event(n: u64) -> domain::Event {
    domain::Event {
        anonymous: n.is_multiple_of(7).then(|| sample::user(n % 3)),
        ..sample::event_of(n, sample::user(n % 5))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_a_list_without_duplicates(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let open = || EmbeddedLog::open(folder.path(), &Options { log_write_buffer_bytes: 32 << 10, ..Options::default() });
        let mut log = Some(open().unwrap());
        let mut model = Model::default();
        for step in steps {
            let now = log.as_ref().expect("open between steps");
            match step {
                Step::Append(numbers) => {
                    let events: Vec<_> = numbers.into_iter().map(event).collect();
                    let expected: Vec<_> = events.iter().cloned().map(|event| model.append(event)).collect();
                    prop_assert_eq!(now.append(events).wait().unwrap(), expected);
                }
                Step::Buy(numbers) => {
                    let events: Vec<_> = numbers.iter().map(|n| sample::purchase(1_000 + n, &format!("order-{}", n % 9))).collect();
                    let expected: Vec<_> = events.iter().cloned().map(|event| model.append(event)).collect();
                    prop_assert_eq!(now.append(events).wait().unwrap(), expected);
                }
                Step::Read(after, limit) => {
                    prop_assert_eq!(now.read(Position(after), limit).unwrap(), model.read(after, limit));
                }
                Step::Erase(n) => prop_assert_eq!(now.erase(sample::user(n)).unwrap(), model.erase(sample::user(n))),
                Step::Reopen => {
                    drop(log.take());
                    log = Some(open().unwrap());
                }
            }
            let now = log.as_ref().expect("open between steps");
            prop_assert_eq!(now.head(), Position(model.events.len() as u64));
            prop_assert_eq!(now.len(), model.events.iter().flatten().count() as u64);
        }
        let now = log.as_ref().expect("open between steps");
        prop_assert_eq!(now.read(Position::START, usize::MAX).unwrap(), model.read(0, usize::MAX));
    }
}
