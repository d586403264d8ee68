//! Models: immutable, complete or absent, one champion.

use std::{collections::BTreeMap, path::Path, sync::Arc, thread};

use domain::ModelVersion;

use super::{fresh, sample::manifest};
use crate::{Registry, StoreError};

type Open<'a> = &'a dyn Fn(&Path) -> Arc<dyn Registry>;

pub fn registry(open: impl Fn(&Path) -> Arc<dyn Registry>) {
    fresh(|path| a_model_comes_back_as_it_went(path, &open));
    fresh(|path| a_version_never_changes(&*open(path)));
    fresh(|path| the_pointer_moves_and_moves_back(path, &open));
    fresh(|path| the_champion_can_not_be_deleted(&*open(path)));
    fresh(|path| names_stay_inside_the_registry(&*open(path)));
}

fn files() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([("popular.bin".to_owned(), vec![0, 1, 255]), ("empty".to_owned(), vec![])])
}

fn version(name: &str) -> ModelVersion {
    ModelVersion::new(name).expect("a short id")
}

fn register(registry: &dyn Registry, name: &str, seconds: i64) {
    registry.register(manifest(name, seconds), &files()).expect("the registration");
}

fn a_model_comes_back_as_it_went(path: &Path, open: Open<'_>) {
    let registry = open(path);
    let registered = registry.register(manifest("v1", 1), &files()).expect("the registration");
    assert_eq!(registered.checksums.keys().collect::<Vec<_>>(), ["empty", "popular.bin"]);
    register(&*registry, "v2", 2);
    drop(registry);
    let registry = open(path);
    assert_eq!(registry.get(&version("v1")).expect("the read"), registered);
    assert_eq!(registry.file(&version("v1"), "popular.bin").expect("the read"), [0, 1, 255]);
    assert!(registry.file(&version("v1"), "empty").expect("the read").is_empty());
    let newest_first: Vec<_> = registry.list().expect("the read").into_iter().map(|m| m.version.to_string()).collect();
    assert_eq!(newest_first, ["v2", "v1"]);
    for missing in [registry.file(&version("v1"), "nothing"), registry.file(&version("v9"), "popular.bin")] {
        assert!(matches!(missing, Err(StoreError::NotFound(_))), "not found, got {missing:?}");
    }
}

fn a_version_never_changes(registry: &dyn Registry) {
    let wins: usize = thread::scope(|scope| {
        let attempts: Vec<_> = (0..8)
            .map(|n| scope.spawn(move || usize::from(registry.register(manifest("v1", n), &files()).is_ok())))
            .collect();
        attempts.into_iter().map(|attempt| attempt.join().expect("an attempt")).sum()
    });
    assert_eq!(wins, 1);
    let again = registry.register(manifest("v1", 9), &BTreeMap::new());
    assert!(matches!(again, Err(StoreError::Conflict(_))), "a conflict, got {again:?}");
    assert_eq!(registry.file(&version("v1"), "popular.bin").expect("the read"), [0, 1, 255]);
}

fn the_pointer_moves_and_moves_back(path: &Path, open: Open<'_>) {
    let registry = open(path);
    for (seconds, name) in ["v1", "v2", "v3"].into_iter().enumerate() {
        register(&*registry, name, seconds as i64);
    }
    assert_eq!(registry.champion().expect("the read"), None);
    assert!(matches!(registry.rollback(), Err(StoreError::NotFound(_))));
    assert!(matches!(registry.promote(&version("v9")), Err(StoreError::NotFound(_))));
    let mut revision = registry.revision();
    for name in ["v1", "v2", "v3"] {
        registry.promote(&version(name)).expect("the promotion");
        assert!(registry.revision() > revision, "the revision grows when the pointer moves");
        revision = registry.revision();
    }
    registry.promote(&version("v3")).expect("the promotion");
    drop(registry);
    let registry = open(path);
    assert_eq!((registry.champion().expect("the read"), registry.revision()), (Some(version("v3")), revision));
    assert_eq!(registry.rollback().expect("the rollback"), version("v2"));
    assert_eq!(registry.rollback().expect("the rollback"), version("v1"));
    assert!(matches!(registry.rollback(), Err(StoreError::NotFound(_))));
    assert_eq!(registry.champion().expect("the read"), Some(version("v1")));
    assert!(registry.revision() > revision);
}

fn the_champion_can_not_be_deleted(registry: &dyn Registry) {
    for (seconds, name) in ["v1", "v2", "v3"].into_iter().enumerate() {
        register(registry, name, seconds as i64);
    }
    for name in ["v1", "v2", "v1"] {
        registry.promote(&version(name)).expect("the promotion");
    }
    assert!(matches!(registry.delete(&version("v1")), Err(StoreError::Conflict(_))));
    registry.delete(&version("v2")).expect("the deletion");
    assert!(matches!(registry.get(&version("v2")), Err(StoreError::NotFound(_))));
    assert!(matches!(registry.delete(&version("v2")), Err(StoreError::NotFound(_))));
    assert!(matches!(registry.rollback(), Err(StoreError::NotFound(_))), "v1 was before and after v2");
    register(registry, "v2", 9);
    assert_eq!(registry.list().expect("the read").len(), 3);
}

fn names_stay_inside_the_registry(registry: &dyn Registry) {
    for name in ["..", "a/b", ".hidden"] {
        let refused = registry.register(manifest(name, 1), &files());
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{name:?} is refused, got {refused:?}");
        let file = BTreeMap::from([(name.to_owned(), vec![])]);
        let refused = registry.register(manifest("v1", 1), &file);
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{name:?} is refused, got {refused:?}");
    }
    assert_eq!(registry.list().expect("the read"), []);
}
