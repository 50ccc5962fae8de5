//! Gemini's `streamGenerateContent`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::decode::{Assembly, BadStream, Call, Usage, count};
use super::tool_result::{Part, parts};
use super::{Object, Unsupported, check_tool_choice, system_prompt};
use crate::answer::StopReason;
use crate::request::{Block, Media, Role, SamplingRequest, ToolChoiceMode, ToolResult, ToolUse};

/// Where in a tool use's `_meta` the model's signature of its thought is kept; Gemini wants it back with the call.
const SIGNATURE: &str = "samplegate/thoughtSignature";
/// What Gemini takes in its place for calls that it did not make itself (its documentation of thought signatures).
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

pub(super) fn body(model: &str, request: &SamplingRequest) -> Result<Map<String, Value>, Unsupported> {
    check_tool_choice(request)?;
    // Results name the tool, not only the call.
    let mut tools_used = BTreeMap::new();
    let mut contents = Vec::new();
    for message in request.messages() {
        let mut content = Vec::new();
        let mut media = Vec::new();
        let mut calls = 0;
        for block in &message.blocks {
            match block {
                Block::Text(text) => content.push(json!({"text": text})),
                Block::Image(image) => content.push(inline(image)),
                Block::Audio(audio) => content.push(inline(audio)),
                Block::ToolUse(tool_use) => {
                    tools_used.insert(tool_use.id.as_str(), tool_use.name.as_str());
                    content.push(function_call(model, tool_use, calls == 0));
                    calls += 1;
                }
                Block::ToolResult(result) => {
                    let name = tools_used.get(result.tool_use_id.as_str()).copied().unwrap_or_default();
                    content.push(function_response(name, result, &mut media)?);
                }
            }
        }
        content.append(&mut media);
        let role = match message.role {
            Role::User => "user",
            Role::Assistant => "model",
        };
        contents.push(json!({"role": role, "parts": content}));
    }
    let mut config =
        Object::default().with("maxOutputTokens", request.max_tokens()).maybe("temperature", request.temperature());
    if !request.stop_sequences().is_empty() {
        config = config.with("stopSequences", request.stop_sequences());
    }
    let mut body = Object::default()
        .maybe("systemInstruction", system_prompt(request).map(|prompt| json!({"parts": [{"text": prompt}]})))
        .with("contents", contents)
        .with("generationConfig", config);
    if !request.tools().is_empty() {
        let tools = request.tools().iter().map(|tool| {
            Value::from(
                Object::default()
                    .with("name", tool.name.as_str())
                    .maybe("description", tool.description.as_deref())
                    .with("parametersJsonSchema", tool.input_schema.clone()),
            )
        });
        let mode = request.tool_choice().map(|choice| match choice {
            ToolChoiceMode::Auto => "AUTO",
            ToolChoiceMode::Required => "ANY",
            ToolChoiceMode::None => "NONE",
        });
        body = body
            .with("tools", json!([{"functionDeclarations": tools.collect::<Value>()}]))
            .maybe("toolConfig", mode.map(|mode| json!({"functionCallingConfig": {"mode": mode}})));
    }
    Ok(body.0)
}

fn inline(media: &Media) -> Value {
    json!({"inlineData": {"mimeType": media.mime_type, "data": media.data}})
}

fn function_call(model: &str, tool_use: &ToolUse, first: bool) -> Value {
    let call = json!({"functionCall": {"id": tool_use.id, "name": tool_use.name, "args": tool_use.input}});
    let own = tool_use.meta.as_ref().and_then(|meta| meta.get(SIGNATURE)).and_then(Value::as_str);
    // Since Gemini 3 the first call of each turn must be signed.
    let signature = own.or_else(|| (first && !before_signatures(model)).then_some(NO_SIGNATURE));
    match (call, signature) {
        (Value::Object(call), Some(signature)) => Object(call).with("thoughtSignature", signature).into(),
        (call, _) => call,
    }
}

/// Whether a model is of a generation that knows no signatures.
fn before_signatures(model: &str) -> bool {
    let name = model.strip_prefix("models/").unwrap_or(model);
    ["gemini-1", "gemini-2", "gemma"].iter().any(|start| name.starts_with(start))
}

fn function_response(name: &str, result: &ToolResult, media: &mut Vec<Value>) -> Result<Value, Unsupported> {
    let mut texts = Vec::new();
    for part in parts(result)? {
        match part {
            Part::Text(text) => texts.push(text),
            Part::Image(item) | Part::Audio(item) => media.push(inline(&item)),
        }
    }
    let response =
        if result.is_error { json!({"error": texts.join("\n")}) } else { json!({"output": texts.join("\n")}) };
    Ok(json!({"functionResponse": {"id": result.tool_use_id, "name": name, "response": response}}))
}

pub(super) fn event(event: Value, assembly: &mut Assembly) -> Result<(), BadStream> {
    let Value::Object(mut event) = event else {
        return Err(BadStream::malformed("an event is not an object"));
    };
    assembly.model(event.get("modelVersion"));
    if let Some(usage) = event.get("usageMetadata").filter(|usage| usage.is_object()) {
        assembly.usage(Usage {
            input: count(usage, "promptTokenCount").saturating_add(count(usage, "toolUsePromptTokenCount")),
            output: count(usage, "candidatesTokenCount").saturating_add(count(usage, "thoughtsTokenCount")),
            cached: count(usage, "cachedContentTokenCount"),
        });
    }
    if let Some(reason) = event.get("promptFeedback").and_then(|feedback| feedback.get("blockReason")?.as_str()) {
        return Err(BadStream::Blocked(crate::request::one_line(reason)));
    }
    let Some(candidate) = event.get_mut("candidates").and_then(|candidates| candidates.get_mut(0)) else {
        return Ok(());
    };
    let parts = candidate.get_mut("content").and_then(|content| content.get_mut("parts")).map(Value::take);
    if let Some(Value::Array(parts)) = parts {
        for item in parts {
            part(item, assembly)?;
        }
    }
    match candidate.get("finishReason").and_then(Value::as_str) {
        None | Some("FINISH_REASON_UNSPECIFIED") => {}
        Some(reason) => {
            assembly.stop = Some(match reason {
                // Also stands for a stop sequence.
                "STOP" => StopReason::EndTurn,
                "MAX_TOKENS" => StopReason::MaxTokens,
                // Not Gemini's own, but some servers that speak its format say so.
                "FUNCTION_CALL" => StopReason::ToolUse,
                "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "MISSING_THOUGHT_SIGNATURE" => {
                    return Err(BadStream::malformed("the model made a tool call that cannot be read"));
                }
                other => StopReason::Other(other.to_ascii_lowercase()),
            });
            assembly.ended = true;
        }
    }
    Ok(())
}

fn part(part: Value, assembly: &mut Assembly) -> Result<(), BadStream> {
    let Value::Object(mut part) = part else {
        return Err(BadStream::malformed("a part is not an object"));
    };
    let thought = part.get("thought").and_then(Value::as_bool).unwrap_or(false);
    let signature = part.remove("thoughtSignature");
    if let Some(text) = part.get("text").and_then(Value::as_str) {
        if thought {
            assembly.reasoning(text);
        } else {
            assembly.text(text);
        }
    } else if let Some(call) = part.get_mut("functionCall") {
        let word = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, name) = (word("id"), word("name"));
        assembly.call(Call {
            id,
            name,
            input: call.get_mut("args").map(Value::take),
            meta: signature.filter(Value::is_string).map(|signature| json!({SIGNATURE: signature})),
            ..Call::default()
        });
    } else if let Some(data) = part.get("inlineData") {
        let word = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let media = Media { mime_type: word("mimeType"), data: word("data") };
        if thought {
            // A draft of an image is reasoning.
        } else if media.mime_type.starts_with("image/") {
            assembly.image(media);
        } else {
            return Err(BadStream::Unrepresentable(format!("“{}” data", crate::request::one_line(&media.mime_type))));
        }
    } else if let Some(kind) = part.keys().find(|kind| !["thought", "partMetadata"].contains(&kind.as_str())) {
        return Err(BadStream::Unrepresentable(format!("a “{}” part", crate::request::one_line(kind))));
    }
    Ok(())
}
