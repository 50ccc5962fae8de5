//! The approval record of a server, its tools and its limits, as the shells see them.

use std::collections::BTreeMap;

use samplegate_core::policy;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Gates, SamplingMode, SamplingTools};

/// The record of a server with what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RecordView {
    /// The server.
    pub server: String,
    /// Whether a person filled it in; otherwise `record` holds the defaults that are proposed.
    pub filled: bool,
    /// Whether its review date has passed: rules and grants are suspended.
    pub due: bool,
    /// The record.
    pub record: RecordInput,
    /// The file of the audit log.
    pub log: String,
    /// Changes of this server's settings, newest first.
    pub history: Vec<HistoryView>,
}

/// A record as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RecordInput {
    /// Whether it may sample.
    pub sampling: SamplingMode,
    /// Which gates ask.
    pub gates: Gates,
    /// Which tools it may put into sampling requests.
    pub sampling_tools: SamplingTools,
    /// Why it needs sampling.
    pub purpose: String,
    /// What may be in its context.
    pub context: String,
    /// Models that may answer: names, `class:local`, `provider:NAME`, `host:NAME`; empty: any.
    pub models: Vec<String>,
    /// What its tools in sampling can read and do.
    pub tools_may: String,
    /// Whether these may together read private data, see untrusted content and communicate outward.
    pub allow_trifecta: bool,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds, `YYYY-MM-DD`; none: no review is due.
    pub review_by: Option<String>,
}

/// A change of a server's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct HistoryView {
    /// The number of its event in the log.
    #[ts(type = "number")]
    pub id: u64,
    /// When, RFC 3339 UTC.
    pub at: String,
    /// Who; none where the file was edited.
    pub by: Option<String>,
    /// How: `window`, `command`, `file`.
    pub via: String,
    /// What, in words.
    pub what: String,
}

/// How a record is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum RecordFormat {
    /// A page to read and to print.
    Markdown,
    /// For programs.
    Json,
}

/// A risk class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum RiskClass {
    /// It reads what is public.
    Low,
    /// It reads what is private.
    Medium,
    /// It acts for someone. Both gates always ask.
    High,
}

/// What a tool can bring together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum ToolLabel {
    /// It reads private data.
    Private,
    /// It sees untrusted content.
    Untrusted,
    /// It communicates outward.
    Outward,
}

/// How much a server and its tools can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RiskView {
    /// The class of the server; a tool has at least this one.
    pub risk: RiskClass,
    /// Whether what is of high risk wants a name typed before it is let through.
    pub typed_confirmation: bool,
    /// Its tools, those known from its connection and those named in the settings.
    pub tools: Vec<ToolRisk>,
}

/// A tool with its class and labels, and those that are proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ToolRisk {
    /// Its name.
    pub name: String,
    /// What the person said; none: nothing, so the server's class holds.
    pub risk: Option<RiskClass>,
    /// What the person said; none: nothing, so it counts as everything.
    pub labels: Option<Vec<ToolLabel>>,
    /// The class that is proposed.
    pub proposed: RiskClass,
    /// Why.
    pub why: String,
    /// The labels that are proposed, each with its reason.
    pub proposed_labels: Vec<ProposedLabel>,
}

/// A proposed label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ProposedLabel {
    /// The label.
    pub label: ToolLabel,
    /// Why.
    pub why: String,
}

/// What a person says about how much a server and its tools can do. What is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RiskInput {
    /// The class of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub risk: Option<RiskClass>,
    /// Whether what is of high risk wants a name typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub typed_confirmation: Option<bool>,
    /// What is said about tools, by name; nothing at all about a tool: what was said is forgotten.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(as = "Option<BTreeMap<String, ToolSaid>>", optional)]
    pub tools: BTreeMap<String, ToolSaid>,
}

/// What a person says about a tool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ToolSaid {
    /// Its class; none: the server's.
    pub risk: Option<RiskClass>,
    /// Its labels; none: it counts as everything.
    pub labels: Option<Vec<ToolLabel>>,
}

/// Whose limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "of", content = "name", rename_all = "camelCase")]
pub enum LimitsOf {
    /// Those of all servers together.
    All,
    /// A server's.
    Server(String),
    /// A host's, of its tool calls.
    Host(String),
}

/// A limit, with what is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct LimitView {
    /// Its key in the settings.
    pub key: String,
    /// What is counted.
    pub title: String,
    /// The unit of the number, where the title does not say it.
    pub unit: String,
    /// What holds where nothing is said; none: no limit.
    #[ts(type = "number | null")]
    pub usual: Option<f64>,
    /// Whether something is said.
    pub said: bool,
    /// What holds; none: no limit.
    #[ts(type = "number | null")]
    pub holds: Option<f64>,
    /// What is used now, today or this month; none: it belongs to one request, call or session.
    #[ts(type = "number | null")]
    pub used: Option<f64>,
}

impl From<policy::Risk> for RiskClass {
    fn from(risk: policy::Risk) -> Self {
        match risk {
            policy::Risk::Low => Self::Low,
            policy::Risk::Medium => Self::Medium,
            policy::Risk::High => Self::High,
        }
    }
}

impl From<RiskClass> for policy::Risk {
    fn from(risk: RiskClass) -> Self {
        match risk {
            RiskClass::Low => Self::Low,
            RiskClass::Medium => Self::Medium,
            RiskClass::High => Self::High,
        }
    }
}

impl From<policy::Label> for ToolLabel {
    fn from(label: policy::Label) -> Self {
        match label {
            policy::Label::Private => Self::Private,
            policy::Label::Untrusted => Self::Untrusted,
            policy::Label::Outward => Self::Outward,
        }
    }
}

impl From<ToolLabel> for policy::Label {
    fn from(label: ToolLabel) -> Self {
        match label {
            ToolLabel::Private => Self::Private,
            ToolLabel::Untrusted => Self::Untrusted,
            ToolLabel::Outward => Self::Outward,
        }
    }
}
