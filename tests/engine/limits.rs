//! Limits: what is too much is refused, says so to everybody, and costs nothing.

use samplegate_core::audit::{DecidedBy, Outcome};
use samplegate_engine::{
    store::Filter,
    wire::{Action, Phase},
};
use serde_json::{Value, json};
use support::{
    home::{Running, text},
    model::{FakeModel, Reply},
    servers::limited_python,
};

const ANSWER: &str =
    "\n[[rules]]\nid = \"yes\"\nserver = \"s\"\ngate = \"request\"\naction = \"answer\"\ntext = \"yes\"\n";

fn sample(max_tokens: u32) -> Value {
    let message = json!({"role": "user", "content": {"type": "text", "text": "Hi"}});
    json!({"params": {"messages": [message], "maxTokens": max_tokens}})
}

/// A new server may ask ten times a minute, whatever a rule says.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_gets_no_further_than_its_limits() {
    let server = limited_python("raw_legacy.py", &[]);
    // More than a few in one call would ask the person.
    let limits = "limits = { per_call = \"none\" }\n";
    let home = Running::start(&format!("[servers.s]\n{server}sampling = \"ask\"\n{limits}{ANSWER}")).await;
    let told = home.call("s", "flood", json!({"count": 100})).await.unwrap().result.unwrap();
    let told: Value = serde_json::from_str(text(&told)).unwrap();
    let answered = told["kinds"]["result"].as_u64().unwrap();
    assert!(answered <= 10, "{told}");
    assert_eq!(told["kinds"]["error -1 limit"], 100 - answered, "{told}");
    let page = home.engine.store().list(Filter { limit: 200, ..Filter::default() }).await.unwrap();
    let mut denied = Vec::new();
    for question in page.questions {
        denied
            .extend(Some(home.entry(&question.id.to_string()).await.summary).filter(|q| q.outcome == Outcome::Denied));
    }
    assert_eq!(denied.len() as u64, 100 - answered);
    for entry in denied {
        assert_eq!(entry.decided_by, Some(DecidedBy::Limit));
        assert!(entry.reason.as_deref().unwrap().starts_with("The limit of this server is "), "{:?}", entry.reason);
    }
    home.stop().await;
}

/// What was refused by a limit does not count, so a flood does not lock the server out for the day.
#[tokio::test(flavor = "multi_thread")]
async fn the_person_is_asked_no_more_than_the_queue_holds() {
    let server = limited_python("raw_legacy.py", &[]);
    let limits = "limits = { queue = 2, per_call = \"none\", per_minute = \"none\", in_flight = \"none\" }\n";
    let home = Running::start(&format!("[servers.s]\n{server}sampling = \"ask\"\n{limits}")).await;
    let flood = home.call("s", "flood", json!({"count": 6}));
    for _ in 0..2 {
        let question = home.question(Phase::Request).await;
        home.act(&question, Action::AnswerByHand { text: "yes".into() });
    }
    let told: Value = serde_json::from_str(text(&flood.await.unwrap().result.unwrap())).unwrap();
    assert_eq!(told["kinds"], json!({"result": 2, "error -1 limit": 4}));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_larger_max_tokens_is_lowered_and_that_is_what_is_shown_and_sent() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("short"));
    let home = Running::start(&format!(
        "default_model = \"fake\"\n\n[servers.s]\n{}sampling = \"ask\"\n\n[models.fake]\nprovider = \"openai\"\n\
         base_url = {:?}\nmodel = \"fake-1\"\nkey = \"none\"\n",
        limited_python("raw_legacy.py", &[]),
        model.base_url,
    ))
    .await;
    let call = home.call("s", "sample", sample(100_000));
    let question = home.question(Phase::Request).await;
    assert_eq!((&question.received["maxTokens"], &question.request["maxTokens"]), (&json!(100_000), &json!(4096)));
    assert!(!question.request_edited, "nobody edited it");
    assert!(question.notes.iter().any(|note| note.contains("lowers that to 4096")), "{:?}", question.notes);
    home.act(&question, Action::Approve);
    let answer = home.question(Phase::Answer).await;
    home.act(&answer, Action::Return);
    call.await.unwrap().result.unwrap();
    assert!(model.got()[0].json().to_string().contains("4096"), "{}", model.got()[0].json());
    home.stop().await;
}

/// A second question in one call is marked, and more than the limit asks even where a rule allows.
#[tokio::test(flavor = "multi_thread")]
async fn more_questions_in_one_call_ask_the_person() {
    let server = limited_python("raw_legacy.py", &[]);
    let config = format!("[servers.s]\n{server}sampling = \"ask\"\nlimits = {{ per_call = 1 }}\n{ANSWER}");
    let home = Running::start(&config).await;
    let call = home.call("s", "parallel", json!({"count": 2}));
    let question = home.question(Phase::Request).await;
    assert!(question.notes.iter().any(|note| note.contains("has asked once before")), "{:?}", question.notes);
    assert!(question.evaluation.reason.contains("in one tool call"), "{}", question.evaluation.reason);
    assert_eq!(question.notes[0], question.evaluation.reason, "who decides is told why");
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap().result.unwrap();
    home.stop().await;
}
