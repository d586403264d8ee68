//! Profiles in memory over the log-structured engine. A save only touches memory; a thread of its own writes changed
//! profiles back in batches, each together with the log position it contains, so that what is on disk is always the
//! fold of the log up to one position. A crash costs replay, never correctness.

use std::{
    collections::BTreeMap,
    fs,
    ops::Bound,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use domain::{Position, UserKey};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parking_lot::{Condvar, Mutex};
use quick_cache::sync::Cache;
use rustc_hash::FxHashMap;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Options,
    engine::{self, EngineOptions, guarded},
    files,
};
use crate::{Profiles, Result, StoreError};

const STORE: &str = "profiles";
const VERSION: u8 = 1;
/// Keys of 16 bytes are users; this one is the position and the number of profiles.
const META: &[u8] = b"meta";
const RECENT_MAX: usize = 4_096;

pub struct EmbeddedProfiles<P> {
    shared: Arc<Shared<P>>,
    writer: Option<JoinHandle<()>>,
}

struct Shared<P> {
    folder: PathBuf,
    database: Database,
    keyspace: Keyspace,
    cache: Cache<UserKey, Cached<P>, ByBytes>,
    state: Mutex<State<P>>,
    /// Wakes the writing thread early.
    wake: Condvar,
    /// One write-back, erasure or clearing at a time; taken before `state`.
    writing: Mutex<()>,
    flush_users: usize,
    flush_after: Duration,
}

struct State<P> {
    /// Saved and not on disk yet.
    dirty: FxHashMap<UserKey, Arc<P>>,
    /// On the way to disk.
    leaving: FxHashMap<UserKey, Arc<P>>,
    seen: Position,
    on_disk: OnDisk,
    recent: Recent,
    /// Grows when the disk changes: whoever read it before must not put that into the cache.
    epoch: u64,
    broken: Option<StoreError>,
    closing: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct OnDisk {
    seen: Position,
    users: u64,
}

struct Cached<P> {
    profile: Arc<P>,
    bytes: u32,
}

impl<P> Clone for Cached<P> {
    fn clone(&self) -> Self {
        Self { profile: self.profile.clone(), bytes: self.bytes }
    }
}

#[derive(Clone)]
struct ByBytes;

impl<P> quick_cache::Weighter<UserKey, Cached<P>> for ByBytes {
    /// The decoded form and the cache's own entry cost about as much again as the key and its bookkeeping.
    fn weight(&self, _: &UserKey, cached: &Cached<P>) -> u64 {
        u64::from(cached.bytes) + 128
    }
}

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static> EmbeddedProfiles<P> {
    /// Damaged files are set aside as `….damaged`, and the store starts empty from the beginning of the log.
    ///
    /// # Errors
    /// When the folder can't be used, or is open already.
    pub fn open(folder: &Path, options: &Options) -> Result<Self> {
        let shared = match Shared::open(folder, options) {
            Err(StoreError::Corrupt { place, detail, .. }) => {
                tracing::error!(place, detail, "profiles were damaged: set them aside, rebuild them from the log");
                set_aside(folder).map_err(|error| files::io_error(STORE, folder, &error))?;
                Shared::open(folder, options)?
            }
            shared => shared?,
        };
        let shared = Arc::new(shared);
        let background = shared.clone();
        let writer = std::thread::Builder::new()
            .name("profiles-write".to_owned())
            .spawn(move || background.run())
            .map_err(|error| files::io_error(STORE, folder, &error))?;
        Ok(Self { shared, writer: Some(writer) })
    }
}

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static> Profiles<P> for EmbeddedProfiles<P> {
    fn get(&self, user: UserKey) -> Result<Option<Arc<P>>> {
        self.shared.get(user)
    }

    fn save(&self, profiles: Vec<(UserKey, Arc<P>)>, seen: Position) -> Result<()> {
        self.shared.save(profiles, seen)
    }

    fn durable_position(&self) -> Position {
        self.shared.state.lock().on_disk.seen
    }

    fn flush(&self) -> Result<()> {
        self.shared.write_back()
    }

    /// Gone from memory and from every file of the folder when it returns.
    fn erase(&self, user: UserKey) -> Result<bool> {
        self.shared.erase(user)
    }

    fn clear(&self) -> Result<()> {
        self.shared.clear()
    }

    fn len(&self) -> u64 {
        self.shared.len()
    }

    fn after(&self, after: Option<UserKey>, limit: usize) -> Result<Vec<UserKey>> {
        self.shared.after(after, limit)
    }

    fn recent(&self, limit: usize) -> Vec<UserKey> {
        self.shared.state.lock().recent.newest(limit)
    }
}

impl<P> Drop for EmbeddedProfiles<P> {
    /// Writes back what is dirty, then closes the files.
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        self.shared.wake.notify_all();
        if let Some(writer) = self.writer.take() {
            writer.join().ok();
        }
    }
}

impl<P: Serialize + DeserializeOwned + Send + Sync> Shared<P> {
    fn open(folder: &Path, options: &Options) -> Result<Self> {
        files::create_folder(folder).map_err(|error| files::io_error(STORE, folder, &error))?;
        // Warm profiles are cached decoded, so the engine's own cache of blocks can be small.
        let settings = EngineOptions { cache_bytes: 16 << 20, worker_threads: 1 };
        let database = engine::open(STORE, folder, &settings)?;
        let keyspace = guarded(STORE, folder, || {
            database.keyspace("profiles", || KeyspaceCreateOptions::default().max_memtable_size(16 << 20))
        })?;
        let on_disk = match guarded(STORE, folder, || keyspace.get(META))? {
            None => OnDisk::default(),
            Some(bytes) => OnDisk::read(&bytes).ok_or_else(|| corrupt(folder, "the position has the wrong size"))?,
        };
        let items = usize::try_from(options.profile_cache_bytes / 1_024).unwrap_or(usize::MAX).max(16);
        Ok(Self {
            folder: folder.to_owned(),
            database,
            keyspace,
            cache: Cache::with_weighter(items, options.profile_cache_bytes, ByBytes),
            state: Mutex::new(State {
                dirty: FxHashMap::default(),
                leaving: FxHashMap::default(),
                seen: on_disk.seen,
                on_disk,
                recent: Recent::default(),
                epoch: 0,
                broken: None,
                closing: false,
            }),
            wake: Condvar::new(),
            writing: Mutex::new(()),
            flush_users: options.profile_flush_users.max(1),
            flush_after: Duration::from_millis(options.profile_flush_ms.max(1)),
        })
    }

    fn get(&self, user: UserKey) -> Result<Option<Arc<P>>> {
        let epoch = {
            let state = self.state.lock();
            if let Some(profile) = state.dirty.get(&user).or_else(|| state.leaving.get(&user)) {
                return Ok(Some(profile.clone()));
            }
            state.epoch
        };
        if let Some(cached) = self.cache.get(&user) {
            return Ok(Some(cached.profile));
        }
        let Some(bytes) = guarded(STORE, &self.folder, || self.keyspace.get(user.0))? else { return Ok(None) };
        let profile: Arc<P> =
            Arc::new(decode(&bytes).map_err(|e| corrupt(&self.folder, format!("profile {user}: {e}")))?);
        let state = self.state.lock();
        if state.epoch == epoch {
            self.cache.insert(user, Cached { profile: profile.clone(), bytes: bytes.len() as u32 });
        }
        Ok(Some(profile))
    }

    fn save(&self, profiles: Vec<(UserKey, Arc<P>)>, seen: Position) -> Result<()> {
        let mut state = self.state.lock();
        // While the disk fails, memory may not grow for ever.
        if let Some(error) = state.broken.as_ref().filter(|_| state.dirty.len() >= 10 * self.flush_users) {
            return Err(error.clone());
        }
        for (user, profile) in profiles {
            state.recent.touch(user);
            state.dirty.insert(user, profile);
        }
        state.seen = state.seen.max(seen);
        if state.dirty.len() >= self.flush_users {
            self.wake.notify_all();
        }
        Ok(())
    }

    fn run(&self) {
        let mut last = Instant::now();
        loop {
            let closing = {
                let mut state = self.state.lock();
                while !state.closing && state.dirty.len() < self.flush_users && last.elapsed() < self.flush_after {
                    self.wake.wait_for(&mut state, self.flush_after.saturating_sub(last.elapsed()));
                }
                state.closing
            };
            if let Err(error) = self.write_back() {
                tracing::error!(%error, "profiles were not written back; after a restart they are replayed from the log");
                if !closing {
                    std::thread::sleep(self.flush_after);
                }
            }
            last = Instant::now();
            if closing {
                return;
            }
        }
    }

    /// One atomic, fsynced batch of what is dirty and the position it contains.
    fn write_back(&self) -> Result<()> {
        let _writing = self.writing.lock();
        let seen = {
            let mut state = self.state.lock();
            if state.dirty.is_empty() && state.seen == state.on_disk.seen {
                return Ok(());
            }
            state.leaving = std::mem::take(&mut state.dirty);
            state.seen
        };
        // Only holders of `writing` change `leaving`, so the clone of the map stays true while it is written.
        let leaving: Vec<_> =
            self.state.lock().leaving.iter().map(|(user, profile)| (*user, profile.clone())).collect();
        let written = self.write(&leaving, seen);
        let mut state = self.state.lock();
        match written {
            Ok((on_disk, sizes)) => {
                for ((user, profile), bytes) in leaving.into_iter().zip(sizes) {
                    self.cache.insert(user, Cached { profile, bytes });
                }
                state.leaving.clear();
                state.on_disk = on_disk;
                state.epoch += 1;
                state.broken = None;
                Ok(())
            }
            Err(error) => {
                for (user, profile) in std::mem::take(&mut state.leaving) {
                    state.dirty.entry(user).or_insert(profile);
                }
                state.broken = Some(error.clone());
                Err(error)
            }
        }
    }

    fn write(&self, profiles: &[(UserKey, Arc<P>)], seen: Position) -> Result<(OnDisk, Vec<u32>)> {
        let mut on_disk = OnDisk { seen, ..self.state.lock().on_disk };
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        let mut sizes = Vec::with_capacity(profiles.len());
        for (user, profile) in profiles {
            let bytes = encode(profile).map_err(|detail| StoreError::Unavailable { store: STORE, detail })?;
            on_disk.users += u64::from(!self.contains(*user)?);
            sizes.push(bytes.len() as u32);
            batch.insert(&self.keyspace, user.0, bytes);
        }
        batch.insert(&self.keyspace, META, on_disk.bytes());
        guarded(STORE, &self.folder, || batch.commit())?;
        Ok((on_disk, sizes))
    }

    fn after(&self, after: Option<UserKey>, limit: usize) -> Result<Vec<UserKey>> {
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.0));
        guarded(STORE, &self.folder, || {
            let mut users = Vec::new();
            for row in self.keyspace.range::<[u8; 16], _>((from, Bound::Unbounded)) {
                if users.len() == limit {
                    break;
                }
                // The position's own key is shorter.
                if let Ok(key) = <[u8; 16]>::try_from(&row.key()?[..]) {
                    users.push(UserKey(key));
                }
            }
            Ok(users)
        })
    }

    fn erase(&self, user: UserKey) -> Result<bool> {
        let _writing = self.writing.lock();
        let on_disk = self.contains(user)?;
        if on_disk {
            let mut counted = self.state.lock().on_disk;
            counted.users -= 1;
            let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
            batch.remove(&self.keyspace, user.0);
            batch.insert(&self.keyspace, META, counted.bytes());
            guarded(STORE, &self.folder, || batch.commit())?;
            self.state.lock().on_disk = counted;
        }
        let in_memory = {
            let mut state = self.state.lock();
            state.epoch += 1;
            state.recent.forget(user);
            let dirty = state.dirty.remove(&user).is_some();
            self.cache.remove(&user);
            dirty
        };
        if on_disk {
            engine::rewrite_files(STORE, &self.folder, &self.database, &[&self.keyspace])?;
        }
        Ok(on_disk || in_memory)
    }

    fn clear(&self) -> Result<()> {
        let _writing = self.writing.lock();
        guarded(STORE, &self.folder, || {
            self.keyspace.clear()?;
            self.database.persist(PersistMode::SyncAll)
        })?;
        let mut state = self.state.lock();
        state.dirty.clear();
        state.recent = Recent::default();
        (state.seen, state.on_disk) = (Position::START, OnDisk::default());
        state.epoch += 1;
        self.cache.clear();
        Ok(())
    }

    fn len(&self) -> u64 {
        let state = self.state.lock();
        let new = |user: &&UserKey| !self.contains(**user).unwrap_or(false);
        let leaving = state.leaving.keys().filter(new).count();
        let dirty = state.dirty.keys().filter(|user| !state.leaving.contains_key(user)).filter(new).count();
        state.on_disk.users + (leaving + dirty) as u64
    }

    fn contains(&self, user: UserKey) -> Result<bool> {
        guarded(STORE, &self.folder, || self.keyspace.contains_key(user.0))
    }
}

impl OnDisk {
    fn bytes(self) -> [u8; 16] {
        (u128::from(self.seen.0) << 64 | u128::from(self.users)).to_be_bytes()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let both = u128::from_be_bytes(bytes.try_into().ok()?);
        Some(Self { seen: Position((both >> 64) as u64), users: both as u64 })
    }
}

/// Users by the order of their last save, bounded.
#[derive(Default)]
struct Recent {
    saved: FxHashMap<UserKey, u64>,
    order: BTreeMap<u64, UserKey>,
    next: u64,
}

impl Recent {
    fn touch(&mut self, user: UserKey) {
        self.next += 1;
        if let Some(before) = self.saved.insert(user, self.next) {
            self.order.remove(&before);
        }
        self.order.insert(self.next, user);
        if self.order.len() > RECENT_MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.saved.remove(&oldest);
        }
    }

    fn forget(&mut self, user: UserKey) {
        if let Some(at) = self.saved.remove(&user) {
            self.order.remove(&at);
        }
    }

    fn newest(&self, limit: usize) -> Vec<UserKey> {
        self.order.values().rev().take(limit).copied().collect()
    }
}

fn encode<P: Serialize>(profile: &P) -> Result<Vec<u8>, String> {
    let mut bytes = vec![VERSION];
    rmp_serde::encode::write_named(&mut bytes, profile).map_err(|error| format!("it can't be encoded: {error}"))?;
    Ok(bytes)
}

fn decode<P: DeserializeOwned>(bytes: &[u8]) -> Result<P, String> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => rmp_serde::from_slice(rest).map_err(|error| error.to_string()),
        _ => Err("it has another version than this program writes".to_owned()),
    }
}

fn corrupt(folder: &Path, detail: impl Into<String>) -> StoreError {
    StoreError::Corrupt { store: STORE, place: folder.display().to_string(), detail: detail.into() }
}

fn set_aside(folder: &Path) -> std::io::Result<()> {
    let aside = folder.with_extension("damaged");
    if aside.exists() {
        fs::remove_dir_all(&aside)?;
    }
    fs::rename(folder, aside)
}
