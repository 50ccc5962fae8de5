//! Model servers that fail, and what a person can do about it.

use std::time::Duration;

use samplegate_core::audit::Outcome;
use samplegate_engine::wire::{Action, ActionKind, Phase};
use serde_json::json;
use support::{
    home::Running,
    model::{FakeModel, Reply, chunks},
    servers::python,
};

use super::gates::{hello, reply};

async fn home(base_url: &str) -> Running {
    Running::start(&format!(
        "default_model = \"fake\"\n\n[servers.s]\n{}sampling = \"ask\"\n\n[models.fake]\nprovider = \"openai\"\nbase_url = {base_url:?}\nmodel = \"fake-1\"\nkey = \"none\"\n",
        python("raw_legacy.py", &[]),
    ))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_model_is_explained_and_can_be_asked_again() {
    let model = FakeModel::start().await;
    model
        .then(Reply::Status(401, None, "{\"error\":{\"message\":\"bad key\"}}"))
        .then(Reply::Raw(chunks("cut off here")[..2].to_vec()))
        .then(Reply::Raw(vec!["data: {nonsense\n\n".into()]))
        .then(Reply::Text("fine"));
    let home = home(&model.base_url).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    let id = question.id.clone();
    home.act(&question, Action::Approve);
    for _ in 0..3 {
        let failed = home.question(Phase::Answer).await;
        let why = failed.sampling().unwrap().answer.as_ref().unwrap().error.clone().unwrap();
        assert!(why.len() > 10, "{why}");
        assert!(failed.actions.contains(&ActionKind::AskAgain));
        assert!(!failed.actions.contains(&ActionKind::Return), "a failure is never returned as an answer");
        home.act(&failed, Action::AskAgain { model: None });
        home.eventually(|| {
            let item = home.engine.queue().get(id.parse().unwrap())?;
            (item.phase == Phase::Answer && item.revision > failed.revision + 1).then_some(())
        })
        .await;
    }
    let answered = home.question(Phase::Answer).await;
    assert_eq!(answered.sampling().unwrap().answer.as_ref().unwrap().error, None);
    home.act(&answered, Action::Return);
    let told = reply(&call.await.unwrap().result.unwrap());
    assert_eq!(told["result"]["content"]["text"], "fine");
    assert_eq!(told["result"]["model"], "fake-1-real");
    assert_eq!(model.got().len(), 4);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_not_there_is_told_as_a_failure_where_nobody_is() {
    let mut home = Running::start(&format!(
        "default_model = \"fake\"\n\n[servers.s]\n{}sampling = \"rules\"\n\n[models.fake]\nprovider = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"fake-1\"\nkey = \"none\"\n\n[[rules]]\nid = \"all\"\naction = \"allow\"\n",
        python("raw_legacy.py", &[]),
    ))
    .await;
    home.reviewer = None;
    let report = home.call("s", "sample", json!({"params": hello()})).await.unwrap();
    assert_eq!(report.outcomes(), [Outcome::Failed]);
    assert_eq!(reply(&report.result.unwrap())["error"]["code"], -32603);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_model_can_be_stopped_denied_or_answered_for() {
    let model = FakeModel::start().await;
    let slow = Reply::Slowly("one two three four five six seven eight nine ten", Duration::from_millis(400));
    model.then(slow.clone()).then(slow.clone()).then(Reply::Silence);
    let home = home(&model.base_url).await;

    // Stopped: what came so far is the answer, and says that it was stopped.
    let call = home.call("s", "sample", json!({"params": hello()}));
    home.act(&home.question(Phase::Request).await, Action::Approve);
    let streaming = home
        .eventually(|| {
            let summary = home.engine.queue().list().into_iter().find(|q| q.phase == Phase::Answering)?;
            let item = home.engine.queue().get(summary.id.parse().unwrap())?;
            item.sampling()
                .unwrap()
                .answer
                .as_ref()
                .is_some_and(|answer| answer.partial.contains("two"))
                .then_some(item)
        })
        .await;
    home.act(&streaming, Action::Stop);
    let stopped = home.question(Phase::Answer).await;
    home.act(&stopped, Action::Return);
    let told = reply(&call.await.unwrap().result.unwrap());
    assert!(told["result"]["content"]["text"].as_str().unwrap().starts_with("one two"));
    assert_eq!(told["result"]["stopReason"], "stopped");

    // Answered by hand while it streams.
    let call = home.call("s", "sample", json!({"params": hello()}));
    home.act(&home.question(Phase::Request).await, Action::Approve);
    let streaming = home.question(Phase::Answering).await;
    home.act(&streaming, Action::AnswerByHand { text: "mine".into() });
    assert_eq!(reply(&call.await.unwrap().result.unwrap())["result"]["model"], "human");

    // Denied while nothing comes.
    let call = home.call("s", "sample", json!({"params": hello()}));
    home.act(&home.question(Phase::Request).await, Action::Approve);
    let silent = home.question(Phase::Answering).await;
    home.act(&silent, Action::Deny { reason: String::new() });
    assert_eq!(reply(&call.await.unwrap().result.unwrap())["error"]["code"], -1);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_model_is_waited_for_as_it_asks() {
    let model = FakeModel::start().await;
    model.then(Reply::Status(429, Some("1"), "{}")).then(Reply::Text("now"));
    let home = home(&model.base_url).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    home.act(&home.question(Phase::Request).await, Action::Approve);
    let waiting = home.question(Phase::Waiting).await;
    assert!(waiting.sampling().unwrap().answer.clone().unwrap().waiting.unwrap().contains("429"));
    home.act(&home.question(Phase::Answer).await, Action::Return);
    assert_eq!(reply(&call.await.unwrap().result.unwrap())["result"]["content"]["text"], "now");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_thinks_up_all_it_is_given_passes_the_test() {
    let model = FakeModel::start().await;
    let thinking = |reason: &str| {
        let delta = json!({"reasoning_content": "Hm, the word OK"});
        let choice = json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
        vec![format!("data: {}\n\n", json!({"model": "fake-1-real", "choices": choice})), "data: [DONE]\n\n".into()]
    };
    model.then(Reply::Text("OK")).then(Reply::Raw(thinking("length"))).then(Reply::Status(401, None, "{}"));
    let home = home(&model.base_url).await;
    let mut said = Vec::new();
    for _ in 0..3 {
        let report = home.engine.test_model("fake").await;
        said.push((report.ok, report.message));
    }
    assert_eq!(said[0], (true, "fake-1-real answers".into()));
    assert_eq!(said[1], (true, "fake-1 answers".into()));
    assert!(!said[2].0, "{said:?}");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_logged_is_not_given() {
    let model = FakeModel::start().await;
    let home = home(&model.base_url).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    // Every write fails from here on, as on a full disk.
    let database = rusqlite::Connection::open(home.folder.path().join("samplegate.db")).unwrap();
    database
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk full'); END;")
        .unwrap();
    home.act(&question, Action::Approve);
    let told = reply(&call.await.unwrap().result.unwrap());
    assert_eq!(told["error"]["code"], -1, "{told}");
    assert!(model.got().is_empty(), "nothing may be sent that is not in the log");
    assert!(!home.engine.status().trouble.is_empty(), "and the person is told");
    database.execute_batch("DROP TRIGGER full").unwrap();
    home.stop().await;
}
