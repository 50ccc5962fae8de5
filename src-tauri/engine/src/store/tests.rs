//! The log against a real file system: several writers, crashes, full disks, files that are not what they should be.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

mod crash;
mod damage;
mod guard;
mod listing;
mod million;
mod pins;
mod several;

use std::path::PathBuf;

use samplegate_core::{
    audit::{
        AuditEvent, Content, Decided, DecidedBy, Decision, Gate, Kind, NewEvent, Outcome, QuestionId, Received,
        Released, Replied, Role,
    },
    canonical::Sha256Hex,
};
use serde_json::{Value, json};

use super::*;

pub(super) fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + millisecond).unwrap()
}

pub(super) fn new_id(at: Timestamp) -> QuestionId {
    question_id(at).unwrap()
}

/// A folder with a log in it.
pub(super) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("data").join("samplegate.db")
    }

    pub(super) fn open(&self) -> Store {
        Store::open(&self.path()).unwrap()
    }

    /// The file as SQLite sees it, with no rules of ours.
    pub(super) fn raw(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

/// A question to come.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) at: Timestamp,
    pub(super) server: String,
    pub(super) text: String,
    pub(super) owner: Option<String>,
}

impl Ask {
    pub(super) fn new(millisecond: i64, server: &str, text: &str) -> Self {
        Self { at: at(millisecond), server: server.to_owned(), text: text.to_owned(), owner: None }
    }

    pub(super) fn request(&self) -> Value {
        json!({"messages": [{"role": "user", "content": {"type": "text", "text": self.text}}], "maxTokens": 100})
    }

    pub(super) fn received(&self, id: QuestionId) -> NewEvent {
        let request = self.request();
        let body = Received {
            kind: Kind::Sampling,
            host: None,
            server: self.server.clone(),
            tool: Some("summarise".to_owned()),
            call_id: None,
            round: 1,
            one_of: None,
            context_class: Some("text".to_owned()),
            owner: self.owner.clone(),
            request_sha256: Some(Sha256Hex::of_json(&request)),
            first_line: Some(self.text.lines().next().unwrap_or_default().to_owned()),
        };
        NewEvent::received(id, self.at, body, Content::json(&request))
    }

    pub(super) fn denied(&self, id: QuestionId) -> Vec<NewEvent> {
        vec![
            self.received(id),
            NewEvent::new(id, self.at, decided(Gate::Request, Decision::Denied, DecidedBy::Person)),
            NewEvent::closed(id, self.at, Outcome::Denied),
        ]
    }

    /// Answered by a rule's fixed text.
    pub(super) fn answered(&self, id: QuestionId, answer: &str) -> Vec<NewEvent> {
        let answer = json!({"role": "assistant", "content": {"type": "text", "text": answer}, "model": "human"});
        let released = Released {
            edited: false,
            model: Some("human".to_owned()),
            answer_class: Some("text".to_owned()),
            released_sha256: Some(Sha256Hex::of_json(&answer)),
        };
        vec![
            self.received(id),
            NewEvent::new(id, self.at, decided(Gate::Request, Decision::AnsweredByHand, DecidedBy::Rule))
                .with(Role::Answer, Content::json(&answer)),
            NewEvent::released(id, self.at, released, Content::json(&answer)),
            NewEvent::new(id, self.at, Replied {}),
            NewEvent::closed(id, self.at, Outcome::Released),
        ]
    }
}

pub(super) fn decided(gate: Gate, decision: Decision, by: DecidedBy) -> AuditEvent {
    AuditEvent::from(Decided {
        gate,
        decision,
        by,
        reviewer: (by == DecidedBy::Person).then(|| "ada".to_owned()),
        reason: None,
        rules: Vec::new(),
        scope: None,
        grant: None,
        granted: None,
        approved_sha256: None,
        tool_calls: None,
    })
}

/// Appends one question of each end and gives its id.
pub(super) async fn put(store: &Store, events: impl FnOnce(QuestionId) -> Vec<NewEvent>) -> QuestionId {
    let id = new_id(Timestamp::now());
    store.append(events(id)).await.unwrap();
    id
}
