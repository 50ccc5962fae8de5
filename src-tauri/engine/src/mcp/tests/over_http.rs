//! Streamable HTTP against a small raw server.

use std::{convert::Infallible, sync::Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};

use super::*;

/// What the server has seen, and the streams it answers calls on.
#[derive(Default)]
struct Seen {
    headers: Vec<Option<String>>,
    answers: Vec<Value>,
    sessions: u32,
    expire: bool,
    /// The status for answers, where it is not 202.
    refuse_answers: Option<StatusCode>,
    calls: Vec<(Value, mpsc::UnboundedSender<Result<Bytes, Infallible>>)>,
}

type Shared = Arc<Mutex<Seen>>;

fn event(message: &Value) -> Result<Bytes, Infallible> {
    Ok(Bytes::from(format!("event: message\ndata: {message}\n\n")))
}

fn json_response(id: &Value, result: &Value) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn serve(State(seen): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let message: Value = serde_json::from_slice(&body).expect("JSON");
    let mut seen = seen.lock().expect("a lock");
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    seen.headers.push(text("x-key"));
    let id = &message["id"];
    if seen.expire && message["method"] == "tools/list" && headers.contains_key("mcp-session-id") {
        seen.expire = false;
        return StatusCode::NOT_FOUND.into_response();
    }
    match message["method"].as_str() {
        Some("server/discover") => StatusCode::BAD_REQUEST.into_response(),
        Some("initialize") => {
            seen.sessions += 1;
            let mut response = json_response(
                id,
                &json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                    "serverInfo": {"name": "raw", "version": "1"}}),
            );
            let session = seen.sessions.to_string().parse().expect("a header");
            response.headers_mut().insert("mcp-session-id", session);
            response
        }
        Some("tools/list") => {
            json_response(id, &json!({"tools": [{"name": "t", "inputSchema": {"type": "object"}, "future": 1}]}))
        }
        Some("tools/call") => {
            let (stream, events) = mpsc::unbounded_channel();
            let question = json!({"jsonrpc": "2.0", "id": format!("q-{id}"), "method": "sampling/createMessage",
                "params": odd_params()});
            let _ = stream.send(event(&question));
            seen.calls.push((id.clone(), stream));
            let events = futures::stream::unfold(events, |mut events| async { Some((events.recv().await?, events)) });
            ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
        }
        Some(_) => StatusCode::ACCEPTED.into_response(),
        None => {
            seen.answers.push(message["result"].clone());
            seen.refuse_answers.unwrap_or(StatusCode::ACCEPTED).into_response()
        }
    }
}

struct HttpServer {
    seen: Shared,
    spec: ServerSpec,
    task: tokio::task::JoinHandle<()>,
}

async fn http_server() -> HttpServer {
    let seen = Shared::default();
    let app = Router::new().route("/mcp", post(serve)).with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, app).await;
    });
    let mut spec = raw_server("");
    spec.transport = TransportSpec::Http { url, headers: vec![("X-Key".to_owned(), "k".into())] };
    HttpServer { seen, spec, task }
}

impl HttpServer {
    fn last_call(&self) -> (Value, mpsc::UnboundedSender<Result<Bytes, Infallible>>) {
        self.seen.lock().expect("a lock").calls.pop().expect("a call")
    }
}

#[tokio::test]
async fn a_question_on_the_stream_of_a_call_belongs_to_it() {
    let mut bench = bench(Answer::Text);
    let server = http_server().await;
    let never = CancellationToken::new();
    let connection = bench.connector.open(&server.spec, EraHint::Unknown, &never).await.expect("a connection");
    assert_eq!(connection.identity().protocol_version, "2025-06-18");
    assert_eq!(connection.identity().transport, TransportKind::Http);
    let tools = connection.tools().await.expect("tools");
    assert_eq!(tools, [json!({"name": "t", "inputSchema": {"type": "object"}, "future": 1})]);

    let made = tool("t");
    let calling = connection.call(made.clone(), never.clone(), None);
    let answering = async {
        let asked = bench.asked.recv().await.expect("a question");
        assert_eq!(asked.params.to_string(), odd_params().to_string());
        assert_eq!(asked.origin, Origin::Call(made.clone()));
        while server.seen.lock().expect("a lock").answers.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let told = server.seen.lock().expect("a lock").answers[0].clone();
        let (id, stream) = server.last_call();
        let done = json!({"jsonrpc": "2.0", "id": id, "result": {"told": told, "future": 1}});
        let _ = stream.send(event(&done));
    };
    let (result, ()) = tokio::join!(calling, answering);
    let answer = json!({"content": {"type": "text", "text": "yes"}, "x": 1});
    assert_eq!(result.expect("a result"), json!({"told": answer, "future": 1}));
    assert!(server.seen.lock().expect("a lock").headers.iter().all(|key| key.as_deref() == Some("k")));
    connection.close().await;
}

#[tokio::test]
async fn a_reply_is_written_when_its_post_is_accepted() {
    let accepted = [
        (None, Sent::Written),
        (Some(StatusCode::BAD_GATEWAY), Sent::Failed("the server answered HTTP 502 Bad Gateway".to_owned())),
    ];
    for (status, sent) in accepted {
        let mut bench = bench(Answer::Text);
        let server = http_server().await;
        server.seen.lock().expect("a lock").refuse_answers = status;
        let never = CancellationToken::new();
        let connection = bench.connector.open(&server.spec, EraHint::Unknown, &never).await.expect("a connection");
        let cancel = CancellationToken::new();
        let calling = connection.call(tool("t"), cancel.clone(), None);
        let watching = async {
            let asked = bench.asked.recv().await.expect("a question");
            let told = asked.receipt.sent().await;
            cancel.cancel();
            told
        };
        let (_, told) = tokio::join!(calling, watching);
        assert_eq!(told, sent);
        connection.close().await;
    }
}

#[tokio::test]
async fn headers_and_messages_do_not_follow_a_redirect_to_another_origin() {
    let bench = bench(Answer::Text);
    let elsewhere = http_server().await;
    let TransportSpec::Http { url: target, .. } = elsewhere.spec.transport.clone() else { unreachable!() };
    for status in [StatusCode::FOUND, StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT] {
        let to = target.clone();
        let redirect = move || async move { (status, [(header::LOCATION, to)]) };
        let app = Router::new().route("/mcp", post(redirect.clone()).get(redirect));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        let mut spec = raw_server("");
        spec.transport = TransportSpec::Http { url, headers: vec![("X-Key".to_owned(), "k".into())] };
        let opened = bench.connector.open(&spec, EraHint::Unknown, &CancellationToken::new()).await;
        let why = opened.err().expect("an error").to_string();
        assert!(why.contains(status.as_str()), "{why}");
    }
    assert!(elsewhere.seen.lock().expect("a lock").headers.is_empty(), "nothing may reach the other origin");
}

#[tokio::test]
async fn of_several_calls_each_question_belongs_to_its_own() {
    let mut bench = bench(Answer::Never);
    let server = http_server().await;
    let cancel = CancellationToken::new();
    let connection = bench.connector.open(&server.spec, EraHint::Unknown, &cancel).await.expect("a connection");
    let made = [tool("t"), tool("t"), tool("t")];
    let calling = futures::future::join_all(made.iter().map(|made| {
        let cancel = cancel.clone();
        connection.call(made.clone(), cancel, None)
    }));
    let watching = async {
        let mut origins = Vec::new();
        for _ in 0..made.len() {
            let asked = bench.asked.recv().await.expect("a question");
            let Origin::Call(call) = asked.origin else { panic!("{:?}", asked.origin) };
            origins.push(call.call_id);
        }
        cancel.cancel();
        origins.sort();
        origins
    };
    let (results, origins) = tokio::join!(calling, watching);
    assert!(results.iter().all(|result| matches!(result, Err(CallError::Cancelled))));
    assert_eq!(origins, made.map(|made| made.call_id));
    connection.close().await;
}

#[tokio::test]
async fn a_broken_stream_withdraws_its_question_and_ends_its_call() {
    let mut bench = bench(Answer::Never);
    let server = http_server().await;
    let never = CancellationToken::new();
    let connection = bench.connector.open(&server.spec, EraHint::Unknown, &never).await.expect("a connection");
    let calling = connection.call(tool("t"), never.clone(), None);
    let breaking = async {
        let asked = bench.asked.recv().await.expect("a question");
        drop(server.last_call());
        tokio::time::timeout(Duration::from_secs(2), asked.withdrawn.cancelled()).await.expect("withdrawn");
    };
    let (result, ()) = tokio::join!(calling, breaking);
    assert!(matches!(result, Err(CallError::Closed { .. })), "{result:?}");

    // A session the server forgot is renewed without anyone noticing.
    server.seen.lock().expect("a lock").expire = true;
    assert_eq!(connection.tools().await.expect("tools").len(), 1);
    assert_eq!(server.seen.lock().expect("a lock").sessions, 2);
    connection.close().await;
}

#[tokio::test]
async fn an_unreachable_server_is_said_to_be_one() {
    let bench = bench(Answer::Text);
    let server = http_server().await;
    server.task.abort();
    let _ = server.task.await;
    let opened = bench.connector.open(&server.spec, EraHint::Unknown, &CancellationToken::new()).await;
    let told = opened.err().expect("an error").to_string();
    assert!(told.starts_with("the server cannot be reached (") && !told.contains("http://"), "{told}");
}

#[tokio::test]
async fn what_a_server_answers_instead_is_said_without_its_content() {
    let bench = bench(Answer::Text);
    let html = ([(header::CONTENT_TYPE, "text/html")], "<html>");
    let app = Router::new()
        .route("/closed", post(|| async { StatusCode::UNAUTHORIZED }))
        .route("/lost", post(|| async { (StatusCode::NOT_FOUND, "a secret") }))
        .route("/page", post(move || async move { html }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let _ = axum::serve(listener, app).await;
    });
    let expected = [
        ("closed", "it needs you to sign in: run `samplegate server login raw`, or sign in in the settings window"),
        ("lost", "the server answered HTTP 404 Not Found"),
        ("page", "the server answered with text/html, which is not MCP"),
    ];
    for (path, why) in expected {
        let mut spec = raw_server("");
        spec.transport = TransportSpec::Http { url: format!("{base}/{path}"), headers: Vec::new() };
        let opened = bench.connector.open(&spec, EraHint::Unknown, &CancellationToken::new()).await;
        assert_eq!(opened.err().expect("an error").to_string(), why);
    }
}
