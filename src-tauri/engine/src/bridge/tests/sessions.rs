//! Revisions with sessions, and the one without.

use super::*;

#[tokio::test]
async fn a_session_is_opened_kept_and_ended() {
    let gateway = Gateway::start(in_sessions(|seen| match seen.message["method"].as_str() {
        Some("tools/call") => {
            Reply::Json(StatusCode::OK, None, result(&seen.message["id"], seen.message["params"].clone()))
        }
        _ if seen.method == "GET" => {
            let (events, reply) = raw::events(&["data: {\"jsonrpc\":\"2.0\",\ndata: \"method\":\"x\"}\n\n"]);
            // Open for as long as somebody listens.
            tokio::spawn(async move { events.closed().await });
            reply
        }
        _ => Reply::Status(StatusCode::ACCEPTED),
    }))
    .await;
    let mut host = Host::of(&gateway);
    host.initialize().await;
    assert_eq!(host.hear().await, json!({"jsonrpc": "2.0", "method": "x"}), "what the server sends on its own");
    let line = r#"{ "id":"a",  "method":"tools/call","params":{"name":"t","n":1.0,"big":12345678901234567890123} }"#;
    host.say(line).await;
    assert_eq!(host.hear().await["id"], "a");
    assert_eq!(host.leave().await, [] as [Value; 0]);

    let seen = gateway.seen();
    for seen in &seen {
        assert_eq!(seen.path, "/mcp/one");
        assert_eq!(seen.header("authorization"), Some("Bearer secret"));
        assert_eq!(seen.header("x-samplegate-host"), Some("editor"));
    }
    assert_eq!(seen[0].header("mcp-session-id"), None);
    for seen in &seen[1..] {
        assert_eq!(seen.header("mcp-session-id"), Some("session-0"), "{seen:?}");
        assert_eq!(seen.header("mcp-protocol-version"), Some("2025-06-18"), "the one that was agreed on");
        assert_eq!(seen.header("mcp-method"), None);
    }
    let call = seen.iter().find(|seen| seen.message["method"] == "tools/call").unwrap();
    assert_eq!(call.body, line, "not a byte was changed");
    assert_eq!(seen.last().unwrap().method, "DELETE");
}

#[tokio::test]
async fn since_2026_07_28_a_request_says_in_headers_what_it_is() {
    let gateway =
        Gateway::start(Arc::new(|seen| Reply::Json(StatusCode::OK, None, result(&seen.message["id"], "done")))).await;
    let mut host = Host::of(&gateway);
    host.say(whole_call(7, "t")).await;
    assert_eq!(host.hear().await, result(&json!(7), "done"));
    host.leave().await;
    let [seen] = &gateway.seen()[..] else { panic!("{:?}", gateway.seen()) };
    let header = |name| seen.header(name).unwrap();
    assert_eq!(
        (header("mcp-protocol-version"), header("mcp-method"), header("mcp-name")),
        ("2026-07-28", "tools/call", "t")
    );
    assert_eq!(seen.header("mcp-session-id"), None);
}

#[tokio::test]
async fn a_session_that_expired_is_opened_again() {
    let gateway = Gateway::start(in_sessions(|seen| match seen.header("mcp-session-id") {
        Some("session-0") if seen.message["method"] != "logging/setLevel" => Reply::Status(StatusCode::NOT_FOUND),
        _ if seen.method == "GET" => Reply::Status(StatusCode::METHOD_NOT_ALLOWED),
        session => Reply::Json(StatusCode::OK, None, result(&seen.message["id"], session)),
    }))
    .await;
    let mut host = Host::of(&gateway);
    host.say(initialize()).await;
    host.hear().await;
    host.say(json!({"jsonrpc": "2.0", "id": 1, "method": "logging/setLevel", "params": {"level": "info"}})).await;
    host.hear().await;
    host.say(call(2, "t")).await;
    let answer = host.hear().await;
    assert_eq!(answer["id"], 2);
    let session = answer["result"].as_str().unwrap().to_owned();
    assert_ne!(session, "session-0");
    let seen = gateway.seen();
    let again = |method: &str| {
        seen.iter().any(|seen| seen.header("mcp-session-id") == Some(&session) && seen.message["method"] == method)
    };
    assert!(again("logging/setLevel"), "what the host said once holds in the new session");
    host.leave().await;
}

#[tokio::test]
async fn what_refuses_a_request_is_its_answer() {
    let gateway = Gateway::start(Arc::new(|seen| match seen.message["params"]["name"].as_str() {
        Some("own") => {
            let error = json!({"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32020, "message": "m"}});
            Reply::Json(StatusCode::BAD_REQUEST, None, error)
        }
        Some("taken") => Reply::Status(StatusCode::ACCEPTED),
        _ => Reply::Status(StatusCode::PAYLOAD_TOO_LARGE),
    }))
    .await;
    let mut host = Host::of(&gateway);
    host.say(whole_call(1, "own")).await;
    assert_eq!(host.hear().await, json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32020, "message": "m"}}));
    host.say(whole_call(2, "large")).await;
    let answer = host.hear().await;
    assert_eq!((&answer["id"], answer["error"]["message"].as_str().unwrap().contains("413")), (&json!(2), true));
    host.say(whole_call(3, "taken")).await;
    let answer = host.hear().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(3), &json!(-32000)));
    host.leave().await;
}

#[tokio::test]
async fn lines_that_cannot_be_sent_are_refused_and_the_next_one_is_heard() {
    let gateway = Gateway::start(Arc::new(|seen| {
        Reply::Json(StatusCode::OK, None, result(&seen.message["id"], seen.body.len()))
    }))
    .await;
    let mut host = Host::of(&gateway);
    host.say("no JSON").await;
    let answer = host.hear().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32700)));
    let fill = |bytes: usize| {
        let frame = whole_call(1, "").to_string().len();
        whole_call(1, &"x".repeat(bytes - frame)).to_string()
    };
    host.say(fill(crate::mcp::MAX_MESSAGE_BYTES + 1)).await;
    let answer = host.hear().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32600)));
    assert!(answer["error"]["message"].as_str().unwrap().contains("16 MiB"));
    host.say("").await;
    host.say(whole_call(2, "t")).await;
    assert_eq!(host.hear().await["id"], 2);
    assert_eq!(gateway.seen().len(), 1, "nothing of them was sent");
    host.leave().await;
}
