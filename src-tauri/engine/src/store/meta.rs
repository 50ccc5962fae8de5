//! One row: which home this is, the head of the chain, and how many questions there are.

use rusqlite::{Connection, OptionalExtension as _, params};
use samplegate_core::{audit::Head, canonical::Sha256Hex};

/// The table.
pub(super) const SCHEMA: &str = "
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    home_id TEXT NOT NULL,
    head_seq INTEGER NOT NULL,
    head_hash BLOB NOT NULL,
    questions INTEGER NOT NULL
) STRICT;
";

/// Writes the row of a new database; one that is there stays.
pub(super) fn create(connection: &Connection, home_id: &str) -> rusqlite::Result<()> {
    let Head { seq, hash } = Head::empty();
    connection.execute(
        "INSERT OR IGNORE INTO meta (id, home_id, head_seq, head_hash, questions) VALUES (1, ?1, ?2, ?3, 0)",
        params![home_id, seq.cast_signed(), hash.as_bytes()],
    )?;
    Ok(())
}

/// Which home this is: a UUID made with the database.
pub(super) fn home_id(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT home_id FROM meta", [], |row| row.get(0)).optional()
}

/// The head of the chain.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
    connection.prepare_cached("SELECT head_seq, head_hash FROM meta")?.query_row([], |row| {
        Ok(Head { seq: row.get::<_, i64>(0)?.cast_unsigned(), hash: Sha256Hex::from_bytes(row.get(1)?) })
    })
}

/// How many questions there are; counting a million of them takes longer than a window may.
pub(super) fn questions(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT questions FROM meta", [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

/// Moves the head, and counts the questions that were added.
pub(super) fn set_head(connection: &Connection, head: Head, added: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE meta SET head_seq = ?1, head_hash = ?2, questions = questions + ?3")?
        .execute(params![head.seq.cast_signed(), head.hash.as_bytes(), added])?;
    Ok(())
}
