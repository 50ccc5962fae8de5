//! HTTP to the gateway: requests with their headers, and responses read as messages, whether they come as one JSON
//! body or as a stream of events.
//!
//! Plain HTTP on the loopback interface, so a client without TLS, which is ready at once.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::mcp::{
    MAX_MESSAGE_BYTES,
    event_stream::{Data, Event, Reader},
};

pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";
/// How much of a response that is no success is read, in bytes.
const MAX_ERROR_BODY: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An address of the gateway, and what it takes to use it.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) uri: Uri,
    /// Who we are: token and name of the host.
    pub(super) headers: HeaderMap,
}

/// Why there is no response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody is there. Nothing was sent.
    Unreachable,
    /// The connection broke; what was sent may have arrived.
    Broken,
}

#[derive(Debug, Clone)]
pub(super) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector))
    }

    /// Posts one message.
    pub(super) async fn post(&self, to: &Endpoint, headers: &HeaderMap, body: Bytes) -> Result<Response, Failure> {
        let mut all = headers.clone();
        all.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        self.send(Method::POST, to, all, body).await
    }

    /// Opens the session's own stream of messages, or takes a stream up again after this event.
    pub(super) async fn listen(
        &self,
        to: &Endpoint,
        headers: &HeaderMap,
        after: Option<&str>,
    ) -> Result<Response, Failure> {
        let mut all = headers.clone();
        all.insert(header::ACCEPT, HeaderValue::from_static(EVENT_STREAM));
        all.extend(after.and_then(|id| Some((LAST_EVENT, HeaderValue::from_str(id).ok()?))));
        self.send(Method::GET, to, all, Bytes::new()).await
    }

    /// Ends a session.
    pub(super) async fn delete(&self, to: &Endpoint, headers: &HeaderMap) -> Result<Response, Failure> {
        self.send(Method::DELETE, to, headers.clone(), Bytes::new()).await
    }

    async fn send(&self, method: Method, to: &Endpoint, headers: HeaderMap, body: Bytes) -> Result<Response, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = to.uri.clone();
        *request.headers_mut() = headers;
        request.headers_mut().extend(to.headers.clone());
        let response = self
            .0
            .request(request)
            .await
            .map_err(|error| if error.is_connect() { Failure::Unreachable } else { Failure::Broken })?;
        let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let is =
            |wanted: &str| kind.get(..wanted.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(wanted.as_bytes()));
        let (events, json) = (is(EVENT_STREAM), is(JSON));
        Ok(Response {
            status: response.status(),
            session: response.headers().get(SESSION).cloned(),
            events,
            json,
            body: response.into_body().into_data_stream().map(|part| part.map_err(|_| Failure::Broken)).boxed(),
        })
    }
}

/// A response whose body was not read yet.
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) session: Option<HeaderValue>,
    /// The body is a stream of events.
    pub(super) events: bool,
    json: bool,
    body: BoxStream<'static, Result<Bytes, Failure>>,
}

impl Response {
    /// The messages of a success.
    pub(super) fn messages(self) -> Messages {
        let form = match (self.events, self.json) {
            (true, _) => Form::Events(Reader::default()),
            (false, true) => Form::Whole,
            (false, false) => Form::Other,
        };
        Messages { body: self.body, form, events: VecDeque::new(), last_event: None, retry: None }
    }

    /// The body of a failure, where it is JSON and not too long.
    pub(super) async fn error(mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        while self.json {
            match self.body.next().await {
                Some(Ok(part)) if body.len() + part.len() <= MAX_ERROR_BODY => body.extend_from_slice(&part),
                Some(_) => return None,
                None => return Some(body),
            }
        }
        None
    }
}

/// What came on a response.
#[derive(Debug)]
pub(super) enum Piece {
    /// One message, maybe over several lines.
    Message(Vec<u8>),
    /// One beyond the limit, which was thrown away.
    TooLarge,
}

/// Reads a response message by message.
pub(super) struct Messages {
    body: BoxStream<'static, Result<Bytes, Failure>>,
    form: Form,
    events: VecDeque<Event>,
    /// Where a stream can be taken up again.
    pub(super) last_event: Option<String>,
    /// How long the server wants us to wait before that.
    pub(super) retry: Option<Duration>,
}

enum Form {
    Events(Reader),
    Whole,
    /// Read already, or nothing to read.
    Other,
}

impl Messages {
    /// The next message; none at the end. May be dropped between two messages, not within one.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>, Failure> {
        loop {
            while let Some(event) = self.events.pop_front() {
                self.last_event = event.id.or(self.last_event.take());
                self.retry = event.retry.map(Duration::from_millis).or(self.retry);
                match event.data {
                    Data::Whole(data) if !data.trim_ascii().is_empty() => return Ok(Some(Piece::Message(data))),
                    Data::Oversized(_) => return Ok(Some(Piece::TooLarge)),
                    Data::None | Data::Whole(_) => {}
                }
            }
            match &mut self.form {
                Form::Events(reader) => match self.body.next().await {
                    Some(part) => reader.push(&part?, &mut self.events),
                    None => return Ok(None),
                },
                Form::Whole => {
                    self.form = Form::Other;
                    return self.whole().await.map(Some);
                }
                Form::Other => return Ok(None),
            }
        }
    }

    async fn whole(&mut self) -> Result<Piece, Failure> {
        let mut body = Vec::new();
        while let Some(part) = self.body.next().await {
            let part = part?;
            if body.len() + part.len() > MAX_MESSAGE_BYTES {
                return Ok(Piece::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok(Piece::Message(body))
    }
}
