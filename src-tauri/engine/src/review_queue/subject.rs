//! What a question asks for: one state machine for each kind, and what all of them have in common.
//!
//! A new kind is a variant here with a file beside `sampling.rs`, a variant of [`SubjectView`](crate::wire::SubjectView)
//! and a view; the compiler names the rest.

use samplegate_core::{
    audit::{Gate, Kind},
    inspect::{self, Finding, Place},
};
use serde_json::Value;

use super::{ActError, Call, Decision, Desk, Sampling, Shown, Wanted, elicitation::Asking};
use crate::wire::{Action, Phase};

/// What a question asks for, in the state it is in.
#[derive(Debug)]
pub(super) enum Subject {
    /// A model's answer.
    Sampling(Box<Sampling>),
    /// A person's input.
    Elicitation(Box<Asking>),
    /// Leave to call a tool.
    ToolCall(Box<Call>),
}

/// What a person does, and how far it reaches.
#[derive(Debug)]
pub(super) struct Act {
    pub(super) action: Action,
    pub(super) gate: Gate,
    /// What is granted beyond this question, if the action says so.
    pub(super) grant: Option<Wanted>,
}

impl Subject {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Sampling(_) => Kind::Sampling,
            Self::Elicitation(_) => Kind::Elicitation,
            Self::ToolCall(_) => Kind::ToolCall,
        }
    }

    /// Goes up with every change.
    pub(super) fn revision(&self) -> u32 {
        match self {
            Self::Sampling(sampling) => sampling.review.revision(),
            Self::Elicitation(asking) => asking.dialog.revision(),
            Self::ToolCall(call) => call.review.revision(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Sampling(sampling) => sampling.review.is_closed(),
            Self::Elicitation(asking) => asking.dialog.is_over(),
            Self::ToolCall(call) => call.review.is_closed(),
        }
    }

    /// The gate it stands at, or is on the way to; none: it is over.
    pub(super) fn gate(&self) -> Option<Gate> {
        match self {
            Self::Sampling(sampling) => sampling.gate(),
            Self::Elicitation(asking) => (!asking.dialog.is_over()).then_some(Gate::Request),
            Self::ToolCall(call) => call.gate(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Sampling(sampling) => sampling.phase(),
            Self::Elicitation(asking) => asking.phase(),
            Self::ToolCall(call) => call.phase(),
        }
    }

    /// What stands at its gate, whole: what a person is shown.
    pub(super) fn at_gate(&self) -> Option<Shown> {
        match self {
            Self::Sampling(sampling) => sampling.at_gate(),
            Self::Elicitation(asking) => asking.at_gate(),
            Self::ToolCall(call) => call.at_gate(),
        }
    }

    /// Why a decision now reaches no further than this question, because of what a person changed.
    pub(super) fn changed_by_you(&self) -> Option<&'static str> {
        match self {
            Self::Sampling(sampling) => sampling.changed_by_you(),
            Self::Elicitation(_) => None,
            Self::ToolCall(call) => call.changed_by_you(),
        }
    }

    /// Takes a person's action.
    pub(super) fn act(&mut self, act: Act, desk: &Desk, server: &str) -> Result<(), ActError> {
        match self {
            Self::Sampling(sampling) => sampling.act(act, desk, server),
            Self::Elicitation(asking) => asking.act(act),
            Self::ToolCall(call) => call.act(act),
        }
    }

    /// Closes it with a refusal that is not a person's; false: it was decided, or is over, already.
    pub(super) fn refuse(&mut self) -> bool {
        match self {
            Self::Sampling(sampling) => sampling.refuse(),
            Self::Elicitation(asking) => asking.refuse(),
            Self::ToolCall(call) => call.refuse(),
        }
    }

    /// Closes it, whether or not it was decided: nobody waits any more.
    pub(super) fn withdraw(&mut self) {
        match self {
            Self::Sampling(sampling) => sampling.withdraw(),
            Self::Elicitation(asking) => asking.withdraw(),
            Self::ToolCall(call) => call.withdraw(),
        }
    }
}

impl<E> Decision<E> {
    /// What a rule decided.
    pub(crate) fn by_rule(effect: E, gate: Gate, what: samplegate_core::audit::Decision) -> Self {
        Self { effect, what, gate, reason: None, tool_calls: None, grant: None }
    }
}

/// Of the findings in what a question asks as it stands now, those at these positions of what the shells were given at
/// this revision.
pub(super) fn findings_at(params: &Value, positions: &[u32]) -> Vec<Finding> {
    let findings = inspect::inspect(Place::Request, params);
    let position = |position: &u32| usize::try_from(*position).ok().and_then(|at| findings.get(at)).cloned();
    positions.iter().filter_map(position).collect()
}
