//! `samplegate host …`

use samplegate_core::canonical::Sha256Hex;
use serde_json::json;

use crate::Home;

#[tokio::test]
async fn a_host_is_added_with_a_token_told_once_listed_and_removed() {
    let home = Home::new();
    let added = home.one(&["host", "add", "claude", "--sampling", "gate", "--tool-calls", "ask"]).await;
    let token = added["token"].as_str().unwrap();
    assert_eq!(added["name"], "claude");
    assert_eq!(added["endpoint"], "http://127.0.0.1:7717/mcp");
    // 256 bits in base64url, behind a prefix.
    assert_eq!(token.len(), "sgh_".len() + 43, "{token}");
    let config = home.config();
    assert!(!config.contains(token), "{config}");
    assert!(config.contains(&Sha256Hex::of(token.as_bytes()).to_string()), "{config}");
    let other = home.one(&["host", "add", "other"]).await;
    assert_ne!(other["token"], added["token"]);

    let listed = home.json(&["host", "list", "--json"]).await;
    let expected = json!([
        {"name": "claude", "endpoint": "http://127.0.0.1:7717/mcp", "sampling": "gate", "elicitation": "answer",
         "tool_calls": "ask"},
        {"name": "other", "endpoint": "http://127.0.0.1:7717/mcp", "sampling": "answer", "elicitation": "answer",
         "tool_calls": "off"},
    ]);
    assert_eq!(json!(listed), expected);
    assert!(home.ok(&["host", "list"]).await.contains("claude"));
    home.ok(&["host", "remove", "claude"]).await;
    assert_eq!(home.json(&["host", "list", "--json"]).await.len(), 1);
}

#[tokio::test]
async fn names_that_are_taken_unknown_or_ours_are_usage_errors() {
    let home = Home::new();
    home.ok(&["host", "add", "h"]).await;
    for args in [["host", "add", "h"], ["host", "add", "terminal"], ["host", "add", "a b"], ["host", "remove", "x"]] {
        home.fails(2, &args).await;
    }
    home.fails(2, &["host", "add", "x", "--sampling", "yes"]).await;
}
