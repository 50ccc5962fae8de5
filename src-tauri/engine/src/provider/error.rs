//! Why a model gave no answer, and what to do about it.

use std::{error::Error, time::Duration};

use samplegate_core::model_format::{BadStream, Unsupported};

/// Why there is no answer.
///
/// Neither Display nor Debug holds the key or anything that we sent. `message` is the vendor's own text, short and
/// without invisible characters: vendors may repeat parts of a request in it, so it is for the person, and logs take
/// [`ProviderError::code`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The key is wrong, or may not use the model.
    #[error("the model server refused the key (status {status}): {message}. Check the model's key and what it may use")]
    Unauthorized {
        /// The HTTP status.
        status: u16,
        /// The vendor's words.
        message: String,
    },
    /// Too many requests, or overloaded, and waiting did not help.
    #[error("the model server is busy or its quota is used up (status {status}): {message}. Ask again later{}, or ask another model", later(*after))]
    RateLimited {
        /// The HTTP status.
        status: u16,
        /// The vendor's words.
        message: String,
        /// When the vendor says to come back.
        after: Option<Duration>,
    },
    /// The request is not to the vendor's liking.
    #[error("the model server refused the request (status {status}): {message}. {}", advice(*status))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The vendor's words.
        message: String,
    },
    /// The server is broken.
    #[error("the model server failed (status {status}): {message}. Ask again, or ask another model")]
    Server {
        /// The HTTP status.
        status: u16,
        /// The vendor's words.
        message: String,
    },
    /// It wants us to go elsewhere.
    #[error(
        "the model server sent us elsewhere (status {status}), which is not followed. Correct the model's base URL"
    )]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// No connection.
    #[error("the model server cannot be reached ({why}). Check that it is running, the base URL, and the network")]
    Unreachable {
        /// The system's words.
        why: String,
    },
    /// The connection broke before the answer was whole.
    #[error("the connection to the model server broke before the answer was whole ({why}). Ask again")]
    Disconnected {
        /// The system's words.
        why: String,
    },
    /// The answer is not one.
    #[error("{0}. Ask again, or ask another model")]
    Broken(BadStream),
    /// Nothing came.
    #[error("the model server has sent nothing for {}. Ask again, or ask another model", duration(*after))]
    Silent {
        /// For how long.
        after: Duration,
    },
    /// The answer is too large.
    #[error("the answer is larger than {} MiB, which is not taken", limit >> 20)]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The vendor's format has no place for something in the request.
    #[error("{what}: {why}")]
    Unsupported {
        /// What.
        what: String,
        /// Why, and what would do.
        why: String,
    },
    /// A key would go over plain HTTP.
    #[error(
        "the model's base URL is plain HTTP to another machine, over which a key is never sent. Use https://, or remove the key"
    )]
    KeyOverPlainHttp,
    /// The key cannot be put in a header.
    #[error("the model's key holds characters that no header can carry, e.g. a line break. Give the key again")]
    UnusableKey,
    /// TLS cannot be set up.
    #[error(
        "secure connections cannot be made on this system ({why}). Install its certificates (on Debian: ca-certificates)"
    )]
    NoTls {
        /// The system's words.
        why: String,
    },
    /// A person stopped it before anything came, or cancelled it.
    #[error("it was stopped before it wrote anything")]
    Cancelled,
}

impl ProviderError {
    /// A word for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::Refused { .. } => "refused",
            Self::Server { .. } => "server",
            Self::Redirected { .. } => "redirected",
            Self::Unreachable { .. } => "unreachable",
            Self::Disconnected { .. } => "disconnected",
            Self::Broken(_) => "broken_stream",
            Self::Silent { .. } => "silent",
            Self::TooLarge { .. } => "too_large",
            Self::Unsupported { .. } => "unsupported",
            Self::KeyOverPlainHttp => "key_over_plain_http",
            Self::UnusableKey => "unusable_key",
            Self::NoTls { .. } => "no_tls",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the model certainly did nothing: nothing went out, or the server said no before it began. Whatever else
    /// happened, it may have read and written all it was asked for, and that is paid for.
    #[must_use]
    pub fn used_nothing(&self) -> bool {
        match self {
            Self::Unauthorized { .. }
            | Self::RateLimited { .. }
            | Self::Refused { .. }
            | Self::Server { .. }
            | Self::Redirected { .. }
            | Self::Unreachable { .. }
            | Self::Unsupported { .. }
            | Self::KeyOverPlainHttp
            | Self::UnusableKey
            | Self::NoTls { .. } => true,
            Self::Disconnected { .. }
            | Self::Broken(_)
            | Self::Silent { .. }
            | Self::TooLarge { .. }
            | Self::Cancelled => false,
        }
    }

    /// What happened, without advice: for the line that is shown while waiting to try again.
    pub(super) fn brief(&self) -> String {
        match self {
            Self::RateLimited { status, .. } => format!("the model server is busy (status {status})"),
            Self::Server { status, .. } => format!("the model server failed (status {status})"),
            Self::Unreachable { why } => format!("the model server cannot be reached ({why})"),
            Self::Disconnected { .. } => "the connection to the model server broke".to_owned(),
            Self::Broken(bad) => bad.to_string(),
            other => other.to_string(),
        }
    }

    /// The words that came from outside, if any.
    pub(super) fn words_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Unauthorized { message, .. }
            | Self::RateLimited { message, .. }
            | Self::Refused { message, .. }
            | Self::Server { message, .. }
            | Self::Broken(BadStream::Vendor { message, .. })
            | Self::Broken(BadStream::Blocked(message)) => Some(message),
            Self::Redirected { .. }
            | Self::Unreachable { .. }
            | Self::Disconnected { .. }
            | Self::Broken(_)
            | Self::Silent { .. }
            | Self::TooLarge { .. }
            | Self::Unsupported { .. }
            | Self::KeyOverPlainHttp
            | Self::UnusableKey
            | Self::NoTls { .. }
            | Self::Cancelled => None,
        }
    }
}

impl From<Unsupported> for ProviderError {
    fn from(unsupported: Unsupported) -> Self {
        Self::Unsupported { what: unsupported.what, why: unsupported.why }
    }
}

impl From<BadStream> for ProviderError {
    fn from(bad: BadStream) -> Self {
        Self::Broken(bad)
    }
}

/// The innermost cause of an HTTP error, which is the one that says something.
pub(super) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() && error.is_connect() {
        return "no connection in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    samplegate_core::request::one_line(&cause.to_string())
}

fn later(after: Option<Duration>) -> String {
    after.map_or_else(String::new, |after| format!(" (it says: in {})", duration(after)))
}

fn advice(status: u16) -> &'static str {
    match status {
        404 => "Check the model's name and base URL",
        402 => "Check the account's balance",
        413 => "Shorten the request",
        _ => "Edit the request, or ask another model",
    }
}

fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        1 => "1 second".to_owned(),
        seconds @ 2..=119 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}
