//! The event log: durable, ordered, each event once.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

use domain::{Position, Recorded};
use parking_lot::Mutex;

use super::{fresh, sample};
use crate::{Appended, EventLog, Follower};

pub fn event_log(open: impl Fn(&Path) -> Arc<dyn EventLog>) {
    fresh(|path| an_empty_log_says_so(&*open(path)));
    fresh(|path| what_was_answered_is_there_after_reopening(path, &open));
    fresh(|path| a_message_counts_once(path, &open));
    fresh(|path| an_order_is_completed_once(path, &open));
    fresh(|path| one_of_64_concurrent_retries_wins(&*open(path)));
    fresh(|path| concurrent_appends_stay_whole_and_ordered(&*open(path)));
    fresh(|path| reading_goes_on_where_it_stopped(&*open(path)));
    fresh(|path| followers_see_events_in_order_before_the_answer(&*open(path)));
    fresh(|path| a_person_can_be_forgotten(path, &open));
    fresh(|path| retries_of_a_large_batch_add_nothing(path, &open));
}

fn append(log: &dyn EventLog, numbers: impl IntoIterator<Item = u64>) -> Vec<Appended> {
    log.append(numbers.into_iter().map(sample::event).collect()).wait().expect("the append")
}

fn all(log: &dyn EventLog) -> Vec<Recorded> {
    log.read(Position::START, usize::MAX).expect("the read")
}

fn ids(log: &dyn EventLog) -> Vec<String> {
    all(log).iter().map(|recorded| recorded.event.message_id.to_string()).collect()
}

fn new(positions: impl IntoIterator<Item = u64>) -> Vec<Appended> {
    positions.into_iter().map(|position| Appended::New(Position(position))).collect()
}

fn an_empty_log_says_so(log: &dyn EventLog) {
    assert!(log.is_empty());
    assert_eq!((log.head(), log.len(), all(log)), (Position::START, 0, vec![]));
    assert_eq!(append(log, []), []);
    assert_eq!(log.head(), Position::START);
}

fn what_was_answered_is_there_after_reopening(path: &Path, open: &dyn Fn(&Path) -> Arc<dyn EventLog>) {
    assert_eq!(append(&*open(path), 0..5), new(1..=5));
    let log = open(path);
    assert_eq!((log.head(), log.len()), (Position(5), 5));
    let expected: Vec<_> = (0..5).map(|n| Recorded { position: Position(n + 1), event: sample::event(n) }).collect();
    assert_eq!(all(&*log), expected);
    assert_eq!(append(&*log, 5..7), new(6..=7));
}

fn a_message_counts_once(path: &Path, open: &dyn Fn(&Path) -> Arc<dyn EventLog>) {
    use Appended::{Duplicate, New};
    let log = open(path);
    assert_eq!(append(&*log, [1, 2, 1]), [New(Position(1)), New(Position(2)), Duplicate], "in one batch");
    assert_eq!(append(&*log, [2, 3]), [Duplicate, New(Position(3))], "in another batch");
    drop(log);
    let log = open(path);
    assert_eq!(append(&*log, [1, 2, 3, 4]), [Duplicate, Duplicate, Duplicate, New(Position(4))], "after reopening");
    assert_eq!(log.len(), 4);
}

fn an_order_is_completed_once(path: &Path, open: &dyn Fn(&Path) -> Arc<dyn EventLog>) {
    use Appended::{Duplicate, New};
    let log = open(path);
    let buy = |log: &dyn EventLog, pairs: &[(u64, &str)]| {
        log.append(pairs.iter().map(|(n, order)| sample::purchase(*n, order)).collect()).wait().expect("the append")
    };
    assert_eq!(buy(&*log, &[(1, "A"), (2, "A"), (3, "B")]), [New(Position(1)), Duplicate, New(Position(2))]);
    assert_eq!(buy(&*log, &[(4, "A")]), [Duplicate]);
    // A refund names the same order and is an event of its own.
    let refund = domain::Event { kind: domain::EventKind::OrderRefunded, ..sample::purchase(5, "A") };
    assert_eq!(log.append(vec![refund]).wait().expect("the append"), [New(Position(3))]);
    drop(log);
    assert_eq!(buy(&*open(path), &[(6, "B"), (7, "C")]), [Duplicate, New(Position(4))]);
}

fn one_of_64_concurrent_retries_wins(log: &dyn EventLog) {
    let start = Barrier::new(64);
    let winners: usize = thread::scope(|scope| {
        let retry = || {
            start.wait();
            usize::from(append(log, [7]) != [Appended::Duplicate])
        };
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(retry)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a retry")).sum()
    });
    assert_eq!((winners, log.len()), (1, 1));
}

fn concurrent_appends_stay_whole_and_ordered(log: &dyn EventLog) {
    let (writers, batches, size) = (8, 20, 10);
    thread::scope(|scope| {
        for writer in 0..writers {
            scope.spawn(move || {
                for batch in 0..batches {
                    let first = (writer * batches + batch) * size;
                    let positions = append(log, first..first + size);
                    let Appended::New(start) = positions[0] else { panic!("new, got {:?}", positions[0]) };
                    assert_eq!(positions, new(start.0..start.0 + size), "one append lies together, in its order");
                }
            });
        }
    });
    let total = writers * batches * size;
    let recorded = all(log);
    assert_eq!(recorded.iter().map(|r| r.position.0).collect::<Vec<_>>(), (1..=total).collect::<Vec<_>>());
    let distinct: BTreeSet<_> = recorded.iter().map(|r| r.event.message_id.clone()).collect();
    assert_eq!(distinct.len() as u64, total);
}

fn reading_goes_on_where_it_stopped(log: &dyn EventLog) {
    append(log, 0..25);
    let (mut after, mut seen) = (Position::START, Vec::new());
    loop {
        let page = log.read(after, 10).expect("the read");
        let Some(last) = page.last() else { break };
        after = last.position;
        seen.extend(page.iter().map(|recorded| recorded.position.0));
    }
    assert_eq!(seen, (1..=25).collect::<Vec<_>>());
    assert_eq!(log.read(Position(3), 0).expect("the read"), []);
    assert_eq!(log.read(Position(u64::MAX), 10).expect("the read"), []);
}

#[derive(Default)]
struct Witness(Mutex<Vec<u64>>);

impl Follower for Witness {
    fn committed(&self, events: &[Recorded]) {
        self.0.lock().extend(events.iter().map(|recorded| recorded.position.0));
    }
}

fn followers_see_events_in_order_before_the_answer(log: &dyn EventLog) {
    append(log, [100]);
    let witness = Arc::new(Witness::default());
    log.follow(witness.clone());
    thread::scope(|scope| {
        for writer in 0..4 {
            let witness = &witness;
            scope.spawn(move || {
                for n in 0..25 {
                    let [Appended::New(position)] = append(log, [writer * 25 + n])[..] else { panic!("it is new") };
                    assert!(witness.0.lock().contains(&position.0), "answered before its follower saw it");
                }
            });
        }
    });
    append(log, [100]);
    assert_eq!(*witness.0.lock(), (2..=101).collect::<Vec<_>>());
}

fn a_person_can_be_forgotten(path: &Path, open: &dyn Fn(&Path) -> Arc<dyn EventLog>) {
    let (person, other) = (sample::user(1), sample::user(2));
    let log = open(path);
    let before_login = domain::Event { anonymous: Some(person), ..sample::event_of(3, other) };
    let events =
        vec![sample::event_of(1, person), sample::event_of(2, other), before_login, sample::event_of(4, other)];
    log.append(events.clone()).wait().expect("the append");
    assert_eq!(log.erase(person).expect("the erasure"), 2);
    assert_eq!(log.erase(person).expect("the erasure"), 0, "there is nothing left to erase");
    assert_eq!(log.erase(domain::UserKey::NOBODY).expect("the erasure"), 0, "nobody is no person");
    let check = |log: &dyn EventLog| {
        assert_eq!(all(log).iter().map(|r| r.position.0).collect::<Vec<_>>(), [2, 4]);
        assert_eq!((log.len(), log.head()), (2, Position(4)));
        assert_eq!(log.read(Position(2), 1).expect("the read")[0].position, Position(4), "a page skips what is erased");
    };
    check(&*log);
    drop(log);
    let log = open(path);
    check(&*log);
    let retried = log.append(events).wait().expect("the append");
    assert_eq!(retried, [Appended::Duplicate; 4], "a retry brings nothing back");
    assert_eq!(append(&*log, [9]), new([5]), "positions are not used again");
}

fn retries_of_a_large_batch_add_nothing(path: &Path, open: &dyn Fn(&Path) -> Arc<dyn EventLog>) {
    let log = open(path);
    append(&*log, 0..3_000);
    assert_eq!(append(&*log, 0..3_000), vec![Appended::Duplicate; 3_000]);
    assert_eq!(append(&*log, 2_990..3_010)[10..], new(3_001..=3_010));
    assert_eq!(ids(&*log).len(), 3_010);
}
