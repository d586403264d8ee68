//! Committed events folded into profiles: live as a follower of the log, and by replay after a start or for a rebuild.

use std::{fmt::Debug, sync::Arc};

use domain::{Position, Recorded, UserKey};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use store::{EventLog, Follower, Profiles, Result};

/// Events a replay reads at once. A profile is copied once a stretch, so long ones are cheap; 32,768 baskets of ten products
/// take about 100 MB.
const REPLAY_CHUNK: usize = 32_768;

/// What can be folded: the profile of `features`, and small stand-ins in tests.
pub trait Fold: Default + Clone + Send + Sync + 'static {
    fn fold(&mut self, recorded: &Recorded);
    /// The position of the newest event folded.
    fn seen(&self) -> Position;
}

impl Fold for features::Profile {
    fn fold(&mut self, recorded: &Recorded) {
        Self::fold(self, recorded);
    }

    fn seen(&self) -> Position {
        Self::seen(self)
    }
}

/// Keeps the profiles of one shop equal to a replay of its log.
///
/// Follow the log with it first, then call [`Projector::catch_up`]: what is committed in between is noticed as a gap
/// and left to the catching up.
pub struct Projector<P> {
    profiles: Arc<dyn Profiles<P>>,
    /// One writer at a time: a follower's commit, a replay or an erasure. A `parking_lot` lock, held for one commit or
    /// one chunk of a replay, and never across an `.await`.
    progress: Mutex<Progress>,
}

#[derive(Clone, Copy, Debug)]
struct Progress {
    /// Every event up to here is in the profiles.
    folded: Position,
    /// Some event after `folded` was committed and is not in the profiles.
    behind: bool,
}

impl<P: Fold> Projector<P> {
    pub fn new(profiles: Arc<dyn Profiles<P>>) -> Self {
        let folded = profiles.durable_position();
        Self { profiles, progress: Mutex::new(Progress { folded, behind: false }) }
    }

    pub fn profiles(&self) -> &Arc<dyn Profiles<P>> {
        &self.profiles
    }

    /// Every event up to here is in the profiles.
    pub fn folded(&self) -> Position {
        self.progress.lock().folded
    }

    /// Did a commit not get into the profiles? Then [`Projector::catch_up`] brings it in.
    pub fn is_behind(&self) -> bool {
        self.progress.lock().behind
    }

    /// Leaves what is committed from now on to the next [`Projector::catch_up`]. For imports, which nobody waits on event
    /// by event: folding them in long stretches copies each profile once a stretch rather than once a commit.
    pub fn defer(&self) {
        self.progress.lock().behind = true;
    }

    /// Replays what the log has and the profiles have not; live commits go on meanwhile. Answers how many events were
    /// read. `progress` hears the position reached after each chunk.
    ///
    /// # Errors
    /// Of the log or the profiles; calling again goes on from where it stopped.
    pub fn catch_up(&self, log: &dyn EventLog, mut progress: impl FnMut(Position)) -> Result<u64> {
        let mut n_read = 0;
        loop {
            // A lock for each chunk, so that live commits get their turn.
            let mut state = self.progress.lock();
            // Asked before the read: what is committed after it will find us behind, or in step.
            let head = log.head();
            let chunk = log.read(state.folded, REPLAY_CHUNK)?;
            let Some(last) = chunk.last().map(|recorded| recorded.position) else {
                // Erased events have no record, so the newest position may have none either.
                *state = Progress { folded: state.folded.max(head), behind: false };
                break;
            };
            self.fold(&chunk, last)?;
            state.folded = last;
            n_read += chunk.len() as u64;
            drop(state);
            progress(last);
        }
        self.profiles.flush()?;
        Ok(n_read)
    }

    /// Forgets every profile and folds the log from its start.
    ///
    /// # Errors
    /// Of the log or the profiles; what is missing then comes with the next [`Projector::catch_up`].
    pub fn rebuild(&self, log: &dyn EventLog, progress: impl FnMut(Position)) -> Result<u64> {
        {
            let mut state = self.progress.lock();
            self.profiles.clear()?;
            *state = Progress { folded: Position::START, behind: true };
        }
        self.catch_up(log, progress)
    }

    /// One clone and one save a user, however many of the events are theirs.
    fn fold(&self, events: &[Recorded], seen: Position) -> Result<()> {
        let mut touched: FxHashMap<UserKey, Arc<P>> = FxHashMap::default();
        for recorded in events.iter().filter(|recorded| !recorded.event.user.is_nobody()) {
            let user = recorded.event.user;
            let profile = match touched.entry(user) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(self.profiles.get(user)?.unwrap_or_default())
                }
            };
            // A replay may begin before what a profile has already seen.
            if profile.seen() < recorded.position {
                Arc::make_mut(profile).fold(recorded);
            }
        }
        self.profiles.save(touched.into_iter().collect(), seen)
    }
}

impl<P: Fold> Follower for Projector<P> {
    fn committed(&self, events: &[Recorded]) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        let mut state = self.progress.lock();
        if last.position <= state.folded {
            return;
        }
        if state.behind || first.position > state.folded.next() {
            state.behind = true;
            return;
        }
        match self.fold(events, last.position) {
            Ok(()) => state.folded = last.position,
            Err(error) => {
                state.behind = true;
                tracing::error!(%error, position = last.position.0, "profiles fell behind the log; catch up when the store is mended");
            }
        }
    }
}

/// Under the same lock as folding, so that a profile read before the erasure can't be saved after it.
impl<P: Fold> privacy::Forget for Projector<P> {
    fn name(&self) -> &str {
        "profiles"
    }

    fn forget(&self, user: UserKey) -> Result<u64> {
        let _writer = self.progress.lock();
        let erased = self.profiles.erase(user)?;
        self.profiles.flush()?;
        Ok(u64::from(erased))
    }
}

impl<P> Debug for Projector<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Projector").field("progress", &*self.progress.lock()).finish()
    }
}
