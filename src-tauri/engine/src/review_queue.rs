//! The questions that wait for a person: list, show, decide.
//!
//! Data flow: the pipeline [`submit`](ReviewQueue::submit)s a question and waits for [`Decision`]s; the shells list,
//! show and [`act`](ReviewQueue::act). A [`Changed`] event only says "read again": the queue is the one place where a
//! question's state lives, so a window that closes loses nothing.
//!
//! Invariants: the first decision wins; an action names the revision it was taken on, and a stale one is an error; the
//! shells are offered exactly the actions that the state machine allows.

mod desk;
mod entry;
mod flood;
mod opinion;
mod view;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use samplegate_core::{
    answer::SamplingAnswer,
    audit::{Gate, Place, QuestionId},
    inspect::{self, Finding, Fingerprint},
    policy::{Offer, Scope},
    request::{InvalidParams, SamplingRequest},
    review::{ActionKind, Effect, Event, ModelOutcome, NotNow, Review, State},
};
use tokio::sync::{broadcast, mpsc, watch};

use crate::wire::{Action, Changed, EvaluationView, ProvenanceView, ReviewItem, ReviewSummary, Topic};
use entry::EntryState;

pub use desk::{AnswerProgress, Desk};
pub use entry::Entry;
pub(crate) use opinion::{Given, OpinionState};

/// Closed questions are kept this long, so that a window can say how they ended.
const KEEP_CLOSED: std::time::Duration = std::time::Duration::from_secs(20);

/// What a person decided, for the pipeline to carry out.
#[derive(Debug)]
pub struct Decision {
    /// What to do.
    pub effect: Effect,
    /// What was decided.
    pub kind: ActionKind,
    /// At which gate.
    pub gate: Gate,
    /// Whether something was edited at this gate.
    pub edited: bool,
    /// What the person typed with a denial.
    pub reason: Option<String>,
    /// What was decided about each tool call in the answer, as the log has it; none: nothing was.
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
    /// Its state.
    pub review: Review,
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

    /// Adds a question.
    pub fn submit(&self, submission: Submission) -> (Arc<Entry>, mpsc::UnboundedReceiver<Decision>) {
        let (decisions, receiver) = mpsc::unbounded_channel();
        let entry = Arc::new(Entry::new(submission, decisions));
        self.lock().insert(entry.id, Arc::clone(&entry));
        self.changed(Topic::Review, Some(entry.id));
        (entry, receiver)
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

    /// Exactly the body that an approval now would send, or did.
    pub fn outgoing(&self, id: QuestionId) -> Option<String> {
        let entry = self.find(id)?;
        let state = entry.state();
        let (request, model) = match state.review.state() {
            State::Asking(approved) | State::Answer { approved, .. } => (approved.request(), Some(approved.model())),
            State::Request | State::Closed => (state.review.draft(), state.review.model()),
        };
        let wire = self.desk.encode(request, model?).ok()?;
        Some(String::from_utf8_lossy(&wire.body).into_owned())
    }

    /// Notes that a question was really shown at the gate it stands at; gives what was shown, the first time in each
    /// place.
    pub fn mark_shown(&self, id: QuestionId, revision: u32, place: Place) -> Option<Shown> {
        let entry = self.find(id)?;
        let mut state = entry.state();
        if state.review.revision() != revision {
            return None;
        }
        let (gate, content) = match state.review.state() {
            State::Request => (Gate::Request, state.review.draft().params().clone()),
            State::Answer { outcome: ModelOutcome::Answered(answer), .. } => {
                (Gate::Answer, answer.draft().to_result(crate::pipeline::NEWEST_PROTOCOL).unwrap_or_default())
            }
            State::Answer { outcome: ModelOutcome::Failed(why), .. } => (Gate::Answer, why.clone().into()),
            State::Asking(_) | State::Closed => return None,
        };
        if state.shown.contains(&(gate, place)) {
            return None;
        }
        state.shown.push((gate, place));
        Some(Shown { gate, content })
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
        if state.review.is_closed() {
            return Err(ActError::Gone);
        }
        if state.review.revision() != revision {
            return Err(ActError::Stale);
        }
        let gate = state.gate().unwrap_or(Gate::Request);
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
        if matches!(action, Action::Approve | Action::Return | Action::Grant { .. })
            && let Some(wanted) = self.desk.wants_typed(&entry.provenance)
            && state.typed_at != Some(revision)
        {
            return Err(ActError::NotTyped(wanted));
        }
        let grant = match action {
            Action::Grant { scope, answers } => Some(entry.wanted(&state, scope.into(), answers)?),
            _ => None,
        };
        let (event, reason) = self.event(action, &entry.provenance.server, gate, &state)?;
        let (edited, tool_calls) = (state.edited(gate), state.tool_calls());
        let kind = event.kind();
        let effect = state.review.apply(event)?;
        if matches!(effect, Effect::Send(_)) {
            state.asked();
        }
        if let Some(kind) = kind
            && !matches!(effect, Effect::Show)
        {
            // The pipeline is gone only when the question has ended: then nobody waits for this decision.
            let _ = entry.decisions.send(Decision { effect, kind, gate, edited, reason, tool_calls, grant });
        }
        drop(state);
        if kind == Some(ActionKind::Deny) {
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
            let Some(revision) = self.find(id).map(|entry| entry.state().review.revision()) else { continue };
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
            // Already closed by a decision, or closed now by a withdrawal; either is fine.
            let _ = state.review.apply(Event::Withdraw);
            state.ended = Some(ended);
            state.end_opinion();
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

    fn event(
        &self,
        action: Action,
        server: &str,
        gate: Gate,
        state: &EntryState,
    ) -> Result<(Event, Option<String>), ActError> {
        let named = |name: String| match self.desk.forbids(server, &name) {
            Some(why) => Err(ActError::NotAllowed(why)),
            None => self.desk.model(&name).ok_or(ActError::NoSuchModel(name)),
        };
        Ok((
            match action {
                Action::Approve => Event::Approve,
                Action::Grant { .. } => match gate {
                    Gate::Request => Event::Approve,
                    Gate::Answer => Event::Return,
                },
                Action::EditRequest { params } => Event::EditRequest(Box::new(SamplingRequest::parse(params)?)),
                Action::EditAnswer { result } => Event::EditAnswer(Box::new(SamplingAnswer::from_result(&result)?)),
                Action::Redact { findings } => Event::Redact(chosen(state, &findings)),
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
            },
            None,
        ))
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

/// The findings in the request as it stands now, by their positions in what the shells were given at this revision.
fn chosen(state: &EntryState, positions: &[u32]) -> Vec<Finding> {
    let findings = inspect::inspect(inspect::Place::Request, state.review.draft().params());
    let position = |position: &u32| usize::try_from(*position).ok().and_then(|at| findings.get(at)).cloned();
    positions.iter().filter_map(position).collect()
}

/// What a person was shown.
#[derive(Debug)]
pub struct Shown {
    /// At which gate.
    pub gate: Gate,
    /// The params, the result, or why there is none, as shown.
    pub content: serde_json::Value,
}
