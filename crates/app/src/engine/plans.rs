//! The shop's own plans and pages: files in a folder, read again when they change. A file with an error changes nothing, and the error is told.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use parking_lot::Mutex;
use serve::Plans;

use super::Engine;

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Larger than any plan that somebody could read.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Names and texts, by name.
type Texts = Vec<(String, String)>;

/// What was last read of the folder.
pub(super) struct PlanFolder {
    path: PathBuf,
    read: Mutex<(Texts, Texts)>,
    error: Mutex<Option<String>>,
}

impl PlanFolder {
    pub fn new(path: PathBuf) -> Self {
        Self { path, read: Mutex::default(), error: Mutex::default() }
    }

    /// Plans lie in the folder itself, pages in `pages` below it. A folder that is not there is an empty one.
    fn read(&self) -> anyhow::Result<(Texts, Texts)> {
        Ok((texts(&self.path)?, texts(&self.path.join("pages"))?))
    }
}

fn texts(folder: &Path) -> anyhow::Result<Texts> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Texts::new()),
        Err(error) => return Err(error).with_context(|| format!("can't read the folder {}", folder.display())),
    };
    let mut texts = Texts::new();
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        if path.extension().is_none_or(|extension| extension != "toml") || !path.is_file() {
            continue;
        }
        let length = fs::metadata(&path)?.len();
        anyhow::ensure!(length <= FILE_BYTES_MAX, "{} has {length} bytes, at most {FILE_BYTES_MAX}", path.display());
        let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        texts.push((name.to_owned(), text));
    }
    texts.sort();
    Ok(texts)
}

impl Engine {
    /// Reads the folder; what changed is served from the next request on. `true` when something did.
    ///
    /// # Errors
    /// Of the first file that is wrong: then nothing changes.
    pub fn reload_plans(&self) -> anyhow::Result<bool> {
        let texts = self.plan_folder.read()?;
        let mut read = self.plan_folder.read.lock();
        if *read == texts {
            return Ok(false);
        }
        let plans = Plans::new(&texts.0, &texts.1, self.shop.currency)?;
        self.swap(|now| Ok(now.clone().with_plans(Arc::new(plans))))?;
        *read = texts;
        Ok(true)
    }

    /// What is wrong with the folder as it is now; the plans before it serve.
    pub fn plans_error(&self) -> Option<String> {
        self.plan_folder.error.lock().clone()
    }

    /// The shop's own text of a plan, where it has one.
    pub fn own_plan(&self, name: &str) -> Option<String> {
        self.plan_folder.read.lock().0.iter().find(|(own, _)| own == name).map(|(_, text)| text.clone())
    }

    pub(super) fn look_at_plans(&self) {
        let error = match self.reload_plans() {
            Ok(changed) => {
                if changed {
                    tracing::info!("plans read again");
                }
                None
            }
            Err(error) => Some(format!("{error:#}")),
        };
        let mut last = self.plan_folder.error.lock();
        if *last != error {
            if let Some(error) = &error {
                tracing::warn!(error, "the plans' folder has an error; the plans before it serve on");
            }
            *last = error;
        }
    }

    /// Follows the folder until the stop.
    pub async fn watch_plans(self: Arc<Self>) {
        let stopped = self.stopped();
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let engine = self.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || engine.look_at_plans()).await {
                tracing::error!(%error, "looking at the plans panicked");
            }
        }
    }
}
