//! The truth: every accepted event once, in order, for ever (or until its user asks to be forgotten).

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use domain::{Event, Position, Recorded, UserKey};
use tokio::sync::oneshot;

use crate::{Result, StoreError};

/// What became of one event of an append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Appended {
    New(Position),
    /// An event with this message id, or this order's completion, is already in the log.
    Duplicate,
}

pub trait EventLog: Send + Sync {
    /// Appends the events that are new. The answer comes when they are on disk (fsync) and every follower has seen
    /// them; concurrent appends share one fsync (group commit). One verdict an event, in the order given.
    ///
    /// An append is atomic: after a crash either all its new events are there or none.
    fn append(&self, events: Vec<Event>) -> Pending;

    /// Up to `limit` events after `after`, oldest first. Positions of erased events are skipped.
    fn read(&self, after: Position, limit: usize) -> Result<Vec<Recorded>>;

    /// The position of the newest durable event; [`Position::START`] when there is none.
    fn head(&self) -> Position;

    /// Events in the log, erased ones not counted.
    fn len(&self) -> u64;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Registers a follower of all later appends.
    fn follow(&self, follower: Arc<dyn Follower>);

    /// Removes every event of this user, as known or anonymous visitor, and makes the bytes unreadable.
    /// Message ids stay known, so that a retry can't bring an erased event back. Answers how many were removed.
    fn erase(&self, user: UserKey) -> Result<u64>;
}

/// Sees durable events in log order, on the committing thread, before the append is answered: so what it folds is
/// visible to whoever got the answer. It must be quick and must not append.
pub trait Follower: Send + Sync {
    fn committed(&self, events: &[Recorded]);
}

/// The answer to an append, to be awaited, or waited for on a thread of one's own.
pub struct Pending(oneshot::Receiver<Result<Vec<Appended>>>);

impl Pending {
    pub fn new() -> (oneshot::Sender<Result<Vec<Appended>>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }

    /// Blocks; not for async tasks.
    pub fn wait(self) -> Result<Vec<Appended>> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(stopped()))
    }
}

impl Future for Pending {
    type Output = Result<Vec<Appended>>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or_else(|_| Err(stopped())))
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable { store: "event log", detail: "it stopped before it answered; send the batch again".into() }
}
