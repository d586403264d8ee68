//! Small named JSON documents: the shop itself, format versions, switches.

use crate::Result;

pub trait Settings: Send + Sync {
    fn get(&self, key: &str) -> Result<Option<serde_json::Value>>;
    fn put(&self, key: &str, value: &serde_json::Value) -> Result<()>;
}
