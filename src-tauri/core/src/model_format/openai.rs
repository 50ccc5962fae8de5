//! OpenAI's chat completions, and the many that are compatible with them.

use serde_json::{Map, Value, json};

use super::decode::{Assembly, BadStream, Call, Usage, count};
use super::tool_result::text_and_images;
use super::url::Base;
use super::{Object, Unsupported, check_tool_choice, system_prompt};
use crate::answer::StopReason;
use crate::request::{Block, Media, Message, Role, SamplingRequest};

const VENDOR: &str = "the OpenAI format";

pub(super) fn body(base: &Base, model: &str, request: &SamplingRequest) -> Result<Map<String, Value>, Unsupported> {
    check_tool_choice(request)?;
    let mut messages = Vec::new();
    if let Some(prompt) = system_prompt(request) {
        messages.push(json!({"role": "system", "content": prompt}));
    }
    for message in request.messages() {
        match message.role {
            Role::User => user(message, &mut messages)?,
            Role::Assistant => messages.push(assistant(message)?),
        }
    }
    // OpenAI itself has renamed the limit, and newer models refuse the old name; others know only the old one.
    let limit = if base.is_openai() { "max_completion_tokens" } else { "max_tokens" };
    let mut body = Object::default()
        .with("model", model)
        .with("messages", messages)
        .with(limit, request.max_tokens())
        .maybe("temperature", request.temperature());
    if !request.stop_sequences().is_empty() {
        body = body.with("stop", request.stop_sequences());
    }
    if !request.tools().is_empty() {
        let tools = request.tools().iter().map(|tool| {
            let function = Object::default()
                .with("name", tool.name.as_str())
                .maybe("description", tool.description.as_deref())
                .with("parameters", tool.input_schema.clone());
            json!({"type": "function", "function": Value::from(function)})
        });
        body = body
            .with("tools", tools.collect::<Value>())
            .maybe("tool_choice", request.tool_choice().map(|choice| choice.as_str()));
    }
    Ok(body.with("stream", true).with("stream_options", json!({"include_usage": true})).0)
}

fn user(message: &Message, messages: &mut Vec<Value>) -> Result<(), Unsupported> {
    let mut parts = Vec::new();
    for block in &message.blocks {
        match block {
            Block::Text(text) => parts.push(json!({"type": "text", "text": text})),
            Block::Image(media) => parts.push(image(media)),
            Block::Audio(media) => parts.push(audio(media)?),
            Block::ToolResult(result) => {
                let (text, images) = text_and_images(result, VENDOR)?;
                messages.push(json!({"role": "tool", "tool_call_id": result.tool_use_id, "content": text}));
                // Results hold text only; images follow in a message of the user.
                parts.extend(images.iter().map(image));
            }
            // Refused when the request was read.
            Block::ToolUse(_) => {
                return Err(Unsupported::new("a tool_use of the user", "only models use tools"));
            }
        }
    }
    match (parts.as_slice(), message.blocks.as_slice()) {
        ([], _) => {}
        (_, [Block::Text(text)]) => messages.push(json!({"role": "user", "content": text})),
        _ => messages.push(json!({"role": "user", "content": parts})),
    }
    Ok(())
}

fn assistant(message: &Message) -> Result<Value, Unsupported> {
    let mut texts = Vec::new();
    let mut calls = Vec::new();
    for block in &message.blocks {
        match block {
            Block::Text(text) => texts.push(text.as_str()),
            Block::ToolUse(tool_use) => calls.push(json!({
                "id": tool_use.id,
                "type": "function",
                "function": {"name": tool_use.name, "arguments": tool_use.input.to_string()},
            })),
            Block::Image(_) | Block::Audio(_) | Block::ToolResult(_) => {
                return Err(Unsupported::new(
                    "an image or audio in a message of the assistant",
                    format!("{VENDOR} takes text and tool calls there; edit the message or use another model"),
                ));
            }
        }
    }
    let content = match texts.as_slice() {
        [] => Value::Null,
        [only] => (*only).into(),
        several => several.iter().map(|text| json!({"type": "text", "text": text})).collect(),
    };
    let message = Object::default().with("role", "assistant").with("content", content);
    Ok(message.maybe("tool_calls", (!calls.is_empty()).then_some(calls)).into())
}

fn image(media: &Media) -> Value {
    json!({"type": "image_url", "image_url": {"url": format!("data:{};base64,{}", media.mime_type, media.data)}})
}

fn audio(media: &Media) -> Result<Value, Unsupported> {
    let format = match media.mime_type.to_ascii_lowercase().as_str() {
        "audio/wav" | "audio/wave" | "audio/x-wav" | "audio/vnd.wave" => "wav",
        "audio/mpeg" | "audio/mp3" => "mp3",
        other => {
            return Err(Unsupported::new(
                format!("{other} audio"),
                format!("{VENDOR} takes audio/wav and audio/mpeg; use another model or answer by hand"),
            ));
        }
    };
    Ok(json!({"type": "input_audio", "input_audio": {"data": media.data, "format": format}}))
}

pub(super) fn event(event: &Value, assembly: &mut Assembly) -> Result<(), BadStream> {
    if !event.is_object() {
        return Err(BadStream::malformed("an event is not an object"));
    }
    assembly.model(event.get("model"));
    if let Some(usage) = event.get("usage").filter(|usage| usage.is_object()) {
        assembly.usage(Usage {
            input: count(usage, "prompt_tokens"),
            output: count(usage, "completion_tokens"),
            cached: usage.get("prompt_tokens_details").map_or(0, |details| count(details, "cached_tokens")),
        });
    }
    // The last event has usage and no choice.
    let Some(choice) = event.get("choices").and_then(|choices| choices.get(0)) else {
        return Ok(());
    };
    if let Some(delta) = choice.get("delta") {
        if let Some(reasoning) =
            ["reasoning_content", "reasoning", "thinking"].iter().find_map(|name| delta.get(name)?.as_str())
        {
            assembly.reasoning(reasoning);
        }
        match delta.get("content") {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => assembly.text(text),
            Some(Value::Array(parts)) => parts.iter().try_for_each(|part| content_part(part, assembly))?,
            Some(_) => return Err(BadStream::malformed("content is neither text nor parts")),
        }
        if let Some(refusal) = delta.get("refusal").and_then(Value::as_str) {
            assembly.text(refusal);
        }
        if delta.get("audio").is_some_and(|audio| !audio.is_null()) {
            return Err(BadStream::Unrepresentable("streamed audio".to_owned()));
        }
        for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            tool_call(call, assembly);
        }
    }
    match choice.get("finish_reason").and_then(Value::as_str) {
        None | Some("") => {}
        Some(reason) => {
            assembly.stop = Some(match reason {
                // `stop` stands for both the end and a stop sequence.
                "stop" | "eos" => StopReason::EndTurn,
                "length" => StopReason::MaxTokens,
                "tool_calls" | "function_call" => StopReason::ToolUse,
                "error" => {
                    return Err(BadStream::vendor(&json!({"message": "it stopped with an error"})));
                }
                other => StopReason::Other(other.to_owned()),
            });
            assembly.ended = true;
        }
    }
    Ok(())
}

/// Content in parts (Mistral's reasoning models).
fn content_part(part: &Value, assembly: &mut Assembly) -> Result<(), BadStream> {
    match part.get("type").and_then(Value::as_str) {
        Some("text") => assembly.text(part.get("text").and_then(Value::as_str).unwrap_or_default()),
        Some("thinking") => assembly.reasoning(&part["thinking"].to_string()),
        other => {
            return Err(BadStream::Unrepresentable(format!("a “{}” part", other.unwrap_or("?"))));
        }
    }
    Ok(())
}

fn tool_call(delta: &Value, assembly: &mut Assembly) {
    let index = delta.get("index").and_then(Value::as_u64);
    let id = delta.get("id").and_then(Value::as_str).unwrap_or_default();
    let function = delta.get("function").unwrap_or(&Value::Null);
    let name = function.get("name").and_then(Value::as_str).unwrap_or_default();
    // A piece belongs to the call at its index, unless it brings another id: some servers give all calls index 0 or
    // none at all.
    let same = |call: &Call| {
        (index.is_none() || call.index == index) && (id.is_empty() || call.id.is_empty() || call.id == id)
    };
    let fresh = !id.is_empty() && index.is_none() && assembly.find_call(|call| call.id == id).is_none();
    if fresh || assembly.find_call(same).is_none() {
        assembly.call(Call { index, id: id.to_owned(), name: name.to_owned(), ..Call::default() });
    } else if let Some(call) = assembly.find_call(same) {
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if call.name.is_empty() {
            name.clone_into(&mut call.name);
        }
    }
    if let Some(call) = assembly.find_call(same) {
        match function.get("arguments") {
            Some(Value::String(piece)) => call.arguments.push_str(piece),
            Some(whole @ Value::Object(_)) => call.input = Some(whole.clone()),
            _ => {}
        }
    }
}
