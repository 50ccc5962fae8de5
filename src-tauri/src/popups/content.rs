//! What a popup says. Text from servers is one line of plain characters here, never markup.

use std::collections::BTreeMap;

use samplegate_core::{audit::QuestionId, inspect};
use samplegate_engine::wire::{ActionKind, OutgoingView, Phase, QuestionKind, ReviewItem, ReviewSummary};

use super::Popup;

/// A request longer than this does not fit in a notification whole.
const WHOLE: usize = 200;

/// A popup about one question.
pub(super) fn one(id: QuestionId, question: &ReviewSummary, item: &ReviewItem, approving: bool) -> Popup {
    let from = match &question.tool {
        Some(tool) => format!("{} · {}", plain(&question.server), plain(tool)),
        None => plain(&question.server),
    };
    let whole = (question.phase == Phase::Request).then(|| only_text(item)).flatten();
    let may_approve = approving && whole.is_some() && item.actions.contains(&ActionKind::Approve);
    let what = match question.phase {
        Phase::Answer if question.kind == QuestionKind::ToolCall => "Result ready: ",
        Phase::Answer => "Answer ready: ",
        Phase::Request | Phase::Waiting | Phase::Answering | Phase::Closed => "",
    };
    let mut body = format!("{what}{}", plain(whole.unwrap_or(&question.first_line)));
    if question.findings > 0 {
        body.push_str("\nLook closely: something in it is hidden or unusual.");
    }
    if may_approve && let Some(model) = item.sampling().and_then(|sampling| sampling.model.as_ref()) {
        body.push_str(&format!("\nApprove sends this to {}.", plain(model)));
    }
    if question.kind == QuestionKind::Elicitation {
        let title = format!("{from} asks for your input");
        return Popup { title, body, about: Some((id, item.revision)), may_deny: true, may_approve: false };
    }
    let host = item.provenance.host.as_deref().filter(|_| question.kind == QuestionKind::ToolCall).map(plain);
    let title = match (question.phase, host) {
        (Phase::Answer, Some(host)) => format!("{from}: return this result to {host}?"),
        (Phase::Answer, None) => format!("{from}: return this answer?"),
        (_, Some(host)) => format!("{host} wants to call {from}"),
        (_, None) => format!("{from} asks"),
    };
    Popup { title, body, about: Some((id, item.revision)), may_deny: true, may_approve }
}

/// A popup about all that wait.
pub(super) fn many(waiting: &[ReviewSummary]) -> Popup {
    let mut servers: BTreeMap<&str, u32> = BTreeMap::new();
    for question in waiting {
        *servers.entry(&question.server).or_default() += 1;
    }
    let counts: Vec<String> = servers.iter().map(|(server, count)| format!("{} ×{count}", plain(server))).collect();
    Popup {
        title: format!("{} questions wait for you", waiting.len()),
        body: counts.join(", "),
        about: None,
        may_deny: false,
        may_approve: false,
    }
}

/// A popup about a change of the configuration that waits. What changed is shown in the window alone.
pub(super) fn held() -> Popup {
    Popup {
        title: "The configuration was changed from outside".into(),
        body: "It would allow more, so it waits until you accept or refuse it.".into(),
        about: None,
        may_deny: false,
        may_approve: false,
    }
}

/// The request's text, if it is all there is to see: one short user message, nothing found in it, nothing besides.
fn only_text(item: &ReviewItem) -> Option<&str> {
    let fields = item.request.as_object()?;
    let besides = fields.iter().any(|(name, value)| {
        !matches!(name.as_str(), "messages" | "maxTokens" | "modelPreferences") && !value.is_null()
    });
    let [message] = fields.get("messages")?.as_array()?.as_slice() else { return None };
    let content = message.get("content")?;
    let block = match content.as_array().map(Vec::as_slice) {
        Some([block]) => block,
        Some(_) => return None,
        None => content,
    };
    let text = block.get("text")?.as_str()?;
    let fits = text.chars().count() <= WHOLE && !text.trim().contains('\n');
    let sendable = matches!(item.sampling()?.outgoing, OutgoingView::Ready { .. });
    let user = message.get("role")?.as_str() == Some("user");
    (!besides && fits && user && sendable && item.findings.is_empty() && item.notes.is_empty()).then_some(text)
}

/// Characters that are seen as they are, on one line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || inspect::is_invisible(c) { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_invisible_reaches_a_notification() {
        assert_eq!(plain("a\u{202E}b\u{1b}[2Jc\nd"), "a\u{FFFD}b\u{FFFD}[2Jc\u{FFFD}d");
    }
}
