//! The main job on FastMCP 3 (questions in the middle of a call) and FastMCP 4 (rounds).

use samplegate_core::{
    audit::{DecidedBy, Outcome},
    policy::{self, Rule},
};
use samplegate_engine::wire::{Action, ActionKind, Phase};
use serde_json::{Value, json};
use support::{
    home::{Running, text},
    model::{FakeModel, Reply},
    servers::{OverHttp, python},
};

const FAKE_KEY: &str = "sk-test-0123456789";

async fn with_model(server: &str, sampling: &str, model: &FakeModel) -> Running {
    Running::start(&format!(
        "default_model = \"fake\"\n\n[servers.s]\n{server}sampling = {sampling:?}\n\n[models.fake]\nprovider = \"openai\"\n\
         base_url = {:?}\nmodel = \"fake-1\"\nkey = {{ command = \"echo {FAKE_KEY}\" }}\n",
        model.base_url,
    ))
    .await
}

/// Samples twice in a row: both questions through both gates, edited at both, and the log tells all of it.
async fn both_gates_twice(server: &str, protocol: &str, transport: &str) {
    let model = FakeModel::start().await;
    model.then(Reply::Text("List five elements")).then(Reply::Text("iron gold"));
    let home = with_model(server, "ask", &model).await;
    let call = home.call("s", "generate_keywords", json!({"topic": "elements"}));

    let first = home.question(Phase::Request).await;
    assert_eq!((first.provenance.round, first.provenance.protocol.as_str()), (1, protocol));
    assert_eq!(first.provenance.transport, transport);
    let led_here = first.provenance.call.clone().unwrap();
    assert_eq!((led_here.name.as_str(), &led_here.arguments), ("generate_keywords", &json!({"topic": "elements"})));
    assert_eq!(first.sampling().unwrap().model.as_deref(), Some("fake"));
    assert!(first.actions.contains(&ActionKind::Approve));
    assert!(model.got().is_empty(), "nothing may reach a model before it was approved");
    // Edit the request: the difference stays, and what is sent is what was approved.
    let mut params = first.request.clone();
    params["systemPrompt"] = json!("Be brief.");
    let edited = home.act(&first, Action::EditRequest { params: params.clone() });
    assert!(edited.request_edited);
    assert_ne!(edited.received, edited.request);
    home.act(&edited, Action::Approve);

    let answered = home.question(Phase::Answer).await;
    let answer = answered.sampling().unwrap().answer.clone().unwrap();
    assert_eq!(answer.model.as_deref(), Some("fake-1-real"));
    assert_eq!(answer.original.clone().unwrap()["content"]["text"], "List five elements");
    let sent = model.got();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].authorization.as_deref(), Some(format!("Bearer {FAKE_KEY}").as_str()));
    assert_eq!(sent[0].json()["messages"][0], json!({"role": "system", "content": "Be brief."}));
    let mut result = answer.result.unwrap();
    result["content"]["text"] = json!("List three elements");
    let edited = home.act(&answered, Action::EditAnswer { result });
    assert!(edited.sampling().unwrap().answer.clone().unwrap().edited);
    home.act(&edited, Action::Return);

    // The second question holds what was returned, and is the second of this call.
    let second = home.question(Phase::Request).await;
    assert_eq!(second.provenance.round, 2);
    assert!(second.request.to_string().contains("List three elements"), "{}", second.request);
    home.act(&second, Action::Approve);
    let answered = home.question(Phase::Answer).await;
    home.act(&answered, Action::Return);
    let report = call.await.unwrap();
    assert_eq!(report.outcomes(), vec![Outcome::Released, Outcome::Released]);
    let result = report.result.unwrap();
    assert!(text(&result).contains("iron gold"), "{result}");

    let entry = home.entry(&first.id).await;
    let summary = &entry.summary;
    assert_eq!((summary.outcome, summary.decided_by), (Outcome::Released, Some(DecidedBy::Person)));
    assert_eq!(summary.reviewer.as_deref(), Some("tester"));
    assert_eq!(summary.approved_sha256, summary.sent_sha256);
    assert_ne!(summary.approved_sha256, summary.request_sha256);
    assert_eq!(entry.request.as_ref().unwrap(), &first.received);
    params["model"] = json!("fake-1");
    params["provider"] = json!("openai");
    assert_eq!(entry.approved.as_ref().unwrap(), &params);
    assert_eq!(entry.answer.as_ref().unwrap()["content"]["text"], "List five elements");
    assert_eq!(entry.released.as_ref().unwrap()["content"]["text"], "List three elements");
    assert_eq!(entry.arguments, Some(json!({"topic": "elements"})), "the call that led here");
    let events: Vec<&str> = entry.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        ["received", "evaluated", "decided", "sent", "answered", "decided", "released", "replied", "closed"]
    );
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_gates_twice_in_the_middle_of_a_call() {
    both_gates_twice(&python("fastmcp3_prompts.py", &[]), "2025-11-25", "stdio").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_gates_twice_in_rounds() {
    both_gates_twice(&python("fastmcp4_rounds.py", &[]), "2026-07-28", "stdio").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_gates_twice_over_http_in_the_middle_of_a_call() {
    let server = OverHttp::start("fastmcp3_prompts.py").await;
    both_gates_twice(&server.lines(), "2025-11-25", "http").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_gates_twice_over_the_transport_of_2024() {
    let server = OverHttp::start_sse("fastmcp3_prompts.py").await;
    both_gates_twice(&server.lines(), "2025-11-25", "sse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_gates_twice_over_http_in_rounds() {
    let server = OverHttp::start("fastmcp4_rounds.py").await;
    both_gates_twice(&server.lines(), "2026-07-28", "http").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_answers_and_the_payment_goes_or_does_not() {
    for script in ["fastmcp3_prompts.py", "fastmcp4_rounds.py"] {
        payments(&python(script, &[])).await;
        let server = OverHttp::start(script).await;
        payments(&server.lines()).await;
    }
}

async fn payments(server: &str) {
    let home = Running::start(&format!("[servers.s]\n{server}sampling = \"ask\"\n")).await;
    for (words, outcome) in [("Yes", "payment sent"), ("No", "payment refused")] {
        let call = home.call("s", "confirm_payment", json!({"amount": 1000, "to": "Acme"}));
        let question = home.question(Phase::Request).await;
        assert!(!question.actions.contains(&ActionKind::Approve), "there is no model to send it to");
        assert_eq!(question.sampling().unwrap().quick_replies, ["Yes", "No"]);
        home.act(&question, Action::AnswerByHand { text: words.into() });
        let report = call.await.unwrap();
        assert_eq!(text(&report.result.unwrap()), outcome);
        let entry = home.entry(&question.id).await;
        assert_eq!(entry.released.unwrap()["model"], "human");
        assert_eq!((entry.summary.sent_sha256, entry.summary.wire_sha256), (None, None));
        home.eventually(|| home.engine.queue().list().iter().all(|q| q.phase == Phase::Closed).then_some(())).await;
    }
    // A denial: neither paid nor, in rounds, called again.
    let call = home.call("s", "confirm_payment", json!({"amount": 1000, "to": "Acme"}));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: String::new() });
    let report = call.await.unwrap();
    assert_eq!(report.outcomes(), [Outcome::Denied]);
    let told = report.result.map_or_else(|error| error.to_string(), |result| result.to_string());
    assert!(told.contains("User rejected sampling request") && !told.contains("payment sent"), "{told}");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_a_protocol_error_and_tells_no_reason_typed() {
    let home = Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", &[]))).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: "none of its business".into() });
    let told = reply(&call.await.unwrap().result.unwrap());
    assert_eq!(
        told,
        json!({"error": {"code": -1, "message": "User rejected sampling request", "data": {"reason": "person"}}})
    );
    let entry = home.entry(&question.id).await;
    assert_eq!(entry.summary.outcome, Outcome::Denied);
    assert_eq!(entry.summary.reason.as_deref(), Some("none of its business"));
    home.stop().await;

    // In rounds the call ends, and is not sent again.
    let home = Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("fastmcp4_rounds.py", &[]))).await;
    let call = home.call("s", "confirm_payment", json!({"amount": 1, "to": "x"}));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: String::new() });
    let report = call.await.unwrap();
    assert_eq!(report.outcomes(), [Outcome::Denied]);
    assert_eq!(report.result.unwrap_err().to_string(), "User rejected sampling request");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_take_the_routine_and_gates_can_be_switched_off() {
    let model = FakeModel::start().await;
    let home = with_model(&python("fastmcp3_prompts.py", &[]), "rules", &model).await;
    // No rule: denied, and nobody is asked.
    let report = home.call("s", "confirm_payment", json!({"amount": 1, "to": "x"})).await.unwrap();
    assert_eq!(report.outcomes(), [Outcome::Denied]);
    // A fixed answer.
    let answer = Rule {
        server: Some("s".into()),
        tool: Some("confirm_payment".into()),
        text: Some("yes".into()),
        ..Rule::new("", policy::Action::Answer)
    };
    let id = home.engine.make_rule(answer.clone()).unwrap();
    let report = home.call("s", "confirm_payment", json!({"amount": 1, "to": "x"})).await.unwrap();
    assert_eq!(text(&report.result.unwrap()), "payment sent");
    assert!(model.got().is_empty());
    // A rule that allows both gates.
    home.engine.remove_rule(&id).unwrap();
    let allow = Rule { action: policy::Action::Allow, text: None, ..answer };
    home.engine.make_rule(allow).unwrap();
    model.then(Reply::Text("no"));
    let report = home.call("s", "confirm_payment", json!({"amount": 1, "to": "x"})).await.unwrap();
    assert_eq!(text(&report.result.unwrap()), "payment refused");
    assert_eq!(model.got().len(), 1);
    home.stop().await;
}

/// The chunks of an answer that calls a tool.
fn tool_call() -> Reply {
    let call = json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}]);
    let chunk = |delta: Value, finish: Value| {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        format!("data: {}\n\n", json!({"object": "chat.completion.chunk", "model": "fake-1-real", "choices": choices}))
    };
    let end = chunk(json!({}), json!("tool_calls"));
    Reply::Raw(vec![chunk(json!({ "tool_calls": call }), Value::Null), end, "data: [DONE]\n\n".into()])
}

async fn old_server(sampling: &str, rules: &str, model: &FakeModel) -> Running {
    Running::start(&format!(
        "default_model = \"fake\"\n\n[servers.s]\n{}sampling = {sampling:?}\n\n[models.fake]\nprovider = \"openai\"\n\
         base_url = {:?}\nmodel = \"fake-1\"\nkey = \"none\"\n{rules}",
        python("raw_legacy.py", &["--protocol", "2025-06-18"]),
        model.base_url,
    ))
    .await
}

const CANNOT: &str = "the server speaks a protocol before 2025-11-25, whose answers cannot hold tool calls";

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_server_cannot_take_is_refused_at_the_gate() {
    let model = FakeModel::start().await;
    model.then(tool_call()).then(tool_call()).then(Reply::Text("in words"));
    let home = old_server("ask", "", &model).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Approve);

    let answered = home.question(Phase::Answer).await;
    let why = format!("this answer cannot be returned: {CANNOT}; edit it, ask again, or deny");
    assert_eq!(answered.sampling().unwrap().answer.as_ref().unwrap().cannot_return.as_ref(), Some(&why));
    assert!(answered.sampling().unwrap().answer.as_ref().unwrap().result.is_some(), "it is shown all the same");
    assert!(!answered.actions.contains(&ActionKind::Return));
    for other in [ActionKind::Edit, ActionKind::AskAgain, ActionKind::Deny, ActionKind::AnswerByHand] {
        assert!(answered.actions.contains(&other), "{other:?}");
    }
    let id = answered.id.parse().unwrap();
    let refused = home.engine.queue().act(id, answered.revision, Action::Return).unwrap_err();
    assert_eq!(refused.to_string(), why);
    // Edited into words it can go; asked again, it cannot.
    let mut result = answered.sampling().unwrap().answer.clone().unwrap().result.unwrap();
    result["content"] = json!({"type": "text", "text": "mine"});
    let edited = home.act(&answered, Action::EditAnswer { result });
    assert_eq!(edited.sampling().unwrap().answer.as_ref().unwrap().cannot_return, None);
    assert!(edited.actions.contains(&ActionKind::Return));
    home.act(&edited, Action::AskAgain { model: None });
    let again = home
        .eventually(|| {
            home.engine
                .queue()
                .get(id)
                .filter(|item| item.phase == Phase::Answer && !item.sampling().unwrap().answer.as_ref().unwrap().edited)
        })
        .await;
    assert!(!again.actions.contains(&ActionKind::Return));
    home.act(&again, Action::AskAgain { model: None });
    let words = home
        .eventually(|| {
            home.engine.queue().get(id).filter(|item| item.phase == Phase::Answer && item.revision > again.revision + 1)
        })
        .await;
    home.act(&words, Action::Return);
    assert_eq!(reply(&call.await.unwrap().result.unwrap())["result"]["content"]["text"], "in words");
    assert_eq!(home.entry(&question.id).await.summary.outcome, Outcome::Released);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_server_cannot_take_fails_where_a_rule_would_return_it() {
    let model = FakeModel::start().await;
    model.then(tool_call());
    let rules = "\n[[rules]]\nid = \"all\"\naction = \"allow\"\n\n[[rules]]\nid = \"calls\"\ngate = \"answer\"\n\
                 action = \"allow\"\ntools = \"any\"\n";
    let home = old_server("rules", rules, &model).await;
    let report = home.call("s", "sample", json!({"params": hello()})).await.unwrap();
    assert_eq!(report.outcomes(), [Outcome::Failed]);
    let why = format!("the answer cannot be returned: {CANNOT}");
    assert_eq!(reply(&report.result.unwrap())["error"], json!({"code": -32603, "message": why}));
    let listed = home.engine.store().list(samplegate_engine::store::Filter { limit: 1, ..Default::default() }).await;
    let entry = home.entry(&listed.unwrap().questions[0].id.to_string()).await;
    assert_eq!((entry.summary.outcome, entry.summary.reason), (Outcome::Failed, Some(why)));
    assert!(entry.answer.is_some() && entry.released.is_none());
    let events: Vec<&str> = entry.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["received", "evaluated", "decided", "sent", "answered", "replied", "closed"]);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_in_an_answer_is_logged_before_anybody_decides() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("fine\u{200b}"));
    let home = old_server("ask", "\n[[rules]]\nid = \"in\"\ngate = \"request\"\naction = \"allow\"\n", &model).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let answered = home.question(Phase::Answer).await;
    let id = answered.id.parse().unwrap();
    home.eventually(|| (home.engine.queue().pending() == 1).then_some(())).await;
    let found = answered.sampling().unwrap().answer.as_ref().unwrap().findings.clone();
    assert_eq!(found.len(), 1);
    // Nothing was decided at the answer gate, and it is in the log.
    let logged = |entry: &samplegate_engine::store::Entry| {
        entry.events.iter().find(|event| event["event"] == "answered").cloned()
    };
    let deadline = tokio::time::Instant::now() + support::home::PATIENCE;
    let event = loop {
        match home.engine.store().show(id).await.ok().as_ref().and_then(logged) {
            Some(event) => break event,
            None => assert!(tokio::time::Instant::now() < deadline, "it was not logged"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!((&event["verdict"], &event["rules"]), (&json!("ask"), &json!([])));
    assert_eq!(event["reason"], "No rule matches, so you decide.");
    assert_eq!(
        (&event["findings"][0]["kind"], &event["findings"][0]["pointer"]),
        (&json!(found[0].kind), &json!("/content/text"))
    );
    assert!(event["sealed"].as_array().unwrap().contains(&json!("findings")));
    home.act(&answered, Action::Return);
    call.await.unwrap();
    home.entry(&answered.id).await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_text_in_a_request_makes_both_gates_ask() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("harmless"));
    let home = old_server("rules", "\n[[rules]]\nid = \"all\"\naction = \"allow\"\n", &model).await;
    let text = "Say hello.\u{202e}olleh yaS";
    let params = json!({"messages": [{"role": "user", "content": {"type": "text", "text": text}}], "maxTokens": 64});
    let call = home.call("s", "sample", json!({ "params": params }));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Approve);
    let answered = home.question(Phase::Answer).await;
    assert_eq!(answered.sampling().unwrap().answer.as_ref().unwrap().findings, []);
    home.act(&answered, Action::Return);
    call.await.unwrap();
    let entry = home.entry(&question.id).await;
    assert_eq!(entry.summary.decided_by, Some(DecidedBy::Person));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_found_by_the_arguments_of_its_call() {
    let home = Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", &[]))).await;
    let call = home.call("s", "sample", json!({"params": hello(), "note": "zirconium"}));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    let entry = home.entry(&question.id).await;
    assert_eq!(entry.arguments.unwrap()["note"], "zirconium");
    let commitments = &entry.events[0]["contents"];
    assert!(commitments["arguments"].is_string() && !commitments.to_string().contains("zirconium"));
    let filter = samplegate_engine::store::Filter { text: Some("zirconium".into()), limit: 9, ..Default::default() };
    let found = home.engine.store().list(filter).await.unwrap().questions;
    assert_eq!(found.iter().map(|found| found.id.to_string()).collect::<Vec<_>>(), [question.id]);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_notification_said_is_logged_where_it_was_decided_in() {
    let home = Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", &[]))).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    let id = question.id.parse().unwrap();
    home.eventually(|| (home.engine.queue().pending() == 1).then_some(())).await;
    let said = "s · sample asks\nSay hello.";
    // The log may not know the question yet.
    let deadline = tokio::time::Instant::now() + support::home::PATIENCE;
    while home.engine.shown_in_notification(id, question.revision, said.into(), true).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    home.engine.shown_in_notification(id, question.revision, said.into(), true).await.unwrap();
    home.engine.shown(id, question.revision).await.unwrap();
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    let entry = home.entry(&question.id).await;
    let shown: Vec<&Value> = entry.events.iter().filter(|event| event["event"] == "shown").collect();
    let places: Vec<&Value> = shown.iter().map(|event| &event["where"]).collect();
    assert_eq!(places, ["notification", "window"]);
    assert_eq!(shown[0]["sha256"].as_str(), Some(question.request_sha256.as_str()), "it held all of it");
    assert_eq!((&shown[0]["text"], &shown[0]["sealed"]), (&json!(said), &json!(["sha256", "text"])));
    let order: Vec<&str> = entry.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(order, ["received", "evaluated", "shown", "shown", "decided", "replied", "closed"]);

    // One that held only its first line is not taken for the request.
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    home.eventually(|| (home.engine.queue().pending() == 1).then_some(())).await;
    let id = question.id.parse().unwrap();
    while home.engine.shown_in_notification(id, question.revision, said.into(), false).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    let entry = home.entry(&question.id).await;
    let shown = entry.events.iter().find(|event| event["event"] == "shown").unwrap();
    let digest = samplegate_core::canonical::Sha256Hex::of(said.as_bytes()).to_hex();
    assert_eq!(shown["sha256"].as_str(), Some(digest.as_str()));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_there_what_no_rule_allows_is_denied() {
    let mut home = Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", &[]))).await;
    home.reviewer = None;
    let told = home.call("s", "sample", json!({"params": hello()})).await.unwrap().result.unwrap();
    assert_eq!(reply(&told)["error"]["data"], json!({"reason": "nobody"}));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_paused_no_rule_decides_and_a_person_still_can() {
    let home = Running::start(&format!(
        "[servers.s]\n{}sampling = \"ask\"\n\n[[rules]]\nid = \"no\"\naction = \"deny\"\n",
        python("raw_legacy.py", &[])
    ))
    .await;
    home.engine.queue().set_paused(true);
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(home.engine.queue().pending(), 1, "the rule waits");
    home.act(&question, Action::AnswerByHand { text: "mine".into() });
    home.engine.queue().set_paused(false);
    assert_eq!(reply(&call.await.unwrap().result.unwrap())["result"]["content"]["text"], "mine");
    let told = home.call("s", "sample", json!({"params": hello()})).await.unwrap().result.unwrap();
    assert_eq!(reply(&told)["error"]["data"], json!({"reason": "rule"}));
    home.stop().await;
}

/// The params of a small question.
pub(crate) fn hello() -> Value {
    json!({"messages": [{"role": "user", "content": {"type": "text", "text": "Say hello."}}], "maxTokens": 64})
}

/// What a raw server was told as the reply to its first question.
pub(crate) fn reply(result: &Value) -> Value {
    let told: Value = serde_json::from_str(text(result)).unwrap_or_else(|_| panic!("not JSON: {result}"));
    told["replies"][0]["reply"].clone()
}
