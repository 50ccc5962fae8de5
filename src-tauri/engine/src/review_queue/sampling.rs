//! A request for a model's answer in the queue: what a person does to it, and what the pipeline does.

use samplegate_core::{
    action::ActionKind,
    answer::SamplingAnswer,
    audit::{self, Gate},
    exact,
    request::SamplingRequest,
    review::{AnswerDraft, Effect, Event, ModelOutcome, ModelRef, NotNow, Review, State, ToolUseDecision},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    ActError, AnswerProgress, Decision, Desk, Entry, OpinionState, Shown,
    subject::{Act, Subject, findings_at},
    view,
};
use crate::{
    pipeline::NEWEST_PROTOCOL,
    wire::{Action, Phase},
};

/// A request for a model's answer, in the state it is in.
#[derive(Debug)]
pub(super) struct Sampling {
    pub(super) review: Review,
    pub(super) answer: AnswerProgress,
    /// A second opinion of the request.
    pub(super) opinion: OpinionState,
    /// What was worked out about the request, until it or the settings change: an answer that streams in makes the
    /// windows read the question again many times a second.
    pub(super) worked_out: Option<view::WorkedOut>,
    /// The model of the host, where it answers itself.
    pub(super) host: Option<ModelRef>,
    /// The model that would have been asked, had nobody chosen another.
    first_model: Option<String>,
    decisions: mpsc::UnboundedSender<Decision<Effect>>,
}

impl Sampling {
    pub(super) fn new(review: Review, decisions: mpsc::UnboundedSender<Decision<Effect>>) -> Self {
        Self {
            host: review.model().filter(|model| model.host().is_some()).cloned(),
            first_model: review.model().map(|model| model.name.clone()),
            review,
            answer: AnswerProgress::default(),
            opinion: OpinionState::default(),
            worked_out: None,
            decisions,
        }
    }

    pub(super) fn act(&mut self, act: Act, desk: &Desk, server: &str) -> Result<(), ActError> {
        let Act { action, gate, grant } = act;
        let (event, reason) = self.event(action, server, gate, desk)?;
        let (edited, tool_calls) = (self.edited(gate), self.tool_calls());
        let kind = event.kind();
        let effect = self.apply(event)?;
        if let Some(kind) = kind
            && !matches!(effect, Effect::Show)
        {
            let what = what(kind, edited);
            // The pipeline is gone only when the question has ended: then nobody waits for this decision.
            let _ = self.decisions.send(Decision { effect, what, gate, reason, tool_calls, grant });
        }
        Ok(())
    }

    fn event(
        &self,
        action: Action,
        server: &str,
        gate: Gate,
        desk: &Desk,
    ) -> Result<(Event, Option<String>), ActError> {
        let named = |name: String| match desk.forbids(server, &name) {
            Some(why) => Err(ActError::NotAllowed(why)),
            None => {
                let of_host = self.host.clone().filter(|host| host.name == name);
                of_host.or_else(|| desk.model(&name)).ok_or(ActError::NoSuchModel(name))
            }
        };
        Ok((
            match action {
                Action::Approve => Event::Approve,
                Action::Grant { .. } => match gate {
                    Gate::Request => Event::Approve,
                    Gate::Answer => Event::Return,
                },
                Action::EditRequest { mut params } => {
                    exact::restore(self.review.draft().params(), &mut params);
                    Event::EditRequest(Box::new(SamplingRequest::parse(params)?))
                }
                Action::EditAnswer { mut result } => {
                    let shown = self.review.answer().and_then(|answer| answer.draft().to_result(NEWEST_PROTOCOL).ok());
                    if let Some(shown) = shown {
                        exact::restore(&shown, &mut result);
                    }
                    Event::EditAnswer(Box::new(SamplingAnswer::from_result(&result)?))
                }
                Action::Redact { findings } => Event::Redact(findings_at(self.review.draft().params(), &findings)),
                Action::Restore { on } => Event::Restore(on),
                Action::DecideToolUse { id, decision } => Event::DecideToolUse { id, decision: decision.into() },
                Action::RemoveRefused => Event::RemoveRefused,
                Action::Revert => Event::Revert,
                Action::Deny { reason } => {
                    return Ok((Event::Deny, Some(reason).filter(|text| !text.trim().is_empty())));
                }
                Action::AnswerByHand { text } => Event::AnswerByHand(text),
                Action::ChooseModel { name } => Event::ChooseModel(named(name)?),
                Action::Stop => Event::Stop,
                Action::AskAgain { model } => Event::AskAgain(model.map(named).transpose()?),
                Action::Return => Event::Return,
                // Taken before it comes here: it changes nothing about the question.
                Action::Confirm { .. } => return Err(ActError::Stale),
                Action::Fill { .. } | Action::Accept { .. } | Action::Cancel => return Err(ActError::OfAnotherKind),
            },
            None,
        ))
    }

    fn apply(&mut self, event: Event) -> Result<Effect, NotNow> {
        let effect = self.review.apply(event)?;
        if matches!(effect, Effect::Send(_)) {
            self.asked();
        }
        Ok(effect)
    }

    /// A model is asked: what comes is another answer.
    fn asked(&mut self) {
        self.answer = AnswerProgress::asked(self.review.model());
    }

    /// Closes it with a refusal that is not a person's; false: it was decided, or is over, already.
    pub(super) fn refuse(&mut self) -> bool {
        self.review.apply(Event::Deny).is_ok()
    }

    /// Closes it, whether or not it was decided.
    pub(super) fn withdraw(&mut self) {
        // Already closed by a decision, or closed now by a withdrawal; either is fine.
        let _ = self.review.apply(Event::Withdraw);
        self.end_opinion();
    }

    /// Returns the answer because a rule says so, its tool calls included; gives what was decided about these. What a
    /// person decided about a call meanwhile stands.
    fn return_by_rule(&mut self) -> Result<(Effect, Option<Value>), NotNow> {
        let open: Vec<String> = self.review.answer().map_or_else(Vec::new, |answer| {
            // The rule judged what the model gave, not what a person made of it meanwhile.
            let open = answer.tool_uses().filter(|(_, decision)| decision.is_none() && !answer.is_edited());
            open.map(|(tool_use, _)| tool_use.id.clone()).collect()
        });
        // Where it cannot be returned, the rule's approvals must not stand as if a person had given them.
        let before = self.review.clone();
        let done = open
            .into_iter()
            .try_for_each(|id| {
                self.review.apply(Event::DecideToolUse { id, decision: ToolUseDecision::Approved }).map(drop)
            })
            .and_then(|()| {
                let tool_calls = self.tool_calls();
                self.review.apply(Event::Return).map(|effect| (effect, tool_calls))
            });
        if done.is_err() {
            self.review = before;
        }
        done
    }

    /// What was decided about each tool call in the answer, as the log has it.
    fn tool_calls(&self) -> Option<Value> {
        let decided = self.review.answer()?.decided();
        let calls: Vec<Value> = decided
            .map(|(call, decision)| json!({"id": call.id, "name": call.name, "decision": decision.as_str()}))
            .collect();
        (!calls.is_empty()).then(|| calls.into())
    }

    /// Exactly the body that an approval now would send, or did.
    pub(super) fn outgoing(&self, desk: &Desk) -> Option<String> {
        let (request, model) = match self.review.state() {
            State::Asking(approved) | State::Answer { approved, .. } => (approved.request(), Some(approved.model())),
            State::Request | State::Closed => (self.review.draft(), self.review.model()),
        };
        let outgoing = desk.outgoing(request, model?).ok()?;
        Some(String::from_utf8_lossy(outgoing.body()).into_owned())
    }

    pub(super) fn gate(&self) -> Option<Gate> {
        match self.review.state() {
            State::Request => Some(Gate::Request),
            State::Asking(_) | State::Answer { .. } => Some(Gate::Answer),
            State::Closed => None,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.review.state() {
            State::Request => Phase::Request,
            State::Asking(_) if self.answer.waiting.is_some() => Phase::Waiting,
            State::Asking(_) => Phase::Answering,
            State::Answer { .. } => Phase::Answer,
            State::Closed => Phase::Closed,
        }
    }

    pub(super) fn at_gate(&self) -> Option<Shown> {
        let (gate, content) = match self.review.state() {
            State::Request => (Gate::Request, self.review.draft().params().clone()),
            State::Answer { outcome: ModelOutcome::Answered(answer), .. } => {
                (Gate::Answer, answer.draft().to_result(NEWEST_PROTOCOL).unwrap_or_default())
            }
            State::Answer { outcome: ModelOutcome::Failed(why), .. } => (Gate::Answer, why.clone().into()),
            State::Asking(_) | State::Closed => return None,
        };
        Some(Shown { gate, content })
    }

    fn edited(&self, gate: Gate) -> bool {
        match gate {
            Gate::Request => self.review.request_edited(),
            Gate::Answer => self.review.answer().is_some_and(AnswerDraft::is_edited),
        }
    }

    pub(super) fn changed_by_you(&self) -> Option<&'static str> {
        let edited = self.review.request_edited() || self.edited(Gate::Answer);
        let other_model = self.review.model().map(|model| &model.name) != self.first_model.as_ref();
        edited.then_some("You edited it.").or(other_model.then_some("You chose another model."))
    }
}

/// What the pipeline does to a request for a model's answer. It holds the entries that it submitted as such, so the
/// refusals for other kinds are never met.
impl Entry {
    /// Applies an event that is not a person's.
    pub(crate) fn apply(&self, event: Event) -> Result<Effect, NotNow> {
        let mut state = self.state();
        let Subject::Sampling(sampling) = &mut state.subject else { return Err(NotNow::NotOffered) };
        let effect = sampling.apply(event)?;
        if matches!(effect, Effect::Send(_)) {
            state.unseen_answer();
        }
        Ok(effect)
    }

    /// See [`Sampling::return_by_rule`].
    pub(crate) fn return_by_rule(&self) -> Result<(Effect, Option<Value>), NotNow> {
        match &mut self.state().subject {
            Subject::Sampling(sampling) => sampling.return_by_rule(),
            Subject::Elicitation(_) | Subject::ToolCall(_) => Err(NotNow::NotOffered),
        }
    }

    /// An answer as it would be returned if nobody edits it: with what was redacted from the request.
    pub(crate) fn as_returned(&self, answer: &SamplingAnswer) -> SamplingAnswer {
        match &self.state().subject {
            Subject::Sampling(sampling) => sampling.review.as_returned(answer),
            Subject::Elicitation(_) | Subject::ToolCall(_) => answer.clone(),
        }
    }

    /// Changes what is known about the answer.
    pub(crate) fn progress(&self, change: impl FnOnce(&mut AnswerProgress)) {
        if let Subject::Sampling(sampling) = &mut self.state().subject {
            change(&mut sampling.answer);
        }
    }
}

/// What the log calls it.
fn what(kind: ActionKind, edited: bool) -> audit::Decision {
    match (kind, edited) {
        (ActionKind::Deny, _) => audit::Decision::Denied,
        (ActionKind::AnswerByHand, _) => audit::Decision::AnsweredByHand,
        (ActionKind::AskAgain, _) => audit::Decision::AskedAgain,
        (ActionKind::Stop, _) => audit::Decision::Stopped,
        (_, true) => audit::Decision::Edited,
        (_, false) => audit::Decision::Approved,
    }
}
