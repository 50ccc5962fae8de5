//! What a server was when it was approved, and how it differs since.

use samplegate_core::{
    audit::format_time,
    identity::{self, Change, Identity, Launch, Pin, summary, tool_name},
    inspect::Finding,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::FindingView;

/// How many digits of a digest are shown in a line.
const DIGITS: usize = 12;

/// A pin in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct PinSummary {
    /// When and by whom it was approved; none: nobody did, and it is told as it was seen last.
    pub approved: Option<Approved>,
    /// Names the identity.
    pub sha256: String,
    /// What it is, a few words each: the program and the beginning of its SHA-256, the number of tools, …
    pub what: Vec<String>,
    /// Why it is not known for certain what runs.
    pub unpinned: Option<String>,
    /// Whether hidden or misleading text was found in what it says of itself and its tools as they are now.
    pub flagged: bool,
    /// What differs since, in a line; none: it is what was approved.
    pub changed: Option<String>,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Approved {
    /// When, RFC 3339 UTC.
    pub at: String,
    /// By whom.
    pub by: String,
}

/// A pin in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct PinView {
    /// The line above it.
    pub summary: PinSummary,
    /// All that was pinned besides the tools.
    pub lines: Vec<PinLine>,
    /// The tools, by name.
    pub tools: Vec<PinTool>,
    /// What to write instead, where it is not known for certain what runs.
    pub instead: Option<String>,
    /// What inspection found in what was approved.
    pub findings: Vec<PinFinding>,
    /// How it differs since.
    pub drift: Option<DriftView>,
}

/// Something that was pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct PinLine {
    /// What.
    pub what: String,
    /// As it was.
    pub text: String,
}

/// A tool that was pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct PinTool {
    /// Its name.
    pub name: String,
    /// All of it, as JSON.
    pub text: String,
}

/// Something that inspection found, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct PinFinding {
    /// The tool; none: the server's instructions.
    pub tool: Option<String>,
    /// What.
    pub finding: FindingView,
}

/// How a server differs from what was approved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct DriftView {
    /// When it was seen first, RFC 3339 UTC.
    pub at: String,
    /// Names the identity, to approve it.
    pub sha256: String,
    /// What differs.
    pub differences: Vec<DifferenceView>,
    /// What inspection found in it as it is.
    pub findings: Vec<PinFinding>,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct DifferenceView {
    /// What: `program`, `arguments`, `description`, …; `tool`: all of it.
    pub what: String,
    /// The tool it belongs to.
    pub tool: Option<String>,
    /// `added`, `removed` or `changed`.
    pub change: DifferenceKind,
    /// As it was approved.
    pub before: Option<String>,
    /// As it is.
    pub after: Option<String>,
}

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum DifferenceKind {
    /// It was not there.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

impl From<&Pin> for PinSummary {
    fn from(pin: &Pin) -> Self {
        let now = pin.drift.as_ref().map_or(&pin.identity, |drift| &drift.identity);
        Self {
            approved: Some(Approved { at: format_time(pin.at), by: pin.by.clone() }),
            sha256: pin.sha256.to_hex(),
            what: what(&pin.identity),
            unpinned: now.unpinned().map(|unpinned| unpinned.why.clone()),
            flagged: now.flagged().is_some(),
            changed: pin.drift.is_some().then(|| summary(&pin.differences())),
        }
    }
}

fn what(identity: &Identity) -> Vec<String> {
    let file = |file: &identity::File| {
        let digest = file.sha256.map_or_else(|| "unreadable".to_owned(), |sha256| sha256.to_hex()[..DIGITS].to_owned());
        format!("{} {digest}", file.path)
    };
    let mut what = match &identity.launch {
        Launch::Process(process) => {
            let package = process.package.as_ref().map(|package| package.spec.clone());
            std::iter::once(file(&process.program))
                .chain(process.script.as_ref().map(file))
                .chain(package)
                .collect::<Vec<_>>()
        }
        Launch::Url { origin, path, .. } => vec![format!("{origin}{path}")],
        Launch::BuiltIn => vec!["a part of Samplegate".into()],
    };
    let tools = identity.tools.len();
    what.push(format!("{tools} tool{}", if tools == 1 { "" } else { "s" }));
    what
}

impl PinView {
    /// What a server is that nobody approved.
    pub(crate) fn unapproved(seen: &Pin) -> Self {
        let view = Self::from(seen);
        Self { summary: PinSummary { approved: None, ..view.summary }, ..view }
    }
}

impl From<&Pin> for PinView {
    fn from(pin: &Pin) -> Self {
        let lines = pin.identity.lines().into_iter();
        let tools = pin.identity.tools.iter();
        Self {
            summary: pin.into(),
            lines: lines.map(|(what, text)| PinLine { what: what.into(), text }).collect(),
            tools: tools
                .map(|tool| PinTool {
                    name: tool_name(tool),
                    text: serde_json::to_string_pretty(tool).unwrap_or_default(),
                })
                .collect(),
            instead: pin.identity.unpinned().map(|unpinned| unpinned.instead.clone()),
            findings: findings(&pin.identity),
            drift: pin.drift.as_ref().map(|drift| DriftView {
                at: format_time(drift.at),
                sha256: drift.sha256.to_hex(),
                differences: pin.differences().into_iter().map(Into::into).collect(),
                findings: findings(&drift.identity),
            }),
        }
    }
}

fn findings(identity: &Identity) -> Vec<PinFinding> {
    let about = |finding: &Finding| {
        let index = finding.pointer.strip_prefix("/tools/")?.split('/').next()?.parse::<usize>().ok()?;
        identity.tools.get(index).map(tool_name)
    };
    let findings = identity.findings();
    findings.iter().map(|finding| PinFinding { tool: about(finding), finding: finding.into() }).collect()
}

impl From<identity::Difference> for DifferenceView {
    fn from(difference: identity::Difference) -> Self {
        let identity::Difference { what, tool, change, before, after } = difference;
        let change = match change {
            Change::Added => DifferenceKind::Added,
            Change::Removed => DifferenceKind::Removed,
            Change::Changed => DifferenceKind::Changed,
        };
        Self { what, tool, change, before, after }
    }
}
