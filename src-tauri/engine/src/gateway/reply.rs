//! How a response goes out: as JSON where it is all there is and comes soon, else as a stream of events.
//!
//! The stream is kept alive by comments, however long a person thinks. When the host goes away, what it waits for is
//! given up.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{
        IntoResponse as _, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, StreamExt as _, stream};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

use super::failure::Failure;

/// A response that comes within this time needs no stream.
const SOON: Duration = Duration::from_millis(300);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Sends what comes of a request: notifications, and last its response. `gone` is dropped when the host goes away.
pub(super) async fn reply(mut messages: mpsc::Receiver<Value>, gone: DropGuard, stateless: bool) -> Response {
    let first = tokio::time::timeout(SOON, messages.recv()).await;
    match first {
        Ok(Some(message)) if is_response(&message) => {
            gone.disarm();
            let status = match message.get("error").filter(|_| stateless) {
                Some(error) => Failure::new(error["code"].as_i64().unwrap_or_default(), "").status(),
                None => StatusCode::OK,
            };
            (status, Json(message)).into_response()
        }
        first => {
            let first = stream::iter(first.ok().flatten());
            events(first.chain(rest(messages, Some(gone))))
        }
    }
}

/// The stream that a host listens on.
pub(super) fn listen(messages: mpsc::Receiver<Value>) -> Response {
    events(rest(messages, None))
}

fn rest(messages: mpsc::Receiver<Value>, gone: Option<DropGuard>) -> impl Stream<Item = Value> + Send {
    stream::unfold((messages, gone), |(mut messages, gone)| async move {
        let Some(message) = messages.recv().await else {
            // It ended by itself.
            drop(gone.map(DropGuard::disarm));
            return None;
        };
        Some((message, (messages, gone)))
    })
}

fn events(messages: impl Stream<Item = Value> + Send + 'static) -> Response {
    let events =
        messages.map(|message| Ok::<_, Infallible>(Event::default().event("message").data(message.to_string())));
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    response
}

fn is_response(message: &Value) -> bool {
    message.get("method").is_none()
}
