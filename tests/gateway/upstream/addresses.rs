//! Addresses that a server wants opened before it makes a call (`-32042`), where the host asks its person itself.

use samplegate_core::audit::{Kind, Outcome};
use samplegate_engine::wire::{Action, HostMode, Phase};
use serde_json::{Value, json};
use support::servers::python;

use super::{Call, all, last};
use crate::host::{Era, Host, listening, token_of};

const DONE: &str = "notifications/elicitation/complete";

async fn needs<'a>(host: &'a Host, wanted: &Value) -> Call<'a> {
    let params = json!({"name": "needs", "arguments": {"elicitations": [wanted]}});
    let (_, coming) = host.start("tools/call", params.clone()).await;
    Call { host, params, coming }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_asked_to_open_it_and_hears_when_it_is_done() {
    let (home, port) = listening(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_elicit.py", &[]))).await;
    let (passes, answers) = (token_of(&home, "editor", HostMode::Pass), token_of(&home, "plain", HostMode::Answer));
    let address =
        json!({"mode": "url", "elicitationId": "e-1", "url": "https://example.org/pay", "message": "Pay first."});

    let host = Host::that_can(all(), Era::Legacy, port, Some("s"), &passes).await;
    let mut call = needs(&host, &address).await;
    let asked = call.asked().await;
    assert_eq!((&asked[0].1["method"], &asked[0].1["params"]), (&json!("elicitation/create"), &address));
    call.answers(&asked[0], json!({"action": "accept"})).await;
    let response = call.response().await;
    assert_eq!(response["result"]["isError"], true, "it is made again by who made it: {response}");
    let entry = last(&home).await;
    assert_eq!((entry.summary.kind, entry.summary.outcome), (Kind::Elicitation, Outcome::Released));

    let (_, mut finish) = host.start("tools/call", json!({"name": "finish", "arguments": {"id": "e-1"}})).await;
    let told = finish.next().await.unwrap();
    assert_eq!((&told["method"], &told["params"]["elicitationId"]), (&json!(DONE), &json!("e-1")));
    let (told, _) = finish.all().await;
    assert!(told.iter().all(|message| message["method"] != DONE), "it is told once");
    let (_, made) = needs(&host, &address).await.coming.all().await;
    assert_eq!(made["result"]["content"][0]["text"], "made");

    // A host that was not asked hears nothing of an address, and one that cannot open any is not asked.
    let other = Host::that_can(all(), Era::Legacy, port, Some("s"), &answers).await;
    let forms = Host::that_can(json!({"elicitation": {}}), Era::Legacy, port, Some("s"), &passes).await;
    for host in [&other, &forms] {
        let address = json!({"mode": "url", "elicitationId": "e-2", "url": "https://example.org", "message": "m"});
        let call = needs(host, &address).await;
        let question = home.question(Phase::Request).await;
        home.act(&question, Action::Deny { reason: "no".into() });
        let (told, _) = call.coming.all().await;
        assert!(told.iter().all(|message| message["method"] != "elicitation/create"), "{told:?}");
        let finish = host.start("tools/call", json!({"name": "finish", "arguments": {"id": "e-2"}})).await.1;
        let (told, _) = finish.all().await;
        assert!(told.iter().all(|message| message["method"] != DONE), "{told:?}");
    }
    home.stop().await;
}
