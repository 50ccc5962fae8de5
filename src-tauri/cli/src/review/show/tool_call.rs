//! A host's tool call at its two gates.

use samplegate_engine::wire::{CalledTool, ResultView, ReviewItem, RiskClass, ToolCallView, ToolLabel};
use serde_json::Value;

use super::{Page, bad, differences::differences, findings::findings, muted};

/// A call that waits for leave.
pub(super) fn text(item: &ReviewItem, call: &ToolCallView) -> String {
    let page = &mut Page::default();
    let why = &item.provenance;
    let host = why.host.as_deref().unwrap_or("A host");
    page.title(&format!("{host} wants to call {} of {}", call.tool.name, why.server));
    super::provenance(page, item);
    tool(page, call);
    super::why::why(page, item);
    findings(page, &item.findings);
    match item.request.get("arguments") {
        Some(Value::Object(arguments)) if !arguments.is_empty() => {
            for (name, value) in arguments {
                page.heading(name);
                page.foreign(&in_full(value));
            }
        }
        _ => page.line(&muted("It has no arguments.")),
    }
    for (name, value) in item.request.as_object().into_iter().flatten() {
        if !matches!(name.as_str(), "name" | "arguments") {
            page.heading(&format!("Besides: {name}"));
            page.foreign(&in_full(value));
        }
    }
    if item.request_edited {
        differences(page, "Your changes", &item.received, &item.request);
    }
    page.line(&muted("That is all of it."));
    std::mem::take(&mut page.text)
}

/// What the person said about the tool, and what its server says.
fn tool(page: &mut Page, call: &ToolCallView) {
    let risk = match call.risk {
        RiskClass::Low => "low",
        RiskClass::Medium => "medium",
        RiskClass::High => "high",
    };
    let labels = match call.labels.as_deref() {
        None => "you said nothing of what it can do, so it counts as everything".to_owned(),
        Some([]) => "you gave it no label".to_owned(),
        Some(labels) => labels.iter().map(|label| label_words(*label)).collect::<Vec<_>>().join(", "),
    };
    page.line(&muted(&format!("Risk: {risk}; {labels}")));
    if let Some(description) = &call.tool.description {
        page.line(&muted("Its server says of it:"));
        page.foreign(description);
    }
    for claim in claims(&call.tool) {
        page.line(&muted(&format!("Its server claims: {claim}")));
    }
}

fn label_words(label: ToolLabel) -> &'static str {
    match label {
        ToolLabel::Private => "reads private data",
        ToolLabel::Untrusted => "sees untrusted content",
        ToolLabel::Outward => "communicates outward",
    }
}

/// The tool's annotations in words. A server that says nothing claims nothing.
fn claims(tool: &CalledTool) -> Vec<&'static str> {
    let claim = |said: Option<bool>, yes, no| said.map(|said| if said { yes } else { no });
    [
        claim(tool.read_only, "it only reads", "it does not only read"),
        claim(tool.destructive, "it can destroy something", "it destroys nothing"),
        claim(tool.open_world, "it deals with the outside world", "it stays within its own data"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a tool gave, before its host gets it.
pub(super) fn result(page: &mut Page, item: &ReviewItem, result: &ResultView) {
    let host = item.provenance.host.as_deref().unwrap_or("the host");
    page.title(&format!("Return this result to {host}?"));
    if result.is_error {
        page.line(&bad(if result.is_protocol_error {
            "The server answered with an error."
        } else {
            "The tool failed."
        }));
    }
    page.line(&muted(&item.evaluation.reason));
    findings(page, &result.findings);
    match result.result.get("content") {
        Some(content) => super::content(page, "Result", content),
        None => page.foreign(&in_full(&result.result)),
    }
    if let Some(structured) = result.result.get("structuredContent") {
        page.heading("Structured");
        page.foreign(&in_full(structured));
    }
    if result.edited {
        differences(page, "Your changes", &result.original, &result.result);
    }
}

fn in_full(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}
