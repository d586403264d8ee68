//! Named JSON documents.

use std::{path::Path, sync::Arc};

use serde_json::json;

use super::fresh;
use crate::Settings;

pub fn settings(open: impl Fn(&Path) -> Arc<dyn Settings>) {
    fresh(|path| {
        let settings = open(path);
        assert_eq!(settings.get("shop").expect("the read"), None);
        settings.put("shop", &json!({ "name": "old" })).expect("the write");
        settings.put("shop", &json!({ "name": "Ñandú", "limit": [1, 2.5, null] })).expect("the write");
        settings.put("other", &json!(true)).expect("the write");
        drop(settings);
        let settings = open(path);
        assert_eq!(settings.get("shop").expect("the read"), Some(json!({ "name": "Ñandú", "limit": [1, 2.5, null] })));
        assert_eq!(settings.get("other").expect("the read"), Some(json!(true)));
    });
}
