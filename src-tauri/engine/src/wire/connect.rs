//! Known hosts on this computer, and Samplegate in their configuration.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A host whose configuration file is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct KnownHost {
    /// Its id, e.g. `claude-desktop`; the host that is made for it has this name too.
    pub app: String,
    /// Its name for people.
    pub title: String,
    /// Its configuration file.
    pub path: String,
    /// Whether it seems to be on this computer.
    pub is_here: bool,
    /// Whether Samplegate is in its file.
    pub connection: HostConnection,
}

/// How any other host connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct OtherHost {
    /// The command that it starts, with its arguments but for the host's name, which comes last; none: the command is
    /// not beside this program.
    pub command: Option<Vec<String>>,
    /// The URL that it connects to instead, with a token.
    pub endpoint: String,
}

/// How a known host's file stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum HostConnection {
    /// Samplegate is not in it.
    None,
    /// Samplegate put itself into it.
    #[serde(rename_all = "camelCase")]
    Connected {
        /// When, RFC 3339 UTC.
        at: String,
        /// The copy of the file as it was; none: there was no file.
        backup: Option<String>,
        /// The servers that were moved out of it.
        moved: Vec<String>,
    },
    /// It cannot be read, so it is not written either.
    #[serde(rename_all = "camelCase")]
    Unreadable {
        /// Why.
        why: String,
    },
}

/// What writing to a host's file would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct HostFileChange {
    /// Names exactly this change of exactly this file.
    pub id: String,
    /// The host's id.
    pub app: String,
    /// The host's name for people.
    pub title: String,
    /// The file.
    pub path: String,
    /// The lines that differ, with some around them. Values that may be secret are not shown.
    pub lines: Vec<DifferenceLine>,
    /// Where the copy of the file as it is would be; none: there is no file. When undoing: where the copy is.
    pub backup: Option<String>,
    /// Servers in the file that are here as well, and could be moved out of it.
    pub movable: Vec<String>,
    /// Whether the file is again as it was, to the byte; only when undoing.
    pub exact: bool,
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct DifferenceLine {
    /// What happens to it.
    pub kind: DifferenceLineKind,
    /// Its text.
    pub text: String,
}

/// What happens to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum DifferenceLineKind {
    /// It stays.
    Same,
    /// It is put in.
    Added,
    /// It is taken out.
    Removed,
    /// Lines that stay and are not shown.
    Gap,
}
