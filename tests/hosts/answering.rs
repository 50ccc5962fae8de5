//! Hosts that sample and elicit themselves: what the servers behind the gateway ask in their calls goes on to them, past
//! the gates over HTTP, through both gates over the bridge.

use std::path::Path;

use serde_json::{Value, json};
use support::servers::python;

use crate::{
    clients::{Client, texts},
    serving::{Serving, log},
};

const WORDS: &str = "said by the host";
const SERVERS: [&str; 3] = ["asks", "four", "three"];

/// Every question may go through both gates, so it waits for nobody.
fn config(_: &Path) -> String {
    let server = |name: &str, script: &str| format!("[servers.{name}]\n{}sampling = \"ask\"\n\n", python(script, &[]));
    server("asks", "fastmcp3_elicit.py")
        + &server("four", "fastmcp4_rounds.py")
        + &server("three", "fastmcp3_prompts.py")
        + "[[rules]]\nid = \"r\"\nkind = \"sampling\"\naction = \"allow\"\n"
}

/// What is called of a server, and what is to be in the results.
fn calls(server: &str) -> (Value, String) {
    let keywords = json!({"name": "generate_keywords", "arguments": {"topic": "tea"}});
    let said = format!("prompt: {WORDS}\nkeywords: {WORDS}");
    match server {
        "three" => (json!([keywords]), said),
        "four" => (
            json!([keywords, {"name": "sample_and_elicit", "arguments": {}}]),
            format!("{said}form: accept {{\"name\": \"Ada\"}}\ngreeting: {WORDS}"),
        ),
        "asks" => (json!([{"name": "book", "arguments": {}}]), "Ada: 3 nights, double, breakfast True".to_owned()),
        other => panic!("no calls of {other}"),
    }
}

async fn answers_itself(client: Client) {
    let serving = Serving::start(config).await;
    serving.run(&["host", "add", "editor"]).await;
    serving.run(&["host", "set", "over-http", "--sampling", "pass", "--elicitation", "pass"]).await;
    serving.run(&["host", "set", "editor", "--sampling", "gate", "--elicitation", "pass"]).await;
    serving.ready(&SERVERS).await;
    let form = json!({"guest": "Ada", "nights": 3, "breakfast": true, "room": "double", "name": "Ada"});
    for server in SERVERS {
        let (calls, expected) = calls(server);
        for mut way in serving.ways(Some(server)) {
            way["answers"] = json!({"text": WORDS, "form": form});
            let seen = client.run(&way, &calls).await;
            let said: String = seen["results"].as_array().unwrap().iter().map(texts).collect();
            assert_eq!(said, expected, "{client:?} {server} {way}: {seen}");
        }
    }
    let questions = log(serving.home.path()).await;
    // A form, two questions and a question with a form, two questions; each by two ways.
    assert_eq!(questions.len(), (1 + 2 + 2 + 2) * 2);
    for question in &questions {
        assert_eq!((&question["outcome"], &question["decided_by"]), (&json!("released"), &json!("rule")), "{question}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_3() {
    answers_itself(Client::FastMcp3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_4() {
    answers_itself(Client::FastMcp4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk() {
    answers_itself(Client::Mcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_sdk() {
    answers_itself(Client::Sdk1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_sdk_of_the_newer_era() {
    answers_itself(Client::Sdk2).await;
}
