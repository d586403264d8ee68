//! What the embedded engine promises beyond the contracts: the folder, damage, disk space, erased bytes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::{Event, Position, PricePoint, ProductId, Recorded};
use store::{
    AuditEntry, EventLog, Follower, ShopStores, StoreError,
    contract::{
        lake::batch,
        profiles::Sample,
        sample::{self, manifest, user},
    },
    embedded::{EmbeddedLog, Options, Stores},
};

fn shop(folder: &Path) -> ShopStores<Sample> {
    Stores::open(folder, Options::default()).unwrap().shop("default").unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Files below the folder that hold the text. The engine tidies up while it is open: a file that is gone holds nothing.
fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| match fs::read(path) {
        Ok(bytes) => bytes.windows(text.len()).any(|window| window == text.as_bytes()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    files(folder).into_iter().filter(holds).collect()
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_folder_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::open(folder.path(), Options::default()).unwrap();
    let second = Stores::open(folder.path(), Options::default()).map(drop);
    assert!(matches!(&second, Err(StoreError::Conflict(text)) if text.contains("in use")), "got {second:?}");
    let first = stores.shop::<Sample>("default").unwrap();
    let twice = stores.shop::<Sample>("default").map(drop);
    assert!(matches!(twice, Err(StoreError::Conflict(_))), "got {twice:?}");
    drop((first, stores));
    Stores::open(folder.path(), Options::default()).unwrap().shop::<Sample>("default").unwrap();
}

#[test]
fn shops_are_folders() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::open(folder.path(), Options::default()).unwrap();
    assert_eq!(stores.shops().unwrap(), Vec::<String>::new());
    let (lima, cusco) = (stores.shop::<Sample>("lima").unwrap(), stores.shop::<Sample>("cusco").unwrap());
    lima.log.append(vec![sample::event(1)]).wait().unwrap();
    assert!(cusco.log.is_empty());
    assert_eq!(stores.shops().unwrap(), ["cusco", "lima"]);
    let refused = stores.shop::<Sample>("../lima").map(drop);
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "got {refused:?}");
}

#[test]
fn a_newer_layout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Stores::open(folder.path(), Options::default()).unwrap());
    fs::write(folder.path().join("format"), "vitrina-store 99\n").unwrap();
    let refused = Stores::open(folder.path(), Options::default()).map(drop);
    assert!(matches!(&refused, Err(StoreError::Conflict(text)) if text.contains("99")), "got {refused:?}");
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(shop(folder.path()));
    let sqlite = rusqlite::Connection::open(folder.path().join("shops/default/shop.sqlite")).unwrap();
    sqlite.pragma_update(None, "user_version", 99).unwrap();
    let stores = Stores::open(folder.path(), Options::default()).unwrap();
    let refused = stores.shop::<Sample>("default").map(drop);
    assert!(matches!(&refused, Err(StoreError::Conflict(text)) if text.contains("99")), "got {refused:?}");
}

#[test]
fn a_shop_from_before_price_histories_opens_and_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let old = shop(folder.path());
    old.catalog.upsert(&[sample::product("a", "Taza")]).unwrap();
    drop(old);
    let sqlite = rusqlite::Connection::open(folder.path().join("shops/default/shop.sqlite")).unwrap();
    sqlite.execute_batch("DROP TABLE prices; PRAGMA user_version = 1").unwrap();
    drop(sqlite);
    let shop = shop(folder.path());
    let point = PricePoint::of(&shop.catalog.all().unwrap()[0], sample::event(1).occurred_at);
    shop.prices.record(std::slice::from_ref(&point)).unwrap();
    assert_eq!(shop.prices.all().unwrap(), [point]);
}

#[test]
fn a_full_disk_refuses_appends_until_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let full = Options { disk_reserve_bytes: u64::MAX, ..Options::default() };
    let log = EmbeddedLog::open(folder.path(), &full).unwrap();
    for _ in 0..2 {
        let refused = log.append(vec![sample::event(1)]).wait();
        assert!(matches!(refused, Err(StoreError::Full { .. })), "got {refused:?}");
    }
    assert!(log.is_empty());
    drop(log);
    let log = EmbeddedLog::open(folder.path(), &Options::default()).unwrap();
    assert_eq!(log.append(vec![sample::event(1)]).wait().unwrap().len(), 1);
}

#[test]
fn appends_beyond_the_queue_are_refused_at_once() {
    struct Slow(std::sync::Barrier);
    impl Follower for Slow {
        fn committed(&self, _: &[Recorded]) {
            self.0.wait();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let options = Options { append_queue_bytes_max: 1, ..Options::default() };
    let log = EmbeddedLog::open(folder.path(), &options).unwrap();
    let slow = Arc::new(Slow(std::sync::Barrier::new(2)));
    log.follow(slow.clone());
    let first = log.append(vec![sample::event(1)]);
    let second = log.append(vec![sample::event(2)]).wait();
    assert!(matches!(second, Err(StoreError::Unavailable { .. })), "got {second:?}");
    slow.0.wait();
    assert!(first.wait().is_ok(), "one append is taken whatever its size");
}

#[test]
fn a_failed_follower_stops_the_log_and_loses_nothing() {
    struct Broken;
    impl Follower for Broken {
        fn committed(&self, _: &[Recorded]) {
            panic!("out of order");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), &Options::default()).unwrap();
    log.follow(Arc::new(Broken));
    for n in 0..2 {
        let refused = log.append(vec![sample::event(n)]).wait();
        assert!(
            matches!(&refused, Err(StoreError::Unavailable { detail, .. }) if detail.contains("follower")),
            "got {refused:?}"
        );
    }
    drop(log);
    let log = EmbeddedLog::open(folder.path(), &Options::default()).unwrap();
    assert_eq!(log.read(Position::START, 10).unwrap().len(), 1, "it was durable before the follower saw it");
}

#[test]
fn erased_bytes_are_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let secret = |n| Event {
        products: vec![domain::Line::of(ProductId::new(format!("SECRETO-{n}")).unwrap())],
        ..sample::event_of(n, user(1))
    };
    // Some in tables, some in the journal: the erasure of somebody else moves the first ones to tables.
    let other = |n| sample::event_of(n, user(2));
    shop.log.append((0..200).map(|n| if n % 2 == 0 { secret(n) } else { other(n) }).collect()).wait().unwrap();
    shop.log.append(vec![sample::event_of(900, user(3))]).wait().unwrap();
    assert_eq!(shop.log.erase(user(3)).unwrap(), 1);
    shop.log.append((200..210).map(secret).collect()).wait().unwrap();
    let profile = Sample { seen: 1, note: "SECRETO".to_owned() };
    shop.profiles.save(vec![(user(1), Arc::new(profile))], Position(211)).unwrap();
    shop.profiles.flush().unwrap();
    let (log, profiles) = (folder.path().join("shops/default/log"), folder.path().join("shops/default/profiles"));
    assert!(!holding(&log, "SECRETO").is_empty() && !holding(&profiles, "SECRETO").is_empty());

    assert_eq!(shop.log.erase(user(1)).unwrap(), 110);
    assert!(shop.profiles.erase(user(1)).unwrap());
    assert_eq!(holding(folder.path(), "SECRETO"), Vec::<PathBuf>::new());
    assert_eq!(shop.log.read(Position::START, 1_000).unwrap().len(), 100);
    drop(shop);
    assert_eq!(holding(folder.path(), "SECRETO"), Vec::<PathBuf>::new());
    assert_eq!(self::shop(folder.path()).log.len(), 100);
}

#[test]
fn damaged_profiles_are_set_aside_and_start_empty() {
    let folder = tempfile::tempdir().unwrap();
    let open = shop(folder.path());
    open.profiles.save(vec![(user(1), Arc::new(Sample { seen: 1, note: String::new() }))], Position(1)).unwrap();
    drop(open);
    let profiles = folder.path().join("shops/default/profiles");
    fs::write(profiles.join("version"), "damaged").unwrap();
    let open = shop(folder.path());
    assert_eq!((open.profiles.durable_position(), open.profiles.get(user(1)).unwrap()), (Position::START, None));
    assert!(profiles.with_extension("damaged").is_dir());
}

#[test]
fn damaged_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let named = |result: Result<(), StoreError>, name: &str| {
        assert!(matches!(&result, Err(StoreError::Corrupt { place, .. }) if place.contains(name)), "got {result:?}");
    };
    shop.lake.write("events", "a.parquet", &[batch(0..100)]).unwrap();
    flip(&folder.path().join("shops/default/lake/events/a.parquet"));
    named(shop.lake.read("events", "a.parquet").map(drop), "a.parquet");

    let files = [("popular.bin".to_owned(), vec![1, 2, 3])].into();
    let version = shop.registry.register(manifest("v1", 1), &files).unwrap().version;
    let path = folder.path().join("shops/default/models/v1/popular.bin");
    flip(&path);
    named(shop.registry.file(&version, "popular.bin").map(drop), "popular.bin");
    fs::remove_file(path).unwrap();
    named(shop.registry.file(&version, "popular.bin").map(drop), "popular.bin");
}

#[test]
fn a_changed_audit_entry_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    for n in 0..5 {
        let at = domain::Timestamp::from_seconds(n);
        let (actor, action) = ("cli".to_owned(), "user.erase".to_owned());
        shop.ledger.audit(AuditEntry { at, actor, action, detail: n.into(), hash: String::new() }).unwrap();
    }
    let sqlite = rusqlite::Connection::open(folder.path().join("shops/default/shop.sqlite")).unwrap();
    assert!(sqlite.execute("UPDATE audit SET actor = 'nobody' WHERE id = 3", []).is_err(), "entries are only added");
    sqlite.execute_batch("DROP TRIGGER audit_stays; UPDATE audit SET actor = 'nobody' WHERE id = 3").unwrap();
    let broken = shop.ledger.verify_audit();
    assert!(matches!(&broken, Err(StoreError::Corrupt { place, .. }) if place.contains("entry 3")), "got {broken:?}");
}
