//! Hosts that answer themselves: both eras of hosts with both eras of servers, with the gates and without, and all that
//! keeps a question here.

mod addresses;
mod endings;

use samplegate_core::{
    audit::{DecidedBy, Kind, Outcome},
    policy::{Action as Does, Risk, Rule},
    settings::Record,
};
use samplegate_engine::{
    store::{Entry, Filter},
    wire::{Action, ActionKind, HostMode, Phase, QuestionKind},
};
use serde_json::{Value, json};
use support::home::Running;

use crate::{
    host::{Coming, ERAS, Era, Host, listening, passing, token_of},
    meanwhile::value,
};

const SERVERS: [&str; 2] = ["legacy", "stateless"];

fn all() -> Value {
    json!({"sampling": {}, "elicitation": {"form": {}, "url": {}}})
}

fn answer() -> Value {
    json!({"role": "assistant", "content": {"type": "text", "text": "a stone"}, "model": "host-1", "stopReason": "endTurn"})
}

/// A home with a server of each era.
async fn both_servers() -> (Running, u16) {
    listening(&(passing("legacy", Era::Legacy, &[]) + &passing("stateless", Era::Stateless, &[]))).await
}

/// A call of a host under way.
struct Call<'a> {
    host: &'a Host,
    params: Value,
    coming: Coming,
}

impl<'a> Call<'a> {
    async fn of(host: &'a Host, tool: &str) -> Self {
        let params = json!({"name": tool, "arguments": {}});
        let (_, coming) = host.start("tools/call", params.clone()).await;
        Self { host, params, coming }
    }

    /// What the host is asked next: the requests, by what an answer has to name.
    async fn asked(&mut self) -> Vec<(Value, Value)> {
        let mut message = self.coming.next().await.unwrap();
        // All servers together tell of changes when one comes up.
        while message["method"].as_str().is_some_and(|method| method.ends_with("/list_changed")) {
            message = self.coming.next().await.unwrap();
        }
        match self.host.era {
            Era::Legacy => vec![(message["id"].clone(), message)],
            Era::Stateless => {
                let result = &message["result"];
                assert_eq!(result["resultType"], "input_required", "{message}");
                self.params["requestState"] = result["requestState"].clone();
                let requests = result["inputRequests"].as_object().unwrap();
                requests.iter().map(|(key, request)| (key.as_str().into(), request.clone())).collect()
            }
        }
    }

    /// Answers one question that came alone.
    async fn answers(&mut self, (key, request): &(Value, Value), result: Value) {
        match self.host.era {
            Era::Legacy => self.host.answer(request, json!({"result": result})).await,
            Era::Stateless => self.again(json!({key.as_str().unwrap(): result})).await,
        }
    }

    /// Sends the call again.
    async fn again(&mut self, responses: Value) {
        self.params["inputResponses"] = responses;
        self.coming = self.host.start("tools/call", self.params.clone()).await.1;
    }

    async fn response(self) -> Value {
        self.coming.all().await.1
    }
}

async fn last(home: &Running) -> Entry {
    let list = home.engine.store().list(Filter { limit: 1, ..Filter::default() }).await.unwrap();
    home.entry(&list.questions[0].id.to_string()).await
}

fn events(entry: &Entry) -> Vec<&str> {
    entry.events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_gates_a_person_looks_before_and_after_the_hosts_model() {
    let (home, port) = both_servers().await;
    let token = token_of(&home, "editor", HostMode::Gate);
    for server in SERVERS {
        for era in ERAS {
            let host = Host::that_can(all(), era, port, Some(server), &token).await;
            let mut call = Call::of(&host, "ask").await;
            let question = home.question(Phase::Request).await;
            let sampling = question.sampling().unwrap();
            assert_eq!(sampling.model.as_deref(), Some("host:editor"), "{server} {era:?}");
            assert_eq!((sampling.models[0].provider.as_str(), sampling.models.len()), ("host", 1));
            let mut edited = question.request.clone();
            edited["messages"][0]["content"]["text"] = "What is this?".into();
            let question = home.act(&question, Action::EditRequest { params: edited });
            home.act(&question, Action::Approve);
            let asked = call.asked().await;
            assert_eq!(asked.len(), 1);
            let sent = &asked[0].1;
            assert_eq!(sent["method"], "sampling/createMessage");
            let text = json!({"type": "text", "text": "What is this?"});
            let expected = json!({"messages": [{"role": "user", "content": text}], "maxTokens": 50});
            assert_eq!(sent["params"], expected, "as approved, and nothing else");
            call.answers(&asked[0], answer()).await;
            let question = home.question(Phase::Answer).await;
            let shown = question.sampling().unwrap().answer.clone().unwrap();
            assert_eq!((shown.model.as_deref(), shown.asked.as_str()), (Some("host-1"), "host:editor"));
            let mut better = answer();
            better["content"]["text"] = "a pebble".into();
            let question = home.act(&question, Action::EditAnswer { result: better });
            home.act(&question, Action::Return);
            let response = call.response().await;
            assert!(value(&response).to_string().contains("a pebble"), "{server} {era:?}: {response}");
            assert!(value(&response).to_string().contains("host-1"), "{response}");
            let entry = home.entry(&question.id).await;
            assert_eq!(entry.summary.outcome, Outcome::Released);
            assert_eq!(entry.summary.model.as_deref(), Some("host-1"));
            let logged = serde_json::to_value(&entry.events).unwrap().to_string();
            assert!(logged.contains(r#""provider":"host""#), "{logged}");
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_to_the_host_passes_and_is_logged() {
    let (mut home, port) = both_servers().await;
    // Nobody is there, and nobody is needed.
    home.reviewer = None;
    let token = token_of(&home, "editor", HostMode::Pass);
    for server in SERVERS {
        for era in ERAS {
            let host = Host::that_can(all(), era, port, None, &token).await;
            let mut call = Call::of(&host, &format!("{server}__ask")).await;
            let asked = call.asked().await;
            call.answers(&asked[0], answer()).await;
            let response = call.response().await;
            assert!(value(&response).to_string().contains("a stone"), "{server} {era:?}: {response}");
            let entry = last(&home).await;
            let expected =
                ["received", "evaluated", "decided", "sent", "answered", "decided", "released", "replied", "closed"];
            assert_eq!(events(&entry), expected, "{server} {era:?}");
            let summary = &entry.summary;
            assert_eq!(
                (summary.outcome, summary.decided_by, summary.model.as_deref()),
                (Outcome::Released, Some(DecidedBy::Rule), Some("host-1"))
            );

            let mut call = Call::of(&host, &format!("{server}__form")).await;
            let asked = call.asked().await;
            assert_eq!(asked[0].1["method"], "elicitation/create");
            let accepted = json!({"action": "accept", "content": {"n": 3}});
            call.answers(&asked[0], accepted.clone()).await;
            let response = call.response().await;
            assert!(value(&response).to_string().contains(r#""content":{"n":3}"#), "{server} {era:?}: {response}");
            let entry = last(&home).await;
            let expected = ["received", "evaluated", "decided", "sent", "answered", "released", "replied", "closed"];
            assert_eq!(
                (entry.summary.kind, entry.summary.outcome, events(&entry)),
                (Kind::Elicitation, Outcome::Released, expected.to_vec())
            );
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_the_host_ask_its_person_or_answers_here() {
    let (home, port) = both_servers().await;
    let token = token_of(&home, "editor", HostMode::Gate);
    for server in SERVERS {
        for era in ERAS {
            let host = Host::that_can(all(), era, port, Some(server), &token).await;
            let mut call = Call::of(&host, "form").await;
            let question = home.question(Phase::Request).await;
            assert!(question.actions.contains(&ActionKind::Approve) && question.actions.contains(&ActionKind::Accept));
            home.act(&question, Action::Approve);
            let asked = call.asked().await;
            let waiting = home.question(Phase::Answering).await;
            assert!(waiting.elicitation().unwrap().with_host && !waiting.actions.contains(&ActionKind::Approve));
            call.answers(&asked[0], json!({"action": "decline"})).await;
            let response = call.response().await;
            assert!(value(&response).to_string().contains("decline"), "{server} {era:?}: {response}");
            let entry = home.entry(&question.id).await;
            assert_eq!((entry.summary.outcome, entry.summary.decided_by), (Outcome::Released, Some(DecidedBy::Person)));

            // The host is asked, and the person here is faster.
            let mut call = Call::of(&host, "form").await;
            let question = home.question(Phase::Request).await;
            home.act(&question, Action::Approve);
            let asked = call.asked().await;
            let waiting = home.question(Phase::Answering).await;
            home.act(&waiting, Action::Accept { values: json!({"n": "4"}) });
            home.entry(&question.id).await;
            match era {
                Era::Legacy => {
                    let told = call.coming.next().await.unwrap();
                    assert_eq!(
                        (&told["method"], &told["params"]["requestId"]),
                        (&json!("notifications/cancelled"), &asked[0].0)
                    );
                }
                Era::Stateless => call.answers(&asked[0], json!({"action": "accept", "content": {"n": 5}})).await,
            }
            let response = call.response().await;
            assert!(value(&response).to_string().contains(r#""n":4"#), "{server} {era:?}: {response}");

            let call = Call::of(&host, "form").await;
            let question = home.question(Phase::Request).await;
            home.act(&question, Action::Deny { reason: String::new() });
            assert!(call.response().await.to_string().contains("decline"));
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_asks_at_once_the_host_is_asked_at_once() {
    let (home, port) = both_servers().await;
    let token = token_of(&home, "editor", HostMode::Pass);
    for server in SERVERS {
        for era in ERAS {
            let host = Host::that_can(all(), era, port, Some(server), &token).await;
            let mut call = Call::of(&host, "both").await;
            let accepted = json!({"action": "accept", "content": {"n": 3}});
            let result = |request: &Value| match request["method"].as_str().unwrap() {
                "sampling/createMessage" => answer(),
                _ => accepted.clone(),
            };
            if (era, server) == (Era::Stateless, "stateless") {
                let asked = call.asked().await;
                let keys: Vec<_> = asked.iter().map(|(key, _)| key.as_str().unwrap()).collect();
                assert_eq!(keys, ["f", "q"], "by the server's own names");
                // One is left out: it is asked again, under a new state.
                let before = call.params["requestState"].clone();
                call.again(json!({"q": answer(), "other": {"x": 1}})).await;
                let rest = call.asked().await;
                assert_eq!((rest.len(), &rest[0].0), (1, &json!("f")));
                assert_ne!(call.params["requestState"], before);
                call.answers(&rest[0], accepted.clone()).await;
            } else {
                let mut answered = 0;
                while answered < 2 {
                    for question in call.asked().await {
                        let result = result(&question.1);
                        call.answers(&question, result).await;
                        answered += 1;
                    }
                }
            }
            let response = call.response().await;
            let given = value(&response).to_string();
            assert!(given.contains("a stone") && given.contains(r#""n":3"#), "{server} {era:?}: {response}");
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_here_where_the_host_cannot_or_may_not() {
    let (home, port) = both_servers().await;
    let token = token_of(&home, "editor", HostMode::Pass);
    let answered_here = async |host: &Host, tool: &str, why: &str| {
        let call = Call::of(host, tool).await;
        let question = home.question(Phase::Request).await;
        assert!(question.notes.iter().any(|note| note.contains(why)), "{why}: {:?}", question.notes);
        if let Some(sampling) = question.sampling() {
            assert_eq!((sampling.model.as_deref(), sampling.models.len()), (None, 0));
        }
        home.act(&question, Action::Deny { reason: String::new() });
        call.response().await;
    };
    for server in SERVERS {
        for era in ERAS {
            let host = Host::connect(era, port, Some(server), &token).await;
            answered_here(&host, "ask", "it did not say that it can sample").await;
            answered_here(&host, "form", "it did not say that it can ask its person").await;
        }
    }
    home.set(|settings| {
        let server = settings.servers.get_mut("legacy").unwrap();
        server.record = Some(Record { models: vec!["class:local".into()], ..Record::default() });
    });
    let host = Host::that_can(all(), Era::Legacy, port, Some("legacy"), &token).await;
    answered_here(&host, "ask", "does not allow this host's model").await;
    // Two calls at once on one pipe: nobody knows which one asks.
    let waits = Call::of(&host, "wait").await;
    answered_here(&host, "ask", "Several calls of editor are under way").await;
    drop(waits);
    host.call("later", json!({})).await;
    let outside = home.question(Phase::Request).await;
    assert!(outside.notes.iter().any(|note| note.contains("no host can be asked")), "{:?}", outside.notes);
    home.act(&outside, Action::Deny { reason: String::new() });
    home.stop().await;
}

/// A call of a tool of high risk, once a person let it be made.
async fn risky<'a>(home: &Running, host: &'a Host, tool: &str) -> Call<'a> {
    let call = Call::of(host, tool).await;
    let question = home.question(Phase::Request).await;
    assert!(question.tool_call().is_some());
    home.act(&question, Action::Approve);
    home.eventually(|| is_asked(home).then_some(())).await;
    call
}

/// Whether the server asks something.
fn is_asked(home: &Running) -> bool {
    home.engine
        .queue()
        .list()
        .iter()
        .any(|question| question.kind != QuestionKind::ToolCall && question.phase == Phase::Request)
}

/// What comes of such a call, whose result is looked at too, where there is one.
async fn returned(home: &Running, call: Call<'_>, has_result: bool) -> Value {
    if has_result {
        let result = home
            .eventually(|| {
                let queue = home.engine.queue();
                let summary = queue
                    .list()
                    .into_iter()
                    .find(|question| question.kind == QuestionKind::ToolCall && question.phase == Phase::Answer)?;
                queue.get(summary.id.parse().unwrap())
            })
            .await;
        home.act(&result, Action::Return);
    }
    call.response().await
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_mode_goes_past_a_no_nor_past_high_risk() {
    let (home, port) = both_servers().await;
    let token = token_of(&home, "editor", HostMode::Pass);
    home.set(|settings| {
        for server in settings.servers.values_mut() {
            server.risk = Risk::High;
        }
    });
    for server in SERVERS {
        for era in ERAS {
            let host = Host::that_can(all(), era, port, Some(server), &token).await;
            // Denied at the first gate: the host hears nothing.
            let call = risky(&home, &host, "ask").await;
            let question = home.question(Phase::Request).await;
            home.act(&question, Action::Deny { reason: "mine".into() });
            let response = returned(&home, call, server == "legacy").await;
            assert!(response.to_string().contains("User rejected sampling request"), "{response}");
            // And at the second: the server does not get it.
            let mut call = risky(&home, &host, "ask").await;
            let question = home.question(Phase::Request).await;
            home.act(&question, Action::Approve);
            let asked = call.asked().await;
            call.answers(&asked[0], answer()).await;
            let question = home.question(Phase::Answer).await;
            home.act(&question, Action::Deny { reason: String::new() });
            let response = returned(&home, call, server == "legacy").await;
            assert!(!response.to_string().contains("a stone"), "{server} {era:?}: {response}");
            let entry = home.entry(&question.id).await;
            assert_eq!((entry.summary.outcome, entry.summary.decided_by), (Outcome::Denied, Some(DecidedBy::Person)));
            let call = risky(&home, &host, "form").await;
            let question = home.question(Phase::Request).await;
            home.act(&question, Action::Cancel);
            assert!(returned(&home, call, true).await.to_string().contains("cancel"));
        }
    }
    home.set(|settings| {
        settings.servers.get_mut("legacy").unwrap().risk = Risk::Medium;
        settings.rules.push(Rule { server: Some("legacy".into()), ..Rule::new("never", Does::Deny) });
    });
    let host = Host::that_can(all(), Era::Legacy, port, Some("legacy"), &token).await;
    let response = Call::of(&host, "ask").await.response().await;
    assert!(response.to_string().contains(r#""reason":"rule""#), "{response}");
    home.stop().await;
}
