//! Several processes at once on one home.

use std::{process::Stdio, time::Duration};

use samplegate_core::audit::Outcome;
use samplegate_engine::{
    engine::Engine,
    store::Filter,
    wire::{Action, Phase},
};
use serde_json::json;
use support::{
    home::{Running, options, text},
    model::{FakeModel, Reply},
    servers::{python, samplegate},
};
use tokio::process::Command;

use super::gates::hello;

/// A home whose server asks a person for `sample`, and whose rules let a model answer `fine_nulls`.
async fn home(model: &FakeModel) -> Running {
    Running::start(&format!(
        "default_model = \"fake\"\n\n[servers.s]\n{}sampling = \"ask\"\n\n[models.fake]\nprovider = \"openai\"\n\
         base_url = {:?}\nmodel = \"fake-1\"\nkey = \"none\"\n\n[[rules]]\nid = \"r\"\ntool = \"fine_nulls\"\n\
         action = \"allow\"\n",
        python("raw_legacy.py", &[]),
        model.base_url,
    ))
    .await
}

/// Another process of this home, that makes a call a rule answers.
fn process(home: &Running) -> tokio::process::Child {
    Command::new(samplegate())
        .arg("--home")
        .arg(home.folder.path())
        .args(["call", "s", "fine_nulls", "--json"])
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn outcomes(home: &Running) -> Vec<Outcome> {
    let page = home.engine.store().list(Filter::default()).await.unwrap();
    page.questions.iter().map(|question| question.outcome).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_once_make_one_chain_and_leave_each_others_questions_alone() {
    let model = FakeModel::start().await;
    let home = home(&model).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    let others: Vec<_> = (0..4).map(|_| process(&home)).collect();
    for other in futures::future::join_all(others.into_iter().map(tokio::process::Child::wait_with_output)).await {
        let other = other.unwrap();
        assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
    }
    let id = question.id.parse().unwrap();
    assert_eq!(home.engine.store().show(id).await.unwrap().summary.outcome, Outcome::Open);
    home.act(&question, Action::AnswerByHand { text: "still here".into() });
    assert!(text(&call.await.unwrap().result.unwrap()).contains("still here"));
    assert_eq!(home.entry(&question.id).await.summary.outcome, Outcome::Released);
    assert_eq!(outcomes(&home).await, [Outcome::Released; 5]);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_starts_leaves_the_open_question_of_a_living_process_alone() {
    let model = FakeModel::start().await;
    model.then(Reply::Slowly("a model that thinks for a while", Duration::from_millis(500)));
    let home = home(&model).await;
    let other = process(&home);
    let deadline = tokio::time::Instant::now() + support::home::PATIENCE;
    while outcomes(&home).await != [Outcome::Open] {
        assert!(tokio::time::Instant::now() < deadline, "the other process asked nothing");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let starting = Engine::start(options(home.folder.path())).await.unwrap();
    assert!(!outcomes(&home).await.contains(&Outcome::Interrupted));
    let ended = other.wait_with_output().await.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(outcomes(&home).await, [Outcome::Released]);
    starting.shutdown().await;
    home.stop().await;
}
