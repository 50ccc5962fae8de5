//! What may be done about a question, and what a shell sends to do it.

use std::path::PathBuf;

pub use samplegate_core::action::ActionKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::{Config, TS};

use super::{GrantScope, ToolUseDecision};

/// [`ActionKind`] for TypeScript: the union of its names.
pub(super) struct ActionNames;

impl TS for ActionNames {
    type WithoutGenerics = Self;
    type OptionInnerType = Self;

    fn docs() -> Option<String> {
        Some("/**\n * What may be done about a question.\n */\n".to_owned())
    }

    fn name(_: &Config) -> String {
        "ActionKind".to_owned()
    }

    fn inline(_: &Config) -> String {
        let names: Vec<String> = ActionKind::ALL.iter().map(|kind| format!("\"{kind}\"")).collect();
        names.join(" | ")
    }

    fn decl(config: &Config) -> String {
        format!("type {} = {};", Self::name(config), Self::inline(config))
    }

    fn output_path() -> Option<PathBuf> {
        Some("ActionKind.ts".into())
    }
}

/// An action, as a shell sends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Action {
    /// Send the request as shown at this revision.
    Approve,
    /// Approve, or at the answer gate return, as shown at this revision, and let through what is alike from now on. Only
    /// in the scopes that are offered; [`Action::Approve`] and [`Action::Return`] are for this time.
    #[serde(rename_all = "camelCase")]
    Grant {
        /// Until when.
        scope: GrantScope,
        /// At the request gate: whether the answers to such requests go back without a look too. Means nothing at the
        /// answer gate.
        #[serde(default)]
        answers: bool,
    },
    /// Replace the request's params by these. Validated like a server's.
    #[serde(rename_all = "camelCase")]
    EditRequest {
        /// The protocol's params object.
        params: Value,
    },
    /// Replace the answer by this result object.
    #[serde(rename_all = "camelCase")]
    EditAnswer {
        /// The protocol's result object: role, content, model, stopReason.
        result: Value,
    },
    /// Replace the spans of these findings in the request by placeholders.
    #[serde(rename_all = "camelCase")]
    Redact {
        /// Their positions in the question's `findings`.
        findings: Vec<u32>,
    },
    /// Put what was redacted back into the answer, or leave the placeholders.
    #[serde(rename_all = "camelCase")]
    Restore {
        /// Whether it is put back.
        on: bool,
    },
    /// Decide about one tool call in the answer.
    #[serde(rename_all = "camelCase")]
    DecideToolUse {
        /// The call's id.
        id: String,
        /// What was decided.
        decision: ToolUseDecision,
    },
    /// Take the refused tool calls out of the answer.
    RemoveRefused,
    /// Undo all edits of the gate it stands at.
    Revert,
    /// Refuse. The reason stays in the log; the server is not told.
    #[serde(rename_all = "camelCase")]
    Deny {
        /// What the person typed, may be empty.
        reason: String,
    },
    /// Answer by hand: final, no second gate.
    #[serde(rename_all = "camelCase")]
    AnswerByHand {
        /// The text that goes back.
        text: String,
    },
    /// Use this configured model.
    #[serde(rename_all = "camelCase")]
    ChooseModel {
        /// The configured name.
        name: String,
    },
    /// Stop the model; what came so far goes to the answer gate.
    Stop,
    /// Ask again, the same or another model, with the approved request.
    #[serde(rename_all = "camelCase")]
    AskAgain {
        /// The configured name; none: the same model.
        model: Option<String>,
    },
    /// Return the answer as shown at this revision.
    Return,
    /// Keep what is typed into a form, so that nothing is lost with the window. It is checked, and goes nowhere.
    #[serde(rename_all = "camelCase")]
    Fill {
        /// By field, as in [`ElicitationView::typed`](super::ElicitationView::typed).
        values: Value,
    },
    /// Answer with exactly this, or open the address.
    #[serde(rename_all = "camelCase")]
    Accept {
        /// By field, as in [`ElicitationView::typed`](super::ElicitationView::typed); an empty object for an address.
        values: Value,
    },
    /// Say neither yes nor no to a question for input.
    Cancel,
    /// Type the name that Approve or Return wants first, at this revision. Changes nothing else.
    #[serde(rename_all = "camelCase")]
    Confirm {
        /// What was typed.
        typed: String,
    },
}

impl Action {
    /// Whether what was asked goes on by it, so that the name is typed first where something is of high risk.
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::Approve | Self::Return | Self::AskAgain { .. } | Self::Grant { .. })
    }
}
