//! Fits what passes through to the revision of who gets it. Nothing else is changed.

use serde_json::{Map, Value, json};

use crate::mcp::Era;

const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// Names the subscription that a notification belongs to.
pub(super) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
const PROGRESS_TOKEN: &str = "progressToken";

/// Whose results say for how long they hold.
const CACHEABLE: [&str; 6] =
    ["server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"];

/// What a request's `_meta` says of the connection it came on, and not to the server.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct RequestMeta {
    /// What goes on to the server.
    pub(super) rest: Map<String, Value>,
    /// Under which progress is told.
    pub(super) progress_token: Option<Value>,
    /// The protocol version, from 2026-07-28 on.
    pub(super) version: Option<String>,
    /// What the host can do, from 2026-07-28 on.
    pub(super) capabilities: Option<Value>,
}

impl RequestMeta {
    /// Takes the `_meta` out of params.
    pub(super) fn take(params: &mut Map<String, Value>) -> Self {
        let Some(Value::Object(mut rest)) = params.remove("_meta") else { return Self::default() };
        rest.remove(CLIENT_INFO);
        Self {
            progress_token: rest.remove(PROGRESS_TOKEN).filter(|token| token.is_string() || token.is_number()),
            version: rest.remove(PROTOCOL_VERSION).and_then(|version| version.as_str().map(str::to_owned)),
            capabilities: rest.remove(CLIENT_CAPABILITIES).filter(Value::is_object),
            rest,
        }
    }

    /// What 2026-07-28 wants there and is not.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let missing = [(PROTOCOL_VERSION, self.version.is_none()), (CLIENT_CAPABILITIES, self.capabilities.is_none())];
        missing.into_iter().filter_map(|(key, is_missing)| is_missing.then_some(key)).collect()
    }
}

/// Fits a server's result to the host's revision.
pub(super) fn fit_result(method: &str, host: Era, result: &mut Value) {
    let Some(object) = result.as_object_mut() else { return };
    if method != "server/discover"
        && let Some(meta) = object.get_mut("_meta").and_then(Value::as_object_mut)
        // The host is connected to the gateway.
        && meta.remove(SERVER_INFO).is_some()
        && meta.is_empty()
    {
        object.remove("_meta");
    }
    match host {
        Era::Legacy => {
            for added in ["resultType", "ttlMs", "cacheScope"] {
                object.remove(added);
            }
        }
        Era::Stateless => {
            object.entry("resultType").or_insert_with(|| "complete".into());
            if CACHEABLE.contains(&method) && object["resultType"] == "complete" {
                object.entry("ttlMs").or_insert_with(|| 0.into());
                object.entry("cacheScope").or_insert_with(|| "private".into());
            }
        }
    }
}

/// The result of `initialize` or `server/discover` as the host gets it.
pub(super) fn welcome(host: Era, version: &str, known: &[&str], info: Value, rest: Welcome) -> Value {
    let mut result = match host {
        Era::Legacy => {
            json!({"protocolVersion": version, "capabilities": rest.capabilities, "serverInfo": info})
        }
        Era::Stateless => json!({
            "resultType": "complete",
            "supportedVersions": known,
            "capabilities": rest.capabilities,
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {SERVER_INFO: info},
        }),
    };
    if let Some(instructions) = rest.instructions {
        result["instructions"] = instructions.into();
    }
    result
}

/// What an endpoint offers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Welcome {
    pub(super) capabilities: Value,
    pub(super) instructions: Option<String>,
}

impl Welcome {
    /// What passes through of a server's own.
    pub(super) fn of_server(welcome: &Value) -> Self {
        let declared = welcome.get("capabilities").and_then(Value::as_object);
        let passed = ["tools", "prompts", "resources", "completions", "logging"];
        let capabilities: Map<String, Value> = passed
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), declared?.get(name).filter(|value| !value.is_null())?.clone())))
            .collect();
        let instructions = welcome.get("instructions").and_then(Value::as_str).map(str::to_owned);
        Self { capabilities: capabilities.into(), instructions }
    }

    /// What all servers together may offer: they come and go.
    pub(super) fn of_all(instructions: Option<String>) -> Self {
        let capabilities = json!({
            "tools": {"listChanged": true},
            "prompts": {"listChanged": true},
            "resources": {"subscribe": true, "listChanged": true},
            "completions": {},
            "logging": {},
        });
        Self { capabilities, instructions }
    }
}

/// How a server names itself in its answer to the handshake.
pub(super) fn server_info(welcome: &Value) -> Option<Value> {
    let of_meta = || welcome.get("_meta")?.get(SERVER_INFO);
    welcome.get("serverInfo").or_else(of_meta).filter(|info| info.is_object()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_to_the_server_what_is_for_the_server() {
        let mut params = Map::new();
        params.insert("name".into(), "t".into());
        params.insert(
            "_meta".into(),
            json!({PROGRESS_TOKEN: 7, PROTOCOL_VERSION: "2026-07-28", CLIENT_INFO: {}, CLIENT_CAPABILITIES: {}, "x/y": 1}),
        );
        let meta = RequestMeta::take(&mut params);
        assert_eq!(Value::Object(params), json!({"name": "t"}));
        assert_eq!((meta.progress_token.clone(), meta.rest.clone().into()), (Some(json!(7)), json!({"x/y": 1})));
        assert_eq!(meta.missing(), [""; 0]);
        assert_eq!(RequestMeta::default().missing(), [PROTOCOL_VERSION, CLIENT_CAPABILITIES]);
    }

    #[test]
    fn a_result_is_fitted_to_the_host_and_keeps_what_nobody_knows() {
        let mut result = json!({"tools": [], "_meta": {SERVER_INFO: {"name": "s"}, "x/y": 1}, "later": true});
        fit_result("tools/list", Era::Stateless, &mut result);
        let expected = json!({"tools": [], "_meta": {"x/y": 1}, "later": true, "resultType": "complete", "ttlMs": 0, "cacheScope": "private"});
        assert_eq!(result, expected);
        fit_result("tools/list", Era::Legacy, &mut result);
        assert_eq!(result, json!({"tools": [], "_meta": {"x/y": 1}, "later": true}));
        let mut result = json!({"content": [], "_meta": {SERVER_INFO: {}}});
        fit_result("tools/call", Era::Stateless, &mut result);
        assert_eq!(result, json!({"content": [], "resultType": "complete"}));
        let named = welcome(Era::Stateless, "", &[], json!({"name": "s"}), Welcome::of_all(None));
        let mut discovered = named.clone();
        fit_result("server/discover", Era::Stateless, &mut discovered);
        assert_eq!(discovered, named, "who it is stays in the answer that says so");
        let mut kept = json!({"tools": [], "resultType": "complete", "ttlMs": 5, "cacheScope": "public"});
        let before = kept.clone();
        fit_result("tools/list", Era::Stateless, &mut kept);
        assert_eq!(kept, before);
    }

    #[test]
    fn a_server_is_offered_as_it_declares_itself_as_far_as_it_passes_through() {
        let welcome = json!({
            "capabilities": {"tools": {"listChanged": false, "x": 1}, "tasks": {}, "logging": null},
            "serverInfo": {"name": "s", "icons": []},
            "instructions": "do",
        });
        let offered = Welcome::of_server(&welcome);
        assert_eq!(offered.capabilities, json!({"tools": {"listChanged": false, "x": 1}}));
        assert_eq!(offered.instructions.as_deref(), Some("do"));
        assert_eq!(server_info(&welcome), Some(json!({"name": "s", "icons": []})));
        assert_eq!(server_info(&json!({"_meta": {SERVER_INFO: {"name": "t"}}})), Some(json!({"name": "t"})));
    }
}
