//! The answer as the shells see it.

use samplegate_core::{
    inspect::{self, Place},
    policy::{Label, Risk},
    request::Block,
    review::{AnswerDraft, ModelOutcome, Review, State, ToolUseDecision as Decided},
    settings::Server,
};

use super::super::AnswerProgress;
use crate::{
    pipeline::NEWEST_PROTOCOL,
    wire::{AnswerView, FindingView, ToolUseDecision, ToolUseView},
};

/// The answer so far; none: no model was asked yet.
pub(super) fn view(review: &Review, progress: &AnswerProgress, server: Option<&Server>) -> Option<AnswerView> {
    let mut view = AnswerView {
        asked: progress.asked.clone()?,
        model: progress.model.clone(),
        partial: progress.partial.clone(),
        waiting: progress.waiting.clone(),
        original: None,
        result: None,
        edited: false,
        restores: None,
        tool_uses: Vec::new(),
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
            ModelOutcome::Answered(answer) => {
                let result = answer.draft().to_result(NEWEST_PROTOCOL).ok();
                let asked = review.draft().params();
                let findings = result.iter().flat_map(|result| inspect::inspect_in(Place::Answer, result, Some(asked)));
                view.findings = findings.map(|finding| FindingView::from(&finding)).collect();
                view.original = answer.original().to_result(NEWEST_PROTOCOL).ok();
                view.result = result;
                view.edited = answer.is_edited();
                view.restores = answer.restores();
                view.tool_uses = tool_uses(review, answer, server);
            }
            ModelOutcome::Failed(why) => view.error = Some(why.clone()),
        }
    }
    Some(view)
}

fn tool_uses(review: &Review, answer: &AnswerDraft, server: Option<&Server>) -> Vec<ToolUseView> {
    let draft = answer.draft();
    let single = draft.content.len() == 1;
    let mut places = draft.content.iter().enumerate().filter(|(_, block)| matches!(block, Block::ToolUse(_)));
    answer
        .tool_uses()
        .map(|(tool_use, decision)| {
            let offered = review.draft().tools().iter().find(|tool| tool.name == tool_use.name);
            let labels = server.and_then(|server| server.labels_of(&tool_use.name));
            let place = places.next().map_or(0, |(place, _)| place);
            ToolUseView {
                id: tool_use.id.clone(),
                name: tool_use.name.clone(),
                arguments: tool_use.input.clone(),
                pointer: if single { "/content".into() } else { format!("/content/{place}") },
                offered: offered.is_some(),
                description: offered.and_then(|tool| tool.description.clone()),
                risk: server.map_or(Risk::High, |server| server.risk_of(Some(&tool_use.name))).as_str().into(),
                labels: labels.map(|labels| labels.iter().map(|label| Label::words(*label).into()).collect()),
                decision: decision.map(ToolUseDecision::from),
            }
        })
        .collect()
}

impl From<Decided> for ToolUseDecision {
    fn from(decision: Decided) -> Self {
        match decision {
            Decided::Approved => Self::Approved,
            Decided::Refused => Self::Refused,
        }
    }
}

impl From<ToolUseDecision> for Decided {
    fn from(decision: ToolUseDecision) -> Self {
        match decision {
            ToolUseDecision::Approved => Self::Approved,
            ToolUseDecision::Refused => Self::Refused,
        }
    }
}
