//! A question as the shells see it.

mod answer;
pub(crate) mod elicitation;
mod sampling;
mod tool_call;

use std::sync::Arc;

use samplegate_core::{
    audit::{Gate, Kind, format_time},
    inspect::{self, Family, Finding},
    policy::{Offer, Scope},
};
use serde_json::Value;

use super::{Desk, Entry, flood, subject::Subject};
use crate::wire::{
    ActionKind, FindingView, OfferView, QuestionKind, ReviewItem, ReviewSummary, ScopeView, SubjectView,
};
pub(super) use sampling::WorkedOut;

/// What each kind of question tells of itself.
struct Told {
    received: Value,
    request: Value,
    request_edited: bool,
    unknown_fields: Vec<String>,
    request_sha256: String,
    findings: Vec<Finding>,
    actions: Vec<ActionKind>,
    /// Whether there is an action now whose reach can be chosen.
    decides: bool,
    subject: SubjectView,
}

/// One question in full.
pub(super) fn item(entry: &Entry, desk: &Desk) -> ReviewItem {
    let mut state = entry.state();
    let told = match &mut state.subject {
        Subject::Sampling(sampling) => sampling::told(sampling, &entry.provenance.server, desk),
        Subject::Elicitation(asking) => elicitation::told(asking),
        Subject::ToolCall(call) => tool_call::told(call, &entry.provenance.server, desk),
    };
    let is_elicitation = matches!(state.subject, Subject::Elicitation(_));
    ReviewItem {
        id: entry.id.to_string(),
        revision: state.subject.revision(),
        phase: state.subject.phase(),
        provenance: entry.provenance.clone(),
        received_at: format_time(entry.received_at),
        received: told.received,
        request: told.request,
        request_edited: told.request_edited,
        notes: state.still_true(&entry.notes),
        unknown_fields: told.unknown_fields,
        request_sha256: told.request_sha256,
        findings: told.findings.iter().chain(&entry.behaviour).map(FindingView::from).collect(),
        evaluation: state.evaluation.clone(),
        offer: offer(told.decides, &state.offer()),
        // A person's own words need no second confirmation.
        confirm: desk
            .wants_typed(&entry.provenance)
            .filter(|_| !is_elicitation || told.actions.contains(&ActionKind::Approve)),
        actions: told.actions,
        ended: state.ended.clone(),
        subject: told.subject,
    }
}

/// How far a decision may reach, where there is one that could.
fn offer(decides: bool, offer: &Offer) -> OfferView {
    let scopes = offer.about.iter().filter(|_| decides).flat_map(|about| &about.scopes);
    let view = |scope: &Scope| {
        Some(ScopeView {
            scope: (*scope).try_into().ok()?,
            words: scope.words().into(),
            says: offer.says(*scope, false)?,
            with_answers: (offer.gate == Gate::Request).then(|| offer.says(*scope, true)).flatten(),
        })
    };
    let told = |why: &Option<String>| why.clone().filter(|_| decides);
    OfferView {
        scopes: scopes.filter_map(view).collect(),
        only_once: told(&offer.only_once),
        missed: told(&offer.missed),
    }
}

/// The queue, oldest first.
pub(super) fn summaries(entries: &[Arc<Entry>]) -> Vec<ReviewSummary> {
    let mut summaries: Vec<ReviewSummary> = entries.iter().map(|entry| summary(entry)).collect();
    flood::fold(entries.iter().map(|entry| &**entry), &mut summaries);
    summaries
}

fn summary(entry: &Entry) -> ReviewSummary {
    let state = entry.state();
    let (first_line, mut findings) = match &state.subject {
        Subject::Sampling(sampling) => sampling::in_line(sampling),
        Subject::Elicitation(asking) => {
            let asked = asking.dialog.asked();
            (asked.first_line(), elicitation::findings(asked))
        }
        Subject::ToolCall(call) => tool_call::in_line(call),
    };
    // That one was asked before is said in the question, and no reason to look in the list.
    findings.extend(entry.behaviour.iter().filter(|finding| finding.severity > inspect::Severity::Low).cloned());
    ReviewSummary {
        id: entry.id.to_string(),
        kind: state.subject.kind().into(),
        server: entry.provenance.server.clone(),
        tool: entry.provenance.call.as_ref().map(|call| call.name.clone()),
        first_line,
        phase: state.subject.phase(),
        received_at: format_time(entry.received_at),
        findings: u32::try_from(findings.len()).unwrap_or(u32::MAX),
        worst: inspect::worst(&findings).map(Into::into),
        alike: 1,
        folds_into: entry.id.to_string(),
    }
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            kind: finding.kind.as_str().into(),
            severity: finding.severity.into(),
            pointer: finding.pointer.clone(),
            start: finding.start,
            end: finding.end,
            in_name: finding.in_name,
            why: finding.why.clone(),
            advice: finding.kind.advice().into(),
            decoded: finding.decoded.clone(),
            is_data: finding.kind.family() == Family::Data,
            label: finding.label.clone(),
        }
    }
}

impl From<inspect::Severity> for crate::wire::Severity {
    fn from(severity: inspect::Severity) -> Self {
        match severity {
            inspect::Severity::Info => Self::Info,
            inspect::Severity::Low => Self::Low,
            inspect::Severity::Medium => Self::Medium,
            inspect::Severity::High => Self::High,
            inspect::Severity::Critical => Self::Critical,
        }
    }
}

impl From<Kind> for QuestionKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Sampling => Self::Sampling,
            Kind::Elicitation => Self::Elicitation,
            Kind::ToolCall => Self::ToolCall,
        }
    }
}
