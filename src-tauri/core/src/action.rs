//! What may be done about a question, of whatever kind. The state machines say which of these; the shells offer those
//! and no others.

use serde::{Deserialize, Serialize};

use crate::audit::named;

named! {
    /// What may be done about a question.
    ActionKind:
    /// Send the request as shown.
    Approve = "approve",
    /// Change what is shown at this gate.
    Edit = "edit",
    /// Replace what was found in the request by placeholders.
    Redact = "redact",
    /// Undo all edits of this gate.
    Revert = "revert",
    /// Refuse.
    Deny = "deny",
    /// Write the answer oneself.
    AnswerByHand = "answerByHand",
    /// Use another model.
    ChooseModel = "chooseModel",
    /// Stop the model and keep what came so far.
    Stop = "stop",
    /// Ask a model again.
    AskAgain = "askAgain",
    /// Put what was redacted back into the answer, or leave the placeholders.
    Restore = "restore",
    /// Approve or refuse one tool call in the answer.
    DecideToolUse = "decideToolUse",
    /// Take the refused tool calls out of the answer.
    RemoveRefused = "removeRefused",
    /// Return the answer as shown.
    Return = "return",
    /// Fill in a form, without answering yet.
    Fill = "fill",
    /// Answer with what stands in the form, or open the address.
    Accept = "accept",
    /// Say neither yes nor no.
    Cancel = "cancel",
}
