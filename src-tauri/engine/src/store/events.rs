//! The chain: one row for each event, its canonical bytes as they were hashed.

use rusqlite::{Connection, Row, params};
use samplegate_core::{audit::Sealed, canonical::Sha256Hex};

use super::error::unreadable;

/// The table. `question` is the key of the question's row; notes and changes of the settings have none.
pub(super) const SCHEMA: &str = "
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    question INTEGER,
    json TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX events_of_question ON events (question) WHERE question IS NOT NULL;
";

/// An event as it is stored.
#[derive(Debug)]
pub(super) struct EventRow {
    /// Its number.
    pub(super) seq: u64,
    /// The key of its question's row.
    pub(super) question: Option<i64>,
    /// Its canonical bytes.
    pub(super) json: Vec<u8>,
    /// Its hash.
    pub(super) hash: Sha256Hex,
}

impl EventRow {
    /// Reads `seq, question, json, hash`. The bytes are taken as they are, even where they are no longer UTF-8.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get::<_, i64>(0)?.cast_unsigned(),
            question: row.get(1)?,
            json: row.get_ref(2)?.as_bytes()?.to_vec(),
            hash: Sha256Hex::from_bytes(row.get(3)?),
        })
    }
}

/// Appends an event.
pub(super) fn insert(connection: &Connection, question: Option<i64>, sealed: &Sealed) -> rusqlite::Result<()> {
    let json = std::str::from_utf8(&sealed.bytes).map_err(unreadable)?;
    connection
        .prepare_cached("INSERT INTO events (seq, question, json, hash) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![sealed.head.seq.cast_signed(), question, json, sealed.head.hash.as_bytes()])?;
    Ok(())
}

/// The events of a question, in order.
pub(super) fn of_question(connection: &Connection, question: i64) -> rusqlite::Result<Vec<EventRow>> {
    connection
        .prepare_cached("SELECT seq, question, json, hash FROM events WHERE question = ?1 ORDER BY seq")?
        .query_map([question], EventRow::read)?
        .collect()
}

/// The hash of an event.
pub(super) fn hash(connection: &Connection, seq: u64) -> rusqlite::Result<Sha256Hex> {
    connection
        .prepare_cached("SELECT hash FROM events WHERE seq = ?1")?
        .query_row([seq.cast_signed()], |row| Ok(Sha256Hex::from_bytes(row.get(0)?)))
}
