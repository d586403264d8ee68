//! The event log on a log-structured engine: sequential writes, one fsync a group of appends.
//!
//! Four keyspaces in one database, written together in atomic batches: `events` (position → record), `messages` and
//! `orders` (128-bit BLAKE3 of the id → nothing; they are the memory of exact deduplication) and `meta` (counters).
//! One commit thread owns all writes; callers encode their events on their own thread and wait for its answer.
//!
//! # What is guaranteed
//! - An answered append is on disk: its batch was written and fsynced before the answer.
//! - An append is all there or not at all, whatever happened meanwhile.
//! - A failed write or fsync is never repeated: what the disk holds is then unknown, so the log refuses appends until
//!   it is opened again and has read what is really there.
//! - Damage is an error, never a wrong event. Batches, blocks and the trail of positions are checked when they are read;
//!   acknowledged events that are missing at the end are noticed when the log is opened ([`acknowledged`]), and a journal
//!   that is damaged before its end is left as it was found ([`journal`]).

mod acknowledged;
mod commit;
mod erase;
mod journal;
mod record;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use domain::{Event, Position, Recorded, UserKey};
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions,
    config::{BlockSizePolicy, BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry},
};
use parking_lot::{Mutex, RwLock};

use self::{
    acknowledged::Acknowledged,
    commit::{Append, Command, Committer},
    record::Entry,
};
use super::{
    Options,
    engine::{self, EngineOptions, guarded},
    files,
};
use crate::{EventLog, Follower, Pending, Result, StoreError};

pub(super) const STORE: &str = "event log";

pub struct EmbeddedLog {
    shared: Arc<Shared>,
    commands: Option<mpsc::Sender<Command>>,
    committer: Option<JoinHandle<()>>,
    queue_bytes_max: usize,
}

/// What the commit thread and the readers both see.
struct Shared {
    folder: PathBuf,
    engine: Engine,
    /// Stored after the fsync, so readers never see what could still be lost.
    head: AtomicU64,
    erased: AtomicU64,
    followers: RwLock<Vec<Arc<dyn Follower>>>,
    queued_bytes: AtomicUsize,
    /// Held while an erasure rewrites files.
    rewriting: Mutex<()>,
    /// Why the log refuses appends; set once, by the first failed write.
    broken: OnceLock<StoreError>,
}

struct Engine {
    // Dropped last: the keyspaces above it use it.
    events: Keyspace,
    messages: Keyspace,
    orders: Keyspace,
    meta: Keyspace,
    database: Database,
}

const ENGINE: &str = "engine";
/// In `meta`: how many rows of `events` are erased.
const ERASED: &[u8] = b"erased";
/// In `meta`: how many were erased when the files were last rewritten.
const REWRITTEN: &[u8] = b"rewritten";

impl EmbeddedLog {
    /// # Errors
    /// `Corrupt` when acknowledged events are missing or stored bytes are not what was written; the files are then as
    /// they were found. `Conflict` when the folder is open already.
    pub fn open(folder: &Path, options: &Options) -> Result<Self> {
        let io = |error: std::io::Error| files::io_error(STORE, folder, &error);
        files::create_folder(folder).map_err(io)?;
        let database_folder = folder.join(ENGINE);
        let (acknowledged, known) = Acknowledged::open(&folder.join("acknowledged")).map_err(io)?;
        let aside = journal::set_torn_aside(&database_folder)?;
        let opened = Engine::open(&database_folder, options).and_then(|engine| Counters::read(engine, known, folder));
        let (engine, counters) = match opened {
            Ok(opened) => {
                aside.forget();
                opened
            }
            Err(error) => {
                aside.restore();
                return Err(error);
            }
        };
        Self::start(folder, engine, &counters, acknowledged, options)
    }

    fn start(
        folder: &Path,
        engine: Engine,
        counters: &Counters,
        acknowledged: Acknowledged,
        options: &Options,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            engine,
            head: AtomicU64::new(counters.head),
            erased: AtomicU64::new(counters.erased),
            followers: RwLock::default(),
            queued_bytes: AtomicUsize::new(0),
            rewriting: Mutex::default(),
            broken: OnceLock::new(),
        });
        let (sender, receiver) = mpsc::channel();
        let committer = Committer::new(shared.clone(), acknowledged, options.disk_reserve_bytes);
        let thread = std::thread::Builder::new()
            .name("log-commit".to_owned())
            .spawn(move || committer.run(&receiver))
            .map_err(|error| files::io_error(STORE, folder, &error))?;
        let queue_bytes_max = options.append_queue_bytes_max;
        Ok(Self { shared, commands: Some(sender), committer: Some(thread), queue_bytes_max })
    }

    fn send(&self, command: Command) -> Result<()> {
        let stopped = || StoreError::Unavailable { store: STORE, detail: "its commit thread has stopped".to_owned() };
        self.commands.as_ref().ok_or_else(stopped)?.send(command).map_err(|_| stopped())
    }

    /// Encodes on the caller's thread, so that the commit thread only writes.
    fn prepare(&self, events: &[Event]) -> Result<(Vec<Entry>, usize)> {
        self.shared.check_usable()?;
        let entries = record::encode(events)?;
        let bytes = entries.iter().map(Entry::bytes).sum();
        let queued = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if queued > 0 && queued + bytes > self.queue_bytes_max {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            let detail =
                format!("{queued} bytes of appends wait already, more than the disk keeps up with; retry later");
            return Err(StoreError::Unavailable { store: STORE, detail });
        }
        Ok((entries, bytes))
    }
}

impl EventLog for EmbeddedLog {
    fn append(&self, events: Vec<Event>) -> Pending {
        let (answer, pending) = Pending::new();
        match self.prepare(&events) {
            Ok((entries, bytes)) => {
                // A send can only fail once the thread is gone; the dropped `answer` then tells the caller.
                self.send(Command::Append(Append { events, entries, bytes, answer })).ok();
            }
            Err(error) => {
                answer.send(Err(error)).ok();
            }
        }
        pending
    }

    fn read(&self, after: Position, limit: usize) -> Result<Vec<Recorded>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut events = Vec::with_capacity(limit.min(self.shared.head().saturating_sub(after.0) as usize));
        self.shared.scan(after.0, self.shared.head(), |position, value| {
            if let Some(event) = record::decode(value)? {
                events.push(Recorded { position: Position(position), event });
            }
            Ok(events.len() < limit)
        })?;
        Ok(events)
    }

    fn head(&self) -> Position {
        Position(self.shared.head())
    }

    fn len(&self) -> u64 {
        self.shared.head().saturating_sub(self.shared.erased.load(Ordering::Acquire))
    }

    fn follow(&self, follower: Arc<dyn Follower>) {
        self.shared.followers.write().push(follower);
    }

    /// See [`erase`] for what is guaranteed about the bytes.
    fn erase(&self, user: UserKey) -> Result<u64> {
        erase::erase(self, user)
    }
}

impl Drop for EmbeddedLog {
    /// Answers what is queued, then closes the files.
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.committer.take() {
            thread.join().ok();
        }
    }
}

impl Shared {
    fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    fn engine_folder(&self) -> PathBuf {
        self.folder.join(ENGINE)
    }

    fn check_usable(&self) -> Result<()> {
        self.broken.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    fn corrupt(&self, position: u64, detail: impl Into<String>) -> StoreError {
        let place = format!("position {position} in {}", self.folder.display());
        StoreError::Corrupt { store: STORE, place, detail: detail.into() }
    }

    /// Calls `visit` with every row in (after, upto], erased ones too, until it answers `false`. Positions are
    /// contiguous by construction, so a gap is damage.
    fn scan(&self, after: u64, upto: u64, mut visit: impl FnMut(u64, &[u8]) -> Result<bool, String>) -> Result<()> {
        if after >= upto {
            return Ok(());
        }
        let mut expected = after + 1;
        let mut damage = None;
        guarded(STORE, &self.folder, || {
            for row in self.engine.events.range(expected.to_be_bytes()..=upto.to_be_bytes()) {
                let (key, value) = row.into_inner()?;
                if key[..] != expected.to_be_bytes() {
                    return Ok(());
                }
                match visit(expected, &value) {
                    Ok(true) => expected += 1,
                    Ok(false) => {
                        expected = upto + 1;
                        return Ok(());
                    }
                    Err(detail) => {
                        damage = Some(detail);
                        return Ok(());
                    }
                }
            }
            Ok(())
        })?;
        match damage {
            Some(detail) => Err(self.corrupt(expected, detail)),
            None if expected <= upto => Err(self.corrupt(expected, "the event is missing")),
            None => Ok(()),
        }
    }
}

impl Engine {
    fn open(folder: &Path, options: &Options) -> Result<Self> {
        let settings = EngineOptions { cache_bytes: options.log_cache_bytes, worker_threads: 2 };
        let database = engine::open(STORE, folder, &settings)?;
        let buffer = options.log_write_buffer_bytes;
        guarded(STORE, folder, || {
            Ok(Self {
                events: database.keyspace("events", || events_options(buffer))?,
                messages: database.keyspace("messages", || keys_options(buffer))?,
                orders: database.keyspace("orders", || keys_options(buffer))?,
                meta: database.keyspace("meta", KeyspaceCreateOptions::default)?,
                database: database.clone(),
            })
        })
    }

    fn keyspaces(&self) -> [&Keyspace; 4] {
        [&self.events, &self.messages, &self.orders, &self.meta]
    }
}

/// Written and read in order: larger blocks, compressed from the second level on.
fn events_options(buffer: u64) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(buffer)
        .data_block_size_policy(BlockSizePolicy::all(16 << 10))
        .data_block_compression_policy(CompressionPolicy::new([CompressionType::None, CompressionType::Lz4]))
        .expect_point_read_hits(true)
}

/// Asked for keys that are mostly absent: a false positive of the filter costs a block read, so filters everywhere.
fn keys_options(buffer: u64) -> KeyspaceCreateOptions {
    let filter = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(14.0));
    KeyspaceCreateOptions::default()
        .max_memtable_size(buffer)
        .filter_policy(FilterPolicy::all(filter))
        .data_block_compression_policy(CompressionPolicy::disabled())
}

#[derive(Debug)]
struct Counters {
    head: u64,
    erased: u64,
}

impl Counters {
    /// The engine's own view, held against what is known to have been acknowledged.
    fn read(engine: Engine, acknowledged: u64, folder: &Path) -> Result<(Engine, Self)> {
        let (last, erased) = guarded(STORE, folder, || {
            let last = engine.events.last_key_value().map(fjall::Guard::key).transpose()?;
            Ok((last, engine.meta.get(ERASED)?))
        })?;
        let number = |bytes: Option<fjall::Slice>| match bytes {
            None => Ok(0),
            Some(bytes) => <[u8; 8]>::try_from(&bytes[..]).map(u64::from_be_bytes).map_err(|_| StoreError::Corrupt {
                store: STORE,
                place: folder.display().to_string(),
                detail: "a counter has the wrong size".to_owned(),
            }),
        };
        let counters = Self { head: number(last)?, erased: number(erased)? };
        counters.check_memory(&engine, folder)?;
        if counters.head < acknowledged {
            return Err(StoreError::Corrupt {
                store: STORE,
                place: format!("{} after position {}", folder.display(), counters.head),
                detail: format!(
                    "{} acknowledged events are missing; restore the folder from a backup",
                    acknowledged - counters.head
                ),
            });
        }
        Ok((engine, counters))
    }

    /// Rows and the ids that deduplicate them are written together but reach tables at different times. When the
    /// journal between them is lost, the newest rows are the ones whose ids are missing: retries would come in twice.
    fn check_memory(&self, engine: &Engine, folder: &Path) -> Result<()> {
        let newest = guarded(STORE, folder, || {
            for row in engine.events.range(..=self.head.to_be_bytes()).rev() {
                let (_, value) = row.into_inner()?;
                if value[..] != *record::ERASED {
                    return Ok(Some(value));
                }
            }
            Ok(None)
        })?;
        let corrupt = |detail: String| StoreError::Corrupt {
            store: STORE,
            place: format!("the newest event in {}", folder.display()),
            detail,
        };
        let Some(event) = newest.map(|value| record::decode(&value).map_err(corrupt)).transpose()?.flatten() else {
            return Ok(());
        };
        let message = record::key(event.message_id.as_str());
        if guarded(STORE, folder, || engine.messages.contains_key(message))? {
            return Ok(());
        }
        Err(corrupt("its message id is not known to deduplication; restore the folder from a backup".to_owned()))
    }
}
