//! Grants: what is like what was let through goes on, until the call, the connection or the time is over, or a person
//! says no more.

use std::process::Stdio;

use samplegate_core::{
    audit::{DecidedBy, Outcome},
    policy::{Grant, Shape, Until},
    settings::Gates,
};
use samplegate_engine::{
    engine::{CallReport, Engine, Options},
    mcp::CallKind,
    review_queue::ActError,
    store::GuardChange,
    wire::{Action, GrantScope, GrantView, Phase, ReviewItem},
};
use serde_json::{Value, json};
use support::{
    home::{Running, options},
    model::{FakeModel, Reply},
    servers::{python, samplegate},
};
use tokio_util::sync::CancellationToken;

use super::gates::{hello, reply};

async fn home_with(model: &FakeModel, server: &str) -> Running {
    Running::start(&format!(
        "default_model = \"fake\"\n\n[servers.s]\n{}sampling = \"ask\"\n{server}\n[models.fake]\nprovider = \"openai\"\n\
         base_url = {:?}\nmodel = \"fake-1\"\nkey = \"none\"\n\n[models.other]\nprovider = \"openai\"\nbase_url = {:?}\n\
         model = \"other-1\"\nkey = \"none\"\n",
        python("raw_legacy.py", &[]),
        model.base_url,
        model.base_url,
    ))
    .await
}

async fn answering(answers: usize) -> FakeModel {
    let model = FakeModel::start().await;
    for number in 0..answers {
        model.then(Reply::Text(["one", "two", "three", "four"][number % 4]));
    }
    model
}

fn sample(home: &Running) -> tokio::task::JoinHandle<CallReport> {
    home.call("s", "sample", json!({"params": hello()}))
}

async fn released(call: tokio::task::JoinHandle<CallReport>) -> Value {
    let report = call.await.unwrap();
    assert_eq!(report.outcomes(), [Outcome::Released]);
    reply(&report.result.unwrap())["result"]["content"]["text"].clone()
}

fn grant(home: &Running, question: &ReviewItem, scope: GrantScope, answers: bool) {
    home.act(question, Action::Grant { scope, answers });
}

/// Asks, and lets through with this scope, answers included, until the answer is back.
async fn granted(home: &Running, scope: GrantScope) -> GrantView {
    let call = sample(home);
    let question = home.question(Phase::Request).await;
    grant(home, &question, scope, true);
    released(call).await;
    home.engine.list_grants().await.unwrap().pop().unwrap()
}

/// The next question like it is shown; denied, so that nothing waits any more.
async fn is_asked(home: &Running) -> ReviewItem {
    let call = sample(home);
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: String::new() });
    assert_eq!(call.await.unwrap().outcomes(), [Outcome::Denied]);
    home.entry(&question.id).await;
    question
}

async fn no_grants(home: &Running) {
    let deadline = tokio::time::Instant::now() + support::home::PATIENCE;
    while !home.engine.list_grants().await.unwrap().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "a grant is left");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// A process of its own, with nobody at its terminal, that makes a call.
async fn elsewhere(home: &Running) -> Value {
    let child = tokio::process::Command::new(samplegate())
        .arg("--home")
        .arg(home.folder.path())
        .args(["call", "s", "sample", &json!({"params": hello()}).to_string(), "--json"])
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .stdin(Stdio::null())
        .output();
    let ran = child.await.unwrap();
    let result = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    reply(&result)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_lets_requests_through_and_still_shows_the_answers_until_it_is_revoked() {
    let model = answering(2).await;
    let home = home_with(&model, "").await;
    let call = sample(&home);
    let question = home.question(Phase::Request).await;
    let scopes: Vec<GrantScope> = question.offer.scopes.iter().map(|offered| offered.scope).collect();
    assert_eq!(scopes, [GrantScope::Call, GrantScope::Minutes, GrantScope::Session, GrantScope::Always]);
    let says = question.offer.scopes[1].says.clone();
    assert!(says.starts_with("s › sample: requests with no system prompt, for fake, up to "), "{says}");
    assert!(says.ends_with("for 15 minutes; the answers are still shown to you"), "{says}");
    assert!(home.engine.list_grants().await.unwrap().is_empty(), "nothing is granted by looking");
    grant(&home, &question, GrantScope::Minutes, false);
    let answer = home.question(Phase::Answer).await;
    home.act(&answer, Action::Return);
    assert_eq!(released(call).await, "one");
    let decided =
        home.entry(&question.id).await.events.iter().find(|event| event["event"] == "decided").cloned().unwrap();
    let made = home.engine.list_grants().await.unwrap().pop().unwrap();
    assert_eq!(
        (&decided["scope"], &decided["grant"], &decided["by"]),
        (&json!("minutes"), &json!(made.id), &json!("person"))
    );
    assert_eq!((&decided["granted"]["gates"], &decided["granted"]["tool"]), (&json!("request"), &json!("sample")));
    assert_eq!((made.sentence, made.question, made.used), (says, question.id, 0));

    // The next one is sent by itself, and its answer shown.
    let call = sample(&home);
    let answer = home.question(Phase::Answer).await;
    assert_eq!(model.got().len(), 2);
    home.act(&answer, Action::Return);
    assert_eq!(released(call).await, "two");
    let entry = home.entry(&answer.id).await;
    let name = json!([format!("grant:{}", made.id)]);
    let [evaluated, decided] =
        ["evaluated", "decided"].map(|kind| entry.events.iter().find(|event| event["event"] == kind).cloned().unwrap());
    assert_eq!((&evaluated["verdict"], &evaluated["rules"]), (&json!("allow"), &name));
    assert!(evaluated["reason"].as_str().unwrap().starts_with("Allowed by the grant of "), "{evaluated}");
    assert_eq!((&decided["by"], &decided["rules"], &decided["scope"]), (&json!("rule"), &name, &json!("once")));
    assert_eq!(home.engine.list_grants().await.unwrap()[0].used, 1);

    // Another system prompt is another thing.
    let mut other = hello();
    other["systemPrompt"] = json!("You are somebody else.");
    let call = home.call("s", "sample", json!({"params": other}));
    let question = home.question(Phase::Request).await;
    let missed = question.offer.missed.clone().unwrap();
    assert_eq!(missed, "A grant of yours does not cover it: the system prompt differs.");
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();

    home.engine.revoke_grant(&made.id).await.unwrap();
    home.engine.revoke_grant(&made.id).await.unwrap_err();
    is_asked(&home).await;
    let change = home.engine.store().changes(None, 1).await.unwrap().pop().unwrap();
    assert!(change.text.as_deref().unwrap_or_default().starts_with("Grant revoked. s › sample: "), "{change:?}");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_for_a_call_ends_with_it() {
    let model = answering(2).await;
    let home = home_with(&model, "").await;
    let call = home.call("s", "sample_twice", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    grant(&home, &question, GrantScope::Call, true);
    let report = call.await.unwrap();
    assert_eq!(report.outcomes(), [Outcome::Released, Outcome::Released]);
    assert_eq!(model.got().len(), 2);
    no_grants(&home).await;
    let again = home.call("s", "sample_twice", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: String::new() });
    let second = home.question(Phase::Request).await;
    home.act(&second, Action::Deny { reason: String::new() });
    again.await.unwrap();
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_until_the_server_restarts_ends_then() {
    let model = answering(2).await;
    let home = home_with(&model, "").await;
    granted(&home, GrantScope::Session).await;
    released(sample(&home)).await;
    home.engine.restart_server("s").unwrap();
    no_grants(&home).await;
    home.engine.ready("s").await.unwrap();
    is_asked(&home).await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_returned_for_longer_lets_answers_through_and_not_requests() {
    let model = answering(2).await;
    let home = home_with(&model, "").await;
    let call = sample(&home);
    home.act(&home.question(Phase::Request).await, Action::Approve);
    let answer = home.question(Phase::Answer).await;
    assert_eq!(answer.offer.scopes.iter().filter_map(|offered| offered.with_answers.as_ref()).count(), 0);
    grant(&home, &answer, GrantScope::Always, false);
    released(call).await;
    let call = sample(&home);
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Approve);
    assert_eq!(released(call).await, "two");
    let summary = home.entry(&question.id).await.summary;
    assert_eq!(summary.decided_by, Some(DecidedBy::Rule));
    assert_eq!(home.engine.list_grants().await.unwrap()[0].used, 1);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_for_always_holds_in_every_process_of_the_home_until_it_is_revoked() {
    let model = answering(4).await;
    let home = home_with(&model, "").await;
    assert_eq!(elsewhere(&home).await["error"]["data"]["reason"], "nobody");
    granted(&home, GrantScope::Always).await;
    assert_eq!(elsewhere(&home).await["result"]["content"]["text"], "two");
    let grants = home.engine.list_grants().await.unwrap();
    assert_eq!(grants[0].used, 3, "the answer of the first, and both gates of the second");
    assert_eq!(home.engine.revoke_grants().await.unwrap(), 1);
    assert_eq!(elsewhere(&home).await["error"]["data"]["reason"], "nobody");

    // It outlives the process in which it was made.
    granted(&home, GrantScope::Always).await;
    let session = granted_session(&home).await;
    home.engine.shutdown().await;
    let next = Engine::start(options(home.folder.path())).await.unwrap();
    let scopes: Vec<GrantScope> = next.list_grants().await.unwrap().iter().map(|grant| grant.scope).collect();
    assert_eq!(scopes, [GrantScope::Always], "the connection of {session} is over");
    next.shutdown().await;
}

/// A grant for the connection, made for another size so that the one that is there does not cover it.
async fn granted_session(home: &Running) -> String {
    let mut longer = hello();
    longer["systemPrompt"] = json!("Be brief.");
    let call = home.call("s", "sample", json!({"params": longer}));
    let question = home.question(Phase::Request).await;
    grant(home, &question, GrantScope::Session, true);
    call.await.unwrap();
    question.id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_over_or_suspended_allows_nothing() {
    let model = answering(4).await;
    let home = home_with(&model, "").await;
    let always = granted(&home, GrantScope::Always).await;
    let entry = home.entry(&always.question).await;
    let made = entry.events.iter().find(|event| event["event"] == "decided").unwrap()["granted"].clone();
    let made: Grant = serde_json::from_value(made).unwrap();
    home.engine.revoke_grant(&always.id).await.unwrap();
    let over = Grant { id: "over".into(), until: Until::Time { at: jiff::Timestamp::now() }, ..made };
    let change = GuardChange::Grant { grant: Box::new(over), owner: "x".into() };
    home.engine.store().change(change, vec![]).await.unwrap();
    is_asked(&home).await;
    assert!(home.engine.list_grants().await.unwrap().is_empty(), "it is not listed either");

    granted(&home, GrantScope::Always).await;
    home.set(|settings| {
        let server = settings.servers.get_mut("s").unwrap();
        let mut record = samplegate_core::settings::Record::filled(jiff::Zoned::now().date(), "me");
        record.review_by = Some(jiff::civil::date(2020, 1, 1));
        server.record = Some(record);
    });
    let question = is_asked(&home).await;
    assert!(question.offer.scopes.is_empty(), "what is suspended is not granted anew");
    let listed = home.engine.list_grants().await.unwrap();
    assert!(listed[0].suspended.as_deref().unwrap().contains("review date"), "{listed:?}");
    home.engine.remove_server("s").await.unwrap();
    assert!(home.engine.list_grants().await.unwrap().is_empty(), "nothing is left for a new server of that name");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_during_a_pause_asks_after_it() {
    let model = answering(2).await;
    let home = home_with(&model, "").await;
    let made = granted(&home, GrantScope::Always).await;
    home.engine.set_paused(true).unwrap();
    let call = sample(&home);
    let question = home.question(Phase::Request).await;
    home.engine.revoke_grant(&made.id).await.unwrap();
    home.engine.set_paused(false).unwrap();
    let judged = home.eventually(|| {
        let now = home.engine.queue().get(question.id.parse().unwrap())?;
        (now.evaluation.verdict == samplegate_engine::wire::Verdict::Ask).then_some(now)
    });
    let question = judged.await;
    assert_eq!(model.got().len(), 1, "only what was granted then was sent");
    home.act(&question, Action::Deny { reason: String::new() });
    assert_eq!(call.await.unwrap().outcomes(), [Outcome::Denied]);
    let entry = home.entry(&question.id).await;
    let verdicts: Vec<&Value> = entry.events.iter().filter_map(|event| event.get("verdict")).collect();
    assert_eq!(verdicts, ["allow", "ask"]);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_longer_scope_is_offered_or_taken_where_it_could_not_hold() {
    let model = answering(2).await;
    let home = home_with(&model, "risk = \"high\"\n").await;
    let question = is_asked(&home).await;
    assert_eq!(question.offer.only_once.as_deref(), Some("It is of high risk, so you decide, whatever rules say."));
    home.stop().await;

    let home = home_with(&model, "").await;
    let call = sample(&home);
    let question = home.question(Phase::Request).await;
    let refused = |item: &ReviewItem| {
        let id = item.id.parse().unwrap();
        let always = Action::Grant { scope: GrantScope::Always, answers: true };
        let error = home.engine.queue().act(id, item.revision, always).unwrap_err();
        assert!(matches!(error, ActError::OnlyOnce(_)), "{error}");
        assert!(item.offer.scopes.is_empty() && item.offer.only_once.is_some(), "{:?}", item.offer);
    };
    let mut params = question.request.clone();
    params["systemPrompt"] = json!("Be brief.");
    let edited = home.act(&question, Action::EditRequest { params });
    refused(&edited);
    let reverted = home.act(&edited, Action::Revert);
    assert_eq!(reverted.offer.scopes.len(), 4);
    let other = home.act(&reverted, Action::ChooseModel { name: "other".into() });
    refused(&other);
    home.act(&other, Action::Approve);
    let answer = home.question(Phase::Answer).await;
    refused(&answer);
    home.act(&answer, Action::Deny { reason: String::new() });
    call.await.unwrap();

    let mut hidden = hello();
    hidden["messages"][0]["content"]["text"] = json!("Say hello.\u{202e}olleh");
    let call = home.call("s", "sample", json!({"params": hidden}));
    let question = home.question(Phase::Request).await;
    refused(&question);
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    assert!(home.engine.list_grants().await.unwrap().is_empty());
    home.stop().await;
}

/// A finding comes before a grant at both gates.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_never_lets_through_what_was_flagged() {
    let model = answering(1).await;
    model.then(Reply::Text("Take this: \u{202e}olleh"));
    let home = home_with(&model, "").await;
    granted(&home, GrantScope::Always).await;
    let mut hidden = hello();
    hidden["messages"][0]["content"]["text"] = json!("Say hello.\u{202e}olleh");
    let call = home.call("s", "sample", json!({"params": hidden}));
    let question = home.question(Phase::Request).await;
    assert!(
        question.evaluation.reason.contains("But hidden or misleading text was found in it"),
        "{:?}",
        question.evaluation
    );
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    let call = sample(&home);
    let answer = home.question(Phase::Answer).await;
    assert!(answer.offer.scopes.is_empty(), "{:?}", answer.offer);
    home.act(&answer, Action::Deny { reason: String::new() });
    call.await.unwrap();
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_about_a_tool_is_granted_where_no_tool_or_not_just_one_asks() {
    let model = answering(4).await;
    let home = home_with(&model, "").await;
    let calls: Vec<_> = (0..2).map(|_| sample(&home)).collect();
    let one_of_two = home
        .eventually(|| {
            let queue = home.engine.queue();
            let items = queue.list().into_iter().filter_map(|question| queue.get(question.id.parse().unwrap()));
            items.into_iter().find(|item| item.provenance.one_of.len() == 2)
        })
        .await;
    assert!(one_of_two.offer.scopes.is_empty(), "{:?}", one_of_two.offer);
    assert_eq!(one_of_two.offer.only_once.as_deref(), Some("It is not known for certain which tool call asks."));
    // The other is the first call's alone, or was asked when both ran.
    home.eventually(|| (home.engine.queue().list().len() == 2).then_some(())).await;
    home.engine.queue().deny_all("s", "");
    for call in calls {
        call.await.unwrap();
    }
    home.stop().await;

    let prompts = format!(
        "default_model = \"fake\"\n\n[servers.s]\n{}sampling = \"ask\"\n\n[models.fake]\nprovider = \"openai\"\n\
         base_url = {:?}\nmodel = \"fake-1\"\nkey = \"none\"\n",
        python("fastmcp3_prompts.py", &[]),
        model.base_url,
    );
    let home = Running::start(&prompts).await;
    let engine = home.engine.clone();
    let name = engine.server_offers("s").await.unwrap().prompts[0]["name"].as_str().unwrap().to_owned();
    let prompt = tokio::spawn(async move {
        let target = CallKind::Prompt { name, arguments: json!({"topic": "tea"}) };
        engine.call("s", "test", target, CancellationToken::new()).await
    });
    let question = home.question(Phase::Request).await;
    assert!(question.offer.scopes.is_empty(), "{:?}", question.offer);
    home.act(&question, Action::Deny { reason: String::new() });
    prompt.await.unwrap();
    home.stop().await;
}

/// What a hand-made row in the database cannot do: reach a server or a gate that it does not name.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_about_its_server_tool_and_gate_only() {
    let model = answering(1).await;
    let home = home_with(&model, "").await;
    for (id, server, tool, gates) in
        [("1", "t", "sample", Gates::Both), ("2", "s", "other", Gates::Both), ("3", "s", "sample", Gates::Answer)]
    {
        let grant = Grant {
            id: id.into(),
            gates,
            server: server.into(),
            tool: tool.into(),
            until: Until::Revoked,
            shape: Shape {
                system_prompt: None,
                bytes: 1000,
                max_tokens: 64,
                model: Some("fake".into()),
                tools: vec![],
                call: None,
            },
            given_at: jiff::Timestamp::now(),
            reviewer: "me".into(),
            question: "q".into(),
        };
        let change = GuardChange::Grant { grant: Box::new(grant), owner: "x".into() };
        home.engine.store().change(change, vec![]).await.unwrap();
    }
    is_asked(&home).await;
    home.stop().await;
}

/// Whoever can run the command could press its keys, so what outlives its process is for the app's windows.
#[tokio::test(flavor = "multi_thread")]
async fn beside_the_app_only_what_ends_with_the_process_is_granted() {
    let model = answering(4).await;
    let home = home_with(&model, "").await;
    let options = Options { holds_changes: true, ..options(home.folder.path()) };
    let app = Engine::start(options).await.unwrap();
    let call = sample(&home);
    let question = home.question(Phase::Request).await;
    let offered: Vec<GrantScope> = question.offer.scopes.iter().map(|scope| scope.scope).collect();
    assert_eq!(offered, [GrantScope::Call, GrantScope::Session]);
    let always = Action::Grant { scope: GrantScope::Always, answers: true };
    let refused = home.engine.queue().act(question.id.parse().unwrap(), question.revision, always).unwrap_err();
    assert!(matches!(refused, ActError::OnlyOnce(_)), "{refused}");
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    app.shutdown().await;
    // The person is back to the command alone.
    let question = is_asked(&home).await;
    assert_eq!(question.offer.scopes.len(), 4);
    home.stop().await;
}
