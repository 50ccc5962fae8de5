//! A model server in the format of OpenAI's chat completions. It answers what the test told it, word by word.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

/// What it calls itself; not the name that it is asked by.
pub(crate) const REAL_NAME: &str = "probe-1-2026-11";

/// An answer that begins with this goes on with `tool_calls` as JSON.
pub(crate) const CALLS: &str = "calls:";

/// A request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) authorization: Option<String>,
    pub(crate) bytes: Bytes,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }
}

#[derive(Clone)]
struct Script {
    name: String,
    answers: Arc<Vec<String>>,
    pace: Duration,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// The server. It ends with the test's runtime.
pub(crate) struct Model {
    pub(crate) base_url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Model {
    /// Gives these answers in turn, the last one again and again, with a pause before each word.
    pub(crate) async fn start(answers: &[&str], pace: Duration) -> Result<Self> {
        Self::named(REAL_NAME, answers, pace).await
    }

    /// The same, under another name.
    pub(crate) async fn named(name: &str, answers: &[&str], pace: Duration) -> Result<Self> {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let script = Script { name: name.to_owned(), answers: Arc::new(answers), pace, asked: Arc::clone(&asked) };
        let app = Router::new().route("/v1/chat/completions", post(complete)).with_state(script);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { base_url, asked })
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn complete(State(script): State<Script>, headers: HeaderMap, bytes: Bytes) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let turn = {
        let mut asked = script.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push(Asked { authorization, bytes });
        asked.len() - 1
    };
    let answer = script.answers.get(turn).or(script.answers.last()).cloned().unwrap_or_default();
    let chunk = |delta: Value, end: Value| {
        json!({ "id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": script.name,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": end }] })
    };
    let mut events: Vec<String> = match answer.strip_prefix(CALLS) {
        Some(calls) => {
            let calls: Value = serde_json::from_str(calls).unwrap_or_default();
            vec![chunk(json!({ "tool_calls": calls }), json!("tool_calls")).to_string()]
        }
        None => {
            let words = answer.split_inclusive(' ').map(|word| chunk(json!({ "content": word }), Value::Null));
            words.chain([chunk(json!({}), json!("stop"))]).map(|event| event.to_string()).collect()
        }
    };
    let usage = json!({ "prompt_tokens": 61, "completion_tokens": 23, "total_tokens": 84 });
    events.push(
        json!({ "id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": script.name,
        "choices": [], "usage": usage })
        .to_string(),
    );
    events.push("[DONE]".to_owned());
    let pace = script.pace;
    let body = stream::iter(events).then(move |event| async move {
        tokio::time::sleep(pace).await;
        Ok::<_, Infallible>(format!("data: {event}\n\n"))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response()
}
