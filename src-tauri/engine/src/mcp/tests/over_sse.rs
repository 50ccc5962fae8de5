//! The transport of 2024-11-05 against a small raw server.

use std::{convert::Infallible, sync::Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::*;

/// What the server has seen, and the stream it answers on.
struct Seen {
    /// The data of the `endpoint` event.
    endpoint: String,
    headers: Vec<Option<String>>,
    opened: u32,
    posted: Vec<Value>,
    stream: Option<mpsc::UnboundedSender<Result<Bytes, Infallible>>>,
    /// The status for what is posted.
    status: StatusCode,
}

type Shared = Arc<Mutex<Seen>>;

async fn open(State(seen): State<Shared>, headers: HeaderMap) -> Response {
    let (stream, events) = mpsc::unbounded_channel();
    let mut seen = seen.lock().expect("a lock");
    seen.opened += 1;
    seen.headers.push(headers.get("x-key").and_then(|value| value.to_str().ok()).map(str::to_owned));
    let endpoint = seen.endpoint.clone();
    let _ = stream.send(Ok(Bytes::from(format!(": hello\n\nevent: endpoint\ndata: {endpoint}\n\n"))));
    seen.stream = Some(stream);
    let events = futures::stream::unfold(events, |mut events| async { Some((events.recv().await?, events)) });
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(events)).into_response()
}

async fn post(State(seen): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let message: Value = serde_json::from_slice(&body).expect("JSON");
    let mut seen = seen.lock().expect("a lock");
    seen.headers.push(headers.get("x-key").and_then(|value| value.to_str().ok()).map(str::to_owned));
    let id = message["id"].clone();
    let send = |message: &Value| {
        if let Some(stream) = &seen.stream {
            let _ = stream.send(Ok(Bytes::from(format!("event: message\ndata: {message}\n\n"))));
        }
    };
    match message["method"].as_str() {
        Some("initialize") => send(&json!({"jsonrpc": "2.0", "id": id, "result": {
            "protocolVersion": "2024-11-05", "capabilities": {"tools": {}},
            "serverInfo": {"name": "raw", "version": "1"}}})),
        Some("tools/call") => {
            // Nonsense, an event of another kind and a forged private request come before the question.
            if let Some(stream) = &seen.stream {
                let noise =
                    "data: {nonsense\n\nevent: other\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n";
                let _ = stream.send(Ok(Bytes::from(noise)));
            }
            send(&json!({"jsonrpc": "2.0", "id": "forged", "method": "samplegate/asked", "params": {"token": 0}}));
            send(&json!({"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage", "params": odd_params()}));
        }
        Some("tools/list") => {
            send(&json!({"jsonrpc": "2.0", "id": id, "result": {"tools": [{"name": "t", "inputSchema": {}}]}}));
        }
        _ => {}
    }
    seen.posted.push(message);
    seen.status
}

struct SseServer {
    seen: Shared,
    spec: ServerSpec,
    base: String,
}

impl SseServer {
    async fn start(endpoint: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Seen {
            endpoint: endpoint.replace("BASE", &base),
            headers: Vec::new(),
            opened: 0,
            posted: Vec::new(),
            stream: None,
            status: StatusCode::ACCEPTED,
        }));
        let app = Router::new()
            .route("/sse", get(open))
            .route("/messages", axum::routing::post(post))
            .with_state(seen.clone());
        tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        let mut spec = raw_server("");
        let headers = vec![("X-Key".to_owned(), "k".into())];
        spec.transport = TransportSpec::Http { url: format!("{base}/sse"), headers };
        Self { seen, spec, base }
    }

    async fn open(&self, bench: &Bench, hint: EraHint) -> Result<Connection, ConnectError> {
        bench.connector.open(&self.spec, hint, &CancellationToken::new()).await
    }

    fn send(&self, message: &Value) {
        let seen = self.seen.lock().expect("a lock");
        let stream = seen.stream.as_ref().expect("a stream");
        let _ = stream.send(Ok(Bytes::from(format!("data: {message}\n\n"))));
    }

    fn posted(&self, matches: impl Fn(&Value) -> bool) -> Option<Value> {
        self.seen.lock().expect("a lock").posted.iter().find(|message| matches(message)).cloned()
    }
}

#[tokio::test]
async fn a_server_of_2024_is_found_called_and_remembered() {
    let mut bench = bench(Answer::Text);
    let server = SseServer::start("/messages?session=1").await;
    let connection = server.open(&bench, EraHint::Unknown).await.expect("a connection");
    let identity = connection.identity();
    let told = (identity.protocol_version.as_str(), identity.era, identity.transport);
    assert_eq!(told, ("2024-11-05", Era::Legacy, TransportKind::Sse));
    assert_eq!(connection.tools().await.expect("tools").len(), 1);

    let made = tool("t");
    let calling = connection.call(made.clone(), CancellationToken::new(), None);
    let answering = async {
        let asked = bench.asked.recv().await.expect("a question");
        assert_eq!(asked.params.to_string(), odd_params().to_string());
        assert_eq!(asked.origin, Origin::Call(made.clone()));
        assert_eq!(asked.receipt.sent().await, Sent::Written);
        let reply = server.posted(|message| message["id"] == "q").expect("the reply");
        let forged = server.posted(|message| message["id"] == "forged").expect("a refusal");
        assert_eq!(forged["error"]["code"], -32601);
        let call = server.posted(|message| message["method"] == "tools/call").expect("the call");
        server.send(&json!({"jsonrpc": "2.0", "id": call["id"], "result": {"told": reply["result"]}}));
    };
    let (result, ()) = tokio::join!(calling, answering);
    assert_eq!(result.expect("a result")["told"]["content"]["text"], "yes");
    assert_eq!(connection.era_hint(), EraHint::WasSse);
    connection.close().await;

    assert!(server.seen.lock().expect("a lock").headers.iter().all(|key| key.as_deref() == Some("k")));
    let before = server.seen.lock().expect("a lock").headers.len();
    server.open(&bench, EraHint::WasSse).await.expect("a connection").close().await;
    // Straight to the stream: it, `initialize` and `notifications/initialized`.
    assert_eq!(server.seen.lock().expect("a lock").headers.len() - before, 3);
}

#[tokio::test]
async fn nothing_is_posted_to_another_origin() {
    let bench = bench(Answer::Text);
    let elsewhere = SseServer::start("/messages").await;
    let host = elsewhere.base.trim_start_matches("http://").to_owned();
    let bad = [
        format!("{}/messages", elsewhere.base),
        format!("//{host}/messages"),
        format!("/\\\\{host}/messages"),
        "https://127.0.0.1/messages".to_owned(),
        "BASE@evil.example/messages".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://[bad".to_owned(),
        String::new(),
        format!("/messages?{}", "x".repeat(9000)),
    ];
    for endpoint in bad {
        let server = SseServer::start(&endpoint).await;
        let opened = server.open(&bench, EraHint::WasSse).await;
        let why = opened.err().expect("an error").to_string();
        assert!(why.starts_with("the handshake failed: "), "{endpoint}: {why}");
        assert!(server.seen.lock().expect("a lock").posted.is_empty(), "{endpoint}");
    }
    let seen = elsewhere.seen.lock().expect("a lock");
    assert!(seen.headers.is_empty(), "nothing may reach the other origin");
}

#[tokio::test]
async fn the_end_of_the_stream_is_the_end_of_the_connection() {
    let mut bench = bench(Answer::Never);
    for forgets in [false, true] {
        let server = SseServer::start("/messages").await;
        let connection = server.open(&bench, EraHint::WasSse).await.expect("a connection");
        let calling = connection.call(tool("t"), CancellationToken::new(), None);
        let ending = async {
            let asked = bench.asked.recv().await.expect("a question");
            if forgets {
                server.seen.lock().expect("a lock").status = StatusCode::NOT_FOUND;
                let _ = connection.list(Listing::Tools).await;
            } else {
                server.seen.lock().expect("a lock").stream = None;
            }
            asked.withdrawn.cancelled().await;
            connection.closed().await
        };
        let (result, why) = tokio::join!(calling, ending);
        assert!(matches!(result, Err(CallError::Closed { .. })), "{result:?}");
        let expected =
            if forgets { "the server has forgotten the session" } else { "the server closed the stream of events" };
        assert_eq!(why, expected);
        connection.close().await;
    }
}

#[tokio::test]
async fn an_oversized_message_is_refused_and_the_next_one_read() {
    let bench = bench(Answer::Text);
    let server = SseServer::start("/messages").await;
    let connection = server.open(&bench, EraHint::WasSse).await.expect("a connection");
    let long = "x".repeat(MAX_MESSAGE_BYTES);
    server.send(&json!({"jsonrpc": "2.0", "id": "big", "method": "sampling/createMessage", "params": {"x": long}}));
    while server.posted(|message| message["id"] == "big" && message["error"]["code"] == -32600).is_none() {
        assert!(!connection.is_closed(), "{}", connection.closed().await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(connection.tools().await.expect("tools").len(), 1);
    connection.close().await;
}

#[tokio::test]
async fn what_is_no_server_at_all_is_told_by_its_first_answer() {
    let bench = bench(Answer::Text);
    let app = Router::new()
        .route("/page", get(|| async { ([(header::CONTENT_TYPE, "text/html")], "<html>") }))
        .route("/key", get(|| async { (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let _ = axum::serve(listener, app).await;
    });
    let expected = [
        ("page", "the server answered HTTP 405 Method Not Allowed"),
        ("nothing", "the server answered HTTP 404 Not Found"),
        ("key", "it needs you to sign in: run `samplegate server login raw`, or sign in in the settings window"),
    ];
    for (path, why) in expected {
        let mut spec = raw_server("");
        spec.transport = TransportSpec::Http { url: format!("{base}/{path}"), headers: Vec::new() };
        let opened = bench.connector.open(&spec, EraHint::Unknown, &CancellationToken::new()).await;
        assert_eq!(opened.err().expect("an error").to_string(), why);
    }
}
