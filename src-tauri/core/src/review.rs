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
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use answer_draft::{AnswerDraft, ToolUseDecision};

use crate::{
    answer::{NotCarried, SamplingAnswer},
    canonical::Sha256Hex,
    inspect::Finding,
    redact::{self, Originals},
    request::{InvalidParams, SamplingRequest},
    tokens,
};

/// A configured model, as it is approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// The configured name.
    pub name: String,
    /// The provider.
    pub provider: String,
    /// The provider's model id.
    pub model: String,
    /// Where it is, as configured when it was chosen; none: the provider's own. A later change of the settings does
    /// not move what was approved.
    pub base_url: Option<String>,
}

/// A request that a person, or a rule that a person made, approved. Only [`Review::apply`] makes one.
#[derive(Debug, Clone)]
pub struct ApprovedRequest {
    request: SamplingRequest,
    model: ModelRef,
    object: Value,
    sha256: Sha256Hex,
}

impl ApprovedRequest {
    fn new(request: SamplingRequest, model: ModelRef) -> Self {
        let object = approved_object(&request, &model);
        let sha256 = Sha256Hex::of_json(&object);
        Self { request, model, object, sha256 }
    }

    /// The request as approved.
    pub fn request(&self) -> &SamplingRequest {
        &self.request
    }

    /// The model it was approved for.
    pub fn model(&self) -> &ModelRef {
        &self.model
    }

    /// The object that was approved: the params, plus `model` and `provider`.
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// SHA-256 of the object's canonical bytes (RFC 8785), taken when it was approved.
    pub fn sha256(&self) -> Sha256Hex {
        self.sha256
    }
}

/// The object that an approval of this request for this model approves.
pub fn approved_object(request: &SamplingRequest, model: &ModelRef) -> Value {
    let mut object = request.params().clone();
    if let Value::Object(fields) = &mut object {
        fields.insert("model".into(), Value::String(model.model.clone()));
        fields.insert("provider".into(), Value::String(model.provider.clone()));
    }
    object
}

/// An answer that may go back to the server. Only [`Review::apply`] makes one.
#[derive(Debug, Clone)]
pub struct ReleasedResponse {
    answer: SamplingAnswer,
    result: Value,
    edited: bool,
}

impl ReleasedResponse {
    /// The answer.
    pub fn answer(&self) -> &SamplingAnswer {
        &self.answer
    }

    /// The answer as the protocol's result object, in the server's revision.
    pub fn result(&self) -> &Value {
        &self.result
    }

    /// Whether a person changed what the model wrote.
    pub fn edited(&self) -> bool {
        self.edited
    }
}

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

/// What may be done about a question. The shells offer these and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionKind {
    /// Send the request as shown.
    Approve,
    /// Change what is shown at this gate.
    Edit,
    /// Replace what was found in the request by placeholders.
    Redact,
    /// Undo all edits of this gate.
    Revert,
    /// Refuse.
    Deny,
    /// Write the answer oneself.
    AnswerByHand,
    /// Use another model.
    ChooseModel,
    /// Stop the model and keep what came so far.
    Stop,
    /// Ask a model again.
    AskAgain,
    /// Put what was redacted back into the answer, or leave the placeholders.
    Restore,
    /// Approve or refuse one tool call in the answer.
    DecideToolUse,
    /// Take the refused tool calls out of the answer.
    RemoveRefused,
    /// Return the answer as shown.
    Return,
}

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
                let model = other.or_else(|| self.model.clone()).unwrap_or_else(|| approved.model.clone());
                let request = approved.request.clone();
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
        Ok(self.close(Effect::Release(Box::new(ReleasedResponse { answer, result, edited }))))
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
