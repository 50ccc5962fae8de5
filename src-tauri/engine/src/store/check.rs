//! Checks the whole log: the file, the chain, the content, the rows that listings show.

use std::collections::HashMap;

use rusqlite::Connection;
use samplegate_core::audit::{AuditEvent, Finding, Head, QuestionId, Report, Verifier, What};

use super::{contents, error::TxError, events::EventRow, meta, questions};

/// Walks the log in one read transaction, so what others append meanwhile does not disturb it.
pub(super) fn verify(connection: &Connection, known: Option<Head>) -> Result<Result<Report, Finding>, TxError> {
    let transaction = connection.unchecked_transaction()?;
    walk(&transaction, known)
}

pub(super) fn walk(connection: &Connection, known: Option<Head>) -> Result<Result<Report, Finding>, TxError> {
    let head = meta::head(connection)?;
    let mut verifier = Verifier::new(known);
    let mut keys: HashMap<QuestionId, i64> = HashMap::new();

    let mut all_contents = connection.prepare("SELECT id, salt, bytes FROM contents ORDER BY id")?;
    let mut all_contents = all_contents.query_map([], contents::read)?.peekable();
    let mut all_events = connection.prepare("SELECT seq, question, json, hash FROM events ORDER BY seq")?;
    for row in all_events.query_map([], EventRow::read)? {
        let row = row?;
        let mut stored = Vec::new();
        while let Some(content) = all_contents.next_if(|next| next.as_ref().map_or(true, |(seq, _)| *seq <= row.seq)) {
            let (seq, content) = content?;
            if seq != row.seq {
                let what = What::UnknownContent(content.role);
                return Ok(Err(Finding { seq: Some(seq), question: None, what }));
            }
            stored.push(content);
        }
        let (event, ended) = match verifier.event(row.seq, &row.json, row.hash, &stored) {
            Ok(checked) => checked,
            Err(finding) => return Ok(Err(finding)),
        };
        if let (Some(id), AuditEvent::Received(_)) = (event.question, &event.event) {
            keys.insert(id, questions::key(event.at, row.seq));
        }
        if row.question != event.question.and_then(|id| keys.get(&id).copied()) {
            return Ok(Err(Finding { seq: Some(row.seq), question: event.question, what: What::Misfiled }));
        }
        if let Some(expected) = ended {
            let key = keys.remove(&expected.id);
            if let Err(finding) = compare(connection, key, &expected)? {
                return Ok(Err(finding));
            }
        }
    }
    if let Some(orphan) = all_contents.next() {
        let (seq, content) = orphan?;
        let what = What::UnknownContent(content.role);
        return Ok(Err(Finding { seq: Some(seq), question: None, what }));
    }
    for expected in verifier.open() {
        if let Err(finding) = compare(connection, keys.get(&expected.id).copied(), expected)? {
            return Ok(Err(finding));
        }
    }
    let rows = questions::total(connection)?;
    let counted = meta::questions(connection)?;
    if counted != rows {
        let what = What::Rows { found: rows, expected: counted };
        return Ok(Err(Finding { seq: None, question: None, what }));
    }
    Ok(verifier.finish(head, rows))
}

/// Compares a question's row, which must also lie where its first event puts it.
fn compare(
    connection: &Connection,
    key: Option<i64>,
    expected: &samplegate_core::audit::QuestionSummary,
) -> Result<Result<(), Finding>, TxError> {
    let row = match questions::find(connection, expected.id) {
        Ok(row) => row,
        // A value that cannot be read was altered.
        Err(rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..)) => {
            let what = What::Row("value");
            return Ok(Err(Finding { seq: None, question: Some(expected.id), what }));
        }
        Err(error) => return Err(error.into()),
    };
    let row = row.filter(|(n, _)| Some(*n) == key).map(|(_, summary)| summary);
    Ok(Verifier::compare(expected, row.as_ref()))
}
