//! The audit log as scripts read it, and what processes that end or die leave in it.

use std::time::Duration;

use serde_json::{Value, json};
use support::model::{FakeModel, Reply};

use super::{Home, without};

/// What differs from run to run.
const CHANGES: &[&str] = &[
    "id",
    "at",
    "call_id",
    "owner",
    "seq",
    "hash",
    "prev",
    "request_sha256",
    "approved_sha256",
    "sent_sha256",
    "wire_sha256",
    "released_sha256",
    "sha256",
];
const ALLOW: &str = "sampling = \"rules\"\n\n[[rules]]\nid = \"r-allow\"\nserver = \"s\"\naction = \"allow\"";
const PAY: [&str; 4] = ["call", "s", "confirm_payment", r#"{"amount": 5, "to": "Ada"}"#];

#[tokio::test(flavor = "multi_thread")]
async fn reading_a_home_without_a_log_makes_nothing() {
    let home = Home::new();
    assert_eq!(home.json(&["audit", "list", "--json"]).await, Vec::<Value>::new());
    assert_eq!(home.ok(&["audit", "verify"]).await, "The log is empty.\n");
    let verified = home.one(&["audit", "verify", "--json"]).await;
    assert_eq!((&verified["ok"], &verified["events"], &verified["head"]["seq"]), (&json!(true), &json!(0), &json!(0)));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_logged_from_its_arrival_to_its_end() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("yes"));
    let home = Home::with_model("fastmcp3_prompts.py", ALLOW, &model);
    assert_eq!(home.ok(&PAY).await, "payment sent\n");

    let listed = home.json(&["audit", "list", "--json"]).await;
    let summary = json!({
        "id": "<id>", "at": "<at>", "kind": "sampling", "host": "terminal", "server": "s", "tool": "confirm_payment",
        "call_id": "<call_id>", "round": 1, "outcome": "released", "decided_by": "rule", "reviewer": null,
        "context_class": "text", "answer_class": "text", "rules": ["r-allow"], "reason": "A rule allows it.",
        "model": "fake-1-real", "tokens_in": 7, "tokens_out": 1, "cost_microusd": null,
        "request_sha256": "<request_sha256>", "approved_sha256": "<approved_sha256>",
        "sent_sha256": "<sent_sha256>", "wire_sha256": "<wire_sha256>",
    });
    assert_eq!(listed.len(), 1);
    assert_eq!(without(&listed[0], CHANGES), summary);
    assert_eq!(listed[0]["approved_sha256"], listed[0]["sent_sha256"]);
    let at = listed[0]["at"].as_str().unwrap();
    assert!(at.len() == 24 && at.ends_with('Z'), "milliseconds, UTC: {at}");

    let id = listed[0]["id"].as_str().unwrap();
    let shown = home.one(&["audit", "show", id]).await;
    for (field, value) in summary.as_object().unwrap() {
        assert_eq!(without(&shown, CHANGES)[field], *value, "{field}");
    }
    assert_eq!(shown["request"]["maxTokens"], 8);
    assert_eq!((&shown["approved"]["model"], &shown["approved"]["provider"]), (&json!("fake-1"), &json!("openai")));
    assert_eq!(shown["answer"]["content"]["text"], "yes");
    assert_eq!(shown["released"]["content"]["text"], "yes");
    let events: Vec<&str> =
        shown["events"].as_array().unwrap().iter().map(|one| one["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        ["received", "evaluated", "decided", "sent", "answered", "decided", "released", "replied", "closed"]
    );
    assert!(shown["events"].as_array().unwrap().iter().all(|one| one["hash"].as_str().unwrap().len() == 64));

    let verified = home.one(&["audit", "verify", "--json"]).await;
    let expected = json!({
        "ok": true, "events": 10, "questions": 1, "contents": verified["contents"], "pruned": 0,
        "last_at": verified["last_at"], "head": {"seq": "<seq>", "hash": "<hash>"},
    });
    assert_eq!(without(&verified, CHANGES), expected);
    let head = format!("{}:{}", verified["head"]["seq"], verified["head"]["hash"].as_str().unwrap());
    let first = format!(
        "The chain holds: 10 events of 1 question.\nIts head, to note down and to give with --head the next time: {head}\n"
    );
    assert_eq!(home.ok(&["audit", "verify"]).await, first);
    let again = first.replace("question.\n", "question.\nThe head that was noted down, 10, is in it.\n");
    assert_eq!(home.ok(&["audit", "verify", "--head", &head]).await, again);
    home.fails(1, &["audit", "verify", "--head", &head.replace("10:", "11:")]).await;
    home.fails(2, &["audit", "verify", "--head", "9:short"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_filtered_and_paged_newest_first() {
    let home = Home::new();
    let call = ["call", "demo", "confirm_payment", r#"{"amount": 5, "to": "Ada"}"#];
    home.fails(3, &call).await;
    home.ok(&["rule", "add", "--action", "answer", "--text", "yes"]).await;
    home.ok(&call).await;
    home.ok(&["call", "demo", "describe_picture"]).await;
    let tools = |listed: Vec<Value>| listed.iter().map(|one| one["tool"].clone()).collect::<Vec<_>>();
    let list = async |filter: &[&str]| home.json(&[&["audit", "list", "--json"], filter].concat()).await;
    assert_eq!(tools(list(&[]).await), ["describe_picture", "confirm_payment", "confirm_payment"]);
    for (filter, count) in [
        (&["--server", "demo"][..], 3),
        (&["--server", "other"], 0),
        (&["--tool", "confirm_payment"], 2),
        (&["--tool", "confirm_payment", "--outcome", "released"], 1),
        (&["--decided-by", "nobody"], 1),
        (&["--model", "human"], 2),
        (&["--kind", "sampling"], 3),
        (&["--kind", "elicitation"], 0),
        (&["--text", "picture"], 1),
        (&["--host", "terminal"], 3),
        (&["--to", "2020-01-01T00:00:00Z"], 0),
        (&["--from", "2020-01-01T00:00:00Z"], 3),
    ] {
        assert_eq!(list(filter).await.len(), count, "{filter:?}");
    }
    let first = home.run(&["audit", "list", "--json", "--limit", "2"]).await;
    let newest: Vec<Value> = first.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cursor = newest[1]["id"].as_str().unwrap();
    assert!(first.err.contains(&format!("--before {cursor}")), "{}", first.err);
    assert_eq!(list(&["--before", cursor]).await.len(), 1);
    let line = home.ok(&["audit", "list", "--limit", "1"]).await;
    assert!(line.contains("  demo  describe_picture  released  by rule  human  -  "), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_settings_are_listed_apart_from_the_questions() {
    let home = Home::new();
    assert_eq!(home.json(&["audit", "changes", "--json"]).await, Vec::<Value>::new());
    let id = home.ok(&["rule", "add", "--action", "deny", "--server", "demo"]).await.trim().to_owned();
    home.ok(&["--reviewer", "ada", "server", "set", "demo", "--gates", "request", "--sampling", "rules"]).await;
    let secret = ["server", "add", "other", "--env", "TOKEN=s3cret", "--", "/nonexistent/server"];
    home.run(&secret).await;
    let listed = home.json(&["audit", "changes", "--json"]).await;
    assert_eq!(listed.len(), 3, "{listed:?}");
    let expected = json!({
        "id": listed[1]["id"], "at": "<at>", "via": "command", "reviewer": "ada",
        "text": "Server demo was changed: gates, record, sampling.",
        "changes": [
            {"key": "servers.demo.gates", "before": "both", "after": "request"},
            {"key": "servers.demo.record", "before": null, "after": listed[1]["changes"][1]["after"]},
            {"key": "servers.demo.sampling", "before": "ask", "after": "rules"},
        ],
        "hash": "<hash>",
    });
    assert_eq!(without(&listed[1], &["at", "hash"]), expected);
    assert_eq!(listed[2]["text"], format!("Rule {id} was added."));
    assert_eq!(listed[0]["changes"][0]["after"]["env"], json!({"TOKEN": "(not shown)"}));
    let table = home.ok(&["audit", "changes", "--limit", "1"]).await;
    assert!(table.contains("  command  ") && table.contains("  Server other was added."), "{table}");
    let older = home.json(&["audit", "changes", "--json", "--before", &listed[1]["id"].to_string()]).await;
    assert_eq!(older, [listed[2].clone()]);
    assert_eq!(home.json(&["audit", "list", "--json"]).await, Vec::<Value>::new(), "questions only");
    assert_eq!(home.one(&["audit", "verify", "--json"]).await["events"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_changed_is_told() {
    let home = Home::new();
    home.fails(3, &["call", "demo", "confirm_payment", r#"{"amount": 5, "to": "Ada"}"#]).await;
    let log = rusqlite::Connection::open(home.path().join("samplegate.db")).unwrap();
    log.execute("UPDATE events SET json = replace(json, 'nobody', 'person') WHERE seq = 4", []).unwrap();
    drop(log);
    let ran = home.run(&["audit", "verify", "--json"]).await;
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &told["ok"], &told["seq"]), (Some(1), &json!(false), &json!(4)), "{ran:?}");
    assert!(ran.err.contains("event 4"), "{}", ran.err);
    assert_eq!(home.run(&["doctor"]).await.code, Some(1));
    std::fs::write(home.path().join("samplegate.db"), "not a database at all, but long enough to be read").unwrap();
    assert!(home.fails(1, &["audit", "list"]).await.contains("damaged"));
    assert!(home.fails(1, &["call", "demo", "confirm_payment"]).await.contains("damaged"));
}

/// Starts a call whose question waits for a model that says nothing.
async fn waiting(home: &Home, model: &FakeModel) -> tokio::process::Child {
    model.then(Reply::Silence);
    let child = home.command(&PAY).spawn().unwrap();
    let asked = async {
        while model.got().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, asked).await.unwrap();
    assert_eq!(home.json(&["audit", "list", "--json"]).await[0]["outcome"], "open", "it is read while it is written");
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_leaves_its_question_interrupted() {
    let model = FakeModel::start().await;
    let home = Home::with_model("fastmcp3_prompts.py", ALLOW, &model);
    let mut child = waiting(&home, &model).await;
    // A process beside it leaves the question alone, as long as its own lives.
    home.ok(&["rule", "list"]).await;
    assert_eq!(home.json(&["audit", "list", "--json"]).await[0]["outcome"], "open");
    child.kill().await.unwrap();
    home.ok(&["rule", "list"]).await;
    let listed = home.json(&["audit", "list", "--json"]).await;
    assert_eq!((listed.len(), &listed[0]["outcome"]), (1, &json!("interrupted")));
    home.ok(&["audit", "verify"]).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_told_to_end_takes_its_question_back() {
    let model = FakeModel::start().await;
    let home = Home::with_model("fastmcp3_prompts.py", ALLOW, &model);
    let child = waiting(&home, &model).await;
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let ran = super::ran(tokio::time::timeout(super::PATIENCE, child.wait_with_output()).await.unwrap().unwrap());
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.err.contains("the call was cancelled"), "{}", ran.err);
    let listed = home.json(&["audit", "list", "--json"]).await;
    assert_eq!((listed.len(), &listed[0]["outcome"]), (1, &json!("withdrawn")));
    home.ok(&["audit", "verify"]).await;
}
