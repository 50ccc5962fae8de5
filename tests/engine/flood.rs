//! Too many questions at once: they fold into one card, a server is muted or blocked, and nothing is decided by itself.

use std::collections::BTreeSet;

use samplegate_core::{audit::Outcome, settings::Sampling};
use samplegate_engine::{
    store::Filter,
    wire::{Action, Phase, ReviewSummary},
};
use serde_json::{Value, json};
use support::{
    home::{Running, text},
    servers::python,
};

async fn flooded(count: u64) -> (Running, tokio::task::JoinHandle<samplegate_engine::engine::CallReport>) {
    let home = Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", &[]))).await;
    let call = home.call("s", "flood", json!({"count": count}));
    home.eventually(|| (waiting(&home).len() as u64 == count).then_some(())).await;
    (home, call)
}

fn waiting(home: &Running) -> Vec<ReviewSummary> {
    home.engine.queue().list().into_iter().filter(|question| question.phase == Phase::Request).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nearly_the_same_folds_into_the_oldest_and_is_found() {
    let (home, call) = flooded(12).await;
    let list = waiting(&home);
    let oldest = &list[0].id;
    assert!(list.iter().all(|question| question.alike == 12 && question.folds_into == *oldest), "{list:?}");
    // Which of them is admitted last is not said.
    let read = |question: &ReviewSummary| home.engine.queue().get(question.id.parse().unwrap()).unwrap().findings;
    let kinds: BTreeSet<String> = list.iter().flat_map(read).map(|finding| finding.kind).collect();
    assert_eq!(kinds, BTreeSet::from(["burst".to_owned(), "near_duplicate".to_owned()]));

    // The card goes on without its oldest.
    let first = home.question(Phase::Request).await;
    home.act(&first, Action::AnswerByHand { text: "yes".into() });
    let list = waiting(&home);
    assert!(list.iter().all(|question| question.alike == 11 && question.folds_into == list[0].id), "{list:?}");
    home.engine.queue().deny_all("s", "");
    call.await.unwrap().result.unwrap();
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_server_still_waits_for_the_person() {
    let (home, call) = flooded(2).await;
    let queue = home.engine.queue();
    queue.mute("s");
    assert!(queue.is_muted("s") && !queue.is_muted("t"));
    assert_eq!(home.engine.status().muted[0].server, "s");
    assert_eq!(waiting(&home).len(), 2, "muting decides nothing");
    queue.unmute("s");
    assert!(!queue.is_muted("s") && home.engine.status().muted.is_empty());
    queue.deny_all("s", "");
    call.await.unwrap().result.unwrap();
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_quick_denials_offer_to_block_and_blocking_switches_sampling_off() {
    let (home, call) = flooded(8).await;
    for denied in 1..=3 {
        assert!(home.engine.status().often_denied.is_empty(), "after {} denials", denied - 1);
        let question = home.question(Phase::Request).await;
        home.act(&question, Action::Deny { reason: String::new() });
    }
    assert_eq!(home.engine.status().often_denied, ["s"]);
    assert_eq!(waiting(&home).len(), 5, "nothing happens by itself");

    assert_eq!(home.engine.block_server("s").await.unwrap(), 5);
    assert!(waiting(&home).is_empty() && home.engine.status().often_denied.is_empty());
    assert_eq!(home.engine.config().settings().servers["s"].sampling, Sampling::Off);
    // The server is started anew without the capability, so its call may end with it.
    if let Ok(result) = call.await.unwrap().result {
        let told: Value = serde_json::from_str(text(&result)).unwrap();
        assert_eq!(told["kinds"], json!({"error -1 person": 8}));
    }
    let page = home.engine.store().list(Filter { limit: 20, ..Filter::default() }).await.unwrap();
    let mut blocked = 0;
    for question in page.questions {
        let entry = home.entry(&question.id.to_string()).await;
        assert_eq!(entry.summary.outcome, Outcome::Denied);
        blocked += usize::from(entry.summary.reason.as_deref() == Some("the server was blocked"));
    }
    assert_eq!(blocked, 5);
    let changes = home.engine.store().changes(None, 1).await.unwrap();
    assert!(format!("{changes:?}").contains("sampling"), "{changes:?}");
    home.stop().await;
}
