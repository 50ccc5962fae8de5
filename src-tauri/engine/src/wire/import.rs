//! Servers found in the configuration of other hosts.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A host's file that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ImportFile {
    /// The host's id, e.g. `claude-desktop`.
    pub app: String,
    /// The host's name for people.
    pub title: String,
    /// The file.
    pub path: String,
    /// Why it cannot be read; none: it was.
    pub trouble: Option<String>,
    /// The servers in it, in its order.
    pub servers: Vec<ImportServer>,
}

/// A server in a host's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ImportServer {
    /// Names its entry as it was read: its file, its place there and all that is in it.
    pub id: String,
    /// Its name there.
    pub name: String,
    /// A name that it can have here: the same, or one that is free.
    pub free_name: String,
    /// The project that it is for, where it is for one.
    pub project: Option<String>,
    /// Its command line or its URL. What looks like a secret in it is not shown.
    pub reached: String,
    /// Whether a secret stands in its command line or its URL, where no keychain can keep it.
    pub secret_in_reached: bool,
    /// Its variables or headers, without values.
    pub values: Vec<ImportValue>,
    /// Whether it is switched on there.
    pub enabled: bool,
    /// What is in its entry and is not taken, a sentence each.
    pub left_out: Vec<String>,
    /// Why it cannot be taken; none: it can.
    pub cannot: Option<String>,
    /// The name of the server here that is reached in the same way; none: there is none yet.
    pub here_as: Option<String>,
}

/// A variable or a header of a server that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ImportValue {
    /// Its name.
    pub name: String,
    /// Whether it looks like a secret, so that it goes into the keychain unless the person says otherwise.
    pub secret: bool,
}

/// A server to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ImportTake {
    /// The entry, as it was shown.
    pub id: String,
    /// The name that it gets here.
    pub name: String,
    /// The names of the variables or headers that go into the keychain; the others go into the configuration file.
    pub secrets: Vec<String>,
}

/// What came of taking a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// The name that it has here, or was to have.
    pub name: String,
    /// Why it was not taken; none: it was.
    pub error: Option<String>,
}
