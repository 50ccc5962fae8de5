//! The table of grants: what a person allowed beyond the question they looked at, for all processes of the home.
//!
//! A grant is written in the transaction of the decision it was made with, and read in the transaction that admits a
//! question. One for a call or a connection names the process in which that lives, so that it ends with it, however
//! that ends. How often each was used follows the log, see [`note_use`].

use jiff::Timestamp;
use rusqlite::{Connection, params};
use samplegate_core::{
    audit::Decided,
    policy::{Grant, Until, grant_of},
};

use super::error::{TxError, unreadable};

/// What came to the table after its first version.
pub(super) const USES: &str = "
DELETE FROM grants;
ALTER TABLE grants ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN used_at INTEGER;
";

/// A grant, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// What was granted.
    pub grant: Grant,
    /// How many questions it let through, each gate counted.
    pub used: u64,
    /// When it last did.
    pub used_at: Option<Timestamp>,
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Grant> {
    serde_json::from_str(row.get_ref(0)?.as_str()?).map_err(unreadable)
}

/// Those about a tool of a server, oldest first.
pub(super) fn about(connection: &Connection, server: &str, tool: &str) -> rusqlite::Result<Vec<Grant>> {
    connection
        .prepare_cached("SELECT json FROM grants WHERE server = ?1 AND tool = ?2 ORDER BY id")?
        .query_map([server, tool], read)?
        .collect()
}

/// All that hold at this moment, oldest first.
pub(super) fn standing(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Granted>> {
    let all: Vec<Granted> = connection
        .prepare_cached("SELECT json, used, used_at FROM grants ORDER BY id")?
        .query_map([], |row| {
            let used_at = row.get::<_, Option<i64>>(2)?.and_then(|at| Timestamp::from_millisecond(at).ok());
            Ok(Granted { grant: read(row)?, used: row.get::<_, i64>(1)?.cast_unsigned(), used_at })
        })?
        .collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter(|granted| !granted.grant.until.is_past(now)).collect())
}

/// Adds one. `owner` is the process in which its call or session lives.
pub(super) fn insert(connection: &Connection, grant: &Grant, owner: &str) -> Result<usize, TxError> {
    let json = serde_json::to_string(grant).map_err(unreadable)?;
    Ok(connection.execute(
        "INSERT INTO grants (id, server, tool, owner, json) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![grant.id, grant.server, grant.tool, owner, json],
    )?)
}

pub(super) fn end(connection: &Connection, id: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached("DELETE FROM grants WHERE id = ?1")?.execute([id])
}

/// Ends what was granted for a call or a session of this id; gives how many that were.
pub(super) fn end_scope(connection: &Connection, id: &str) -> rusqlite::Result<usize> {
    end_where(connection, |_, grant| match &grant.until {
        Until::Call { call_id } => call_id == id,
        Until::Session { session } => session == id,
        Until::Time { .. } | Until::Revoked => false,
    })
}

/// Ends what is over by time, and what was granted for calls and sessions of processes that died.
pub(super) fn tidy(connection: &Connection, now: Timestamp, alive: &[String]) -> rusqlite::Result<usize> {
    end_where(connection, |owner, grant| match &grant.until {
        Until::Time { .. } => grant.until.is_past(now),
        Until::Call { .. } | Until::Session { .. } => !alive.iter().any(|alive| alive == owner),
        Until::Revoked => false,
    })
}

fn end_where(connection: &Connection, is_over: impl Fn(&str, &Grant) -> bool) -> rusqlite::Result<usize> {
    let all: Vec<(Grant, String)> = connection
        .prepare_cached("SELECT json, owner FROM grants")?
        .query_map([], |row| Ok((read(row)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let over = all.iter().filter(|(grant, owner)| is_over(owner, grant));
    over.map(|(grant, _)| end(connection, &grant.id)).sum()
}

/// Counts a decision that grants made, in its own transaction.
pub(super) fn note_use(connection: &Connection, at: Timestamp, decided: &Decided) -> rusqlite::Result<()> {
    for id in decided.rules.iter().filter_map(|name| grant_of(name)) {
        connection
            .prepare_cached("UPDATE grants SET used = used + 1, used_at = ?2 WHERE id = ?1")?
            .execute(params![id, at.as_millisecond()])?;
    }
    Ok(())
}
