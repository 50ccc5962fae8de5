//! Gemini CLI, `settings.json`.

use serde_json::{Map, Value};

use super::{HOSTS_OWN, OAUTH, TOOLS, each};
use crate::host_files::{FoundServer, Source, entry::Entry};

pub(super) fn read(root: &Map<String, Value>, source: Source<'_>) -> Vec<FoundServer> {
    let excluded: Vec<&str> = root
        .get("mcp")
        .and_then(|mcp| mcp.get("excluded")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    each(root, &["mcpServers"], |name, value, place| {
        let mut entry = Entry::new(value, source);
        entry.pass_over(&["type", "description"]);
        for key in ["timeout", "trust", "extension"] {
            entry.lose(key, HOSTS_OWN);
        }
        entry.lose("includeTools", TOOLS);
        entry.lose("excludeTools", TOOLS);
        entry.lose("authProviderType", "Samplegate cannot sign in with Google's own credentials");
        entry.lose("targetAudience", "Samplegate cannot sign in with Google's own credentials");
        entry.lose("targetServiceAccount", "Samplegate cannot sign in with Google's own credentials");
        entry.lose("oauth", OAUTH);
        if entry.has("tcp") {
            entry.refuse("WebSocket servers exist in Gemini CLI only");
            entry.pass_over(&["tcp"]);
        }
        // Of both, the newer one is used.
        if entry.has("httpUrl") {
            entry.pass_over(&["url"]);
        }
        let reached = entry.reached(&["httpUrl", "url"]);
        entry.finish(name, place, reached, !excluded.contains(&name))
    })
}
