//! The approved identity of each server, and what was seen since that differs: one row a server, the truth for all
//! processes of a home.
//!
//! A row is changed only by who knows it as it is: two processes that look at once do not undo each other's finding.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, params};
use samplegate_core::{
    canonical::Sha256Hex,
    identity::{Pin, summary},
};

use super::error::{TxError, unreadable};

/// The table, in place of one that was never filled.
pub(super) const SCHEMA: &str = "
DROP TABLE pins;
CREATE TABLE pins (
    server TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    drift_sha256 TEXT,
    drift TEXT,
    json TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// What a question is judged by: the small part of a [`Pin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Of the identity that was approved.
    pub sha256: Sha256Hex,
    /// What differs from it since, in a line.
    pub drift: Option<String>,
}

/// What a row is known by.
pub type Known = (Sha256Hex, Option<Sha256Hex>);

/// What a pin is known by, for [`super::GuardChange::Pin`].
pub fn known(pin: &Pin) -> Known {
    (pin.sha256, pin.drift.as_ref().map(|drift| drift.sha256))
}

impl From<&Pin> for Pinned {
    fn from(pin: &Pin) -> Self {
        Self { sha256: pin.sha256, drift: pin.drift.as_ref().map(|_| summary(&pin.differences())) }
    }
}

/// What a question of this server is judged by.
pub(super) fn pinned(connection: &Connection, server: &str) -> Result<Option<Pinned>, TxError> {
    let row = connection
        .prepare_cached("SELECT sha256, drift FROM pins WHERE server = ?1")?
        .query_row([server], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .optional()?;
    let read = |(sha256, drift): (String, _)| Ok(Pinned { sha256: sha256.parse().map_err(unreadable)?, drift });
    row.map(read).transpose()
}

/// One pin in full.
pub(super) fn pin(connection: &Connection, server: &str) -> rusqlite::Result<Option<Pin>> {
    connection
        .prepare_cached("SELECT json FROM pins WHERE server = ?1")?
        .query_row([server], |row| serde_json::from_str(row.get_ref(0)?.as_str()?).map_err(unreadable))
        .optional()
}

/// All of them in full, by server.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Pin>> {
    connection
        .prepare_cached("SELECT server, json FROM pins")?
        .query_map([], |row| Ok((row.get(0)?, serde_json::from_str(row.get_ref(1)?.as_str()?).map_err(unreadable)?)))?
        .collect()
}

/// Writes a pin where the row is what it is known to be, none for one that is not there; else nothing.
pub(super) fn write(connection: &Connection, server: &str, pin: &Pin, known: Option<Known>) -> Result<usize, TxError> {
    let json = serde_json::to_string(pin).map_err(unreadable)?;
    let drift = pin.drift.as_ref().map(|drift| (drift.sha256.to_hex(), summary(&pin.differences())));
    let (drift_sha256, drift) = drift.unzip();
    let sha256 = pin.sha256.to_hex();
    Ok(match known {
        None => connection.execute(
            "INSERT INTO pins VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            params![server, sha256, drift_sha256, drift, json],
        )?,
        Some((known, known_drift)) => connection.execute(
            "UPDATE pins SET sha256 = ?2, drift_sha256 = ?3, drift = ?4, json = ?5 \
             WHERE server = ?1 AND sha256 = ?6 AND drift_sha256 IS ?7",
            params![server, sha256, drift_sha256, drift, json, known.to_hex(), known_drift.map(|sha| sha.to_hex())],
        )?,
    })
}

/// A server has another name.
pub(super) fn rename(connection: &Connection, from: &str, to: &str) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM pins WHERE server = ?1", [to])?;
    connection.execute("UPDATE pins SET server = ?2 WHERE server = ?1", [from, to])
}

/// A server is gone.
pub(super) fn forget(connection: &Connection, server: &str) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM pins WHERE server = ?1", [server])
}
