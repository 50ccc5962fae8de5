//! The audit log's listing. One entry in full is the JSON that `samplegate audit show` prints.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditQuery {
    /// Full text over requests and answers.
    pub text: Option<String>,
    /// From this time on, RFC 3339.
    pub from: Option<String>,
    /// Before this time, RFC 3339.
    pub to: Option<String>,
    /// The server.
    pub server: Option<String>,
    /// The outcome.
    pub outcome: Option<String>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// Only entries older than this id.
    pub before: Option<String>,
    /// At most this many rows; 0: the default of 100.
    pub limit: u32,
}

/// One page, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct AuditPage {
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// The cursor of the next page; none: this is the last.
    pub next: Option<String>,
}

/// One question in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    /// The question's id.
    pub id: String,
    /// When it was received, RFC 3339 UTC.
    pub at: String,
    /// The server.
    pub server: String,
    /// The tool, where known.
    pub tool: Option<String>,
    /// The first line of what was asked.
    pub first_line: String,
    /// open, released, denied, timed_out, withdrawn, failed, interrupted.
    pub outcome: String,
    /// person, rule, limit, drift, timeout, nobody.
    pub decided_by: Option<String>,
    /// Who, where a person did.
    pub reviewer: Option<String>,
    /// The model that answered, or `human`.
    pub model: Option<String>,
    /// Cost in millionths of a US dollar; none if unknown.
    #[ts(type = "number | null")]
    pub cost_microusd: Option<i64>,
}

/// What can be filtered by: the values that occur.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct AuditFacets {
    /// The servers in the log.
    pub servers: Vec<String>,
    /// The models in the log.
    pub models: Vec<String>,
    /// How many entries there are.
    pub total: u32,
}

/// The result of checking the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    /// Whether the chain holds.
    pub ok: bool,
    /// How many events were checked.
    pub events: u32,
    /// The time of the last one, RFC 3339 UTC.
    pub last_at: Option<String>,
    /// A sentence: what was checked, or where it broke.
    pub message: String,
}
