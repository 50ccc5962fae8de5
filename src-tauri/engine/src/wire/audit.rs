//! The audit log's listing. One entry in full is the JSON that `samplegate audit show` prints.

use samplegate_core::audit::{Finding, Head, QuestionSummary, Report, format_time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::store::Change;

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

impl From<QuestionSummary> for AuditRow {
    fn from(question: QuestionSummary) -> Self {
        Self {
            id: question.id.to_string(),
            at: format_time(question.at),
            server: question.server,
            tool: question.tool,
            first_line: question.first_line.unwrap_or_default(),
            outcome: question.outcome.as_str().into(),
            decided_by: question.decided_by.map(|by| by.as_str().into()),
            reviewer: question.reviewer,
            model: question.model,
            cost_microusd: question.cost_microusd.and_then(|cost| i64::try_from(cost).ok()),
        }
    }
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

/// A change of the settings in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRow {
    /// The number of its event; the cursor of the next page.
    #[ts(type = "number")]
    pub id: u64,
    /// When, RFC 3339 UTC.
    pub at: String,
    /// window, command, file.
    pub via: String,
    /// Who; none where the file was edited.
    pub reviewer: Option<String>,
    /// What changed, a sentence a line; empty once it is no longer kept.
    pub text: String,
    /// Each key with its value before and after; empty where that is not known.
    pub changes: Vec<KeyChange>,
}

/// A key of the configuration whose value changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct KeyChange {
    /// Its place in the file, e.g. `servers.demo.gates`.
    pub key: String,
    /// The value before; null: there was none. Secrets are not in it.
    pub before: Value,
    /// The value after; null: there is none.
    pub after: Value,
}

impl From<Change> for ChangeRow {
    fn from(change: Change) -> Self {
        Self {
            id: change.id,
            at: format_time(change.at),
            via: change.via.as_str().into(),
            reviewer: change.reviewer,
            text: change.text.unwrap_or_default(),
            changes: change.changes.and_then(|changes| serde_json::from_value(changes).ok()).unwrap_or_default(),
        }
    }
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
    /// The head of the chain, `42:9f86d081…`, to note down and to compare with the next time; none where it is broken.
    pub head: Option<String>,
}

impl VerifyReport {
    /// What came of a verification against a head that was noted down earlier, if one was.
    pub fn new(verified: Result<Report, Finding>, known: Option<Head>) -> Self {
        match verified {
            Ok(report) => {
                let count = |count: u64, what| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
                let events = count(report.events, "event");
                let noted = known.map(|known| format!(" The head that was noted down, {}, is in it.", known.seq));
                Self {
                    ok: true,
                    events: u32::try_from(report.events).unwrap_or(u32::MAX),
                    last_at: report.last_at.map(format_time),
                    message: format!(
                        "{events} of {}, none changed.{}",
                        count(report.questions, "question"),
                        noted.unwrap_or_default()
                    ),
                    head: Some(report.head.to_string()),
                }
            }
            Err(finding) => Self { ok: false, events: 0, last_at: None, message: finding.to_string(), head: None },
        }
    }
}
