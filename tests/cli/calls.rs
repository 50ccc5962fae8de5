//! Calls, prompts and resources: results for people and for scripts, and what stands on stderr beside them.

use serde_json::{Value, json};
use support::{
    model::{FakeModel, Reply},
    servers::python,
};

use super::Home;

const ALLOW: &str = "sampling = \"rules\"\n\n[[rules]]\nid = \"r-allow\"\nserver = \"s\"\naction = \"allow\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_answers_and_the_tool_goes_on() {
    let home = Home::new();
    let rule =
        ["rule", "add", "--server", "demo", "--tool", "confirm_payment", "--action", "answer", "--text", " Yes "];
    home.ok(&rule).await;
    let call = ["call", "demo", "confirm_payment", r#"{"amount": 5, "to": "Ada"}"#];
    assert_eq!(home.ok(&call).await, "Payment of 5 to Ada sent.\n");
    assert_eq!(
        home.one(&[&call[..], &["--json"]].concat()).await,
        json!({"content": [{"type": "text", "text": "Payment of 5 to Ada sent."}], "isError": false})
    );
}

/// FastMCP 3 samples in the middle of the call, FastMCP 4 in rounds.
#[tokio::test(flavor = "multi_thread")]
async fn a_tool_samples_twice_and_a_model_answers() {
    for script in ["fastmcp3_prompts.py", "fastmcp4_rounds.py"] {
        let model = FakeModel::start().await;
        model.then(Reply::Text("List five metals")).then(Reply::Text("iron, gold"));
        let home = Home::with_model(script, ALLOW, &model);
        let ran = home.run(&["call", "s", "generate_keywords", r#"{"topic": "metals"}"#]).await;
        assert_eq!(ran.code, Some(0), "{script}: {ran:?}");
        assert_eq!(ran.out, "prompt: List five metals\nkeywords: iron, gold\n", "{script}");
        let got = model.got();
        assert_eq!(got.len(), 2, "{script}");
        assert_eq!(got[1].json()["messages"].as_array().unwrap().last().unwrap()["content"], "List five metals");
        assert!(got.iter().all(|got| got.authorization.as_deref() == Some("Bearer sk-test")), "{script}");
        if script.starts_with("fastmcp3") {
            assert!(ran.err.contains("s: info: asking with the rewritten prompt"), "{}", ran.err);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_and_resources_are_listed_and_got() {
    for script in ["fastmcp3_prompts.py", "fastmcp4_rounds.py"] {
        let model = FakeModel::start().await;
        model.then(Reply::Text("hot, green, calm")).then(Reply::Text("buy tea")).then(Reply::Text("sell tea"));
        let home = Home::with_model(script, ALLOW, &model);
        let names = |listed: Vec<Value>| listed.iter().map(|one| one["name"].clone()).collect::<Vec<_>>();
        assert_eq!(names(home.json(&["prompts", "s", "--json"]).await), ["summary_prompt"]);
        assert_eq!(names(home.json(&["resources", "s", "--json"]).await), ["today"]);
        assert!(names(home.json(&["tools", "s", "--json"]).await).contains(&json!("confirm_payment")));
        assert!(home.ok(&["resources", "s"]).await.starts_with("notes://today  A resource that asks"));

        let prompt = home.ok(&["prompt", "s", "summary_prompt", r#"{"topic": "tea"}"#]).await;
        assert_eq!(prompt, "user:\nWrite a summary of tea. Mind these: hot, green, calm\n", "{script}");
        assert_eq!(home.ok(&["read", "s", "notes://today"]).await, "Today: buy tea\n", "{script}");
        let read = home.one(&["read", "s", "notes://today", "--json"]).await;
        let content = json!({"uri": "notes://today", "mimeType": "text/plain", "text": "Today: sell tea"});
        assert_eq!(super::without(&read["contents"][0], &["_meta"]), content, "{script}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_result_is_printed() {
    let home = Home::with(&format!("[servers.s]\n{}", python("raw_legacy.py", &[])));
    let out = home.ok(&["call", "s", "every_kind_of_result"]).await;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "words");
    assert!(lines[1].starts_with("[image image/png, ") && lines[1].ends_with(" bytes]"), "{}", lines[1]);
    assert!(lines[2].starts_with("[audio audio/wav, "), "{}", lines[2]);
    assert_eq!(&lines[3..], ["a note", "[resource notes://2]", "{", "  \"answer\": 42", "}"]);
    let result = home.one(&["call", "s", "every_kind_of_result", "--json"]).await;
    assert_eq!(result["structuredContent"], json!({"answer": 42}));
    assert_eq!(result["content"].as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_meanwhile_is_on_stderr() {
    let home = Home::with(&format!("[servers.s]\n{}", python("raw_legacy.py", &[])));
    let ran = home.run(&["call", "s", "talks"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "talked\n"));
    for level in ["info", "notice", "warning", "error", "critical", "alert", "emergency"] {
        let line = format!("s: {level}: raw: {{\"words\":\"at {level}\"}}\n");
        assert!(ran.err.contains(&line), "{line} is not in {}", ran.err);
    }
    assert!(ran.err.contains("s: progress: 3/5 step 3\n"), "{}", ran.err);
    assert!(!ran.err.contains("0000000001"), "a process's own stderr is not the protocol's log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let home = Home::with(&format!("[servers.s]\n{}", python("raw_legacy.py", &[])));
    let mut child = home.command(&["tools", "s", "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    let ran = super::ran(child.wait_with_output().await.unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}
