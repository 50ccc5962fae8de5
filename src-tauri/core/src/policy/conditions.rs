//! Conditions of a rule that are more than a value: findings, tools, hours.

use jiff::civil;
use serde::{Deserialize, Serialize};

use super::{Action, Case};
use crate::{
    inspect::{FindingKind, Severity},
    settings::InvalidSetting,
};

/// Findings: `"none"`, `"any"`, a severity (`"high"`: this or worse), or a list of kinds (one of them). That a request is
/// nearly the same as one before counts only where `near_duplicate` is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FindingsAre {
    /// None, or any.
    Word(Presence),
    /// This severity or worse.
    AtLeast(Severity),
    /// One of these kinds.
    Kinds(Vec<FindingKind>),
}

/// Whether there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// There is none.
    None,
    /// There is one.
    Any,
}

/// Tools in a request, and at the answer gate those that the answer calls: `"none"`, `"any"`, or a list. For what lets through, the request uses no other than these; for
/// what asks or denies, it uses one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ToolsAre {
    /// None, or any.
    Word(Presence),
    /// These.
    Names(Vec<String>),
}

/// A span of the day, `"08:00-18:00"`; it may pass midnight. The end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    from: civil::Time,
    to: civil::Time,
}

impl Hours {
    pub(super) fn holds(self, time: civil::Time) -> bool {
        if self.from <= self.to { self.from <= time && time < self.to } else { self.from <= time || time < self.to }
    }
}

impl TryFrom<String> for Hours {
    type Error = InvalidSetting;

    fn try_from(text: String) -> Result<Self, InvalidSetting> {
        let wrong = || InvalidSetting(format!("hours are like \"08:00-18:00\", not {text:?}"));
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let time = |text: &str| text.trim().parse::<civil::Time>().map_err(|_| wrong());
        let (from, to) = (time(from)?, time(to)?);
        if from == to { Err(wrong()) } else { Ok(Self { from, to }) }
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        let time = |time: civil::Time| format!("{:02}:{:02}", time.hour(), time.minute());
        format!("{}-{}", time(hours.from), time(hours.to))
    }
}

impl FindingsAre {
    /// Reads `none`, `any`, a severity, or kinds with commas, as on the command line.
    ///
    /// # Errors
    /// It is none of these.
    pub fn from_argument(text: &str) -> Result<Self, InvalidSetting> {
        let kinds = || text.split(',').map(str::trim).collect::<Vec<_>>();
        [serde_json::Value::from(text), serde_json::Value::from(kinds())]
            .into_iter()
            .find_map(|value| serde_json::from_value(value).ok())
            .ok_or_else(|| {
                InvalidSetting(format!("findings are none, any, a severity or kinds of finding, not {text:?}"))
            })
    }

    /// Whether it wants that nothing was found.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::Word(Presence::None))
    }

    pub(super) fn hold(&self, case: &Case<'_>) -> bool {
        // That something was asked before is no fault of what it says: a routine is nothing but near-duplicates. It
        // counts where it is named.
        let mut said = case.findings.iter().filter(|finding| finding.kind != FindingKind::NearDuplicate);
        match self {
            Self::Word(Presence::None) => said.next().is_none(),
            Self::Word(Presence::Any) => said.next().is_some(),
            Self::AtLeast(severity) => said.any(|finding| finding.severity >= *severity),
            Self::Kinds(kinds) => case.findings.iter().any(|finding| kinds.contains(&finding.kind)),
        }
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Word(Presence::None) => "nothing was found in it".into(),
            Self::Word(Presence::Any) => "something was found in it".into(),
            Self::AtLeast(severity) => format!("a finding is {} or worse", severity.as_str()),
            Self::Kinds(kinds) => {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                format!("a finding is of kind {}", kinds.join(" or "))
            }
        }
    }
}

impl ToolsAre {
    /// Reads `none`, `any`, or names with commas, as on the command line.
    pub fn from_argument(text: &str) -> Self {
        match text {
            "none" => Self::Word(Presence::None),
            "any" => Self::Word(Presence::Any),
            names => Self::Names(names.split(',').map(|name| name.trim().to_owned()).collect()),
        }
    }

    pub(super) fn hold(&self, used: &[String], action: Action) -> bool {
        match self {
            Self::Word(Presence::None) => used.is_empty(),
            Self::Word(Presence::Any) => !used.is_empty(),
            Self::Names(names) if action.lets_through() => used.iter().all(|tool| names.contains(tool)),
            Self::Names(names) => used.iter().any(|tool| names.contains(tool)),
        }
    }

    pub(super) fn words(&self, action: Action) -> String {
        match self {
            Self::Word(Presence::None) => "it uses no tools".into(),
            Self::Word(Presence::Any) => "it uses tools".into(),
            Self::Names(names) if action.lets_through() => format!("it uses no tools but {}", names.join(", ")),
            Self::Names(names) => format!("it uses {}", names.join(" or ")),
        }
    }
}
