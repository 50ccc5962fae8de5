//! What is refused or fails, and the exit code that tells scripts who it was.

use serde_json::json;
use support::{
    model::{FakeModel, Reply},
    servers::python,
};

use super::Home;

const ALLOW: &str = "sampling = \"ask\"\n\n[[rules]]\nid = \"r-allow\"\nserver = \"s\"\naction = \"allow\"";
const PAY: [&str; 4] = ["call", "s", "confirm_payment", r#"{"amount": 5, "to": "Ada"}"#];

fn raw(flags: &[&str]) -> Home {
    Home::with(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", flags)))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_nobody_is_asked_and_the_ways_on_are_named() {
    let home = Home::new();
    let call = ["call", "demo", "confirm_payment", r#"{"amount": 5, "to": "Ada"}"#];
    let ran = home.run(&call).await;
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(ran.out, "Payment of 5 to Ada not made: User rejected sampling request\n");
    for way in ["terminal", "rule add", "desktop app"] {
        assert!(ran.err.contains(way), "{}", ran.err);
    }
    let logged = home.json(&["audit", "list", "--json"]).await;
    assert_eq!((&logged[0]["outcome"], &logged[0]["decided_by"]), (&json!("denied"), &json!("nobody")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_denies_and_is_named_instead() {
    let home = Home::new();
    home.ok(&["rule", "add", "--server", "demo", "--action", "deny"]).await;
    let told = home.fails(3, &["call", "demo", "confirm_payment", r#"{"amount": 5, "to": "Ada"}"#]).await;
    assert_eq!(told, "A question of demo was denied: A rule denies it.\n");
    let logged = home.json(&["audit", "list", "--json"]).await;
    assert_eq!((&logged[0]["decided_by"], &logged[0]["reason"]), (&json!("rule"), &json!("A rule denies it.")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_the_tool_takes_in_its_stride_is_no_error() {
    let home = raw(&[]);
    let hello =
        r#"{"params": {"messages": [{"role": "user", "content": {"type": "text", "text": "Hi"}}], "maxTokens": 5}}"#;
    let ran = home.run(&["call", "s", "sample", hello]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("User rejected sampling request"), "{}", ran.out);
    assert!(ran.err.contains("was denied"), "{}", ran.err);
}

/// 2026-07-28 has no error for it: the call is not sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_is_refused_ends_as_a_tool_error() {
    let home = Home::with(&format!("[servers.s]\n{}sampling = \"rules\"\n", python("fastmcp4_rounds.py", &[])));
    let ran = home.run(&PAY).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), "User rejected sampling request\n"), "{ran:?}");
    let ran = home.run(&[&PAY[..], &["--json"]].concat()).await;
    let result: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let refused = json!({"content": [{"type": "text", "text": "User rejected sampling request"}], "isError": true});
    assert_eq!((ran.code, result), (Some(3), refused));
    for args in [&["prompt", "s", "summary_prompt", r#"{"topic": "tea"}"#][..], &["read", "s", "notes://today"]] {
        let ran = home.run(args).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{ran:?}");
        assert!(ran.err.contains("samplegate: User rejected sampling request\n"), "{}", ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_fails_is_4_in_the_middle_of_a_call_and_in_rounds() {
    for script in ["fastmcp3_prompts.py", "fastmcp4_rounds.py"] {
        let model = FakeModel::start().await;
        model.then(Reply::Status(401, None, "{\"error\":{\"message\":\"that key is not known\"}}"));
        let home = Home::with_model(script, ALLOW, &model);
        let ran = home.run(&PAY).await;
        assert_eq!(ran.code, Some(4), "{script}: {ran:?}");
        assert!(ran.err.contains("the model failed") && ran.err.contains("that key is not known"), "{}", ran.err);
        let logged = home.json(&["audit", "list", "--json"]).await;
        assert_eq!(logged[0]["outcome"], "failed", "{script}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_command_that_fails_is_the_models_failure() {
    let model = FakeModel::start().await;
    let home = Home::with_model("fastmcp3_prompts.py", ALLOW, &model);
    let config = home.config().replace("echo sk-test", "exit 7");
    std::fs::write(home.path().join("config.toml"), config).unwrap();
    assert!(home.fails(4, &PAY).await.contains("the key command failed"));
    assert!(model.got().is_empty(), "nothing goes out without its key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_or_tool_that_fails_is_5() {
    let home = raw(&[]);
    let ran = home.run(&["call", "s", "fails"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(5), "the tool itself failed\n"));
    assert!(home.fails(5, &["call", "s", "protocol_error"]).await.contains("the server itself failed"));
    // The first that fits: with sampling off, no question of it is denied.
    home.ok(&["server", "set", "s", "--sampling", "off"]).await;
    let died = home.fails(5, &["call", "s", "dies"]).await;
    assert!(died.contains('7') && died.contains("giving up"), "{died}");
    let never = raw(&["--exit"]);
    assert!(never.fails(5, &["call", "s", "fails"]).await.contains("the configuration file is missing"));
    let off = Home::new();
    off.ok(&["server", "set", "demo", "--enabled", "false"]).await;
    assert!(off.fails(5, &["call", "demo", "confirm_payment"]).await.contains("switched off"));
}
