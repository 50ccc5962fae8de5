//! A question as the shells see it.

mod answer;

use std::sync::Arc;

use samplegate_core::{
    audit::{Gate, format_time},
    canonical::Sha256Hex,
    inspect::{self, Family, Finding, Place},
    policy::{Offer, Scope},
    request::one_line,
    review::{ActionKind as Kind, ModelOutcome, Review, State, approved_object},
    settings::Settings,
};
use serde_json::Value;

use super::{Desk, Entry, entry::EntryState, flood, opinion};
use crate::{
    pipeline::NEWEST_PROTOCOL,
    wire::{ActionKind, FindingView, ModelOption, OfferView, OutgoingView, ReviewItem, ReviewSummary, ScopeView},
};

/// What was worked out about a request, for one revision and one set of settings.
#[derive(Debug, Clone)]
pub(super) struct WorkedOut {
    revision: u32,
    settings: Arc<Settings>,
    request_sha256: String,
    approved_sha256: Option<String>,
    findings: Vec<Finding>,
    models: Vec<ModelOption>,
    outgoing: OutgoingView,
}

/// One question in full.
pub(super) fn item(entry: &Entry, desk: &Desk) -> ReviewItem {
    let mut state = entry.state();
    let known = worked_out(&mut state, &entry.provenance.server, desk);
    let review = &state.review;
    ReviewItem {
        id: entry.id.to_string(),
        revision: review.revision(),
        phase: state.phase(),
        provenance: entry.provenance.clone(),
        received_at: format_time(entry.received_at),
        received: review.received().params().clone(),
        request: review.draft().params().clone(),
        request_edited: review.request_edited(),
        placeholders: review.placeholders().map(ToOwned::to_owned).collect(),
        notes: entry.notes.clone(),
        unknown_fields: review.draft().unknown_fields().to_vec(),
        request_sha256: known.request_sha256,
        approved_sha256: known.approved_sha256,
        findings: known.findings.iter().chain(&entry.behaviour).map(FindingView::from).collect(),
        evaluation: state.evaluation.clone(),
        offer: offer(review, &entry.offer(&state)),
        models: known.models,
        model: review.model().map(|model| model.name.clone()),
        outgoing: known.outgoing,
        opinion: opinion::view(&state, desk),
        answer: answer::view(review, &state.answer, desk.settings().servers.get(&entry.provenance.server)),
        actions: actions(review, &known.findings),
        confirm: desk.wants_typed(&entry.provenance),
        quick_replies: desk.settings().general.quick_replies.clone(),
        ended: state.ended.clone(),
    }
}

/// The request's part changes only with the revision and the settings, and is kept while an answer streams in.
fn worked_out(state: &mut EntryState, server: &str, desk: &Desk) -> WorkedOut {
    let settings = desk.settings();
    let review = &state.review;
    if let Some(known) = &state.worked_out
        && known.revision == review.revision()
        && Arc::ptr_eq(&known.settings, &settings)
    {
        return known.clone();
    }
    let digest = |value: &Value| Sha256Hex::of_json(value).to_hex();
    let (request, model) = match review.state() {
        State::Asking(approved) | State::Answer { approved, .. } => (approved.request(), Some(approved.model())),
        State::Request | State::Closed => (review.draft(), review.model()),
    };
    let forbidden = model.and_then(|model| desk.forbids(server, &model.name));
    let encoded = model.map(|model| desk.encode(request, model).map_err(|error| error.to_string()));
    let outgoing = match forbidden.map(Err).or(encoded) {
        Some(Ok(wire)) => OutgoingView::Ready {
            wire_sha256: Sha256Hex::of(&wire.body).to_hex(),
            bytes: u32::try_from(wire.body.len()).unwrap_or(u32::MAX),
            url: wire.url,
        },
        Some(Err(why)) => OutgoingView::Cannot { why },
        None => OutgoingView::Cannot {
            why: desk
                .no_model_allowed(server)
                .unwrap_or_else(|| "No model is configured, so the answer is yours to write.".into()),
        },
    };
    let known = WorkedOut {
        revision: review.revision(),
        request_sha256: digest(review.received().params()),
        approved_sha256: model.map(|model| digest(&approved_object(request, model))),
        findings: inspect::inspect(Place::Request, request.params()),
        models: desk.options(server, request),
        outgoing,
        settings,
    };
    state.worked_out = Some(known.clone());
    known
}

/// Redacting is offered where there is something to redact.
fn actions(review: &Review, findings: &[Finding]) -> Vec<ActionKind> {
    let actions = review.actions().into_iter().filter(|kind| *kind != Kind::Redact || !findings.is_empty());
    actions.map(ActionKind::from).collect()
}

/// How far a decision may reach, where there is one that could.
fn offer(review: &Review, offer: &Offer) -> OfferView {
    let actions = review.actions();
    let decides = actions.contains(&Kind::Approve) || actions.contains(&Kind::Return);
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
    let (first_line, mut findings) = match state.review.state() {
        State::Answer { outcome: ModelOutcome::Answered(answer), .. } => {
            let (draft, asked) = (answer.draft(), state.review.draft().params());
            let findings =
                draft.to_result(NEWEST_PROTOCOL).map(|result| inspect::inspect_in(Place::Answer, &result, Some(asked)));
            let findings = findings.unwrap_or_default();
            let calls: Vec<&str> = draft.tool_uses().map(|tool_use| tool_use.name.as_str()).collect();
            let text = one_line(&draft.text());
            let line = if text.is_empty() && !calls.is_empty() {
                one_line(&format!("calls {}", calls.join(", ")))
            } else {
                text
            };
            (line, findings)
        }
        State::Answer { outcome: ModelOutcome::Failed(why), .. } => (why.clone(), Vec::new()),
        State::Request | State::Asking(_) | State::Closed => {
            let request = state.review.draft();
            let findings = state.worked_out.as_ref().map(|known| known.findings.clone());
            (request.first_line(), findings.unwrap_or_else(|| inspect::inspect(Place::Request, request.params())))
        }
    };
    // That one was asked before is said in the question, and no reason to look in the list.
    findings.extend(entry.behaviour.iter().filter(|finding| finding.severity > inspect::Severity::Low).cloned());
    ReviewSummary {
        id: entry.id.to_string(),
        server: entry.provenance.server.clone(),
        tool: entry.provenance.call.as_ref().map(|call| call.name.clone()),
        first_line,
        phase: state.phase(),
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

impl From<Kind> for ActionKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Approve => Self::Approve,
            Kind::Edit => Self::Edit,
            Kind::Redact => Self::Redact,
            Kind::Restore => Self::Restore,
            Kind::DecideToolUse => Self::DecideToolUse,
            Kind::RemoveRefused => Self::RemoveRefused,
            Kind::Revert => Self::Revert,
            Kind::Deny => Self::Deny,
            Kind::AnswerByHand => Self::AnswerByHand,
            Kind::ChooseModel => Self::ChooseModel,
            Kind::Stop => Self::Stop,
            Kind::AskAgain => Self::AskAgain,
            Kind::Return => Self::Return,
        }
    }
}
