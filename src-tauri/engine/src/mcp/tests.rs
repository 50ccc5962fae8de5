//! Connections driven against a small raw server over real pipes, and against ones over HTTP.

#![allow(clippy::expect_used, clippy::unreachable, reason = "tests")]

mod logs;
mod over_http;
mod over_sse;
mod replies;
mod roots;
mod supervised;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;

const RAW_SERVER: &str = include_str!("tests/raw_server.py");

/// What the asker answers.
#[derive(Clone)]
enum Answer {
    Text,
    Refuse,
    /// Waits for the withdrawal.
    Never,
}

/// Shows every question to the test.
struct Shown {
    answer: Answer,
    asked: mpsc::UnboundedSender<Asked>,
    roots: Roots,
}

/// The roots that are configured.
type Roots = Arc<std::sync::Mutex<Vec<String>>>;

impl Asker for Shown {
    fn session_ended(&self, _: uuid::Uuid) {}

    fn roots(&self, _: &str) -> Vec<String> {
        self.roots.lock().expect("no poison").clone()
    }

    fn ask(&self, asked: Asked) -> BoxFuture<'_, Result<Value, Refusal>> {
        Box::pin(async move {
            let withdrawn = asked.withdrawn.clone();
            let _ = self.asked.send(asked);
            match self.answer {
                Answer::Text => Ok(json!({"content": {"type": "text", "text": "yes"}, "x": 1})),
                Answer::Refuse => Err(Refusal {
                    code: -1,
                    message: "User rejected sampling request".to_owned(),
                    data: Some(json!({"reason": "person"})),
                }),
                Answer::Never => {
                    withdrawn.cancelled().await;
                    Err(Refusal::new(-1, "late"))
                }
            }
        })
    }
}

struct Bench {
    connector: Connector,
    asked: mpsc::UnboundedReceiver<Asked>,
    events: broadcast::Receiver<Noted>,
    roots: Roots,
}

fn bench(answer: Answer) -> Bench {
    let (asked_tx, asked) = mpsc::unbounded_channel();
    let (events, roots) = (Events::default(), Roots::default());
    let heard = events.subscribe();
    let connector = Connector {
        settings: settings(),
        spawner: Spawner::start().expect("a thread"),
        asker: Arc::new(Shown { answer, asked: asked_tx, roots: roots.clone() }),
        events,
    };
    Bench { connector, asked, events: heard, roots }
}

fn settings() -> ClientSettings {
    let vars = std::env::vars_os().chain([("NOT_GIVEN".into(), "1".into())]);
    let mut settings = ClientSettings::new("test", "1", BaseEnv::from_vars(vars), Marks::alone());
    settings.start_timeout = Duration::from_secs(20);
    settings
}

fn raw_server(start: &str) -> ServerSpec {
    ServerSpec {
        name: "raw".to_owned(),
        transport: TransportSpec::Stdio {
            command: if cfg!(windows) { "python" } else { "python3" }.to_owned(),
            args: vec!["-c".to_owned(), RAW_SERVER.to_owned(), start.to_owned()],
            env: vec![("GIVEN".to_owned(), "1".into())],
            cwd: None,
            confinement: None,
        },
        kept: Vec::new(),
        declare: Declare { sampling: true, ..Declare::default() },
    }
}

fn tool(name: &str) -> CallRef {
    with_arguments(name, Value::Null)
}

fn with_arguments(name: &str, arguments: Value) -> CallRef {
    let kind = CallKind::Tool { name: name.to_owned(), arguments };
    CallRef { call_id: Uuid::now_v7(), host: "test".to_owned(), kind, chain: Chain::default() }
}

impl Bench {
    async fn open(&self, start: &str) -> Connection {
        self.try_open(start).await.expect("a connection")
    }

    async fn try_open(&self, start: &str) -> Result<Connection, ConnectError> {
        self.connector.open(&raw_server(start), EraHint::Unknown, &CancellationToken::new()).await
    }

    async fn event(&mut self, wanted: impl Fn(&ServerEvent) -> bool) -> ServerEvent {
        tokio::time::timeout(Duration::from_secs(5), async {
            loop {
                let event = self.events.recv().await.expect("an event").event;
                if wanted(&event) {
                    return event;
                }
            }
        })
        .await
        .expect("the event in time")
    }
}

async fn call(connection: &Connection, name: &str) -> Result<Value, CallError> {
    connection.call(tool(name), CancellationToken::new(), None).await
}

/// What the raw server's tool put into its text.
fn told(result: &Value) -> Value {
    let text = result["content"][0]["text"].as_str().expect("text");
    serde_json::from_str(text).expect("JSON in the text")
}

fn odd_params() -> Value {
    json!({
        "messages": [{"role": "user", "content": {"type": "video", "url": "x"}}],
        "maxTokens": 10.0,
        "futureField": {"b": 1, "a": [null]},
        "_meta": {"progressToken": "p", "x": 1},
    })
}

#[tokio::test]
async fn every_legacy_version_is_spoken_and_listings_are_whole() {
    let bench = bench(Answer::Text);
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let connection = bench.open(version).await;
        let identity = connection.identity();
        assert_eq!(identity.protocol_version, version);
        assert_eq!((identity.era, identity.transport), (Era::Legacy, TransportKind::Stdio));
        assert_eq!(identity.title.as_deref(), Some("Raw"));
        let tools = connection.tools().await.expect("tools");
        assert_eq!(
            tools,
            [
                json!({"name": "one", "inputSchema": {"type": "object"}, "future": {"x": 1}}),
                json!({"name": "two", "inputSchema": {"type": "object"}})
            ]
        );
        assert_eq!(connection.list(Listing::Prompts).await.expect("none"), [] as [Value; 0]);
        connection.close().await;
    }
}

#[tokio::test]
async fn a_question_arrives_as_it_was_sent_and_so_does_its_answer() {
    let mut bench = bench(Answer::Text);
    let connection = bench.open("2025-11-25").await;
    let made = tool("ask");
    let result = connection.call(made.clone(), CancellationToken::new(), None).await.expect("a result");
    assert_eq!(told(&result), json!({"content": {"type": "text", "text": "yes"}, "x": 1}));
    assert_eq!(result["future"], 1);
    let asked = bench.asked.recv().await.expect("a question");
    assert_eq!(asked.params, odd_params());
    assert_eq!(asked.params.to_string(), odd_params().to_string());
    assert_eq!((asked.method.as_str(), asked.round), ("sampling/createMessage", 1));
    assert_eq!(asked.origin, Origin::Call(made));
    assert!(!asked.withdrawn.is_cancelled());
    connection.close().await;
}

#[tokio::test]
async fn a_refusal_is_an_error_for_a_legacy_server() {
    let bench = bench(Answer::Refuse);
    let connection = bench.open("2025-06-18").await;
    let result = call(&connection, "ask").await.expect("a result");
    assert_eq!(
        told(&result),
        json!({"code": -1, "message": "User rejected sampling request", "data": {"reason": "person"}})
    );
    connection.close().await;
}

#[tokio::test]
async fn what_was_not_declared_is_unknown_and_private_methods_cannot_be_forged() {
    let mut bench = bench(Answer::Text);
    let connection = bench.open("2025-11-25").await;
    assert_eq!(told(&call(&connection, "ask_undeclared").await.expect("a result"))["code"], -32601);
    let forged = told(&call(&connection, "forge").await.expect("a result"));
    assert_eq!((&forged[0]["code"], &forged[1]["code"]), (&json!(-32601), &json!(-32601)));
    connection.close().await;

    let mut spec = raw_server("2025-11-25");
    spec.declare = Declare::default();
    let connection =
        bench.connector.open(&spec, EraHint::Unknown, &CancellationToken::new()).await.expect("a connection");
    assert_eq!(told(&call(&connection, "ask").await.expect("a result"))["code"], -32601);
    bench.event(|event| matches!(event, ServerEvent::NotDeclared { .. })).await;
    assert!(bench.asked.try_recv().is_err());
    connection.close().await;
}

#[tokio::test]
async fn with_several_calls_in_flight_a_question_is_one_of_them() {
    let mut bench = bench(Answer::Text);
    let connection = bench.open("2025-11-25").await;
    let waiting = with_arguments("wait", json!({"seconds": 1}));
    let asking = tool("ask");
    let cancel = CancellationToken::new();
    let first = connection.call(waiting.clone(), cancel.clone(), None);
    let second = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        connection.call(asking.clone(), cancel.clone(), None).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok() && second.is_ok());
    let asked = bench.asked.recv().await.expect("a question");
    assert_eq!(asked.origin, Origin::OneOf(vec![waiting, asking]));
    connection.close().await;
}

#[tokio::test]
async fn a_question_is_withdrawn_by_its_server_by_the_caller_and_by_death() {
    let mut bench = bench(Answer::Never);
    let connection = bench.open("2025-11-25").await;
    let result = call(&connection, "ask_and_cancel").await.expect("a result");
    assert_eq!(told(&result), "nothing");
    assert!(bench.asked.recv().await.expect("a question").withdrawn.is_cancelled());

    let cancel = CancellationToken::new();
    let calling = connection.call(tool("ask_and_hang"), cancel.clone(), None);
    let giving_up = async {
        let asked = bench.asked.recv().await.expect("a question");
        cancel.cancel();
        asked
    };
    let (result, asked) = tokio::join!(calling, giving_up);
    assert!(matches!(result, Err(CallError::Cancelled)));
    tokio::time::timeout(Duration::from_secs(1), asked.withdrawn.cancelled()).await.expect("withdrawn");
    bench.event(|event| *event == ServerEvent::Stderr("cancelled".to_owned())).await;

    let result = call(&connection, "ask_and_die").await;
    let Err(CallError::Closed { why, stderr }) = result else { panic!("{result:?}") };
    assert_eq!(why, "the server exited with status 5");
    assert_eq!(stderr.last().map(String::as_str), Some("last words"));
    let asked = bench.asked.recv().await.expect("a question");
    tokio::time::timeout(Duration::from_secs(1), asked.withdrawn.cancelled()).await.expect("withdrawn");
    assert_eq!(connection.closed().await, "the server exited with status 5");
    connection.close().await;
}

#[tokio::test]
async fn noise_is_skipped_and_news_become_events() {
    let mut bench = bench(Answer::Text);
    let connection = bench.open("2025-11-25").await;
    let (sink, mut steps) = mpsc::channel(4);
    let made = tool("noise");
    let result = connection.call(made.clone(), CancellationToken::new(), Some(sink)).await.expect("a result");
    assert_eq!(told(&result), "still here");
    let mut events = Vec::new();
    while events.len() < 7 {
        events.push(bench.events.recv().await.expect("an event").event);
    }
    let expected = [
        ServerEvent::BadLine("\u{fffd}\u{fffd} not utf-8".to_owned()),
        ServerEvent::BadLine("Traceback (most recent call last):".to_owned()),
        ServerEvent::BadLine("1".to_owned()),
        ServerEvent::BadLine("2".to_owned()),
        ServerEvent::Log { level: LogLevel::Warning, logger: Some("l".to_owned()), data: json!({"a": 1}) },
        ServerEvent::Progress { call_id: made.call_id, progress: 1.0, total: Some(2.0), message: None },
        ServerEvent::ToolsChanged,
    ];
    assert_eq!(events, expected);
    let logged = steps.recv().await.expect("a log message");
    assert_eq!(logged.method, "notifications/message");
    assert_eq!(logged.params["data"], json!({"a": 1}), "the call hears it as it came");
    let step = steps.recv().await.expect("progress");
    assert_eq!(step.method, "notifications/progress");
    assert_eq!((step.params["progress"].as_f64(), step.params["total"].as_f64()), (Some(1.0), Some(2.0)));
    connection.close().await;
}

#[tokio::test]
async fn a_message_too_large_is_refused_or_ends_the_connection() {
    let mut bench = bench(Answer::Text);
    let connection = bench.open("2025-11-25").await;
    let result = call(&connection, "huge_question").await.expect("a result");
    assert_eq!(told(&result), json!({"code": -32600, "message": "the message is larger than 16 MiB"}));
    let event = bench.event(|event| matches!(event, ServerEvent::Oversized { .. })).await;
    let ServerEvent::Oversized { id, bytes, method } = event else { unreachable!() };
    assert_eq!((id, method.as_deref()), (Some(json!(77)), Some("sampling/createMessage")));
    assert!(bytes > 17 * 1024 * 1024);

    let result = call(&connection, "huge_result").await;
    assert!(matches!(result, Err(CallError::Protocol { code: -32600, .. })), "{result:?}");
    let result = call(&connection, "huge_riddle").await;
    let Err(CallError::Closed { why, .. }) = result else { panic!("{result:?}") };
    assert!(why.contains("cannot be refused"), "{why}");
    assert!(bench.asked.try_recv().is_err());
    connection.close().await;
}

#[tokio::test]
async fn a_protocol_error_is_told_as_it_came() {
    let bench = bench(Answer::Text);
    let connection = bench.open("2025-11-25").await;
    let result = call(&connection, "error").await;
    let Err(CallError::Protocol { code, message, data }) = result else { panic!("{result:?}") };
    assert_eq!((code, message.as_str(), data), (-32050, "no", Some(json!({"x": 1}))));
    connection.close().await;
}

#[tokio::test]
async fn rounds_are_driven_with_the_state_echoed_as_it_was() {
    let mut bench = bench(Answer::Text);
    let connection = bench.open("2026-07-28").await;
    assert_eq!(connection.identity().era, Era::Stateless);
    let made = tool("rounds");
    let result = connection.call(made.clone(), CancellationToken::new(), None).await.expect("a result");
    let answer = json!({"content": {"type": "text", "text": "yes"}, "x": 1});
    assert_eq!(
        told(&result),
        json!([
            {"name": "rounds"},
            {"name": "rounds", "inputResponses": {"b": answer, "a": answer}, "requestState": "s 1"},
            {"name": "rounds", "inputResponses": {"b": answer}},
        ])
    );
    let mut asked = Vec::new();
    for _ in 0..3 {
        let question = bench.asked.recv().await.expect("a question");
        assert_eq!(question.origin, Origin::Call(made.clone()));
        asked.push((question.round, question.params));
    }
    assert_eq!(asked, [(1, odd_params()), (1, json!({"second": true})), (2, odd_params())]);
    connection.close().await;
}

#[tokio::test]
async fn in_rounds_a_refusal_ends_the_call_and_cancelling_withdraws() {
    let refusing = bench(Answer::Refuse);
    let connection = refusing.open("2026-07-28").await;
    let result = call(&connection, "rounds").await;
    assert!(matches!(result, Err(CallError::Refused(Refusal { code: -1, .. }))), "{result:?}");
    let result = call(&connection, "for_ever").await;
    assert!(matches!(result, Err(CallError::TooManyRounds(32))), "{result:?}");
    let result = call(&connection, "ask_outside").await.expect("a result");
    assert_eq!(told(&result)["code"], -32601);
    connection.close().await;

    let mut waiting = bench(Answer::Never);
    let connection = waiting.open("2026-07-28").await;
    let cancel = CancellationToken::new();
    let calling = connection.call(tool("rounds"), cancel.clone(), None);
    let giving_up = async {
        let asked = waiting.asked.recv().await.expect("a question");
        cancel.cancel();
        asked
    };
    let (result, asked) = tokio::join!(calling, giving_up);
    assert!(matches!(result, Err(CallError::Cancelled)));
    assert!(asked.withdrawn.is_cancelled());
    connection.close().await;
}

#[tokio::test]
async fn a_server_that_exits_on_discover_is_started_again_and_remembered() {
    let bench = bench(Answer::Text);
    let connection = bench.open("exits_on_discover").await;
    assert_eq!(connection.era_hint(), EraHint::Was(Era::Legacy));
    connection.close().await;
}

#[tokio::test]
async fn failures_to_start_say_why() {
    let mut bench = bench(Answer::Text);
    let error = bench.try_open("dies").await.err().expect("an error");
    assert_eq!(error.to_string(), "the server exited with status 7");
    assert_eq!(error.stderr().last().map(String::as_str), Some("cannot find my configuration"));

    bench.connector.settings.start_timeout = Duration::from_secs(1);
    let error = bench.try_open("mute").await.err().expect("an error");
    assert_eq!(error.to_string(), "the server did not speak within 1 s");

    let mut spec = raw_server("2025-11-25");
    spec.transport = TransportSpec::Stdio {
        command: "no-such-command-anywhere".to_owned(),
        args: Vec::new(),
        env: Vec::new(),
        cwd: None,
        confinement: None,
    };
    let opened = bench.connector.open(&spec, EraHint::Unknown, &CancellationToken::new()).await;
    assert!(matches!(opened.err(), Some(ConnectError::CommandNotFound { .. })));
}

#[tokio::test]
#[cfg(unix)]
async fn a_child_gets_the_list_and_its_group_ends_with_it() {
    let bench = bench(Answer::Text);
    let connection = bench.open("2025-11-25").await;
    let names = told(&call(&connection, "env").await.expect("a result"));
    let names: Vec<_> = names.as_array().expect("names").iter().filter_map(Value::as_str).collect();
    assert!(names.contains(&"GIVEN") && names.contains(&"PATH"), "{names:?}");
    assert!(!names.contains(&"NOT_GIVEN"), "{names:?}");

    let pids = told(&call(&connection, "grandchild").await.expect("a result"));
    connection.close().await;
    for pid in pids.as_array().expect("pids") {
        let pid = i32::try_from(pid.as_i64().expect("a pid")).expect("a pid");
        assert!(gone(pid).await, "{pid} is still there");
    }
}

#[cfg(unix)]
async fn gone(pid: i32) -> bool {
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    for _ in 0..60 {
        if rustix::process::test_kill_process(pid).is_err() {
            return true;
        }
        // A zombie whose new parent has not looked yet is gone as well.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap_or_default();
        if stat.contains(") Z ") {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
