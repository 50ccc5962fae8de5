//! What the headers of a request of 2026-07-28 have to say, so that what stands between may route by them: the method,
//! the name, and the arguments that a tool's schema puts into headers.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderMap;
use serde_json::{Map, Value};

/// Of every version that passes, oldest first.
pub(super) const VERSIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", STATELESS];
/// The first version without sessions.
pub(super) const STATELESS: &str = "2026-07-28";

pub(super) const PROTOCOL_VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const PARAM: &str = "mcp-param-";
/// Around a value that cannot stand in a header as it is.
const ENCODED: (&str, &str) = ("=?base64?", "?=");

/// Whether the headers are of a version that has to say more than itself.
pub(super) fn are_standard(headers: &HeaderMap) -> bool {
    headers.get(PROTOCOL_VERSION).and_then(|version| version.to_str().ok()).is_some_and(|version| version >= STATELESS)
}

/// Compares the headers with the message they go with.
///
/// # Errors
/// Says what is missing or different.
pub(super) fn check(
    headers: &HeaderMap,
    method: &str,
    params: &Map<String, Value>,
    schema: impl FnOnce(&str) -> Option<Value>,
) -> Result<(), String> {
    match single(headers, METHOD)? {
        None => return Err("missing required Mcp-Method header".to_owned()),
        Some(said) if said != method => {
            return Err(format!("Mcp-Method header `{said}` does not match body method `{method}`"));
        }
        Some(_) => {}
    }
    let member = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "uri",
        _ => return Ok(()),
    };
    let Some(name) = params.get(member).and_then(Value::as_str) else { return Ok(()) };
    match single(headers, NAME)? {
        None => return Err(format!("missing required Mcp-Name header for `{method}`")),
        Some(said) => match decoded(said) {
            None => return Err("Mcp-Name header is not valid Base64".to_owned()),
            Some(said) if said != name => {
                return Err(format!("Mcp-Name header `{said}` does not match body value `{name}`"));
            }
            Some(_) => {}
        },
    }
    match schema(name).filter(|_| method == "tools/call") {
        Some(schema) => check_arguments(headers, &schema, params.get("arguments")),
        None => Ok(()),
    }
}

fn check_arguments(headers: &HeaderMap, schema: &Value, arguments: Option<&Value>) -> Result<(), String> {
    let mut found = Vec::new();
    annotated(schema, &mut Vec::new(), &mut found);
    for (path, header) in found {
        let (shown, full) = (path.join("."), format!("{PARAM}{header}"));
        let said = single(headers, &full)?;
        let value = arguments.and_then(|arguments| path.iter().try_fold(arguments, |value, name| value.get(name)));
        let expected = match value {
            Some(Value::String(text)) => Some(text.clone()),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => Some(value.to_string()),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => None,
        };
        match (said, expected) {
            (None, None) => {}
            (Some(_), None) => return Err(format!("unexpected {full} header for absent or null `{shown}`")),
            (None, Some(_)) => return Err(format!("missing {full} header for `{shown}`")),
            (Some(said), Some(expected)) => match decoded(said) {
                None => return Err(format!("{full} header is not valid Base64")),
                Some(said) if said != expected => {
                    return Err(format!("{full} header `{said}` does not match body value `{expected}`"));
                }
                Some(_) => {}
            },
        }
    }
    Ok(())
}

/// The properties that go into headers: where they are, and the headers' names.
fn annotated<'a>(schema: &'a Value, path: &mut Vec<&'a str>, found: &mut Vec<(Vec<&'a str>, &'a str)>) {
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        path.push(name);
        if let Some(header) = property.get("x-mcp-header").and_then(Value::as_str).filter(|header| !header.is_empty()) {
            found.push((path.clone(), header));
        }
        annotated(property, path, found);
        path.pop();
    }
}

/// The only value of a header: who stands between may read another one of several.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, String> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(format!("duplicate {name} header"));
    }
    value.to_str().map(Some).map_err(|_| format!("{name} header contains invalid characters"))
}

fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix(ENCODED.0).and_then(|inner| inner.strip_suffix(ENCODED.1)) {
        Some(inner) => String::from_utf8(BASE64_STANDARD.decode(inner).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(headers: &[(&'static str, &str)], method: &str, params: Value) -> Result<(), String> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let schema =
            json!({"properties": {"a": {"x-mcp-header": "A"}, "b": {"properties": {"c": {"x-mcp-header": "C"}}}}});
        let Value::Object(params) = params else { panic!("an object") };
        check(&headers, method, &params, |name| (name == "t").then(|| schema.clone()))
    }

    #[test]
    fn headers_say_what_the_body_says() {
        let list = json!({});
        assert_eq!(checked(&[("mcp-method", "tools/list")], "tools/list", list.clone()), Ok(()));
        assert!(checked(&[], "tools/list", list.clone()).is_err());
        assert!(checked(&[("mcp-method", "prompts/list")], "tools/list", list.clone()).is_err());
        assert!(checked(&[("mcp-method", "tools/list"), ("mcp-method", "tools/list")], "tools/list", list).is_err());
        let read = |name: &str| {
            checked(&[("mcp-method", "resources/read"), ("mcp-name", name)], "resources/read", json!({"uri": "u:ü"}))
        };
        assert_eq!(read("=?base64?dTrDvA==?="), Ok(()));
        assert!(read("u:x").is_err() && read("=?base64?!?=").is_err());
    }

    #[test]
    fn arguments_that_go_into_headers_are_compared() {
        let call = |more: &[(&'static str, &str)], arguments: Value| {
            let mut headers = vec![("mcp-method", "tools/call"), ("mcp-name", "t")];
            headers.extend_from_slice(more);
            checked(&headers, "tools/call", json!({"name": "t", "arguments": arguments}))
        };
        let both = [("mcp-param-a", "1"), ("mcp-param-c", "x")];
        assert_eq!(call(&both, json!({"a": 1, "b": {"c": "x"}})), Ok(()));
        assert_eq!(call(&[], json!({})), Ok(()));
        assert!(call(&both, json!({"a": 2, "b": {"c": "x"}})).is_err());
        assert!(call(&both, json!({"a": 1})).is_err());
        assert!(call(&[], json!({"a": 1})).is_err());
    }
}
