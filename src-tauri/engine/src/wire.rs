//! What crosses the edge to a shell: the webview's and the terminal's view of the engine.
//!
//! Data flow: domain types are turned into these types on the way out and back into domain types on the way in;
//! TypeScript is generated from here (`ui/src/bindings`). A window lists a snapshot, and a [`Changed`] event means
//! "read again": nothing here is a source of truth.
//!
//! Absent on purpose: secrets. A key goes in through [`KeyInput`] and never comes out.

mod action;
mod answer;
mod audit;
mod calls;
mod connect;
mod elicitation;
mod grants;
mod hosts;
mod import;
mod login;
mod pins;
mod record;
mod review;
mod rules;
mod settings;
mod tool_call;

pub use action::*;
pub use answer::*;
pub use audit::*;
pub use calls::*;
pub use connect::*;
pub use elicitation::*;
pub use grants::*;
pub use hosts::*;
pub use import::*;
pub use login::*;
pub use pins::*;
pub use record::*;
pub use review::*;
pub use rules::*;
pub use settings::*;
pub use tool_call::*;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Something a window shows has changed: read it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// What to read again.
    pub topic: Topic,
    /// The one item that changed, where it is one.
    pub id: Option<String>,
}

/// The parts of the engine that a window can list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum Topic {
    /// The review queue, or one question in it.
    Review,
    /// Servers: configuration, state or log.
    Servers,
    /// Models and the default model.
    Models,
    /// Hosts, and the gateway they connect to.
    Hosts,
    /// Rules.
    Rules,
    /// Grants: one was given, used up its time or was revoked.
    Grants,
    /// Calls made from the tool runner.
    Calls,
    /// The audit log grew.
    Audit,
    /// General settings, pause, trouble.
    Status,
}

/// An error as a shell shows it: what happened, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct WireError {
    /// A code that a shell acts on.
    pub code: ErrorCode,
    /// One or two sentences for the person.
    pub message: String,
}

/// The error codes that a shell treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// The question was changed, answered or withdrawn meanwhile: read it again.
    Stale,
    /// No such server, model, question, call or entry.
    NotFound,
    /// The input is not valid; the message names the field.
    Invalid,
    /// The keychain is absent or locked: offer memory for this run.
    Keychain,
    /// Anything else.
    Failed,
}
