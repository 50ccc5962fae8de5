//! Calls from the tool runner.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::CallView;

/// A call to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct CallInput {
    /// The server's name.
    pub server: String,
    /// What to call.
    pub kind: super::CallKind,
    /// The tool's or prompt's name, or the resource's URI.
    pub name: String,
    /// The arguments object.
    pub arguments: Value,
}

/// A call and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    /// What was called.
    pub call: CallView,
    /// The server's name.
    pub server: String,
    /// RFC 3339 UTC.
    pub started_at: String,
    /// How it stands.
    pub state: RunState,
    /// Progress and log messages of the server while it ran, oldest first.
    pub log: Vec<LogLine>,
    /// Ids of the questions that wait in this call.
    pub questions: Vec<String>,
}

/// How a call stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum RunState {
    /// Under way.
    #[serde(rename_all = "camelCase")]
    Running {
        /// Progress from 0 to 1, where the server gave a total.
        fraction: Option<f64>,
        /// The last progress message.
        message: Option<String>,
    },
    /// Over, with the protocol's result object.
    #[serde(rename_all = "camelCase")]
    Done {
        /// The result object.
        result: Value,
        /// Whether the result is an error of the tool (`isError`).
        is_error: bool,
    },
    /// Over without a result: a question in it was refused, and the server was not asked again.
    #[serde(rename_all = "camelCase")]
    Denied {
        /// Why, in words for the person.
        why: String,
    },
    /// Over without a result.
    #[serde(rename_all = "camelCase")]
    Failed {
        /// What happened, and what to do.
        why: String,
        /// Whether it is worth calling again; left out: that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        again: Option<CallAgain>,
    },
}

/// Why a call that failed may come off the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum CallAgain {
    /// What the server wanted done first was opened in the browser.
    Opened,
    /// The server says that it is done.
    Done,
}

/// A line a server logged, or its progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// RFC 3339 UTC.
    pub at: String,
    /// `debug` … `emergency` as in MCP logging, or `stderr`, `progress`.
    pub level: String,
    /// The text.
    pub text: String,
}

/// What a server offers, each as the protocol's own object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Offers {
    /// Tools: name, title, description, inputSchema, annotations…
    pub tools: Vec<Value>,
    /// Prompts: name, title, description, arguments.
    pub prompts: Vec<Value>,
    /// Resources: uri, name, title, mimeType.
    pub resources: Vec<Value>,
    /// Resource templates: uriTemplate, name.
    pub resource_templates: Vec<Value>,
}
