//! Rules tried on tool calls and on questions to the person that are over.

use samplegate_core::{
    audit::{Kind, QuestionId},
    policy::{Action as Does, Pattern, Rule, Verdict},
    settings::{Gates, ToolCalls},
};
use samplegate_engine::{
    pipeline::{Dry, Missed, dry_run},
    wire::{Action, Phase},
};
use serde_json::{Value, json};
use support::home::Running;

use crate::{
    host::{Era, Host, listening, passing, token},
    tool_calls::looks,
};

fn rule(action: Does) -> Rule {
    Rule { kind: Some(Kind::ToolCall), ..Rule::new("tried", action) }
}

fn for_path(path: &str, action: Does) -> Rule {
    Rule { arguments: [("path".to_owned(), Pattern::glob(path).unwrap())].into(), ..rule(action) }
}

async fn tried(home: &Running, rule: Rule) -> Dry {
    dry_run(home.engine.store(), home.engine.config(), vec![rule], 50).await.unwrap()
}

/// Deletes what was kept of a question in these roles, by their numbers in the schema, as pruning does.
async fn prune(home: &Running, id: QuestionId, roles: &[i64]) {
    let entry = home.entry(&id.to_string()).await;
    let log = rusqlite::Connection::open(home.folder.path().join("samplegate.db")).unwrap();
    for seq in entry.events.iter().map(|event| event["seq"].as_i64().unwrap()) {
        for role in roles {
            log.execute("DELETE FROM contents WHERE id = ?1", [seq * 16 + role]).unwrap();
        }
    }
}

/// A home whose log has four calls of a host: three that were approved, and one that was denied.
async fn with_history() -> Running {
    let (home, port) = listening(&passing("s", Era::Legacy, &[])).await;
    let token = token(&home, "h");
    looks(&home, "h", ToolCalls::Ask);
    let host = Host::connect(Era::Legacy, port, Some("s"), &token).await;
    for (path, action) in [
        ("/notes/a", Action::Approve),
        ("/notes/b", Action::Approve),
        ("/etc/c", Action::Approve),
        ("/notes/d", Action::Deny { reason: String::new() }),
    ] {
        let (_, coming) = host.start("tools/call", json!({"name": "echo", "arguments": {"path": path}})).await;
        let question = home.question(Phase::Request).await;
        home.act(&question, action);
        coming.all().await;
        home.entry(&question.id).await;
    }
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_about_tool_calls_is_tried_on_those_of_the_log() {
    let home = with_history().await;
    let dry = tried(&home, for_path("/notes/*", Does::Allow)).await;
    assert_eq!(dry.sentence(), "Would have allowed 3 of your last 4 tool calls.");
    let said: Vec<_> = dry.rows.iter().map(|row| row.said.as_ref().unwrap().alone).collect();
    let allow = Some(Verdict::Allow);
    assert_eq!(said, [allow, None, allow, allow], "newest first");
    assert!(dry.rows.iter().all(|row| row.question.kind == Kind::ToolCall));
    // What the server says about the tool is not in the log: it is what it was approved with.
    let by_annotation = tried(&home, Rule { read_only: Some(true), ..rule(Does::Allow) }).await;
    assert_eq!(by_annotation.sentence(), "Would have allowed 4 of your last 4 tool calls.");
    let host = tried(&home, Rule { host: Some("other".into()), ..rule(Does::Deny) }).await;
    assert_eq!(host.sentence(), "Would have said nothing about any of your last 4 tool calls.");
    // The result is looked at as well: the denied call has none.
    let result = Rule { gate: Gates::Answer, answer: Some(Pattern::glob("*/notes/*").unwrap()), ..rule(Does::Deny) };
    assert_eq!(tried(&home, result).await.sentence(), "Would have denied 2 of your last 4 tool calls.");
    // A rule about what servers ask is none about what hosts call.
    assert_eq!(tried(&home, Rule::new("tried", Does::Deny)).await.sentence(), "There is no question to try it on.");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_kept_is_said_and_not_guessed() {
    const REQUEST: i64 = 1;
    const ANSWER: i64 = 6;
    let home = with_history().await;
    let ids: Vec<QuestionId> = tried(&home, rule(Does::Allow)).await.rows.iter().map(|row| row.question.id).collect();
    prune(&home, ids[0], &[REQUEST]).await;
    prune(&home, ids[1], &[ANSWER]).await;
    let dry = tried(&home, for_path("/notes/*", Does::Allow)).await;
    assert_eq!(
        dry.sentence(),
        "Would have allowed 2 of your last 2 tool calls. 2 more could not be tried, because the content is no longer kept."
    );
    assert_eq!(dry.rows.len(), 4, "each is listed");
    assert_eq!((&dry.rows[0].said, &dry.rows[1].said), (&Err(Missed::Pruned), &Err(Missed::Pruned)));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_tried_on_questions_to_the_person_and_lets_none_of_them_through() {
    let server = format!("[servers.s]\n{}", support::servers::python("raw_elicit.py", &[]));
    let home = Running::start(&server).await;
    for message in ["Who are you?", "What is your password?"] {
        let params: Value = json!({"message": message, "requestedSchema": {
            "type": "object", "properties": {"name": {"type": "string"}},
        }});
        let call = home.call("s", "ask", json!({"params": params}));
        let question = home.question(Phase::Request).await;
        home.act(&question, Action::Deny { reason: String::new() });
        call.await.unwrap();
        home.entry(&question.id).await;
    }
    let about =
        |action, kind| Rule { kind, prompt: Some(Pattern::glob("*password*").unwrap()), ..Rule::new("tried", action) };
    let denied = "Would have denied 1 of your last 2 questions to you.";
    assert_eq!(tried(&home, about(Does::Deny, Some(Kind::Elicitation))).await.sentence(), denied);
    assert_eq!(tried(&home, about(Does::Deny, None)).await.sentence(), denied);
    for kind in [None, Some(Kind::Elicitation)] {
        assert!(tried(&home, about(Does::Allow, kind)).await.rows.is_empty(), "{kind:?}");
    }
    home.stop().await;
}
