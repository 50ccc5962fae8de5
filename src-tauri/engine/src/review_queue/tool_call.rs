//! A host's tool call in the queue: what a person does to it, and what the pipeline does.

use samplegate_core::{
    action::ActionKind,
    audit::{self, Gate},
    exact,
    inspect::Finding,
    request::InvalidParams,
    tool_call::{CallReview, Effect, Event, NotNow, State, ToolCall},
};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    ActError, Decision, Entry, Shown,
    subject::{Act, Subject, findings_at},
};
use crate::wire::{Action, Phase};

/// A host's tool call, in the state it is in.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) review: CallReview,
    /// The tool, as its server lists it; none: it does not.
    pub(super) tool: Option<Value>,
    /// What was found in the params and in the result, at a revision: looked for once, however often it is shown.
    pub(super) found: Option<(u32, Vec<Finding>, Vec<Finding>)>,
    decisions: mpsc::UnboundedSender<Decision<Effect>>,
}

impl Call {
    pub(super) fn new(
        review: CallReview,
        tool: Option<Value>,
        decisions: mpsc::UnboundedSender<Decision<Effect>>,
    ) -> Self {
        Self { review, tool, found: None, decisions }
    }

    pub(super) fn act(&mut self, act: Act) -> Result<(), ActError> {
        let Act { action, gate, grant } = act;
        let reason = match &action {
            Action::Deny { reason } => Some(reason.clone()).filter(|text| !text.trim().is_empty()),
            _ => None,
        };
        let event = self.event(action, gate)?;
        let edited = self.edited(gate);
        let kind = event.kind();
        let effect = self.review.apply(event)?;
        if let Some(kind) = kind
            && !matches!(effect, Effect::Show)
        {
            let what = what(kind, edited);
            // The pipeline is gone only when the question has ended: then nobody waits for this decision.
            let _ = self.decisions.send(Decision { effect, what, gate, reason, tool_calls: None, grant });
        }
        Ok(())
    }

    fn event(&self, action: Action, gate: Gate) -> Result<Event, ActError> {
        Ok(match action {
            Action::Approve => Event::Approve,
            Action::Grant { .. } => match gate {
                Gate::Request => Event::Approve,
                Gate::Answer => Event::Return,
            },
            Action::EditRequest { mut params } => {
                exact::restore(self.review.draft().params(), &mut params);
                self.edit(&params)?
            }
            Action::EditAnswer { mut result } => {
                if let Some((_, draft)) = self.review.answer() {
                    exact::restore(draft.value(), &mut result);
                }
                Event::EditResult(result)
            }
            Action::Redact { findings } => Event::Redact(findings_at(self.review.draft().params(), &findings)),
            Action::Revert => Event::Revert,
            Action::Deny { .. } => Event::Deny,
            Action::Return => Event::Return,
            _ => return Err(ActError::from(NotNow::NotOffered)),
        })
    }

    /// Of edited params only the arguments may differ.
    fn edit(&self, params: &Value) -> Result<Event, InvalidParams> {
        let draft = self.review.draft();
        let edited = ToolCall::parse(draft.server(), params)?;
        let arguments = edited.arguments().as_object().cloned().unwrap_or_default();
        if draft.clone().with_arguments(arguments.clone()) != edited.with_arguments(arguments.clone()) {
            let reason = "only the arguments can be changed: deny this call where it should be another".into();
            return Err(InvalidParams { pointer: String::new(), reason });
        }
        Ok(Event::EditArguments(arguments))
    }

    /// Closes it with a refusal that is not a person's; false: it was decided, or is over, already.
    pub(super) fn refuse(&mut self) -> bool {
        self.review.apply(Event::Deny).is_ok()
    }

    /// Closes it, whether or not it was decided.
    pub(super) fn withdraw(&mut self) {
        // Already closed by a decision, or closed now by a withdrawal; either is fine.
        let _ = self.review.apply(Event::Withdraw);
    }

    pub(super) fn gate(&self) -> Option<Gate> {
        match self.review.state() {
            State::Request => Some(Gate::Request),
            State::Calling(_) | State::Result { .. } => Some(Gate::Answer),
            State::Closed => None,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.review.state() {
            State::Request => Phase::Request,
            State::Calling(_) => Phase::Answering,
            State::Result { .. } => Phase::Answer,
            State::Closed => Phase::Closed,
        }
    }

    pub(super) fn at_gate(&self) -> Option<Shown> {
        match self.review.state() {
            State::Request => Some(Shown { gate: Gate::Request, content: self.review.draft().object() }),
            State::Result { draft, .. } => Some(Shown { gate: Gate::Answer, content: draft.logged() }),
            State::Calling(_) | State::Closed => None,
        }
    }

    fn edited(&self, gate: Gate) -> bool {
        match gate {
            Gate::Request => self.review.request_edited(),
            Gate::Answer => self.review.result_edited(),
        }
    }

    pub(super) fn changed_by_you(&self) -> Option<&'static str> {
        (self.review.request_edited() || self.review.result_edited()).then_some("You edited it.")
    }
}

/// What the pipeline does to a tool call. It holds the entries that it submitted as such, so the refusal for other kinds
/// is never met.
impl Entry {
    /// Applies an event that is not a person's.
    pub(crate) fn apply_to_call(&self, event: Event) -> Result<Effect, NotNow> {
        let mut state = self.state();
        let Subject::ToolCall(call) = &mut state.subject else { return Err(NotNow::NotOffered) };
        let effect = call.review.apply(event)?;
        if matches!(effect, Effect::Call(_)) {
            state.unseen_answer();
        }
        Ok(effect)
    }
}

/// What the log calls it.
fn what(kind: ActionKind, edited: bool) -> audit::Decision {
    match (kind, edited) {
        (ActionKind::Deny, _) => audit::Decision::Denied,
        (_, true) => audit::Decision::Edited,
        (_, false) => audit::Decision::Approved,
    }
}
