//! Whether a reply was written, as the log tells it.

use samplegate_core::audit::Outcome;
use samplegate_engine::{
    store::Entry,
    wire::{Action, CallInput, CallKind, Phase, ReviewItem, RunState},
};
use serde_json::json;
use support::{home::Running, servers::python};

use super::gates::hello;

async fn legacy(names: &[&str]) -> Running {
    let server = python("raw_legacy.py", &[]);
    let servers: Vec<String> =
        names.iter().map(|name| format!("[servers.{name}]\n{server}sampling = \"ask\"\n")).collect();
    Running::start(&servers.join("\n")).await
}

/// Answers by hand the next question of a server.
async fn answer(home: &Running, server: &str, words: &str) -> ReviewItem {
    let queue = home.engine.queue();
    let question = home
        .eventually(|| {
            let open = queue.list().into_iter().find(|one| one.server == server && one.phase == Phase::Request)?;
            queue.get(open.id.parse().unwrap())
        })
        .await;
    home.act(&question, Action::AnswerByHand { text: words.into() })
}

/// The last events of a question, and why its reply failed.
fn end(entry: &Entry) -> (Vec<&str>, &str) {
    let names: Vec<&str> = entry.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let failed = entry.events.iter().find(|event| event["event"] == "reply_failed");
    let from = names.len().saturating_sub(3);
    (names[from..].to_vec(), failed.map_or("", |event| event["why"].as_str().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_a_closed_input_has_failed() {
    let home = legacy(&["s"]).await;
    let call = home.call("s", "closes_input", json!({}));
    let question = answer(&home, "s", "too late").await;
    let entry = home.entry(&question.id).await;
    let (last, why) = end(&entry);
    assert_eq!(last, ["released", "reply_failed", "closed"]);
    assert!(why.contains("input cannot be written"), "{why}");
    assert_eq!(entry.summary.outcome, Outcome::Failed);
    assert!(entry.summary.reason.unwrap().contains("did not reach the server"));
    call.abort();
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_read_holds_up_nobody_and_its_reply_fails_when_it_ends() {
    let home = legacy(&["deaf", "s"]).await;
    let deaf = home.call("deaf", "goes_deaf", json!({}));
    // More than any pipe holds.
    let unread = answer(&home, "deaf", &"x".repeat(4 << 20)).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let read = answer(&home, "s", "hello").await;
    assert!(call.await.unwrap().result.is_ok());
    let entry = home.entry(&read.id).await;
    assert_eq!(end(&entry).0, ["released", "replied", "closed"]);
    let store = home.engine.store().clone();
    let id = unread.id.parse().unwrap();
    loop {
        let entry = store.show(id).await.unwrap();
        assert_eq!(entry.summary.outcome, Outcome::Open, "it cannot have been written");
        if end(&entry).0.contains(&"released") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(!deaf.is_finished());
    home.stop().await;
    let entry = store.show(id).await.unwrap();
    assert_eq!(end(&entry).0, ["released", "reply_failed", "closed"]);
    assert_eq!(entry.summary.outcome, Outcome::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_died_before_the_reply_did_not_get_it() {
    let home = legacy(&["s"]).await;
    let call = home.call("s", "dies", json!({}));
    let question = home.question(Phase::Request).await;
    assert!(call.await.unwrap().result.is_err());
    let entry = home.entry(&question.id).await;
    let (last, why) = end(&entry);
    assert_eq!(last, ["evaluated", "reply_failed", "closed"]);
    assert_eq!(why, "the server exited with status 7");
    assert_eq!(entry.summary.outcome, Outcome::Withdrawn);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_by_error_was_replied_to() {
    let home = legacy(&["s"]).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap().result.unwrap();
    let entry = home.entry(&question.id).await;
    assert_eq!(end(&entry).0, ["decided", "replied", "closed"]);
    // Taken back: nothing is sent, and nothing is said to have been.
    let call = home.call("s", "cancels", json!({}));
    let question = home.question(Phase::Request).await;
    call.await.unwrap().result.unwrap();
    let entry = home.entry(&question.id).await;
    assert_eq!(end(&entry).0, ["received", "evaluated", "closed"]);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_rounds_a_reply_is_written_when_the_call_is_sent_again() {
    let home = Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_rounds.py", &[]))).await;
    // Written, whatever the server then does with it.
    let call = home.call("s", "dies_between", json!({}));
    let question = answer(&home, "s", "hello").await;
    assert!(call.await.unwrap().result.is_err());
    let entry = home.entry(&question.id).await;
    assert_eq!(end(&entry).0, ["released", "replied", "closed"]);
    assert_eq!(entry.summary.outcome, Outcome::Released);

    // The server is gone before that.
    home.engine.ready("s").await.unwrap();
    let call = home.call("s", "dies_while_open", json!({}));
    let question = home.question(Phase::Request).await;
    assert!(call.await.unwrap().result.is_err());
    let entry = home.entry(&question.id).await;
    assert_eq!(end(&entry), (vec!["evaluated", "reply_failed", "closed"], "the server exited with status 7"));

    // Refused: the call is not sent again, so nothing is replied, also to what was answered beside it.
    home.engine.ready("s").await.unwrap();
    let call = home.call("s", "many", json!({}));
    home.eventually(|| (home.engine.queue().pending() == 20).then_some(())).await;
    let answered = answer(&home, "s", "one").await;
    home.eventually(|| (home.engine.queue().pending() == 19).then_some(())).await;
    let refused = home.question(Phase::Request).await;
    home.act(&refused, Action::Deny { reason: String::new() });
    assert!(call.await.unwrap().result.is_err());
    let entry = home.entry(&answered.id).await;
    let (last, why) = end(&entry);
    assert_eq!(last, ["released", "reply_failed", "closed"]);
    assert!(why.contains("is not sent again"), "{why}");
    assert_eq!(end(&home.entry(&refused.id).await).0, ["evaluated", "decided", "closed"]);
    home.stop().await;
}

/// The tool runner tells a refusal from a failure of the server.
#[tokio::test(flavor = "multi_thread")]
async fn in_rounds_a_refused_call_of_the_tool_runner_is_denied() {
    let home = Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_rounds.py", &[]))).await;
    let call = |name: &str| {
        let (server, arguments) = ("s".to_owned(), json!({}));
        home.engine.start_call(CallInput { server, kind: CallKind::Tool, name: name.into(), arguments })
    };
    let ended = |id: String| {
        let engine = home.engine.clone();
        home.eventually(move || {
            let run = engine.list_calls().into_iter().find(|run| run.call.call_id == id)?;
            (!matches!(run.state, RunState::Running { .. })).then_some(run.state)
        })
    };
    let id = call("fails_after");
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: "not now".into() });
    assert!(matches!(ended(id).await, RunState::Denied { why } if why.contains("denied")));
    let id = call("dies_between");
    answer(&home, "s", "hello").await;
    assert!(matches!(ended(id).await, RunState::Failed { .. }));
    home.stop().await;
}
