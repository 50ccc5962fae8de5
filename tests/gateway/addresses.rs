//! A server that wants an address opened before it makes a host's call.

use samplegate_engine::wire::{Action, Phase};
use serde_json::json;
use support::servers::python;

use crate::host::{ERAS, Host, listening, token};

#[tokio::test(flavor = "multi_thread")]
async fn the_person_is_asked_here_and_the_host_is_told_to_call_again() {
    let (home, port) = listening(&format!("[servers.s]\n{}", python("raw_elicit.py", &[]))).await;
    let token = token(&home, "editor");
    for (n, era) in ERAS.into_iter().enumerate() {
        let host = Host::connect(era, port, Some("s"), &token).await;
        let id = format!("e{n}");
        let wanted = json!({"mode": "url", "elicitationId": id, "url": "https://example.org/", "message": "Connect."});
        let call = json!({"name": "needs", "arguments": {"elicitations": [wanted]}});
        for (action, told) in [
            (Action::Deny { reason: "mine".into() }, "was not opened"),
            (Action::Accept { values: json!({}) }, "call again"),
        ] {
            let (_, coming) = host.start("tools/call", call.clone()).await;
            let question = home.question(Phase::Request).await;
            assert_eq!(question.provenance.call.as_ref().unwrap().host, "editor");
            home.act(&question, action);
            let (_, response) = coming.all().await;
            assert_eq!(response["result"]["isError"], true, "{response}");
            let text = response["result"]["content"][0]["text"].as_str().unwrap();
            assert!(text.contains(told) && !text.contains("mine"), "{era:?}: {text}");
            home.entry(&question.id).await;
        }
        host.call("finish", json!({"id": id})).await;
        assert_eq!(host.ask("tools/call", call).await["content"][0]["text"], "made");
    }
    home.stop().await;
}
