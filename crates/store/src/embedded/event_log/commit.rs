//! The commit thread: the only writer. It takes what waits, keeps what is new, writes it in one batch with one fsync,
//! tells the followers, then answers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, atomic::Ordering, mpsc},
};

use domain::{Event, Position, Recorded, UserKey};
use fjall::{OwnedWriteBatch, PersistMode};
use rustc_hash::{FxBuildHasher, FxHashSet};
use tokio::sync::oneshot;

use super::{
    ERASED, Engine, STORE, Shared,
    acknowledged::Acknowledged,
    record::{self, Entry, Key},
};
use crate::{
    Appended, Result, StoreError,
    embedded::engine::{guarded, panic_text},
};

/// Most events in one group: enough to hide the fsync, few enough to keep one group's memory and latency small.
const GROUP_EVENTS_MAX: usize = 20_000;

pub struct Append {
    pub events: Vec<Event>,
    pub entries: Vec<Entry>,
    pub bytes: usize,
    pub answer: oneshot::Sender<Result<Vec<Appended>>>,
}

pub struct Erase {
    pub user: UserKey,
    /// Rows found so far, and how far the search went.
    pub positions: Vec<u64>,
    pub searched: u64,
    pub answer: mpsc::Sender<Result<u64>>,
}

pub enum Command {
    Append(Append),
    Erase(Erase),
}

pub struct Committer {
    shared: Arc<Shared>,
    acknowledged: Acknowledged,
    disk_reserve_bytes: u64,
}

/// What a group of appends comes to, before it is written.
struct Group {
    batch: OwnedWriteBatch,
    recorded: Vec<Recorded>,
    messages: Vec<Key>,
    verdicts: Vec<Vec<Appended>>,
    head: u64,
}

type Answer = oneshot::Sender<Result<Vec<Appended>>>;

impl Committer {
    pub fn new(shared: Arc<Shared>, acknowledged: Acknowledged, disk_reserve_bytes: u64) -> Self {
        Self { shared, acknowledged, disk_reserve_bytes }
    }

    /// Until the log is dropped; what is queued by then is still answered.
    pub fn run(self, commands: &mpsc::Receiver<Command>) {
        let mut held_back = None;
        while let Some(command) = held_back.take().or_else(|| commands.recv().ok()) {
            match command {
                Command::Append(first) => {
                    let (group, other) = gather(first, commands);
                    held_back = other;
                    self.append(group);
                }
                Command::Erase(erase) => {
                    let answer = erase.answer.clone();
                    answer.send(self.erase(erase)).ok();
                }
            }
        }
    }

    fn append(&self, appends: Vec<Append>) {
        let (mut answers, mut inputs) = (Vec::with_capacity(appends.len()), Vec::with_capacity(appends.len()));
        let bytes: usize = appends.iter().map(|append| append.bytes).sum();
        for append in appends {
            answers.push(append.answer);
            inputs.push((append.events, append.entries));
        }
        let outcome = self.commit(inputs);
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        answer_all(answers, outcome);
    }

    fn commit(&self, inputs: Vec<(Vec<Event>, Vec<Entry>)>) -> Result<Vec<Vec<Appended>>> {
        self.shared.check_usable()?;
        let group = guarded(STORE, &self.shared.folder, || self.decide(inputs))?;
        if !group.recorded.is_empty() {
            self.check_space()?;
            self.write(group.batch)?;
            self.publish(group.head);
            self.tell_followers(&group.recorded)?;
        }
        Ok(group.verdicts)
    }

    /// New or duplicate, for each event of each append, within the group too.
    fn decide(&self, inputs: Vec<(Vec<Event>, Vec<Entry>)>) -> fjall::Result<Group> {
        let engine = &self.shared.engine;
        let events: usize = inputs.iter().map(|(events, _)| events.len()).sum();
        let mut group = Group {
            batch: OwnedWriteBatch::with_capacity(engine.database.clone(), 2 * events),
            recorded: Vec::with_capacity(events),
            messages: Vec::with_capacity(events),
            verdicts: Vec::with_capacity(inputs.len()),
            head: self.shared.head(),
        };
        let mut seen = Seen::among(engine, &inputs)?;
        for (events, entries) in inputs {
            let mut verdicts = Vec::with_capacity(events.len());
            for (event, entry) in events.into_iter().zip(entries) {
                verdicts.push(if seen.is_duplicate(&entry)? {
                    Appended::Duplicate
                } else {
                    seen.remember(&entry);
                    Appended::New(group.add(engine, event, entry))
                });
            }
            group.verdicts.push(verdicts);
        }
        group.add_messages(engine);
        Ok(group)
    }

    /// Refused before the engine is touched, so that appends work again as soon as there is space.
    fn check_space(&self) -> Result<()> {
        let folder = &self.shared.folder;
        match free_bytes(folder) {
            Some(free) if free < self.disk_reserve_bytes => Err(StoreError::Full {
                store: STORE,
                detail: format!(
                    "{free} bytes are free at {}, fewer than the {} kept in reserve",
                    folder.display(),
                    self.disk_reserve_bytes
                ),
            }),
            _ => Ok(()),
        }
    }

    /// One journal write and one fsync. Any error closes the log to appends: what is on disk is unknown until it is
    /// opened and read again, and a repeated fsync may succeed without having written anything.
    fn write(&self, batch: OwnedWriteBatch) -> Result<()> {
        let batch = batch.durability(Some(PersistMode::SyncAll));
        guarded(STORE, &self.shared.folder, || batch.commit()).inspect_err(|error| self.shared.break_down(error))
    }

    fn publish(&self, head: u64) {
        self.shared.head.store(head, Ordering::Release);
        if let Err(error) = self.acknowledged.write(head) {
            tracing::warn!(%error, head, "the acknowledged position was not noted; missing events could go unnoticed");
        }
    }

    /// The events are durable whatever a follower does; but one that failed has not seen them, so no more may come
    /// until the log is opened again and the follower has caught up by replay.
    fn tell_followers(&self, recorded: &[Recorded]) -> Result<()> {
        let followers = self.shared.followers.read().clone();
        let call = || followers.iter().for_each(|follower| follower.committed(recorded));
        catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
            let detail = format!("a follower failed: {}", panic_text(&*panic));
            let error = StoreError::Unavailable { store: STORE, detail };
            self.shared.break_down(&error);
            error
        })
    }

    /// Overwrites the user's rows, those that came since the search began too, and counts them, in one batch.
    fn erase(&self, mut erase: Erase) -> Result<u64> {
        self.shared.check_usable()?;
        let head = self.shared.head();
        self.shared.scan(erase.searched, head, |position, value| {
            if record::is_about(value, erase.user) {
                erase.positions.push(position);
            }
            Ok(true)
        })?;
        // Two erasures of one user may have found the same rows.
        erase.positions.sort_unstable();
        erase.positions.dedup();
        let engine = &self.shared.engine;
        let positions = guarded(STORE, &self.shared.folder, || {
            let mut left = Vec::with_capacity(erase.positions.len());
            for position in erase.positions {
                if engine.events.get(position.to_be_bytes())?.is_some_and(|value| record::is_about(&value, erase.user))
                {
                    left.push(position);
                }
            }
            Ok(left)
        })?;
        if positions.is_empty() {
            return Ok(0);
        }
        let erased = self.shared.erased.load(Ordering::Acquire) + positions.len() as u64;
        let mut batch = engine.database.batch();
        for position in &positions {
            batch.insert(&engine.events, position.to_be_bytes(), record::ERASED);
        }
        batch.insert(&engine.meta, ERASED, erased.to_be_bytes());
        self.write(batch)?;
        self.shared.erased.store(erased, Ordering::Release);
        Ok(positions.len() as u64)
    }
}

impl Group {
    fn add(&mut self, engine: &Engine, event: Event, entry: Entry) -> Position {
        self.head += 1;
        self.batch.insert(&engine.events, self.head.to_be_bytes(), entry.value);
        self.messages.push(entry.message);
        if let Some(order) = entry.order {
            self.batch.insert(&engine.orders, order, []);
        }
        let position = Position(self.head);
        self.recorded.push(Recorded { position, event });
        position
    }

    /// In key order: neighbours share most of the way down the engine's sorted memory, which is where the time goes.
    fn add_messages(&mut self, engine: &Engine) {
        self.messages.sort_unstable();
        for message in &self.messages {
            self.batch.insert(&engine.messages, *message, []);
        }
    }
}

/// The memory of deduplication, as far as this group needs it.
struct Seen<'a> {
    engine: &'a Engine,
    messages: FxHashSet<Key>,
    orders: FxHashSet<Key>,
}

impl<'a> Seen<'a> {
    /// Looks all messages of the group up, in key order for the same reason as above.
    fn among(engine: &'a Engine, inputs: &[(Vec<Event>, Vec<Entry>)]) -> fjall::Result<Self> {
        let mut keys: Vec<Key> = inputs.iter().flat_map(|(_, entries)| entries).map(|entry| entry.message).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut messages = FxHashSet::with_capacity_and_hasher(keys.len(), FxBuildHasher);
        for key in keys {
            if engine.messages.contains_key(key)? {
                messages.insert(key);
            }
        }
        Ok(Self { engine, messages, orders: FxHashSet::default() })
    }

    fn is_duplicate(&self, entry: &Entry) -> fjall::Result<bool> {
        if self.messages.contains(&entry.message) {
            return Ok(true);
        }
        let Some(order) = entry.order else { return Ok(false) };
        Ok(self.orders.contains(&order) || self.engine.orders.contains_key(order)?)
    }

    fn remember(&mut self, entry: &Entry) {
        self.messages.insert(entry.message);
        self.orders.extend(entry.order);
    }
}

impl Shared {
    fn break_down(&self, error: &StoreError) {
        tracing::error!(%error, folder = %self.folder.display(), "the log refused further appends; reopen it");
        self.broken.set(error.clone()).ok();
    }
}

/// The appends that wait, up to a bound, and the first command that is none.
fn gather(first: Append, commands: &mpsc::Receiver<Command>) -> (Vec<Append>, Option<Command>) {
    let mut events = first.events.len();
    let mut group = vec![first];
    while events < GROUP_EVENTS_MAX {
        match commands.try_recv() {
            Ok(Command::Append(append)) => {
                events += append.events.len();
                group.push(append);
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}

/// Whoever no longer waits for the answer is skipped.
fn answer_all(answers: Vec<Answer>, outcome: Result<Vec<Vec<Appended>>>) {
    match outcome {
        Ok(verdicts) => {
            for (answer, verdicts) in answers.into_iter().zip(verdicts) {
                answer.send(Ok(verdicts)).ok();
            }
        }
        Err(error) => {
            for answer in answers {
                answer.send(Err(error.clone())).ok();
            }
        }
    }
}

/// `None` where the system can't say.
fn free_bytes(folder: &Path) -> Option<u64> {
    let status = rustix::fs::statvfs(folder).ok()?;
    Some(status.f_bavail.saturating_mul(status.f_frsize))
}
