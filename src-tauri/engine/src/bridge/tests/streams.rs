//! Many requests at once, cancellation, and streams that break.

use super::*;

/// Answers the call of `quick`, and holds the others.
fn holding() -> raw::Behaviour {
    in_sessions(|seen| match seen.message["params"]["name"].as_str() {
        Some("quick") => Reply::Json(StatusCode::OK, None, result(&seen.message["id"], "quick")),
        Some(_) => Reply::Never,
        None => Reply::Status(StatusCode::METHOD_NOT_ALLOWED),
    })
}

#[tokio::test]
async fn a_slow_call_holds_up_nothing() {
    let gateway = Gateway::start(holding()).await;
    let mut host = Host::of(&gateway);
    host.initialize().await;
    for id in 1..=300 {
        host.say(call(id, "slow")).await;
    }
    host.say(call("q", "quick")).await;
    assert_eq!(host.hear().await, result(&json!("q"), "quick"));
    host.say(whole_call("w", "quick")).await;
    assert_eq!(host.hear().await, result(&json!("w"), "quick"));
    host.end.cancel();
    assert_eq!(host.leave().await, [] as [Value; 0]);
}

#[tokio::test]
async fn an_id_is_used_once_at_a_time() {
    let gateway = Gateway::start(holding()).await;
    let mut host = Host::of(&gateway);
    host.say(whole_call(1, "slow")).await;
    host.say(whole_call(1, "quick")).await;
    let answer = host.hear().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32600)));
    host.end.cancel();
    host.leave().await;
}

#[tokio::test]
async fn a_cancelled_request_without_a_session_is_withdrawn_by_the_end_of_its_stream() {
    let gateway = Gateway::start(holding()).await;
    let mut host = Host::of(&gateway);
    host.say(whole_call(1, "slow")).await;
    gateway.wait_for(|seen| seen.message["id"] == 1).await;
    host.say(cancelled(1)).await;
    gateway.wait_for_dropped(1).await;
    host.say(whole_call(2, "quick")).await;
    assert_eq!(host.hear().await["id"], 2);
    assert_eq!(host.leave().await, [] as [Value; 0], "a cancelled request has no answer");
    assert!(gateway.seen().iter().all(|seen| seen.message["method"] == "tools/call"));
}

#[tokio::test]
async fn a_cancelled_request_of_a_session_is_told_to_it_and_its_late_answer_dropped() {
    let (late, reply) = raw::events(&[": here\n\n"]);
    let reply = std::sync::Mutex::new(Some(reply));
    let gateway = Gateway::start(in_sessions(move |seen| match seen.message["params"]["name"].as_str() {
        Some("slow") => reply.lock().unwrap().take().unwrap(),
        Some(_) => Reply::Json(StatusCode::OK, None, result(&seen.message["id"], "quick")),
        None => Reply::Status(StatusCode::METHOD_NOT_ALLOWED),
    }))
    .await;
    let mut host = Host::of(&gateway);
    host.initialize().await;
    host.say(call(1, "slow")).await;
    host.say(cancelled(1)).await;
    let told = gateway.wait_for(|seen| seen.message["method"] == "notifications/cancelled").await;
    assert_eq!(told.message, cancelled(1));
    let before = gateway.seen().into_iter().find(|seen| seen.message["method"] == "tools/call").unwrap();
    assert!(before.number < told.number, "it did not overtake its request");
    let _ = late.send(Ok(raw::event(&result(&json!(1), "late"))));
    host.say(call(2, "quick")).await;
    assert_eq!(host.hear().await["id"], 2);
    assert_eq!(host.leave().await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_stream_that_breaks_is_taken_up_where_it_was() {
    let (events, reply) = raw::events(&["id: 1\ndata:\n\n", "id: 2\nretry: 1\ndata: {\"method\":\"first\"}\n\n"]);
    let reply = std::sync::Mutex::new(Some(reply));
    let gateway = Gateway::start(in_sessions(move |seen| {
        match (seen.message["method"].as_str(), seen.header("last-event-id")) {
            (Some("tools/call"), _) => reply.lock().unwrap().take().unwrap(),
            // It ends without an error, as a stream does that is to be asked for later.
            (_, Some("2")) => raw::events(&["id: 3\nretry: 1\ndata: {\"method\":\"second\"}\n\n"]).1,
            (_, Some("3")) => raw::events(&[&raw::event(&result(&json!(1), "third"))]).1,
            _ => Reply::Status(StatusCode::METHOD_NOT_ALLOWED),
        }
    }))
    .await;
    let mut host = Host::of(&gateway);
    host.initialize().await;
    host.say(call(1, "t")).await;
    assert_eq!(host.hear().await["method"], "first");
    events.send(Err(std::io::Error::other("broken"))).unwrap();
    assert_eq!(host.hear().await["method"], "second");
    assert_eq!(host.hear().await, result(&json!(1), "third"));
    assert_eq!(host.leave().await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_stream_that_brings_nothing_ends_in_an_error() {
    let gateway = Gateway::start(in_sessions(|seen| {
        let priming = seen.message["method"] == "tools/call";
        raw::events(if priming { &["id: 1\nretry: 1\ndata:\n\n"] } else { &[] }).1
    }))
    .await;
    let mut host = Host::of(&gateway);
    host.initialize().await;
    host.say(call(1, "t")).await;
    let answer = host.hear().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32000)));
    host.leave().await;
}

#[tokio::test]
async fn questions_of_the_server_are_answered_by_the_host() {
    let (events, reply) = raw::events(&[&raw::event(&json!({"jsonrpc": "2.0", "id": 5, "method": "ping"}))]);
    let reply = std::sync::Mutex::new(Some(reply));
    let gateway = Gateway::start(in_sessions(move |seen| match seen.message["method"].as_str() {
        Some("tools/call") => reply.lock().unwrap().take().unwrap(),
        _ if seen.method == "GET" => Reply::Status(StatusCode::METHOD_NOT_ALLOWED),
        _ => Reply::Status(StatusCode::ACCEPTED),
    }))
    .await;
    let mut host = Host::of(&gateway);
    host.initialize().await;
    host.say(call(1, "t")).await;
    assert_eq!(host.hear().await["method"], "ping");
    host.say(result(&json!(5), json!({}))).await;
    let answer = gateway.wait_for(|seen| seen.message["id"] == 5).await;
    assert_eq!(answer.header("mcp-session-id"), Some("session-0"));
    events.send(Ok(raw::event(&result(&json!(1), "done")))).unwrap();
    assert_eq!(host.hear().await["result"], "done");
    host.leave().await;
}
