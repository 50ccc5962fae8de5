//! Requests to one remote server: what both of its transports share.
//!
//! Invariants: headers given by the person go to the configured origin only (redirects elsewhere are not followed), and
//! are marked sensitive. An error never carries a URL, whose query may hold a secret, or a response body.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use reqwest::{Method, RequestBuilder, Response, Url};
use rmcp::{
    model::{ClientJsonRpcMessage, JsonRpcMessage},
    transport::streamable_http_client::{
        AuthRequiredError, HttpStatusError, InsufficientScopeError, StreamableHttpError,
    },
};
use samplegate_core::model_format::is_loopback;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{ConnectError, Secret, ServerEvent, event, oauth::Access, receipt::Sent, tap::Tap};
use crate::local_names::LocalNames;

pub(super) const EVENT_STREAM: &str = "text/event-stream";
pub(super) const JSON: &str = "application/json";
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

/// A challenge is cut off here, in bytes.
const MAX_CHALLENGE: usize = 16 * 1024;
const MAX_REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A connection that is not used is closed here before the server closes it: Node does so after 5 s, and a request that
/// goes out at that moment fails.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);

pub(super) type Failure = StreamableHttpError<reqwest::Error>;

/// What requests to one server are made with.
#[derive(Clone)]
pub(super) struct Remote {
    client: reqwest::Client,
    tap: Arc<Tap>,
    access: Option<Access>,
    /// Whether a token was ever sent.
    signed_in: Arc<AtomicBool>,
}

impl Remote {
    /// For requests to the origin of this URL, with the person's token if there is one; nothing is sent yet.
    pub(super) fn new(
        tap: &Arc<Tap>,
        url: &str,
        headers: &[(String, Secret)],
        access: Option<Access>,
    ) -> Result<Self, ConnectError> {
        let address =
            Url::parse(url).map_err(|error| ConnectError::Address(format!("the URL is not valid: {error}")))?;
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
            .pool_idle_timeout(IDLE_CONNECTION)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| ConnectError::Address(describe(&error)))?;
        Ok(Self { client, tap: tap.clone(), access, signed_in: Arc::default() })
    }

    /// A request, to be given to [`Remote::send`].
    pub(super) fn request(&self, method: Method, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends it. What the server answers is a failure only where it is a matter of authorization.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let Some(access) = &self.access else { return challenge(self.once(request, None).await?) };
        let refused = |error: &dyn Error| StreamableHttpError::Io(std::io::Error::other(error.to_string()));
        let again = request.try_clone();
        let token = access.token().await.map_err(|error| refused(&error))?;
        let mut response = self.once(request, token.as_ref()).await?;
        self.signed_in.fetch_or(token.is_some(), Ordering::Relaxed);
        if let (StatusCode::UNAUTHORIZED, Some(token), Some(again)) = (response.status(), &token, again)
            && let Some(other) = access.instead_of(token).await.map_err(|error| refused(&error))?
        {
            response = self.once(again, Some(&other)).await?;
        }
        if response.status() == StatusCode::UNAUTHORIZED && self.signed_in.load(Ordering::Relaxed) {
            self.signed_out();
        }
        let response = challenge(response);
        if let Err(StreamableHttpError::InsufficientScope(wants)) = &response {
            let scopes = access.wants(&wants.www_authenticate_header).await;
            self.tap.note(ServerEvent::WantsMore { scopes });
        }
        response
    }

    async fn once(&self, mut request: RequestBuilder, token: Option<&SecretString>) -> Result<Response, Failure> {
        if let Some(token) = token {
            // Marks it as sensitive.
            request = request.bearer_auth(token.expose_secret());
        }
        request.send().await.map_err(|error| {
            if error.is_connect() && self.tap.identity.get().is_some() {
                self.tap.end("the server cannot be reached");
            }
            StreamableHttpError::Client(error.without_url())
        })
    }

    /// Ends a connection that stood on a sign-in which is worth nothing any more: the next one says what to do.
    fn signed_out(&self) {
        if self.tap.identity.get().is_some() {
            self.tap.end("it needs you to sign in again");
        }
    }
}

/// Whether a person has to sign in, or to grant more.
pub(super) fn is_about_sign_in(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<Failure>().is_some_and(|failure| challenge_in(failure).is_some())
}

/// The challenge in a failure that is a matter of authorization.
pub(super) fn challenge_in(error: &Failure) -> Option<Option<String>> {
    let challenge = match error {
        StreamableHttpError::AuthRequired(required) => &required.www_authenticate_header,
        StreamableHttpError::InsufficientScope(scope) => &scope.www_authenticate_header,
        _ => return None,
    };
    Some(Some(challenge.clone()).filter(|challenge| !challenge.is_empty()))
}

/// What became of a message that was posted.
pub(super) fn sent(response: &Result<Response, Failure>) -> Sent {
    match response {
        Ok(response) if response.status().is_success() => Sent::Written,
        Ok(response) => Sent::Failed(format!("the server answered HTTP {}", response.status())),
        Err(error) => Sent::Failed(describe(error)),
    }
}

/// Whether a message waits for an answer.
pub(super) fn is_request(message: &Value) -> bool {
    message.get("method").is_some() && message.get("id").is_some()
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
        Some(StreamableHttpError::HttpStatus(status)) => {
            return match StatusCode::from_u16(status.status) {
                Ok(status) => format!("the server answered HTTP {status}"),
                Err(_) => format!("the server answered {status}"),
            };
        }
        Some(StreamableHttpError::UnexpectedServerResponse(text)) => return format!("the server answered {text}"),
        Some(StreamableHttpError::UnexpectedContentType(kind)) => {
            let kind = kind.as_deref().unwrap_or("content of no type");
            return format!("the server answered with {kind}, which is not MCP");
        }
        Some(StreamableHttpError::AuthRequired(_)) => return "it needs you to sign in".to_owned(),
        Some(StreamableHttpError::InsufficientScope(wants)) => {
            let scope = wants.required_scope.as_deref().unwrap_or("it does not say what");
            return format!("it wants more than you granted it ({})", event::shorten(scope, 300));
        }
        Some(StreamableHttpError::Io(error)) => return event::shorten(&error.to_string(), 300),
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

/// The challenge for a token, where there are several kinds.
fn challenge_of(headers: &HeaderMap) -> Option<&HeaderValue> {
    let all = || headers.get_all(header::WWW_AUTHENTICATE).iter();
    let bearer =
        |value: &&HeaderValue| value.as_bytes().get(..6).is_some_and(|kind| kind.eq_ignore_ascii_case(b"bearer"));
    all().find(bearer).or_else(|| all().next())
}

/// A 401, or a 403 with a challenge, is a matter of authorization.
fn challenge(response: reqwest::Response) -> Result<reqwest::Response, Failure> {
    let status = response.status();
    let challenge = challenge_of(response.headers());
    let wanted = match status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => challenge.is_some(),
        _ => false,
    };
    if !wanted {
        return Ok(response);
    }
    let challenge = challenge.map(HeaderValue::as_bytes).unwrap_or_default();
    let challenge = event::shorten(&String::from_utf8_lossy(challenge), MAX_CHALLENGE);
    Err(if status == StatusCode::UNAUTHORIZED {
        StreamableHttpError::AuthRequired(AuthRequiredError::new(challenge))
    } else {
        let scope = challenge.split("scope=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        StreamableHttpError::InsufficientScope(InsufficientScopeError::new(challenge, scope))
    })
}

pub(super) fn is_kind(response: &reqwest::Response, kind: &str) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    content_type.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind.as_bytes()))
}

pub(super) fn status_failure(status: StatusCode, retry_after: Option<String>) -> Failure {
    HttpStatusError::new(status.as_u16(), retry_after).into()
}

/// Whether an answer to the first message tells of a server of 2024-11-05, which takes no message at its URL.
pub(super) fn is_older(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref::<Failure>(), Some(StreamableHttpError::HttpStatus(status))
        if matches!(status.status, 400 | 404 | 405))
}

/// Says that a request of the server's is answered, however the posting ends.
pub(super) struct Answered(Arc<Tap>);

impl Answered {
    /// A guard where this message is a reply to such a request.
    pub(super) fn by(message: &ClientJsonRpcMessage, tap: &Arc<Tap>) -> Option<Self> {
        matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)).then(|| Self(tap.clone()))
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.answered();
    }
}

pub(super) fn content_type(response: &reqwest::Response) -> Option<String> {
    let value = response.headers().get(header::CONTENT_TYPE)?;
    Some(event::shorten(&String::from_utf8_lossy(value.as_bytes()), 100))
}
