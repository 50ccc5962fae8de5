//! A question as the shells see it.

use std::{collections::HashMap, sync::Arc};

use samplegate_core::{
    audit::format_time,
    canonical::Sha256Hex,
    inspect::{self, Finding, Place},
    request::one_line,
    review::{ActionKind as Kind, ModelOutcome, Review, State, approved_object},
    settings::Settings,
};
use serde_json::Value;

use super::{AnswerProgress, Desk, Entry, EntryState};
use crate::{
    pipeline::NEWEST_PROTOCOL,
    wire::{ActionKind, AnswerView, FindingView, ModelOption, OutgoingView, Phase, ReviewItem, ReviewSummary},
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
        notes: entry.notes.clone(),
        unknown_fields: review.draft().unknown_fields().to_vec(),
        request_sha256: known.request_sha256,
        approved_sha256: known.approved_sha256,
        findings: known.findings.iter().map(FindingView::from).collect(),
        evaluation: entry.evaluation.clone(),
        models: known.models,
        model: review.model().map(|model| model.name.clone()),
        outgoing: known.outgoing,
        answer: answer(review, &state.answer),
        actions: review.actions().into_iter().map(ActionKind::from).collect(),
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

fn answer(review: &Review, progress: &AnswerProgress) -> Option<AnswerView> {
    let mut view = AnswerView {
        asked: progress.asked.clone()?,
        model: progress.model.clone(),
        partial: progress.partial.clone(),
        waiting: progress.waiting.clone(),
        original: None,
        result: None,
        edited: false,
        findings: Vec::new(),
        cannot_return: review.cannot_return().map(|why| why.to_string()),
        error: None,
        took_ms: progress.took_ms.unwrap_or_else(|| {
            progress.since.map_or(0, |since| u32::try_from(since.elapsed().as_millis()).unwrap_or(u32::MAX))
        }),
        tokens_in: progress.tokens_in.and_then(|count| u32::try_from(count).ok()),
        tokens_out: progress.tokens_out.and_then(|count| u32::try_from(count).ok()),
        cost_microusd: progress.cost_microusd.and_then(|cost| i64::try_from(cost).ok()),
    };
    if let State::Answer { outcome, .. } = review.state() {
        match outcome {
            ModelOutcome::Answered { original, draft } => {
                let result = draft.to_result(NEWEST_PROTOCOL).ok();
                let asked = review.draft().params();
                let findings = result.iter().flat_map(|result| inspect::inspect_in(Place::Answer, result, Some(asked)));
                view.findings = findings.map(|finding| FindingView::from(&finding)).collect();
                view.original = original.to_result(NEWEST_PROTOCOL).ok();
                view.result = result;
                view.edited = original != draft;
            }
            ModelOutcome::Failed(why) => view.error = Some(why.clone()),
        }
    }
    Some(view)
}

/// The queue, oldest first.
pub(super) fn summaries(entries: &[Arc<Entry>]) -> Vec<ReviewSummary> {
    let mut alike: HashMap<(String, String), u32> = HashMap::new();
    let mut summaries: Vec<ReviewSummary> = entries.iter().map(|entry| summary(entry)).collect();
    for summary in summaries.iter().filter(|summary| summary.phase != Phase::Closed) {
        *alike.entry((summary.server.clone(), summary.first_line.clone())).or_default() += 1;
    }
    for summary in &mut summaries {
        summary.alike = alike.get(&(summary.server.clone(), summary.first_line.clone())).copied().unwrap_or(1);
    }
    summaries
}

fn summary(entry: &Entry) -> ReviewSummary {
    let state = entry.state();
    let (first_line, findings) = match state.review.state() {
        State::Answer { outcome: ModelOutcome::Answered { draft, .. }, .. } => {
            let asked = state.review.draft().params();
            let findings =
                draft.to_result(NEWEST_PROTOCOL).map(|result| inspect::inspect_in(Place::Answer, &result, Some(asked)));
            let findings = findings.unwrap_or_default();
            (one_line(&draft.text()), findings)
        }
        State::Answer { outcome: ModelOutcome::Failed(why), .. } => (why.clone(), Vec::new()),
        State::Request | State::Asking(_) | State::Closed => {
            let request = state.review.draft();
            let findings = state.worked_out.as_ref().map(|known| known.findings.clone());
            (request.first_line(), findings.unwrap_or_else(|| inspect::inspect(Place::Request, request.params())))
        }
    };
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
            why: finding.why.clone(),
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
