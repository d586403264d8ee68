//! How each slate came about, kept for some days: files of a minute each, since the id of a slate tells its minute.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::{RecommendationId, Slate, Timestamp, time::DAY};
use parking_lot::Mutex;
use serve::{Snapshot, Trace, Trail};
use ulid::Ulid;

use super::Engine;

/// Slates waiting to be written; beyond it further ones are counted and dropped rather than slow the answers.
const WAITING_MAX: usize = 20_000;
/// Fast.
const LEVEL: i32 = 1;

/// Compressed records, by file.
type Frames = Vec<(PathBuf, Vec<u8>)>;

pub(super) struct Traces {
    folder: PathBuf,
    /// 0: none are kept.
    days: u32,
    waiting: Mutex<Vec<(Slate, Trail, Arc<Snapshot>)>>,
    /// One writer at a time: frames of two would mix.
    writing: Mutex<()>,
}

impl Traces {
    pub fn new(folder: PathBuf, days: u32) -> Self {
        Self { folder, days, waiting: Mutex::default(), writing: Mutex::default() }
    }

    /// `false` when the queue is full.
    pub fn offer(&self, slate: &Slate, trail: Trail, snapshot: &Arc<Snapshot>) -> bool {
        if self.days == 0 {
            return true;
        }
        let mut waiting = self.waiting.lock();
        let has_room = waiting.len() < WAITING_MAX;
        if has_room {
            waiting.push((slate.clone(), trail, snapshot.clone()));
        }
        has_room
    }

    /// Appends what waits, a compressed frame for each minute that it is of. `compute` runs what takes time.
    fn write(
        &self,
        compute: impl Fn(&(dyn Fn() -> io::Result<Frames> + Sync)) -> io::Result<Frames>,
    ) -> io::Result<()> {
        let _writing = self.writing.lock();
        let waiting = std::mem::take(&mut *self.waiting.lock());
        let waiting = Mutex::new(waiting);
        for (path, frame) in compute(&|| self.frames(std::mem::take(&mut *waiting.lock())))? {
            let folder = path.parent().expect("a file lies in a folder");
            fs::create_dir_all(folder)?;
            // In one call: a reader sees whole frames, or a last one that is cut, which it passes over.
            OpenOptions::new().create(true).append(true).open(path)?.write_all(&frame)?;
        }
        Ok(())
    }

    fn frames(&self, waiting: Vec<(Slate, Trail, Arc<Snapshot>)>) -> io::Result<Frames> {
        let mut minutes: Frames = Vec::new();
        for (slate, trail, snapshot) in waiting {
            let Ok(id) = Ulid::from_string(slate.recommendation_id.as_str()) else { continue };
            let Some(path) = self.path(id) else { continue };
            if minutes.last().is_none_or(|(last, _)| *last != path) {
                minutes.push((path, Vec::new()));
            }
            let records = &mut minutes.last_mut().expect("pushed above").1;
            let record = rmp_serde::to_vec_named(&trail.trace(&snapshot, slate)).map_err(io::Error::other)?;
            records.extend(id.to_bytes());
            records.extend((record.len() as u32).to_le_bytes());
            records.extend(record);
        }
        minutes.into_iter().map(|(path, records)| Ok((path, zstd::encode_all(&records[..], LEVEL)?))).collect()
    }

    /// The minute that an id was made in.
    fn path(&self, id: Ulid) -> Option<PathBuf> {
        let minute = Timestamp::from_micros(i64::try_from(id.timestamp_ms()).ok()?.checked_mul(1_000)?);
        // 2026-07-28T15:04:05Z → 2026-07-28/15-04.
        let text = minute.to_string();
        let (day, time) = text.split_once('T')?;
        Some(self.folder.join(day).join(format!("{}.zst", time.get(..5)?.replace(':', "-"))))
    }

    /// `None` for ids that are not ours, and for those that are forgotten.
    fn find(&self, id: &RecommendationId) -> io::Result<Option<Trace>> {
        let Ok(id) = Ulid::from_string(id.as_str()) else { return Ok(None) };
        let Some(path) = self.path(id) else { return Ok(None) };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut records = BufReader::new(zstd::Decoder::new(file)?);
        // A crash may have cut the last frame: what is before it counts.
        while let Ok((found, record)) = next_record(&mut records) {
            if found == id {
                return rmp_serde::from_slice(&record).map(Some).map_err(io::Error::other);
            }
        }
        Ok(None)
    }

    /// Removes the days that are over.
    fn forget(&self, now: Timestamp) -> io::Result<()> {
        let first = (now - i64::from(self.days) * DAY).to_string();
        let kept_from = first.split('T').next().unwrap_or_default();
        for entry in read_folder(&self.folder)? {
            let path = entry?.path();
            if path.file_name().and_then(|name| name.to_str()).is_some_and(|day| day < kept_from) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }
}

/// Its id, its length, itself.
fn next_record(records: &mut impl Read) -> io::Result<(Ulid, Vec<u8>)> {
    let (mut id, mut length) = ([0; 16], [0; 4]);
    records.read_exact(&mut id)?;
    records.read_exact(&mut length)?;
    let mut record = Vec::new();
    records.take(u64::from(u32::from_le_bytes(length))).read_to_end(&mut record)?;
    Ok((Ulid::from_bytes(id), record))
}

fn read_folder(folder: &Path) -> io::Result<Vec<io::Result<fs::DirEntry>>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Engine {
    /// How a slate came about; `None` when it is not known any more, or never was.
    ///
    /// # Errors
    /// When the files can't be read.
    pub fn trace(&self, id: &RecommendationId) -> io::Result<Option<Trace>> {
        self.append_traces()?;
        self.traces.find(id)
    }

    fn append_traces(&self) -> io::Result<()> {
        self.traces.write(|work| self.background.reading.install(work))
    }

    /// Off the threads that answer.
    pub(super) async fn write_traces(self: &Arc<Self>) {
        if self.traces.waiting.lock().is_empty() {
            return;
        }
        let engine = self.clone();
        match tokio::task::spawn_blocking(move || engine.append_traces()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "traces were not written"),
            Err(error) => tracing::error!(%error, "writing traces panicked"),
        }
    }

    pub(super) fn forget_traces(&self) {
        if let Err(error) = self.traces.forget(self.now()) {
            tracing::warn!(%error, "old traces were not removed");
        }
    }
}
