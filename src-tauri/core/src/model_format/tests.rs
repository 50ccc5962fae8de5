#![allow(clippy::unwrap_used, reason = "tests")]

mod decoding;
mod encoding;
mod urls;

use serde_json::{Value, json};

use super::*;

/// A request with something of everything.
fn everything() -> SamplingRequest {
    SamplingRequest::parse(json!({
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "What is this, and the weather?"},
                {"type": "image", "mimeType": "image/png", "data": "AAAA"},
            ]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "a1", "name": "weather", "input": {"city": "Paris", "at": 1}},
                {"type": "tool_use", "id": "a2", "name": "map", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "toolUseId": "a1", "content": [{"type": "text", "text": "18"}], "structuredContent": {"t": 18}},
                {"type": "tool_result", "toolUseId": "a2", "isError": true, "content": [
                    {"type": "text", "text": "no map"},
                    {"type": "image", "mimeType": "image/png", "data": "BBBB"},
                    {"type": "resource_link", "uri": "file:///m", "name": "m"},
                ]},
            ]},
        ],
        "systemPrompt": "Be brief.",
        "temperature": 0.5,
        "maxTokens": 64,
        "stopSequences": ["END"],
        "metadata": {"never": "sent"},
        "mystery": "never sent",
        "tools": [{"name": "weather", "description": "The weather", "inputSchema": {"type": "object", "properties": {}}},
                  {"name": "map", "inputSchema": {"type": "object"}}],
        "toolChoice": {"mode": "auto"},
    }))
    .unwrap()
}

fn asking(content: Value) -> SamplingRequest {
    SamplingRequest::parse(json!({"messages": [{"role": "user", "content": content}], "maxTokens": 5})).unwrap()
}

fn to(name: &str) -> &'static Provider {
    provider(name).unwrap()
}

fn body_of(wire: &WireRequest) -> String {
    String::from_utf8(wire.body.clone()).unwrap()
}
