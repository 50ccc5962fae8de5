//! A host's tool call as the shells see it.

use samplegate_core::{
    action::ActionKind,
    canonical::Sha256Hex,
    inspect::{self, Finding, Place},
    policy::Hints,
    request::one_line,
    tool_call::{CallAnswer, State},
};

use super::{
    super::{Desk, tool_call::Call},
    Told,
};
use crate::wire::{CalledTool, FindingView, ResultView, SubjectView, ToolCallView};

pub(super) fn told(call: &mut Call, server: &str, desk: &Desk) -> Told {
    let (request, result) = found(call);
    let review = &call.review;
    let actions = review.actions();
    let settings = desk.settings();
    let configured = settings.servers.get(server);
    let name = review.received().name();
    let labels = configured.and_then(|server| server.labels_of(name));
    let approved = match review.state() {
        State::Calling(approved) | State::Result { approved, .. } => approved.sha256(),
        State::Request | State::Closed => Sha256Hex::of_json(&review.draft().object()),
    };
    Told {
        received: review.received().params().clone(),
        request: review.draft().params().clone(),
        request_edited: review.request_edited(),
        unknown_fields: Vec::new(),
        request_sha256: Sha256Hex::of_json(review.received().params()).to_hex(),
        decides: actions.contains(&ActionKind::Approve) || actions.contains(&ActionKind::Return),
        actions: actions
            .into_iter()
            .filter(|kind| *kind != ActionKind::Redact || request.iter().any(can_be_redacted))
            .collect(),
        subject: SubjectView::ToolCall(Box::new(ToolCallView {
            placeholders: review.placeholders().map(ToOwned::to_owned).collect(),
            approved_sha256: approved.to_hex(),
            tool: called(call, name),
            risk: configured.map_or(samplegate_core::policy::Risk::High, |server| server.risk_of(Some(name))).into(),
            labels: labels.map(|labels| labels.iter().map(|label| (*label).into()).collect()),
            result: review.answer().map(|(original, draft)| ResultView {
                result: draft.value().clone(),
                original: original.value().clone(),
                edited: original != draft,
                is_error: draft.is_error(),
                is_protocol_error: matches!(draft, CallAnswer::Error(_)),
                findings: result.iter().map(FindingView::from).collect(),
            }),
        })),
        findings: request,
    }
}

/// What the server says about the tool.
fn called(call: &Call, name: &str) -> CalledTool {
    let said = |pointer: &str| {
        let value = call.tool.as_ref().and_then(|tool| tool.pointer(pointer));
        value.and_then(|value| value.as_str()).map(ToOwned::to_owned)
    };
    let hints = call.tool.as_ref().map_or_else(Hints::default, |tool| Hints::of(&tool["annotations"]));
    CalledTool {
        name: name.to_owned(),
        title: said("/title").or_else(|| said("/annotations/title")),
        description: said("/description"),
        is_listed: call.tool.is_some(),
        read_only: hints.read_only,
        destructive: hints.destructive,
        open_world: hints.open_world,
    }
}

/// Only values of arguments can be replaced: another name is another call.
fn can_be_redacted(finding: &Finding) -> bool {
    !finding.in_name && finding.pointer.starts_with("/arguments/")
}

/// What is found in the params, and in the result, looked for once a revision.
fn found(call: &mut Call) -> (Vec<Finding>, Vec<Finding>) {
    let revision = call.review.revision();
    let known = call.found.take().filter(|(at, _, _)| *at == revision);
    let (at, request, result) = known.unwrap_or_else(|| {
        let result = call.review.answer().map(|(_, draft)| inspect::inspect(Place::ToolResult, draft.value()));
        let request = inspect::inspect(Place::Request, call.review.draft().params());
        (revision, request, result.unwrap_or_default())
    });
    call.found = Some((at, request.clone(), result.clone()));
    (request, result)
}

/// The first line of what stands at its gate, and what was found in that.
pub(super) fn in_line(call: &Call) -> (String, Vec<Finding>) {
    match call.review.answer() {
        Some((_, draft)) => (one_line(&draft.text()), inspect::inspect(Place::ToolResult, draft.value())),
        None => {
            let draft = call.review.draft();
            (draft.first_line(), inspect::inspect(Place::Request, draft.params()))
        }
    }
}
