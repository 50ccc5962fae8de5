//! The row that listings show of a question, folded from its events.
//!
//! The writer folds while it appends, `verify` folds again and compares: one function for both.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{AuditEvent, DecidedBy, Decision, Gate, Kind, Outcome, QuestionId, Received, format_time};
use crate::canonical::Sha256Hex;

/// A question at a glance. Serialised, it is a line of `audit list --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuestionSummary {
    /// Its id.
    pub id: QuestionId,
    /// When it was received, to the millisecond.
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    /// What it asks for.
    pub kind: Kind,
    /// The host whose tool call led to it.
    pub host: Option<String>,
    /// The server that asks.
    pub server: String,
    /// The tool, where known.
    pub tool: Option<String>,
    /// The tool call, where known.
    pub call_id: Option<String>,
    /// The round of the call, from 1.
    pub round: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Who made the last decision.
    pub decided_by: Option<DecidedBy>,
    /// The last person who decided at one of its gates.
    pub reviewer: Option<String>,
    /// What the request carries.
    pub context_class: Option<String>,
    /// What the answer carries.
    pub answer_class: Option<String>,
    /// The rules that decided, in the order in which they did.
    pub rules: Vec<String>,
    /// The last reason given.
    pub reason: Option<String>,
    /// The model named in the answer; before there is one, the model asked.
    pub model: Option<String>,
    /// Tokens read, over all attempts; none if unknown for one of them.
    pub tokens_in: Option<u64>,
    /// Tokens written, over all attempts; none if unknown for one of them.
    pub tokens_out: Option<u64>,
    /// Millionths of a US dollar, over all attempts; none if unknown for one of them.
    pub cost_microusd: Option<u64>,
    /// Of the params as received.
    pub request_sha256: Option<Sha256Hex>,
    /// Of the object as approved.
    pub approved_sha256: Option<Sha256Hex>,
    /// Of the same object where it entered the provider.
    pub sent_sha256: Option<Sha256Hex>,
    /// Of the last HTTP body.
    pub wire_sha256: Option<Sha256Hex>,
    /// The process that holds the question.
    #[serde(skip)]
    pub owner: Option<String>,
    /// The first line of what is asked.
    #[serde(skip)]
    pub first_line: Option<String>,
    /// How many attempts were counted into tokens and cost.
    #[serde(skip)]
    pub attempts: u32,
}

fn time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_time(*at))
}

/// Why an event does not fit its question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SummaryError {
    /// The question was received already.
    #[error("question {0} was already received")]
    Twice(QuestionId),
    /// The question was never received.
    #[error("there is no question {0}")]
    Unknown(QuestionId),
    /// The question has ended.
    #[error("question {0} has already ended as {1}")]
    Ended(QuestionId, Outcome),
    /// An end that is none, or a note about a question.
    #[error("this event does not belong to question {0}")]
    Misplaced(QuestionId),
}

impl QuestionSummary {
    /// Folds one more event into a question's summary; `before` is none for the first, which is `received`.
    ///
    /// # Errors
    /// [`SummaryError`] where the event may not follow the ones before.
    pub fn apply(
        before: Option<Self>,
        id: QuestionId,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Self, SummaryError> {
        let mut summary = match (before, event) {
            (Some(before), AuditEvent::Received(_)) => return Err(SummaryError::Twice(before.id)),
            (None, AuditEvent::Received(received)) => return Ok(Self::open(id, at, received)),
            (None, _) => return Err(SummaryError::Unknown(id)),
            (Some(before), _) if before.outcome != Outcome::Open => {
                return Err(SummaryError::Ended(before.id, before.outcome));
            }
            (Some(before), _) => before,
        };
        match event {
            AuditEvent::Received(_) | AuditEvent::Note(_) | AuditEvent::SettingsChanged(_) => {
                return Err(SummaryError::Misplaced(id));
            }
            AuditEvent::Evaluated(_)
            | AuditEvent::Shown(_)
            | AuditEvent::OpinionAsked(_)
            | AuditEvent::Opinion(_)
            | AuditEvent::Replied(_)
            | AuditEvent::ReplyFailed(_) => {}
            AuditEvent::Decided(decided) => {
                summary.decided_by = Some(decided.by);
                replace(&mut summary.reviewer, decided.reviewer.as_ref());
                summary.reason.clone_from(&decided.reason);
                for rule in &decided.rules {
                    if !summary.rules.contains(rule) {
                        summary.rules.push(rule.clone());
                    }
                }
                let approves = match decided.decision {
                    Decision::Approved | Decision::Edited | Decision::AskedAgain => true,
                    Decision::Denied | Decision::AnsweredByHand | Decision::Stopped => false,
                };
                if approves && (decided.gate == Gate::Request || decided.approved_sha256.is_some()) {
                    summary.approved_sha256 = decided.approved_sha256;
                }
            }
            AuditEvent::Sent(sent) => {
                replace(&mut summary.model, sent.model.as_ref());
                summary.sent_sha256 = sent.sent_sha256;
                summary.wire_sha256 = sent.wire_sha256;
            }
            AuditEvent::Answered(answered) => {
                replace(&mut summary.model, answered.model.as_ref());
                replace(&mut summary.answer_class, answered.answer_class.as_ref());
                if answered.tokens_in.is_some() || answered.tokens_out.is_some() || answered.stop_reason.is_some() {
                    let first = summary.attempts == 0;
                    let add = |sum: &mut Option<u64>, more: Option<u64>| {
                        *sum = if first { more } else { sum.zip(more).map(|(sum, more)| sum.saturating_add(more)) };
                    };
                    add(&mut summary.tokens_in, answered.tokens_in);
                    add(&mut summary.tokens_out, answered.tokens_out);
                    add(&mut summary.cost_microusd, answered.cost_microusd);
                    summary.attempts += 1;
                }
            }
            AuditEvent::Released(released) => {
                replace(&mut summary.model, released.model.as_ref());
                replace(&mut summary.answer_class, released.answer_class.as_ref());
            }
            AuditEvent::Closed(closed) => {
                if closed.outcome == Outcome::Open {
                    return Err(SummaryError::Misplaced(id));
                }
                summary.outcome = closed.outcome;
                summary.decided_by = closed.decided_by.or(summary.decided_by);
                replace(&mut summary.reason, closed.reason.as_ref());
            }
        }
        Ok(summary)
    }

    fn open(id: QuestionId, at: Timestamp, received: &Received) -> Self {
        Self {
            id,
            at: Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at),
            kind: received.kind,
            host: received.host.clone(),
            server: received.server.clone(),
            tool: received.tool.clone(),
            call_id: received.call_id.clone(),
            round: received.round,
            outcome: Outcome::Open,
            decided_by: None,
            reviewer: None,
            context_class: received.context_class.clone(),
            answer_class: None,
            rules: Vec::new(),
            reason: None,
            model: None,
            tokens_in: None,
            tokens_out: None,
            cost_microusd: None,
            request_sha256: received.request_sha256,
            approved_sha256: None,
            sent_sha256: None,
            wire_sha256: None,
            owner: received.owner.clone(),
            first_line: received.first_line.clone(),
            attempts: 0,
        }
    }
}

/// Takes the newer value where there is one.
fn replace<T: Clone>(value: &mut Option<T>, newer: Option<&T>) {
    if let Some(newer) = newer {
        *value = Some(newer.clone());
    }
}
