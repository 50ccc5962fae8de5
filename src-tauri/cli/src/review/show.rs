//! What a question looks like in a terminal. Text from servers and models stands behind a margin, with every character
//! that is not seen or that a terminal would obey made visible.

#![expect(clippy::print_stderr, reason = "this is what a person looks at")]

mod differences;
mod elicitation;
mod findings;
mod stream;
mod tool_call;
mod why;

use std::io::Write as _;

use samplegate_engine::wire::{
    AnswerView, CallView, OpinionView, Phase, ReviewItem, SamplingView, SubjectView, ToolUseDecision, ToolUseView,
};
use serde_json::Value;
use unicode_width::UnicodeWidthChar as _;

use super::keys::Key;
use differences::differences;
pub(super) use elicitation::{choice_text, label, takes, value_text};
use findings::findings;
pub(super) use findings::spanned;
pub(super) use stream::Stream;

use crate::output::{inline, visible};

const MARGIN: &str = "│ ";

fn coloured() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var("TERM").is_ok_and(|term| term != "dumb")
}

fn style(codes: &str, text: &str) -> String {
    if coloured() { format!("\u{1b}[{codes}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn bold(text: &str) -> String {
    style("1", text)
}

/// Text that matters less.
pub(super) fn muted(text: &str) -> String {
    style("2", &inline(text))
}

/// Text that tells of trouble.
pub(super) fn bad(text: &str) -> String {
    style("31", &inline(text))
}

fn accent(text: &str) -> String {
    style("36", text)
}

/// Writes text as it is, which must be ours.
pub(super) fn write(text: &str) {
    eprint!("{text}");
    let _ = std::io::stderr().flush();
}

/// Writes a line of ours.
pub(super) fn say(text: &str) {
    write(&format!("{}\r\n", text.replace('\n', "\r\n")));
}

/// The waiting line: the last text written, on a line of its own.
pub(super) fn prompt(offered: &[Key]) {
    let letters: Vec<String> = offered.iter().map(|key| key.letter().to_string()).collect();
    write(&format!("[{}] > ", letters.join(" ")));
}

/// Ends the waiting line.
pub(super) fn end_prompt() {
    write("\r\n");
}

/// A request at its gate.
pub(super) fn request(item: &ReviewItem) {
    say(&request_text(item));
}

fn request_text(item: &ReviewItem) -> String {
    match &item.subject {
        SubjectView::Sampling(_) => sampling_text(item),
        SubjectView::Elicitation(asked) => elicitation::text(item, asked),
        SubjectView::ToolCall(call) => tool_call::text(item, call),
    }
}

fn sampling_text(item: &ReviewItem) -> String {
    let mut page = Page::default();
    page.title(&format!(
        "{} asks {} to write something",
        item.provenance.server,
        match item.sampling().and_then(|sampling| sampling.model.as_ref()) {
            Some(model) => format!("{model} (a model)"),
            None => "you".into(),
        }
    ));
    provenance(&mut page, item);
    if let Some(sampling) = item.sampling() {
        facts(&mut page, item, sampling);
    }
    why::why(&mut page, item);
    findings(&mut page, &item.findings);
    params(&mut page, &item.request);
    if item.request_edited {
        differences(&mut page, "Your changes", &item.received, &item.request);
    }
    page.line(&muted("That is all of it."));
    page.text
}

/// An answer at its gate, or why there is none.
pub(super) fn answer(item: &ReviewItem) {
    if let Some(result) = item.tool_call().and_then(|call| call.result.as_ref()) {
        let mut page = Page::default();
        tool_call::result(&mut page, item, result);
        return say(&page.text);
    }
    let Some(answer) = answer_of(item) else { return };
    let mut page = Page::default();
    match &answer.error {
        Some(error) => {
            page.title("The model did not answer");
            page.line(&bad(error));
        }
        None => {
            page.title(&format!("Return this answer to {}?", item.provenance.server));
            page.line(&muted(&measured(answer)));
            if let Some(why) = &answer.cannot_return {
                page.line(&bad(why));
            }
            findings(&mut page, &answer.findings);
            if let Some(result) = &answer.result {
                content(&mut page, "Answer", &result["content"]);
                if let (true, Some(original)) = (answer.edited || answer.restores == Some(true), &answer.original) {
                    let heading = if answer.edited { "Your changes" } else { "Put back in place of placeholders" };
                    differences(&mut page, heading, original, result);
                }
                for (number, tool_use) in answer.tool_uses.iter().enumerate() {
                    let heading = format!("Tool call {} of {}: {}", number + 1, answer.tool_uses.len(), tool_use.name);
                    page.heading(&heading);
                    for fact in tool_use_facts(tool_use) {
                        page.line(&fact);
                    }
                }
            }
        }
    }
    say(&page.text);
}

/// A second opinion, or why there is none.
pub(super) fn opinion(opinion: &OpinionView) {
    let mut page = Page::default();
    match (&opinion.text, &opinion.error) {
        (Some(text), _) => {
            let by = opinion.by.as_deref().unwrap_or(&opinion.model);
            page.heading(&format!("What {by} thinks: a model's opinion, which may be wrong and decides nothing"));
            page.foreign(text);
            if opinion.cut > 0 {
                page.line(&bad(&format!("It was not shown the last {} characters of the request.", opinion.cut)));
            }
            findings(&mut page, &opinion.findings);
        }
        (None, Some(error)) => page.line(&bad(&format!("No second opinion: {error}"))),
        (None, None) => return,
    }
    say(&page.text);
}

/// The model's answer, where one was asked.
pub(super) fn answer_of(item: &ReviewItem) -> Option<&AnswerView> {
    item.sampling()?.answer.as_ref()
}

/// What stands at the answer gate, as JSON: a model's answer, or a tool's result.
pub(super) fn result_of(item: &ReviewItem) -> Option<&Value> {
    let of_call = || item.tool_call()?.result.as_ref().map(|result| &result.result);
    answer_of(item).and_then(|answer| answer.result.as_ref()).or_else(of_call)
}

/// What is known about a tool call, one line for each thing, and what was decided about it.
pub(super) fn tool_use_facts(tool_use: &ToolUseView) -> Vec<String> {
    let mut facts = Vec::new();
    if !tool_use.offered {
        facts.push(bad("  The request does not offer this tool; the model made it up."));
    }
    if let Some(description) = &tool_use.description {
        facts.push(muted(&format!("  The request says: {description}")));
    }
    let does = match tool_use.labels.as_deref() {
        Some([]) => "you gave it no label".into(),
        Some(labels) => labels.join(", "),
        None => "you said nothing of what it can do, so it counts as everything".into(),
    };
    facts.push(muted(&format!("  Risk: {}; {does}", tool_use.risk)));
    facts.push(match tool_use.decision {
        Some(ToolUseDecision::Approved) => accent("  Approved by you"),
        Some(ToolUseDecision::Refused) => bad("  Refused by you"),
        None => bold("  Not decided yet"),
    });
    facts
}

/// What a change of ours made of the question.
pub(super) fn changed(item: &ReviewItem) {
    match item.phase {
        Phase::Answer => answer(item),
        Phase::Request | Phase::Waiting | Phase::Answering | Phase::Closed => request(item),
    }
}

/// Everything, for the pager.
pub(super) fn everything(item: &ReviewItem) -> String {
    let raw = serde_json::to_string_pretty(&item.request).unwrap_or_default();
    format!("{}\n\nRaw JSON:\n{}\n", without_colour(&request_text(item)), visible(&raw))
}

/// The raw JSON of what stands at this gate.
pub(super) fn raw_json(item: &ReviewItem) {
    let value = match item.phase {
        Phase::Answer => result_of(item).unwrap_or(&item.request),
        Phase::Request | Phase::Waiting | Phase::Answering | Phase::Closed => &item.request,
    };
    let mut page = Page::default();
    page.foreign(&serde_json::to_string_pretty(value).unwrap_or_default());
    say(&page.text);
}

/// What the keys do.
pub(super) fn help(offered: &[Key], asks_you: bool) {
    for key in offered {
        let does = match key {
            Key::PassOn => "let the host that made the call ask its user",
            Key::Approve if asks_you => "accept: answer with what is filled in, or open the address",
            Key::Deny if asks_you => "decline: the server is told no",
            Key::ByHand if asks_you => "fill in the form, field by field",
            Key::Approve => "approve: go on with exactly what is shown",
            Key::Edit => "edit every text of it in your editor",
            Key::Deny => "deny; who asked is told that it was refused, not why",
            Key::ByHand => "write the answer yourself, one line; final",
            Key::ByHandInEditor => "write the answer yourself in your editor; final",
            Key::ForLonger => "go on, and let through what is alike for longer: you choose until when",
            Key::Help => "this help",
            Key::Again => "ask the model again",
            Key::Model => "another model",
            Key::Halt => "stop the model; what came so far goes to the answer gate",
            Key::Revert => "undo your edits",
            Key::Redact => "redact: replace what was found by placeholders, before it is sent",
            Key::PutBack => "put what was redacted back into the answer, or leave the placeholders",
            Key::Opinion => "a second opinion, by the model you chose for it; it decides nothing",
            Key::ToolCalls => "approve or refuse each tool call in the answer",
            Key::Cancel => "cancel: say neither yes nor no to it",
            Key::All => "all of it in your pager",
            Key::Json => "the raw JSON",
            Key::Stop => "end the call",
        };
        say(&format!("  {}  {does}", bold(&key.letter().to_string())));
    }
    say("  Ctrl-C denies it and ends the call");
}

/// A page under construction.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }

    fn title(&mut self, text: &str) {
        self.line("");
        self.line(&bold(&inline(text)));
    }

    fn heading(&mut self, text: &str) {
        self.line(&accent(&inline(text)));
    }

    /// Text that is not ours: visible, behind a margin, wrapped so that no line of it starts without one.
    fn foreign(&mut self, text: &str) {
        let width = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns)).clamp(24, 110) - 3;
        for line in visible(text).split('\n') {
            for piece in wrap(&line.replace('\t', "    "), width) {
                self.line(&format!("{}{piece}", muted(MARGIN)));
            }
        }
    }
}

/// Breaks a line at spaces where it is wider than `width` columns; longer words are broken anywhere.
fn wrap(line: &str, width: usize) -> Vec<String> {
    let columns = |text: &str| text.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>();
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        if used > 0 && used + columns(word.trim_end()) > width {
            pieces.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > width {
                pieces.push(String::new());
                used = 0;
            }
            used += wide;
            if let Some(piece) = pieces.last_mut() {
                piece.push(c);
            }
        }
    }
    pieces
}

fn provenance(page: &mut Page, item: &ReviewItem) {
    let why = &item.provenance;
    let call = |call: &CallView| {
        let arguments = if call.arguments.is_null() { String::new() } else { call.arguments.to_string() };
        format!("{} → {}({arguments})", call.host, call.name)
    };
    let led_here = match (&why.call, why.one_of.as_slice()) {
        (Some(one), _) => call(one),
        (None, []) => "outside of any call".into(),
        (None, several) => {
            format!("one of {} calls: {}", several.len(), several.iter().map(call).collect::<Vec<_>>().join("; "))
        }
    };
    let says = why.server_says.as_ref().map(|says| format!(" (says it is {says})")).unwrap_or_default();
    page.line(&muted(&format!(
        "{led_here} → {}{says}, MCP {} → request {} of this call",
        why.server, why.protocol, why.round
    )));
}

fn facts(page: &mut Page, item: &ReviewItem, sampling: &SamplingView) {
    let request = &item.request;
    let chosen = sampling.model.as_ref().and_then(|name| sampling.models.iter().find(|model| model.name == *name));
    match chosen {
        Some(model) => {
            let cost = model
                .cost_at_most_microusd
                .map_or("price unknown".into(), |cost| format!("at most ${:.4}", cost as f64 / 1e6));
            page.line(&format!(
                "Model {} ({}, {}; {}) · about {} tokens in, at most {} out · {cost}",
                bold(&inline(&model.name)),
                inline(&model.provider),
                inline(&model.model),
                inline(&model.why),
                model.tokens_in,
                request["maxTokens"],
            ));
        }
        None => page.line(&format!("You answer it: no model was chosen · at most {} tokens", request["maxTokens"])),
    }
    for (field, name) in [
        ("temperature", "Temperature"),
        ("stopSequences", "Stop sequences"),
        ("includeContext", "Context asked for"),
        ("metadata", "Metadata"),
        ("modelPreferences", "Model preferences"),
        ("toolChoice", "Tool choice"),
    ] {
        if let Some(value) = request.get(field).filter(|value| !value.is_null()) {
            page.line(&muted(&format!("{name}: {value}")));
        }
    }
    for field in &item.unknown_fields {
        page.line(&muted(&format!("Not known to Samplegate, and not sent: {field}: {}", request[field.as_str()])));
    }
}

fn params(page: &mut Page, params: &Value) {
    if let Some(prompt) = params["systemPrompt"].as_str() {
        page.heading("System prompt");
        page.foreign(prompt);
    }
    for message in params["messages"].as_array().into_iter().flatten() {
        let role = message["role"].as_str().unwrap_or("?");
        content(page, if role == "user" { "User" } else { "Assistant" }, &message["content"]);
    }
    for tool in params["tools"].as_array().into_iter().flatten() {
        page.heading(&format!("Tool {}", tool["name"].as_str().unwrap_or("?")));
        page.foreign(&serde_json::to_string_pretty(tool).unwrap_or_default());
    }
}

fn content(page: &mut Page, who: &str, content: &Value) {
    let blocks = content.as_array().map_or(std::slice::from_ref(content), Vec::as_slice);
    for block in blocks {
        let kind = block["type"].as_str().unwrap_or("?");
        match (kind, block["text"].as_str(), block["data"].as_str()) {
            ("text", Some(text), _) => {
                page.heading(who);
                page.foreign(text);
            }
            ("image" | "audio", _, Some(data)) => {
                page.heading(&format!("{who}: {kind}"));
                page.foreign(&format!(
                    "{}, {} bytes (base64 of {})",
                    block["mimeType"].as_str().unwrap_or("?"),
                    data.len() / 4 * 3,
                    data.len()
                ));
            }
            ("tool_result", _, _) => {
                page.heading(&format!("{who}: result of {}", block["toolUseId"].as_str().unwrap_or("?")));
                self::content(page, "  ", &block["content"]);
                if let Some(structured) = block.get("structuredContent") {
                    page.foreign(&structured.to_string());
                }
            }
            _ => {
                page.heading(&format!("{who}: {kind}"));
                page.foreign(&serde_json::to_string_pretty(block).unwrap_or_default());
            }
        }
    }
}

fn measured(answer: &AnswerView) -> String {
    let mut parts = vec![
        match (&answer.model, answer.asked.strip_prefix("host:")) {
            (Some(model), Some(host)) => format!("{model}, from the host {host}"),
            (Some(model), None) => model.clone(),
            (None, _) => answer.asked.clone(),
        },
        format!("{:.1} s", f64::from(answer.took_ms) / 1000.0),
    ];
    if let (Some(read), Some(written)) = (answer.tokens_in, answer.tokens_out) {
        parts.push(format!("{read} tokens in, {written} out"));
    }
    parts.push(answer.cost_microusd.map_or("cost unknown".into(), |cost| format!("${:.4}", cost as f64 / 1e6)));
    if let Some(reason) = answer.result.as_ref().and_then(|result| result["stopReason"].as_str()) {
        parts.push(reason.to_owned());
    }
    parts.join(" · ")
}

fn without_colour(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        rest = rest[at..].split_once('m').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain
}
