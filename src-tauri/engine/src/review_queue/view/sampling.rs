//! A request for a model's answer as the shells see it.

use std::sync::Arc;

use samplegate_core::{
    canonical::Sha256Hex,
    inspect::{self, Finding, Place},
    request::one_line,
    review::{ModelOutcome, Review, State, approved_object},
    settings::Settings,
};
use serde_json::Value;

use super::{
    super::{Desk, opinion, sampling::Sampling},
    Told, answer,
};
use crate::{
    pipeline::NEWEST_PROTOCOL,
    wire::{ActionKind, ModelOption, OutgoingView, SamplingView, SubjectView},
};

/// What was worked out about a request, for one revision and one set of settings.
#[derive(Debug, Clone)]
pub(in crate::review_queue) struct WorkedOut {
    revision: u32,
    settings: Arc<Settings>,
    request_sha256: String,
    approved_sha256: Option<String>,
    findings: Vec<Finding>,
    models: Vec<ModelOption>,
    outgoing: OutgoingView,
}

pub(super) fn told(state: &mut Sampling, server: &str, desk: &Desk) -> Told {
    let known = worked_out(state, server, desk);
    let review = &state.review;
    let actions = review.actions();
    Told {
        received: review.received().params().clone(),
        request: review.draft().params().clone(),
        request_edited: review.request_edited(),
        unknown_fields: review.draft().unknown_fields().to_vec(),
        request_sha256: known.request_sha256,
        actions: offered(review, &known.findings, &known.models),
        findings: known.findings,
        decides: actions.contains(&ActionKind::Approve) || actions.contains(&ActionKind::Return),
        subject: SubjectView::Sampling(Box::new(SamplingView {
            placeholders: review.placeholders().map(ToOwned::to_owned).collect(),
            approved_sha256: known.approved_sha256,
            models: known.models,
            model: review.model().map(|model| model.name.clone()),
            outgoing: known.outgoing,
            opinion: opinion::view(state, desk),
            answer: answer::view(review, &state.answer, desk.settings().servers.get(server)),
            quick_replies: desk.settings().general.quick_replies.clone(),
        })),
    }
}

/// The request's part changes only with the revision and the settings, and is kept while an answer streams in.
fn worked_out(state: &mut Sampling, server: &str, desk: &Desk) -> WorkedOut {
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
    let encoded = model.map(|model| desk.outgoing(request, model).map_err(|error| error.to_string()));
    let outgoing = match forbidden.map(Err).or(encoded) {
        Some(Ok(wire)) => OutgoingView::Ready {
            wire_sha256: Sha256Hex::of(wire.body()).to_hex(),
            bytes: u32::try_from(wire.body().len()).unwrap_or(u32::MAX),
            url: wire.address().to_owned(),
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
        models: desk.options(server, request, state.host.as_ref()),
        outgoing,
        settings,
    };
    state.worked_out = Some(known.clone());
    known
}

/// Redacting is offered where there is something to redact, and another model where one can be asked.
fn offered(review: &Review, findings: &[Finding], models: &[ModelOption]) -> Vec<ActionKind> {
    let can = models.iter().any(|model| model.cannot.is_none());
    let applies = |kind: &ActionKind| {
        (*kind != ActionKind::Redact || !findings.is_empty()) && (*kind != ActionKind::ChooseModel || can)
    };
    review.actions().into_iter().filter(applies).collect()
}

/// The first line of what stands at its gate, and what was found in that.
pub(super) fn in_line(state: &Sampling) -> (String, Vec<Finding>) {
    match state.review.state() {
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
    }
}
