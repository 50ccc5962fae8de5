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

/// A home whose rules let everything through to `model`, which has a price.
async fn paid(model: &FakeModel, server: &str, all: &str) -> Running {
    let mut home = Running::start(&format!(
        "default_model = \"paid\"\n{all}\n\n[servers.s]\n{}sampling = \"rules\"\n{server}\n\n[models.paid]\nprovider = \"openai\"\n\
         base_url = {:?}\nmodel = \"gpt-4o\"\nkey = \"none\"\n\n[[rules]]\nid = \"yes\"\nserver = \"s\"\naction = \"allow\"\n",
        limited_python("raw_legacy.py", &[]),
        model.base_url,
    ))
    .await;
    // A model that fails would ask whoever is there.
    home.reviewer = None;
    home
}

/// Of how many requests in one call and how they came out, what the server was told.
async fn flooded(home: &Running, count: u32) -> Value {
    let told = home.call("s", "flood", json!({"count": count})).await.unwrap().result.unwrap();
    serde_json::from_str::<Value>(text(&told)).unwrap()["kinds"].clone()
}

/// Each limit denies, and says which it was: of the server, and of all servers together.
#[tokio::test(flavor = "multi_thread")]
async fn each_limit_denies_for_the_server_and_for_all() {
    // One is let through, in a call with several.
    let counted = ["per_minute = 1", "per_session = 1", "per_day = 1"];
    // Nothing is: it is more than that by itself. The model may write 16 tokens, and costs 10 USD for a million.
    let by_itself = [
        "prompt_bytes = 20",
        "tokens_in_per_day = 1",
        "tokens_out_per_day = 15",
        "usd_per_day = 0.0001",
        "usd_per_month = 0.0001",
    ];
    let free =
        "per_call = \"none\", per_minute = \"none\", in_flight = \"none\", queue = \"none\", per_session = \"none\"";
    let limits = counted.map(|limit| (limit, 1)).into_iter().chain(by_itself.map(|limit| (limit, 0)));
    for (limit, passes) in limits {
        let key = limit.split(' ').next().unwrap();
        let others: Vec<&str> = free.split(", ").filter(|other| !other.starts_with(key)).collect();
        let (others, none) =
            (others.join(", "), format!("{free}, {key} = \"none\"").replace(&format!("{key} = \"none\", "), ""));
        for (server, all, whose) in [
            (format!("limits = {{ {others}, {limit} }}"), String::new(), "this server"),
            (format!("limits = {{ {none} }}"), format!("\n[limits]\n{limit}"), "all servers together"),
        ] {
            let model = FakeModel::start().await;
            let home = paid(&model, &server, &all).await;
            let kinds = flooded(&home, 3).await;
            assert_eq!(kinds["error -1 limit"], 3 - passes, "{whose}: {limit}: {kinds}");
            assert_eq!(model.got().len(), passes, "{whose}: {limit}");
            let page = home.engine.store().list(Filter::default()).await.unwrap();
            let denied = page.questions.iter().find(|question| question.decided_by == Some(DecidedBy::Limit)).unwrap();
            let reason = denied.reason.as_deref().unwrap();
            assert!(reason.starts_with(&format!("The limit of {whose} is ")), "{limit}: {reason}");
            home.stop().await;
        }
    }
}

/// What a provider does not tell counts at its most: else a limit on money could be passed for free.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_tells_no_usage_counts_at_its_most() {
    let model = FakeModel::start().await;
    let silent = |text: &str| {
        let chunk = json!({"model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
        let end = json!({"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        Reply::Raw(vec![format!("data: {chunk}\n\n"), format!("data: {end}\n\n"), "data: [DONE]\n\n".into()])
    };
    // 16 tokens at 10 USD a million are 160 millionths, and reading adds a few.
    let home = paid(&model, "limits = { usd_per_day = 0.0005, per_call = \"none\" }", "").await;
    model.then(silent("one"));
    model.then(Reply::Raw(vec!["data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"cut".into()]));
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(flooded(&home, 1).await);
    }
    let used = home.engine.store().used(Some("s".into()), jiff::Timestamp::now()).await.unwrap();
    assert!(used.microusd_day >= 2 * 160 && used.tokens_out_day >= 2 * 16, "{used:?} {kinds:?}");
    // One that was refused at once costs nothing.
    let refused = used;
    model.then(Reply::Status(401, None, "no"));
    flooded(&home, 1).await;
    let used = home.engine.store().used(Some("s".into()), jiff::Timestamp::now()).await.unwrap();
    assert_eq!(used.microusd_day, refused.microusd_day);
    home.stop().await;
}

/// A use is a question, at both gates.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_of_a_rule_for_both_gates_is_one_answer() {
    let model = FakeModel::start().await;
    let home = Running::start(&format!(
        "default_model = \"fake\"\n\n[servers.s]\n{}sampling = \"rules\"\nlimits = \"none\"\n\n[models.fake]\nprovider = \"openai\"\n\
         base_url = {:?}\nmodel = \"fake-1\"\nkey = \"none\"\n\n[[rules]]\nid = \"yes\"\nserver = \"s\"\naction = \"allow\"\nuses = 2\n",
        limited_python("raw_legacy.py", &[]),
        model.base_url,
    ))
    .await;
    assert_eq!(flooded(&home, 4).await, json!({"result": 2, "error -1 rule": 2}));
    assert_eq!(model.got().len(), 2);
    home.stop().await;
}
