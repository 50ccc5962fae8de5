//! What a server gave for a tool call, and the released form of it.

use serde_json::Value;

use crate::request::InvalidParams;

/// What a server gave.
#[derive(Debug, Clone, PartialEq)]
pub enum CallAnswer {
    /// The protocol's result object; the tool may have failed by its own word (`isError`).
    Result(Value),
    /// The protocol's error object: `code`, `message` and perhaps `data`.
    Error(Value),
}

impl CallAnswer {
    /// The object.
    pub fn value(&self) -> &Value {
        match self {
            Self::Result(value) | Self::Error(value) => value,
        }
    }

    /// The object as the log keeps it: an error is told from a result by being the member `error`.
    pub fn logged(&self) -> Value {
        match self {
            Self::Result(result) => result.clone(),
            Self::Error(error) => serde_json::json!({ "error": error }),
        }
    }

    /// Reads what [`CallAnswer::logged`] wrote.
    pub fn from_logged(logged: &Value) -> Self {
        match logged.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.get("error")) {
            Some(error) => Self::Error(error.clone()),
            None => Self::Result(logged.clone()),
        }
    }

    /// Whether it tells of a failure, as result or as error.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Result(result) => result.get("isError").and_then(Value::as_bool).unwrap_or(false),
            Self::Error(_) => true,
        }
    }

    /// All text in it, as rules match it: the text blocks, and resources that are text, each on lines of their own; of
    /// an error its message. What is structured, and no text, is written as JSON.
    pub fn text(&self) -> String {
        let result = match self {
            Self::Result(result) => result,
            Self::Error(error) => {
                return error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
            }
        };
        let blocks = result.get("content").and_then(Value::as_array).into_iter().flatten();
        let mut texts: Vec<String> = blocks.map(block_text).collect();
        texts.extend(result.get("structuredContent").map(Value::to_string));
        texts.join("\n\n")
    }

    /// What it carries as one word, e.g. `text+image`, or `error`.
    pub fn class(&self) -> String {
        let Self::Result(result) = self else { return "error".into() };
        let blocks = result.get("content").and_then(Value::as_array).into_iter().flatten();
        let known = ["text", "image", "audio", "resource", "resource_link"];
        let has = |kind: &str| blocks.clone().any(|block| block.get("type").and_then(Value::as_str) == Some(kind));
        let mut kinds: Vec<&str> = known.into_iter().filter(|kind| has(kind)).collect();
        kinds.extend(result.get("structuredContent").map(|_| "structured"));
        kinds.join("+")
    }
}

/// A block as rules match it: what is no text is its JSON, so that no block goes unmatched.
fn block_text(block: &Value) -> String {
    let text = block.get("text").or_else(|| block.pointer("/resource/text")).and_then(Value::as_str);
    text.map_or_else(|| block.to_string(), ToOwned::to_owned)
}

/// A result that may go back to the host. Only [`CallReview::apply`](super::CallReview::apply) makes one.
#[derive(Debug, Clone)]
pub struct ReleasedResult {
    answer: CallAnswer,
    edited: bool,
}

impl ReleasedResult {
    pub(super) fn new(answer: CallAnswer, edited: bool) -> Self {
        Self { answer, edited }
    }

    /// What goes back.
    pub fn answer(&self) -> &CallAnswer {
        &self.answer
    }

    /// Whether a person changed what the server gave.
    pub fn edited(&self) -> bool {
        self.edited
    }
}

/// What a host relies on in a result: `content`, a list of blocks with a type, and `isError`, if it is there.
pub(super) fn check_result(result: &Value) -> Result<(), InvalidParams> {
    let invalid = |pointer: String, reason: &str| Err(InvalidParams { pointer, reason: reason.to_owned() });
    let Value::Object(fields) = result else { return invalid(String::new(), "must be an object") };
    let Some(Value::Array(content)) = fields.get("content") else {
        return invalid("/content".into(), "must be a list");
    };
    for (at, block) in content.iter().enumerate() {
        if !block.get("type").is_some_and(Value::is_string) {
            return invalid(format!("/content/{at}/type"), "is missing");
        }
    }
    match fields.get("isError") {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(_) => invalid("/isError".into(), "must be true or false"),
    }
}
