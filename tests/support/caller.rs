//! A host of 2026-07-28 without a library, that calls tools through the gateway.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Calls a tool at the endpoint of one server; gives its result once it is there.
pub fn call(url: &str, token: &str, tool: &str, arguments: &Value) -> JoinHandle<Value> {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "editor", "version": "1"},
    });
    let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
    let request = reqwest::Client::new()
        .post(url)
        .bearer_auth(token)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}));
    tokio::spawn(async move {
        let text = request.send().await.unwrap().text().await.unwrap();
        let last = text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap_or(&text);
        let message: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("no message: {text}"));
        assert!(message.get("result").is_some(), "{message}");
        message["result"].clone()
    })
}
