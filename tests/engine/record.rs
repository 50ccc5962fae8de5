//! What the approval record of a server allows, on real servers.

use samplegate_core::audit::Outcome;
use samplegate_engine::{
    review_queue::ActError,
    wire::{
        Action, ActionKind, LimitsOf, OutgoingView, Phase, RecordFormat, ReviewItem, RiskClass, RiskInput,
        SamplingMode, SamplingTools, ToolLabel, ToolSaid,
    },
};
use serde_json::{Value, json};
use support::{
    home::{Running, text},
    model::{FakeModel, Reply},
    servers::python,
};

use super::gates::{hello, reply};

/// Two models, the first the default, on this machine and nowhere; `server` are more lines of the server's table.
async fn home(model: &FakeModel, server: &str, rest: &str) -> Running {
    Running::start(&format!(
        "default_model = \"far\"\n\n[servers.s]\n{}{server}\n\n[models.near]\nprovider = \"openai\"\nbase_url = {:?}\n\
         model = \"near-1\"\nkey = \"none\"\n\n[models.far]\nprovider = \"openai\"\n\
         base_url = \"https://model.invalid/v1\"\nmodel = \"far-1\"\nkey = \"none\"\n{rest}",
        python("raw_legacy.py", &[]),
        model.base_url,
    ))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_models_of_the_record_are_proposed_and_chosen_at_both_gates() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("near by"));
    let home = home(&model, "sampling = \"ask\"\nrecord = { models = [\"class:local\"] }", "").await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    assert_eq!(
        question.sampling().unwrap().model.as_deref(),
        Some("near"),
        "the default is not allowed; what is stands in"
    );
    let listed: Vec<(&str, bool)> =
        question.sampling().unwrap().models.iter().map(|model| (model.name.as_str(), model.cannot.is_some())).collect();
    assert_eq!(listed, [("near", false), ("far", true)]);
    assert_eq!(
        question.sampling().unwrap().models[1].cannot.as_deref(),
        Some("The record of s does not allow this model.")
    );
    let choose = |name: &str| Action::ChooseModel { name: name.into() };
    let id = question.id.parse().unwrap();
    let refused = home.engine.queue().act(id, question.revision, choose("far")).unwrap_err();
    assert!(matches!(refused, ActError::NotAllowed(_)), "{refused:?}");
    home.act(&question, Action::Approve);
    let answered = home.question(Phase::Answer).await;
    let again = Action::AskAgain { model: Some("far".into()) };
    let refused = home.engine.queue().act(id, answered.revision, again).unwrap_err();
    assert!(matches!(refused, ActError::NotAllowed(_)), "{refused:?}");
    home.act(&answered, Action::Return);
    assert_eq!(reply(&call.await.unwrap().result.unwrap())["result"]["content"]["text"], "near by");
    home.stop().await;
}

/// A hint of the server leads to an allowed model only, and a rule uses no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_uses_no_model_that_the_record_does_not_allow() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("near by")).then(Reply::Text("near again"));
    let rule = "\n[[rules]]\nid = \"all\"\naction = \"allow\"\n";
    let mut home = home(&model, "sampling = \"rules\"\nrecord = { models = [\"near\"] }", rule).await;
    home.reviewer = None;
    let mut hinted = hello();
    hinted["modelPreferences"] = json!({"hints": [{"name": "far"}, {"name": "near"}]});
    let report = home.call("s", "sample", json!({"params": hinted})).await.unwrap();
    assert_eq!(report.outcomes(), [Outcome::Released]);
    let report = home.call("s", "sample", json!({"params": hello()})).await.unwrap();
    assert_eq!(report.outcomes(), [Outcome::Released], "the default may not be used, and what may stands in");
    assert_eq!(model.got().len(), 2);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_model_is_allowed_the_request_says_so() {
    let model = FakeModel::start().await;
    let home = home(&model, "sampling = \"ask\"\nrecord = { models = [\"human\"] }", "").await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    assert!(question.notes.iter().any(|note| note.contains("allows none of your models")), "{:?}", question.notes);
    let OutgoingView::Cannot { why } = &question.sampling().unwrap().outgoing else { panic!("{:?}", question.subject) };
    assert!(why.contains("allows none of your models"), "{why}");
    home.act(&question, Action::AnswerByHand { text: "by hand".into() });
    assert_eq!(reply(&call.await.unwrap().result.unwrap())["result"]["content"]["text"], "by hand");
    home.stop().await;
}

/// The person is the default, so no model is proposed; one of those there are can be chosen all the same.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_person_is_the_default_a_model_can_be_chosen() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("near by"));
    let config = format!(
        "default_model = \"human\"\n\n[servers.s]\n{}sampling = \"ask\"\n\n[models.near]\nprovider = \"openai\"\n\
         base_url = {:?}\nmodel = \"near-1\"\nkey = \"none\"\n",
        python("raw_legacy.py", &[]),
        model.base_url,
    );
    let home = Running::start(&config).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    assert_eq!(question.sampling().unwrap().model, None);
    let offers = |question: &ReviewItem, kind| question.actions.contains(&kind);
    assert!(offers(&question, ActionKind::ChooseModel) && !offers(&question, ActionKind::Approve));
    let chosen = home.act(&question, Action::ChooseModel { name: "near".into() });
    assert!(offers(&chosen, ActionKind::Approve));
    home.act(&chosen, Action::Approve);
    let answered = home.question(Phase::Answer).await;
    home.act(&answered, Action::Return);
    assert_eq!(reply(&call.await.unwrap().result.unwrap())["result"]["content"]["text"], "near by");
    home.stop().await;

    let home = Running::start(&config[..config.find("[models").unwrap()]).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    assert!(!offers(&question, ActionKind::ChooseModel), "there is none to choose");
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    home.stop().await;
}

/// The record is read again when the bytes would go out.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_taken_out_of_the_record_is_not_asked() {
    let model = FakeModel::start().await;
    let home = home(&model, "sampling = \"ask\"", "").await;
    let _call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    let chosen = home.act(&question, Action::ChooseModel { name: "near".into() });
    home.set(|settings| {
        let record = samplegate_core::settings::Record { models: vec!["far".into()], ..Default::default() };
        settings.servers.get_mut("s").unwrap().record = Some(record);
    });
    home.act(&chosen, Action::Approve);
    let failed = home.question(Phase::Answer).await;
    let why = failed.sampling().unwrap().answer.as_ref().unwrap().error.clone().unwrap();
    assert_eq!(why, "The record of s does not allow this model.");
    assert!(model.got().is_empty());
    home.act(&failed, Action::Deny { reason: String::new() });
    home.stop().await;
}

/// Tools in a request: refused with the reason where the record does not name them.
#[tokio::test(flavor = "multi_thread")]
async fn tools_that_the_record_does_not_allow_are_refused_with_the_reason() {
    let model = FakeModel::start().await;
    for (allowed, told) in [
        ("", "tools: this client has not declared sampling.tools"),
        ("sampling_tools = [\"fetch\"]\n", "tools: \"send\" may not be used in sampling by this server"),
    ] {
        let home = home(&model, &format!("{allowed}sampling = \"ask\""), "").await;
        let mut params = hello();
        params["tools"] = json!([{"name": "fetch", "inputSchema": {"type": "object"}},
            {"name": "send", "inputSchema": {"type": "object"}}]);
        let report = home.call("s", "sample", json!({"params": params})).await.unwrap();
        let error = reply(&report.result.unwrap())["error"].clone();
        assert_eq!((&error["code"], &error["message"]), (&json!(-32602), &json!(told)));
        home.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_record_does_not_allow_is_not_declared() {
    let model = FakeModel::start().await;
    for (lines, declared) in [
        ("sampling = \"off\"\nsampling_tools = \"all\"", json!(null)),
        ("sampling = \"ask\"", json!({})),
        ("sampling = \"rules\"\nsampling_tools = [\"fetch\"]", json!({"tools": {}})),
    ] {
        let home = home(&model, lines, "").await;
        let told = home.call("s", "declared", json!({})).await.unwrap().result.unwrap();
        let told: Value = serde_json::from_str(text(&told)).unwrap();
        assert_eq!(told["capabilities"]["sampling"], declared, "{lines}: {told}");
        home.stop().await;
    }
}

/// Past its day, a record lets nothing through by rule, and says since when.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_due_suspends_rules_until_it_is_renewed() {
    let model = FakeModel::start().await;
    let rule = "\n[[rules]]\nid = \"all\"\naction = \"answer\"\ntext = \"by rule\"\n";
    let due = "sampling = \"ask\"\nrecord = { owner = \"Ada\", review_by = \"2020-01-31\" } # kept";
    let home = home(&model, due, rule).await;
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    let said = "Rules and grants are suspended: the record was due on 2020-01-31 by Ada.";
    assert!(question.notes.iter().any(|note| note.starts_with(said)), "{:?}", question.notes);
    assert!(home.engine.record("s").await.unwrap().due);
    home.engine.renew_record("s").unwrap();
    // What waits meanwhile does not go on saying what is true no more.
    let question = home
        .eventually(|| {
            let now = home.engine.queue().get(question.id.parse().unwrap())?;
            now.notes.iter().any(|note| note.contains("count again since this was asked")).then_some(now)
        })
        .await;
    assert!(question.notes.iter().all(|note| !note.contains("due")), "{:?}", question.notes);
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap().result.unwrap();
    let record = home.engine.record("s").await.unwrap();
    assert_eq!((record.due, record.record.owner.as_str()), (false, "Ada"));
    let history = &record.history[0];
    assert!(history.what.contains("record.review_by: “2020-01-31” → "), "{}", history.what);
    assert_eq!(history.by.as_deref(), Some("tester"));
    let file = std::fs::read_to_string(home.folder.path().join("config.toml")).unwrap();
    assert!(file.contains("# kept"), "{file}");
    let told = home.call("s", "sample", json!({"params": hello()})).await.unwrap().result.unwrap();
    assert_eq!(reply(&told)["result"]["content"]["text"], "by rule");
    home.stop().await;
}

/// Off until the record is filled in; what the export says is what was filled in.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_filled_in_switches_sampling_on() {
    let model = FakeModel::start().await;
    let home = home(&model, "", "").await;
    let told = home.call("s", "sample", json!({"params": hello()})).await.unwrap().result.unwrap();
    assert_eq!(reply(&told)["error"]["code"], -32601);
    let view = home.engine.record("s").await.unwrap();
    assert!(!view.filled);
    assert_eq!(view.record.owner, "tester");
    assert!(view.record.review_by.is_some(), "a new record is to be looked at again");
    let mut input = view.record;
    input.sampling = SamplingMode::Ask;
    input.purpose = "Sums up pages".into();
    input.models = vec!["near".into()];
    input.sampling_tools = SamplingTools::Only(Vec::new());
    let wrong = samplegate_engine::wire::RecordInput { review_by: Some("soon".into()), ..input.clone() };
    assert!(home.engine.save_record("s", wrong).await.unwrap_err().to_string().contains("not a date"));
    let wrong = samplegate_engine::wire::RecordInput { models: vec!["nobody".into()], ..input.clone() };
    assert!(home.engine.save_record("s", wrong).await.unwrap_err().to_string().contains("nobody"));
    home.engine.save_record("s", input).await.unwrap();
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    assert_eq!(question.sampling().unwrap().model.as_deref(), Some("near"));
    home.act(&question, Action::AnswerByHand { text: "yes".into() });
    call.await.unwrap().result.unwrap();
    let json: Value = serde_json::from_str(&home.engine.record_text("s", RecordFormat::Json).await.unwrap()).unwrap();
    assert_eq!(
        (&json["purpose"], &json["sampling_tools"], &json["filled"]),
        (&json!("Sums up pages"), &json!("none"), &json!(true)),
        "nothing named is nothing allowed"
    );
    let text = home.engine.record_text("s", RecordFormat::Markdown).await.unwrap();
    assert!(text.contains("| Why it needs sampling | Sums up pages |"), "{text}");
    let log = home.engine.store().path().display().to_string();
    assert_eq!((json["log"].as_str(), view.log.as_str()), (Some(log.as_str()), log.as_str()));
    home.stop().await;
}

/// Three tools, each harmless alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_lethal_trifecta_is_denied_with_why_unless_the_record_allows_it() {
    let model = FakeModel::start().await;
    let tools = "\n[servers.s.tools]\nfiles = { labels = [\"private\"] }\nfetch = { labels = [\"untrusted\"] }\n\
        mail = { labels = [\"outward\"] }\n";
    let mut params = hello();
    params["tools"] =
        json!(["files", "fetch", "mail"].map(|name| json!({"name": name, "inputSchema": {"type": "object"}})));
    let why = "fetch sees untrusted content; files reads private data; mail communicates outward.";
    let denied = home(&model, &format!("sampling = \"ask\"\nsampling_tools = \"all\"\n{tools}"), "").await;
    let report = denied.call("s", "sample", json!({"params": params})).await.unwrap();
    assert_eq!(report.outcomes(), [Outcome::Denied]);
    let listed = denied.engine.store().list(samplegate_engine::store::Filter { limit: 1, ..Default::default() }).await;
    let entry = denied.entry(&listed.unwrap().questions[0].id.to_string()).await;
    let reason = entry.summary.reason.unwrap();
    assert!(reason.starts_with("The lethal trifecta") && reason.ends_with(why), "{reason}");
    denied.stop().await;

    let allowed = "sampling = \"ask\"\nsampling_tools = \"all\"\nrecord = { allow_trifecta = true }\n";
    let home = home(&model, &format!("{allowed}{tools}"), "").await;
    let call = home.call("s", "sample", json!({"params": params}));
    let question = home.question(Phase::Request).await;
    assert!(question.notes.iter().any(|note| note.contains(why)), "{:?}", question.notes);
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap().result.unwrap();
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn high_risk_wants_the_name_typed_at_both_gates() {
    let model = FakeModel::start().await;
    model.then(Reply::Text("near by"));
    model.then(Reply::Text("nearer"));
    let home = home(&model, "sampling = \"ask\"\nrecord = { models = [\"near\"] }", "").await;
    let input = RiskInput { risk: Some(RiskClass::High), typed_confirmation: Some(true), ..RiskInput::default() };
    home.engine.save_risk("s", input).unwrap();
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    assert_eq!(question.confirm.as_deref(), Some("sample"), "the tool's name");
    let queue = home.engine.queue();
    let id = question.id.parse().unwrap();
    let refused = |revision, action| matches!(queue.act(id, revision, action).unwrap_err(), ActError::NotTyped(_));
    let typed = |text: &str| Action::Confirm { typed: text.into() };
    assert!(refused(question.revision, Action::Approve));
    assert!(refused(question.revision, typed("simple")));
    assert!(refused(question.revision, Action::Approve), "typed wrongly is not typed");
    let after = queue.act(id, question.revision, typed("sample")).unwrap();
    assert_eq!(after.revision, question.revision);
    home.act(&question, Action::Approve);
    let answered = home.question(Phase::Answer).await;
    assert!(refused(answered.revision, Action::Return), "at the second gate anew");
    assert!(refused(answered.revision, Action::AskAgain { model: None }), "it is sent once more");
    queue.act(id, answered.revision, typed("sample")).unwrap();
    home.act(&answered, Action::AskAgain { model: None });
    let answered = home.question(Phase::Answer).await;
    assert!(refused(answered.revision, Action::Return), "another answer");
    queue.act(id, answered.revision, typed("sample")).unwrap();
    home.act(&answered, Action::Return);
    call.await.unwrap().result.unwrap();
    home.stop().await;
}

/// What is proposed comes from names and annotations; what is said replaces it; limits stand beside what was used.
#[tokio::test(flavor = "multi_thread")]
async fn tools_have_proposals_and_limits_say_what_was_used() {
    let home = Running::start("[servers.demo]\ndemo = true\nsampling = \"ask\"\n").await;
    home.engine.ready("demo").await.unwrap();
    let risk = home.engine.risk("demo").unwrap();
    let tool = risk.tools.iter().find(|tool| tool.name == "confirm_payment").unwrap();
    assert_eq!((tool.risk, tool.proposed), (None, RiskClass::High));
    assert!(tool.why.contains("destroy"), "{}", tool.why);
    let said = ToolSaid { risk: Some(RiskClass::High), labels: Some(vec![ToolLabel::Outward]) };
    let tools = [("confirm_payment".to_owned(), said)].into();
    home.engine.save_risk("demo", RiskInput { tools, ..RiskInput::default() }).unwrap();
    let risk = home.engine.risk("demo").unwrap();
    let tool = risk.tools.iter().find(|tool| tool.name == "confirm_payment").unwrap();
    assert_eq!((tool.risk, &tool.labels), (Some(RiskClass::High), &Some(vec![ToolLabel::Outward])));

    let call = home.call("demo", "confirm_payment", json!({"amount": 5, "to": "Acme"}));
    let question = home.question(Phase::Request).await;
    let limits = home.engine.limits(&LimitsOf::Server("demo".into())).await.unwrap();
    let of = |key: &str| limits.iter().find(|limit| limit.key == key).unwrap();
    assert_eq!((of("per_day").used, of("per_day").holds, of("per_day").said), (Some(1.0), Some(200.0), false));
    assert_eq!((of("queue").used, of("max_tokens").used), (Some(1.0), None));
    assert_eq!(
        home.engine.limits(&LimitsOf::All).await.unwrap()[0].holds,
        None,
        "all together: no limit unless somebody says so"
    );
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap().result.unwrap();
    let mut set = samplegate_core::limits::Limits::default();
    set.read("per_day=3").unwrap();
    home.engine.save_limits(&LimitsOf::Server("demo".into()), set).unwrap();
    let limits = home.engine.limits(&LimitsOf::Server("demo".into())).await.unwrap();
    let per_day = limits.iter().find(|limit| limit.key == "per_day").unwrap();
    assert_eq!((per_day.holds, per_day.usual, per_day.said), (Some(3.0), Some(200.0), true));
    home.stop().await;
}
