//! What happens to a question, and what follows from it.

use super::{ApprovedRequest, ModelRef, ReleasedResponse, ToolUseDecision};
use crate::{
    action::ActionKind,
    answer::{NotCarried, SamplingAnswer},
    inspect::Finding,
    request::{InvalidParams, SamplingRequest},
};

/// Something that happens to a question.
#[derive(Debug, Clone)]
pub enum Event {
    /// Send the request as shown.
    Approve,
    /// Replace the request.
    EditRequest(Box<SamplingRequest>),
    /// Replace the answer.
    EditAnswer(Box<SamplingAnswer>),
    /// Replace the spans of these findings in the request, as it stands now, by placeholders.
    Redact(Vec<Finding>),
    /// Put what was redacted back into the answer, or leave the placeholders.
    Restore(bool),
    /// Decide about one tool call in the answer.
    DecideToolUse {
        /// The call's id.
        id: String,
        /// What was decided.
        decision: ToolUseDecision,
    },
    /// Take the refused tool calls out of the answer.
    RemoveRefused,
    /// Undo all edits of this gate.
    Revert,
    /// Refuse.
    Deny,
    /// Answer with this text; final.
    AnswerByHand(String),
    /// Use this model.
    ChooseModel(ModelRef),
    /// Stop the model.
    Stop,
    /// Ask again, the same or another model.
    AskAgain(Option<ModelRef>),
    /// Return the answer as shown.
    Return,
    /// The model answered (or was stopped: then this is what came so far).
    Answered(Box<SamplingAnswer>),
    /// The model failed.
    ModelFailed(String),
    /// The server, or the host behind it, gave up; or the process ends.
    Withdraw,
}

/// What the engine must do now.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Only show the change.
    Show,
    /// Send this to the model.
    Send(Box<ApprovedRequest>),
    /// Stop the model; its partial answer comes as [`Event::Answered`].
    StopModel,
    /// Return this to the server.
    Release(Box<ReleasedResponse>),
    /// Tell the server that the request was refused.
    Refuse,
    /// Nobody waits any more.
    End,
}

/// An event that cannot happen in this state, or that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// The action is not offered now.
    #[error("this is not possible now; the question has moved on")]
    NotOffered,
    /// There is no model to send to.
    #[error("no model is configured: add one, or answer it yourself")]
    NoModel,
    /// An answer longer than the server takes.
    #[error("the answer has about {tokens} tokens, and the server takes at most {max} (maxTokens): shorten it")]
    TooLong {
        /// Its size.
        tokens: u64,
        /// The request's maxTokens.
        max: u32,
    },
    /// An answer that the server's revision of the protocol has no place for.
    #[error("this answer cannot be returned: {0}; edit it, ask again, or deny")]
    NotCarried(#[from] NotCarried),
    /// Tool calls that nobody decided about.
    #[error("{} in this answer: approve or refuse each by itself", match count { 1 => "a tool call is".to_owned(), count => format!("{count} tool calls are") })]
    ToolUseUndecided {
        /// How many.
        count: usize,
    },
    /// A tool call that was refused.
    #[error("a tool call in this answer was refused: take it out, ask again, or deny")]
    ToolUseRefused,
    /// No tool call of that id.
    #[error("there is no such tool call in the answer any more; look again")]
    NoSuchToolUse,
    /// Nothing was chosen to be redacted.
    #[error("nothing was chosen that could be replaced")]
    NothingToRedact,
    /// A request that would not be one any more.
    #[error("this cannot be replaced: {0}; edit it, or choose less")]
    NotRedactable(#[from] InvalidParams),
    /// A request edited to allow more than the server asked for.
    #[error("maxTokens can be lowered, not raised: the server takes at most {max}")]
    Raised {
        /// The maxTokens as received.
        max: u32,
    },
}

impl Event {
    /// The action it is, if it is a person's or a rule's.
    pub fn kind(&self) -> Option<ActionKind> {
        match self {
            Self::Approve => Some(ActionKind::Approve),
            Self::EditRequest(_) | Self::EditAnswer(_) => Some(ActionKind::Edit),
            Self::Redact(_) => Some(ActionKind::Redact),
            Self::Restore(_) => Some(ActionKind::Restore),
            Self::DecideToolUse { .. } => Some(ActionKind::DecideToolUse),
            Self::RemoveRefused => Some(ActionKind::RemoveRefused),
            Self::Revert => Some(ActionKind::Revert),
            Self::Deny => Some(ActionKind::Deny),
            Self::AnswerByHand(_) => Some(ActionKind::AnswerByHand),
            Self::ChooseModel(_) => Some(ActionKind::ChooseModel),
            Self::Stop => Some(ActionKind::Stop),
            Self::AskAgain(_) => Some(ActionKind::AskAgain),
            Self::Return => Some(ActionKind::Return),
            Self::Answered(_) | Self::ModelFailed(_) | Self::Withdraw => None,
        }
    }
}
