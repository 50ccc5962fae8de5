//! One question in the queue: what is the same for all kinds of questions.

use std::sync::{Mutex, MutexGuard, PoisonError};

use samplegate_core::{
    audit::{Gate, Place, QuestionId},
    inspect::{Finding, Fingerprint},
    policy::{Offer, Scope},
};

use super::{ActError, Desk, Submission, Wanted, subject::Subject, view};
use crate::wire::{EndedView, EvaluationView, Phase, ProvenanceView, ReviewItem};

/// A question in the queue.
#[derive(Debug)]
pub struct Entry {
    pub(super) id: QuestionId,
    pub(super) received_at: jiff::Timestamp,
    pub(super) arrival: u64,
    pub(super) provenance: ProvenanceView,
    /// Sentences about what differs from what was received, and why.
    pub(super) notes: Vec<String>,
    /// How it relates to what the server asked before.
    pub(super) behaviour: Vec<Finding>,
    pub(super) fingerprint: Fingerprint,
    pub(super) state: Mutex<EntryState>,
}

/// What changes about it.
#[derive(Debug)]
pub(super) struct EntryState {
    pub(super) subject: Subject,
    /// What the policy said at the gate it stands at.
    pub(super) evaluation: EvaluationView,
    /// How far a decision there may reach.
    offer: Offer,
    pub(super) ended: Option<EndedView>,
    /// What was shown of it as it is now.
    pub(super) shown: Vec<(Gate, Place)>,
    /// The revision for which the name was typed, where what is of high risk wants that.
    pub(super) typed_at: Option<u32>,
    /// Whether it waited for a person, at any time.
    pub(super) waited: bool,
    /// Why it was asked, where that is true no more.
    pub(super) lifted: Option<String>,
}

impl Entry {
    pub(super) fn new(submission: Submission, subject: Subject) -> Self {
        Self {
            id: submission.id,
            received_at: submission.received_at,
            arrival: submission.arrival,
            provenance: submission.provenance,
            notes: submission.notes,
            behaviour: submission.behaviour,
            fingerprint: submission.fingerprint,
            state: Mutex::new(EntryState {
                subject,
                evaluation: submission.evaluation,
                offer: submission.offer,
                ended: None,
                shown: Vec::new(),
                typed_at: None,
                waited: false,
                lifted: None,
            }),
        }
    }

    /// The question's id.
    pub fn id(&self) -> QuestionId {
        self.id
    }

    /// Closes it with a refusal that is not a person's; false: a person decided at this very moment, or it is over.
    pub(crate) fn refuse(&self) -> bool {
        self.state().subject.refuse()
    }

    /// Notes what the policy says at the gate it now stands at.
    pub(crate) fn judged(&self, evaluation: EvaluationView, offer: Offer) {
        let mut state = self.state();
        state.evaluation = evaluation;
        state.offer = offer;
        state.lifted = None;
    }

    /// Whether a person edited it, or chose another model.
    pub(crate) fn is_changed(&self) -> bool {
        self.state().subject.changed_by_you().is_some()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().ended.is_some()
    }

    /// Notes that it waits for a person.
    pub(crate) fn waits(&self) {
        self.state().waited = true;
    }

    pub(super) fn waits_for_a_person(&self) -> bool {
        matches!(self.state().subject.phase(), Phase::Request | Phase::Answer)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, EntryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn item(&self, desk: &Desk) -> ReviewItem {
        view::item(self, desk)
    }
}

impl EntryState {
    /// How far a decision now may reach.
    pub(super) fn offer(&self) -> Offer {
        match self.subject.changed_by_you() {
            Some(why) => Offer { about: None, only_once: Some(why.into()), ..self.offer.clone() },
            None => self.offer.clone(),
        }
    }

    pub(super) fn wanted(&self, scope: Scope, answers: bool) -> Result<Wanted, ActError> {
        let offer = self.offer();
        if offer.says(scope, answers).is_none() {
            return Err(ActError::OnlyOnce(offer.only_once.unwrap_or_else(|| "it is not offered for longer".into())));
        }
        Ok(Wanted { offer, scope, answers })
    }

    /// What comes is another answer, which nobody has seen.
    pub(super) fn unseen_answer(&mut self) {
        self.shown.retain(|(gate, _)| *gate != Gate::Answer);
    }
}
