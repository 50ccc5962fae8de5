//! One row for each question: what listings show. Derived from the events, and checked against them by `verify`.
//!
//! The key is the time in milliseconds × 2^20 + the low bits of the first event's number: one order for the table, for
//! the search index, for pages and for time filters.

use jiff::Timestamp;
use rusqlite::{
    Connection, OptionalExtension as _, Row, params,
    types::{FromSql, ValueRef},
};
use samplegate_core::{
    audit::{QuestionId, QuestionSummary},
    canonical::Sha256Hex,
};

use super::error::unreadable;

/// The table.
pub(super) const SCHEMA: &str = "
CREATE TABLE questions (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    host TEXT,
    server TEXT NOT NULL,
    tool TEXT,
    call_id TEXT,
    round INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    decided_by TEXT,
    reviewer TEXT,
    context_class TEXT,
    answer_class TEXT,
    rules TEXT NOT NULL,
    reason TEXT,
    model TEXT,
    tokens_in INTEGER,
    tokens_out INTEGER,
    cost_microusd INTEGER,
    request_sha256 BLOB,
    approved_sha256 BLOB,
    sent_sha256 BLOB,
    wire_sha256 BLOB,
    owner TEXT,
    first_line TEXT,
    attempts INTEGER NOT NULL
) STRICT;
CREATE INDEX questions_open ON questions (owner) WHERE outcome = 'open';
";

/// The columns, in the order in which [`read`] takes them.
pub(super) const COLUMNS: &str = "questions.n, id, kind, host, server, tool, call_id, round, outcome, decided_by, \
    reviewer, context_class, answer_class, rules, reason, model, tokens_in, tokens_out, cost_microusd, \
    request_sha256, approved_sha256, sent_sha256, wire_sha256, owner, first_line, attempts";

const SEQ_BITS: u32 = 20;

/// The first key of a moment.
pub(super) fn key_at(at: Timestamp) -> i64 {
    at.as_millisecond().clamp(0, i64::MAX >> SEQ_BITS) << SEQ_BITS
}

/// The key of a question that was received at this time, as this event.
pub(super) fn key(at: Timestamp, seq: u64) -> i64 {
    key_at(at) | (seq.cast_signed() & ((1 << SEQ_BITS) - 1))
}

fn name<T: std::str::FromStr<Err: std::fmt::Display>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get_ref(column)?.as_str()?.parse().map_err(unreadable)
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Sha256Hex>> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(Sha256Hex::from_bytes))
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
}

fn get<T: FromSql>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get(column)
}

/// Reads [`COLUMNS`]: the key and the summary.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(i64, QuestionSummary)> {
    let n: i64 = row.get(0)?;
    let decided_by = if row.get_ref(9)? == ValueRef::Null { None } else { Some(name(row, 9)?) };
    let summary = QuestionSummary {
        id: QuestionId::from_bytes(row.get(1)?),
        at: Timestamp::from_millisecond(n >> SEQ_BITS).map_err(unreadable)?,
        kind: name(row, 2)?,
        host: get(row, 3)?,
        server: get(row, 4)?,
        tool: get(row, 5)?,
        call_id: get(row, 6)?,
        round: get(row, 7)?,
        outcome: name(row, 8)?,
        decided_by,
        reviewer: get(row, 10)?,
        context_class: get(row, 11)?,
        answer_class: get(row, 12)?,
        rules: serde_json::from_str(row.get_ref(13)?.as_str()?).map_err(unreadable)?,
        reason: get(row, 14)?,
        model: get(row, 15)?,
        tokens_in: count(row, 16)?,
        tokens_out: count(row, 17)?,
        cost_microusd: count(row, 18)?,
        request_sha256: digest(row, 19)?,
        approved_sha256: digest(row, 20)?,
        sent_sha256: digest(row, 21)?,
        wire_sha256: digest(row, 22)?,
        owner: get(row, 23)?,
        first_line: get(row, 24)?,
        attempts: get(row, 25)?,
    };
    Ok((n, summary))
}

/// Finds a question.
pub(super) fn find(connection: &Connection, id: QuestionId) -> rusqlite::Result<Option<(i64, QuestionSummary)>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM questions WHERE id = ?1"))?
        .query_row([id.as_bytes()], read)
        .optional()
}

/// The questions that have not ended, oldest first.
pub(super) fn open(connection: &Connection) -> rusqlite::Result<Vec<QuestionSummary>> {
    connection
        .prepare(&format!("SELECT {COLUMNS} FROM questions WHERE outcome = 'open' ORDER BY n"))?
        .query_map([], |row| Ok(read(row)?.1))?
        .collect()
}

/// How many there are.
pub(super) fn total(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT count(*) FROM questions", [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

/// Inserts the row, or writes what can change after `received`.
pub(super) fn upsert(connection: &Connection, n: i64, summary: &QuestionSummary) -> rusqlite::Result<()> {
    let rules = serde_json::to_string(&summary.rules).map_err(unreadable)?;
    let bytes = |digest: &Option<Sha256Hex>| digest.map(|digest| *digest.as_bytes());
    let signed = |count: Option<u64>| count.map(u64::cast_signed);
    connection
        .prepare_cached(
            "INSERT INTO questions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
                ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26) \
             ON CONFLICT (n) DO UPDATE SET outcome = excluded.outcome, decided_by = excluded.decided_by, \
                reviewer = excluded.reviewer, answer_class = excluded.answer_class, rules = excluded.rules, \
                reason = excluded.reason, model = excluded.model, tokens_in = excluded.tokens_in, \
                tokens_out = excluded.tokens_out, cost_microusd = excluded.cost_microusd, \
                approved_sha256 = excluded.approved_sha256, sent_sha256 = excluded.sent_sha256, \
                wire_sha256 = excluded.wire_sha256, attempts = excluded.attempts",
        )?
        .execute(params![
            n,
            summary.id.as_bytes(),
            summary.kind.as_str(),
            summary.host,
            summary.server,
            summary.tool,
            summary.call_id,
            summary.round,
            summary.outcome.as_str(),
            summary.decided_by.map(|by| by.as_str()),
            summary.reviewer,
            summary.context_class,
            summary.answer_class,
            rules,
            summary.reason,
            summary.model,
            signed(summary.tokens_in),
            signed(summary.tokens_out),
            signed(summary.cost_microusd),
            bytes(&summary.request_sha256),
            bytes(&summary.approved_sha256),
            bytes(&summary.sent_sha256),
            bytes(&summary.wire_sha256),
            summary.owner,
            summary.first_line,
            summary.attempts,
        ])?;
    Ok(())
}
