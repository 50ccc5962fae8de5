//! From params to [`SamplingRequest`], strictly.

use std::collections::BTreeSet;

use serde_json::Value;

use super::field::quoted;
use super::{
    Block, Field, IncludeContext, InvalidParams, Message, ModelPreferences, Resource, ResourceBody, ResourceLink,
    ResultBlock, Role, SamplingRequest, ToolChoiceMode, ToolDefinition, ToolResult, ToolUse,
};

/// Top-level fields that the protocol defines, `_meta` and `task` (which a client without tasks ignores) included.
const KNOWN: [&str; 12] = [
    "messages",
    "modelPreferences",
    "systemPrompt",
    "includeContext",
    "temperature",
    "maxTokens",
    "stopSequences",
    "metadata",
    "tools",
    "toolChoice",
    "_meta",
    "task",
];

/// Whether content may hold tool results: a request's may, an answer's may not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultsAllowed {
    Yes,
    No,
}

pub(super) fn parse(params: Value) -> Result<SamplingRequest, InvalidParams> {
    let root = Field::root(&params);
    let messages = messages(&root.required("messages")?)?;
    let max_tokens = max_tokens(&root.required("maxTokens")?)?;
    let tools = root.optional("tools")?.map(|tools| self::tools(&tools)).transpose()?.unwrap_or_default();
    let metadata = match root.optional("metadata")? {
        Some(metadata) => {
            metadata.object()?;
            Some(metadata.value().clone())
        }
        None => None,
    };
    let mut stop_sequences = Vec::new();
    if let Some(list) = root.optional("stopSequences")? {
        for stop in list.items()? {
            stop_sequences.push(stop.text()?.to_owned());
        }
    }
    let unknown_fields = root.object()?.keys().filter(|name| !KNOWN.contains(&name.as_str())).cloned().collect();
    let system_prompt = text(&root, "systemPrompt")?;
    let temperature = root.optional("temperature")?.map(|field| field.number()).transpose()?;
    let model_preferences = root.optional("modelPreferences")?.map(|field| preferences(&field)).transpose()?;
    let include_context = root.optional("includeContext")?.map(|field| context(&field)).transpose()?;
    let tool_choice = root.optional("toolChoice")?.map(|field| choice(&field)).transpose()?;
    Ok(SamplingRequest {
        messages,
        system_prompt,
        max_tokens,
        temperature,
        stop_sequences,
        model_preferences,
        include_context: include_context.unwrap_or_default(),
        metadata,
        tools,
        tool_choice,
        unknown_fields,
        params,
    })
}

fn text(of: &Field<'_>, name: &str) -> Result<Option<String>, InvalidParams> {
    of.optional(name)?.map(|field| field.text().map(str::to_owned)).transpose()
}

fn max_tokens(field: &Field<'_>) -> Result<u32, InvalidParams> {
    let number = field.number()?;
    if number.fract() != 0.0 {
        return Err(field.invalid(format!("must be a whole number, is {number}")));
    }
    if number < 1.0 {
        return Err(field.invalid(format!("must be at least 1, is {number}")));
    }
    if number > f64::from(u32::MAX) {
        return Err(field.invalid(format!("must be at most {}, is {number}", u32::MAX)));
    }
    // Exact: whole and in range, and every u32 is an f64.
    Ok(number as u32)
}

fn messages(field: &Field<'_>) -> Result<Vec<Message>, InvalidParams> {
    let mut messages = Vec::new();
    // Ids of the tool uses in the message before.
    let mut unanswered: Vec<String> = Vec::new();
    let mut used = BTreeSet::new();
    let mut last = None;
    for item in field.items()? {
        let message = message(&item)?;
        answers(&item, &message, &unanswered)?;
        unanswered.clear();
        for block in &message.blocks {
            if let Block::ToolUse(tool_use) = block {
                if !used.insert(tool_use.id.clone()) {
                    return Err(item.invalid(format!("uses the tool use id {} a second time", quoted(&tool_use.id))));
                }
                unanswered.push(tool_use.id.clone());
            }
        }
        messages.push(message);
        last = Some(item);
    }
    let Some(last) = last else {
        return Err(field.invalid("must hold at least one message"));
    };
    if let Some(id) = unanswered.first() {
        return Err(last.invalid(format!("the tool use {} has no result in a next message", quoted(id))));
    }
    Ok(messages)
}

fn message(item: &Field<'_>) -> Result<Message, InvalidParams> {
    let role_field = item.required("role")?;
    let role = match role_field.text()? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => {
            return Err(role_field.invalid("must be “user” or “assistant”; a system prompt goes in systemPrompt"));
        }
        other => {
            return Err(role_field.invalid(format!("must be “user” or “assistant”, is {}", quoted(other))));
        }
    };
    let content = item.required("content")?;
    let blocks = parse_content(&content, ResultsAllowed::Yes)?;
    if role == Role::User && blocks.iter().any(|block| matches!(block, Block::ToolUse(_))) {
        return Err(content.invalid("a tool_use belongs in a message of the assistant"));
    }
    let results = blocks.iter().filter(|block| matches!(block, Block::ToolResult(_))).count();
    if results > 0 && role == Role::Assistant {
        return Err(content.invalid("a tool_result belongs in a message of the user"));
    }
    if results > 0 && results < blocks.len() {
        return Err(content.invalid("a message with tool results must hold nothing else"));
    }
    Ok(Message { role, blocks, single: content.value().is_object() })
}

/// Checks that a message answers exactly the tool uses of the one before (MCP 2025-11-25, sampling: tool result
/// messages, tool use and result balance).
fn answers(item: &Field<'_>, message: &Message, unanswered: &[String]) -> Result<(), InvalidParams> {
    let mut open: Vec<&str> = unanswered.iter().map(String::as_str).collect();
    for block in &message.blocks {
        if let Block::ToolResult(result) = block {
            match open.iter().position(|id| *id == result.tool_use_id) {
                Some(at) => {
                    open.remove(at);
                }
                None => {
                    return Err(item.invalid(format!(
                        "the tool result for {} has no open tool use in the message before",
                        quoted(&result.tool_use_id)
                    )));
                }
            }
        }
    }
    match open.first() {
        Some(id) => Err(item.invalid(format!("must answer the tool use {} of the message before", quoted(id)))),
        None => Ok(()),
    }
}

/// Reads content: one block or an array of them.
pub(crate) fn parse_content(content: &Field<'_>, results: ResultsAllowed) -> Result<Vec<Block>, InvalidParams> {
    if content.value().is_object() {
        return Ok(vec![block(content, results)?]);
    }
    if !content.value().is_array() {
        return Err(content.invalid("must be a content object or an array of them"));
    }
    let blocks = content.items()?.map(|item| block(&item, results)).collect::<Result<Vec<_>, _>>()?;
    if blocks.is_empty() {
        return Err(content.invalid("must not be empty"));
    }
    Ok(blocks)
}

fn block(field: &Field<'_>, results: ResultsAllowed) -> Result<Block, InvalidParams> {
    let kind = field.required("type")?;
    match kind.text()? {
        "text" => Ok(Block::Text(field.required("text")?.text()?.to_owned())),
        "image" => Ok(Block::Image(field.media("image/")?)),
        "audio" => Ok(Block::Audio(field.media("audio/")?)),
        "tool_use" => {
            let input = field.required("input")?;
            input.object()?;
            Ok(Block::ToolUse(ToolUse {
                id: field.required("id")?.name()?.to_owned(),
                name: field.required("name")?.name()?.to_owned(),
                input: input.value().clone(),
                meta: field.optional("_meta")?.map(|meta| meta.value().clone()),
            }))
        }
        "tool_result" if results == ResultsAllowed::Yes => Ok(Block::ToolResult(tool_result(field)?)),
        other => Err(kind.invalid(format!("unknown content type {}", quoted(other)))),
    }
}

fn tool_result(field: &Field<'_>) -> Result<ToolResult, InvalidParams> {
    let mut content = Vec::new();
    for item in field.required("content")?.items()? {
        content.push(result_block(&item)?);
    }
    let structured_content = match field.optional("structuredContent")? {
        Some(structured) => {
            structured.object()?;
            Some(structured.value().clone())
        }
        None => None,
    };
    Ok(ToolResult {
        tool_use_id: field.required("toolUseId")?.name()?.to_owned(),
        content,
        structured_content,
        is_error: field.optional("isError")?.map(|flag| flag.boolean()).transpose()?.unwrap_or(false),
    })
}

fn result_block(field: &Field<'_>) -> Result<ResultBlock, InvalidParams> {
    let kind = field.required("type")?;
    match kind.text()? {
        "text" => Ok(ResultBlock::Text(field.required("text")?.text()?.to_owned())),
        "image" => Ok(ResultBlock::Image(field.media("image/")?)),
        "audio" => Ok(ResultBlock::Audio(field.media("audio/")?)),
        "resource" => {
            let resource = field.required("resource")?;
            let body = match (resource.optional("text")?, resource.optional("blob")?) {
                (Some(text), None) => ResourceBody::Text(text.text()?.to_owned()),
                (None, Some(blob)) => ResourceBody::Blob(blob.base64()?.to_owned()),
                (Some(_), Some(_)) | (None, None) => {
                    return Err(resource.invalid("must hold either text or blob"));
                }
            };
            Ok(ResultBlock::Resource(Resource {
                uri: resource.required("uri")?.name()?.to_owned(),
                mime_type: text(&resource, "mimeType")?,
                body,
            }))
        }
        "resource_link" => Ok(ResultBlock::ResourceLink(ResourceLink {
            uri: field.required("uri")?.name()?.to_owned(),
            name: field.required("name")?.text()?.to_owned(),
            description: text(field, "description")?,
            mime_type: text(field, "mimeType")?,
        })),
        other => Err(kind.invalid(format!("unknown content type {}", quoted(other)))),
    }
}

fn preferences(field: &Field<'_>) -> Result<ModelPreferences, InvalidParams> {
    let mut hints = Vec::new();
    if let Some(list) = field.optional("hints")? {
        for hint in list.items()? {
            if let Some(name) = text(&hint, "name")? {
                hints.push(name);
            }
        }
    }
    let priority = |name: &str| -> Result<Option<f64>, InvalidParams> {
        let Some(field) = field.optional(name)? else {
            return Ok(None);
        };
        let number = field.number()?;
        if !(0.0..=1.0).contains(&number) {
            return Err(field.invalid(format!("must be between 0 and 1, is {number}")));
        }
        Ok(Some(number))
    };
    Ok(ModelPreferences {
        hints,
        cost_priority: priority("costPriority")?,
        speed_priority: priority("speedPriority")?,
        intelligence_priority: priority("intelligencePriority")?,
    })
}

fn context(field: &Field<'_>) -> Result<IncludeContext, InvalidParams> {
    match field.text()? {
        "none" => Ok(IncludeContext::None),
        "thisServer" => Ok(IncludeContext::ThisServer),
        "allServers" => Ok(IncludeContext::AllServers),
        other => Err(field.invalid(format!("must be “none”, “thisServer” or “allServers”, is {}", quoted(other)))),
    }
}

fn tools(field: &Field<'_>) -> Result<Vec<ToolDefinition>, InvalidParams> {
    let mut tools: Vec<ToolDefinition> = Vec::new();
    for item in field.items()? {
        let name_field = item.required("name")?;
        let name = name_field.name()?;
        if tools.iter().any(|tool| tool.name == name) {
            return Err(name_field.invalid(format!("the tool {} is given twice", quoted(name))));
        }
        let schema = item.required("inputSchema")?;
        schema.object()?;
        tools.push(ToolDefinition {
            name: name.to_owned(),
            title: text(&item, "title")?,
            description: text(&item, "description")?,
            input_schema: schema.value().clone(),
        });
    }
    Ok(tools)
}

fn choice(field: &Field<'_>) -> Result<ToolChoiceMode, InvalidParams> {
    let Some(mode) = field.optional("mode")? else {
        field.object()?;
        return Ok(ToolChoiceMode::Auto);
    };
    match mode.text()? {
        "auto" => Ok(ToolChoiceMode::Auto),
        "required" => Ok(ToolChoiceMode::Required),
        "none" => Ok(ToolChoiceMode::None),
        other => Err(mode.invalid(format!("must be “auto”, “required” or “none”, is {}", quoted(other)))),
    }
}
