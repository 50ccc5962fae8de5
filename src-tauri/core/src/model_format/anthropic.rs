//! Anthropic's Messages.

use serde_json::{Map, Value, json};

use super::decode::{Assembly, BadStream, Call, count};
use super::tool_result::{Part, audio_refused, parts};
use super::{Object, Unsupported, check_tool_choice, system_prompt};
use crate::answer::StopReason;
use crate::request::{Block, Media, Role, SamplingRequest, ToolChoiceMode, ToolResult};

/// The version of the API that this file speaks.
pub(super) const VERSION: &str = "2023-06-01";
const VENDOR: &str = "the Anthropic format";

pub(super) fn body(model: &str, request: &SamplingRequest) -> Result<Map<String, Value>, Unsupported> {
    check_tool_choice(request)?;
    if let Some(temperature) = request.temperature().filter(|temperature| !(0.0..=1.0).contains(temperature)) {
        return Err(Unsupported::new(
            format!("temperature {temperature}"),
            format!("{VENDOR} takes 0 to 1; edit the request or use another model"),
        ));
    }
    let messages = request.messages().iter().map(|message| {
        let content = match message.blocks.as_slice() {
            [Block::Text(text)] => Value::from(text.as_str()),
            blocks => blocks.iter().map(|item| block(item, message.role)).collect::<Result<Value, _>>()?,
        };
        Ok(json!({"role": message.role.as_str(), "content": content}))
    });
    let mut body = Object::default()
        .with("model", model)
        .with("max_tokens", request.max_tokens())
        .maybe("system", system_prompt(request))
        .with("messages", messages.collect::<Result<Value, Unsupported>>()?)
        .maybe("temperature", request.temperature());
    if !request.stop_sequences().is_empty() {
        body = body.with("stop_sequences", request.stop_sequences());
    }
    if !request.tools().is_empty() {
        let tools = request.tools().iter().map(|tool| {
            Value::from(
                Object::default()
                    .with("name", tool.name.as_str())
                    .maybe("description", tool.description.as_deref())
                    .with("input_schema", tool.input_schema.clone()),
            )
        });
        let choice = request.tool_choice().map(|choice| match choice {
            ToolChoiceMode::Auto => json!({"type": "auto"}),
            ToolChoiceMode::Required => json!({"type": "any"}),
            ToolChoiceMode::None => json!({"type": "none"}),
        });
        body = body.with("tools", tools.collect::<Value>()).maybe("tool_choice", choice);
    }
    Ok(body.with("stream", true).0)
}

fn block(block: &Block, role: Role) -> Result<Value, Unsupported> {
    match block {
        Block::Text(text) => Ok(json!({"type": "text", "text": text})),
        Block::Image(_) if role == Role::Assistant => Err(Unsupported::new(
            "an image in a message of the assistant",
            format!("{VENDOR} takes images of the user only; edit the message or use another model"),
        )),
        Block::Image(media) => image(media),
        Block::Audio(_) => {
            Err(Unsupported::new("audio", format!("{VENDOR} takes none; use another model or answer by hand")))
        }
        Block::ToolUse(tool_use) => {
            Ok(json!({"type": "tool_use", "id": tool_use.id, "name": tool_use.name, "input": tool_use.input}))
        }
        Block::ToolResult(result) => tool_result(result),
    }
}

fn image(media: &Media) -> Result<Value, Unsupported> {
    let mime = media.mime_type.to_ascii_lowercase();
    if !["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&mime.as_str()) {
        return Err(Unsupported::new(
            format!("an {mime} image"),
            format!("{VENDOR} takes JPEG, PNG, GIF and WebP; use another model or answer by hand"),
        ));
    }
    Ok(json!({"type": "image", "source": {"type": "base64", "media_type": mime, "data": media.data}}))
}

fn tool_result(result: &ToolResult) -> Result<Value, Unsupported> {
    let content = parts(result)?
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => Ok(json!({"type": "text", "text": text})),
            Part::Image(media) => image(&media),
            Part::Audio(_) => Err(audio_refused(VENDOR)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let block = Object::default().with("type", "tool_result").with("tool_use_id", result.tool_use_id.as_str());
    let block = block.maybe("content", (!content.is_empty()).then_some(content));
    Ok(block.maybe("is_error", result.is_error.then_some(true)).into())
}

pub(super) fn event(event: &Value, assembly: &mut Assembly) -> Result<(), BadStream> {
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    let index = event.get("index").and_then(Value::as_u64);
    match kind {
        "message_start" => {
            let message = &event["message"];
            assembly.model(message.get("model"));
            usage(message.get("usage"), assembly);
        }
        "content_block_start" => {
            let block = &event["content_block"];
            let word = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
            match word("type") {
                "text" => assembly.text(word("text")),
                "thinking" => assembly.reasoning(word("thinking")),
                "redacted_thinking" => {}
                "tool_use" => assembly.call(Call {
                    index,
                    id: word("id").to_owned(),
                    name: word("name").to_owned(),
                    input: block.get("input").cloned(),
                    ..Call::default()
                }),
                other => return Err(BadStream::Unrepresentable(format!("a “{other}” block"))),
            }
        }
        "content_block_delta" => {
            let delta = &event["delta"];
            let word = |name: &str| delta.get(name).and_then(Value::as_str).unwrap_or_default();
            match word("type") {
                "text_delta" => assembly.text(word("text")),
                "thinking_delta" => assembly.reasoning(word("thinking")),
                "input_json_delta" => match assembly.find_call(|call| call.index == index) {
                    Some(call) => call.arguments.push_str(word("partial_json")),
                    None => {
                        return Err(BadStream::malformed("arguments of a tool call that never began"));
                    }
                },
                // Signatures of reasoning and the like are not part of the answer.
                _ => {}
            }
        }
        "message_delta" => {
            usage(event.get("usage"), assembly);
            if let Some(reason) = event["delta"].get("stop_reason").and_then(Value::as_str) {
                assembly.stop = Some(match reason {
                    "end_turn" => StopReason::EndTurn,
                    "stop_sequence" => StopReason::StopSequence,
                    "max_tokens" => StopReason::MaxTokens,
                    "tool_use" => StopReason::ToolUse,
                    other => StopReason::Other(other.to_owned()),
                });
            }
        }
        "message_stop" => assembly.ended = true,
        // `ping`, `content_block_stop`, and whatever the vendor adds (its documentation asks to ignore it).
        _ => {}
    }
    Ok(())
}

/// Counts are cumulative, and the input's come in parts: fresh, written to the cache, read from it.
fn usage(usage: Option<&Value>, assembly: &mut Assembly) {
    let Some(usage) = usage.filter(|usage| usage.is_object()) else {
        return;
    };
    let mut now = assembly.usage.unwrap_or_default();
    if usage.get("input_tokens").is_some_and(Value::is_u64) {
        now.cached = count(usage, "cache_read_input_tokens");
        now.input = count(usage, "input_tokens")
            .saturating_add(count(usage, "cache_creation_input_tokens"))
            .saturating_add(now.cached);
    }
    if usage.get("output_tokens").is_some_and(Value::is_u64) {
        now.output = count(usage, "output_tokens");
    }
    assembly.usage(now);
}
