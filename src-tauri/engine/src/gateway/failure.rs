//! Errors as a host gets them: those of a server with its code, message and data, ours with what to do.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{engine::ServerError, mcp::CallError};

pub(super) const INVALID_REQUEST: i64 = -32600;
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
pub(super) const INVALID_PARAMS: i64 = -32602;
pub(super) const INTERNAL: i64 = -32603;
const PARSE: i64 = -32700;
const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

/// A JSON-RPC error.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Option<Value>,
    /// Whether the request is malformed, beyond what the code says.
    malformed: bool,
}

impl Failure {
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None, malformed: false }
    }

    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(INTERNAL, message)
    }

    pub(super) fn parse(message: impl Into<String>) -> Self {
        Self { malformed: true, ..Self::new(PARSE, message) }
    }

    pub(super) fn no_method(method: &str) -> Self {
        Self::new(METHOD_NOT_FOUND, format!("Method not found: {}", shorten(method)))
    }

    /// Headers that do not say what the body says.
    pub(super) fn header(message: impl Into<String>) -> Self {
        Self::new(HEADER_MISMATCH, message)
    }

    pub(super) fn version(requested: &str, supported: &[&str]) -> Self {
        let data = json!({"requested": requested, "supported": supported});
        Self { data: Some(data), ..Self::new(UNSUPPORTED_VERSION, "Unsupported protocol version") }
    }

    /// What every request of 2026-07-28 has to say and this one does not.
    pub(super) fn missing_meta(missing: &[&str]) -> Self {
        let message = format!("request _meta is missing or has malformed required fields: {}", missing.join(", "));
        Self { malformed: true, ..Self::params(message) }
    }

    /// A server that cannot be asked.
    pub(super) fn server(error: &ServerError) -> Self {
        Self::internal(error.to_string())
    }

    pub(super) fn call(server: &str, error: CallError) -> Self {
        match error {
            CallError::Protocol { code, message, data } => Self { data, ..Self::new(code, message) },
            CallError::Refused(refusal) => Self { data: refusal.data, ..Self::new(refusal.code, refusal.message) },
            CallError::Opened { .. } => Self::internal(error.to_string()),
            CallError::NotDeclared { .. }
            | CallError::BadResult(_)
            | CallError::Closed { .. }
            | CallError::Cancelled
            | CallError::TooManyRounds(_) => Self::internal(format!("{server}: {error}")),
        }
    }

    /// The status that goes with it from 2026-07-28 on; earlier it is always 200.
    pub(super) fn status(&self) -> StatusCode {
        match self.code {
            METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
            HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION => StatusCode::BAD_REQUEST,
            _ if self.malformed => StatusCode::BAD_REQUEST,
            _ => StatusCode::OK,
        }
    }

    /// As the response to this request; null: its id could not be read.
    pub(super) fn response(&self, id: &Value) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        json!({"jsonrpc": "2.0", "id": id, "error": error})
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}
