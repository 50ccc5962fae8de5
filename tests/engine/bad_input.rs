//! Everything a server can do wrong: each gets a clear error, nothing is lost, and the next question still works.

use std::time::Duration;

use samplegate_core::audit::Outcome;
use samplegate_engine::{
    store::Filter,
    wire::{Action, Phase, ServerState},
};
use serde_json::{Value, json};
use support::{
    home::{Running, text},
    servers::python,
};

use super::gates::{hello, reply};

async fn raw(args: &[&str]) -> Running {
    Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", args))).await
}

/// Answers the next question by hand.
async fn answer(home: &Running, words: &str) {
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::AnswerByHand { text: words.into() });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_represented_is_refused_with_the_reason_and_logged() {
    let home = raw(&[]).await;
    let result = home.call("s", "all_bad", json!({})).await.unwrap().result.unwrap();
    let told: Value = serde_json::from_str(text(&result)).unwrap();
    let replies = told["replies"].as_array().unwrap();
    assert!(replies.len() >= 18);
    for one in replies {
        let error = &one["reply"]["error"];
        assert_eq!(error["code"], -32602, "{one}");
        assert!(error["message"].as_str().unwrap().len() > 10, "{one}");
    }
    let store = home.engine.store().clone();
    // The last words of each are written.
    home.stop().await;
    let page = store.list(Filter::default()).await.unwrap();
    assert_eq!(page.questions.len(), replies.len());
    assert!(page.questions.iter().all(|question| question.outcome == Outcome::Failed && question.reason.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_but_allowed_requests_are_shown_exactly_as_they_came() {
    let home = raw(&[]).await;
    for tool in ["fine_max_tokens_whole_float", "fine_nulls", "fine_unknown_fields", "fine_invisible"] {
        let call = home.call("s", tool, json!({}));
        let question = home.question(Phase::Request).await;
        assert_eq!(question.received, question.request, "{tool}");
        if tool == "fine_unknown_fields" {
            assert_eq!(question.received["futureField"], json!({"a": 1}));
            assert!(question.unknown_fields.contains(&"futureField".to_owned()));
        }
        if tool == "fine_invisible" {
            assert!(!question.findings.is_empty());
        }
        home.act(&question, Action::AnswerByHand { text: "hello".into() });
        let told = reply(&call.await.unwrap().result.unwrap());
        let expected = json!({
            "role": "assistant",
            "content": {"type": "text", "text": "hello"},
            "model": "human",
            "stopReason": "endTurn",
        });
        assert_eq!(told["result"], expected, "{tool}");
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_windows_round_are_told_as_they_are() {
    let home = raw(&[]).await;
    let call = home.call("s", "fine_nulls", json!({"message_id": 1_234_567_890_123_456_789_u64, "small": 7}));
    let question = home.question(Phase::Request).await;
    let told = "Windows show these numbers in the arguments of the call rounded: 1234567890123456789 (/message_id).";
    assert!(question.notes.iter().any(|note| note == told), "{:?}", question.notes);
    home.act(&question, Action::AnswerByHand { text: "hello".into() });
    call.await.unwrap();
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_and_broken_messages_do_no_harm() {
    let home = raw(&[]).await;
    for tool in ["huge_sampling", "invalid_utf8", "not_json"] {
        let call = home.call("s", tool, json!({}));
        answer(&home, "still here").await;
        let result = call.await.unwrap().result.unwrap();
        let told: Value = serde_json::from_str(text(&result)).unwrap();
        let after = told["replies"].as_array().unwrap().iter().find(|one| one["question"] == "after").unwrap();
        assert_eq!(after["reply"]["result"]["content"]["text"], "still here", "{tool}");
        if tool == "huge_sampling" {
            assert!(told["replies"][0]["reply"]["error"].is_object(), "refused by error, not by silence: {told}");
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_message_without_an_id_ends_the_connection_and_is_in_the_log() {
    let home = raw(&[]).await;
    let report = home.call("s", "huge_notification", json!({})).await.unwrap();
    let why = report.result.unwrap_err().to_string();
    assert!(why.contains("20971"), "its size is told: {why}");
    let note = |home: &Running| {
        let log = rusqlite::Connection::open(home.folder.path().join("samplegate.db")).unwrap();
        log.query_row("SELECT count(*) FROM events WHERE json LIKE '%oversized_message%'", [], |row| {
            row.get::<_, u32>(0)
        })
        .unwrap()
    };
    home.eventually(|| (note(&home) == 1).then_some(())).await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_its_question_back_withdraws_it() {
    let home = raw(&[]).await;
    let call = home.call("s", "cancels", json!({}));
    let question = home.question(Phase::Request).await;
    let ended = home.question(Phase::Closed).await;
    assert_eq!(ended.ended.unwrap().outcome, "withdrawn");
    let told: Value = serde_json::from_str(text(&call.await.unwrap().result.unwrap())).unwrap();
    assert_eq!(told, json!({"before": null, "after": null}), "a withdrawn question gets no reply");
    assert_eq!(home.entry(&question.id).await.summary.outcome, Outcome::Withdrawn);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_withdraws_its_questions_and_starts_again() {
    let home = raw(&[]).await;
    let call = home.call("s", "dies", json!({}));
    let question = home.question(Phase::Request).await;
    let report = call.await.unwrap();
    assert!(report.result.unwrap_err().to_string().contains('7'), "the exit status is told");
    assert_eq!(home.entry(&question.id).await.summary.outcome, Outcome::Withdrawn);
    let back = home.call("s", "sample", json!({"params": hello()}));
    home.eventually(|| home.engine.queue().list().into_iter().find(|q| q.phase == Phase::Request)).await;
    answer(&home, "welcome back").await;
    assert!(back.await.unwrap().result.is_ok());
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_one_queue_and_every_question_ends_once() {
    let home = raw(&[]).await;
    let call = home.call("s", "flood", json!({"count": 300}));
    home.eventually(|| (home.engine.queue().pending() == 300).then_some(())).await;
    let queue = home.engine.queue().list();
    let asked: Vec<&str> = queue.iter().map(|question| question.first_line.as_str()).collect();
    let sent: Vec<String> = (0..300).map(|n| format!("Question {n} of the flood.")).collect();
    assert_eq!(asked, sent, "in the order they were asked, however many share a moment");
    assert!(queue.windows(2).all(|pair| pair[0].received_at <= pair[1].received_at), "oldest first");
    assert_eq!(home.engine.queue().deny_all("s", "too many"), 300);
    let told: Value = serde_json::from_str(text(&call.await.unwrap().result.unwrap())).unwrap();
    assert_eq!(told, json!({"asked": 300, "kinds": {"error -1 person": 300}}));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_calls_in_flight_are_not_guessed_apart() {
    let home = raw(&[]).await;
    let never = home.call("s", "never_answers", json!({}));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    assert_eq!(question.provenance.call, None);
    assert_eq!(question.provenance.one_of.len(), 2);
    home.act(&question, Action::AnswerByHand { text: "whoever you are".into() });
    assert!(call.await.unwrap().result.is_ok());
    never.abort();
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_open_question_does_not_delay_another() {
    let home = Running::start(&format!(
        "[servers.stuck]\n{0}sampling = \"ask\"\n\n[servers.s]\n{0}sampling = \"ask\"\n",
        python("raw_legacy.py", &[])
    ))
    .await;
    let stuck = home.call("stuck", "sample", json!({"params": hello()}));
    let first = home.question(Phase::Request).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let second = home
        .eventually(|| {
            let queue = home.engine.queue();
            let found = queue.list().into_iter().find(|question| question.server == "s")?;
            queue.get(found.id.parse().unwrap())
        })
        .await;
    home.act(&second, Action::AnswerByHand { text: "now".into() });
    assert!(call.await.unwrap().result.is_ok());
    home.act(&first, Action::Deny { reason: String::new() });
    assert!(stuck.await.unwrap().result.is_ok());
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sampling_that_was_not_declared_is_refused() {
    let home = Running::start(&format!("[servers.s]\n{}", python("raw_legacy.py", &[]))).await;
    let told = home.call("s", "sample", json!({"params": hello()})).await.unwrap().result.unwrap();
    assert_eq!(reply(&told)["error"]["code"], -32601);
    let declared = home.call("s", "declared", json!({})).await.unwrap().result.unwrap();
    assert!(!text(&declared).contains("sampling"), "{declared}");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_start_says_why() {
    let home = Running::start(
        "[servers.gone]\ncommand = \"/no/such/program\"\n\n[servers.exits]\ncommand = \"sh\"\nargs = [\"-c\", \"echo I cannot >&2; exit 3\"]\n",
    )
    .await;
    let failed = |name: &'static str| {
        let engine = home.engine.clone();
        move || {
            engine.list_servers().into_iter().find(|server| server.config.name == name).and_then(|server| match server
                .state
            {
                ServerState::Failed { why, stderr, .. } => Some((why, stderr)),
                ServerState::Starting { .. }
                | ServerState::Ready { .. }
                | ServerState::NeedsSignIn { .. }
                | ServerState::Disabled => None,
            })
        }
    };
    let (why, _) = home.eventually(failed("gone")).await;
    assert!(why.contains("/no/such/program"), "{why}");
    let (why, stderr) = home.eventually(failed("exits")).await;
    assert!(why.contains('3'), "{why}");
    assert!(stderr.iter().any(|line| line == "I cannot"), "{stderr:?}");
    home.stop().await;
}
