//! One question in full.

use rusqlite::Connection;
use samplegate_core::{
    audit::{Content, QuestionId, QuestionSummary, Role, StoredEvent, genesis},
    inspect::FindingKind,
};
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use super::{
    contents,
    error::{StoreError, TxError},
    events, questions,
};

/// A question with its content and its line of events. Serialised, it is what `audit show` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The summary.
    #[serde(flatten)]
    pub summary: QuestionSummary,
    /// The params as received; null once pruned.
    pub request: Option<Value>,
    /// The object as approved; the last one, where it was asked again.
    pub approved: Option<Value>,
    /// The last answer, as it came.
    pub answer: Option<Value>,
    /// The answer as released.
    pub released: Option<Value>,
    /// The arguments of the tool call that led to the question.
    pub arguments: Option<Value>,
    /// The last HTTP body.
    pub wire: Option<Value>,
    /// The events, in order, each as [`StoredEvent::to_json`] prints it.
    pub events: Vec<Value>,
}

/// Content as a JSON value; bytes that are no JSON as text.
fn value(content: &Content) -> Value {
    serde_json::from_slice(content.bytes())
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(content.bytes()).into_owned()))
}

/// Says with each finding what can be done about it, which the log does not keep.
fn with_advice(mut event: Value) -> Value {
    for finding in event.get_mut("findings").and_then(Value::as_array_mut).into_iter().flatten() {
        let kind = finding.get("kind").and_then(|kind| FindingKind::deserialize(kind).ok());
        if let (Some(kind), Some(finding)) = (kind, finding.as_object_mut()) {
            finding.insert("advice".into(), kind.advice().into());
        }
    }
    event
}

/// Reads a question in full.
pub(super) fn entry(connection: &Connection, id: QuestionId) -> Result<Entry, TxError> {
    let (n, summary) = questions::find(connection, id)?.ok_or(StoreError::Unknown(id))?;
    let mut entry = Entry {
        summary,
        request: None,
        approved: None,
        answer: None,
        released: None,
        arguments: None,
        wire: None,
        events: Vec::new(),
    };
    for row in events::of_question(connection, n)? {
        let stored = contents::of_event(connection, row.seq)?;
        let sealed = stored.iter().find(|stored| stored.role == Role::Sealed);
        let event = StoredEvent::read(&row.json, sealed.map(|stored| stored.content.bytes()))?;
        let prev = if row.seq == 1 { genesis() } else { events::hash(connection, row.seq - 1)? };
        entry.events.push(with_advice(event.to_json(prev, row.hash)));
        for stored in &stored {
            let place = match stored.role {
                Role::Request => &mut entry.request,
                Role::Approved => &mut entry.approved,
                Role::Answer => &mut entry.answer,
                Role::Released => &mut entry.released,
                Role::Arguments => &mut entry.arguments,
                Role::Wire => &mut entry.wire,
                Role::Sealed | Role::OpinionWire => continue,
            };
            *place = Some(value(&stored.content));
        }
    }
    Ok(entry)
}
