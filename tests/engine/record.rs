//! What the approval record of a server allows, on real servers.

use samplegate_core::audit::Outcome;
use samplegate_engine::{
    review_queue::ActError,
    wire::{Action, OutgoingView, Phase},
};
use serde_json::json;
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
    assert_eq!(question.model.as_deref(), Some("near"), "the default is not allowed; what is stands in");
    let listed: Vec<(&str, bool)> =
        question.models.iter().map(|model| (model.name.as_str(), model.cannot.is_some())).collect();
    assert_eq!(listed, [("near", false), ("far", true)]);
    assert_eq!(question.models[1].cannot.as_deref(), Some("The record of s does not allow this model."));
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
    let OutgoingView::Cannot { why } = &question.outgoing else { panic!("{:?}", question.outgoing) };
    assert!(why.contains("allows none of your models"), "{why}");
    home.act(&question, Action::AnswerByHand { text: "by hand".into() });
    assert_eq!(reply(&call.await.unwrap().result.unwrap())["result"]["content"]["text"], "by hand");
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
    let config = home.engine.config();
    config
        .update(|settings| {
            let record = samplegate_core::settings::Record { models: vec!["far".into()], ..Default::default() };
            settings.servers.get_mut("s").unwrap().record = Some(record);
            Ok::<_, samplegate_engine::config::ConfigError>(())
        })
        .unwrap();
    home.act(&chosen, Action::Approve);
    let failed = home.question(Phase::Answer).await;
    let why = failed.answer.as_ref().unwrap().error.clone().unwrap();
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
        let told: serde_json::Value = serde_json::from_str(text(&told)).unwrap();
        assert_eq!(told["capabilities"]["sampling"], declared, "{lines}: {told}");
        home.stop().await;
    }
}
