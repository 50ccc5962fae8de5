//! The HTTP backend under the protocol library's streamable HTTP transport.
//!
//! The library keeps sessions, resumption and request headers; here the bytes are fetched, held to the limit, and
//! passed through the tap, stream by stream, so that a question is tied to the request it came back on.
//!
//! Invariants: headers given by the person go to the configured origin only (redirects elsewhere are not followed), and
//! are marked sensitive. An error never carries a response body.

use std::{
    collections::{HashMap, VecDeque},
    error::Error,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream::BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rmcp::{
    model::{ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, ServerJsonRpcMessage},
    transport::{
        common::client_side_sse::ExponentialBackoff,
        streamable_http_client::{
            AuthRequiredError, HttpStatusError, InsufficientScopeError, SseError, StreamableHttpClient,
            StreamableHttpClientTransport, StreamableHttpClientTransportConfig, StreamableHttpError,
            StreamableHttpPostResponse,
        },
    },
};
use rmcp_sse_stream::Sse;
use samplegate_core::model_format::is_loopback;
use serde_json::Value;

use super::{
    ConnectError, MAX_MESSAGE_BYTES, Secret, event,
    event_stream::{Data, Event, Reader},
    flight::key_of,
    oversized::Remains,
    receipt::Sent,
    tap::{Arrival, Filtered, Tap},
};
use crate::local_names::LocalNames;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";
/// Headers that belong to the transport.
const RESERVED: &[&str] = &[
    "accept",
    "content-type",
    "content-length",
    "host",
    "mcp-session-id",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
];

const MAX_ERROR_BODY: usize = 64 * 1024;
const MAX_REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Covers the posting of an answer, which some servers acknowledge only when they are done with it.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(600);
const RECONNECTS: usize = 8;
const LONGEST_RECONNECT_PAUSE: Duration = Duration::from_secs(30);
const CONCURRENT_REQUESTS: usize = 256;

type Failure = StreamableHttpError<reqwest::Error>;

/// A transport to this URL; nothing is sent yet.
pub(super) fn transport(
    tap: &Arc<Tap>,
    url: &str,
    headers: &[(String, Secret)],
) -> Result<StreamableHttpClientTransport<Backend>, ConnectError> {
    let address =
        reqwest::Url::parse(url).map_err(|error| ConnectError::Address(format!("the URL is not valid: {error}")))?;
    if !matches!(address.scheme(), "http" | "https") {
        return Err(ConnectError::Address("the URL must begin with https:// or http://".to_owned()));
    }
    let mut client = reqwest::Client::builder();
    if is_loopback(url) {
        // A proxy from the environment is not this machine.
        client = client.no_proxy();
    }
    let client = client
        .dns_resolver(LocalNames)
        .default_headers(own_headers(headers)?)
        .redirect(reqwest::redirect::Policy::custom(same_origin))
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .build()
        .map_err(|error| ConnectError::Address(describe(&error)))?;
    let mut config = StreamableHttpClientTransportConfig::with_uri(url)
        .max_concurrent_requests(CONCURRENT_REQUESTS)
        .control_request_timeout(CONTROL_TIMEOUT);
    let mut backoff = ExponentialBackoff::default();
    backoff.max_times = Some(RECONNECTS);
    backoff.max_delay = Some(LONGEST_RECONNECT_PAUSE);
    config.retry_config = Arc::new(backoff);
    Ok(StreamableHttpClientTransport::with_client(Backend { client, tap: tap.clone() }, config))
}

fn own_headers(headers: &[(String, Secret)]) -> Result<HeaderMap, ConnectError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let not_valid = || ConnectError::Address(format!("the header {name:?} is not valid"));
        let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| not_valid())?;
        if RESERVED.contains(&known.as_str()) || known.as_str().starts_with("mcp-param-") {
            return Err(ConnectError::Address(format!("the header {name:?} belongs to the protocol")));
        }
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| not_valid())?;
        value.set_sensitive(true);
        map.append(known, value);
    }
    Ok(map)
}

/// Follows what keeps method, body and origin.
fn same_origin(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    let keeps_body = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if keeps_body && same && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// An error in a few words, without the URL, whose query may hold a secret, and without what the server wrote.
pub(super) fn describe(error: &(dyn Error + 'static)) -> String {
    let client = match error.downcast_ref::<Failure>() {
        Some(StreamableHttpError::Client(client)) => client,
        Some(StreamableHttpError::HttpStatus(status)) => return format!("the server answered {status}"),
        Some(StreamableHttpError::UnexpectedServerResponse(text)) => return format!("the server answered {text}"),
        Some(StreamableHttpError::UnexpectedContentType(kind)) => {
            let kind = kind.as_deref().unwrap_or("content of no type");
            return format!("the server answered with {kind}, which is not MCP");
        }
        Some(other) => return event::shorten(&other.to_string(), 300),
        None => match error.downcast_ref::<reqwest::Error>() {
            Some(client) => client,
            None => return event::shorten(&error.to_string(), 300),
        },
    };
    if client.is_connect() {
        match cause(client) {
            Some(cause) => format!("the server cannot be reached ({cause})"),
            None => "the server cannot be reached".to_owned(),
        }
    } else if client.is_timeout() {
        "the server took too long".to_owned()
    } else {
        "the connection to the server failed".to_owned()
    }
}

/// The system's own words, such as "Connection refused"; they hold nothing of the request.
fn cause(error: &reqwest::Error) -> Option<String> {
    let mut cause = None;
    let mut next = error.source();
    while let Some(error) = next {
        cause = error.downcast_ref::<std::io::Error>().or(cause);
        next = error.source();
    }
    cause.map(ToString::to_string)
}

/// Fetches bytes and passes them through the tap.
#[derive(Clone)]
pub(super) struct Backend {
    client: reqwest::Client,
    tap: Arc<Tap>,
}

impl Backend {
    async fn send(
        &self,
        mut request: reqwest::RequestBuilder,
        session: Option<Arc<str>>,
        bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<reqwest::Response, Failure> {
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(session) = session {
            request = request.header(SESSION, session.as_ref());
        }
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|error| {
            if error.is_connect() && self.tap.identity.get().is_some() {
                self.tap.end("the server cannot be reached");
            }
            StreamableHttpError::Client(error.without_url())
        })?;
        challenge(response)
    }

    /// One response body that is JSON.
    fn message(&self, body: &[u8], key: Option<&str>) -> Option<ServerJsonRpcMessage> {
        let arrival = key.map_or(Arrival::Stream, Arrival::Response);
        let value = serde_json::from_slice::<Value>(body).ok()?;
        let message = match self.tap.incoming(value, body.len(), arrival) {
            Filtered::Pass(message) | Filtered::Replace(message) => message,
            Filtered::Done => return None,
        };
        serde_json::from_value(message).ok()
    }

    fn events(&self, response: reqwest::Response, key: Option<String>) -> BoxStream<'static, Result<Sse, SseError>> {
        let reading = Reading {
            body: response.bytes_stream().boxed(),
            reader: Reader::default(),
            events: VecDeque::new(),
            ready: VecDeque::new(),
            tap: self.tap.clone(),
            key,
            resumable: false,
        };
        futures::stream::unfold(reading, Reading::next).boxed()
    }
}

/// A 401, or a 403 with a challenge, is a matter of authorization.
fn challenge(response: reqwest::Response) -> Result<reqwest::Response, Failure> {
    let status = response.status();
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    let wanted = match status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => challenge.is_some(),
        _ => false,
    };
    if !wanted {
        return Ok(response);
    }
    let challenge = challenge.map(HeaderValue::as_bytes).unwrap_or_default();
    let challenge = String::from_utf8_lossy(challenge).into_owned();
    Err(if status == StatusCode::UNAUTHORIZED {
        StreamableHttpError::AuthRequired(AuthRequiredError::new(challenge))
    } else {
        let scope = challenge.split("scope=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        StreamableHttpError::InsufficientScope(InsufficientScopeError::new(challenge, scope))
    })
}

fn is_kind(response: &reqwest::Response, kind: &str) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    content_type.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind.as_bytes()))
}

fn status_failure(status: StatusCode, retry_after: Option<String>) -> Failure {
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return HttpStatusError::new(status.as_u16(), retry_after).into();
    }
    StreamableHttpError::UnexpectedServerResponse(format!("HTTP {status}").into())
}

/// A whole body, or what is left of it where it is too large.
async fn bounded(response: reqwest::Response, limit: usize) -> Result<Result<Vec<u8>, Remains>, Failure> {
    let mut body = Vec::new();
    let mut remains: Option<Remains> = None;
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| StreamableHttpError::Client(error.without_url()))?;
        match &mut remains {
            Some(remains) => remains.add(&chunk),
            None if body.len() + chunk.len() > limit => {
                let mut kept = Remains::default();
                kept.add(&body);
                kept.add(&chunk);
                body = Vec::new();
                remains = Some(kept);
            }
            None => body.extend_from_slice(&chunk),
        }
    }
    Ok(remains.map_or(Ok(body), Err))
}

impl StreamableHttpClient for Backend {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let carried = self.tap.outgoing(&message);
        let _answered = matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_))
            .then(|| Answered(self.tap.clone()));
        let in_session = session_id.is_some();
        let request =
            self.client.post(uri.as_ref()).header(header::ACCEPT, format!("{EVENT_STREAM}, {JSON}")).json(&message);
        let sent = self.send(request, session_id, auth_header, custom_headers).await;
        carried.settle(&match &sent {
            Ok(response) if response.status().is_success() => Sent::Written,
            Ok(response) => Sent::Failed(format!("the server answered HTTP {}", response.status())),
            Err(error) => Sent::Failed(describe(error)),
        });
        let response = sent?;
        let status = response.status();
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        let request_id = match &message {
            JsonRpcMessage::Request(request) => Some(request.id.clone()),
            _ => None,
        };
        let key = request_id.as_ref().map(key_of);
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (session, retry_after) = (header(SESSION), header(header::RETRY_AFTER));
        let is_json = is_kind(&response, JSON);
        if !status.is_success() {
            let discovers = matches!(&message, JsonRpcMessage::Request(request)
                if matches!(request.request, ClientRequest::DiscoverRequest(_)));
            let forbidden = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            let body = match bounded(response, MAX_ERROR_BODY).await {
                Ok(Ok(body)) if is_json => body,
                Ok(_) | Err(_) => Vec::new(),
            };
            let error = match serde_json::from_slice::<ServerJsonRpcMessage>(&body) {
                Ok(JsonRpcMessage::Error(error)) => Some(error.error),
                _ => None,
            };
            // An older server knows neither the method nor how to name our request in its error.
            if discovers && !in_session && status.is_client_error() && !forbidden {
                let error = error.unwrap_or_else(|| ErrorData::invalid_request(format!("HTTP {status}"), None));
                return Ok(StreamableHttpPostResponse::Json(ServerJsonRpcMessage::error(error, request_id), None));
            }
            if error.is_some()
                && !forbidden
                && let Some(message) = self.message(&body, key.as_deref())
            {
                return Ok(StreamableHttpPostResponse::Json(message, session));
            }
            return Err(status_failure(status, retry_after));
        }
        if is_kind(&response, EVENT_STREAM) {
            return Ok(StreamableHttpPostResponse::Sse(self.events(response, key), session));
        }
        if request_id.is_none() {
            // Nothing is expected back from an answer or a notification.
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if !is_json {
            return Err(StreamableHttpError::UnexpectedContentType(header_text(&response)));
        }
        let message = match bounded(response, MAX_MESSAGE_BYTES).await? {
            Ok(body) => self.message(&body, key.as_deref()),
            Err(remains) => {
                let failure = StreamableHttpError::ResponseBodyTooLarge { max_size: MAX_MESSAGE_BYTES };
                match self.tap.oversized(remains.outline(), remains.bytes) {
                    Some(Filtered::Pass(message) | Filtered::Replace(message)) => serde_json::from_value(message).ok(),
                    Some(Filtered::Done) | None => return Err(failure),
                }
            }
        };
        let message = message
            .ok_or_else(|| StreamableHttpError::UnexpectedServerResponse("what is no JSON-RPC message".into()))?;
        Ok(StreamableHttpPostResponse::Json(message, session))
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let request = self.client.delete(uri.as_ref());
        let response = self.send(request, Some(session_id), auth_header, custom_headers).await?;
        match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Err(StreamableHttpError::ServerDoesNotSupportDeleteSession),
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            status => Err(status_failure(status, None)),
        }
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        let mut request = self.client.get(uri.as_ref()).header(header::ACCEPT, EVENT_STREAM);
        if let Some(last) = last_event_id {
            request = request.header(LAST_EVENT, last);
        }
        let response = self.send(request, session_id, auth_header, custom_headers).await?;
        let status = response.status();
        if matches!(status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        }
        if !status.is_success() {
            return Err(status_failure(status, None));
        }
        if !is_kind(&response, EVENT_STREAM) {
            return Err(StreamableHttpError::UnexpectedContentType(header_text(&response)));
        }
        Ok(self.events(response, None))
    }
}

/// Says that a request of the server's is answered, however the posting ends.
struct Answered(Arc<Tap>);

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.answered();
    }
}

fn header_text(response: &reqwest::Response) -> Option<String> {
    let value = response.headers().get(header::CONTENT_TYPE)?;
    Some(event::shorten(&String::from_utf8_lossy(value.as_bytes()), 100))
}

/// One response stream on its way through the tap.
struct Reading<S> {
    body: S,
    reader: Reader,
    events: VecDeque<Event>,
    ready: VecDeque<Sse>,
    tap: Arc<Tap>,
    /// The request it answers.
    key: Option<String>,
    /// The server named an event, so the stream can be taken up again.
    resumable: bool,
}

impl<S: Stream<Item = reqwest::Result<Bytes>> + Unpin> Reading<S> {
    async fn next(mut self) -> Option<(Result<Sse, SseError>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            if let Some(event) = self.events.pop_front() {
                if let Err(error) = self.take(event) {
                    self.lost();
                    return Some((Err(error), self));
                }
                continue;
            }
            self.tap.room().await;
            match self.body.next().await {
                Some(Ok(bytes)) => self.reader.push(&bytes, &mut self.events),
                Some(Err(error)) => {
                    if !self.resumable {
                        self.lost();
                    }
                    return Some((Err(SseError::Body(Box::new(error.without_url()))), self));
                }
                None => {
                    if !self.resumable {
                        self.lost();
                    }
                    return None;
                }
            }
        }
    }

    fn lost(&self) {
        if let Some(key) = &self.key {
            self.tap.stream_lost(key);
        }
    }

    fn take(&mut self, event: Event) -> Result<(), SseError> {
        let Event { kind, id, retry, data } = event;
        self.resumable |= id.is_some();
        let sse = |data: Option<String>| Sse { event: kind.clone(), data, id: id.clone(), retry };
        let arrival = self.key.as_deref().map_or(Arrival::Stream, Arrival::Response);
        let filtered = match data {
            Data::None => vec![],
            Data::Whole(data) => {
                let text = data.trim_ascii();
                match serde_json::from_slice::<Value>(text) {
                    _ if text.is_empty() => vec![],
                    Ok(Value::Array(batch)) => {
                        let share = text.len() / batch.len().max(1);
                        batch.into_iter().map(|message| self.tap.incoming(message, share, arrival)).collect()
                    }
                    Ok(message) => vec![self.tap.incoming(message, text.len(), arrival)],
                    Err(_) => {
                        self.tap.note(event::bad_line(text));
                        vec![]
                    }
                }
            }
            Data::Oversized(remains) => match self.tap.oversized(remains.outline(), remains.bytes) {
                Some(filtered) => vec![filtered],
                None => {
                    let why = format!("the server sent a message of {} bytes that cannot be refused", remains.bytes);
                    self.tap.end(why.clone());
                    return Err(SseError::Body(why.into()));
                }
            },
        };
        let messages = filtered.into_iter().filter_map(|filtered| match filtered {
            Filtered::Pass(message) | Filtered::Replace(message) => {
                if message.get("method").is_some() && message.get("id").is_some() {
                    self.tap.unanswered();
                }
                Some(message.to_string())
            }
            Filtered::Done => None,
        });
        self.ready.extend(messages.map(|message| sse(Some(message))));
        if self.ready.is_empty() {
            // The id and the pause still matter for taking the stream up again.
            self.ready.push_back(sse(None));
        }
        Ok(())
    }
}
