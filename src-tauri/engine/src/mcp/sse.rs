//! The HTTP+SSE transport of 2024-11-05: one stream of events from the server, whose first event says where messages to
//! it are posted.
//!
//! The stream is the session: when it ends, so does the connection, and the supervisor makes a new one after its pause.
//! Replies to our messages come on the stream, so nothing tells which call a question belongs to but what is in flight.
//!
//! Invariant: messages are posted to the configured origin only, whatever the server names.

use std::{borrow::Cow, collections::VecDeque, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use http::{Method, StatusCode, header};
use reqwest::Url;
use rmcp::{
    RoleClient,
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::{Transport, streamable_http_client::StreamableHttpError},
};
use tokio::sync::Semaphore;

use super::{
    ConnectError, Secret, event,
    event_stream::{Data, Event, Reader},
    http::{CONCURRENT_REQUESTS, CONTROL_TIMEOUT},
    oauth::Access,
    remote::{self, Answered, EVENT_STREAM, Failure, Remote, content_type, is_kind, is_request, sent, status_failure},
    tap::{Arrival, Tap},
};

/// Where to post is no longer than this, in bytes.
const MAX_ENDPOINT_BYTES: usize = 8 * 1024;
/// What may come before it, in events.
const MAX_EVENTS_BEFORE: usize = 16;

/// An open stream, and where to post.
pub(super) struct Sse {
    tap: Arc<Tap>,
    remote: Remote,
    endpoint: Url,
    events: Events,
    ready: VecDeque<ServerJsonRpcMessage>,
    posts: Arc<Semaphore>,
}

impl Sse {
    /// Opens the stream and waits for the endpoint.
    ///
    /// # Errors
    /// The server cannot be reached, wants authorization, sends no events, or names an endpoint of another origin.
    pub(super) async fn open(
        tap: &Arc<Tap>,
        url: &str,
        headers: &[(String, Secret)],
        access: Option<Access>,
    ) -> Result<Self, ConnectError> {
        let remote = Remote::new(tap, url, headers, access)?;
        let failed = |error: &Failure| failed(tap, error);
        let request = remote.request(Method::GET, url).header(header::ACCEPT, EVENT_STREAM);
        let response = remote.send(request).await.map_err(|error| failed(&error))?;
        if !response.status().is_success() {
            return Err(failed(&status_failure(response.status(), None)));
        }
        if !is_kind(&response, EVENT_STREAM) {
            return Err(failed(&StreamableHttpError::UnexpectedContentType(content_type(&response))));
        }
        // A redirect within the origin may have led elsewhere.
        let base = response.url().clone();
        let mut events =
            Events { body: response.bytes_stream().boxed(), reader: Reader::default(), read: VecDeque::new() };
        for _ in 0..MAX_EVENTS_BEFORE {
            let event = events.next().await.map_err(|error| failed(&error))?;
            let Some(event) = event else {
                return Err(closed("the server closed the stream of events"));
            };
            if event.kind.as_deref() == Some("endpoint") {
                let endpoint = endpoint(&base, event.data).map_err(refused)?;
                return Ok(Self {
                    tap: tap.clone(),
                    remote,
                    endpoint,
                    events,
                    ready: VecDeque::new(),
                    posts: Arc::new(Semaphore::new(CONCURRENT_REQUESTS)),
                });
            }
        }
        Err(refused("its events do not say where to post messages".to_owned()))
    }

    fn take(&mut self, event: Event) -> Result<(), String> {
        // A session has one endpoint, and no events of other kinds.
        if event.kind.as_deref().is_some_and(|kind| kind != "message") {
            return Ok(());
        }
        for message in self.tap.messages(event.data, Arrival::Pipe)? {
            let asks = is_request(&message);
            match serde_json::from_value::<ServerJsonRpcMessage>(message) {
                Ok(message) => {
                    if asks {
                        self.tap.unanswered();
                    }
                    self.ready.push_back(message);
                }
                Err(_) => self.tap.note(event::bad_line(b"JSON that is no message")),
            }
        }
        Ok(())
    }
}

/// The address in an `endpoint` event.
fn endpoint(base: &Url, data: Data) -> Result<Url, String> {
    let text = match data {
        Data::Whole(data) if data.len() <= MAX_ENDPOINT_BYTES => data,
        Data::Whole(_) | Data::Oversized(_) | Data::None => Vec::new(),
    };
    let address = str::from_utf8(text.trim_ascii()).ok().filter(|text| !text.is_empty());
    let address = address.and_then(|address| base.join(address).ok());
    let address = address.ok_or("the address it gives for messages is not valid")?;
    if address.origin() != base.origin() || !address.username().is_empty() || address.password().is_some() {
        let host = event::shorten(address.host_str().unwrap_or("another place"), 200);
        return Err(format!(
            "it wants messages posted to {host}, which is not where it is: they would leave its origin"
        ));
    }
    Ok(address)
}

fn closed(why: impl Into<String>) -> ConnectError {
    ConnectError::Closed { why: why.into(), stderr: Vec::new() }
}

fn refused(why: String) -> ConnectError {
    ConnectError::Handshake { why, stderr: Vec::new() }
}

fn failed(tap: &Tap, error: &Failure) -> ConnectError {
    match remote::challenge_in(error) {
        Some(challenge) => ConnectError::AuthorizationRequired { server: tap.server.clone(), challenge },
        None => closed(remote::describe(error)),
    }
}

impl Transport<RoleClient> for Sse {
    type Error = Failure;

    fn name() -> Cow<'static, str> {
        "sse".into()
    }

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let carried = self.tap.outgoing(&message);
        let answered = Answered::by(&message, &self.tap);
        let (remote, tap, posts) = (self.remote.clone(), self.tap.clone(), self.posts.clone());
        let request = remote.request(Method::POST, self.endpoint.clone()).timeout(CONTROL_TIMEOUT).json(&message);
        async move {
            let _answered = answered;
            let _permit = posts.acquire().await;
            let response = remote.send(request).await;
            carried.settle(&sent(&response));
            let status = response?.status();
            if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
                tap.end("the server has forgotten the session");
            }
            if status.is_success() { Ok(()) } else { Err(status_failure(status, None)) }
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            self.tap.room().await;
            let taken = match self.events.next().await {
                Ok(Some(event)) => self.take(event),
                Ok(None) => Err("the server closed the stream of events".to_owned()),
                Err(error) => Err(remote::describe(&error)),
            };
            if let Err(why) = taken {
                self.tap.end(why);
                return None;
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.tap.end("the connection was closed");
        self.events.body = futures::stream::empty().boxed();
        Ok(())
    }
}

/// Events as they come. Safe to be dropped between any two polls.
struct Events {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    reader: Reader,
    read: VecDeque<Event>,
}

impl Events {
    async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Ok(Some(event));
            }
            match self.body.next().await {
                Some(Ok(bytes)) => self.reader.push(&bytes, &mut self.read),
                Some(Err(error)) => return Err(StreamableHttpError::Client(error.without_url())),
                None => return Ok(None),
            }
        }
    }
}
