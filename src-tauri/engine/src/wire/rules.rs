//! Rules: as a form holds them, as a list shows them, tried on the log, proposed from a decision.
//!
//! A [`RuleInput`] is turned into a rule by [`RuleInput::read`], which names each field that is wrong.

mod convert;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Gates, RiskClass, Verdict};

/// A rule as a form holds it. A condition that is null, or an empty text, holds always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RuleInput {
    /// Its id; empty for a new one.
    pub id: String,
    /// What it does.
    pub action: RuleAction,
    /// Whether it is set aside.
    pub disabled: bool,
    /// The gate it is about.
    pub gate: Gates,
    /// The server.
    pub server: Option<String>,
    /// The tool whose call led to the question.
    pub tool: Option<String>,
    /// Arguments of that call.
    pub arguments: Vec<ArgumentIs>,
    /// What is asked for: `sampling`, `elicitation` or `tool_call`; null: anything that a server asks.
    pub kind: Option<String>,
    /// The host whose call led here.
    pub host: Option<String>,
    /// The text of the messages.
    pub prompt: Option<PatternInput>,
    /// The system prompt.
    pub system_prompt: Option<PatternInput>,
    /// The answer's text, at the answer gate.
    pub answer: Option<PatternInput>,
    /// The request has at most this many bytes.
    pub max_bytes: Option<u32>,
    /// The request has more bytes than this.
    pub over_bytes: Option<u32>,
    /// maxTokens is at most this.
    pub max_tokens: Option<u32>,
    /// maxTokens is more than this.
    pub over_tokens: Option<u32>,
    /// The configured model that would be asked.
    pub model: Option<String>,
    /// `none`, `any`, a severity (this or worse), or kinds with commas.
    pub findings: Option<String>,
    /// The class of the tool: at most this, to let through; at least this, to ask or deny.
    pub risk: Option<RiskClass>,
    /// Of a tool call: whether the server says that the tool only reads.
    pub read_only: Option<bool>,
    /// Of a tool call: whether the tool may destroy something, by what the server says or leaves unsaid.
    pub destructive: Option<bool>,
    /// The tools that the request uses.
    pub tools: Option<ToolsInput>,
    /// Whether it asks for the context of servers.
    pub include_context: Option<bool>,
    /// The time of day, `08:00-18:00`.
    pub hours: Option<String>,
    /// From then on it matches nothing, RFC 3339.
    pub expires: Option<String>,
    /// How often it may let through.
    pub uses: Option<u32>,
    /// What the person wants to remember about it.
    pub note: Option<String>,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "type", content = "text", rename_all = "camelCase")]
pub enum RuleAction {
    /// Goes on without a look.
    Allow,
    /// A person decides.
    Ask,
    /// Refused.
    Deny,
    /// Answered with this text, in the name of the person who made the rule.
    Answer(String),
}

/// What a text must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct PatternInput {
    /// How it is described.
    pub form: PatternForm,
    /// The description.
    pub text: String,
}

/// How a text is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum PatternForm {
    /// By itself.
    Exact,
    /// `*` is any text, `?` any one character.
    Glob,
    /// By a regular expression.
    Regex,
    /// By a template with holes.
    Template,
    /// By its SHA-256.
    Sha256,
}

/// An argument of the tool's call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ArgumentIs {
    /// Its name.
    pub name: String,
    /// What it must be.
    pub is: PatternInput,
}

/// Tools in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "type", content = "names", rename_all = "camelCase")]
pub enum ToolsInput {
    /// It uses none.
    None,
    /// It uses some.
    Any,
    /// To let through: none but these; to ask or deny: one of these.
    Names(Vec<String>),
}

/// A rule that is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RuleView {
    /// The rule, to be edited.
    pub rule: RuleInput,
    /// In a sentence.
    pub sentence: String,
    /// Whether it counts now.
    pub state: RuleState,
    /// How often it may still let through; null: there is no limit.
    pub uses_left: Option<u32>,
    /// Why what it lets through asks, because of its server; null: it does not.
    pub suspended: Option<String>,
}

/// Whether a rule counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum RuleState {
    /// It does.
    Active,
    /// A person set it aside.
    Disabled,
    /// Its time is over.
    Expired,
    /// It let through as often as it may.
    UsedUp,
    /// What it lets through asks, because its server is not approved, changed, or its record is due.
    Suspended,
}

/// What a form's rule says, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RuleReading {
    /// In a sentence; null where it cannot be read.
    pub sentence: Option<String>,
    /// What is wrong, one a field.
    pub problems: Vec<RuleProblem>,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RuleProblem {
    /// The field of [`RuleInput`]; an argument is `arguments.NAME`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// Rules tried on the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct DryRunView {
    /// In a sentence or two.
    pub sentence: String,
    /// The questions, newest first.
    pub rows: Vec<DryRunRow>,
}

/// A question of the log beside what the tried rule would have said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct DryRunRow {
    /// The question's id.
    pub id: String,
    /// When it was received, RFC 3339 UTC.
    pub at: String,
    /// What was asked for: `sampling`, `elicitation`, `tool_call`.
    pub kind: String,
    /// The host whose call it was, or led to it; null: our own.
    pub host: Option<String>,
    /// The server.
    pub server: String,
    /// The tool, where it was known.
    pub tool: Option<String>,
    /// The first line of what was asked.
    pub first_line: String,
    /// How it really ended.
    pub outcome: String,
    /// Who really decided.
    pub decided_by: Option<String>,
    /// Which person.
    pub reviewer: Option<String>,
    /// What the rule alone says; null: nothing.
    pub alone: Option<Verdict>,
    /// What all rules with it say; null: it could not be tried.
    pub together: Option<Verdict>,
    /// Why all rules say that, or why it could not be tried.
    pub why: String,
}

/// A rule proposed from a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ProposalView {
    /// The rule; nothing is saved.
    pub rule: RuleInput,
    /// Why it does what it does.
    pub why: String,
    /// How many questions like it it was made from, besides the one.
    pub alike: u32,
}
