//! A tool call of a host, between its two gates: what state it is in, what may be done, what follows.
//!
//! Data flow: the params of a `tools/call` become a [`ToolCall`]; [`CallReview::apply`] takes an [`Event`] (a person's
//! action, a rule's, the server's or the host's) and gives the [`Effect`] that the engine must carry out. Nothing else
//! creates an [`ApprovedCall`] or a [`ReleasedResult`], so an unreviewed call cannot reach a server, nor an unreviewed
//! result a host.
//!
//! Invariants, property-tested: a call ends at most once; a server is called at most once, with what was approved; a
//! result goes back only as it stood at its gate; what was redacted from the arguments never reaches the server. Every
//! change raises the revision, and an action names the revision it was taken on (the engine checks it).
//!
//! Deliberately absent: answering in the server's place. What goes back is what its tool gave, as a person may have
//! edited it, or a refusal that says who refused.

mod answer;
mod call;
#[cfg(test)]
mod tests;

pub use answer::{CallAnswer, ReleasedResult};
pub(crate) use call::argument_names;
pub use call::{ApprovedCall, ToolCall};

use answer::check_result;
use serde_json::{Map, Value};

use crate::{
    action::ActionKind,
    inspect::Finding,
    redact::{self, Originals},
    request::InvalidParams,
};

/// Where a tool call stands.
#[derive(Debug, Clone)]
pub enum State {
    /// At the request gate.
    Request,
    /// Approved; the server is being called.
    Calling(ApprovedCall),
    /// At the answer gate.
    Result {
        /// What the server was called with.
        approved: ApprovedCall,
        /// What it gave.
        original: CallAnswer,
        /// What would go back.
        draft: CallAnswer,
    },
    /// Over.
    Closed,
}

/// Something that happens to a tool call.
#[derive(Debug, Clone)]
pub enum Event {
    /// Call the server as shown.
    Approve,
    /// Replace the arguments.
    EditArguments(Map<String, Value>),
    /// Replace the spans of these findings in the params, as they stand now, by placeholders.
    Redact(Vec<Finding>),
    /// Replace the result.
    EditResult(Value),
    /// Undo all edits of this gate.
    Revert,
    /// Refuse.
    Deny,
    /// Return the result as shown.
    Return,
    /// The server answered.
    Answered(CallAnswer),
    /// The host gave up, the server could not be called, or the process ends.
    Withdraw,
}

/// What the engine must do now.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Only show the change.
    Show,
    /// Call the server with this.
    Call(Box<ApprovedCall>),
    /// Return this to the host.
    Release(Box<ReleasedResult>),
    /// Tell the host that the call was refused. Where the server is being called, it is told that nobody waits.
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
    /// Nothing was chosen to be redacted.
    #[error("nothing was chosen that could be replaced: only the values of arguments can")]
    NothingToRedact,
    /// An edited result that the protocol does not allow.
    #[error("this is no result of a tool: {0}")]
    NoResult(#[from] InvalidParams),
}

/// A tool call between its two gates.
#[derive(Debug, Clone)]
pub struct CallReview {
    revision: u32,
    received: ToolCall,
    draft: ToolCall,
    /// What the placeholders in the arguments stand for: here only, until the call ends.
    originals: Originals,
    state: State,
}

impl CallReview {
    /// A call as it arrives.
    pub fn new(received: ToolCall) -> Self {
        Self { revision: 1, draft: received.clone(), received, originals: Originals::default(), state: State::Request }
    }

    /// Goes up with every change.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The call as received.
    pub fn received(&self) -> &ToolCall {
        &self.received
    }

    /// The call as an approval now would approve it.
    pub fn draft(&self) -> &ToolCall {
        &self.draft
    }

    /// Whether a person edited the arguments.
    pub fn request_edited(&self) -> bool {
        self.draft != self.received
    }

    /// The placeholders that stand in the arguments for what was redacted.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.originals.placeholders()
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// What stands at the answer gate: as the server gave it, and as it would go back.
    pub fn answer(&self) -> Option<(&CallAnswer, &CallAnswer)> {
        match &self.state {
            State::Result { original, draft, .. } => Some((original, draft)),
            State::Request | State::Calling(_) | State::Closed => None,
        }
    }

    /// Whether a person edited the result.
    pub fn result_edited(&self) -> bool {
        self.answer().is_some_and(|(original, draft)| original != draft)
    }

    /// What may be done now.
    pub fn actions(&self) -> Vec<ActionKind> {
        use ActionKind::{Approve, Deny, Edit, Redact, Return, Revert};
        match &self.state {
            State::Request => {
                let mut actions = vec![Deny, Edit, Redact];
                actions.extend(self.request_edited().then_some(Revert));
                actions.push(Approve);
                actions
            }
            State::Calling(_) => vec![Deny],
            State::Result { draft, .. } => {
                let mut actions = vec![Deny];
                // An error has nothing in it that could be edited and still be that error.
                actions.extend(matches!(draft, CallAnswer::Result(_)).then_some(Edit));
                actions.extend(self.result_edited().then_some(Revert));
                actions.push(Return);
                actions
            }
            State::Closed => vec![],
        }
    }

    /// Applies an event.
    ///
    /// # Errors
    /// The event is not possible in this state, or not valid; nothing has changed then.
    pub fn apply(&mut self, event: Event) -> Result<Effect, NotNow> {
        if event.kind().is_some_and(|kind| !self.actions().contains(&kind)) {
            return Err(NotNow::NotOffered);
        }
        let effect = self.step(event)?;
        self.revision = self.revision.saturating_add(1);
        Ok(effect)
    }

    fn step(&mut self, event: Event) -> Result<Effect, NotNow> {
        match event {
            Event::Approve => {
                let approved = ApprovedCall::new(self.draft.clone());
                self.state = State::Calling(approved.clone());
                Ok(Effect::Call(Box::new(approved)))
            }
            Event::EditArguments(arguments) => {
                if !matches!(self.state, State::Request) {
                    return Err(NotNow::NotOffered);
                }
                self.draft = self.draft.clone().with_arguments(arguments);
                Ok(Effect::Show)
            }
            Event::Redact(chosen) => {
                // Another name of an argument is another call.
                let chosen: Vec<Finding> = chosen
                    .into_iter()
                    .filter(|finding| !finding.in_name && finding.pointer.starts_with("/arguments/"))
                    .collect();
                let redacted = redact::redact_more(self.draft.params(), &chosen, &self.originals);
                if redacted.params == *self.draft.params() {
                    return Err(NotNow::NothingToRedact);
                }
                self.draft = self.draft.clone().with_params(redacted.params);
                self.originals = redacted.originals;
                Ok(Effect::Show)
            }
            Event::EditResult(result) => {
                let State::Result { draft, .. } = &mut self.state else { return Err(NotNow::NotOffered) };
                check_result(&result)?;
                *draft = CallAnswer::Result(result);
                Ok(Effect::Show)
            }
            Event::Revert => {
                if let State::Result { original, draft, .. } = &mut self.state {
                    draft.clone_from(original);
                } else {
                    self.draft = self.received.clone();
                    self.originals = Originals::default();
                }
                Ok(Effect::Show)
            }
            Event::Return => {
                let edited = self.result_edited();
                let State::Result { draft, .. } = &self.state else { return Err(NotNow::NotOffered) };
                let released = ReleasedResult::new(draft.clone(), edited);
                Ok(self.close(Effect::Release(Box::new(released))))
            }
            Event::Deny => Ok(self.close(Effect::Refuse)),
            Event::Answered(answer) => match std::mem::replace(&mut self.state, State::Closed) {
                State::Calling(approved) => {
                    self.state = State::Result { approved, original: answer.clone(), draft: answer };
                    Ok(Effect::Show)
                }
                // The server's last words after a denial or a withdrawal change nothing.
                other => {
                    self.state = other;
                    Err(NotNow::NotOffered)
                }
            },
            Event::Withdraw if self.is_closed() => Err(NotNow::NotOffered),
            Event::Withdraw => Ok(self.close(Effect::End)),
        }
    }

    fn close(&mut self, effect: Effect) -> Effect {
        self.state = State::Closed;
        self.originals = Originals::default();
        effect
    }
}

impl Event {
    /// The action it is, if it is a person's or a rule's.
    pub fn kind(&self) -> Option<ActionKind> {
        match self {
            Self::Approve => Some(ActionKind::Approve),
            Self::EditArguments(_) | Self::EditResult(_) => Some(ActionKind::Edit),
            Self::Redact(_) => Some(ActionKind::Redact),
            Self::Revert => Some(ActionKind::Revert),
            Self::Deny => Some(ActionKind::Deny),
            Self::Return => Some(ActionKind::Return),
            Self::Answered(_) | Self::Withdraw => None,
        }
    }
}
