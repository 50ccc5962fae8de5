//! A question from a server: what it asks, where it comes from, and who answers.

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Chain, Receipt, Sight};

/// One question, exactly as received.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The server that asks.
    pub server: ServerIdentity,
    /// `sampling/createMessage` or `elicitation/create`.
    pub method: String,
    /// The params object as it came, unknown members included; null where there was none.
    pub params: Value,
    /// The call that led here, as far as the protocol tells.
    pub origin: Origin,
    /// The connection, where the protocol has one that lasts.
    pub session: Option<Uuid>,
    /// Position within the call, from 1: the n-th question of a legacy call, the n-th round of a 2026-07-28 call.
    /// 1 where the call is not known.
    pub round: u32,
    /// Its place among those that came with it, where the server asks in rounds.
    pub place: Option<RoundPlace>,
    /// Its place among all questions of this process, in the order they arrived.
    pub arrival: u64,
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// Fires when nobody waits for the answer any more: the server cancelled, disconnected or died, or the caller gave
    /// up. The answer is then thrown away.
    pub withdrawn: CancellationToken,
    /// Tells what became of the reply.
    pub receipt: Receipt,
    /// What was seen of what the server is.
    pub sight: Sight,
}

/// A question's place in a round of 2026-07-28.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundPlace {
    /// The round, from 1.
    pub round: u32,
    /// The server's name for the question.
    pub key: String,
    /// How many questions the round has.
    pub of: usize,
}

/// Which call a question belongs to. Never guessed.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// The protocol ties it to this call: an `input_required` result, the response stream of a request, or the only
    /// call in flight on stdio.
    Call(CallRef),
    /// One of these; the protocol does not say which.
    OneOf(Vec<CallRef>),
    /// No call was in flight.
    None,
}

/// A call made to a server.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRef {
    /// Chosen by the caller; unique.
    pub call_id: Uuid,
    /// Who makes the call: a connected host, or a front end of this app.
    pub host: String,
    /// What is called.
    pub kind: CallKind,
    /// The calls that it is part of.
    pub chain: Chain,
}

/// What a call asks of a server.
#[derive(Debug, Clone, PartialEq)]
pub enum CallKind {
    /// `tools/call`.
    Tool {
        /// The tool.
        name: String,
        /// Its arguments object, sent as given; null for none.
        arguments: Value,
    },
    /// `prompts/get`.
    Prompt {
        /// The prompt.
        name: String,
        /// Its arguments object, sent as given; null for none.
        arguments: Value,
    },
    /// `resources/read`.
    Resource {
        /// The resource.
        uri: String,
    },
}

impl CallKind {
    /// The protocol's method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Tool { .. } => "tools/call",
            Self::Prompt { .. } => "prompts/get",
            Self::Resource { .. } => "resources/read",
        }
    }

    /// The params of the first request.
    pub(super) fn params(&self) -> serde_json::Map<String, Value> {
        let mut params = serde_json::Map::new();
        match self {
            Self::Tool { name, arguments } | Self::Prompt { name, arguments } => {
                params.insert("name".into(), name.clone().into());
                if !arguments.is_null() {
                    params.insert("arguments".into(), arguments.clone());
                }
            }
            Self::Resource { uri } => {
                params.insert("uri".into(), uri.clone().into());
            }
        }
        params
    }
}

/// Who a server says it is, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerIdentity {
    /// The configured name.
    pub name: String,
    /// The implementation name it reports.
    pub reported_name: Option<String>,
    /// The version it reports.
    pub version: Option<String>,
    /// The title it reports.
    pub title: Option<String>,
    /// Its instructions for clients.
    pub instructions: Option<String>,
    /// The negotiated protocol version.
    pub protocol_version: String,
    /// Which lifecycle that version has.
    pub era: Era,
    /// How it is reached.
    pub transport: TransportKind,
}

/// The lifecycle of a protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Up to 2025-11-25: `initialize`, and questions whenever the server likes.
    Legacy,
    /// From 2026-07-28: `server/discover`, and questions only as results of calls.
    Stateless,
}

/// How a server is reached, without the details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportKind {
    /// A child process.
    Stdio,
    /// Streamable HTTP.
    Http,
    /// The HTTP+SSE transport of 2024-11-05.
    Sse,
}

/// An answer of no: becomes a JSON-RPC error (up to 2025-11-25) or ends the call (2026-07-28).
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The JSON-RPC error code.
    pub code: i64,
    /// The error message.
    pub message: String,
    /// The error data.
    pub data: Option<Value>,
}

impl Refusal {
    /// A refusal without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }
}

/// Answers the questions of servers.
pub trait Asker: Send + Sync + 'static {
    /// Answers one question with the result object for the server, or refuses it.
    ///
    /// The future runs on a task of its own and is always driven to its end, also after `asked.withdrawn` fired; it
    /// should then end soon, and what it returns is thrown away.
    fn ask(&self, asked: Asked) -> BoxFuture<'_, Result<Value, Refusal>>;

    /// The folders that a server is told when it asks for roots, as the settings have them now.
    fn roots(&self, server: &str) -> Vec<String>;

    /// Hears that a connection is over; no question of it comes any more.
    fn session_ended(&self, session: Uuid);
}
