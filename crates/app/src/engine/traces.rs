//! How each slate came about, kept for some days: files of a minute each, since the id of a slate tells its minute.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use domain::{RecommendationId, Slate, Timestamp, time::DAY};
use parking_lot::Mutex;
use serve::{Snapshot, Trace, Trail};
use ulid::Ulid;

use super::Engine;

/// Many at once, since a second makes but one frame to compress and one write. Who asks for a trace does not wait for it.
pub(super) const WRITE_EVERY: Duration = Duration::from_secs(1);
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
    bytes_max: u64,
    waiting: Mutex<Vec<(Slate, Trail, Arc<Snapshot>)>>,
    /// One writer at a time: frames of two would mix.
    writing: Mutex<()>,
}

impl Traces {
    pub fn new(folder: PathBuf, days: u32, mib_max: u64) -> Self {
        Self { folder, days, bytes_max: mib_max << 20, waiting: Mutex::default(), writing: Mutex::default() }
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

    /// Removes the days that are over, and the oldest minutes of those that are left while there is too much.
    fn forget(&self, now: Timestamp) -> io::Result<()> {
        let first = (now - i64::from(self.days) * DAY).to_string();
        let kept_from = first.split('T').next().unwrap_or_default();
        let mut minutes: Vec<(PathBuf, u64)> = Vec::new();
        for day in read_folder(&self.folder)? {
            if day.file_name().and_then(|name| name.to_str()).is_some_and(|name| name < kept_from) {
                fs::remove_dir_all(day)?;
                continue;
            }
            for minute in read_folder(&day)? {
                let bytes = fs::metadata(&minute)?.len();
                minutes.push((minute, bytes));
            }
        }
        let mut bytes: u64 = minutes.iter().map(|(_, bytes)| bytes).sum();
        minutes.sort();
        for (minute, its) in minutes {
            if bytes <= self.bytes_max {
                break;
            }
            fs::remove_file(minute)?;
            bytes -= its;
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

/// What lies in a folder; nothing where there is none.
fn read_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_days_go_and_the_oldest_minutes_of_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let write = |minute: &str, mib: usize| {
            let path = folder.path().join(minute);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; mib << 20]).unwrap();
        };
        for (minute, mib) in [
            ("2026-06-01/10-00.zst", 1),
            ("2026-07-27/10-00.zst", 1),
            ("2026-07-28/09-00.zst", 2),
            ("2026-07-28/10-00.zst", 1),
        ] {
            write(minute, mib);
        }
        let left = |mib_max: u64| {
            let traces = Traces::new(folder.path().to_owned(), 30, mib_max);
            traces.forget("2026-07-28T12:00:00Z".parse().unwrap()).unwrap();
            let days = read_folder(folder.path()).unwrap();
            let mut left: Vec<String> = days
                .iter()
                .flat_map(|day| read_folder(day).unwrap())
                .map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string())
                .collect();
            left.sort();
            left
        };
        assert_eq!(left(100), ["2026-07-27/10-00.zst", "2026-07-28/09-00.zst", "2026-07-28/10-00.zst"]);
        assert_eq!(left(3), ["2026-07-28/09-00.zst", "2026-07-28/10-00.zst"]);
        assert_eq!(left(1), ["2026-07-28/10-00.zst"]);
    }
}
