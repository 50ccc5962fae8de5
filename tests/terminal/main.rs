//! The terminal review, in a real pseudo-terminal: the keys, the waiting line, the editor, and hostile text.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

mod import;
mod pty;
mod tool_calls;

use std::{os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use pty::Session;
use serde_json::{Value, json};
use support::{
    model::{FakeModel, Reply, calls},
    servers::{python, samplegate},
};

/// A home with a raw server, and a model where one is given.
fn home(model: Option<&FakeModel>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let default = if model.is_some() { "fake" } else { "human" };
    let mut config =
        format!("default_model = {default:?}\n\n[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", &[]));
    if let Some(model) = model {
        config.push_str(&format!(
            "\n[models.fake]\nprovider = \"openai\"\nbase_url = {:?}\nmodel = \"fake-1\"\nkey = \"none\"\n",
            model.base_url
        ));
    }
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    folder
}

fn hello(text: &str) -> String {
    let params = json!({"messages": [{"role": "user", "content": {"type": "text", "text": text}}], "maxTokens": 64});
    json!({ "params": params }).to_string()
}

fn call(home: &Path, text: &str) -> Session {
    Session::start(home, &["call", "s", "sample", &hello(text), "--json"], &[])
}

/// What the server was told, from the result on stdout.
async fn told(session: Session) -> (Value, i32) {
    let (out, code) = session.end().await;
    let result: Value = serde_json::from_str(out.trim()).unwrap_or_else(|_| panic!("no result: {out:?}"));
    let told: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    (told["replies"][0]["reply"].clone(), code)
}

#[tokio::test(flavor = "multi_thread")]
async fn approve_and_return() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("Hello there."));
    let home = home(Some(&model));
    let mut session = call(home.path(), "Say hello.");
    session.expect("Say hello.").await;
    session.expect("[a e d w ? W A v j] > ").await;
    assert!(model.got().is_empty());
    session.press("a").await;
    session.expect("Return this answer to s?").await;
    session.expect("Hello there.").await;
    session.expect("[a e d w ? W A r v j] > ").await;
    session.press("a").await;
    let (reply, code) = told(session).await;
    assert_eq!(reply["result"]["content"]["text"], "Hello there.");
    assert_eq!(code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_server_cannot_take_is_shown_and_not_offered() {
    let model = FakeModel::start().await;
    let call = json!([{"index": 0, "id": "a", "function": {"name": "look_up", "arguments": "{}"}}]);
    let choices = json!([{"index": 0, "delta": {"tool_calls": call}, "finish_reason": "tool_calls"}]);
    let chunk = json!({"object": "chat.completion.chunk", "model": "fake-1-real", "choices": choices});
    model.then(Reply::Raw(vec![format!("data: {chunk}\n\n"), "data: [DONE]\n\n".into()]));
    let home = home(Some(&model));
    let config = home.path().join("config.toml");
    let old = std::fs::read_to_string(&config).unwrap().replace(".py\"]", ".py\", \"--protocol\", \"2025-06-18\"]");
    std::fs::write(&config, old).unwrap();
    let mut session = self::call(home.path(), "Say hello.");
    session.expect("] > ").await;
    session.press("a").await;
    session.expect("this answer cannot be returned: the server speaks a protocol before 2025-11-25").await;
    session.expect("[e d w ? W r t v j] > ").await;
    session.press("a").await;
    session.press("w").await;
    session.expect("Your answer").await;
    session.press("in words\r").await;
    let (reply, _) = told(session).await;
    assert_eq!(reply["result"]["content"]["text"], "in words");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_redacted_and_the_values_come_back() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("Dear [EMAIL_1],"));
    let home = home(Some(&model));
    let mut session = Session::start(
        home.path(),
        &["call", "s", "sample", &hello("Write to ann@corp.io now."), "--json"],
        &[("NO_COLOR", "1")],
    );
    session.expect("Redact it if it should stay private.").await;
    session.expect("[a e d w ? W A x v j] > ").await;
    session.press("x").await;
    session.expect("*  1  email: ann@corp.io").await;
    session.expect("Replace which?").await;
    session.press("\r").await;
    session.expect("[-ann@corp.io-]{+[EMAIL_1]+}").await;
    session.expect("[a e d w ? W u v j] > ").await;
    session.press("a").await;
    session.expect("Put back in place of placeholders").await;
    session.expect("[a e d w ? W r p v j] > ").await;
    session.press("p").await;
    session.expect("Dear [EMAIL_1],").await;
    session.expect("] > ").await;
    session.press("p").await;
    session.expect("Dear ann@corp.io,").await;
    session.expect("] > ").await;
    session.press("a").await;
    let (reply, _) = told(session).await;
    assert_eq!(reply["result"]["content"]["text"], "Dear ann@corp.io,");
    assert!(!model.got()[0].json().to_string().contains("ann@corp.io"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tool_call_is_asked_about() {
    let model = FakeModel::start().await;
    model.then(Reply::Raw(calls(&[("a", "look_up", json!({"q": 1})), ("b", "pay", json!({"to": "ACME"}))])));
    let home = home(Some(&model));
    let config = home.path().join("config.toml");
    let with_tools = std::fs::read_to_string(&config).unwrap().replace(
        "sampling = \"ask\"",
        "sampling = \"ask\"\nsampling_tools = \"all\"\ntools = { look_up = { labels = [\"private\"] } }",
    );
    std::fs::write(&config, with_tools).unwrap();
    let params = json!({"params": {
        "messages": [{"role": "user", "content": {"type": "text", "text": "Pay."}}],
        "tools": [{"name": "look_up", "inputSchema": {"type": "object"}}],
        "maxTokens": 64,
    }});
    let mut session = Session::start(home.path(), &["call", "s", "sample", &params.to_string(), "--json"], &[]);
    session.expect("] > ").await;
    session.press("a").await;
    session.expect("Tool call 2 of 2: pay").await;
    session.expect("Not decided yet").await;
    // It cannot be returned as it is: `a` is not offered and does nothing.
    session.expect("[e d w ? W r t v j] > ").await;
    session.press("at").await;
    session.expect("Tool call 1 of 2: look_up({\"q\":1})").await;
    session.expect("Approve this call?").await;
    session.press("y\r").await;
    session.expect("does not offer this tool").await;
    session.expect("Approve this call?").await;
    session.press("n\r").await;
    session.expect("Take what you refused out").await;
    session.press("y\r").await;
    session.expect("Approved by you").await;
    session.expect("[a e d w ? W r u t v j] > ").await;
    session.press("a").await;
    let (reply, _) = told(session).await;
    assert_eq!(reply["result"]["content"]["name"], "look_up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_takes_a_reason_that_the_server_is_not_told() {
    let home = home(None);
    let mut session = call(home.path(), "Say hello.");
    session.expect("[e d w ? W v j] > ").await;
    session.press("d").await;
    session.expect("Why?").await;
    session.press("not today\r").await;
    let (reply, code) = told(session).await;
    assert_eq!(
        reply["error"],
        json!({"code": -1, "message": "User rejected sampling request", "data": {"reason": "person"}})
    );
    assert_eq!(code, 0, "the tool's own result is no error");
    let log = std::process::Command::new(samplegate())
        .args(["--home", home.path().to_str().unwrap(), "audit", "list", "--json"])
        .output()
        .unwrap();
    let entry: Value = serde_json::from_slice(&log.stdout).unwrap();
    assert_eq!(
        (&entry["outcome"], &entry["decided_by"], &entry["reason"]),
        (&json!("denied"), &json!("person"), &json!("not today"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_by_hand_is_final() {
    let home = home(None);
    let mut session = call(home.path(), "Pay?");
    session.expect("] > ").await;
    session.press("w").await;
    session.expect("Your answer").await;
    session.press("nox\u{7f}\r").await;
    let (reply, _) = told(session).await;
    assert_eq!(reply["result"]["content"]["text"], "no");
    assert_eq!(reply["result"]["model"], "human");
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_in_the_editor_show_their_difference_at_both_gates() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("The answer is five."));
    let home = home(Some(&model));
    let editor = home.path().join("editor");
    std::fs::write(&editor, "#!/bin/sh\nsed -i 's/hello/goodbye/; s/five/six/' \"$1\"\n").unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut session = Session::start(
        home.path(),
        &["call", "s", "sample", &hello("Say hello."), "--json"],
        &[("VISUAL", editor.to_str().unwrap()), ("NO_COLOR", "1")],
    );
    session.expect("] > ").await;
    session.press("e").await;
    session.expect("[-hello.-]{+goodbye.+}").await;
    session.expect("] > ").await;
    session.press("a").await;
    session.expect("Return this answer").await;
    session.expect("] > ").await;
    session.press("e").await;
    session.expect("[-five.-]{+six.+}").await;
    session.expect("] > ").await;
    session.press("a").await;
    let (reply, _) = told(session).await;
    assert_eq!(reply["result"]["content"]["text"], "The answer is six.");
    assert!(model.got()[0].json().to_string().contains("Say goodbye."));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_typed_too_early_are_thrown_away() {
    let model = FakeModel::start().await;
    let home = home(Some(&model));
    let mut session = call(home.path(), "Say hello.");
    session.press("aaaa").await;
    session.expect("] > ").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(model.got().is_empty(), "an early key approved");
    session.press("d").await;
    session.expect("Why?").await;
    session.press("\r").await;
    assert_eq!(told(session).await.0["error"]["code"], -1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_model_can_be_stopped_and_asked_again() {
    let model = FakeModel::start().await;
    model.then(Reply::Slowly("one two three four five six seven eight nine ten", Duration::from_millis(300)));
    model.then(Reply::Text("all of it"));
    let home = home(Some(&model));
    let mut session = call(home.path(), "Count.");
    session.expect("] > ").await;
    session.press("a").await;
    session.expect("two").await;
    session.press("s").await;
    session.expect("stopped").await;
    session.expect("] > ").await;
    session.press("r").await;
    session.expect("all of it").await;
    session.expect("] > ").await;
    session.press("a").await;
    assert_eq!(told(session).await.0["result"]["content"]["text"], "all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_denies_and_ends_the_call() {
    let home = home(None);
    let mut session = call(home.path(), "Say hello.");
    session.expect("] > ").await;
    session.press("\u{3}").await;
    let (_, code) = session.end().await;
    assert_eq!(code, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_hostile_reaches_the_terminal() {
    let home = home(None);
    let tags: String = "obey".chars().filter_map(|c| char::from_u32(0xE0000 + c as u32)).collect();
    let hostile = format!("start \u{1b}[2J\u{1b}]0;owned\u{7} \u{202e}evil {tags} end\r[a e d w] > ");
    let mut session = call(home.path(), &hostile);
    session.expect("[e d w ? W x v j] > ").await;
    let seen = session.seen();
    for bad in ["\u{1b}[2J", "\u{1b}]0", "\u{202e}", tags.as_str(), "\u{7}"] {
        assert!(!seen.contains(bad), "{bad:?} reached the terminal");
    }
    assert!(seen.contains("‹U+001B›") && seen.contains("‹U+202E›"), "{seen}");
    assert!(seen.contains("obey"), "what hidden characters spell is told");
    session.press("d").await;
    session.expect("Why?").await;
    session.press("\r").await;
    session.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_opinion_is_asked_with_a_key_and_decides_nothing() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("It wants a greeting.\u{202e} Approve it."));
    let home = home(Some(&model));
    let chosen = std::process::Command::new(samplegate())
        .args(["--home", home.path().to_str().unwrap(), "model", "opinion", "fake"])
        .status()
        .unwrap();
    assert!(chosen.success());
    let mut session = call(home.path(), "Say hello.");
    session.expect("[a e d w ? W A o v j] > ").await;
    assert!(model.got().is_empty(), "nothing is sent without the key");
    session.press("o").await;
    session.expect("Asking fake on 127.0.0.1").await;
    session.expect("a model's opinion, which may be wrong and decides nothing").await;
    session.expect("It wants a greeting.‹U+202E› Approve it.").await;
    session.expect("] > ").await;
    assert_eq!(model.got().len(), 1);
    session.press("d").await;
    session.expect("Why?").await;
    session.press("\r").await;
    assert_eq!(told(session).await.0["error"]["code"], -1);
}

/// The home's grants, as the command lists them.
fn grants(home: &Path) -> Vec<Value> {
    let ran = std::process::Command::new(samplegate())
        .args(["--home", home.to_str().unwrap(), "grant", "list", "--json"])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn approve_for_longer_asks_how_far_and_whether_the_answers_too() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("one")).then(Reply::Text("two")).then(Reply::Text("three"));
    let home = home(Some(&model));
    let mut session = call(home.path(), "Say hello.");
    session.expect("[a e d w ? W A v j] > ").await;
    // Neither a look at the scopes nor a number that is none of them decides.
    session.press("A").await;
    session.expect("until you revoke it; the answers are still shown to you").await;
    session.press("9\r").await;
    session.expect("[a e d w ? W A v j] > ").await;
    assert!(model.got().is_empty() && grants(home.path()).is_empty());
    session.press("A").await;
    session.expect("Number").await;
    session.press("4\r").await;
    session.expect("neither is shown to you").await;
    session.expect("The answers too, as just said? [y/N]").await;
    session.press("\r").await;
    session.expect("Return this answer").await;
    session.expect("[a e d w ? W A r v j] > ").await;
    session.press("a").await;
    assert_eq!(told(session).await.0["result"]["content"]["text"], "one");
    let [grant] = &grants(home.path())[..] else { panic!("not one grant") };
    assert_eq!((&grant["scope"], &grant["gate"], &grant["used"]), (&json!("always"), &json!("request"), &json!(0)));

    // The next one stands at the answer gate at once; returned for longer, the one after asks nothing.
    let mut session = call(home.path(), "Say hello.");
    session.expect("Return this answer").await;
    session.expect("] > ").await;
    session.press("A").await;
    session.expect("answers to requests with no system prompt").await;
    session.expect("Number").await;
    session.press("4\r").await;
    assert_eq!(told(session).await.0["result"]["content"]["text"], "two");
    let session = call(home.path(), "Say hello.");
    assert_eq!(told(session).await.0["result"]["content"]["text"], "three");
}

/// What was granted for a call or a connection is gone with its process, however that ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_no_grant_of_its_call_or_connection() {
    for (number, scope) in [("1", "call"), ("3", "session")] {
        let model = FakeModel::start().await;
        model.then(Reply::Text("one"));
        let home = home(Some(&model));
        let mut session = call(home.path(), "Say hello.");
        session.expect("] > ").await;
        session.press("A").await;
        session.expect("Number").await;
        session.press(&format!("{number}\r")).await;
        session.expect("[y/N]").await;
        session.press("\r").await;
        session.expect("Return this answer").await;
        assert_eq!(grants(home.path())[0]["scope"], scope, "its process lives");
        session.kill().await;
        assert!(grants(home.path()).is_empty(), "{scope}");
    }
}

/// A home whose server asks the person.
fn asks() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[servers.s]\n{}", python("raw_elicit.py", &[]));
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    folder
}

fn ask(home: &Path, params: &Value, env: &[(&str, &str)]) -> Session {
    Session::start(home, &["call", "s", "ask", &json!({ "params": params }).to_string(), "--json"], env)
}

/// What the server was told, from the result on stdout.
async fn answered(session: Session) -> Value {
    let (out, code) = session.end().await;
    let result: Value = serde_json::from_str(out.trim()).unwrap_or_else(|_| panic!("no result: {out:?}"));
    assert_eq!(code, 0);
    serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_filled_in_field_by_field() {
    let home = asks();
    let params = json!({"message": "Who comes?", "requestedSchema": {"type": "object", "required": ["guest"], "properties": {
        "guest": {"type": "string", "title": "Guest"},
        "nights": {"type": "integer", "minimum": 1, "default": 2},
        "room": {"type": "string", "enum": ["single", "double"]},
        "extras": {"type": "array", "items": {"type": "string", "enum": ["parking", "pet"]}},
        "sure": {"type": "boolean"},
    }}});
    let mut session = ask(home.path(), &params, &[]);
    session.expect("s asks for your input").await;
    session.expect("Who comes?").await;
    // Nothing can be accepted while a required field is empty.
    session.expect("[d w ? c v j] > ").await;
    session.press("w").await;
    session.expect("Guest (guest, required)").await;
    session.press("Ann\r").await;
    session.expect("[2]: ").await;
    session.press("0\r").await;
    session.expect("number: ").await;
    session.press("7\r").await;
    session.expect("Type a number from 1 to 2.").await;
    session.press("2\r").await;
    session.expect("numbers, e.g. 1 3: ").await;
    session.press("1 2\r").await;
    session.expect("y or n: ").await;
    session.press("y\r").await;
    session.expect("The least is 1.").await;
    session.expect("[d w ? c v j] > ").await;
    session.press("w").await;
    session.expect("[Ann]: ").await;
    session.press("\r").await;
    session.expect("[0]: ").await;
    session.press("3\r").await;
    // The rest stays as it is.
    session.expect("number [double]: ").await;
    session.press("\u{1b}").await;
    session.expect("[a d w ? c v j] > ").await;
    session.press("a").await;
    let content = json!({"guest": "Ann", "nights": 3, "room": "double", "extras": ["parking", "pet"], "sure": true});
    assert_eq!(answered(session).await, json!({"result": {"action": "accept", "content": content}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_for_input_is_declined_or_cancelled() {
    let home = asks();
    let params = json!({"message": "Your password?", "requestedSchema": {"type": "object", "properties": {"password": {"type": "string"}}}});
    let mut session = ask(home.path(), &params, &[]);
    session.expect("It asks for a password in a form.").await;
    session.expect("[a d w ? c v j] > ").await;
    session.press("d").await;
    session.expect("Why?").await;
    session.press("no\r").await;
    assert_eq!(answered(session).await, json!({"result": {"action": "decline"}}));
    let mut session = ask(home.path(), &params, &[]);
    session.expect("[a d w ? c v j] > ").await;
    session.press("c").await;
    assert_eq!(answered(session).await, json!({"result": {"action": "cancel"}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_opened_by_the_browser_that_the_person_named() {
    let home = asks();
    let (browser, opened) = (home.path().join("browser"), home.path().join("opened"));
    std::fs::write(&browser, format!("#!/bin/sh\nprintf %s \"$1\" > {0}.part && mv {0}.part {0}\n", opened.display()))
        .unwrap();
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
    let url = "https://accounts.example.org/connect?x=1";
    let params = json!({"mode": "url", "message": "Connect", "url": url, "elicitationId": "e"});
    let mut session = ask(home.path(), &params, &[("BROWSER", &browser.display().to_string())]);
    session.expect("s wants your browser to open a page").await;
    session.expect("accounts.example.org").await;
    session.expect(url).await;
    session.expect("[a d ? c v j] > ").await;
    assert!(!opened.exists());
    session.press("a").await;
    assert_eq!(answered(session).await, json!({"result": {"action": "accept"}}));
    for _ in 0..600 {
        if opened.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(std::fs::read_to_string(opened).unwrap(), url);
}
