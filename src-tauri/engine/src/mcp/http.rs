//! The HTTP backend under the protocol library's streamable HTTP transport.
//!
//! The library keeps sessions, resumption and request headers; here the bytes are fetched, held to the limit, and
//! passed through the tap, stream by stream, so that a question is tied to the request it came back on.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream::BoxStream};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use rmcp::{
    model::{ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, ServerJsonRpcMessage},
    transport::{
        common::client_side_sse::ExponentialBackoff,
        streamable_http_client::{
            SseError, StreamableHttpClient, StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
            StreamableHttpError, StreamableHttpPostResponse,
        },
    },
};
use rmcp_sse_stream::Sse;
use serde_json::Value;

use super::{
    ConnectError, MAX_MESSAGE_BYTES, Secret,
    event_stream::{Event, Reader},
    flight::key_of,
    oauth::Access,
    oversized::Remains,
    remote::{Answered, EVENT_STREAM, Failure, JSON, Remote, content_type, is_kind, is_request, sent, status_failure},
    tap::{Arrival, Filtered, Tap},
};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const MAX_ERROR_BODY: usize = 64 * 1024;
/// Covers the posting of an answer, which some servers acknowledge only when they are done with it.
pub(super) const CONTROL_TIMEOUT: Duration = Duration::from_secs(600);
const RECONNECTS: usize = 8;
const LONGEST_RECONNECT_PAUSE: Duration = Duration::from_secs(30);
pub(super) const CONCURRENT_REQUESTS: usize = 256;

/// A transport to this URL; nothing is sent yet.
pub(super) fn transport(
    tap: &Arc<Tap>,
    url: &str,
    headers: &[(String, Secret)],
    access: Option<Access>,
) -> Result<StreamableHttpClientTransport<Backend>, ConnectError> {
    let remote = Remote::new(tap, url, headers, access)?;
    let mut config = StreamableHttpClientTransportConfig::with_uri(url)
        .max_concurrent_requests(CONCURRENT_REQUESTS)
        .control_request_timeout(CONTROL_TIMEOUT);
    let mut backoff = ExponentialBackoff::default();
    backoff.max_times = Some(RECONNECTS);
    backoff.max_delay = Some(LONGEST_RECONNECT_PAUSE);
    config.retry_config = Arc::new(backoff);
    Ok(StreamableHttpClientTransport::with_client(Backend { remote, tap: tap.clone() }, config))
}

/// Fetches bytes and passes them through the tap.
#[derive(Clone)]
pub(super) struct Backend {
    remote: Remote,
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
        self.remote.send(request).await
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
        let _answered = Answered::by(&message, &self.tap);
        let in_session = session_id.is_some();
        let request = self.remote.request(Method::POST, uri.as_ref());
        let request = request.header(header::ACCEPT, format!("{EVENT_STREAM}, {JSON}")).json(&message);
        let response = self.send(request, session_id, auth_header, custom_headers).await;
        carried.settle(&sent(&response));
        let response = response?;
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
            return Err(StreamableHttpError::UnexpectedContentType(content_type(&response)));
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
        let request = self.remote.request(Method::DELETE, uri.as_ref());
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
        let mut request = self.remote.request(Method::GET, uri.as_ref()).header(header::ACCEPT, EVENT_STREAM);
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
            return Err(StreamableHttpError::UnexpectedContentType(content_type(&response)));
        }
        Ok(self.events(response, None))
    }
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
        let messages = self.tap.messages(data, arrival).map_err(|why| {
            self.tap.end(why.clone());
            SseError::Body(why.into())
        })?;
        for message in messages {
            if is_request(&message) {
                self.tap.unanswered();
            }
            self.ready.push_back(sse(Some(message.to_string())));
        }
        if self.ready.is_empty() {
            // The id and the pause still matter for taking the stream up again.
            self.ready.push_back(sse(None));
        }
        Ok(())
    }
}
