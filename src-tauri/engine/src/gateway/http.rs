//! The endpoint: who is let in, which era a request is of, and what becomes of it.

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::any,
};
use samplegate_core::upstream::HostSide;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::{
    Endpoint, Gateway,
    auth::{self, Caller},
    failure::{Failure, INTERNAL, INVALID_REQUEST},
    fit::RequestMeta,
    headers::{self, PROTOCOL_VERSION, STATELESS, VERSIONS},
    reply,
    request::{Request as Asked, Side},
    session::WAITING,
};
use crate::{mcp::MAX_MESSAGE_BYTES, token, upstream::HostError};

const SESSION_ID: &str = "mcp-session-id";
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
/// The newest version that has sessions.
const NEWEST_WITH_SESSIONS: &str = "2025-11-25";

/// A message of a host.
enum Message {
    Request {
        id: Value,
        method: String,
        params: Map<String, Value>,
    },
    Notification {
        method: String,
        params: Map<String, Value>,
    },
    /// An answer to what we asked.
    Answer {
        id: Value,
        answer: Result<Value, HostError>,
    },
}

impl Gateway {
    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/mcp", any(all))
            .route("/mcp/{server}", any(one))
            .layer(middleware::from_fn_with_state(self.clone(), let_in))
            .with_state(self.clone())
    }
}

/// Lets in who has a token, from this computer.
async fn let_in(State(gateway): State<Gateway>, mut request: Request, next: Next) -> Response {
    if !auth::is_local(request.uri(), request.headers()) {
        return plain(StatusCode::FORBIDDEN, "Forbidden: only for this computer, by its own name");
    }
    let settings = gateway.0.engine.config().settings();
    let Some(caller) = auth::caller(request.headers(), &settings, gateway.0.bridge) else {
        let mut response = plain(StatusCode::UNAUTHORIZED, "Unauthorized: `samplegate host add NAME` gives a token");
        let challenge = HeaderValue::from_static("Bearer realm=\"samplegate\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        return response;
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

async fn all(State(gateway): State<Gateway>, request: Request) -> Response {
    serve(gateway, Endpoint::All, request).await
}

async fn one(State(gateway): State<Gateway>, Path(server): Path<String>, request: Request) -> Response {
    if !gateway.offers(&server) {
        return plain(
            StatusCode::NOT_FOUND,
            &format!("Not Found: there is no server {server:?}, or it is switched off"),
        );
    }
    serve(gateway, Endpoint::One(server), request).await
}

async fn serve(gateway: Gateway, endpoint: Endpoint, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(caller) = parts.extensions.get::<Caller>().cloned() else {
        return plain(StatusCode::UNAUTHORIZED, "Unauthorized");
    };
    let visit = Visit { gateway, endpoint, caller, headers: parts.headers };
    let answered = match parts.method {
        Method::POST => visit.post(body).await,
        Method::GET => visit.get(),
        Method::DELETE => visit.delete(),
        _ => Err(Box::new(method_not_allowed())),
    };
    answered.unwrap_or_else(|response| *response)
}

/// One HTTP request.
struct Visit {
    gateway: Gateway,
    endpoint: Endpoint,
    caller: Caller,
    headers: HeaderMap,
}

type Answered = Result<Response, Box<Response>>;

impl Visit {
    async fn post(self, body: Body) -> Answered {
        self.check_media_types()?;
        let Ok(bytes) = to_bytes(body, MAX_MESSAGE_BYTES).await else {
            return Err(Box::new(plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Payload Too Large: a message has at most 16 MiB",
            )));
        };
        match read(&bytes).map_err(|failure| malformed(&failure, &Value::Null))? {
            Message::Request { id, method, params } => self.requested(id, method, params).await,
            Message::Notification { method, params } => self.notified(&method, params),
            Message::Answer { id, answer } => {
                self.session()?.answered(&id, answer);
                Ok(accepted())
            }
        }
    }

    fn check_media_types(&self) -> Result<(), Box<Response>> {
        if !accepts(&self.headers, JSON) || !accepts(&self.headers, EVENTS) {
            let text = "Not Acceptable: Client must accept both application/json and text/event-stream";
            return Err(Box::new(plain(StatusCode::NOT_ACCEPTABLE, text)));
        }
        let content_type = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|value| essence(value).eq_ignore_ascii_case(JSON)) {
            let text = "Unsupported Media Type: Content-Type must be application/json";
            return Err(Box::new(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)));
        }
        Ok(())
    }

    async fn requested(self, id: Value, method: String, mut params: Map<String, Value>) -> Answered {
        let meta = RequestMeta::take(&mut params);
        let version = self.version(meta.version.is_some())?;
        // From 2026-07-28 on there is no such method.
        if method == "initialize" && meta.version.is_none() && !headers::are_standard(&self.headers) {
            return self.initialize(id, params).await;
        }
        let refused = |failure: Failure| malformed(&failure, &id);
        check_version(&method, &meta, version).map_err(refused)?;
        self.check_headers(&method, &params).map_err(refused)?;
        let Some(side) = self.side(&meta)? else { return Ok(accepted()) };
        let stateless = matches!(side, Side::Stateless);
        let (out, messages) = mpsc::channel(WAITING);
        let cancel = self.gateway.0.stop.child_token();
        let gone = cancel.clone().drop_guard();
        let Self { gateway, endpoint, caller, .. } = self;
        let asked = Asked { gateway, endpoint, caller, side, id, method, params, meta, again: None, out, cancel };
        tokio::spawn(asked.run());
        Ok(reply::reply(messages, gone, stateless).await)
    }

    fn notified(self, method: &str, mut params: Map<String, Value>) -> Answered {
        let meta = RequestMeta::take(&mut params);
        self.version(meta.version.is_some())?;
        self.check_headers(method, &params).map_err(|failure| malformed(&failure, &Value::Null))?;
        if let Some(Side::Session(session)) = self.side(&meta)?
            && method == "notifications/cancelled"
        {
            session.cancel(params.get("requestId").unwrap_or(&Value::Null));
        }
        Ok(accepted())
    }

    fn check_headers(&self, method: &str, params: &Map<String, Value>) -> Result<(), Failure> {
        if !headers::are_standard(&self.headers) {
            return Ok(());
        }
        let schema = |tool: &str| self.gateway.input_schema(&self.endpoint, tool);
        headers::check(&self.headers, method, params, schema).map_err(Failure::header)
    }

    /// How the host is connected; none: without a session, and nothing is kept that a notification could be about.
    fn side(&self, meta: &RequestMeta) -> Result<Option<Side>, Box<Response>> {
        match (meta.version.is_some(), headers::are_standard(&self.headers)) {
            (true, _) => Ok(Some(Side::Stateless)),
            (false, true) => Ok(None),
            (false, false) => self.session().map(|session| Some(Side::Session(session))),
        }
    }

    /// The stream that a host listens on.
    fn get(self) -> Answered {
        if self.version(false)?.is_some_and(|version| version >= STATELESS) {
            return Err(Box::new(method_not_allowed()));
        }
        if !accepts(&self.headers, EVENTS) {
            return Err(Box::new(plain(
                StatusCode::NOT_ACCEPTABLE,
                "Not Acceptable: Client must accept text/event-stream",
            )));
        }
        Ok(reply::listen(self.session()?.listen()))
    }

    fn delete(self) -> Answered {
        if self.version(false)?.is_some_and(|version| version >= STATELESS) {
            return Err(Box::new(method_not_allowed()));
        }
        let session = self.session()?;
        self.gateway.end_session(&session);
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    async fn initialize(self, id: Value, params: Map<String, Value>) -> Answered {
        let refused = |failure: &Failure| Box::new(axum::Json(failure.response(&id)).into_response());
        let requested = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        let known = VERSIONS.iter().find(|known| **known == requested && **known < STATELESS);
        let version = known.copied().unwrap_or(NEWEST_WITH_SESSIONS);
        let stop = &self.gateway.0.stop;
        let welcome = stop.run_until_cancelled(self.gateway.welcome(&self.endpoint, crate::mcp::Era::Legacy, version));
        let welcome = welcome
            .await
            .unwrap_or_else(|| Err(Failure::internal("Samplegate is ending")))
            .map_err(|failure| refused(&failure))?;
        let session_id = token::random("").map_err(|why| refused(&Failure::internal(why)))?;
        let mut response =
            axum::Json(serde_json::json!({"jsonrpc": "2.0", "id": id, "result": welcome})).into_response();
        if let Ok(value) = HeaderValue::from_str(&session_id) {
            response.headers_mut().insert(SESSION_ID, value);
        }
        let capabilities = params.get("capabilities").cloned().unwrap_or_default();
        let side = HostSide { version: version.to_owned(), capabilities };
        let begun = self.gateway.begin_session(session_id, &self.caller, self.endpoint.clone(), side);
        begun.map_err(|failure| refused(&failure))?;
        Ok(response)
    }

    /// The version that the headers name. One that is not known is an error unless the body names it too, and is told
    /// there.
    fn version(&self, is_in_body: bool) -> Result<Option<&str>, Box<Response>> {
        let Some(version) = self.headers.get(PROTOCOL_VERSION) else { return Ok(None) };
        match version.to_str() {
            Ok(version) if is_in_body || VERSIONS.contains(&version) => Ok(Some(version)),
            _ => Err(Box::new(plain(StatusCode::BAD_REQUEST, "Bad Request: Unsupported MCP-Protocol-Version"))),
        }
    }

    /// The session that the headers name, if it is this host's at this endpoint.
    fn session(&self) -> Result<std::sync::Arc<super::session::Session>, Box<Response>> {
        let Some(id) = self.headers.get(SESSION_ID) else {
            let failure = Failure::new(INVALID_REQUEST, "Bad Request: Mcp-Session-Id header is required");
            return Err(malformed(&failure, &Value::Null));
        };
        let found = id.to_str().ok().and_then(|id| self.gateway.sessions().get(id).cloned());
        let own = found.filter(|session| session.host == self.caller.name && session.endpoint == self.endpoint);
        own.ok_or_else(|| Box::new(plain(StatusCode::NOT_FOUND, "Not Found: the session is over, or never was")))
    }
}

/// Compares what a request's `_meta` says of its version with what its headers say.
fn check_version(method: &str, meta: &RequestMeta, header: Option<&str>) -> Result<(), Failure> {
    let wants_meta = method == "server/discover" || header.is_some_and(|version| version >= STATELESS);
    match (&meta.version, header) {
        (None, _) if wants_meta => Err(Failure::missing_meta(&meta.missing())),
        (None, _) => Ok(()),
        (Some(_), None) => Err(Failure::header("request _meta protocolVersion requires MCP-Protocol-Version header")),
        (Some(said), Some(header)) if said != header => Err(Failure::header(format!(
            "MCP-Protocol-Version header ({header}) does not match request _meta protocolVersion ({said})"
        ))),
        (Some(said), _) if !VERSIONS.contains(&said.as_str()) => Err(Failure::version(said, &VERSIONS)),
        (Some(_), _) if !meta.missing().is_empty() => Err(Failure::missing_meta(&meta.missing())),
        (Some(_), _) => Ok(()),
    }
}

/// Reads a message. Batches ended with 2025-03-26, and hosts do well without them there.
fn read(bytes: &Bytes) -> Result<Message, Failure> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| Failure::parse(format!("Parse error: {error}")))?;
    let invalid = |message: &str| Failure::new(INVALID_REQUEST, message);
    let Value::Object(mut object) = value else {
        return Err(invalid("Invalid Request: one JSON-RPC object at a time"));
    };
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid("Invalid Request: jsonrpc must be \"2.0\""));
    }
    let params = match object.remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(invalid("Invalid Request: params must be an object")),
    };
    let id = object.remove("id");
    let Some(method) = object.remove("method") else {
        let answer = match (object.remove("result"), object.remove("error")) {
            (Some(result), None) => Ok(result),
            (_, Some(error)) => Err(HostError::Refused {
                code: error.get("code").and_then(Value::as_i64).unwrap_or(INTERNAL),
                message: error.get("message").and_then(Value::as_str).unwrap_or("no message").to_owned(),
                data: error.get("data").cloned(),
            }),
            (None, None) => return Err(invalid("Invalid Request: there is no method")),
        };
        return Ok(Message::Answer { id: id.unwrap_or_default(), answer });
    };
    let Value::String(method) = method else { return Err(invalid("Invalid Request: method must be a string")) };
    match id {
        None => Ok(Message::Notification { method, params }),
        Some(id @ (Value::String(_) | Value::Number(_))) => Ok(Message::Request { id, method, params }),
        Some(_) => Err(invalid("Invalid Request: id must be a string or a number")),
    }
}

fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let kind = wanted.split('/').next().unwrap_or_default();
    let entries = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    entries.flat_map(|value| value.split(',')).map(essence).any(|entry| {
        entry.eq_ignore_ascii_case(wanted) || entry == "*/*" || entry.strip_suffix("/*").is_some_and(|of| of == kind)
    })
}

fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

fn malformed(failure: &Failure, id: &Value) -> Box<Response> {
    let status = match failure.status() {
        StatusCode::OK => StatusCode::BAD_REQUEST,
        status => status,
    };
    Box::new((status, axum::Json(failure.response(id))).into_response())
}

fn accepted() -> Response {
    StatusCode::ACCEPTED.into_response()
}

fn method_not_allowed() -> Response {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
    response
}

fn plain(status: StatusCode, text: &str) -> Response {
    (status, text.to_owned()).into_response()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn code(bytes: &[u8]) -> Option<i64> {
        let failure = read(&Bytes::copy_from_slice(bytes)).err()?;
        failure.response(&Value::Null)["error"]["code"].as_i64()
    }

    #[test]
    fn what_is_no_message_is_refused_whatever_it_is() {
        let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{}"#, "[".repeat(1_000_000));
        for unreadable in [deep.as_bytes(), b"", b"{", b"\xff\xfe", b"{\"jsonrpc\":\"\\ud800\"}", b"{} {}"] {
            assert_eq!(code(unreadable), Some(-32700), "{:?}", &unreadable[..unreadable.len().min(20)]);
        }
        for invalid in [
            r#"[]"#,
            r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#,
            r#"{"id":1,"method":"m"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":2}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
        ] {
            assert_eq!(code(invalid.as_bytes()), Some(INVALID_REQUEST), "{invalid}");
        }
        assert_eq!(code(br#"{"jsonrpc":"2.0","id":"1","method":"m"}"#), None);
    }
}
