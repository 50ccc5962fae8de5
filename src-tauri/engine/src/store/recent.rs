//! What was asked lately, for near-duplicates and bursts: a fingerprint of each question, shared by all processes, so
//! that a server gains nothing from asking through several of them. Nothing of a text can be read from a fingerprint.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use samplegate_core::inspect::{Fingerprint, Recent};

use super::guard::Asking;

/// The table.
pub(super) const SCHEMA: &str = "
CREATE TABLE fingerprints (
    server TEXT NOT NULL,
    at INTEGER NOT NULL,
    question BLOB NOT NULL,
    bits INTEGER NOT NULL,
    words INTEGER NOT NULL,
    PRIMARY KEY (server, at, question)
) STRICT, WITHOUT ROWID;
";

/// A question is compared with those of this many milliseconds before it: ten minutes.
const WINDOW_MS: i64 = 10 * 60 * 1000;
/// And with no more than this many of them.
const MOST: i64 = 64;

fn since(at: Timestamp) -> i64 {
    at.as_millisecond() - WINDOW_MS
}

/// What this server asked lately, oldest first.
pub(super) fn before(connection: &Connection, asking: &Asking) -> rusqlite::Result<Vec<Recent>> {
    let mut recent = connection
        .prepare_cached(
            "SELECT at, bits, words FROM fingerprints WHERE server = ?1 AND at > ?2 ORDER BY at DESC, question DESC LIMIT ?3",
        )?
        .query_map(params![asking.server, since(asking.at), MOST], |row| {
            let (bits, words): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(Recent {
                fingerprint: Fingerprint::from_parts(bits.cast_unsigned(), words.cast_unsigned()),
                at_ms: Some(row.get(0)?),
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    recent.reverse();
    Ok(recent)
}

/// Keeps the fingerprint of a question, whatever became of it: what a limit refuses is asked all the same.
pub(super) fn keep(connection: &Connection, asking: &Asking) -> rusqlite::Result<()> {
    let Some(fingerprint) = asking.fingerprint else { return Ok(()) };
    let at = asking.at.as_millisecond();
    connection
        .prepare_cached("DELETE FROM fingerprints WHERE server = ?1 AND at <= ?2")?
        .execute(params![asking.server, since(asking.at)])?;
    let (bits, words) = fingerprint.parts();
    connection.prepare_cached("INSERT OR REPLACE INTO fingerprints VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        asking.server,
        at,
        asking.question.as_bytes(),
        bits.cast_signed(),
        words.cast_signed()
    ])?;
    Ok(())
}
