//! What a server asks in a host's call: who is told, who answers, and what withdraws it.

use samplegate_core::audit::Outcome;
use samplegate_engine::wire::{Action, Phase};
use serde_json::{Value, json};

use crate::host::{ERAS, Era, Host, listening, passing, token};

#[tokio::test(flavor = "multi_thread")]
async fn sampling_is_answered_at_the_gates_in_a_host_that_has_none() {
    let config = passing("legacy", Era::Legacy, &[]) + &passing("stateless", Era::Stateless, &[]);
    let (home, port) = listening(&config).await;
    let token = token(&home, "editor");
    for server in ["legacy", "stateless"] {
        for era in ERAS {
            let host = Host::connect(era, port, None, &token).await;
            let call = json!({"name": format!("{server}__ask"), "arguments": {"b": 2}});
            let (_, coming) = host.start("tools/call", call).await;
            let question = home.question(Phase::Request).await;
            let call = question.provenance.call.as_ref().unwrap();
            assert_eq!((call.host.as_str(), question.provenance.server.as_str()), ("editor", server));
            assert_eq!((call.name.as_str(), &call.arguments), ("ask", &json!({"b": 2})));
            home.act(&question, Action::AnswerByHand { text: "a stone".into() });
            let (_, response) = coming.all().await;
            let answer = &response["result"]["structuredContent"]["value"];
            assert!(answer.to_string().contains("a stone"), "{server} {era:?}: {response}");
            let entry = home.entry(&question.id).await;
            assert_eq!((entry.summary.outcome, entry.summary.host.as_deref()), (Outcome::Released, Some("editor")));
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_the_way_of_the_servers_era() {
    let config = passing("legacy", Era::Legacy, &[]) + &passing("stateless", Era::Stateless, &[]);
    let (home, port) = listening(&config).await;
    let token = token(&home, "h");
    for (server, is_told) in [("legacy", false), ("stateless", true)] {
        for era in ERAS {
            let host = Host::connect(era, port, Some(server), &token).await;
            let (_, coming) = host.start("tools/call", json!({"name": "ask", "arguments": {}})).await;
            let question = home.question(Phase::Request).await;
            home.act(&question, Action::Deny { reason: "mine".into() });
            let (_, response) = coming.all().await;
            assert_eq!(response["result"]["isError"] == true, is_told, "{response}");
            assert!(response.to_string().contains("User rejected sampling request"), "{response}");
            assert!(!response.to_string().contains("mine"), "{response}");
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_asked_for_progress_hears_that_a_person_is_waited_for() {
    let (home, port) = listening(&passing("s", Era::Legacy, &[])).await;
    let token = token(&home, "h");
    for era in ERAS {
        let host = Host::connect(era, port, Some("s"), &token).await;
        let call = json!({"name": "ask", "arguments": {}, "_meta": {"progressToken": 7}});
        let (_, mut coming) = host.start("tools/call", call).await;
        let question = home.question(Phase::Request).await;
        let mut last = 0.0;
        for _ in 0..2 {
            let told = coming.next().await.unwrap();
            assert_eq!(
                (&told["method"], &told["params"]["progressToken"]),
                (&json!("notifications/progress"), &json!(7))
            );
            assert!(told["params"]["message"].as_str().unwrap().contains("waiting for your approval"), "{told}");
            let progress = told["params"]["progress"].as_f64().unwrap();
            assert!(progress > last, "it has to go up");
            last = progress;
        }
        home.act(&question, Action::AnswerByHand { text: "x".into() });
        coming.all().await;
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_gives_up_or_goes_away_withdraws_its_question() {
    let config = passing("legacy", Era::Legacy, &[]) + &passing("stateless", Era::Stateless, &[]);
    let (home, port) = listening(&config).await;
    let token = token(&home, "h");
    for server in ["legacy", "stateless"] {
        for (era, how) in
            [(Era::Legacy, "cancels"), (Era::Legacy, "ends"), (Era::Legacy, "leaves"), (Era::Stateless, "leaves")]
        {
            let host = Host::connect(era, port, Some(server), &token).await;
            let (id, coming) = host.start("tools/call", json!({"name": "ask", "arguments": {}})).await;
            let question = home.question(Phase::Request).await;
            match how {
                "cancels" => host.notify("notifications/cancelled", json!({"requestId": id})).await,
                "ends" => host.end().await,
                _ => drop(coming),
            }
            let entry = home.entry(&question.id).await;
            assert_eq!(entry.summary.outcome, Outcome::Withdrawn, "{server} {era:?} {how}");
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_host_has_its_own_connection_to_a_server_of_the_older_era() {
    let config = passing("legacy", Era::Legacy, &[]) + &passing("stateless", Era::Stateless, &[]);
    let (home, port) = listening(&config).await;
    let (one, other) = (token(&home, "one"), token(&home, "other"));
    let pid = async |token: &str, server: &str| {
        let host = Host::connect(Era::Legacy, port, Some(server), token).await;
        let read = host.ask("resources/read", json!({"uri": "memo://x"})).await;
        (host, read["contents"][0]["text"].clone())
    };
    let (first, first_pid) = pid(&one, "legacy").await;
    let (_second, second_pid) = pid(&one, "legacy").await;
    let (_third, third_pid) = pid(&other, "legacy").await;
    assert_eq!(first_pid, second_pid, "the sessions of a host share it");
    assert_ne!(first_pid, third_pid);
    assert_eq!(pid(&one, "stateless").await.1, pid(&other, "stateless").await.1);
    // Two calls at once, of two hosts: each question says whose it is.
    let (asking, _) = pid(&other, "legacy").await;
    let (_, one_coming) = first.start("tools/call", json!({"name": "ask", "arguments": {}})).await;
    let (_, other_coming) = asking.start("tools/call", json!({"name": "ask", "arguments": {}})).await;
    let mut hosts = Vec::new();
    for _ in 0..2 {
        let question = home.question(Phase::Request).await;
        hosts.push(question.provenance.call.as_ref().unwrap().host.clone());
        home.act(&question, Action::AnswerByHand { text: "x".into() });
        home.entry(&question.id).await;
    }
    hosts.sort();
    assert_eq!(hosts, ["one", "other"]);
    one_coming.all().await;
    other_coming.all().await;
    home.stop().await;
}

/// The value a tool of `raw_passing.py` gives.
pub(crate) fn value(response: &Value) -> &Value {
    &response["result"]["structuredContent"]["value"]
}
