//! What the bridge reads of a message: enough to send it on, and no more.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

/// Names the revision a request is written in.
pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// The first revision whose requests name it themselves, and need no session.
const SELF_DESCRIBING: &str = "2026-07-28";

/// JSON-RPC: the line is no JSON.
const PARSE_ERROR: i64 = -32700;
/// JSON-RPC: the line is no message.
const INVALID_REQUEST: i64 = -32600;
/// The connection behind this pipe failed.
pub(super) const CONNECTION_FAILED: i64 = -32000;

/// A message of the host; `line` is what it wrote.
#[derive(Debug)]
pub(super) enum Message {
    Request(Request),
    Notification(Notification),
    Answer(Answer),
}

#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) line: Bytes,
    pub(super) id: Value,
    pub(super) method: String,
    /// The headers that repeat what it says; none before 2026-07-28, where it belongs to a session.
    pub(super) headers: Option<HeaderMap>,
}

/// To a request of the server.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) line: Bytes,
    pub(super) id: Value,
}

#[derive(Debug, Clone)]
pub(super) struct Notification {
    pub(super) line: Bytes,
    pub(super) method: String,
    /// The request that `notifications/cancelled` is about.
    pub(super) cancels: Option<Value>,
}

/// What of a session outlives the connection it was said on.
pub(super) enum Lasting {
    LogLevel,
    Subscribed(String),
    Unsubscribed(String),
}

impl Request {
    /// What this changes for the rest of the session.
    pub(super) fn lasting(&self) -> Option<Lasting> {
        match self.method.as_str() {
            "logging/setLevel" => Some(Lasting::LogLevel),
            "resources/subscribe" => Some(Lasting::Subscribed(params(&self.line).uri?.into_owned())),
            "resources/unsubscribe" => Some(Lasting::Unsubscribed(params(&self.line).uri?.into_owned())),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(default)]
    id: Option<Value>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(default)]
    result: Option<IgnoredAny>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

/// What params repeat in headers. What is malformed in them is the gateway's to refuse.
#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uri: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "taskId")]
    task_id: Option<Cow<'a, str>>,
    #[serde(default, rename = "requestId")]
    request_id: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct WithParams<'a> {
    #[serde(borrow, default)]
    params: Params<'a>,
}

/// Reads a line of the host.
///
/// # Errors
/// The line that refuses it.
pub(super) fn read(line: Vec<u8>) -> Result<Message, Bytes> {
    let line = Bytes::from(line);
    let head = serde_json::from_slice::<Head<'_>>(&line).map_err(|error| {
        if error.is_data() {
            refusal(&Value::Null, INVALID_REQUEST, "This is no JSON-RPC message. Send one message on each line.")
        } else {
            refusal(&Value::Null, PARSE_ERROR, "This line is no JSON. Send one message on each line.")
        }
    })?;
    match (head.method, head.id) {
        (Some(method), Some(id)) if is_id(&id) => {
            let headers = headers(&method, &params(&line));
            let method = method.into_owned();
            Ok(Message::Request(Request { id, method, headers, line }))
        }
        (Some(_), Some(_)) => {
            Err(refusal(&Value::Null, INVALID_REQUEST, "The id of a request is a string or a whole number."))
        }
        (Some(method), None) => {
            let (method, cancels) = (method.into_owned(), params(&line).request_id);
            Ok(Message::Notification(Notification { method, cancels, line }))
        }
        (None, id) if head.result.is_some() || head.error.is_some() => {
            Ok(Message::Answer(Answer { id: id.unwrap_or_default(), line }))
        }
        (None, id) => {
            let id = id.filter(is_id).unwrap_or_default();
            Err(refusal(&id, INVALID_REQUEST, "This message has neither a method nor a result."))
        }
    }
}

fn is_id(id: &Value) -> bool {
    matches!(id, Value::String(_) | Value::Number(_))
}

fn params(line: &[u8]) -> Params<'_> {
    serde_json::from_slice::<WithParams<'_>>(line).unwrap_or_default().params
}

/// The headers of a request, where it names a revision that has no sessions.
fn headers(method: &str, params: &Params<'_>) -> Option<HeaderMap> {
    let version = params.meta.as_ref()?.version.as_deref().filter(|version| *version >= SELF_DESCRIBING)?;
    let mut headers = described(&HeaderValue::from_str(version).ok()?, method);
    let name = match method {
        "tools/call" | "prompts/get" => params.name.as_deref(),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => params.uri.as_deref(),
        "tasks/get" | "tasks/update" | "tasks/cancel" => params.task_id.as_deref(),
        _ => None,
    };
    headers.extend(name.and_then(|name| Some((NAME, HeaderValue::from_str(&plain(name)).ok()?))));
    Some(headers)
}

/// The headers that every message has since 2026-07-28.
pub(super) fn described(version: &HeaderValue, method: &str) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([(VERSION, version.clone())]);
    headers.extend(HeaderValue::from_str(method).map(|method| (METHOD, method)));
    headers
}

/// A value as the protocol puts it into a header: what would not survive there is base64.
fn plain(value: &str) -> Cow<'_, str> {
    let survives = value.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
        && value.trim_matches(' ').len() == value.len()
        && !(value.starts_with("=?base64?") && value.ends_with("?="));
    if survives { value.into() } else { format!("=?base64?{}?=", BASE64_STANDARD.encode(value)).into() }
}

/// What kind of message came from the other side.
#[derive(Debug, PartialEq)]
pub(super) enum Came {
    /// To the request of this id; none: to one that could not be read.
    Answer {
        id: Option<Value>,
        is_error: bool,
    },
    /// A request of this id.
    Question(Value),
    Notification,
}

/// Looks at a message from the other side; none if it is no message.
pub(super) fn look(data: &[u8]) -> Option<Came> {
    let head = serde_json::from_slice::<Head<'_>>(data).ok()?;
    match head.method {
        Some(_) => Some(head.id.map_or(Came::Notification, Came::Question)),
        None if head.result.is_some() || head.error.is_some() => {
            Some(Came::Answer { id: head.id, is_error: head.error.is_some() })
        }
        None => None,
    }
}

/// A message on one line. Line ends are white space between the tokens of JSON, never inside them.
pub(super) fn one_line(mut message: Vec<u8>) -> Bytes {
    message.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    message.push(b'\n');
    message.into()
}

/// The line that refuses a message of the host.
pub(super) fn refusal(id: &Value, code: i64, text: &str) -> Bytes {
    line(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text}}))
}

/// A notification without params.
pub(super) fn notification(method: &str) -> Bytes {
    line(&json!({"jsonrpc": "2.0", "method": method}))
}

/// The notification that withdraws a request.
pub(super) fn cancellation(id: &Value) -> Bytes {
    let params = json!({"requestId": id, "reason": "the host has gone"});
    line(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}))
}

/// The same error, as the answer to this request.
pub(super) fn readdressed(error: &[u8], id: &Value) -> Option<Bytes> {
    let mut message = serde_json::from_slice::<Value>(error).ok()?;
    message.as_object_mut()?.insert("id".to_owned(), id.clone());
    Some(line(&message))
}

fn line(message: &Value) -> Bytes {
    format!("{message}\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        match read(text.into()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn refused(text: &str) -> Value {
        serde_json::from_slice(&read(text.into()).unwrap_err()).unwrap()
    }

    #[test]
    fn a_request_that_names_its_revision_is_described_by_headers() {
        let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
        let headers = |method: &str, rest: &str| {
            let text = format!(r#"{{"id":1,"method":"{method}","params":{{{meta}{rest}}}}}"#);
            let headers = request(&text).headers.unwrap();
            let header = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
            assert_eq!(header(VERSION).as_deref(), Some("2026-07-28"));
            (header(METHOD).unwrap(), header(NAME))
        };
        let pair = |method: &str, name: Option<&str>| (method.to_owned(), name.map(str::to_owned));
        assert_eq!(headers("tools/list", ""), pair("tools/list", None));
        assert_eq!(headers("tools/call", r#","name":"a b""#), pair("tools/call", Some("a b")));
        assert_eq!(headers("tools/call", r#","name":"\u00fc""#), pair("tools/call", Some("=?base64?w7w=?=")));
        assert_eq!(headers("tools/call", r#","name":" a""#), pair("tools/call", Some("=?base64?IGE=?=")));
        assert_eq!(
            headers("tools/call", r#","name":"=?base64?w7w=?=""#),
            pair("tools/call", Some("=?base64?PT9iYXNlNjQ/dzd3PT89?="))
        );
        assert_eq!(headers("resources/read", r#","uri":"x://y""#), pair("resources/read", Some("x://y")));
        assert_eq!(headers("tasks/get", r#","taskId":"t""#), pair("tasks/get", Some("t")));
    }

    #[test]
    fn a_request_of_an_older_revision_belongs_to_a_session() {
        assert!(request(r#"{"id":1,"method":"tools/call","params":{"name":"x"}}"#).headers.is_none());
        let older =
            r#"{"id":1,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2025-11-25"}}}"#;
        assert!(request(older).headers.is_none());
        assert!(request(r#"{"id":"a","method":"ping","params":[7]}"#).headers.is_none());
    }

    #[test]
    fn the_bytes_of_a_message_are_kept() {
        let text = r#" {"method":"x" , "id" : 1,"params":{"n":1.0,"big":12345678901234567890123}} "#;
        assert_eq!(request(text).line, text.as_bytes());
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (text, id, code) in [
            ("hello", Value::Null, PARSE_ERROR),
            ("{", Value::Null, PARSE_ERROR),
            ("[]", Value::Null, INVALID_REQUEST),
            (r#"[{"id":1,"method":"ping"}]"#, Value::Null, INVALID_REQUEST),
            ("{}", Value::Null, INVALID_REQUEST),
            (r#"{"id":null,"method":1}"#, Value::Null, INVALID_REQUEST),
            (r#"{"id":{},"method":"ping"}"#, Value::Null, INVALID_REQUEST),
            (r#"{"id":5}"#, json!(5), INVALID_REQUEST),
        ] {
            let refused = refused(text);
            assert_eq!((&refused["id"], refused["error"]["code"].as_i64()), (&id, Some(code)), "{text}");
        }
    }

    #[test]
    fn a_cancellation_names_its_request() {
        let text = r#"{"method":"notifications/cancelled","params":{"requestId":"q","reason":"r"}}"#;
        match read(text.into()) {
            Ok(Message::Notification(notification)) => assert_eq!(notification.cancels, Some(json!("q"))),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_are_told_from_other_messages() {
        let answer = |id, is_error| Some(Came::Answer { id, is_error });
        assert_eq!(look(br#"{"id":1,"result":{}}"#), answer(Some(json!(1)), false));
        assert_eq!(look(br#"{"id":null,"error":{}}"#), answer(None, true));
        assert_eq!(look(br#"{"id":1,"method":"ping"}"#), Some(Came::Question(json!(1))));
        assert_eq!(look(br#"{"method":"x"}"#), Some(Came::Notification));
        assert_eq!(look(br#"{"id":1}"#), None);
        assert_eq!(look(b"<html>"), None);
    }

    #[test]
    fn a_message_over_several_lines_becomes_one() {
        assert_eq!(one_line(b"{\n\"a\":\r\n1}".to_vec()), "{ \"a\":  1}\n");
    }
}
