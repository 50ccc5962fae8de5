//! One question between its two gates: what state it is in, what may be done, what follows.
//!
//! Data flow: [`Review::apply`] takes an [`Event`] (a person's action, a rule's, the model's or the server's) and
//! gives the [`Effect`] that the engine must carry out. Nothing else creates an [`ApprovedRequest`] or a
//! [`ReleasedResponse`], so an unreviewed request cannot reach a model, nor an unreviewed answer a server.
//!
//! Invariants, property-tested: a question ends at most once; nothing is sent without an approval; what is sent is
//! what was approved, and what is released is what was shown and what the server's protocol can carry; no tool call
//! goes back that was not approved by itself; what was redacted from a request never reaches a model. Every change
//! raises the revision, and an action names the revision it was taken on (the engine checks it), so nobody decides on
//! something they did not see.

mod answer_draft;
mod approved;
mod event;
#[cfg(test)]
mod tests;

pub use answer_draft::{AnswerDraft, ToolUseDecision};
pub use approved::{ApprovedRequest, HOST, ModelRef, ReleasedResponse, approved_object};
pub use event::{Effect, Event, NotNow};

use crate::{
    action::ActionKind,
    answer::SamplingAnswer,
    redact::{self, Originals},
    request::SamplingRequest,
    tokens,
};

/// Where a question stands.
#[derive(Debug, Clone)]
pub enum State {
    /// At the request gate.
    Request,
    /// Approved; the model is being asked.
    Asking(ApprovedRequest),
    /// At the answer gate.
    Answer {
        /// What was sent.
        approved: ApprovedRequest,
        /// What the model gave, and as edited; or why it failed.
        outcome: ModelOutcome,
    },
    /// Over.
    Closed,
}

/// What came of asking a model.
#[derive(Debug, Clone)]
pub enum ModelOutcome {
    /// It answered.
    Answered(Box<AnswerDraft>),
    /// It failed, with a sentence why.
    Failed(String),
}

/// A question between its two gates.
#[derive(Debug, Clone)]
pub struct Review {
    revision: u32,
    received: SamplingRequest,
    offered: SamplingRequest,
    draft: SamplingRequest,
    model: Option<ModelRef>,
    protocol: String,
    /// What the placeholders in the request stand for: here only, until the question ends.
    originals: Originals,
    state: State,
}

impl Review {
    /// A question as it arrives. `offered` is the request after limits were applied (a lowered maxTokens); it is what
    /// an unedited approval approves, and what Revert goes back to. `protocol` is the server's revision, which must be
    /// able to carry what is returned.
    pub fn new(
        received: SamplingRequest,
        offered: SamplingRequest,
        model: Option<ModelRef>,
        protocol: impl Into<String>,
    ) -> Self {
        let (draft, protocol) = (offered.clone(), protocol.into());
        let originals = Originals::default();
        Self { revision: 1, received, draft, offered, model, protocol, originals, state: State::Request }
    }

    /// Goes up with every change.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The request as received.
    pub fn received(&self) -> &SamplingRequest {
        &self.received
    }

    /// The request as an approval now would approve it.
    pub fn draft(&self) -> &SamplingRequest {
        &self.draft
    }

    /// Whether a person edited the request.
    pub fn request_edited(&self) -> bool {
        self.draft.params() != self.offered.params()
    }

    /// The placeholders that stand in the request for what was redacted.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.originals.placeholders()
    }

    /// The model that an approval now would use.
    pub fn model(&self) -> Option<&ModelRef> {
        self.model.as_ref()
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The answer that stands at its gate.
    pub fn answer(&self) -> Option<&AnswerDraft> {
        match &self.state {
            State::Answer { outcome: ModelOutcome::Answered(answer), .. } => Some(answer),
            State::Answer { .. } | State::Request | State::Asking(_) | State::Closed => None,
        }
    }

    /// An answer as it would be returned if nobody edits it: with what was redacted from the request.
    pub fn as_returned(&self, answer: &SamplingAnswer) -> SamplingAnswer {
        answer.restored(&self.originals)
    }

    fn answer_mut(&mut self) -> Result<&mut AnswerDraft, NotNow> {
        match &mut self.state {
            State::Answer { outcome: ModelOutcome::Answered(answer), .. } => Ok(answer),
            State::Answer { .. } | State::Request | State::Asking(_) | State::Closed => Err(NotNow::NotOffered),
        }
    }

    /// Why the answer that stands at its gate cannot be returned; none: it can, or there is none.
    pub fn cannot_return(&self) -> Option<NotNow> {
        let answer = self.answer()?;
        answer.draft().check_carried(&self.protocol).err().map(NotNow::NotCarried).or_else(|| answer.held_by())
    }

    /// What may be done now.
    pub fn actions(&self) -> Vec<ActionKind> {
        use ActionKind::{
            AnswerByHand, Approve, AskAgain, ChooseModel, DecideToolUse, Deny, Edit, Redact, RemoveRefused, Restore,
            Return, Revert, Stop,
        };
        match &self.state {
            State::Request => {
                // Where no model is proposed, one can still be chosen.
                let mut actions = vec![Deny, AnswerByHand, Edit, Redact, ChooseModel];
                actions.extend(self.request_edited().then_some(Revert));
                actions.extend(self.model.is_some().then_some(Approve));
                actions
            }
            State::Asking(_) => vec![Deny, AnswerByHand, Stop],
            State::Answer { outcome: ModelOutcome::Answered(answer), .. } => {
                let mut actions = vec![Deny, AnswerByHand, AskAgain, ChooseModel, Edit];
                actions.extend(answer.is_edited().then_some(Revert));
                actions.extend(answer.may_switch_restoring().then_some(Restore));
                actions.extend(answer.draft().tool_uses().next().map(|_| DecideToolUse));
                actions.extend(answer.has_refused().then_some(RemoveRefused));
                actions.extend(self.cannot_return().is_none().then_some(Return));
                actions
            }
            State::Answer { outcome: ModelOutcome::Failed(_), .. } => vec![Deny, AnswerByHand, ChooseModel, AskAgain],
            State::Closed => vec![],
        }
    }

    /// Applies an event.
    ///
    /// # Errors
    /// The event is not possible in this state, or not valid; nothing has changed then.
    pub fn apply(&mut self, event: Event) -> Result<Effect, NotNow> {
        if let Some(kind) = event.kind()
            && !self.actions().contains(&kind)
        {
            return Err(match kind {
                ActionKind::Approve if matches!(self.state, State::Request) => NotNow::NoModel,
                ActionKind::Return => self.cannot_return().unwrap_or(NotNow::NotOffered),
                _ => NotNow::NotOffered,
            });
        }
        let effect = self.step(event)?;
        self.revision = self.revision.saturating_add(1);
        Ok(effect)
    }

    fn step(&mut self, event: Event) -> Result<Effect, NotNow> {
        match event {
            Event::Approve => {
                let model = self.model.clone().ok_or(NotNow::NoModel)?;
                Ok(self.send(self.draft.clone(), model))
            }
            Event::AskAgain(other) => {
                let State::Answer { approved, .. } = &self.state else { return Err(NotNow::NotOffered) };
                let model = other.or_else(|| self.model.clone()).unwrap_or_else(|| approved.model().clone());
                let request = approved.request().clone();
                self.model = Some(model.clone());
                Ok(self.send(request, model))
            }
            Event::EditRequest(request) => {
                if !matches!(self.state, State::Request) {
                    return Err(NotNow::NotOffered);
                }
                let max = self.received.max_tokens();
                if request.max_tokens() > max {
                    return Err(NotNow::Raised { max });
                }
                self.draft = *request;
                Ok(Effect::Show)
            }
            Event::EditAnswer(answer) => {
                self.check_length(&answer)?;
                self.answer_mut()?.edit(*answer);
                Ok(Effect::Show)
            }
            Event::Redact(chosen) => {
                let redacted = redact::redact_more(self.draft.params(), &chosen, &self.originals);
                if redacted.params == *self.draft.params() {
                    return Err(NotNow::NothingToRedact);
                }
                self.draft = SamplingRequest::parse(redacted.params)?;
                self.originals = redacted.originals;
                Ok(Effect::Show)
            }
            Event::Restore(on) => {
                self.answer_mut()?.restore(on);
                Ok(Effect::Show)
            }
            Event::DecideToolUse { id, decision } => {
                self.answer_mut()?.decide(&id, decision)?;
                Ok(Effect::Show)
            }
            Event::RemoveRefused => {
                self.answer_mut()?.remove_refused();
                Ok(Effect::Show)
            }
            Event::Revert => {
                if matches!(self.state, State::Request) {
                    self.draft = self.offered.clone();
                    self.originals = Originals::default();
                } else {
                    self.answer_mut()?.revert();
                }
                Ok(Effect::Show)
            }
            Event::ChooseModel(model) => {
                self.model = Some(model);
                Ok(Effect::Show)
            }
            Event::AnswerByHand(text) => {
                let answer = SamplingAnswer::by_hand(text);
                self.check_length(&answer)?;
                self.release(answer, false)
            }
            Event::Return => {
                let answer = self.answer_mut()?;
                let (draft, edited) = (answer.draft().clone(), answer.is_edited());
                self.release(draft, edited)
            }
            Event::Deny => Ok(self.close(Effect::Refuse)),
            Event::Stop => Ok(Effect::StopModel),
            Event::Answered(answer) => {
                let draft = AnswerDraft::new(*answer, &self.originals);
                self.answered(ModelOutcome::Answered(Box::new(draft)))
            }
            Event::ModelFailed(why) => self.answered(ModelOutcome::Failed(why)),
            Event::Withdraw if self.is_closed() => Err(NotNow::NotOffered),
            Event::Withdraw => Ok(self.close(Effect::End)),
        }
    }

    fn send(&mut self, request: SamplingRequest, model: ModelRef) -> Effect {
        let approved = ApprovedRequest::new(request, model);
        self.state = State::Asking(approved.clone());
        Effect::Send(Box::new(approved))
    }

    fn release(&mut self, answer: SamplingAnswer, edited: bool) -> Result<Effect, NotNow> {
        let result = answer.to_result(&self.protocol)?;
        Ok(self.close(Effect::Release(Box::new(ReleasedResponse::new(answer, result, edited)))))
    }

    fn answered(&mut self, outcome: ModelOutcome) -> Result<Effect, NotNow> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Asking(approved) => {
                self.state = State::Answer { approved, outcome };
                Ok(Effect::Show)
            }
            // The model's last words after a denial or a withdrawal change nothing.
            other => {
                self.state = other;
                Err(NotNow::NotOffered)
            }
        }
    }

    fn close(&mut self, effect: Effect) -> Effect {
        self.state = State::Closed;
        self.originals = Originals::default();
        effect
    }

    /// `maxTokens` binds a person's text as it binds a model's; nothing is cut for them (MCP, sampling).
    fn check_length(&self, answer: &SamplingAnswer) -> Result<(), NotNow> {
        let max = self.received.max_tokens();
        let tokens = tokens::estimate_text(&answer.text());
        // An estimate may be a third too high, and an answer that fits must not be refused for that.
        if tokens * 3 > u64::from(max) * 4 { Err(NotNow::TooLong { tokens, max }) } else { Ok(()) }
    }
}
