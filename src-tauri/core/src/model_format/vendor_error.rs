//! The vendors' own words about an error.

use serde_json::Value;

use super::Format;

/// Characters of a vendor's message that are kept.
const MESSAGE_CHARS: usize = 300;

/// Finds what a vendor says about an error: short, on one line, nothing in it that does not show.
///
/// It is foreign text and may repeat parts of the request: for the person's eyes, not for logs.
#[must_use]
pub fn error_message(format: Format, status: u16, body: &[u8]) -> String {
    // All four use `error` with a message or a text; compatible servers also `message` and `detail`.
    let parsed = serde_json::from_slice::<Value>(body).ok();
    match parsed.as_ref().and_then(said) {
        Some(message) => shorten(&message),
        None => {
            let text = String::from_utf8_lossy(&body[..body.len().min(4 * MESSAGE_CHARS)]);
            let text = text.trim();
            if text.is_empty() || text.starts_with('<') || text.starts_with('{') {
                format!("{} answered status {status} and no reason", format.label())
            } else {
                shorten(text)
            }
        }
    }
}

/// The message in an error document.
pub(super) fn said(document: &Value) -> Option<String> {
    if let Some(first) = document.as_array().and_then(|list| list.first()) {
        return said(first);
    }
    let error = document.get("error").unwrap_or(document);
    let message = match error {
        Value::String(message) => message.clone(),
        _ => ["message", "detail", "msg"].iter().find_map(|name| match error.get(name)? {
            Value::String(message) => Some(message.clone()),
            Value::Array(list) => said(list.first()?),
            _ => None,
        })?,
    };
    (!message.trim().is_empty()).then_some(message)
}

/// One line of at most [`MESSAGE_CHARS`].
pub(super) fn shorten(message: &str) -> String {
    let line: Vec<&str> = message.split_whitespace().collect();
    crate::request::one_line_of(&line.join(" "), MESSAGE_CHARS)
}
