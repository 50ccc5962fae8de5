//! Hosts: the programs that use the servers through the gateway.

use samplegate_core::settings;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A host as configured, and where it connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct HostView {
    /// How it is configured.
    pub config: HostInput,
    /// The URL of all servers together; one alone is at this URL, `/` and its name.
    pub endpoint: String,
}

/// A host's configuration, as shown and as saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct HostInput {
    /// The name: letters, digits, `-`, `_` and `.`, at most 64.
    pub name: String,
    /// Who answers sampling requests that come up in its calls.
    pub sampling: HostMode,
    /// Who answers elicitation that comes up in its calls.
    pub elicitation: HostMode,
    /// Whether its calls of tools are looked at.
    pub tool_calls: ToolCalls,
    /// Where its calls of tools are looked at: whether their results are too, before it gets them.
    #[serde(default)]
    pub review_results: bool,
    /// Limits of its calls of tools that are looked at, by key; what is not said has no limit. Left out on the way in: what
    /// is stored stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "'none' | { [key in string]: number | 'none' }")]
    pub limits: Option<samplegate_core::limits::Limits>,
}

/// A host that was added, with its token. That is told this once: only its hash is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct HostAdded {
    /// Its name.
    pub name: String,
    /// The URL of all servers together.
    pub endpoint: String,
    /// What it says in `Authorization: Bearer`.
    pub token: String,
}

impl std::fmt::Debug for HostAdded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostAdded").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Who answers what a server asks in a host's call, where the host could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum HostMode {
    /// It is answered here, at both gates.
    #[default]
    Answer,
    /// It is looked at here, the host answers, and the answer is looked at.
    Gate,
    /// The host answers, and nothing is looked at.
    Pass,
}

/// Whether a host's calls of tools are looked at before they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum ToolCalls {
    /// They are made.
    #[default]
    Off,
    /// A person is asked, unless a rule says otherwise.
    Ask,
    /// What no rule allows is denied.
    Rules,
}

impl From<settings::HostMode> for HostMode {
    fn from(mode: settings::HostMode) -> Self {
        match mode {
            settings::HostMode::Answer => Self::Answer,
            settings::HostMode::Gate => Self::Gate,
            settings::HostMode::Pass => Self::Pass,
        }
    }
}

impl From<HostMode> for settings::HostMode {
    fn from(mode: HostMode) -> Self {
        match mode {
            HostMode::Answer => Self::Answer,
            HostMode::Gate => Self::Gate,
            HostMode::Pass => Self::Pass,
        }
    }
}

impl From<settings::ToolCalls> for ToolCalls {
    fn from(calls: settings::ToolCalls) -> Self {
        match calls {
            settings::ToolCalls::Off => Self::Off,
            settings::ToolCalls::Ask => Self::Ask,
            settings::ToolCalls::Rules => Self::Rules,
        }
    }
}

impl From<ToolCalls> for settings::ToolCalls {
    fn from(calls: ToolCalls) -> Self {
        match calls {
            ToolCalls::Off => Self::Off,
            ToolCalls::Ask => Self::Ask,
            ToolCalls::Rules => Self::Rules,
        }
    }
}
