//! Addresses that a server wants opened before it makes a call: asked like any other question, and who called may call again.

use samplegate_core::audit::{DecidedBy, Outcome};
use samplegate_engine::wire::{Action, AsksView, CallAgain, CallInput, CallKind, Phase, RunState};
use serde_json::{Value, json};
use support::{
    home::{Running, text},
    servers::python,
};

const DONE: &str = "it says that what was opened in the browser is done";

async fn home() -> Running {
    Running::start(&format!("[servers.s]\n{}", python("raw_elicit.py", &[]))).await
}

fn address(id: &str) -> Value {
    let url = "https://example.org/connect?to=files";
    json!({"mode": "url", "elicitationId": id, "url": url, "message": "Connect your files first."})
}

fn start(home: &Running, name: &str, arguments: Value) -> String {
    home.engine.start_call(CallInput { server: "s".into(), kind: CallKind::Tool, name: name.into(), arguments })
}

fn state(home: &Running, id: &str) -> RunState {
    home.engine.list_calls().into_iter().find(|run| run.call.call_id == id).unwrap().state
}

async fn ended(home: &Running, id: &str) -> RunState {
    home.eventually(|| Some(state(home, id)).filter(|state| !matches!(state, RunState::Running { .. }))).await
}

/// How often the server's log has this line.
fn lines(home: &Running, wanted: &str) -> usize {
    home.engine.list_servers().remove(0).log.iter().filter(|line| line.text == wanted).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_opened_first_is_asked_and_the_call_is_offered_again() {
    let home = home().await;
    let wants = json!({"elicitations": [address("one")]});
    let call = start(&home, "needs", wants.clone());
    let item = home.question(Phase::Request).await;
    assert_eq!(item.provenance.call.as_ref().unwrap().call_id, call);
    let asks = &item.elicitation().unwrap().asks;
    assert!(matches!(asks, AsksView::Url { .. }), "{asks:?}");
    home.act(&item, Action::Accept { values: json!({}) });
    let failed = ended(&home, &call).await;
    assert!(
        matches!(&failed, RunState::Failed { why, again: Some(CallAgain::Opened) } if why.contains("call again")),
        "{failed:?}"
    );
    let entry = home.entry(&item.id).await;
    assert_eq!((entry.summary.outcome, entry.summary.decided_by), (Outcome::Released, Some(DecidedBy::Person)));
    let events: Vec<&str> = entry.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["received", "evaluated", "decided", "released", "closed"], "nothing goes back to the server");

    // What nobody was asked to open is not done, however often the server says so.
    for id in ["other", "one", "one"] {
        home.call("s", "finish", json!({"id": id})).await.unwrap().result.unwrap();
    }
    let again = |state: RunState| matches!(state, RunState::Failed { again: Some(CallAgain::Done), .. }).then_some(());
    home.eventually(|| again(state(&home, &call))).await;
    // Each comes before the line of its call.
    home.eventually(|| (lines(&home, "finished one") == 2).then_some(())).await;
    assert_eq!((lines(&home, DONE), lines(&home, "finished other")), (1, 1));
    let RunState::Done { result, .. } = ended(&home, &start(&home, "needs", wants)).await else { panic!("made") };
    assert_eq!(text(&result), "made");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_are_asked_at_once_and_one_that_is_declined_ends_it() {
    let home = home().await;
    let call = start(&home, "needs", json!({"elicitations": [address("one"), address("two")]}));
    home.eventually(|| (home.engine.queue().list().len() == 2).then_some(())).await;
    for action in [Action::Accept { values: json!({}) }, Action::Deny { reason: "private".into() }] {
        let item = home.question(Phase::Request).await;
        home.act(&item, action);
    }
    let denied = ended(&home, &call).await;
    assert!(matches!(&denied, RunState::Denied { why } if why.contains("private")), "{denied:?}");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_lists_something_else_is_told_as_it_is() {
    let home = home().await;
    let form = json!({"mode": "form", "elicitationId": "f", "message": "Who?", "requestedSchema": {"type": "object"}});
    let mut hidden = address("x");
    hidden["url"] = "http://example.org/not-encrypted".into();
    for wrong in [form, hidden] {
        let report = home.call("s", "needs", json!({"elicitations": [wrong]})).await.unwrap();
        let error = report.result.unwrap_err().to_string();
        assert!(error.contains("-32042"), "{error}");
    }
    assert!(home.engine.queue().list().iter().all(|question| question.phase == Phase::Closed), "nobody was asked");
    home.stop().await;
}
