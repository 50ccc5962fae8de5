//! A question to the person in the queue.

use samplegate_core::{
    audit::{self, Gate},
    elicitation::{Dialog, DialogError, Effect, Event, Mode, Typed},
    upstream,
};
use tokio::sync::mpsc;

use super::{
    ActError, Decision, Entry, Shown,
    subject::{Act, Subject},
};
use crate::wire::{Action, Phase};

/// A question to the person, in the state it is in.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) dialog: Dialog,
    decisions: mpsc::UnboundedSender<Decision<Effect>>,
}

impl Asking {
    pub(super) fn new(dialog: Dialog, decisions: mpsc::UnboundedSender<Decision<Effect>>) -> Self {
        Self { dialog, decisions }
    }

    pub(super) fn act(&mut self, act: Act) -> Result<(), ActError> {
        let Act { action, gate, grant } = act;
        let mut reason = None;
        let event = match action {
            Action::Fill { values } => return Ok(self.dialog.fill(typed(values)?)?),
            Action::Accept { values } => Event::Accept(typed(values)?),
            Action::Deny { reason: why } => {
                reason = Some(why).filter(|text| !text.trim().is_empty());
                Event::Decline
            }
            Action::Cancel => Event::Cancel,
            Action::Approve => Event::PassOn,
            Action::Grant { .. }
            | Action::EditRequest { .. }
            | Action::EditAnswer { .. }
            | Action::Redact { .. }
            | Action::Restore { .. }
            | Action::DecideToolUse { .. }
            | Action::RemoveRefused
            | Action::Revert
            | Action::AnswerByHand { .. }
            | Action::ChooseModel { .. }
            | Action::Stop
            | Action::AskAgain { .. }
            | Action::Return
            | Action::Confirm { .. } => return Err(ActError::OfAnotherKind),
        };
        let effect = self.dialog.apply(event)?;
        let what = match (&effect, self.dialog.asked().mode()) {
            (Effect::Accept(_), Mode::Form(_)) => audit::Decision::AnsweredByHand,
            (Effect::Accept(_), Mode::Url { .. }) => audit::Decision::Approved,
            (Effect::PassOn, _) => audit::Decision::Approved,
            (Effect::Decline | Effect::Cancel | Effect::End, _) => audit::Decision::Denied,
        };
        // The pipeline is gone only when the question has ended: then nobody waits for this decision.
        let _ = self.decisions.send(Decision { effect, what, gate, reason, tool_calls: None, grant });
        Ok(())
    }

    pub(super) fn refuse(&mut self) -> bool {
        self.dialog.apply(Event::Refuse).is_ok()
    }

    pub(super) fn withdraw(&mut self) {
        // Over already by a decision, or over now; either is fine.
        let _ = self.dialog.apply(Event::Withdraw);
    }

    pub(super) fn phase(&self) -> Phase {
        match (self.dialog.is_over(), self.dialog.is_with_host()) {
            (true, _) => Phase::Closed,
            (false, true) => Phase::Answering,
            (false, false) => Phase::Request,
        }
    }

    pub(super) fn at_gate(&self) -> Option<Shown> {
        let content = self.dialog.asked().params().clone();
        (!self.dialog.is_over()).then_some(Shown { gate: Gate::Request, content })
    }
}

impl Entry {
    /// Applies an event that is not a person's.
    pub(crate) fn apply_to_dialog(&self, event: Event) -> Result<Effect, DialogError> {
        match &mut self.state().subject {
            Subject::Elicitation(asking) => asking.dialog.apply(event),
            Subject::Sampling(_) | Subject::ToolCall(_) => Err(DialogError::Over),
        }
    }

    /// The params with which its host is asked.
    pub(crate) fn for_host(&self) -> Option<serde_json::Value> {
        match &self.state().subject {
            Subject::Elicitation(asking) => Some(upstream::elicitation_params(asking.dialog.asked())),
            Subject::Sampling(_) | Subject::ToolCall(_) => None,
        }
    }
}

fn typed(values: serde_json::Value) -> Result<Typed, ActError> {
    match values {
        serde_json::Value::Object(typed) => Ok(typed),
        _ => Err(ActError::OfAnotherKind),
    }
}
