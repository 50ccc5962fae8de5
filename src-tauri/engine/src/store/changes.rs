//! Changes of the settings, as the log has them.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use samplegate_core::{
    audit::{AuditEvent, Role, StoredEvent, Via, format_time},
    canonical::Sha256Hex,
};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{contents, error::TxError, events::EventRow};

/// What belongs to no question is found without looking through the questions.
pub(super) const INDEX: &str =
    "CREATE INDEX IF NOT EXISTS events_of_no_question ON events (seq) WHERE question IS NULL;";

/// A change of the settings. Serialised, it is a line of `audit changes --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The number of its event.
    pub id: u64,
    /// When it was made.
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    /// How.
    pub via: Via,
    /// Who; none where the file was edited.
    pub reviewer: Option<String>,
    /// What changed, in sentences; none once pruned.
    pub text: Option<String>,
    /// What changed: `key`, `before` and `after`; none where that is not known, or pruned.
    pub changes: Option<Value>,
    /// Whether it waits for a person in the app, or waited then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// The event's hash.
    pub hash: Sha256Hex,
    /// Of the configuration file afterwards.
    #[serde(skip)]
    pub(crate) config_sha256: Option<Sha256Hex>,
}

fn time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_time(*at))
}

/// The newest changes first, those before an event if one is given, and at most so many.
pub(super) fn list(
    connection: &Connection,
    before: Option<u64>,
    limit: usize,
    wanted: impl Fn(&Change) -> bool,
) -> Result<Vec<Change>, TxError> {
    let mut rows = connection.prepare_cached(
        "SELECT seq, question, json, hash FROM events WHERE question IS NULL AND seq < ?1 ORDER BY seq DESC",
    )?;
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let mut changes = Vec::new();
    for row in rows.query_map(params![before], EventRow::read)? {
        let row = row?;
        let stored = contents::of_event(connection, row.seq)?;
        let sealed = stored.iter().find(|stored| stored.role == Role::Sealed);
        let event = StoredEvent::read(&row.json, sealed.map(|stored| stored.content.bytes()))?;
        let AuditEvent::SettingsChanged(change) = event.event else { continue };
        let change = Change {
            id: row.seq,
            at: event.at,
            via: change.via,
            reviewer: change.reviewer,
            text: change.text,
            changes: change.changes,
            waits: change.waits,
            hash: row.hash,
            config_sha256: change.config_sha256,
        };
        if wanted(&change) {
            changes.push(change);
        }
        if changes.len() >= limit {
            break;
        }
    }
    Ok(changes)
}
