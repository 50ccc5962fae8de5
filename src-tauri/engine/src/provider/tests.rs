//! Against a server in this process, for each way in which one can fail.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap as AxumHeaders, Response as AxumResponse, StatusCode},
    routing::any,
};
use futures::StreamExt as _;
use samplegate_core::{answer::StopReason, model_format::provider, request::Block};
use tokio::net::TcpListener;

use super::*;

const PROMPT: &str = "the prompt of the test";
const KEY: &str = "sk-test-0123456789";

/// How the fake answers one request.
#[derive(Clone)]
enum Reply {
    Status(u16, Option<&'static str>, &'static str),
    /// Pieces of a body; then the end, an abrupt one, or nothing for ever.
    Stream(Vec<String>, Then),
}

#[derive(Clone, Copy)]
enum Then {
    End,
    Break,
    Hang,
}

#[derive(Clone)]
struct Fake {
    replies: Arc<Mutex<Vec<Reply>>>,
    seen: Arc<Mutex<Vec<(AxumHeaders, Bytes)>>>,
    url: String,
}

async fn answer(State(fake): State<Fake>, headers: AxumHeaders, body: Bytes) -> AxumResponse<Body> {
    fake.seen.lock().unwrap().push((headers, body));
    let reply = {
        let mut replies = fake.replies.lock().unwrap();
        if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() }
    };
    match reply {
        Reply::Status(status, after, body) => {
            let mut response = AxumResponse::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            if let Some(after) = after {
                response.headers_mut().insert("retry-after", after.parse().unwrap());
            }
            if status / 100 == 3 {
                response.headers_mut().insert("location", "http://127.0.0.1:1/".parse().unwrap());
            }
            response
        }
        Reply::Stream(pieces, then) => {
            let pieces = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
            let end: futures::stream::BoxStream<'_, _> = match then {
                Then::End => futures::stream::empty().boxed(),
                Then::Break => futures::stream::once(async {
                    // What was sent before must have gone out.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Err(std::io::Error::other("gone"))
                })
                .boxed(),
                Then::Hang => futures::stream::pending().boxed(),
            };
            AxumResponse::new(Body::from_stream(pieces.chain(end)))
        }
    }
}

async fn fake(replies: Vec<Reply>) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let fake = Fake { replies: Arc::new(Mutex::new(replies)), seen: Arc::default(), url };
    let app = Router::new().fallback(any(answer)).with_state(fake.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    fake
}

fn said(text: &str, finish: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": finish});
    format!("data: {}\n\n", json!({"model": "fake-1", "choices": [choice]}))
}

fn good() -> Reply {
    Reply::Stream(vec![said("Hel", None), said("lo", Some("stop")), "data: [DONE]\n\n".into()], Then::End)
}

fn wire(url: &str) -> WireRequest {
    let request = SamplingRequest::parse(json!({
        "messages": [{"role": "user", "content": {"type": "text", "text": PROMPT}}], "maxTokens": 9,
    }))
    .unwrap();
    model_format::encode(provider("openai").unwrap(), Some(url), "m", &request).unwrap()
}

fn client() -> Client {
    Client::new(Patience { connect: Duration::from_secs(2), silence: Duration::from_millis(300) })
}

async fn run(fake: &Fake) -> (Result<Completion, ProviderError>, Vec<Progress>) {
    let mut told = Vec::new();
    let key = SecretString::from(KEY);
    let outcome = client().complete(&wire(&fake.url), Some(&key), |event| told.push(event), &Control::default()).await;
    if let Err(error) = &outcome {
        let words = format!("{error} {error:?}");
        assert!(!words.contains(PROMPT) && !words.contains(KEY), "{words}");
    }
    (outcome, told)
}

#[tokio::test]
async fn sends_exactly_the_bytes_and_the_key() {
    let fake = fake(vec![good()]).await;
    let (outcome, told) = run(&fake).await;
    assert_eq!(
        outcome,
        Ok(Completion {
            content: vec![Block::Text("Hello".into())],
            stop_reason: StopReason::EndTurn,
            model: Some("fake-1".into()),
            usage: None,
        })
    );
    let text: String = told
        .iter()
        .filter_map(|event| match event {
            Progress::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!((text.as_str(), &told[0]), ("Hello", &Progress::Sending));
    let seen = fake.seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].1, wire(&fake.url).body);
    assert_eq!(seen[0].0["authorization"], format!("Bearer {KEY}"));
    assert_eq!(seen[0].0["content-type"], "application/json");
}

#[tokio::test]
async fn a_refused_key_is_final_and_never_repeated() {
    let fake = fake(vec![Reply::Status(401, None, r#"{"error":{"message":"bad key sk-test-0123456789"}}"#)]).await;
    let (outcome, _) = run(&fake).await;
    assert_eq!(outcome, Err(ProviderError::Unauthorized { status: 401, message: "bad key [the key]".into() }));
    assert_eq!(fake.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn busy_servers_are_asked_again_when_they_say() {
    let fake = fake(vec![Reply::Status(429, Some("0.05"), "{}"), Reply::Status(529, Some("0.05"), "{}"), good()]).await;
    let (outcome, told) = run(&fake).await;
    assert!(outcome.is_ok());
    assert!(told.contains(&Progress::Waiting("the model server is busy (status 429); trying again in 1 s".into())));
    assert_eq!(fake.seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_that_wants_too_long_a_wait_is_not_waited_for() {
    let fake = fake(vec![Reply::Status(429, Some("3600"), r#"{"error":"slow down"}"#)]).await;
    let (outcome, _) = run(&fake).await;
    let error = outcome.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model server is busy or its quota is used up (status 429): slow down. Ask again later (it says: in 60 minutes), or ask another model"
    );
    assert_eq!((fake.seen.lock().unwrap().len(), error.code()), (1, "rate_limited"));
}

#[tokio::test]
async fn broken_servers_are_asked_again_twice() {
    let failing = Reply::Status(500, None, "");
    let recovers = fake(vec![failing.clone(), failing.clone(), good()]).await;
    assert!(run(&recovers).await.0.is_ok());
    let stays = fake(vec![failing]).await;
    assert!(matches!(run(&stays).await.0, Err(ProviderError::Server { status: 500, .. })));
    assert_eq!(stays.seen.lock().unwrap().len(), 3);
    let refuses = fake(vec![Reply::Status(400, None, "")]).await;
    assert!(matches!(run(&refuses).await.0, Err(ProviderError::Refused { status: 400, .. })));
    assert_eq!(refuses.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_twice_once_content_has_come() {
    for then in [Then::End, Then::Break] {
        let cut = fake(vec![Reply::Stream(vec![said("Hel", None)], then), good()]).await;
        let error = run(&cut).await.0.unwrap_err();
        assert!(matches!(error, ProviderError::Broken(BadStream::Truncated) | ProviderError::Disconnected { .. }));
        assert_eq!(cut.seen.lock().unwrap().len(), 1);
        let before = fake(vec![Reply::Stream(vec![": hi\n\n".into()], then), good()]).await;
        assert!(run(&before).await.0.is_ok());
    }
}

#[tokio::test]
async fn malformed_streams_are_no_answer() {
    let fake = fake(vec![Reply::Stream(vec!["data: {oops\n\n".into()], Then::End)]).await;
    assert!(matches!(run(&fake).await.0, Err(ProviderError::Broken(BadStream::Malformed(_)))));
}

#[tokio::test]
async fn silence_ends() {
    let fake = fake(vec![Reply::Stream(vec![said("Hel", None)], Then::Hang)]).await;
    let error = run(&fake).await.0.unwrap_err();
    assert_eq!(error.to_string(), "the model server has sent nothing for 300 ms. Ask again, or ask another model");
}

#[tokio::test]
async fn a_whole_answer_is_not_held_up_by_its_afterword() {
    for then in [Then::Hang, Then::Break] {
        let fake = fake(vec![Reply::Stream(vec![said("Hello", Some("stop"))], then)]).await;
        assert!(run(&fake).await.0.is_ok());
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let fake = fake(vec![Reply::Status(307, None, "")]).await;
    assert_eq!(run(&fake).await.0, Err(ProviderError::Redirected { status: 307 }));
}

#[tokio::test]
async fn an_absent_server_is_named() {
    let gone = Fake { replies: Arc::default(), seen: Arc::default(), url: "http://127.0.0.1:9".into() };
    let (outcome, told) = run(&gone).await;
    assert!(matches!(outcome, Err(ProviderError::Unreachable { .. })));
    assert_eq!(told.iter().filter(|event| **event == Progress::Sending).count(), 3);
}

#[tokio::test]
async fn stopping_keeps_what_came_and_cancelling_does_not() {
    for stop in [true, false] {
        let fake = fake(vec![Reply::Stream(vec![said("Hel", None)], Then::Hang)]).await;
        let control = Control::default();
        let handle = control.clone();
        let outcome = client()
            .complete(
                &wire(&fake.url),
                None,
                move |event| {
                    if matches!(event, Progress::Text(_)) {
                        if stop { handle.stop() } else { handle.cancel() }
                    }
                },
                &control,
            )
            .await;
        if stop {
            let completion = outcome.unwrap();
            assert_eq!(completion.content, [Block::Text("Hel".into())]);
            assert_eq!(completion.stop_reason, StopReason::Other("stopped".into()));
        } else {
            assert_eq!(outcome, Err(ProviderError::Cancelled));
        }
    }
}

#[tokio::test]
async fn waiting_can_be_cancelled() {
    let fake = fake(vec![Reply::Status(503, Some("30"), "")]).await;
    let control = Control::default();
    let handle = control.clone();
    let told = move |event| {
        if matches!(event, Progress::Waiting(_)) {
            handle.cancel();
        }
    };
    let outcome = client().complete(&wire(&fake.url), None, told, &control).await;
    assert_eq!(outcome, Err(ProviderError::Cancelled));
}

#[tokio::test]
async fn keys_stay_off_plain_http_and_out_of_bad_headers() {
    let key = SecretString::from(KEY);
    let far = wire("http://models.example.test");
    let outcome = client().complete(&far, Some(&key), |_| {}, &Control::default()).await;
    assert_eq!(outcome, Err(ProviderError::KeyOverPlainHttp));
    let near = fake(vec![good()]).await;
    let two_lines = SecretString::from("a\nb");
    let outcome = client().complete(&wire(&near.url), Some(&two_lines), |_| {}, &Control::default()).await;
    assert_eq!(outcome, Err(ProviderError::UnusableKey));
    assert!(near.seen.lock().unwrap().is_empty());
    let by_name = near.url.replace("127.0.0.1", "models.localhost");
    assert!(client().complete(&wire(&by_name), Some(&key), |_| {}, &Control::default()).await.is_ok());
}

#[tokio::test]
async fn too_much_is_refused() {
    let flood = Reply::Stream(vec![format!(": {}\n", "x".repeat(1 << 20)); 40], Then::End);
    let fake = fake(vec![flood]).await;
    // However slow the machine is: it is about the size.
    let patient = Client::new(Patience { connect: Duration::from_secs(60), silence: Duration::from_secs(60) });
    let outcome = patient.complete(&wire(&fake.url), None, drop, &Control::default()).await;
    assert_eq!(outcome, Err(ProviderError::TooLarge { limit: RESPONSE_BYTES }));
}

#[tokio::test]
async fn lists_and_tests() {
    let openai = provider("openai").unwrap();
    let listing = fake(vec![Reply::Status(200, None, r#"{"data":[{"id":"a"},{"id":"b"}]}"#)]).await;
    assert_eq!(client().list_models(openai, Some(&listing.url), None).await, Ok(vec!["a".into(), "b".into()]));
    let other = fake(vec![Reply::Status(200, None, "<html>")]).await;
    assert!(client().list_models(openai, Some(&other.url), None).await.is_err());
    let answering = fake(vec![good()]).await;
    assert_eq!(client().test(openai, Some(&answering.url), "m", None).await, Ok(Some("fake-1".into())));
}
