//! Hosts' tool calls, reviewed in the terminal of `samplegate serve`.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use serde_json::{Value, json};
use support::{
    caller,
    servers::{python, samplegate},
};

use super::pty::Session;

fn ran(home: &Path, args: &[&str]) -> Vec<u8> {
    let ran = Command::new(samplegate()).arg("--home").arg(home).args(args).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    ran.stdout
}

/// A home with a server that may not sample and a host, whose token is given.
fn home(more: &str, host: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[servers.s]\n{}{more}", python("raw_passing.py", &["--stateless"]));
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    let added = ran(folder.path(), &[&["host", "add", "editor", "--tool-calls", "ask"], host].concat());
    let added: Value = serde_json::from_slice(&added).unwrap();
    (folder, added["token"].as_str().unwrap().to_owned())
}

/// Serves in a terminal; gives that, and where hosts connect.
async fn serve(home: &Path, env: &[(&str, &str)]) -> (Session, String) {
    let mut session = Session::start(home, &["serve", "--port", "0"], env);
    session.expect("Hosts connect at ").await;
    session.expect("/mcp").await;
    let seen = session.seen();
    let at = seen.find("http://127.0.0.1:").unwrap();
    let url = seen[at..].split_once("/mcp").unwrap().0.to_owned();
    (session, format!("{url}/mcp/s"))
}

/// Calls `echo` as a host does; gives the result once it is there.
fn call(url: &str, token: &str, arguments: Value) -> tokio::task::JoinHandle<Value> {
    caller::call(url, token, "echo", &arguments)
}

fn got(result: &Value) -> &Value {
    &result["structuredContent"]["value"]["arguments"]
}

fn editor(home: &Path, sed: &str) -> String {
    let editor = home.join("editor");
    std::fs::write(&editor, format!("#!/bin/sh\nsed -i '{sed}' \"$1\"\n")).unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    editor.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_edited_approved_and_its_result_looked_at() {
    let (home, token) = home("", &["--review-results", "true"]);
    let editor = editor(home.path(), "s/draft/final/; s/\"x\":1/\"x\":2/");
    let (mut session, url) = serve(home.path(), &[("VISUAL", &editor), ("NO_COLOR", "1")]).await;
    let result = call(&url, &token, json!({"path": "draft.txt", "n": 1.0}));
    session.expect("editor wants to call echo of s").await;
    session.expect("Its server claims: it only reads").await;
    session.expect("draft.txt").await;
    session.expect("[a e d ? A v j] > ").await;
    session.press("e").await;
    session.expect("[-draft.txt-]{+final.txt+}").await;
    session.expect("[a e d ? u v j] > ").await;
    session.press("a").await;
    session.expect("Return this result to editor?").await;
    session.expect("Structured").await;
    session.expect("[a e d ? v j] > ").await;
    session.press("a").await;
    assert_eq!(got(&result.await.unwrap()), &json!({"path": "final.txt", "n": 1.0}));

    // What came back can be held back.
    let result = call(&url, &token, json!({"path": "b"}));
    session.expect("] > ").await;
    session.press("a").await;
    session.expect("Return this result to editor?").await;
    session.expect("] > ").await;
    session.press("d").await;
    session.expect("Why?").await;
    session.press("not that\r").await;
    let result = result.await.unwrap();
    assert_eq!(result["_meta"]["samplegate/reason"], "person");
    assert!(!result.to_string().contains("not that"), "{result}");
    session.press("\u{3}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_denied_with_a_reason_and_let_through_for_longer() {
    let (home, token) = home("", &[]);
    let (mut session, url) = serve(home.path(), &[("NO_COLOR", "1")]).await;
    let result = call(&url, &token, json!({"path": "a"}));
    session.expect("[a e d ? A v j] > ").await;
    session.press("d").await;
    session.expect("Why?").await;
    session.press("too early\r").await;
    let result = result.await.unwrap();
    assert_eq!((&result["isError"], &result["_meta"]["samplegate/reason"]), (&json!(true), &json!("person")));
    assert!(!result.to_string().contains("too early"), "{result}");

    // The server may not sample, and is pinned all the same: what is granted counts.
    let result = call(&url, &token, json!({"path": "b"}));
    session.expect("] > ").await;
    session.press("A").await;
    session.expect("until you revoke it").await;
    session.expect("Number").await;
    session.press("3\r").await;
    session.expect("[y/N]").await;
    session.press("\r").await;
    assert_eq!(got(&result.await.unwrap()), &json!({"path": "b"}));
    let result = call(&url, &token, json!({"path": "c"}));
    assert_eq!(got(&result.await.unwrap()), &json!({"path": "c"}), "alike, so nobody is asked");
    session.press("\u{3}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_high_risk_the_name_of_the_tool_is_typed() {
    let (home, token) = home("risk = \"high\"\ntyped_confirmation = true\n", &[]);
    let (mut session, url) = serve(home.path(), &[("NO_COLOR", "1")]).await;
    let result = call(&url, &token, json!({"path": "a"}));
    session.expect("Risk: high").await;
    session.expect("] > ").await;
    session.press("a").await;
    session.expect("This is of high risk. Type echo to go on: ").await;
    session.press("yes\r").await;
    session.expect("] > ").await;
    assert!(!result.is_finished(), "another word went on");
    session.press("a").await;
    session.expect("Type echo to go on: ").await;
    session.press("echo\r").await;
    // Both gates ask.
    session.expect("Return this result to editor?").await;
    session.expect("] > ").await;
    session.press("a").await;
    session.expect("Type echo to go on: ").await;
    session.press("echo\r").await;
    assert_eq!(got(&result.await.unwrap()), &json!({"path": "a"}));
    session.press("\u{3}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_approved_says_why_its_rules_do_not_count() {
    let (home, token) = home("pin = \"approval\"\n", &[]);
    ran(home.path(), &["rule", "add", "--kind", "tool_call", "--server", "s", "--action", "allow"]);
    let (mut session, url) = serve(home.path(), &[("NO_COLOR", "1")]).await;
    let result = call(&url, &token, json!({"path": "a"}));
    session.expect("You have not approved this server yet").await;
    session.expect("Rule: Allow tool calls and their results of s").await;
    session.expect("samplegate server approve s").await;
    session.expect("] > ").await;
    session.press("a").await;
    assert_eq!(got(&result.await.unwrap()), &json!({"path": "a"}));
    session.press("\u{3}").await;
}
