//! A host's tool call, as a window shows it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::{FindingView, RiskClass, ToolLabel};

/// A host's tool call. The params are the question's `request`: `name`, `arguments`, and what else the host sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ToolCallView {
    /// The placeholders in `request` that stand for what was redacted.
    pub placeholders: Vec<String>,
    /// SHA-256 of the object that an approval now would approve, or that was approved, hex.
    pub approved_sha256: String,
    /// The tool, by its server's word.
    pub tool: CalledTool,
    /// Its class, as the person said.
    pub risk: RiskClass,
    /// What it can bring together, as the person said; null: nobody said, so it counts as everything.
    pub labels: Option<Vec<ToolLabel>>,
    /// What the server gave; null before that.
    pub result: Option<ResultView>,
}

/// What a server says about a tool. Hints: a hostile server lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct CalledTool {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// Whether the server lists it.
    pub is_listed: bool,
    /// `readOnlyHint`; null: not said.
    pub read_only: Option<bool>,
    /// `destructiveHint`; null: not said.
    pub destructive: Option<bool>,
    /// `openWorldHint`; null: not said.
    pub open_world: Option<bool>,
}

/// What a server gave, at the answer gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ResultView {
    /// What would go back: the protocol's result object, or its error object.
    pub result: Value,
    /// The same as the server gave it.
    pub original: Value,
    /// Whether a person edited it.
    pub edited: bool,
    /// Whether it tells of a failure.
    pub is_error: bool,
    /// Whether it is the protocol's error object, which cannot be edited.
    pub is_protocol_error: bool,
    /// Findings in `result`; pointers are into it.
    pub findings: Vec<FindingView>,
}
