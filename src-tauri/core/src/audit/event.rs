//! The events, as the pipeline makes them.
//!
//! A body's fields are written in the clear, but for those named in [`AuditEvent::SEALED`]: they would reveal content,
//! so they are content themselves and missing (`None`) once it was pruned.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DecidedBy, Decision, Gate, Kind, Outcome, Place, QuestionId, Verdict, Via, named};
use crate::{canonical::Sha256Hex, limits::Reserved};

/// A server asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// What for.
    pub kind: Kind,
    /// The host whose tool call led here; none: our own.
    pub host: Option<String>,
    /// The server.
    pub server: String,
    /// The tool, where it is known.
    pub tool: Option<String>,
    /// The tool call, where it is known.
    pub call_id: Option<String>,
    /// The round of the call, from 1.
    pub round: u32,
    /// How many calls were in flight, where the protocol does not tell which of them asks.
    pub one_of: Option<u32>,
    /// What the request carries: `text`, `text+image` and so on.
    pub context_class: Option<String>,
    /// The process that holds the question, as the name of its lock.
    pub owner: Option<String>,
    /// Of the params as received. Sealed.
    #[serde(default)]
    pub request_sha256: Option<Sha256Hex>,
    /// The first line of what is asked, for listings. Sealed.
    #[serde(default)]
    pub first_line: Option<String>,
}

/// Limits, inspection and policy looked at the request. What they made of an answer is part of [`Answered`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// At this gate.
    pub gate: Gate,
    /// What came out.
    pub verdict: Verdict,
    /// The rules that matched.
    pub rules: Vec<String>,
    /// Why, in words.
    pub reason: Option<String>,
    /// What inspection found. Sealed.
    #[serde(default)]
    pub findings: Option<Value>,
}

/// A person was shown it: in full, or in the words of a notification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// At this gate.
    pub gate: Gate,
    /// Where.
    #[serde(rename = "where")]
    pub place: Place,
    /// Of the request or answer where all of it was shown, else of the words that were. Sealed.
    #[serde(default)]
    pub sha256: Option<Sha256Hex>,
    /// The words of the notification. Sealed.
    #[serde(default)]
    pub text: Option<String>,
}

/// It was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// At this gate.
    pub gate: Gate,
    /// What.
    pub decision: Decision,
    /// By whom.
    pub by: DecidedBy,
    /// The person's name.
    pub reviewer: Option<String>,
    /// Why; a person's words are not told to the server.
    pub reason: Option<String>,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// How far the decision reaches: `once`, `call`, `minutes`, `session` or `always`.
    pub scope: Option<String>,
    /// The id of the grant that was made with it; none: it reaches no further than this question.
    #[serde(default)]
    pub grant: Option<String>,
    /// That grant: the gates it lets through, until when, and what for. Sealed.
    #[serde(default)]
    pub granted: Option<Value>,
    /// Of the object that was approved. Sealed.
    #[serde(default)]
    pub approved_sha256: Option<Sha256Hex>,
    /// At the answer gate: the tool calls in the answer about which something was decided, each as `{id, name,
    /// decision}` with the decision `approved` or `refused`. Sealed.
    #[serde(default)]
    pub tool_calls: Option<Value>,
}

/// What was approved goes out: a request to a model, a tool call to its server; written before it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The provider; none: it is a tool call.
    pub provider: Option<String>,
    /// The model asked for; none: it is a tool call.
    pub model: Option<String>,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Of the approved object, computed again. Sealed.
    #[serde(default)]
    pub sent_sha256: Option<Sha256Hex>,
    /// Of the HTTP body. Sealed.
    #[serde(default)]
    pub wire_sha256: Option<Sha256Hex>,
}

/// The model answered, or failed to; and what limits, inspection and policy said about the answer, which is not an event
/// of its own: this one is durable before the answer is shown or released, whoever decides about it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Answered {
    /// The model's own name for itself.
    pub model: Option<String>,
    /// Why it stopped.
    pub stop_reason: Option<String>,
    /// What the answer carries: `text`, `tool_use` and so on.
    pub answer_class: Option<String>,
    /// Tokens read, if it told; 0 where it certainly read none.
    pub tokens_in: Option<u64>,
    /// Tokens written, if it told; 0 where it certainly wrote none.
    pub tokens_out: Option<u64>,
    /// Millionths of a US dollar; none if unknown.
    pub cost_microusd: Option<u64>,
    /// What policy made of the answer; none: there is no whole answer.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// The rules that matched.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Why, in words.
    #[serde(default)]
    pub reason: Option<String>,
    /// What inspection found in the answer. Sealed.
    #[serde(default)]
    pub findings: Option<Value>,
    /// What went wrong. Sealed: a provider may quote the request.
    #[serde(default)]
    pub error: Option<String>,
}

/// An answer may go to the server; written before it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// Whether a person changed it.
    pub edited: bool,
    /// The model named in it; `human` where a person wrote it.
    pub model: Option<String>,
    /// What the answer carries.
    pub answer_class: Option<String>,
    /// Of the answer as released. Sealed.
    #[serde(default)]
    pub released_sha256: Option<Sha256Hex>,
}

/// The reply was handed to the connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replied {}

/// The reply could not be delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplyFailed {
    /// Why.
    pub why: String,
}

/// The question has ended. No event follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// How; never `open`.
    pub outcome: Outcome,
    /// By whom, where that is not what the last decision says.
    pub decided_by: Option<DecidedBy>,
    /// Why, where that is not what the last decision says.
    pub reason: Option<String>,
}

/// Something worth keeping that is no question: a message refused for its size, a server that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// What it is about, as a stable word: `oversized_message`, `server_failed`, …
    pub topic: String,
    /// The server, where it is about one.
    pub server: Option<String>,
    /// A sentence. Sealed: it may quote what a server wrote.
    #[serde(default)]
    pub text: Option<String>,
}

/// A person asked a model for its opinion of a request; written before the request goes to that model. What it can use
/// at most counts from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpinionAsked {
    /// Who asked.
    pub reviewer: Option<String>,
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// Where it is: host and port.
    pub host: String,
    /// Whether that is this computer.
    pub is_local: bool,
    /// The most that this can use.
    pub most: Reserved,
    /// Of the HTTP body. Sealed.
    #[serde(default)]
    pub wire_sha256: Option<Sha256Hex>,
}

/// A model's opinion of a request. It decides nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opinion {
    /// The model's own name for itself.
    pub model: Option<String>,
    /// Tokens read, if it told.
    pub tokens_in: Option<u64>,
    /// Tokens written, if it told.
    pub tokens_out: Option<u64>,
    /// Millionths of a US dollar; none if unknown.
    pub cost_microusd: Option<u64>,
    /// What was counted when it was asked.
    pub most: Reserved,
    /// Its words. Sealed.
    #[serde(default)]
    pub text: Option<String>,
    /// What went wrong. Sealed.
    #[serde(default)]
    pub error: Option<String>,
}

/// What is allowed was changed: a server, a model, a rule, a general setting, the pause. Belongs to no question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsChanged {
    /// How.
    pub via: Via,
    /// Who; none where the file was edited.
    pub reviewer: Option<String>,
    /// What changed, in sentences. Sealed.
    #[serde(default)]
    pub text: Option<String>,
    /// What changed, as a list of [`crate::settings::SettingChange`]; none where that is not known. Sealed.
    #[serde(default)]
    pub changes: Option<Value>,
    /// Of the configuration file as it is now; none where it did not change. Sealed.
    #[serde(default)]
    pub config_sha256: Option<Sha256Hex>,
    /// Whether it waits for a person in the app: it stands in the file, and what was accepted before is still in force.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
}

/// An event of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is named after its body, which is documented")]
pub enum AuditEvent {
    Received(Received),
    Evaluated(Evaluated),
    Shown(Shown),
    Decided(Decided),
    Sent(Sent),
    Answered(Answered),
    Released(Released),
    OpinionAsked(OpinionAsked),
    Opinion(Opinion),
    Replied(Replied),
    ReplyFailed(ReplyFailed),
    Closed(Closed),
    Note(Note),
    SettingsChanged(SettingsChanged),
}

impl AuditEvent {
    /// The fields that would reveal content and are therefore stored with it.
    pub const SEALED: &[&str] = &[
        "approved_sha256",
        "changes",
        "config_sha256",
        "error",
        "findings",
        "first_line",
        "granted",
        "released_sha256",
        "request_sha256",
        "sent_sha256",
        "sha256",
        "text",
        "tool_calls",
        "wire_sha256",
    ];
}

macro_rules! bodies {
    ($($body:ident),+) => {
        $(impl From<$body> for AuditEvent {
            fn from(body: $body) -> Self {
                Self::$body(body)
            }
        })+
    };
}
bodies!(
    Received,
    Evaluated,
    Shown,
    Decided,
    Sent,
    Answered,
    Released,
    OpinionAsked,
    Opinion,
    Replied,
    ReplyFailed,
    Closed,
    Note,
    SettingsChanged
);

named! {
    /// What a piece of content is to its event.
    Role:
    /// The fields that are sealed, as one JSON object.
    Sealed = "sealed",
    /// The params as received.
    Request = "request",
    /// The arguments of the tool call that led to the question.
    Arguments = "arguments",
    /// The object as approved: the params, the model and the provider.
    Approved = "approved",
    /// The HTTP body.
    Wire = "wire",
    /// The answer as it came from the model, or as a person wrote it.
    Answer = "answer",
    /// The answer as released.
    Released = "released",
    /// The HTTP body that asked for an opinion.
    OpinionWire = "opinion_wire",
}

/// Content as it goes into the log: UTF-8 JSON, but for [`Role::Wire`], which is the HTTP body as it is. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(Arc<Vec<u8>>);

impl Content {
    /// Takes bytes that are written already.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(bytes.into()))
    }

    /// Writes a value as JSON.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        Self::new(value.to_string())
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Says how much, never what.
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({} bytes)", self.0.len())
    }
}

/// An event on its way into the log.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The question; none for a note and for a change of the settings.
    pub question: Option<QuestionId>,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: AuditEvent,
    /// The content that belongs to it, at most one for each role.
    pub contents: Vec<(Role, Content)>,
}

impl NewEvent {
    /// An event of a question that needs no content; [`NewEvent::with`] adds some.
    #[must_use]
    pub fn new(question: QuestionId, at: Timestamp, event: impl Into<AuditEvent>) -> Self {
        Self { question: Some(question), at, event: event.into(), contents: Vec::new() }
    }

    /// `received`, with the params as received.
    #[must_use]
    pub fn received(question: QuestionId, at: Timestamp, body: Received, request: Content) -> Self {
        Self::new(question, at, body).with(Role::Request, request)
    }

    /// `decided` with an approval: the object as approved.
    #[must_use]
    pub fn approved(question: QuestionId, at: Timestamp, body: Decided, approved: Content) -> Self {
        Self::new(question, at, body).with(Role::Approved, approved)
    }

    /// `sent`, with the HTTP body.
    #[must_use]
    pub fn sent(question: QuestionId, at: Timestamp, body: Sent, wire: Content) -> Self {
        Self::new(question, at, body).with(Role::Wire, wire)
    }

    /// `answered`, with the answer as it came, or what there is of it.
    #[must_use]
    pub fn answered(question: QuestionId, at: Timestamp, body: Answered, answer: Option<Content>) -> Self {
        let event = Self::new(question, at, body);
        match answer {
            Some(answer) => event.with(Role::Answer, answer),
            None => event,
        }
    }

    /// `released`, with the answer as released.
    #[must_use]
    pub fn released(question: QuestionId, at: Timestamp, body: Released, released: Content) -> Self {
        Self::new(question, at, body).with(Role::Released, released)
    }

    /// `closed`.
    #[must_use]
    pub fn closed(question: QuestionId, at: Timestamp, outcome: Outcome) -> Self {
        Self::new(question, at, Closed { outcome, decided_by: None, reason: None })
    }

    /// A note: it belongs to no question.
    #[must_use]
    pub fn note(at: Timestamp, note: Note) -> Self {
        Self { question: None, at, event: note.into(), contents: Vec::new() }
    }

    /// A change of the settings.
    #[must_use]
    pub fn settings_changed(at: Timestamp, change: SettingsChanged) -> Self {
        Self { question: None, at, event: change.into(), contents: Vec::new() }
    }

    /// Adds content, in the place of earlier content of the same role.
    #[must_use]
    pub fn with(mut self, role: Role, content: Content) -> Self {
        self.contents.retain(|(other, _)| *other != role);
        self.contents.push((role, content));
        self
    }
}
