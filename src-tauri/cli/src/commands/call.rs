//! `samplegate call|prompt|read`: a call, and the review of whatever is asked meanwhile.

use samplegate_core::audit::Outcome;
use samplegate_engine::{
    engine::{CallFailure, CallReport, Target},
    mcp::CallError,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    args::{Call, Prompt, Read},
    exit::{Exit, Failure},
    output,
    review::Terminal,
    start::Start,
};

pub(crate) async fn tool(start: &Start, call: Call) -> Result<Exit, Failure> {
    let target = Target::Tool { name: call.tool, arguments: object(call.arguments.as_deref())? };
    let (report, known) = make(start, &call.server, target).await?;
    let result = match report.result {
        Ok(result) => result,
        // In 2026-07-28 a refused call is not sent again: it ends as a tool error with the refusal's text.
        Err(CallFailure::Call(CallError::Refused(refusal))) => {
            json!({"content": [{"type": "text", "text": refusal.message}], "isError": true})
        }
        Err(error) => return Err(failure(error, &report.questions, known)),
    };
    if call.json {
        output::json(&result);
    } else {
        print_blocks(&result["content"]);
        if let Some(structured) = result.get("structuredContent") {
            output::foreign(&serde_json::to_string_pretty(structured).unwrap_or_default());
        }
    }
    let is_error = result["isError"].as_bool().unwrap_or(false);
    Ok(if is_error { failed(&report.questions, known) } else { Exit::Done })
}

pub(crate) async fn prompt(start: &Start, prompt: Prompt) -> Result<Exit, Failure> {
    let target = Target::Prompt { name: prompt.name, arguments: object(prompt.arguments.as_deref())? };
    let (report, known) = make(start, &prompt.server, target).await?;
    let result = report.result.map_err(|error| failure(error, &report.questions, known))?;
    if prompt.json {
        output::json(&result);
    } else {
        for message in result["messages"].as_array().into_iter().flatten() {
            output::line(&format!("{}:", output::visible(message["role"].as_str().unwrap_or("?"))));
            print_blocks(&message["content"]);
        }
    }
    Ok(Exit::Done)
}

pub(crate) async fn read(start: &Start, read: Read) -> Result<Exit, Failure> {
    let (report, known) = make(start, &read.server, Target::Resource { uri: read.uri }).await?;
    let result = report.result.map_err(|error| failure(error, &report.questions, known))?;
    if read.json {
        output::json(&result);
    } else {
        for content in result["contents"].as_array().into_iter().flatten() {
            match (content["text"].as_str(), content["blob"].as_str()) {
                (Some(text), _) => output::foreign(text),
                (None, Some(blob)) => output::line(&media("resource", content, blob)),
                (None, None) => output::foreign(&content.to_string()),
            }
        }
    }
    Ok(Exit::Done)
}

/// Makes the call. Also tells whether the server lists what was called.
async fn make(start: &Start, server: &str, target: Target) -> Result<(CallReport, bool), Failure> {
    let engine = start.engine(vec![server.to_owned()]).await?;
    let cancel = CancellationToken::new();
    let work = engine.call(server, "terminal", target.clone(), cancel.clone());
    let mut report = match Terminal::detect() {
        Some(mut terminal) => terminal.review_while(&engine, work, cancel.clone()).await,
        None => {
            tokio::pin!(work);
            tokio::select! {
                report = &mut work => report,
                _ = tokio::signal::ctrl_c() => {
                    cancel.cancel();
                    work.await
                }
            }
        }
    };
    if cancel.is_cancelled() {
        // The person ended the call: a result that came just then is not wanted any more.
        report.result = Err(CallFailure::Call(CallError::Cancelled));
    }
    let denied = report.questions.contains(&Outcome::Denied);
    if denied && Terminal::detect().is_none() {
        output::note(
            "A question was denied. Without a terminal nobody can be asked, so only what a rule allows goes on. Run this \
             in a terminal to review it, make a rule (`samplegate rule add --help`), or call the tool from the desktop \
             app.",
        );
    }
    let known =
        matches!(&report.result, Ok(result) if result["isError"] != true) || lists(&engine, server, &target).await;
    engine.shutdown().await;
    Ok((report, known))
}

async fn lists(engine: &samplegate_engine::engine::Engine, server: &str, target: &Target) -> bool {
    let Ok(offers) = engine.server_offers(server).await else { return true };
    let (items, field, name) = match target {
        Target::Tool { name, .. } => (offers.tools, "name", name),
        Target::Prompt { name, .. } => (offers.prompts, "name", name),
        // A resource need not be listed: it may come from a template.
        Target::Resource { .. } => return true,
    };
    items.iter().any(|item| item[field].as_str() == Some(name))
}

fn failure(error: CallFailure, questions: &[Outcome], known: bool) -> Failure {
    match error {
        CallFailure::Server(error) => error.into(),
        CallFailure::Call(error) => Failure::new(failed(questions, known), output::visible(&error.to_string())),
    }
}

/// The exit code of a call that failed.
fn failed(questions: &[Outcome], known: bool) -> Exit {
    if !known {
        Exit::Usage
    } else if questions.iter().any(|outcome| matches!(outcome, Outcome::Denied | Outcome::TimedOut)) {
        Exit::Denied
    } else if questions.contains(&Outcome::Failed) {
        Exit::Model
    } else {
        Exit::Server
    }
}

fn object(text: Option<&str>) -> Result<Value, Failure> {
    let Some(text) = text else { return Ok(json!({})) };
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Failure::usage("the arguments must be a JSON object, e.g. '{\"topic\": \"tea\"}'")),
        Err(error) => Err(Failure::usage(format!("the arguments are not JSON: {error}"))),
    }
}

fn print_blocks(content: &Value) {
    let blocks = content.as_array().map_or(std::slice::from_ref(content), Vec::as_slice);
    for block in blocks {
        match (block["type"].as_str(), block["text"].as_str(), block["data"].as_str()) {
            (Some("text"), Some(text), _) => output::foreign(text),
            (Some(kind @ ("image" | "audio")), _, Some(data)) => output::line(&media(kind, block, data)),
            _ => output::foreign(&block.to_string()),
        }
    }
}

fn media(kind: &str, block: &Value, data: &str) -> String {
    let mime = output::visible(block["mimeType"].as_str().unwrap_or("of unknown type"));
    format!(
        "[{kind} {mime}, {} bytes]",
        data.len() / 4 * 3 - data.bytes().rev().take_while(|byte| *byte == b'=').count().min(2)
    )
}
