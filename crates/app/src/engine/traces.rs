//! How each slate came about, kept for some days: files of a minute each, since the id of a slate tells its minute.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
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
/// Fast; a trace shrinks to a tenth.
const LEVEL: i32 = 1;

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

    /// Appends what waits, a compressed frame for each minute that it is of.
    fn write(&self) -> io::Result<()> {
        let _writing = self.writing.lock();
        let waiting = std::mem::take(&mut *self.waiting.lock());
        let mut minutes: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        for (slate, trail, snapshot) in waiting {
            let Some(path) = self.path(&slate.recommendation_id) else { continue };
            if minutes.last().is_none_or(|(last, _)| *last != path) {
                minutes.push((path, Vec::new()));
            }
            let lines = &mut minutes.last_mut().expect("pushed above").1;
            serde_json::to_writer(&mut *lines, &trail.trace(&snapshot, slate))?;
            lines.push(b'\n');
        }
        for (path, lines) in minutes {
            let folder = path.parent().expect("a file lies in a folder");
            fs::create_dir_all(folder)?;
            let frame = zstd::encode_all(&lines[..], LEVEL)?;
            // In one call: a reader sees whole frames, or a last one that is cut, which it passes over.
            OpenOptions::new().create(true).append(true).open(path)?.write_all(&frame)?;
        }
        Ok(())
    }

    /// `None` for ids that are not ours.
    fn path(&self, id: &RecommendationId) -> Option<PathBuf> {
        let millis = Ulid::from_string(id.as_str()).ok()?.timestamp_ms();
        let minute = Timestamp::from_micros(i64::try_from(millis).ok()?.checked_mul(1_000)?);
        // 2026-07-28T15:04:05Z → 2026-07-28/15-04.
        let text = minute.to_string();
        let (day, time) = text.split_once('T')?;
        Some(self.folder.join(day).join(format!("{}.zst", time.get(..5)?.replace(':', "-"))))
    }

    fn find(&self, id: &RecommendationId) -> io::Result<Option<Trace>> {
        self.write()?;
        let Some(path) = self.path(id) else { return Ok(None) };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let needle = format!("\"recommendation_id\":\"{id}\"");
        let mut lines = BufReader::new(zstd::Decoder::new(file)?).lines();
        // A crash may have cut the last frame: what is before it counts.
        let line = std::iter::from_fn(|| lines.next()?.ok()).find(|line| line.contains(&needle));
        line.map(|line| serde_json::from_str(&line)).transpose().map_err(io::Error::from)
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
        self.traces.find(id)
    }

    /// Off the threads that answer.
    pub(super) async fn write_traces(self: &Arc<Self>) {
        if self.traces.waiting.lock().is_empty() {
            return;
        }
        let engine = self.clone();
        match tokio::task::spawn_blocking(move || engine.traces.write()).await {
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
