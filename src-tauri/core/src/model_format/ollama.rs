//! Ollama's `/api/chat`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::decode::{Assembly, BadStream, Call, Usage, count};
use super::tool_result::text_and_images;
use super::{Object, Unsupported, check_tool_choice, system_prompt};
use crate::answer::StopReason;
use crate::request::{Block, Message, Role, SamplingRequest, ToolChoiceMode};

const VENDOR: &str = "the Ollama format";

pub(super) fn body(model: &str, request: &SamplingRequest) -> Result<Map<String, Value>, Unsupported> {
    check_tool_choice(request)?;
    if request.tool_choice() == Some(ToolChoiceMode::Required) {
        return Err(Unsupported::new(
            "toolChoice “required”",
            format!("{VENDOR} cannot require a tool; edit the request or use another model"),
        ));
    }
    let mut messages = Vec::new();
    if let Some(prompt) = system_prompt(request) {
        messages.push(json!({"role": "system", "content": prompt}));
    }
    // Results name the tool.
    let mut tools_used = BTreeMap::new();
    for message in request.messages() {
        for block in &message.blocks {
            if let Block::ToolUse(tool_use) = block {
                tools_used.insert(tool_use.id.as_str(), tool_use.name.as_str());
            }
        }
        put(message, &tools_used, &mut messages)?;
    }
    let mut options =
        Object::default().with("num_predict", request.max_tokens()).maybe("temperature", request.temperature());
    if !request.stop_sequences().is_empty() {
        options = options.with("stop", request.stop_sequences());
    }
    let mut body = Object::default().with("model", model).with("messages", messages);
    // The only way to forbid tools is not to offer them.
    if !request.tools().is_empty() && request.tool_choice() != Some(ToolChoiceMode::None) {
        let tools = request.tools().iter().map(|tool| {
            let function = Object::default()
                .with("name", tool.name.as_str())
                .maybe("description", tool.description.as_deref())
                .with("parameters", tool.input_schema.clone());
            json!({"type": "function", "function": Value::from(function)})
        });
        body = body.with("tools", tools.collect::<Value>());
    }
    // Without these two a prompt that is too long for the model is cut without a word.
    Ok(body.with("options", options).with("truncate", false).with("shift", false).with("stream", true).0)
}

fn put(message: &Message, tools_used: &BTreeMap<&str, &str>, messages: &mut Vec<Value>) -> Result<(), Unsupported> {
    let mut texts = Vec::new();
    let mut images = Vec::new();
    let mut calls = Vec::new();
    for block in &message.blocks {
        match block {
            Block::Text(text) => texts.push(text.as_str()),
            Block::Image(image) => images.push(image.data.clone()),
            Block::Audio(_) => {
                return Err(Unsupported::new(
                    "audio",
                    format!("{VENDOR} takes none; use another model or answer by hand"),
                ));
            }
            Block::ToolUse(tool_use) => {
                calls
                    .push(json!({"id": tool_use.id, "function": {"name": tool_use.name, "arguments": tool_use.input}}));
            }
            Block::ToolResult(result) => {
                let (text, more) = text_and_images(result, VENDOR)?;
                images.extend(more.into_iter().map(|image| image.data));
                let name = tools_used.get(result.tool_use_id.as_str()).copied().unwrap_or_default();
                messages.push(
                    json!({"role": "tool", "content": text, "tool_name": name, "tool_call_id": result.tool_use_id}),
                );
            }
        }
    }
    if message.role == Role::Assistant && !images.is_empty() {
        return Err(Unsupported::new(
            "an image in a message of the assistant",
            format!("{VENDOR} takes images of the user only; edit the message or use another model"),
        ));
    }
    if !texts.is_empty() || !images.is_empty() || !calls.is_empty() {
        let put = Object::default().with("role", message.role.as_str()).with("content", texts.join("\n\n"));
        let put = put.maybe("images", (!images.is_empty()).then_some(images));
        messages.push(put.maybe("tool_calls", (!calls.is_empty()).then_some(calls)).into());
    }
    Ok(())
}

pub(super) fn event(event: Value, assembly: &mut Assembly) -> Result<(), BadStream> {
    let Value::Object(mut event) = event else {
        return Err(BadStream::malformed("a line is not an object"));
    };
    assembly.model(event.get("model"));
    if let Some(message) = event.get_mut("message") {
        if let Some(thinking) = message.get("thinking").and_then(Value::as_str) {
            assembly.reasoning(thinking);
        }
        if let Some(text) = message.get("content").and_then(Value::as_str) {
            assembly.text(text);
        }
        if let Some(Value::Array(calls)) = message.get_mut("tool_calls").map(Value::take) {
            for mut call in calls {
                let id = call.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
                let Some(function) = call.get_mut("function") else {
                    return Err(BadStream::malformed("a tool call names no function"));
                };
                let name = function.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                let (arguments, input) = match function.get_mut("arguments").map(Value::take) {
                    Some(Value::String(arguments)) => (arguments, None),
                    other => (String::new(), other),
                };
                assembly.call(Call { id, name, arguments, input, ..Call::default() });
            }
        }
    }
    if event.get("done").and_then(Value::as_bool) == Some(true) {
        if event.contains_key("prompt_eval_count") || event.contains_key("eval_count") {
            let event = Value::Object(event.clone());
            let (input, output) = (count(&event, "prompt_eval_count"), count(&event, "eval_count"));
            assembly.usage(Usage { input, output, cached: 0 });
        }
        assembly.ended = true;
        assembly.stop = match event.get("done_reason").and_then(Value::as_str) {
            // Also stands for a stop sequence.
            Some("stop") => Some(StopReason::EndTurn),
            Some("length") => Some(StopReason::MaxTokens),
            Some("" | "load" | "unload") | None => None,
            Some("tool_calls") => Some(StopReason::ToolUse),
            Some(other) => Some(StopReason::Other(other.to_owned())),
        };
    }
    Ok(())
}
