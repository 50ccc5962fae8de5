//! A model server that speaks OpenAI's streaming format and does as it is told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures::StreamExt as _;
use serde_json::{Value, json};

/// What the server does with the next request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Streams this text, word by word.
    Text(&'static str),
    /// Streams word by word with a pause between them.
    Slowly(&'static str, Duration),
    /// Streams these chunks as they are, then ends.
    Raw(Vec<String>),
    /// Answers with a status, a Retry-After and a body.
    Status(u16, Option<&'static str>, &'static str),
    /// Says nothing.
    Silence,
}

/// What the server was sent.
#[derive(Debug, Clone)]
pub struct Got {
    pub body: Bytes,
    pub authorization: Option<String>,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Inner {
    replies: Mutex<VecDeque<Reply>>,
    got: Mutex<Vec<Got>>,
}

/// A running model server. Where it has no reply left, it answers "ok".
#[derive(Clone)]
pub struct FakeModel {
    pub base_url: String,
    inner: Arc<Inner>,
}

impl FakeModel {
    pub async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let app = Router::new().route("/v1/chat/completions", post(complete)).with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { base_url, inner }
    }

    /// Queues a reply.
    pub fn then(&self, reply: Reply) -> &Self {
        self.inner.replies.lock().unwrap().push_back(reply);
        self
    }

    /// What was sent so far.
    pub fn got(&self) -> Vec<Got> {
        self.inner.got.lock().unwrap().clone()
    }
}

async fn complete(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    inner.got.lock().unwrap().push(Got { body, authorization });
    let reply = inner.replies.lock().unwrap().pop_front().unwrap_or(Reply::Text("ok"));
    match reply {
        Reply::Text(text) => stream(chunks(text), Duration::ZERO),
        Reply::Slowly(text, pause) => stream(chunks(text), pause),
        Reply::Raw(chunks) => stream(chunks, Duration::ZERO),
        Reply::Status(status, retry_after, body) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            if let Some(after) = retry_after {
                response.headers_mut().insert("retry-after", after.parse().unwrap());
            }
            response
        }
        Reply::Silence => std::future::pending().await,
    }
}

/// The chunks of an answer in OpenAI's format, its end and its usage included.
pub fn chunks(text: &str) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        format!(
            "data: {}\n\n",
            json!({"id": "c", "object": "chat.completion.chunk", "model": "fake-1-real", "choices": choice})
        )
    };
    let words = text.split_inclusive(' ');
    let count = words.clone().count();
    let mut chunks: Vec<String> = words.map(|word| chunk(json!({"content": word}), Value::Null)).collect();
    chunks.push(chunk(json!({}), json!("stop")));
    let usage = json!({"prompt_tokens": 7, "completion_tokens": count, "total_tokens": count + 7});
    chunks.push(format!("data: {}\n\n", json!({"model": "fake-1-real", "choices": [], "usage": usage})));
    chunks.push("data: [DONE]\n\n".into());
    chunks
}

/// The chunks of an answer that calls tools: the id, the name and the arguments of each.
pub fn calls(calls: &[(&str, &str, Value)]) -> Vec<String> {
    let call = |(index, (id, name, arguments)): (usize, &(&str, &str, Value))| json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments.to_string()}});
    let calls: Vec<Value> = calls.iter().enumerate().map(call).collect();
    let choices = json!([{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}]);
    let chunk = json!({"object": "chat.completion.chunk", "model": "fake-1-real", "choices": choices});
    vec![format!("data: {chunk}\n\n"), "data: [DONE]\n\n".into()]
}

fn stream(chunks: Vec<String>, pause: Duration) -> Response {
    let stream = futures::stream::iter(chunks).then(move |chunk| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::convert::Infallible>(chunk)
    });
    Response::builder().header("content-type", "text/event-stream").body(Body::from_stream(stream)).unwrap()
}
