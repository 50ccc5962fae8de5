//! Hosts' tool calls at the gates: asked about, edited, denied, let through by rules and grants, and what comes back.

use samplegate_core::{
    audit::{DecidedBy, Kind, Outcome},
    limits::Limit,
    policy::{Action as Does, Pattern, Risk, Rule},
    settings::{Gates, Tool, ToolCalls},
};
use samplegate_engine::{
    pipeline::propose,
    store::Filter,
    wire::{Action, ActionKind, GrantScope, Phase, Suspended},
};
use serde_json::{Value, json};
use support::{
    home::{PATIENCE, Running},
    servers::python,
};

use crate::{
    clients::FastMcp,
    host::{ERAS, Era, Host, listening, passing, token},
    meanwhile::value,
};

pub(crate) fn looks(home: &Running, host: &str, mode: ToolCalls) {
    home.set(|settings| settings.hosts.get_mut(host).unwrap().tool_calls = mode);
}

fn rule(id: &str, action: Does) -> Rule {
    Rule { kind: Some(Kind::ToolCall), ..Rule::new(id, action) }
}

/// One server of the older era, and a connected host whose calls are looked at like this.
async fn one(mode: ToolCalls) -> (Running, Host) {
    let (home, port) = listening(&passing("s", Era::Legacy, &[])).await;
    let token = token(&home, "h");
    looks(&home, "h", mode);
    let host = Host::connect(Era::Legacy, port, Some("s"), &token).await;
    (home, host)
}

fn echo(arguments: Value) -> Value {
    json!({"name": "echo", "arguments": arguments})
}

/// The events of a question, once it has ended.
async fn events(home: &Running, id: &str) -> Vec<String> {
    let entry = home.entry(id).await;
    entry.events.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_made_as_it_was_approved_and_the_log_tells_all_of_it() {
    let config = passing("legacy", Era::Legacy, &[]) + &passing("stateless", Era::Stateless, &[]);
    let (home, port) = listening(&config).await;
    let token = token(&home, "editor");
    looks(&home, "editor", ToolCalls::Ask);
    for server in ["legacy", "stateless"] {
        for era in ERAS {
            let host = Host::connect(era, port, None, &token).await;
            let params = json!({
                "name": format!("{server}__echo"), "arguments": {"path": "a", "n": 1.0}, "_meta": {"example.com/x": 1, "progressToken": 3},
            });
            let (_, coming) = host.start("tools/call", params).await;
            let question = home.question(Phase::Request).await;
            let call = question.tool_call().unwrap();
            assert_eq!(
                (question.provenance.host.as_deref(), question.provenance.server.as_str()),
                (Some("editor"), server)
            );
            assert_eq!((call.tool.name.as_str(), call.tool.description.as_deref()), ("echo", Some("Does echo.")));
            assert_eq!((call.tool.read_only, call.tool.destructive, call.tool.is_listed), (Some(true), None, true));
            assert_eq!(question.request["arguments"], json!({"path": "a", "n": 1.0}));
            let id = question.id.clone();
            let mut params = question.request.clone();
            params["name"] = "steps".into();
            let other = Action::EditRequest { params: params.clone() };
            let acted = home.engine.queue().act(id.parse().unwrap(), question.revision, other);
            assert!(acted.is_err(), "another tool is another call");
            params["name"] = "echo".into();
            params["arguments"] = json!({"path": "b"});
            let edited = home.act(&question, Action::EditRequest { params: params.clone() });
            assert!(edited.request_edited && edited.actions.contains(&ActionKind::Revert));
            home.act(&edited, Action::Approve);
            let (_, response) = coming.all().await;
            let got = value(&response);
            assert_eq!((&got["name"], &got["arguments"]), (&json!("echo"), &json!({"path": "b"})), "{server} {era:?}");
            assert_eq!(got["_meta"]["example.com/x"], 1, "{server} {era:?}: {response}");
            let entry = home.entry(&id).await;
            let summary = &entry.summary;
            assert_eq!((summary.kind, summary.outcome), (Kind::ToolCall, Outcome::Released));
            assert_eq!((summary.host.as_deref(), summary.tool.as_deref()), (Some("editor"), Some("echo")));
            // The last gate was passed by the setting.
            assert_eq!((summary.reviewer.as_deref(), &summary.model), (Some("tester"), &None));
            assert_eq!(summary.approved_sha256, summary.sent_sha256);
            assert_eq!(edited.tool_call().unwrap().approved_sha256, summary.approved_sha256.unwrap().to_hex());
            assert_eq!((summary.wire_sha256, summary.tokens_in), (None, None));
            assert_eq!(entry.approved.as_ref().unwrap(), &json!({"server": server, "params": params}));
            assert_eq!(entry.request.as_ref().unwrap()["arguments"], json!({"path": "a", "n": 1.0}));
            assert_eq!(value(&json!({"result": entry.released.unwrap()})), got);
            assert_eq!(
                events(&home, &id).await,
                ["received", "evaluated", "decided", "sent", "answered", "decided", "released", "replied", "closed"]
            );
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_can_send_nothing_beside_what_is_shown_and_hashed() {
    let config = passing("legacy", Era::Legacy, &[]) + &passing("stateless", Era::Stateless, &[]);
    let (home, port) = listening(&config).await;
    let token = token(&home, "h");
    looks(&home, "h", ToolCalls::Ask);
    for (server, era) in ["legacy", "stateless"].into_iter().flat_map(|server| ERAS.map(|era| (server, era))) {
        let host = Host::connect(era, port, Some(server), &token).await;
        let extra = json!({"io.modelcontextprotocol/hidden": "a", "io.modelcontextprotocol/logLevel": "info"});
        let params =
            json!({"name": "echo", "arguments": {}, "server": "elsewhere", "task": {"ttl": 1}, "_meta": extra});
        let (_, coming) = host.start("tools/call", params).await;
        let question = home.question(Phase::Request).await;
        assert_eq!(question.request["server"], "elsewhere");
        assert_eq!(question.request["_meta"], json!({"io.modelcontextprotocol/hidden": "a"}), "{server} {era:?}");
        home.act(&question, Action::Approve);
        let mut got = value(&coming.all().await.1).clone();
        let approved = home.entry(&question.id).await.approved.unwrap();
        assert_eq!(approved, json!({"server": server, "params": question.request}));
        // What is added on our side is ours: the mark of the chain, the progress token, the connection's own.
        let meta = got["_meta"].as_object_mut().unwrap();
        meta.retain(|key, _| key == "io.modelcontextprotocol/hidden");
        assert_eq!(got, question.request, "{server} {era:?}");
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_is_a_failed_tool_that_says_who_refused() {
    let (home, host) = one(ToolCalls::Ask).await;
    let (_, coming) = host.start("tools/call", echo(json!({}))).await;
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: "mine".into() });
    let (_, response) = coming.all().await;
    let result = &response["result"];
    assert_eq!((&result["isError"], &result["_meta"]["samplegate/reason"]), (&json!(true), &json!("person")));
    assert_eq!(result["content"][0]["text"], "User rejected tool call (reason: person)");
    assert!(!response.to_string().contains("mine"), "{response}");
    assert_eq!(events(&home, &question.id).await, ["received", "evaluated", "decided", "replied", "closed"]);
    assert!(home.engine.queue().often_denied().is_empty());
    let proposed =
        propose(home.engine.store(), home.engine.config(), question.id.parse().unwrap(), None).await.unwrap();
    assert_eq!((proposed.rule.action, proposed.rule.kind), (Does::Deny, Some(Kind::ToolCall)));
    assert_eq!((proposed.rule.host.as_deref(), proposed.rule.tool.as_deref()), (Some("h"), Some("echo")));
    // Where nobody is there, nothing is allowed.
    let mut home = home;
    home.reviewer = None;
    let result = host.call("echo", json!({})).await;
    assert_eq!((&result["isError"], &result["_meta"]["samplegate/reason"]), (&json!(true), &json!("nobody")));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_say_what_passes_and_what_a_rule_does_not_allow_does_not() {
    let (home, host) = one(ToolCalls::Rules).await;
    let reason = |result: &Value| result["_meta"]["samplegate/reason"].clone();
    assert_eq!(reason(&host.call("echo", json!({"path": "/a"})).await), "rule");
    home.set(|settings| {
        let path = [("path".to_owned(), Pattern::glob("/notes/*").unwrap())].into();
        settings.rules.push(Rule {
            server: Some("s".into()),
            arguments: path,
            read_only: Some(true),
            ..rule("r", Does::Allow)
        });
    });
    assert_eq!(reason(&host.call("echo", json!({"path": "/a"})).await), "rule");
    let passed = host.call("echo", json!({"path": "/notes/b"})).await;
    assert_eq!(passed["structuredContent"]["value"]["arguments"], json!({"path": "/notes/b"}));
    let page = home.engine.store().list(Filter { limit: 1, ..Filter::default() }).await.unwrap();
    let last = &page.questions[0];
    assert_eq!((last.decided_by, &last.reviewer), (Some(DecidedBy::Rule), &None));
    assert!(last.rules.contains(&"r".to_owned()));
    // A rule that asks, asks; and high risk asks whatever a rule says.
    home.set(|settings| settings.rules.push(Rule { gate: Gates::Request, ..rule("ask", Does::Ask) }));
    let (_, coming) = host.start("tools/call", echo(json!({"path": "/notes/b"}))).await;
    home.act(&home.question(Phase::Request).await, Action::Approve);
    coming.all().await;
    home.set(|settings| {
        settings.rules.pop();
        settings.servers.get_mut("s").unwrap().risk = Risk::High;
    });
    let (_, coming) = host.start("tools/call", echo(json!({"path": "/notes/b"}))).await;
    home.act(&home.question(Phase::Request).await, Action::Approve);
    home.act(&home.question(Phase::Answer).await, Action::Return);
    coming.all().await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_looked_at_where_the_person_wants_it() {
    let (home, host) = one(ToolCalls::Ask).await;
    home.set(|settings| settings.hosts.get_mut("h").unwrap().review_results = true);
    let (_, coming) = host.start("tools/call", echo(json!({"a": 1}))).await;
    home.act(&home.question(Phase::Request).await, Action::Approve);
    let back = home.question(Phase::Answer).await;
    let mut result = back.tool_call().unwrap().result.clone().unwrap().result;
    assert_eq!(result["structuredContent"]["value"]["arguments"], json!({"a": 1}));
    result["structuredContent"] = json!({"value": "less"});
    let edited = home.act(&back, Action::EditAnswer { result });
    assert!(edited.tool_call().unwrap().result.as_ref().unwrap().edited);
    home.act(&edited, Action::Return);
    assert_eq!(value(&coming.all().await.1), "less");
    let entry = home.entry(&back.id).await;
    assert_eq!(entry.answer.unwrap()["structuredContent"]["value"]["arguments"], json!({"a": 1}));
    assert_eq!(entry.released.unwrap()["structuredContent"], json!({"value": "less"}));
    // A result that is denied stays here; an error is looked at as a result is.
    let (_, coming) = host.start("tools/call", echo(json!({"a": 2}))).await;
    home.act(&home.question(Phase::Request).await, Action::Approve);
    home.act(&home.question(Phase::Answer).await, Action::Deny { reason: String::new() });
    let (_, response) = coming.all().await;
    assert_eq!((&response["result"]["isError"], response.to_string().contains("\"a\":2")), (&json!(true), false));
    let (_, coming) = host.start("tools/call", json!({"name": "fail", "arguments": {}})).await;
    home.act(&home.question(Phase::Request).await, Action::Approve);
    let back = home.question(Phase::Answer).await;
    let result = back.tool_call().unwrap().result.clone().unwrap();
    assert!(result.is_protocol_error && !back.actions.contains(&ActionKind::Edit));
    home.act(&back, Action::Return);
    let (_, response) = coming.all().await;
    assert_eq!(response["error"], json!({"code": -31999, "message": "no", "data": {"why": [1, {"x": null}]}}));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_text_is_looked_at_at_both_gates_whatever_a_rule_says() {
    let (home, host) = one(ToolCalls::Rules).await;
    home.set(|settings| settings.rules.push(rule("all", Does::Allow)));
    let (_, coming) = host.start("tools/call", echo(json!({"path": "a\u{202e}b", "to": "ann@corp.io"}))).await;
    let question = home.question(Phase::Request).await;
    let bidi = question.findings.iter().find(|finding| finding.kind == "bidi").unwrap();
    assert_eq!(bidi.pointer, "/arguments/path");
    let email = question.findings.iter().position(|finding| finding.kind == "email").unwrap();
    let redacted = home.act(&question, Action::Redact { findings: vec![u32::try_from(email).unwrap()] });
    assert_eq!(redacted.tool_call().unwrap().placeholders, ["[EMAIL_1]"]);
    home.act(&redacted, Action::Approve);
    let back = home.question(Phase::Answer).await;
    let result = back.tool_call().unwrap().result.clone().unwrap();
    assert!(!result.result.to_string().contains("ann@corp.io"), "the server never had it");
    assert!(result.findings.iter().any(|finding| finding.kind == "bidi"));
    home.act(&back, Action::Return);
    coming.all().await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn off_passes_unlogged_but_for_high_risk_and_what_a_rule_forbids() {
    let (home, host) = one(ToolCalls::Off).await;
    assert_eq!(host.call("echo", json!({"a": 1})).await["structuredContent"]["value"]["arguments"], json!({"a": 1}));
    let logged =
        || async { home.engine.store().list(Filter { limit: 10, ..Filter::default() }).await.unwrap().questions };
    assert!(logged().await.is_empty());
    home.set(|settings| settings.rules.push(Rule { tool: Some("echo".into()), ..rule("no", Does::Deny) }));
    assert_eq!(host.call("echo", json!({})).await["_meta"]["samplegate/reason"], "rule");
    assert_eq!(host.call("log", json!({})).await.get("isError"), None, "another tool");
    home.set(|settings| {
        settings.rules.clear();
        let high = Tool { risk: Some(Risk::High), labels: None };
        settings.servers.get_mut("s").unwrap().tools.insert("echo".into(), high);
    });
    let (_, coming) = host.start("tools/call", echo(json!({}))).await;
    home.act(&home.question(Phase::Request).await, Action::Deny { reason: String::new() });
    coming.all().await;
    assert_eq!(logged().await.len(), 2);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_covers_calls_that_are_alike_and_limits_count_them_by_host() {
    let (home, host) = one(ToolCalls::Ask).await;
    let (_, coming) = host.start("tools/call", echo(json!({"path": "a"}))).await;
    let question = home.question(Phase::Request).await;
    let offered: Vec<GrantScope> = question.offer.scopes.iter().map(|scope| scope.scope).collect();
    assert_eq!(offered, [GrantScope::Minutes, GrantScope::Session, GrantScope::Always], "{:?}", question.offer);
    home.act(&question, Action::Grant { scope: GrantScope::Minutes, answers: false });
    coming.all().await;
    let passed = host.call("echo", json!({"path": "b"})).await;
    assert_eq!(passed["structuredContent"]["value"]["arguments"], json!({"path": "b"}));
    let (_, coming) = host.start("tools/call", echo(json!({"path": "b", "force": true}))).await;
    let question = home.question(Phase::Request).await;
    assert_eq!(question.offer.missed.as_deref(), Some("A grant of yours does not cover it: it has other arguments."));
    home.act(&question, Action::Deny { reason: String::new() });
    coming.all().await;
    // Those of sampling do not count them, and none is there by itself.
    for _ in 0..20 {
        assert_eq!(host.call("echo", json!({"path": "c"})).await.get("isError"), Some(&json!(false)));
    }
    home.set(|settings| settings.hosts.get_mut("h").unwrap().limits.set(Limit::PerDay, Some(23)));
    assert_eq!(host.call("echo", json!({"path": "c"})).await["_meta"]["samplegate/reason"], "limit");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_gives_up_withdraws_its_call_and_the_server_is_told() {
    let (home, host) = one(ToolCalls::Ask).await;
    let (id, coming) = host.start("tools/call", echo(json!({}))).await;
    let question = home.question(Phase::Request).await;
    host.notify("notifications/cancelled", json!({"requestId": id})).await;
    assert_eq!(home.entry(&question.id).await.summary.outcome, Outcome::Withdrawn);
    drop(coming);
    // While the server works: given up by the host, and denied by the person.
    for gives_up in [true, false] {
        let (id, coming) = host.start("tools/call", json!({"name": "wait", "arguments": {}})).await;
        let question = home.question(Phase::Request).await;
        home.act(&question, Action::Approve);
        let working = home.question(Phase::Answering).await;
        assert_eq!(working.actions, [ActionKind::Deny]);
        if gives_up {
            host.notify("notifications/cancelled", json!({"requestId": id})).await;
        } else {
            home.act(&working, Action::Deny { reason: String::new() });
            assert_eq!(coming.all().await.1["result"]["_meta"]["samplegate/reason"], "person");
        }
        let outcome = home.entry(&question.id).await.summary.outcome;
        assert_eq!(outcome, if gives_up { Outcome::Withdrawn } else { Outcome::Denied });
    }
    // What had not reached the server yet when it was given up never does; of what had, it is told.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        looks(&home, "h", ToolCalls::Off);
        let told = host.call("cancelled", json!({})).await;
        if told["structuredContent"]["value"].as_u64().is_some_and(|told| told > 0) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the server was not told: {told}");
        looks(&home, "h", ToolCalls::Ask);
        let (_, coming) = host.start("tools/call", json!({"name": "wait", "arguments": {}})).await;
        home.act(&home.question(Phase::Request).await, Action::Approve);
        home.act(&home.question(Phase::Answering).await, Action::Deny { reason: String::new() });
        coming.all().await;
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fastmcp_client_sees_a_refused_tool_and_an_approved_one() {
    let (home, port) = listening(&format!("[servers.old]\n{}", python("fastmcp3_prompts.py", &[]))).await;
    home.engine.ready("old").await.unwrap();
    let token = token(&home, "three");
    looks(&home, "three", ToolCalls::Ask);
    for approves in [true, false] {
        let client = FastMcp::call("SAMPLEGATE_TEST_PY3", port, &token, "old__log_everything", "{}");
        let question = home.question(Phase::Request).await;
        let action = if approves { Action::Approve } else { Action::Deny { reason: String::new() } };
        home.act(&question, action);
        let said = client.said().await;
        let expected = if approves { "logged" } else { "User rejected tool call (reason: person)" };
        assert_eq!((&said["text"][0], &said["is_error"]), (&expected.into(), &(!approves).into()));
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_count_for_servers_that_may_not_sample_and_for_others_once_they_are_approved() {
    let off = |name: &str| passing(name, Era::Legacy, &[]).replace("sampling = \"ask\"\n", "");
    let config = off("mine") + &off("taken") + "pin = \"approval\"\n";
    let (home, port) = listening(&config).await;
    let token = token(&home, "h");
    looks(&home, "h", ToolCalls::Rules);
    home.set(|settings| settings.rules.push(rule("r", Does::Allow)));
    let host = Host::connect(Era::Legacy, port, None, &token).await;
    let passed = async |server: &str| {
        let result = host.call(&format!("{server}__echo"), json!({"path": "a"})).await;
        assert_eq!(result["structuredContent"]["value"]["arguments"], json!({"path": "a"}), "{result}");
    };
    passed("mine").await;
    let (_, coming) = host.start("tools/call", json!({"name": "taken__echo", "arguments": {"path": "a"}})).await;
    let question = home.question(Phase::Request).await;
    assert_eq!(question.evaluation.suspended, Some(Suspended::Unapproved));
    assert!(question.notes[0].contains("not approved this server yet"), "{:?}", question.notes);
    home.act(&question, Action::Deny { reason: String::new() });
    coming.all().await;
    let shown = home.engine.pin_view("taken").unwrap().summary.sha256;
    home.engine.approve_server("taken", shown.parse().unwrap()).await.unwrap();
    passed("taken").await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_a_window_rounds_is_told_and_sent_as_it_is() {
    let (home, host) = one(ToolCalls::Ask).await;
    let (_, coming) = host.start("tools/call", echo(json!({"id": 1_234_567_890_123_456_789_u64, "path": "a"}))).await;
    let question = home.question(Phase::Request).await;
    assert!(question.notes.iter().any(|note| note.contains("1234567890123456789 (/arguments/id)")), "{question:?}");
    let mut params = question.request.clone();
    // As JavaScript gives it back.
    params["arguments"] = json!({"id": 1_234_567_890_123_456_800_u64, "path": "b"});
    let edited = home.act(&question, Action::EditRequest { params });
    home.act(&edited, Action::Approve);
    let (_, response) = coming.all().await;
    assert_eq!(value(&response)["arguments"], json!({"id": 1_234_567_890_123_456_789_u64, "path": "b"}));
    home.stop().await;
}
