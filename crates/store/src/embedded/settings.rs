//! Small named JSON documents.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::sqlite::{Sqlite, json};
use crate::{Result, Settings};

pub struct EmbeddedSettings(pub Sqlite);

impl Settings for EmbeddedSettings {
    fn get(&self, key: &str) -> Result<Option<Value>> {
        let text: Option<String> = self.0.read(|connection| {
            let mut query = connection.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
            query.query_row([key], |row| row.get(0)).optional()
        })?;
        text.map(|text| self.0.parse(&format!("setting {key}"), &text)).transpose()
    }

    fn put(&self, key: &str, value: &Value) -> Result<()> {
        let text = json(value)?;
        let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
        self.0.write(|transaction| transaction.execute(sql, params![key, text]).map(drop))
    }
}
