//! Declared traits of users, under their pseudonyms.

use domain::{UserKey, UserTraits};
use rusqlite::{OptionalExtension, params};

use super::sqlite::{Sqlite, json};
use crate::{Result, Users};

pub struct EmbeddedUsers(pub Sqlite);

impl Users for EmbeddedUsers {
    fn upsert(&self, users: &[(UserKey, UserTraits)]) -> Result<()> {
        let texts = users.iter().map(|(_, traits)| json(traits)).collect::<Result<Vec<_>>>()?;
        self.0.write(|transaction| {
            let mut insert = transaction
                .prepare_cached("INSERT INTO users VALUES (?1, ?2) ON CONFLICT (user) DO UPDATE SET traits = ?2")?;
            for ((user, _), text) in users.iter().zip(&texts) {
                insert.execute(params![user.0, text])?;
            }
            Ok(())
        })
    }

    fn get(&self, user: UserKey) -> Result<Option<UserTraits>> {
        let text: Option<String> = self.0.read(|connection| {
            let mut query = connection.prepare_cached("SELECT traits FROM users WHERE user = ?1")?;
            query.query_row([user.0], |row| row.get(0)).optional()
        })?;
        text.map(|text| self.0.parse(&format!("user {user}"), &text)).transpose()
    }

    fn delete(&self, user: UserKey) -> Result<bool> {
        self.0.write(|transaction| Ok(transaction.execute("DELETE FROM users WHERE user = ?1", [user.0])? > 0))
    }

    fn len(&self) -> Result<u64> {
        self.0.read(|connection| connection.query_row("SELECT count(*) FROM users", [], |row| row.get(0)))
    }
}
