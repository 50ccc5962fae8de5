//! How it ends that a host was asked: it refuses, answers rubbish or goes away, the server takes its question back, the call is
//! sent again.

use samplegate_core::audit::Outcome;
use samplegate_engine::wire::{Action, HostMode, Phase};
use serde_json::{Value, json};

use super::{Call, SERVERS, all, answer, both_servers, last};
use crate::{
    host::{ERAS, Era, Host, token_of},
    meanwhile::value,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_hosts_refusal_and_its_rubbish_reach_the_server_as_errors() {
    let (home, port) = both_servers().await;
    let (passes, gated) = (token_of(&home, "editor", HostMode::Pass), token_of(&home, "gated", HostMode::Gate));
    for server in SERVERS {
        let host = Host::that_can(all(), Era::Legacy, port, Some(server), &passes).await;
        let mut call = Call::of(&host, "ask").await;
        let asked = call.asked().await;
        host.answer(&asked[0].1, json!({"error": {"code": -1, "message": "Not now", "data": {"x": 1}}})).await;
        let response = call.response().await.to_string();
        assert!(response.contains("Not now"), "{response}");
        let entry = last(&home).await;
        assert_eq!(entry.summary.outcome, Outcome::Failed);
        assert!(serde_json::to_string(&entry.events).unwrap().contains("error -1: Not now"));

        // What nobody looked at is not told where a person looks.
        let host = Host::that_can(all(), Era::Legacy, port, Some(server), &gated).await;
        for (tool, code) in [("ask", -1), ("form", -7)] {
            let mut call = Call::of(&host, tool).await;
            let question = home.question(Phase::Request).await;
            home.act(&question, Action::Approve);
            let asked = call.asked().await;
            host.answer(&asked[0].1, json!({"error": {"code": code, "message": "words"}})).await;
            let response = call.response().await.to_string();
            assert!(!response.contains("words"), "{response}");
            assert!(response.contains("User rejected") || response.contains("The host gave no answer"), "{response}");
        }
        for era in ERAS {
            let host = Host::that_can(all(), era, port, Some(server), &passes).await;
            for (tool, rubbish) in [
                ("ask", json!({"role": "user", "content": [], "model": "m"})),
                ("ask", json!({"later": 1})),
                ("ask", json!([1])),
                ("form", json!({"action": "accept", "content": {"n": "x"}})),
                ("form", json!({"action": "accept", "content": {"n": 1, "m": 2}})),
            ] {
                let mut call = Call::of(&host, tool).await;
                let asked = call.asked().await;
                call.answers(&asked[0], rubbish.clone()).await;
                let response = call.response().await;
                assert!(response.to_string().contains("The host gave no answer"), "{rubbish}: {response}");
                let entry = last(&home).await;
                assert_eq!(entry.summary.outcome, Outcome::Failed);
                let logged = serde_json::to_string(&entry.events).unwrap();
                assert!(logged.contains("cannot be given to the server"), "{logged}");
            }
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_goes_away_withdraws_what_it_was_asked() {
    let (home, port) = both_servers().await;
    let token = token_of(&home, "editor", HostMode::Pass);
    for server in SERVERS {
        for how in ["cancels", "ends", "leaves"] {
            let host = Host::that_can(all(), Era::Legacy, port, Some(server), &token).await;
            let (id, mut coming) = host.start("tools/call", json!({"name": "ask", "arguments": {}})).await;
            coming.next().await.unwrap();
            match how {
                "cancels" => host.notify("notifications/cancelled", json!({"requestId": id})).await,
                "ends" => host.end().await,
                _ => drop(coming),
            }
            let entry = last(&home).await;
            assert_eq!(entry.summary.outcome, Outcome::Withdrawn, "{server} {how}");
        }
        // From 2026-07-28 on nothing is open between the host's requests; the end of the host ends its calls.
        let own = token_of(&home, &format!("gone-{server}"), HostMode::Pass);
        let host = Host::that_can(all(), Era::Stateless, port, Some(server), &own).await;
        let mut call = Call::of(&host, "ask").await;
        call.asked().await;
        home.engine.remove_host(&format!("gone-{server}")).unwrap();
        assert_eq!(last(&home).await.summary.outcome, Outcome::Withdrawn, "{server}");
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_the_server_takes_back_is_taken_back_at_the_host() {
    let (home, port) = both_servers().await;
    let token = token_of(&home, "editor", HostMode::Pass);
    let host = Host::that_can(all(), Era::Legacy, port, Some("legacy"), &token).await;
    let mut call = Call::of(&host, "ask").await;
    let asked = call.asked().await;
    host.call("take_back", json!({})).await;
    let told = call.coming.next().await.unwrap();
    assert_eq!((&told["method"], &told["params"]["requestId"]), (&json!("notifications/cancelled"), &asked[0].0));
    // Too late, and to nobody.
    host.answer(&asked[0].1, json!({"result": answer()})).await;
    assert_eq!(value(&call.response().await), &json!({"taken": "back"}));
    assert_eq!(last(&home).await.summary.outcome, Outcome::Withdrawn);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_counts_once_for_its_call_and_its_host() {
    let (home, port) = both_servers().await;
    let token = token_of(&home, "editor", HostMode::Pass);
    let other_token = token_of(&home, "other", HostMode::Pass);
    for server in SERVERS {
        let host = Host::that_can(all(), Era::Stateless, port, Some(server), &token).await;
        let other = Host::that_can(all(), Era::Stateless, port, Some(server), &other_token).await;
        let mut call = Call::of(&host, "ask").await;
        let asked = call.asked().await;
        let (key, state) = (asked[0].0.as_str().unwrap(), call.params["requestState"].clone());
        let responses = json!({key: answer()});
        let refused = async |host: &Host, name: &str, state: Value| {
            let params = json!({"name": name, "arguments": {}, "inputResponses": responses, "requestState": state});
            let response = host.response("tools/call", params).await;
            assert_eq!(response["error"]["code"], -32602, "{response}");
            response["error"]["message"].as_str().unwrap().to_owned()
        };
        let mut tampered = state.as_str().unwrap().to_owned();
        tampered.pop();
        tampered.push('x');
        for bad in [json!("s"), json!("ask"), json!(7), tampered.into()] {
            assert!(refused(&host, "ask", bad).await.contains("none that this gateway gave"));
        }
        assert!(refused(&host, "form", state.clone()).await.contains("another call"));
        assert!(refused(&other, "ask", state.clone()).await.contains("another call"));
        call.answers(&asked[0], answer()).await;
        assert!(value(&call.response().await).to_string().contains("a stone"));
        assert!(refused(&host, "ask", state).await.contains("used already"));
    }
    home.stop().await;
}
