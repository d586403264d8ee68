//! Declared traits of users.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use domain::UserTraits;

use super::{fresh, sample::user};
use crate::Users;

pub fn users(open: impl Fn(&Path) -> Arc<dyn Users>) {
    fresh(|path| {
        let vip = UserTraits {
            segment: Some("vip".to_owned()),
            preferences: vec!["Cocina".to_owned()],
            attributes: BTreeMap::from([("city".to_owned(), "Cusco".to_owned())]),
        };
        let users = open(path);
        users.upsert(&[(user(1), UserTraits::default()), (user(2), vip.clone())]).expect("the write");
        users.upsert(&[(user(1), vip.clone())]).expect("the write");
        drop(users);
        let users = open(path);
        assert_eq!(users.get(user(1)).expect("the read"), Some(vip));
        assert_eq!(users.get(user(3)).expect("the read"), None);
        assert_eq!(users.len().expect("the read"), 2);
        assert!(users.delete(user(1)).expect("the deletion"));
        assert!(!users.delete(user(1)).expect("the deletion"));
        assert_eq!((users.get(user(1)).expect("the read"), users.len().expect("the read")), (None, 1));
    });
}
