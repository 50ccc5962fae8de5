//! What a server is: how it is started or reached, what it says about itself, and its tools. The identity that a person
//! approved is pinned; whatever differs from it later is drift.
//!
//! Data flow: a command line → [`Runs`] (what has to be looked at on disk) → the engine looks → [`Launch`]; with what
//! the server says and lists → [`Identity`] → its digest, and [`differences`] to the one that was approved.
//!
//! Invariants: nothing is guessed. What a command runs is read from its arguments by the rules of programs known here;
//! everything else is shown as [`Unpinned`], with the reason and what to write instead. Values of variables, headers and
//! of a URL's query are never part of an identity, only their names.
//!
//! What an identity cannot show: what a program or script loads from elsewhere (modules, libraries, dependencies), and
//! what stands behind a URL, whose certificate is not pinned either: it changes every few weeks by itself.

mod command;
mod difference;
mod pin;
#[cfg(test)]
mod tests;

pub use command::{Base, Launcher, Package, Runs, exact_version, runs};
pub use difference::{Change, Difference, differences, summary};
pub use pin::{Drift, Pin};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    audit::Gate,
    canonical::{Sha256Hex, canonical_bytes},
    inspect::{self, Finding, FindingKind, Place},
};

/// So many bytes of tools are kept in full; of those beyond, name and digest.
const KEPT_BYTES: usize = 1024 * 1024;

/// What a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// How it is started or reached.
    pub launch: Launch,
    /// What it says about itself.
    pub says: Says,
    /// Its tools as it lists them, without `_meta`, by name.
    pub tools: Vec<Value>,
}

/// How a server is started or reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Launch {
    /// A process on this machine.
    Process(Box<Process>),
    /// A URL.
    Url {
        /// Scheme, host and port.
        origin: String,
        /// The path.
        path: String,
        /// Names of what its query has, sorted.
        query: Vec<String>,
        /// Names of the headers that are sent, in lower case, sorted.
        headers: Vec<String>,
    },
    /// A part of Samplegate.
    BuiltIn,
}

/// A server's process, before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The command as written.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The folder it starts in, where one is set.
    pub cwd: Option<String>,
    /// Names of the variables it is given, sorted.
    pub env: Vec<String>,
    /// The program that the command leads to.
    pub program: File,
    /// The script that the program runs.
    pub script: Option<File>,
    /// The package that a launcher fetched and runs.
    pub package: Option<Fetched>,
    /// Why it is not known for certain what runs.
    pub unpinned: Option<Unpinned>,
}

/// A file that is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Where it was found.
    pub path: String,
    /// Of its bytes; none where it cannot be read.
    pub sha256: Option<Sha256Hex>,
}

/// A package that a launcher fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// Name and exact version, as the launcher writes them.
    pub spec: String,
    /// The digest by which the launcher, or the registry, names its content.
    pub integrity: String,
}

/// What cannot be pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpinned {
    /// Why, in a sentence.
    pub why: String,
    /// What to write instead.
    pub instead: String,
}

/// What a server says about itself when a connection begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Says {
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its instructions for clients.
    pub instructions: Option<String>,
}

impl Identity {
    /// Puts an identity together. The order of `tools` does not matter.
    pub fn new(launch: Launch, says: Says, tools: &[Value]) -> Self {
        let mut tools: Vec<(String, Vec<u8>, Value)> = tools
            .iter()
            .map(|tool| {
                let mut tool = tool.clone();
                if let Some(fields) = tool.as_object_mut() {
                    fields.shift_remove("_meta");
                }
                (tool_name(&tool), canonical_bytes(&tool), tool)
            })
            .collect();
        tools.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        let mut room = KEPT_BYTES;
        let tools = tools.into_iter().map(|(name, bytes, tool)| match room.checked_sub(bytes.len()) {
            Some(left) => {
                room = left;
                tool
            }
            None => json!({"name": name, "sha256": Sha256Hex::of(&bytes)}),
        });
        // What is part of Samplegate changes with it, and nothing but that.
        let says = if launch == Launch::BuiltIn { Says { version: None, ..says } } else { says };
        Self { launch, says, tools: tools.collect() }
    }

    /// Names it: two identities are the same where their digests are.
    pub fn sha256(&self) -> Sha256Hex {
        Sha256Hex::of_json(&serde_json::to_value(self).unwrap_or_default())
    }

    /// Why it is not known for certain what runs.
    pub fn unpinned(&self) -> Option<&Unpinned> {
        match &self.launch {
            Launch::Process(process) => process.unpinned.as_ref(),
            Launch::Url { .. } | Launch::BuiltIn => None,
        }
    }

    /// The text of it that a model may read, as it is inspected: an object with `instructions` and `tools`.
    pub fn read_by_models(&self) -> Value {
        let mut read = Map::new();
        if let Some(instructions) = &self.says.instructions {
            read.insert("instructions".into(), instructions.as_str().into());
        }
        read.insert("tools".into(), self.tools.clone().into());
        Value::Object(read)
    }

    /// What inspection finds in [`Identity::read_by_models`]; pointers lead into that.
    pub fn findings(&self) -> Vec<Finding> {
        inspect::inspect(Place::ToolDescription, &self.read_by_models())
    }

    /// The kind of the finding for which a person is asked whatever rules say: hidden or misleading text.
    pub fn flagged(&self) -> Option<FindingKind> {
        inspect::raises(&self.findings(), Gate::Request).map(|finding| finding.kind)
    }
}

impl Launch {
    /// A URL without what may be secret in it. A URL that cannot be read is its own origin.
    pub fn url<'a>(url: &str, headers: impl IntoIterator<Item = &'a str>) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        let mut headers: Vec<String> = headers.into_iter().map(str::to_ascii_lowercase).collect();
        let mut query: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split('=').next().unwrap_or_default().to_owned())
            .collect();
        headers.sort_unstable();
        query.sort_unstable();
        Self::Url {
            origin: format!("{}://{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase()),
            path: if path.is_empty() { "/".into() } else { path.into() },
            query,
            headers,
        }
    }
}

/// A tool's name; empty where it has none.
pub fn tool_name(tool: &Value) -> String {
    tool.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}
