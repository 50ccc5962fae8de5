//! The values that a question can be filtered by, numbered: servers, models, outcomes and so on.
//!
//! A question's facets go into the search index as words, so that one index answers any filter together with any text,
//! newest first. The numbers keep the words short and apart from each other.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};
use samplegate_core::audit::QuestionSummary;

/// The table.
pub(super) const SCHEMA: &str = "
CREATE TABLE facets (
    id INTEGER PRIMARY KEY,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (field, value)
) STRICT;
";

/// What can be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Kind,
    Server,
    Tool,
    Outcome,
    DecidedBy,
    Model,
    Host,
}

impl Field {
    const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Server => "server",
            Self::Tool => "tool",
            Self::Outcome => "outcome",
            Self::DecidedBy => "decided_by",
            Self::Model => "model",
            Self::Host => "host",
        }
    }
}

/// The word that stands for a value in the search index.
pub(super) fn word(id: i64) -> String {
    format!("f{id}")
}

/// The number of a value, if any question ever had it.
pub(super) fn find(connection: &Connection, field: Field, value: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM facets WHERE field = ?1 AND value = ?2")?
        .query_row(params![field.name(), value], |row| row.get(0))
        .optional()
}

/// The values of a field that occur, sorted.
pub(super) fn values(connection: &Connection, field: Field) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("SELECT value FROM facets WHERE field = ?1 ORDER BY value")?
        .query_map([field.name()], |row| row.get(0))?
        .collect()
}

/// Numbers the facets of questions as they are written. Lives for one transaction: what it numbered is gone if that is
/// rolled back.
#[derive(Debug, Default)]
pub(super) struct Numbering(HashMap<(Field, String), i64>);

impl Numbering {
    fn number(&mut self, connection: &Connection, field: Field, value: &str) -> rusqlite::Result<i64> {
        let key = (field, value.to_owned());
        if let Some(id) = self.0.get(&key) {
            return Ok(*id);
        }
        let id = match find(connection, field, value)? {
            Some(id) => id,
            None => {
                connection
                    .prepare_cached("INSERT INTO facets (field, value) VALUES (?1, ?2)")?
                    .execute(params![field.name(), value])?;
                connection.last_insert_rowid()
            }
        };
        self.0.insert(key, id);
        Ok(id)
    }

    /// The words for everything a question can be filtered by.
    pub(super) fn words(&mut self, connection: &Connection, of: &QuestionSummary) -> rusqlite::Result<String> {
        let values = [
            (Field::Kind, Some(of.kind.as_str())),
            (Field::Server, Some(of.server.as_str())),
            (Field::Tool, of.tool.as_deref()),
            (Field::Outcome, Some(of.outcome.as_str())),
            (Field::DecidedBy, of.decided_by.map(|by| by.as_str())),
            (Field::Model, of.model.as_deref()),
            (Field::Host, of.host.as_deref()),
        ];
        let mut words = String::new();
        for (field, value) in values {
            if let Some(value) = value {
                words.push_str(&word(self.number(connection, field, value)?));
                words.push(' ');
            }
        }
        Ok(words)
    }
}
