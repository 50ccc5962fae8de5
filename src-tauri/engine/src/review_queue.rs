//! The questions that wait for a person: list, show, decide. They are of several kinds ([`subject`]).
//!
//! Data flow: the pipeline [`submit`](ReviewQueue::submit)s a question and waits for [`Decision`]s; the shells list,
//! show and [`act`](ReviewQueue::act). A [`Changed`] event only says "read again": the queue is the one place where a
//! question's state lives, so a window that closes loses nothing.
//!
//! Invariants: the first decision wins; an action names the revision it was taken on, and a stale one is an error; the
//! shells are offered exactly the actions that the state machine allows.

mod desk;
mod elicitation;
mod entry;
mod flood;
mod lifted;
mod opinion;
mod sampling;
mod subject;
mod tool_call;
mod view;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use samplegate_core::{
    audit::{self, Gate, Kind, Place, QuestionId},
    elicitation::{self as elicit, Dialog, DialogError},
    inspect::{Finding, Fingerprint},
    policy::{Offer, Scope},
    request::InvalidParams,
    review::{Effect, NotNow, Review},
    tool_call::{CallReview, NotNow as NotNowForCall},
};
use tokio::sync::{broadcast, mpsc, watch};

use crate::wire::{Action, Changed, EvaluationView, Phase, ProvenanceView, ReviewItem, ReviewSummary, Topic};
use elicitation::Asking;
use sampling::Sampling;
use subject::{Act, Subject};
use tool_call::Call;

pub(crate) use desk::Outgoing;
pub use desk::{AnswerProgress, Desk};
pub use entry::Entry;
pub(crate) use opinion::{Given, OpinionState};
pub(crate) use view::elicitation::findings as elicitation_findings;

/// Closed questions are kept this long, so that a window can say how they ended.
const KEEP_CLOSED: std::time::Duration = std::time::Duration::from_secs(20);

/// What a person decided, for the pipeline to carry out. `E` is what the state machine of that kind of question says is
/// to be done.
#[derive(Debug)]
pub struct Decision<E> {
    /// What to do.
    pub effect: E,
    /// What the log calls it.
    pub what: audit::Decision,
    /// At which gate.
    pub gate: Gate,
    /// What the person typed with a denial.
    pub reason: Option<String>,
    /// What was decided about each tool call in an answer, as the log has it; none: nothing was.
    pub tool_calls: Option<serde_json::Value>,
    /// What they granted beyond this question.
    pub grant: Option<Wanted>,
}

/// A scope that a person chose, out of what was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What was offered.
    pub offer: Offer,
    /// How far it reaches; never once.
    pub scope: Scope,
    /// With an approval: whether the answers go through too.
    pub answers: bool,
}

/// Why an action was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// There is no such question any more.
    #[error("this question is over")]
    Gone,
    /// The question has changed since it was read.
    #[error("the question changed meanwhile: look again")]
    Stale,
    /// The action is not possible, or not valid.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// The action is not possible for this tool call, or not valid.
    #[error(transparent)]
    NotNowForCall(#[from] NotNowForCall),
    /// Edited params or an edited result that the protocol does not allow.
    #[error(transparent)]
    Invalid(#[from] InvalidParams),
    /// A scope that is not offered.
    #[error("this can be decided for this question only: {0}")]
    OnlyOnce(String),
    /// There is no model of that name.
    #[error("there is no model {0:?}")]
    NoSuchModel(String),
    /// It is of high risk, and the person wants to type a name first.
    #[error("this is of high risk: type {0:?} first")]
    NotTyped(String),
    /// The server's record does not allow the model.
    #[error("{0}")]
    NotAllowed(String),
    /// What was typed into a form is not to be accepted.
    #[error(transparent)]
    Dialog(#[from] DialogError),
    /// An action on a question of another kind.
    #[error("this cannot be done with a question of this kind")]
    OfAnotherKind,
}

/// What the pipeline brings.
#[derive(Debug)]
pub struct Submission {
    /// The question's id.
    pub id: QuestionId,
    /// When it was received.
    pub received_at: jiff::Timestamp,
    /// Its place among all questions of this process, in the order they arrived.
    pub arrival: u64,
    /// Why it is asked.
    pub provenance: ProvenanceView,
    /// What the policy said.
    pub evaluation: EvaluationView,
    /// What differs from what was received, and why.
    pub notes: Vec<String>,
    /// How it relates to what the server asked before it.
    pub behaviour: Vec<Finding>,
    /// Of what is asked: those that are alike fold into one card.
    pub fingerprint: Fingerprint,
    /// How far a decision may reach.
    pub offer: Offer,
}

/// The queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReviewQueue {
    entries: Arc<Mutex<BTreeMap<QuestionId, Arc<Entry>>>>,
    desk: Arc<Desk>,
    changes: broadcast::Sender<Changed>,
    reviewers: Arc<AtomicU32>,
    paused: watch::Sender<bool>,
    flood: Arc<Mutex<flood::Flood>>,
}

/// Somebody is there to decide, for as long as this lives.
#[derive(Debug)]
pub struct Reviewer(Arc<AtomicU32>);

impl Drop for Reviewer {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl ReviewQueue {
    /// An empty queue, whose changes go to `changes`.
    pub fn new(desk: Desk, changes: broadcast::Sender<Changed>) -> Self {
        Self {
            entries: Arc::default(),
            desk: Arc::new(desk),
            changes,
            reviewers: Arc::default(),
            paused: watch::Sender::new(false),
            flood: Arc::default(),
        }
    }

    /// Says that somebody is there to decide.
    pub fn attach(&self) -> Reviewer {
        self.reviewers.fetch_add(1, Ordering::SeqCst);
        Reviewer(Arc::clone(&self.reviewers))
    }

    /// Whether anybody is there to decide.
    pub fn has_reviewer(&self) -> bool {
        self.reviewers.load(Ordering::SeqCst) > 0
    }

    /// Whether incoming questions wait undecided.
    pub fn paused(&self) -> watch::Receiver<bool> {
        self.paused.subscribe()
    }

    /// Makes incoming questions wait, or go on.
    pub fn set_paused(&self, paused: bool) {
        self.paused.send_replace(paused);
        self.changed(Topic::Status, None);
    }

    /// Adds a request for a model's answer.
    pub fn submit_sampling(
        &self,
        submission: Submission,
        review: Review,
    ) -> (Arc<Entry>, mpsc::UnboundedReceiver<Decision<Effect>>) {
        let (decisions, receiver) = mpsc::unbounded_channel();
        (self.submit(submission, Subject::Sampling(Box::new(Sampling::new(review, decisions)))), receiver)
    }

    /// Adds a question to the person.
    pub fn submit_elicitation(
        &self,
        submission: Submission,
        dialog: Dialog,
    ) -> (Arc<Entry>, mpsc::UnboundedReceiver<Decision<elicit::Effect>>) {
        let (decisions, receiver) = mpsc::unbounded_channel();
        (self.submit(submission, Subject::Elicitation(Box::new(Asking::new(dialog, decisions)))), receiver)
    }

    /// Adds a host's tool call; `tool` is what the server lists it as.
    pub fn submit_call(
        &self,
        submission: Submission,
        review: CallReview,
        tool: Option<serde_json::Value>,
    ) -> (Arc<Entry>, mpsc::UnboundedReceiver<Decision<samplegate_core::tool_call::Effect>>) {
        let (decisions, receiver) = mpsc::unbounded_channel();
        (self.submit(submission, Subject::ToolCall(Box::new(Call::new(review, tool, decisions)))), receiver)
    }

    fn submit(&self, submission: Submission, subject: Subject) -> Arc<Entry> {
        let entry = Arc::new(Entry::new(submission, subject));
        self.lock().insert(entry.id, Arc::clone(&entry));
        self.changed(Topic::Review, Some(entry.id));
        entry
    }

    /// The questions, oldest first; those that just ended included.
    pub fn list(&self) -> Vec<ReviewSummary> {
        let mut entries: Vec<Arc<Entry>> = self.lock().values().cloned().collect();
        entries.sort_by_key(|entry| entry.arrival);
        view::summaries(&entries)
    }

    /// How many questions wait for a person now.
    pub fn pending(&self) -> u32 {
        let waiting = self.lock().values().filter(|entry| entry.waits_for_a_person()).count();
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    /// The ids of the questions that wait, each with the id of its call.
    pub(crate) fn pending_by_call(&self) -> Vec<(String, String)> {
        let entries = self.lock();
        let waiting = entries.values().filter(|entry| entry.waits_for_a_person());
        waiting
            .flat_map(|entry| {
                let calls = entry.provenance.call.iter().chain(&entry.provenance.one_of);
                calls.map(|call| (call.call_id.clone(), entry.id.to_string())).collect::<Vec<_>>()
            })
            .collect()
    }

    /// One question in full.
    pub fn get(&self, id: QuestionId) -> Option<ReviewItem> {
        Some(self.find(id)?.item(&self.desk))
    }

    /// Exactly the body that an approval now would send, or did; none: nothing goes to a model.
    pub fn outgoing(&self, id: QuestionId) -> Option<String> {
        match &self.find(id)?.state().subject {
            Subject::Sampling(sampling) => sampling.outgoing(&self.desk),
            Subject::Elicitation(_) => None,
            Subject::ToolCall(_) => None,
        }
    }

    /// Notes that a question was really shown at the gate it stands at; gives what was shown, the first time in each
    /// place.
    pub fn mark_shown(&self, id: QuestionId, revision: u32, place: Place) -> Option<Shown> {
        let entry = self.find(id)?;
        let mut state = entry.state();
        if state.subject.revision() != revision {
            return None;
        }
        let shown = state.subject.at_gate()?;
        if state.shown.contains(&(shown.gate, place)) {
            return None;
        }
        state.shown.push((shown.gate, place));
        Some(shown)
    }

    /// Takes back [`ReviewQueue::mark_shown`]: it could not be logged.
    pub(crate) fn unmark_shown(&self, id: QuestionId, gate: Gate, place: Place) {
        if let Some(entry) = self.find(id) {
            entry.state().shown.retain(|seen| *seen != (gate, place));
        }
    }

    /// Takes an action on the revision it was decided on.
    ///
    /// # Errors
    /// The question is over, has changed since, or the action is not possible or not valid; nothing changed then.
    pub fn act(&self, id: QuestionId, revision: u32, action: Action) -> Result<ReviewItem, ActError> {
        let entry = self.find(id).ok_or(ActError::Gone)?;
        let mut state = entry.state();
        if state.subject.is_closed() {
            return Err(ActError::Gone);
        }
        if state.subject.revision() != revision {
            return Err(ActError::Stale);
        }
        if let Action::Confirm { typed } = &action {
            match self.desk.wants_typed(&entry.provenance) {
                Some(wanted) if wanted != typed.trim() => return Err(ActError::NotTyped(wanted)),
                Some(_) => state.typed_at = Some(revision),
                // Should it be wanted later, it is to be typed then.
                None => {}
            }
            drop(state);
            return Ok(entry.item(&self.desk));
        }
        if action.goes_on()
            && let Some(wanted) = self.desk.wants_typed(&entry.provenance)
            && state.typed_at != Some(revision)
        {
            return Err(ActError::NotTyped(wanted));
        }
        let grant = match action {
            Action::Grant { scope, answers } => Some(state.wanted(scope.into(), answers)?),
            _ => None,
        };
        // A host calls: that is no fault of the server.
        let denies = matches!(action, Action::Deny { .. }) && state.subject.kind() != Kind::ToolCall;
        let gate = state.subject.gate().unwrap_or(Gate::Request);
        state.subject.act(Act { action, gate, grant }, &self.desk, &entry.provenance.server)?;
        if matches!(state.subject.phase(), Phase::Waiting | Phase::Answering) {
            state.unseen_answer();
        }
        drop(state);
        if denies {
            self.note_denial(&entry.provenance.server);
        }
        self.changed(Topic::Review, Some(id));
        Ok(entry.item(&self.desk))
    }

    /// Denies everything pending from a server; gives their number.
    pub fn deny_all(&self, server: &str, reason: &str) -> u32 {
        let ids: Vec<QuestionId> =
            self.lock().values().filter(|entry| entry.provenance.server == server).map(|entry| entry.id).collect();
        let mut denied = 0;
        for id in ids {
            let Some(revision) = self.find(id).map(|entry| entry.state().subject.revision()) else { continue };
            denied += u32::from(self.act(id, revision, Action::Deny { reason: reason.into() }).is_ok());
        }
        denied
    }

    /// Tells the windows that this question changed.
    pub(crate) fn touch(&self, entry: &Entry) {
        self.changed(Topic::Review, Some(entry.id));
    }

    /// Ends a question: it is shown as ended for a moment, if it ever was shown or waited, then forgotten.
    pub(crate) fn end(&self, entry: &Arc<Entry>, ended: crate::wire::EndedView) {
        let known = {
            let mut state = entry.state();
            state.subject.withdraw();
            state.ended = Some(ended);
            state.waited || !state.shown.is_empty()
        };
        if !known {
            self.lock().remove(&entry.id);
        }
        self.changed(Topic::Review, Some(entry.id));
        if !known {
            return;
        }
        let queue = self.clone();
        let id = entry.id;
        tokio::spawn(async move {
            tokio::time::sleep(KEEP_CLOSED).await;
            queue.lock().remove(&id);
            queue.changed(Topic::Review, Some(id));
        });
    }

    /// What encodes and prices requests.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    fn find(&self, id: QuestionId) -> Option<Arc<Entry>> {
        self.lock().get(&id).cloned()
    }

    fn flood(&self) -> MutexGuard<'_, flood::Flood> {
        self.flood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<QuestionId, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self, topic: Topic, id: Option<QuestionId>) {
        // Nobody listening is no error.
        let _ = self.changes.send(Changed { topic, id: id.map(|id| id.to_string()) });
    }
}

/// What a person was shown.
#[derive(Debug)]
pub struct Shown {
    /// At which gate.
    pub gate: Gate,
    /// The params, the result, or why there is none, as shown.
    pub content: serde_json::Value,
}
