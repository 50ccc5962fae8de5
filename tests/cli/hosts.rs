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
    let limits = json!({"per_minute": null, "per_day": null, "in_flight": null, "queue": null, "prompt_bytes": null});
    let expected = json!([
        {"name": "claude", "endpoint": "http://127.0.0.1:7717/mcp", "sampling": "gate", "elicitation": "answer",
         "tool_calls": "ask", "review_results": false, "limits": limits},
        {"name": "other", "endpoint": "http://127.0.0.1:7717/mcp", "sampling": "answer", "elicitation": "answer",
         "tool_calls": "off", "review_results": false, "limits": limits},
    ]);
    assert_eq!(json!(listed), expected);
    assert!(home.ok(&["host", "list"]).await.contains("claude"));
    home.ok(&["host", "remove", "claude"]).await;
    assert_eq!(home.json(&["host", "list", "--json"]).await.len(), 1);
}

#[tokio::test]
async fn what_is_said_about_a_host_is_changed_and_the_rest_stays() {
    let home = Home::new();
    let limit = ["--limit", "per_day=100", "--limit", "per_minute=5"];
    home.ok(&[&["host", "add", "h", "--tool-calls", "ask"][..], &limit].concat()).await;
    home.ok(&["host", "set", "h", "--review-results", "true", "--limit", "per_minute=none"]).await;
    let host = home.one(&["host", "list", "--json"]).await;
    assert_eq!((&host["tool_calls"], &host["review_results"]), (&json!("ask"), &json!(true)));
    assert_eq!((&host["limits"]["per_day"], &host["limits"]["per_minute"]), (&json!(100), &json!(null)));
    assert!(home.ok(&["host", "list"]).await.contains("tool calls and results: ask  per_day=100"));
    // The same command by another name; what can do nothing is said.
    let off = home.run(&["host", "edit", "h", "--tool-calls", "off"]).await;
    assert!(off.err.contains("do nothing yet"), "{}", off.err);
    // A host calls tools: how many tokens a model may write is no limit of that.
    home.fails(2, &["host", "set", "h", "--limit", "max_tokens=10"]).await;
    home.fails(2, &["host", "set", "x", "--tool-calls", "ask"]).await;
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
