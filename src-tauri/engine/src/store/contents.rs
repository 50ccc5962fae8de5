//! What people, servers and models wrote, beside the chain, so that it can be deleted later.
//!
//! The key is the event's number and the content's role, so the rows lie in the order in which they were written, and
//! everything of an event is found in one step. The commitment is not stored: it is in the event, and computed anew.

use rusqlite::{Connection, Row, params};
use samplegate_core::audit::{Content, Role, StoredContent};

use super::error::unreadable;

/// The table. `id` is 16 × the event's number + the role.
pub(super) const SCHEMA: &str = "
CREATE TABLE contents (
    id INTEGER PRIMARY KEY,
    salt BLOB NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
";

/// The number of a role; part of the schema.
const fn number(role: Role) -> i64 {
    match role {
        Role::Sealed => 0,
        Role::Request => 1,
        Role::Arguments => 2,
        Role::Approved => 4,
        Role::Wire => 5,
        Role::Answer => 6,
        Role::Released => 7,
        Role::OpinionWire => 8,
    }
}

/// Stores content of an event.
pub(super) fn insert(connection: &Connection, seq: u64, stored: &StoredContent) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT INTO contents (id, salt, bytes) VALUES (?1, ?2, ?3)")?.execute(params![
        seq.cast_signed() * 16 + number(stored.role),
        stored.salt,
        stored.content.bytes()
    ])?;
    Ok(())
}

/// Reads `id, salt, bytes`: the event's number and its content.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(u64, StoredContent)> {
    let id: i64 = row.get(0)?;
    let role = Role::ALL
        .iter()
        .copied()
        .find(|role| number(*role) == id.rem_euclid(16))
        .ok_or_else(|| unreadable(format!("content {id} has no role")))?;
    let content = Content::new(row.get_ref(2)?.as_blob()?);
    Ok((id.div_euclid(16).cast_unsigned(), StoredContent { role, salt: row.get(1)?, content }))
}

/// The content of an event that was not pruned.
pub(super) fn of_event(connection: &Connection, seq: u64) -> rusqlite::Result<Vec<StoredContent>> {
    let first = seq.cast_signed() * 16;
    connection
        .prepare_cached("SELECT id, salt, bytes FROM contents WHERE id BETWEEN ?1 AND ?1 + 15")?
        .query_map([first], |row| Ok(read(row)?.1))?
        .collect()
}
