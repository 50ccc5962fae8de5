//! The matrix: each client library, over HTTP and over the bridge, with each server. None of these hosts samples.

use std::{collections::BTreeSet, path::Path, time::Duration};

use futures::future::join_all;
use serde_json::{Value, json};
use support::servers::{given, python, root};
use tokio::process::Command;

use crate::{
    pty::Session,
    serving::{ANSWER, Serving, bridge, home, log, servers},
};

/// How long a client may take; it starts an interpreter, and ours may be waiting for a person.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Client {
    FastMcp3,
    FastMcp4,
    Mcp,
    Sdk1,
    Sdk2,
}

impl Client {
    /// The newest revision it speaks.
    fn revision(self) -> &'static str {
        match self {
            Self::FastMcp3 | Self::Sdk1 => "2025-11-25",
            Self::FastMcp4 | Self::Mcp | Self::Sdk2 => "2026-07-28",
        }
    }

    fn command(self) -> Command {
        let packages = || given("SAMPLEGATE_TEST_HOSTS");
        let (program, script) = match self {
            Self::FastMcp3 => (given("SAMPLEGATE_TEST_PY3"), "fastmcp_client.py"),
            Self::FastMcp4 => (given("SAMPLEGATE_TEST_PY4"), "fastmcp_client.py"),
            Self::Mcp => (given("SAMPLEGATE_TEST_PY4"), "mcp_client.py"),
            Self::Sdk1 => ("node".into(), "sdk1.mjs"),
            Self::Sdk2 => ("node".into(), "sdk2.mjs"),
        };
        let mut command = Command::new(program);
        command.arg(root().join("tests/hosts/clients").join(script)).kill_on_drop(true);
        command.current_dir(packages().parent().unwrap());
        command
    }

    /// Connects this way, and makes these calls.
    pub(crate) async fn run(self, way: &Value, calls: &Value) -> Value {
        let mut told = way.clone();
        told["calls"] = calls.clone();
        let output = self.command().arg(told.to_string()).output();
        let output = tokio::time::timeout(PATIENCE, output).await.expect("the client ended in time").unwrap();
        assert!(output.status.success(), "{self:?} {told}: {}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(printed.lines().last().unwrap()).unwrap()
    }
}

/// What is called of a server, and what is to be in the last result.
fn calls(server: &str, files: &Path) -> (Value, String) {
    let file = files.join("note.txt");
    match server {
        "three" | "four" => (
            json!([{"name": "generate_keywords", "arguments": {"topic": "tea"}}]),
            format!("prompt: {ANSWER}\nkeywords: {ANSWER}"),
        ),
        "everything" => {
            (json!([{"name": "trigger-sampling-request", "arguments": {"prompt": "Hello"}}]), ANSWER.to_owned())
        }
        "files" => (
            json!([{"name": "write_file", "arguments": {"path": file, "content": "a note"}},
                   {"name": "read_text_file", "arguments": {"path": file}}]),
            "a note".to_owned(),
        ),
        "memory" => (
            json!([{"name": "create_entities", "arguments":
                       {"entities": [{"name": "tea", "entityType": "drink", "observations": ["is hot"]}]}},
                   {"name": "read_graph", "arguments": {}}]),
            "is hot".to_owned(),
        ),
        other => panic!("no calls of {other}"),
    }
}

const SERVERS: [&str; 5] = ["three", "four", "everything", "files", "memory"];

/// The texts of a result.
pub(crate) fn texts(result: &Value) -> String {
    let content = result["content"].as_array().unwrap_or_else(|| panic!("no content: {result}"));
    content.iter().filter_map(|part| part["text"].as_str()).collect()
}

async fn matrix(client: Client) {
    let serving = Serving::start(servers).await;
    serving.ready(&SERVERS).await;
    let files = serving.home.path().join("files");
    // One server each: names are its own.
    let (serving, files) = (&serving, files.as_path());
    join_all(SERVERS.iter().map(|server| async move {
        let (calls, expected) = calls(server, files);
        for way in serving.ways(Some(server)) {
            let seen = client.run(&way, &calls).await;
            assert_eq!(seen["protocol"], client.revision(), "{way}");
            let names = calls.as_array().unwrap().iter().map(|call| &call["name"]);
            for name in names {
                assert!(seen["tools"].as_array().unwrap().contains(name), "{name} in {}", seen["tools"]);
            }
            let last = seen["results"].as_array().unwrap().last().unwrap();
            assert!(texts(last).contains(&expected), "{client:?} {server} {way}: {last}");
        }
    }))
    .await;
    // All together: the server's name stands before the tool's.
    for way in serving.ways(None) {
        let named = |server: &str| {
            let (mut calls, expected) = calls(server, files);
            for call in calls.as_array_mut().unwrap() {
                call["name"] = format!("{server}__{}", call["name"].as_str().unwrap()).into();
            }
            (calls, expected)
        };
        let all: Vec<Value> = SERVERS.iter().flat_map(|server| named(server).0.as_array().unwrap().clone()).collect();
        let seen = client.run(&way, &json!(all)).await;
        let results = texts(&json!({"content": seen["results"].as_array().unwrap().iter()
            .flat_map(|result| result["content"].as_array().unwrap().clone()).collect::<Vec<_>>()}));
        for server in SERVERS {
            assert!(results.contains(&named(server).1), "{client:?} {server} {way}: {results}");
        }
    }
    let questions = log(serving.home.path()).await;
    // Two questions of FastMCP's tools, one of server-everything's; each by two ways to two endpoints.
    assert_eq!(questions.len(), (2 + 2 + 1) * 4);
    for question in &questions {
        assert_eq!((&question["outcome"], &question["decided_by"]), (&json!("released"), &json!("rule")), "{question}");
    }
    let hosts: BTreeSet<_> = questions.iter().map(|question| question["host"].as_str().unwrap()).collect();
    assert_eq!(hosts, BTreeSet::from(["editor", "over-http"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_3() {
    matrix(Client::FastMcp3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_4() {
    matrix(Client::FastMcp4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk() {
    matrix(Client::Mcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_sdk() {
    matrix(Client::Sdk1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_sdk_of_the_newer_era() {
    matrix(Client::Sdk2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_runs_the_bridge_serves_by_itself_and_nobody_is_asked() {
    let config = |_: &Path| {
        format!(
            "[servers.three]\n{}sampling = \"ask\"\n\n[[rules]]\nid = \"r\"\ntool = \"generate_keywords\"\n\
             action = \"answer\"\ntext = {ANSWER:?}\n",
            python("fastmcp3_prompts.py", &[])
        )
    };
    let (folder, _) = home(config).await;
    let (allowed, expected) = calls("three", folder.path());
    let mut both = allowed.as_array().unwrap().clone();
    both.push(json!({"name": "confirm_payment", "arguments": {"amount": 20, "to": "Ada"}}));
    let seen = Client::Sdk1.run(&bridge(folder.path(), Some("three")), &json!(both)).await;
    assert_eq!(texts(&seen["results"][0]), expected);
    assert_eq!(seen["results"][1]["isError"], true, "{seen}");
    let questions = log(folder.path()).await;
    let deciders: Vec<_> = questions.iter().map(|question| question["decided_by"].as_str().unwrap()).collect();
    assert_eq!(deciders, ["rule", "rule", "nobody"]);
    assert!(!folder.path().join("run/gateway.json").exists(), "others do not find it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_answers_in_the_terminal_for_a_host_that_cannot() {
    let config = |_: &Path| format!("[servers.three]\n{}sampling = \"ask\"\n", python("fastmcp3_prompts.py", &[]));
    let (folder, token) = home(config).await;
    let mut terminal = Session::start(folder.path(), &["serve", "--port", "0"], &[]);
    let serving = Serving::found(folder, token).await;
    serving.ready(&["three"]).await;
    let calls = json!([{"name": "confirm_payment", "arguments": {"amount": 20, "to": "Ada"}}]);
    for (client, way) in [Client::Sdk1, Client::FastMcp4].into_iter().zip(serving.ways(Some("three"))) {
        let called = async { client.run(&way, &calls).await };
        let person = async {
            terminal.expect("A payment of 20 EUR to Ada").await;
            terminal.expect("] > ").await;
            terminal.press("w").await;
            terminal.expect("Your answer").await;
            terminal.press("yes\r").await;
        };
        let (seen, ()) = tokio::join!(called, person);
        assert_eq!(texts(&seen["results"][0]), "payment sent", "{client:?}");
    }
    terminal.kill().await;
    let questions = log(serving.home.path()).await;
    let deciders: Vec<_> = questions.iter().map(|question| (&question["decided_by"], &question["host"])).collect();
    let person = json!("person");
    assert_eq!(deciders, [(&person, &json!("over-http")), (&person, &json!("editor"))]);
}
