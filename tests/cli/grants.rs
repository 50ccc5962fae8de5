//! Grants as scripts see them: listed, revoked, and gone.

use serde_json::{Value, json};

use super::Home;

const HELLO: &str =
    r#"{"params": {"messages": [{"role": "user", "content": {"type": "text", "text": "Hi"}}], "maxTokens": 5}}"#;

/// A grant as the app writes it; a terminal or a window is where it is made.
async fn granted(home: &Home, id: &str) {
    use samplegate_core::{
        policy::{Grant, Shape, Until},
        settings::Gates,
    };
    let store = samplegate_engine::store::Store::open(&home.path().join("samplegate.db")).unwrap();
    let grant = Grant {
        id: id.into(),
        gates: Gates::Both,
        server: "s".into(),
        tool: "sample".into(),
        until: Until::Revoked,
        shape: Shape {
            system_prompt: None,
            bytes: 200,
            max_tokens: 5,
            model: Some("fake".into()),
            tools: vec![],
            call: None,
        },
        given_at: jiff::Timestamp::now(),
        reviewer: "ada".into(),
        question: "q".into(),
    };
    let change = samplegate_engine::store::GuardChange::Grant { grant: Box::new(grant), owner: "x".into() };
    store.change(change, vec![]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_listed_used_and_revoked() {
    let model = support::model::FakeModel::start().await;
    model.then(support::model::Reply::Text("hello"));
    let home = Home::with_model("raw_legacy.py", "sampling = \"ask\"", &model);
    assert_eq!(home.ok(&["grant", "list", "--json"]).await, "");
    granted(&home, "1").await;
    granted(&home, "2").await;
    home.ok(&["grant", "revoke", "2"]).await;
    assert!(home.run(&["call", "s", "sample", HELLO]).await.out.contains("hello"));
    let listed = home.one(&["grant", "list", "--json"]).await;
    let said = "s › sample: requests and their answers with no system prompt, for fake, up to 400 bytes, \
                until you revoke it; neither is shown to you";
    assert_eq!(
        (&listed["id"], &listed["scope"], &listed["gate"], &listed["until"], &listed["used"], &listed["sentence"]),
        (&json!("1"), &json!("always"), &json!("both"), &Value::Null, &json!(2), &json!(said))
    );
    assert!(home.ok(&["grant", "list"]).await.contains("used 2 times"));
    let logged = home.json(&["audit", "list", "--json"]).await;
    assert_eq!((&logged[0]["decided_by"], &logged[0]["rules"]), (&json!("rule"), &json!(["grant:1"])));

    assert!(home.fails(2, &["grant", "revoke", "2"]).await.contains("there is no grant 2"));
    home.fails(2, &["grant", "revoke"]).await;
    home.fails(2, &["grant", "revoke", "1", "--all"]).await;
    let ran = home.run(&["grant", "revoke", "--all"]).await;
    assert_eq!((ran.code, ran.err.trim()), (Some(0), "1 grant revoked"));
    assert_eq!(home.ok(&["grant", "list"]).await, "");
    let ran = home.run(&["call", "s", "sample", HELLO]).await;
    assert!(ran.out.contains("nobody"), "{ran:?}");
    home.ok(&["audit", "verify"]).await;
}
