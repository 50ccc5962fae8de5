//! Codex, `config.toml`.

use serde_json::{Map, Value};

use super::{HOSTS_OWN, OAUTH, TOOLS, each};
use crate::host_files::{FoundServer, Source, entry::Entry};

pub(super) fn read(root: &Map<String, Value>, source: Source<'_>) -> Vec<FoundServer> {
    each(root, &["mcp_servers"], |name, value, place| {
        let mut entry = Entry::new(value, source);
        let enabled = entry.flag("enabled").unwrap_or(true);
        for key in ["startup_timeout_sec", "startup_timeout_ms", "tool_timeout_sec", "required", "tools"] {
            entry.lose(key, HOSTS_OWN);
        }
        entry.lose("enabled_tools", TOOLS);
        entry.lose("disabled_tools", TOOLS);
        for key in ["default_tools_approval_mode", "supports_parallel_tool_calls"] {
            entry.lose(key, HOSTS_OWN);
        }
        for key in ["auth", "oauth", "oauth_resource", "scopes"] {
            entry.lose(key, OAUTH);
        }
        entry.lose("http_headers_helper", "Samplegate runs no program for headers; give the headers themselves");
        entry.lose("bearer_token", "Codex takes none in its file either; give the header Authorization here");
        for key in ["environment_id", "experimental_environment"] {
            if entry.take(key).is_some_and(|value| value != "local") {
                entry.refuse("it runs on another machine");
            }
        }
        forwarded(&mut entry);
        if let Some(Value::String(variable)) = entry.take("bearer_token_env_var") {
            entry.tell_unknown("Authorization", &format!("the variable {variable}"));
        }
        if let Some(Value::Object(headers)) = entry.take("env_http_headers") {
            for (header, variable) in &headers {
                let variable = variable.as_str().unwrap_or("?");
                entry.tell_unknown(header, &format!("the variable {variable}"));
            }
        }
        let reached = match (entry.has("command"), entry.has("url")) {
            (false, true) => entry.url("url", "http_headers"),
            _ => entry.reached(&["url"]),
        };
        entry.finish(name, place, reached, enabled)
    })
}

/// Variables that Codex takes from its own environment.
fn forwarded(entry: &mut Entry<'_>) {
    let names: Vec<String> = match entry.take("env_vars") {
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| item.as_str().or_else(|| item.get("name")?.as_str()).map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    for name in names {
        entry.tell_unknown(&name, "the environment");
    }
}
