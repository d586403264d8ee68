//! The stores of a shop in one folder on local disk: no server beside this process.
//!
//! ```text
//! DIR/format, DIR/lock        layout version; one process at a time
//! DIR/shops/NAME/log/         events (log-structured engine, fsynced journal)
//!               /profiles/    profiles (the same engine; can be thrown away and rebuilt from the log)
//!               /shop.sqlite  catalogue, prices, users, settings, quarantine, ledger, index of the registry
//!               /lake/TABLE/  Parquet files
//!               /models/VERSION/  manifest.json and the files of a model
//! ```

mod catalog;
mod engine;
mod event_log;
mod files;
mod lake;
mod ledger;
mod prices;
mod profiles;
mod quarantine;
mod registry;
mod settings;
mod sqlite;
mod users;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::Shop;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use self::{event_log::EmbeddedLog, lake::FolderLake, profiles::EmbeddedProfiles};
use self::{registry::EmbeddedRegistry, sqlite::Sqlite};
use crate::{Result, ShopStores, StoreError};

const STORE: &str = "store folder";
/// Raised when the layout changes so that an older program would misread it.
const FORMAT: u32 = 1;

/// How much memory and disk the embedded stores of one shop may use. The defaults suit 10 million events in 2 GB.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Blocks of the event log kept in memory.
    pub log_cache_bytes: u64,
    /// Memory for new rows before they become a file, for each of the log's two large keyspaces.
    pub log_write_buffer_bytes: u64,
    /// Appends waiting for the disk beyond this are refused at once, so that a slow disk can't fill the memory.
    pub append_queue_bytes_max: usize,
    /// Appends are refused as `Full` below this much free disk, which leaves room to flush, compact and erase.
    pub disk_reserve_bytes: u64,
    /// Encoded size of the profiles kept decoded in memory.
    pub profile_cache_bytes: u64,
    /// Profiles are written back when this many have changed, …
    pub profile_flush_users: usize,
    /// … or after this long.
    pub profile_flush_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log_cache_bytes: 64 << 20,
            log_write_buffer_bytes: 32 << 20,
            append_queue_bytes_max: 64 << 20,
            disk_reserve_bytes: 256 << 20,
            profile_cache_bytes: 256 << 20,
            profile_flush_users: 10_000,
            profile_flush_ms: 2_000,
        }
    }
}

/// The open folder. It stays locked as long as this lives; keep it as long as its shops.
pub struct Stores {
    folder: PathBuf,
    options: Options,
    _lock: File,
}

impl Stores {
    /// Creates the folder if there is none.
    ///
    /// # Errors
    /// `Conflict` when another process has it open or a newer program wrote it.
    pub fn open(folder: impl Into<PathBuf>, options: Options) -> Result<Self> {
        let folder = std::path::absolute(folder.into())
            .map_err(|error| StoreError::Conflict(format!("the store folder has no absolute path: {error}")))?;
        let io = |error: std::io::Error| files::io_error(STORE, &folder, &error);
        files::create_folder(&folder.join("shops")).map_err(io)?;
        let lock = lock(&folder)?;
        check_format(&folder)?;
        Ok(Self { folder, options, _lock: lock })
    }

    /// Names of the shops there are, sorted.
    pub fn shops(&self) -> Result<Vec<String>> {
        let shops = self.folder.join("shops");
        let io = |error: std::io::Error| files::io_error(STORE, &shops, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&shops).map_err(io)? {
            let entry = entry.map_err(io)?;
            names.extend(
                entry.file_name().into_string().ok().filter(|name| is_shop_name(name) && entry.path().is_dir()),
            );
        }
        names.sort();
        Ok(names)
    }

    /// Opens all stores of a shop, and creates those that are not there. Open a shop once and share the result.
    ///
    /// # Errors
    /// `Conflict` when the name can't be a folder, the shop is open already or a newer program wrote it; `Corrupt` when
    /// its log or its SQL file is damaged. Damaged profiles are set aside and start empty, to be rebuilt from the log.
    pub fn shop<P>(&self, name: &str) -> Result<ShopStores<P>>
    where
        P: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        if !is_shop_name(name) {
            let shop = Shop { name: name.to_owned(), ..Shop::default() };
            return Err(StoreError::Conflict(shop.check().map_or_else(|e| e.to_string(), |()| name.to_owned())));
        }
        let folder = self.folder.join("shops").join(name);
        files::create_folder(&folder).map_err(|error| files::io_error(STORE, &folder, &error))?;
        let log = Arc::new(EmbeddedLog::open(&folder.join("log"), &self.options)?);
        let sqlite = Sqlite::open(&folder.join("shop.sqlite"))?;
        Ok(ShopStores {
            log,
            profiles: Arc::new(EmbeddedProfiles::open(&folder.join("profiles"), &self.options)?),
            catalog: Arc::new(sqlite.catalog()?),
            prices: Arc::new(sqlite.prices()),
            users: Arc::new(sqlite.users()),
            settings: Arc::new(sqlite.settings()),
            quarantine: Arc::new(sqlite.quarantine()),
            ledger: Arc::new(sqlite.ledger()),
            registry: Arc::new(EmbeddedRegistry::open(&folder.join("models"), sqlite)?),
            lake: Arc::new(FolderLake::open(&folder.join("lake"))?),
        })
    }
}

fn is_shop_name(name: &str) -> bool {
    Shop { name: name.to_owned(), ..Shop::default() }.check().is_ok()
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let io = |error: std::io::Error| files::io_error(STORE, &path, &error);
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Conflict(format!(
            "{} is in use by another process; stop it first or name another folder",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

fn check_format(folder: &Path) -> Result<()> {
    let path = folder.join("format");
    let io = |error: std::io::Error| files::io_error(STORE, &path, &error);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return files::replace(&path, format!("vitrina-store {FORMAT}\n").as_bytes()).map_err(io);
        }
        Err(error) => return Err(io(error)),
    };
    match text.strip_prefix("vitrina-store ").and_then(|version| version.trim().parse::<u32>().ok()) {
        Some(version) if version <= FORMAT => Ok(()),
        Some(version) => Err(StoreError::Conflict(format!(
            "{} has layout version {version}, this program reads up to {FORMAT}; use the program that wrote it or newer",
            folder.display()
        ))),
        None => Err(StoreError::Corrupt {
            store: STORE,
            place: path.display().to_string(),
            detail: "it should say `vitrina-store` and a number".to_owned(),
        }),
    }
}
