//! The audit log: what is written, how it is chained, and how it is checked.
//!
//! Every question (a request of a server that must be answered) leaves a line of [`AuditEvent`]s, from `received` to
//! `closed`. Notes and changes of the settings stand between them and belong to no question. An event is written as RFC 8785 JSON and its hash is `SHA-256(hash of the event before || those bytes)`,
//! from a fixed [`genesis`] on, so that changing, dropping or moving any event breaks the chain from there.
//!
//! What people and models wrote is not in those bytes. A request, an answer, the body sent to a model, and what would
//! reveal them (digests, the first line, findings) are [`Content`], stored apart; the event holds a commitment to each,
//! `SHA-256(32 random bytes of salt || content)`. Deleting content together with its salt leaves a chain that still
//! verifies and that cannot be used to test a guess of what was deleted.
//!
//! Data flow: the pipeline makes [`NewEvent`]s; [`seal`] fixes their bytes, commitments and hash; [`QuestionSummary`]
//! folds the events of a question into the row that listings show; [`Verifier`] reads everything back and folds again,
//! so a row that was altered by hand is found as surely as an event.
//!
//! What a chain without a key cannot show: that its tail was cut off, or that all of it was computed anew. Against the
//! first the head (number and hash of the last event) is kept in a row of its own; against both, a person notes down
//! the head that `verify` prints and hands it in the next time.
//!
//! Absent on purpose: time and chance. Both are passed in.

mod chain;
mod event;
mod summary;
mod verify;

#[cfg(test)]
mod tests;

pub use chain::{Head, NotAHead, Sealed, StoredContent, StoredEvent, genesis, seal};
pub use event::{
    Answered, AuditEvent, Closed, Content, Decided, Evaluated, NewEvent, Note, Opinion, OpinionAsked, Received,
    Released, Replied, ReplyFailed, Role, Sent, SettingsChanged, Shown,
};
pub use summary::{QuestionSummary, SummaryError};
pub use verify::{Finding, Report, Verifier, What};

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Prints a time as the log does: RFC 3339, UTC, milliseconds.
#[must_use]
pub fn format_time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Why an event cannot be written, or a stored one not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// A stored event or row is not what this version writes.
    #[error("not an audit event: {0}")]
    Unreadable(String),
    /// The event does not fit the state of its question.
    #[error(transparent)]
    Summary(#[from] SummaryError),
}

/// Declares an enum whose values have one name each: in JSON, in the database, on the command line.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident: $($(#[$value_doc:meta])* $value:ident = $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$value_doc])* #[serde(rename = $text)] $value),+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// The value's name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text),+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::audit::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$value),)+
                    _ => Err($crate::audit::UnknownName { name: text.to_owned(), known: &[$($text),+] }),
                }
            }
        }
    };
}
pub(crate) use named;

/// A name that is none of an enum's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is none of {}", known.join(", "))]
pub struct UnknownName {
    /// What was given.
    pub name: String,
    /// What there is.
    pub known: &'static [&'static str],
}

named! {
    /// What a question asks for.
    Kind:
    /// `sampling/createMessage`.
    Sampling = "sampling",
    /// `elicitation/create`.
    Elicitation = "elicitation",
    /// A tool call that came through the gateway.
    ToolCall = "tool_call",
}

named! {
    /// How a question ended.
    Outcome:
    /// It has not ended.
    Open = "open",
    /// An answer was released to whoever asked.
    Released = "released",
    /// A person, a rule or a limit said no.
    Denied = "denied",
    /// Its deadline passed.
    TimedOut = "timed_out",
    /// The server cancelled it, disconnected or died.
    Withdrawn = "withdrawn",
    /// Our own failure, or the model's.
    Failed = "failed",
    /// The process that held it died.
    Interrupted = "interrupted",
}

named! {
    /// Who made a decision.
    DecidedBy:
    /// A person.
    Person = "person",
    /// A rule that a person made.
    Rule = "rule",
    /// A limit.
    Limit = "limit",
    /// The server is no longer what was approved.
    Drift = "drift",
    /// A deadline.
    Timeout = "timeout",
    /// Nobody was there to ask.
    Nobody = "nobody",
}

named! {
    /// Which of the two gates.
    Gate:
    /// Before a model sees the request.
    Request = "request",
    /// Before the server sees the answer.
    Answer = "answer",
}

named! {
    /// What was decided at a gate.
    Decision:
    /// As it is.
    Approved = "approved",
    /// With changes.
    Edited = "edited",
    /// No.
    Denied = "denied",
    /// In the person's own words, or a rule's fixed text.
    AnsweredByHand = "answered_by_hand",
    /// Another answer, please.
    AskedAgain = "asked_again",
    /// The model was stopped.
    Stopped = "stopped",
}

named! {
    /// What policy made of a question before anybody was asked.
    Verdict:
    /// No need to ask.
    Allow = "allow",
    /// A person decides.
    Ask = "ask",
    /// No.
    Deny = "deny",
}

named! {
    /// Where something was shown to a person.
    Place:
    /// The review window.
    Window = "window",
    /// A terminal.
    Terminal = "terminal",
    /// A desktop notification in which they decided.
    Notification = "notification",
}

named! {
    /// How the settings were changed.
    Via:
    /// In a window or the tray's menu.
    Window = "window",
    /// By the terminal command.
    Command = "command",
    /// In the configuration file, by whoever could write it.
    File = "file",
    /// By a server, which is not what it was.
    Server = "server",
}

/// A question's UUIDv7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId([u8; 16]);

impl QuestionId {
    /// Makes an id from the time of the question and ten random bytes (RFC 9562, section 5.7).
    #[must_use]
    pub fn v7(at: Timestamp, random: [u8; 10]) -> Self {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&at.as_millisecond().max(0).to_be_bytes()[2..]);
        id[6..].copy_from_slice(&random);
        id[6] = id[6] & 0x0f | 0x70;
        id[8] = id[8] & 0x3f | 0x80;
        Self(id)
    }

    /// Takes an id that was stored as raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for QuestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for QuestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuestionId({self})")
    }
}

/// A text that is no UUID in its usual form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no question id: it looks like 0190f3c1-7a4e-7c3d-8b52-1f6a0c9d2e44")]
pub struct NotAQuestionId(String);

impl FromStr for QuestionId {
    type Err = NotAQuestionId;

    fn from_str(text: &str) -> Result<Self, NotAQuestionId> {
        let wrong = || NotAQuestionId(text.to_owned());
        let shape = text.len() == 36
            && text.bytes().enumerate().all(|(i, byte)| match i {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        if !shape {
            return Err(wrong());
        }
        let number = u128::from_str_radix(&text.replace('-', ""), 16).map_err(|_| wrong())?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl Serialize for QuestionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QuestionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
