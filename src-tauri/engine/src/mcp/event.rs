//! What happens around a server besides calls and questions: log lines, progress, trouble on the wire.
//!
//! Events go through a bounded broadcast: a slow listener loses the oldest ones, a flood costs no memory. Long
//! contents are cut before they are sent.

use serde_json::Value;
use tokio::sync::broadcast;
use uuid::Uuid;

const CAPACITY: usize = 1024;
const MAX_LOG_BYTES: usize = 16 * 1024;
/// How much of an unreadable line an event shows, in bytes.
const MAX_LINE_BYTES: usize = 512;

/// One event and the server it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Noted {
    /// The configured name.
    pub server: String,
    /// What happened.
    pub event: ServerEvent,
}

/// The severity of a log message, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `debug`.
    Debug,
    /// `info`, and whatever is unknown.
    Info,
    /// `notice`.
    Notice,
    /// `warning`.
    Warning,
    /// `error`.
    Error,
    /// `critical`.
    Critical,
    /// `alert`.
    Alert,
    /// `emergency`.
    Emergency,
}

impl LogLevel {
    /// Every level, lowest first.
    const ALL: [Self; 8] = [
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Alert,
        Self::Emergency,
    ];

    /// The protocol's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }

    /// The level that a word stands for, if it is one of the protocol's.
    pub(crate) fn known(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }

    /// Whether a log message is of this severity or a worse one; one of an unknown severity is.
    pub(crate) fn is_at_least(params: &Value, wanted: &str) -> bool {
        match (params.get("level").and_then(Value::as_str).and_then(Self::known), Self::known(wanted)) {
            (Some(level), Some(wanted)) => level >= wanted,
            _ => true,
        }
    }

    pub(super) fn parse(word: &str) -> Self {
        Self::known(word).unwrap_or(Self::Info)
    }
}

/// What happened around a server.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerEvent {
    /// `notifications/message`.
    Log {
        /// Its severity.
        level: LogLevel,
        /// The logger's name.
        logger: Option<String>,
        /// The message; text cut short where it was beyond 16 KiB.
        data: Value,
    },
    /// `notifications/progress` of a call in flight.
    Progress {
        /// The call.
        call_id: Uuid,
        /// How far it is.
        progress: f64,
        /// Of how much.
        total: Option<f64>,
        /// A word about it.
        message: Option<String>,
    },
    /// A line on standard error.
    Stderr(String),
    /// The list of tools changed.
    ToolsChanged,
    /// The list of prompts changed.
    PromptsChanged,
    /// The list of resources changed.
    ResourcesChanged,
    /// Something that is no message; it was skipped. Holds the beginning of it.
    BadLine(String),
    /// A message beyond the limit. Refused where its id could be read; the connection ended where not.
    Oversized {
        /// The id, as JSON.
        id: Option<Value>,
        /// Its size.
        bytes: u64,
        /// Its method, if it was a request or notification and could be read.
        method: Option<String>,
    },
    /// Refused because more questions were open on one connection than are kept.
    TooManyQuestions {
        /// The method asked.
        method: String,
    },
    /// It wants more than the person granted at sign-in; the request was not done.
    WantsMore {
        /// The scopes it names.
        scopes: Vec<String>,
    },
    /// It says that what it asked to open in the browser is done. Known ids only, once each.
    AddressDone {
        /// The call it was asked in, as far as that is known.
        call_id: Option<Uuid>,
    },
    /// It asked for its roots and was told others than before on this connection.
    Roots {
        /// What it was told.
        told: Vec<String>,
        /// What was left out, because there is no such folder.
        missing: Vec<String>,
    },
    /// Refused because the capability was not declared.
    NotDeclared {
        /// The method asked.
        method: String,
    },
}

/// Where events are sent and heard.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Noted>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }
}

impl Events {
    /// Hears all events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Noted> {
        self.0.subscribe()
    }

    /// Whether listeners keep up. What matters least is left out where they do not, so that it drives out nothing else.
    pub(super) fn has_room(&self) -> bool {
        self.0.len() < CAPACITY / 2
    }

    pub(super) fn send(&self, server: &str, event: ServerEvent) {
        // Nobody listening is no error.
        let _ = self.0.send(Noted { server: server.to_owned(), event });
    }
}

/// Cuts text at a character boundary, saying so.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}… ({} bytes)", &text[..end], text.len())
}

/// The event for bytes that are no message.
pub(super) fn bad_line(line: &[u8]) -> ServerEvent {
    let head = String::from_utf8_lossy(&line[..line.len().min(MAX_LINE_BYTES)]);
    if line.len() <= MAX_LINE_BYTES {
        return ServerEvent::BadLine(head.into_owned());
    }
    ServerEvent::BadLine(format!("{head}… ({} bytes)", line.len()))
}

/// The event for a log notification's params.
pub(super) fn log(params: Value) -> ServerEvent {
    let Value::Object(mut params) = params else {
        return ServerEvent::Log { level: LogLevel::Info, logger: None, data: Value::Null };
    };
    let level = params.get("level").and_then(Value::as_str).map_or(LogLevel::Info, LogLevel::parse);
    let logger = params.get("logger").and_then(Value::as_str).map(|name| shorten(name, 256));
    let mut data = params.remove("data").unwrap_or(Value::Null);
    let size = match &data {
        Value::String(text) => text.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::Array(_) | Value::Object(_) => data.to_string().len(),
    };
    if size > MAX_LOG_BYTES {
        data = match &data {
            Value::String(text) => shorten(text, MAX_LOG_BYTES).into(),
            other => shorten(&other.to_string(), MAX_LOG_BYTES).into(),
        };
    }
    ServerEvent::Log { level, logger, data }
}
