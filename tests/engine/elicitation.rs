//! Servers ask the person: forms and addresses, in both eras, with libraries and without.

use samplegate_core::audit::{DecidedBy, Kind, Outcome};
use samplegate_engine::wire::{Action, ActionKind, AsksView, FieldTakes, Phase, QuestionKind, ReviewItem};
use serde_json::{Value, json};
use support::{
    home::{Running, text},
    model::{FakeModel, Reply},
    servers::{OverHttp, given, python},
};

async fn asks(more: &str) -> Running {
    Running::start(&format!("[servers.s]\n{}{more}", python("raw_elicit.py", &[]))).await
}

fn ask(home: &Running, params: Value) -> tokio::task::JoinHandle<samplegate_engine::engine::CallReport> {
    home.call("s", "ask", json!({"params": params}))
}

fn a_form() -> Value {
    json!({"message": "Who are you?", "requestedSchema": {
        "type": "object",
        "properties": {"name": {"type": "string", "title": "Name"}, "age": {"type": "integer", "minimum": 0, "default": 7}},
        "required": ["name"],
    }})
}

fn fields(item: &ReviewItem) -> Vec<String> {
    match &item.elicitation().unwrap().asks {
        AsksView::Form { fields } => fields.iter().map(|field| field.name.clone()).collect(),
        AsksView::Url { .. } => panic!("{:?}", item.subject),
    }
}

/// What the server was told, as its tool gives it.
async fn told(call: tokio::task::JoinHandle<samplegate_engine::engine::CallReport>) -> Value {
    let result = call.await.unwrap().result.unwrap();
    serde_json::from_str(text(&result)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_kept_checked_accepted_and_logged() {
    let home = asks("").await;
    let call = ask(&home, a_form());
    let item = home.question(Phase::Request).await;
    assert_eq!(home.engine.queue().list()[0].kind, QuestionKind::Elicitation);
    assert_eq!(fields(&item), ["name", "age"]);
    assert_eq!(item.actions, [ActionKind::Deny, ActionKind::Cancel, ActionKind::Fill, ActionKind::Accept]);
    let asked = item.elicitation().unwrap();
    assert_eq!((&asked.typed, asked.problems[0].field.as_str()), (&json!({"age": "7"}), "name"));
    // What is typed stays, and nothing of the question changes by it.
    let filled = home.act(&item, Action::Fill { values: json!({"name": "Ann", "age": "-1"}) });
    assert_eq!((filled.revision, filled.elicitation().unwrap().problems[0].field.as_str()), (item.revision, "age"));
    let again = home.engine.queue().get(item.id.parse().unwrap()).unwrap();
    assert_eq!(again.elicitation().unwrap().typed, json!({"name": "Ann", "age": "-1"}));
    let id = item.id.parse().unwrap();
    let wrong = Action::Accept { values: json!({"name": "Ann", "age": "-1"}) };
    assert!(home.engine.queue().act(id, item.revision, wrong).unwrap_err().to_string().contains("age"));
    // An action of another kind changes nothing.
    assert!(home.engine.queue().act(id, item.revision, Action::Approve).is_err());
    home.act(&item, Action::Accept { values: json!({"name": "Ann", "age": "8"}) });
    let result = json!({"action": "accept", "content": {"name": "Ann", "age": 8}});
    assert_eq!(told(call).await, json!({"result": result}));
    let entry = home.entry(&item.id).await;
    let summary = &entry.summary;
    assert_eq!(
        (summary.kind, summary.outcome, summary.decided_by),
        (Kind::Elicitation, Outcome::Released, Some(DecidedBy::Person))
    );
    assert_eq!((summary.context_class.as_deref(), summary.answer_class.as_deref()), (Some("form"), Some("form")));
    let events: Vec<&str> = entry.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["received", "evaluated", "decided", "released", "replied", "closed"]);
    assert_eq!((entry.answer, entry.released), (Some(result.clone()), Some(result)));
    // What was typed before it was accepted stands nowhere in the log.
    assert!(!serde_json::to_string(&entry.events).unwrap().contains("-1\""));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_can_decline_or_cancel() {
    let home = asks("").await;
    for (action, told_as) in [(Action::Deny { reason: "private".into() }, "decline"), (Action::Cancel, "cancel")] {
        let call = ask(&home, a_form());
        let item = home.question(Phase::Request).await;
        home.act(&item, action);
        assert_eq!(told(call).await, json!({"result": {"action": told_as}}));
        let entry = home.entry(&item.id).await;
        assert_eq!((entry.summary.outcome, entry.summary.decided_by), (Outcome::Denied, Some(DecidedBy::Person)));
        assert_eq!(entry.released, Some(json!({"action": told_as})));
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_deny_and_never_answer_and_where_nobody_is_it_is_cancelled() {
    let rule = "\n[[rules]]\nid = \"r\"\nkind = \"elicitation\"\naction = \"deny\"\n";
    let home = asks(rule).await;
    assert_eq!(told(ask(&home, a_form())).await, json!({"result": {"action": "decline"}}));
    home.stop().await;
    let mut home = asks(&rule.replace("deny", "allow")).await;
    let call = ask(&home, a_form());
    let item = home.question(Phase::Request).await;
    home.act(&item, Action::Cancel);
    assert_eq!(told(call).await, json!({"result": {"action": "cancel"}}));
    home.reviewer = None;
    let report = ask(&home, a_form()).await.unwrap();
    assert_eq!(text(&report.result.unwrap()), "{\"result\": {\"action\": \"cancel\"}}");
    // Nobody, or drift, where what the server is was not seen by then.
    let ended = &report.questions[0];
    assert_eq!(ended.outcome, Outcome::Denied);
    assert!(matches!(ended.by, Some(DecidedBy::Nobody | DecidedBy::Drift)), "{ended:?}");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_refused_and_what_asks_for_a_secret_is_flagged() {
    let home = asks("").await;
    for (params, place) in [
        (
            json!({"message": "m", "requestedSchema": {"type": "object", "properties": {"o": {"type": "object", "properties": {}}}}}),
            "o/type",
        ),
        (json!({"message": "m", "mode": "voice"}), "mode"),
        (json!({"message": "m", "mode": "url", "url": "javascript:alert(1)", "elicitationId": "e"}), "url"),
        (json!({"message": "m", "mode": "url", "url": "https://example.org"}), "elicitationId"),
    ] {
        let reply = told(ask(&home, params.clone())).await;
        assert_eq!(reply["error"]["code"], -32602, "{params}");
        assert!(reply["error"]["message"].as_str().unwrap().contains(place), "{reply}");
    }
    let call = ask(
        &home,
        json!({"message": "Sign in", "requestedSchema": {"type": "object", "properties": {"password": {"type": "string"}}}}),
    );
    let item = home.question(Phase::Request).await;
    assert_eq!(
        (item.findings[0].kind.as_str(), item.findings[0].pointer.as_str()),
        ("secret_request", "/requestedSchema/properties/password")
    );
    home.act(&item, Action::Deny { reason: String::new() });
    call.await.unwrap();
    home.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_opened_only_once_it_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let opened = folder.path().join("opened");
    std::fs::write(folder.path().join("config.toml"), format!("[servers.s]\n{}", python("raw_elicit.py", &[])))
        .unwrap();
    // A browser that notes down what it is to open.
    let browser = folder.path().join("browser");
    std::fs::write(&browser, format!("#!/bin/sh\nprintf %s \"$1\" > {}.part && mv {0}.part {0}\n", opened.display()))
        .unwrap();
    std::fs::set_permissions(&browser, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let engine = samplegate_engine::engine::Engine::start(samplegate_engine::engine::Options {
        browser: Some(browser.into_os_string()),
        ..support::home::options(folder.path())
    })
    .await
    .unwrap();
    let reviewer = Some(engine.queue().attach());
    let home = Running { engine, folder, reviewer };
    let url = "https://accounts.example.org/connect?x=1";
    let params = json!({"mode": "url", "message": "Connect", "url": url, "elicitationId": "e-1"});
    for accept in [false, true] {
        let call = ask(&home, params.clone());
        let item = home.question(Phase::Request).await;
        let AsksView::Url { host, registered, .. } = &item.elicitation().unwrap().asks else {
            panic!("{:?}", item.subject)
        };
        assert_eq!((host.as_str(), registered.as_deref()), ("accounts.example.org", Some("example.org")));
        assert!(!opened.exists(), "nothing is opened before it was accepted");
        home.act(&item, if accept { Action::Accept { values: json!({}) } } else { Action::Cancel });
        let answer = if accept { "accept" } else { "cancel" };
        assert_eq!(told(call).await, json!({"result": {"action": answer}}));
        if accept {
            let entry = home.entry(&item.id).await;
            assert_eq!(entry.summary.approved_sha256, entry.summary.request_sha256);
            assert_eq!(home.eventually(|| std::fs::read_to_string(&opened).ok()).await, url);
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_declared_unless_switched_off() {
    for (more, declared) in [("", json!({"form": {}, "url": {}})), ("elicitation = \"off\"\n", Value::Null)] {
        let home = asks(more).await;
        assert_eq!(told(home.call("s", "told", Value::Null)).await["elicitation"], declared);
        if !more.is_empty() {
            assert_eq!(told(ask(&home, a_form())).await["error"]["code"], -32601);
        }
        home.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_3_gets_what_its_types_ask_for() {
    let over_http = OverHttp::start("fastmcp3_elicit.py").await;
    for server in [python("fastmcp3_elicit.py", &[]), over_http.lines()] {
        let home = Running::start(&format!("[servers.s]\n{server}")).await;
        let call = home.call("s", "book", Value::Null);
        let item = home.question(Phase::Request).await;
        assert_eq!(fields(&item), ["guest", "nights", "breakfast", "room"]);
        let asked = item.elicitation().unwrap();
        assert_eq!(asked.typed, json!({"nights": "2", "breakfast": true, "room": "double"}));
        let mut values = asked.typed.clone();
        values["guest"] = "Ann".into();
        values["nights"] = "3".into();
        home.act(&item, Action::Accept { values });
        assert_eq!(text(&call.await.unwrap().result.unwrap()), "Ann: 3 nights, double, breakfast True");
        home.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_and_a_question_to_the_model_come_in_one_round() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("Hello"));
    let home = Running::start(&format!(
        "default_model = \"fake\"\n\n[servers.s]\n{}sampling = \"ask\"\ngates = \"request\"\n\n[models.fake]\nprovider = \"openai\"\n\
         base_url = {:?}\nmodel = \"fake-1\"\nkey = {{ command = \"echo k\" }}\n",
        python("fastmcp4_rounds.py", &[]),
        model.base_url,
    ))
    .await;
    let call = home.call("s", "sample_and_elicit", Value::Null);
    let queue = home.engine.queue();
    home.eventually(|| (queue.list().len() == 2).then_some(())).await;
    let of = |kind: QuestionKind| {
        let summary = queue.list().into_iter().find(|question| question.kind == kind).unwrap();
        queue.get(summary.id.parse().unwrap()).unwrap()
    };
    let (form, greeting) = (of(QuestionKind::Elicitation), of(QuestionKind::Sampling));
    assert_eq!(form.provenance.protocol, "2026-07-28");
    assert_eq!(form.provenance.call.as_ref().unwrap().name, "sample_and_elicit");
    home.act(&form, Action::Accept { values: json!({"name": "Ann", "urgent": true}) });
    home.act(&greeting, Action::Approve);
    let result = call.await.unwrap().result.unwrap();
    assert_eq!(text(&result), "form: accept {\"name\": \"Ann\", \"urgent\": true}\ngreeting: Hello");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_everything_asks_with_all_its_fields() {
    let main = given("SAMPLEGATE_TEST_NODE_MODULES").join("@modelcontextprotocol/server-everything/dist/index.js");
    let home = Running::start(&format!(
        "[servers.s]\ncommand = \"node\"\nargs = [{:?}, \"stdio\"]\n",
        main.display().to_string()
    ))
    .await;
    home.engine.ready("s").await.unwrap();
    let call = home.call("s", "trigger-elicitation-request", json!({}));
    let item = home.question(Phase::Request).await;
    let AsksView::Form { fields } = &item.elicitation().unwrap().asks else { panic!("{:?}", item.subject) };
    assert!(fields.iter().any(|field| matches!(field.takes, FieldTakes::Several { .. })), "{fields:?}");
    // Whatever it requires is filled in by kind.
    let mut values = item.elicitation().unwrap().typed.clone();
    for field in fields.iter().filter(|field| field.required) {
        values[&field.name] = match &field.takes {
            FieldTakes::Truth => true.into(),
            FieldTakes::Number { .. } => "3".into(),
            FieldTakes::One { choices } => choices[0].value.as_str().into(),
            FieldTakes::Several { choices, .. } => json!([choices[0].value]),
            FieldTakes::Text { .. } => "Ann".into(),
        };
    }
    values["name"] = "Ann".into();
    home.act(&item, Action::Accept { values });
    let result = call.await.unwrap().result.unwrap();
    assert!(result.to_string().contains("Ann"), "{result}");
    home.stop().await;
}
