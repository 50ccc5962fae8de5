//! The model's answer at its gate.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::FindingView;

/// The model's answer, growing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct AnswerView {
    /// The configured name of the model asked, or `human`.
    pub asked: String,
    /// The model's real name as it said it; none until known.
    pub model: Option<String>,
    /// The text so far, while it streams.
    pub partial: String,
    /// While waiting: why and until when, e.g. "429 from the model; trying again at 12:00:05".
    pub waiting: Option<String>,
    /// The whole result as the model gave it (the protocol's result object); none until it is whole.
    pub original: Option<Value>,
    /// The result as it would be returned: edits in.
    pub result: Option<Value>,
    /// Whether a person edited `result`.
    pub edited: bool,
    /// Whether what was redacted from the request is put back into `result`; none: the answer has no placeholder.
    pub restores: Option<bool>,
    /// The tool calls in `result`, each to be decided by itself.
    pub tool_uses: Vec<ToolUseView>,
    /// Findings in `result`; pointers are into it.
    pub findings: Vec<FindingView>,
    /// Why `result` cannot be returned to this server, in a sentence; none: it can, or there is none yet.
    pub cannot_return: Option<String>,
    /// Why the model failed, if it did; asking again is possible.
    pub error: Option<String>,
    /// How long it took so far, milliseconds.
    pub took_ms: u32,
    /// Tokens read and written, all attempts summed; none if the model did not say.
    pub tokens_in: Option<u32>,
    /// Tokens written.
    pub tokens_out: Option<u32>,
    /// Cost in millionths of a US dollar; none if unknown.
    #[ts(type = "number | null")]
    pub cost_microusd: Option<i64>,
}

/// A tool call in an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ToolUseView {
    /// The call's id.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments object, as it would be returned.
    pub arguments: Value,
    /// RFC 6901 pointer to the block in the answer's `result`.
    pub pointer: String,
    /// Whether the request offered this tool to the model.
    pub offered: bool,
    /// What the request says the tool does.
    pub description: Option<String>,
    /// The person's class for the tool: low, medium or high.
    pub risk: String,
    /// What the tool can do, in words that follow “it”; none: nobody said, so it counts as able to do everything.
    pub labels: Option<Vec<String>>,
    /// What was decided about it; none: nothing yet.
    pub decision: Option<ToolUseDecision>,
}

/// What was decided about a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum ToolUseDecision {
    /// It may go back, for the server to carry out.
    Approved,
    /// It may not.
    Refused,
}

/// A model's opinion of a request, where the person chose a model for that. It decides nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct OpinionView {
    /// The configured name of the model that would be asked, or was.
    pub model: String,
    /// Where it is: host and port.
    pub host: String,
    /// Whether that is this computer. If not, asking needs a confirmation: the request would leave before its approval.
    pub is_local: bool,
    /// Whether it is being asked.
    pub asking: bool,
    /// Its words, cut to what is shown; none: it was not asked, or failed.
    pub text: Option<String>,
    /// The model's own name for itself.
    pub by: Option<String>,
    /// Characters of the request that it was not shown.
    pub cut: u32,
    /// Whether the request was changed since.
    pub is_old: bool,
    /// Findings in `text`; pointers are `/content/text`.
    pub findings: Vec<FindingView>,
    /// Tokens read, if it told.
    pub tokens_in: Option<u32>,
    /// Tokens written, if it told.
    pub tokens_out: Option<u32>,
    /// Millionths of a US dollar; none if unknown.
    #[ts(type = "number | null")]
    pub cost_microusd: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
}
