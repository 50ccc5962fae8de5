//! One question in the queue: its state, and what the pipeline does to it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use samplegate_core::{
    answer::SamplingAnswer,
    audit::{Gate, Place, QuestionId},
    inspect::{Finding, Fingerprint},
    policy::{Offer, Scope},
    review::{AnswerDraft, Effect, Event, NotNow, Review, State, ToolUseDecision},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{ActError, AnswerProgress, Decision, Desk, OpinionState, Submission, Wanted, view};
use crate::wire::{EndedView, EvaluationView, Phase, ProvenanceView, ReviewItem};

/// A question in the queue.
#[derive(Debug)]
pub struct Entry {
    pub(super) id: QuestionId,
    pub(super) received_at: jiff::Timestamp,
    pub(super) arrival: u64,
    pub(super) provenance: ProvenanceView,
    /// The model that would have been asked, had nobody chosen another.
    first_model: Option<String>,
    /// Sentences about what differs from what was received, and why.
    pub(super) notes: Vec<String>,
    /// How it relates to what the server asked before.
    pub(super) behaviour: Vec<Finding>,
    pub(super) fingerprint: Fingerprint,
    pub(super) state: Mutex<EntryState>,
    pub(super) decisions: mpsc::UnboundedSender<Decision>,
}

/// What changes about it.
#[derive(Debug)]
pub(super) struct EntryState {
    pub(super) review: Review,
    /// What the policy said at the gate it stands at.
    pub(super) evaluation: EvaluationView,
    /// How far a decision there may reach.
    offer: Offer,
    pub(super) answer: AnswerProgress,
    pub(super) ended: Option<EndedView>,
    /// What was shown of it as it is now.
    pub(super) shown: Vec<(Gate, Place)>,
    /// A second opinion of the request.
    pub(super) opinion: OpinionState,
    /// The revision for which the name was typed, where what is of high risk wants that.
    pub(super) typed_at: Option<u32>,
    /// Whether it waited for a person, at any time.
    pub(super) waited: bool,
    /// What was worked out about the request, until it or the settings change: an answer that streams in makes the
    /// windows read the question again many times a second.
    pub(super) worked_out: Option<view::WorkedOut>,
}

impl Entry {
    pub(super) fn new(submission: Submission, decisions: mpsc::UnboundedSender<Decision>) -> Self {
        Self {
            id: submission.id,
            received_at: submission.received_at,
            arrival: submission.arrival,
            provenance: submission.provenance,
            first_model: submission.review.model().map(|model| model.name.clone()),
            notes: submission.notes,
            behaviour: submission.behaviour,
            fingerprint: submission.fingerprint,
            state: Mutex::new(EntryState {
                review: submission.review,
                evaluation: submission.evaluation,
                offer: submission.offer,
                answer: AnswerProgress::default(),
                ended: None,
                shown: Vec::new(),
                opinion: OpinionState::default(),
                typed_at: None,
                waited: false,
                worked_out: None,
            }),
            decisions,
        }
    }

    /// The question's id.
    pub fn id(&self) -> QuestionId {
        self.id
    }

    /// Applies an event that is not a person's.
    pub(crate) fn apply(&self, event: Event) -> Result<Effect, NotNow> {
        let mut state = self.state();
        let effect = state.review.apply(event)?;
        if matches!(effect, Effect::Send(_)) {
            state.asked();
        }
        Ok(effect)
    }

    /// Returns the answer because a rule says so, its tool calls included; gives what was decided about these. What a
    /// person decided about a call meanwhile stands.
    pub(crate) fn return_by_rule(&self) -> Result<(Effect, Option<Value>), NotNow> {
        let mut state = self.state();
        let open: Vec<String> = state.review.answer().map_or_else(Vec::new, |answer| {
            // The rule judged what the model gave, not what a person made of it meanwhile.
            let open = answer.tool_uses().filter(|(_, decision)| decision.is_none() && !answer.is_edited());
            open.map(|(tool_use, _)| tool_use.id.clone()).collect()
        });
        // Where it cannot be returned, the rule's approvals must not stand as if a person had given them.
        let before = state.review.clone();
        let done = open
            .into_iter()
            .try_for_each(|id| {
                state.review.apply(Event::DecideToolUse { id, decision: ToolUseDecision::Approved }).map(drop)
            })
            .and_then(|()| {
                let tool_calls = state.tool_calls();
                state.review.apply(Event::Return).map(|effect| (effect, tool_calls))
            });
        if done.is_err() {
            state.review = before;
        }
        done
    }

    /// An answer as it would be returned if nobody edits it: with what was redacted from the request.
    pub(crate) fn as_returned(&self, answer: &SamplingAnswer) -> SamplingAnswer {
        self.state().review.as_returned(answer)
    }

    /// Changes what is known about the answer.
    pub(crate) fn progress(&self, change: impl FnOnce(&mut AnswerProgress)) {
        let mut state = self.state();
        change(&mut state.answer);
    }

    /// Notes what the policy says at the gate it now stands at.
    pub(crate) fn judged(&self, evaluation: EvaluationView, offer: Offer) {
        let mut state = self.state();
        state.evaluation = evaluation;
        state.offer = offer;
    }

    /// Whether a person edited it, or chose another model.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed_by_you(&self.state()).is_some()
    }

    /// Why a decision now reaches no further than this question, because of what a person changed.
    fn changed_by_you(&self, state: &EntryState) -> Option<&'static str> {
        let review = &state.review;
        let edited = review.request_edited() || state.edited(Gate::Answer);
        let other_model = review.model().map(|model| &model.name) != self.first_model.as_ref();
        edited.then_some("You edited it.").or(other_model.then_some("You chose another model."))
    }

    /// How far a decision now may reach.
    pub(super) fn offer(&self, state: &EntryState) -> Offer {
        match self.changed_by_you(state) {
            Some(why) => Offer { about: None, only_once: Some(why.into()), ..state.offer.clone() },
            None => state.offer.clone(),
        }
    }

    pub(super) fn wanted(&self, state: &EntryState, scope: Scope, answers: bool) -> Result<Wanted, ActError> {
        let offer = self.offer(state);
        if offer.says(scope, answers).is_none() {
            return Err(ActError::OnlyOnce(offer.only_once.unwrap_or_else(|| "it is not offered for longer".into())));
        }
        Ok(Wanted { offer, scope, answers })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().ended.is_some()
    }

    /// Notes that it waits for a person.
    pub(crate) fn waits(&self) {
        self.state().waited = true;
    }

    pub(super) fn waits_for_a_person(&self) -> bool {
        matches!(self.state().review.state(), State::Request | State::Answer { .. })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, EntryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn item(&self, desk: &Desk) -> ReviewItem {
        view::item(self, desk)
    }
}

impl EntryState {
    /// A model is asked: what comes is another answer, which nobody has seen.
    pub(super) fn asked(&mut self) {
        self.answer = AnswerProgress::asked(self.review.model());
        self.shown.retain(|(gate, _)| *gate != Gate::Answer);
    }

    pub(super) fn gate(&self) -> Option<Gate> {
        match self.review.state() {
            State::Request => Some(Gate::Request),
            State::Asking(_) | State::Answer { .. } => Some(Gate::Answer),
            State::Closed => None,
        }
    }

    pub(super) fn edited(&self, gate: Gate) -> bool {
        match gate {
            Gate::Request => self.review.request_edited(),
            Gate::Answer => self.review.answer().is_some_and(AnswerDraft::is_edited),
        }
    }

    /// What was decided about each tool call in the answer, as the log has it.
    pub(super) fn tool_calls(&self) -> Option<Value> {
        let decided = self.review.answer()?.decided();
        let calls: Vec<Value> = decided
            .map(|(call, decision)| json!({"id": call.id, "name": call.name, "decision": decision.as_str()}))
            .collect();
        (!calls.is_empty()).then(|| calls.into())
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
}
