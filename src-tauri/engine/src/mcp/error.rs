//! Why a connection could not be made, and how a call can end without a result.

use serde_json::Value;

use super::Refusal;
use crate::secrets::SecretError;

/// Why a server could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The program is not there.
    #[error("the command {command:?} was not found")]
    CommandNotFound {
        /// What was looked for.
        command: String,
    },
    /// The program could not be started.
    #[error("the command {command:?} could not be started: {source}")]
    Spawn {
        /// What was started.
        command: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// It is to be confined, and cannot be.
    #[error(
        "it is to be confined, and that cannot be done: {why}. To run it unconfined: `samplegate server set {server} --confine off`"
    )]
    Confine {
        /// The server.
        server: String,
        /// Why, and how to mend it.
        why: String,
    },
    /// The URL or a header is not usable.
    #[error("{0}")]
    Address(String),
    /// A variable or header cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A variable or header is not in the keychain.
    #[error("the value of {name} is not in the keychain: give it again")]
    NotKept {
        /// The variable or header.
        name: String,
    },
    /// The server has not said a word in time.
    #[error("the server did not speak within {seconds} s")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
        /// The last lines on standard error.
        stderr: Vec<String>,
    },
    /// A person has to sign in first.
    #[error("it needs you to sign in: run `samplegate server login {server}`, or sign in in the settings window")]
    AuthorizationRequired {
        /// The server.
        server: String,
        /// Its `WWW-Authenticate` challenge.
        challenge: Option<String>,
    },
    /// The server takes no messages at its URL, as one of 2024-11-05 answers.
    #[error("{why}")]
    NotStreamable {
        /// What it answered.
        why: String,
    },
    /// The process ended, or the connection broke, before the handshake was done.
    #[error("{why}")]
    Closed {
        /// What is known about it, such as the exit status.
        why: String,
        /// The last lines on standard error.
        stderr: Vec<String>,
    },
    /// The handshake failed.
    #[error("the handshake failed: {why}")]
    Handshake {
        /// Why.
        why: String,
        /// The last lines on standard error.
        stderr: Vec<String>,
    },
}

impl ConnectError {
    /// The last lines the process wrote to standard error, if it is one.
    pub fn stderr(&self) -> &[String] {
        match self {
            Self::Silent { stderr, .. } | Self::Closed { stderr, .. } | Self::Handshake { stderr, .. } => stderr,
            Self::CommandNotFound { .. }
            | Self::Spawn { .. }
            | Self::Confine { .. }
            | Self::Address(_)
            | Self::Secret(_)
            | Self::NotKept { .. }
            | Self::NotStreamable { .. }
            | Self::AuthorizationRequired { .. } => &[],
        }
    }
}

/// How a call ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// A question in the call was refused; the call was not sent again (2026-07-28).
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The server asked, in the call, what it was not told it may ask; the call was not sent again (2026-07-28).
    #[error("the server asked {method}, which was not declared to it")]
    NotDeclared {
        /// What it asked.
        method: String,
    },
    /// The server answered with an error.
    #[error("the server answered with error {code}: {message}")]
    Protocol {
        /// The JSON-RPC code.
        code: i64,
        /// The message.
        message: String,
        /// The data.
        data: Option<Value>,
    },
    /// The server wanted addresses opened first, and the person opened them.
    #[error(
        "{server} needs something done in the browser first. Its address was opened there: call again once that is done"
    )]
    Opened {
        /// The server.
        server: String,
    },
    /// The answer is not what the protocol allows.
    #[error("the server's answer is not valid: {0}")]
    BadResult(String),
    /// The connection ended first.
    #[error("{why}")]
    Closed {
        /// What is known about it.
        why: String,
        /// The last lines on standard error.
        stderr: Vec<String>,
    },
    /// The caller gave up.
    #[error("the call was cancelled")]
    Cancelled,
    /// The server kept asking.
    #[error("the server asked in more than {0} rounds")]
    TooManyRounds(u32),
}
