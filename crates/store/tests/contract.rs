//! The embedded engine keeps every store's contract.

use std::{path::Path, sync::Arc};

use store::{
    ShopStores,
    contract::{self, profiles::Sample},
    embedded::{Options, Stores},
};

fn open(folder: &Path) -> ShopStores<Sample> {
    Stores::open(folder, Options::default()).unwrap().shop("default").unwrap()
}

#[test]
fn event_log() {
    contract::event_log::event_log(|folder| open(folder).log);
}

#[test]
fn profiles() {
    contract::profiles::profiles(|folder| open(folder).profiles);
}

#[test]
fn profiles_that_are_written_back_all_the_time() {
    let options = Options { profile_flush_users: 1, profile_flush_ms: 1, profile_cache_bytes: 1, ..Options::default() };
    contract::profiles::profiles(|folder| {
        let shop: ShopStores<Sample> = Stores::open(folder, options.clone()).unwrap().shop("default").unwrap();
        shop.profiles
    });
}

#[test]
fn catalog() {
    contract::catalog::catalog(|folder| open(folder).catalog);
}

#[test]
fn prices() {
    contract::prices::prices(|folder| open(folder).prices);
}

#[test]
fn users() {
    contract::users::users(|folder| open(folder).users);
}

#[test]
fn settings() {
    contract::settings::settings(|folder| open(folder).settings);
}

#[test]
fn quarantine() {
    contract::quarantine::quarantine(|folder| open(folder).quarantine);
}

#[test]
fn ledger() {
    contract::ledger::ledger(|folder| open(folder).ledger);
}

#[test]
fn registry() {
    contract::registry::registry(|folder| open(folder).registry);
}

#[test]
fn lake() {
    contract::lake::lake(|folder| open(folder).lake);
}

#[allow(dead_code)]
fn stores_are_shared_between_threads(shop: ShopStores<Sample>) -> Arc<dyn Send + Sync> {
    Arc::new(shop)
}
